// What happens by itself: timers, expiries, reclaim.
#include "base/log.hpp"
#include "master/mutate.hpp"

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <variant>

namespace ssdfs::master {
namespace {

constexpr std::int64_t upkeep_interval_ms = 1000;
constexpr std::int64_t trash_wait_ms = 10 * 60 * 1000;  // after a start
constexpr std::size_t reclaim_budget = 2000;            // entries a turn: about a millisecond
constexpr std::int64_t answer_wait_ms = 10'000;         // for backups, before an answer is given up
constexpr std::size_t volumes_per_upkeep = 20'000;
constexpr std::int64_t forget_interval_ms = 10'000;
constexpr std::int64_t full_forget_interval_ms = 60 * 60 * 1000;
constexpr std::size_t many_values = 256;

}  // namespace

void service::arm_tick() {
  const auto interval =
      std::clamp<std::int64_t>(core_.options().heartbeat_interval_ms / 4, 10, 250);
  timer_.expires_after(std::chrono::milliseconds(interval));
  timer_.async_wait(boost::asio::bind_executor(
      core_.strand(), [this, self = shared_from_this()](const boost::system::error_code& ec) {
        if (ec || stopped_) return;
        tick();
        arm_tick();
      }));
}

void service::tick() {
  const auto now = core::steady_now_ms();
  core_.context();
  core_.nodes().tick(now);
  check_standing();
  std::vector<node_id> waited;
  for (const auto& [node, held] : held_) {
    if (held.deadline_ms <= now) waited.push_back(node);
  }
  for (const node_id node : waited) release_heartbeat(node);
  for (const client_id client : core_.grants().expire(now)) staged_.forget(client);
  staged_.expire(now);
  if (now >= next_upkeep_ms_) {
    next_upkeep_ms_ = now + upkeep_interval_ms;
    // Grants that have waited too long are refused by being tried once more.
    if (core_.grants().waiting()) serve_waiting_grants();
    live_lists_.forget_unused(now);
    if (core_.may_change()) {
      end_maintenance();
      forget_values(now);
      relocator_.upkeep(now);
      if (!core_.nodes().safe_mode()) walk_relocations();
    }
    if (!core_.nodes().safe_mode() && core_.may_change()) {
      reclaim_volumes();
      expire_trash();
    }
  }
  reclaim_removed();
  checkpoints_.tick(now);
  if (core_.options().min_sync_backups > 0) core_.expire_answers(answer_wait_ms);
  note_readiness();
  settle();
}

void service::note_readiness() {
  const auto allowed = core_.may_change();
  const std::lock_guard lock(ready_mutex_);
  not_ready_ = allowed ? std::string() : allowed.error().message();
}

// Values that nothing has any more leave the tables of what entries share: soon if there are many,
// else now and then.
void service::forget_values(std::int64_t now_ms) {
  if (next_forget_ms_ == 0) next_forget_ms_ = now_ms + forget_interval_ms;
  if (now_ms < next_forget_ms_) return;
  const bool all = now_ms >= next_full_forget_ms_;
  next_forget_ms_ = now_ms + forget_interval_ms;
  auto change = meta::make_forget(core_.state(), all ? 1 : many_values, core_.context());
  if (all) next_full_forget_ms_ = now_ms + full_forget_interval_ms;
  if (!change) return;
  const auto& body = std::get<meta::forget_record>(change->body);
  const std::size_t most = std::max(body.access.size(), body.types.size());
  if (most == meta::max_forgotten) next_forget_ms_ = now_ms;  // there may be more
  if (!core_.log(*change)) next_full_forget_ms_ = now_ms;
}

void service::reclaim_volumes() {
  const auto& volumes = core_.state().volumes();
  const auto now = core::steady_now_ms();
  for (std::size_t done = 0; done < std::min(volumes_per_upkeep, volumes.size()); ++done) {
    reclaim_cursor_ = (reclaim_cursor_ + 1) % volumes.size();
    const meta::volume_slot slot(static_cast<std::uint32_t>(reclaim_cursor_));
    const volume_id id = volumes[slot].info.id;
    if (!volumes[slot].removals.empty()) {
      core_.state().confirm_removals(slot, core_.nodes().removals_settled(id));
    }
    if (!core_.view().reclaim_due(id)) continue;
    if (volumes[slot].info.state != volume_state::closed) {
      core_.nodes().grants_changed(id, now);  // its reclaim is due: it may have to be sealed
      continue;
    }
    auto change = meta::make_reclaim(core_.state(), id, core_.context());
    if (!change || !*change) continue;  // too many batches wait for the members
    if (!core_.log(**change)) return;
    core_.nodes().volume_changed(id, (*change)->txid, now);
  }
}

void service::expire_trash() {
  if (core::steady_now_ms() - started_ms_ <
      std::min(trash_wait_ms, core_.options().trash_expiry_ms)) {
    return;
  }
  auto change = meta::make_trash_expiry(core_.state(), core_.context());
  if (!change || !*change) return;
  const std::string path(std::get<meta::delete_record>((*change)->body).path);
  if (core_.log(**change)) SSDFS_LOG(info) << "trash: " << path << " has expired";
}

void service::reclaim_removed() {
  if (reclaiming_ || core_.state().names().detached().empty()) return;
  reclaiming_ = true;
  boost::asio::post(core_.strand(), [this] {
    reclaiming_ = false;
    if (stopped_) return;
    if (core_.state().reclaim_step(reclaim_budget)) reclaim_removed();
  });
}

void service::walk_lists() {
  if (std::exchange(walking_, true)) return;
  boost::asio::post(core_.strand(), [this] {
    walking_ = false;
    if (!stopped_ && live_lists_.step(core::steady_now_ms())) walk_lists();
  });
}

void service::check_standing() {
  const auto& other = core_.nodes().deposed_by();
  if (!other || stopped_) return;
  stopped_ = true;
  if (core_.options().on_fatal) {
    core_.options().on_fatal(failure(
        errc::stale_epoch, "a datanode follows epoch " + std::to_string(other->epoch.value) +
                               " of master " + to_string(other->leader) + ", this one is epoch " +
                               std::to_string(core_.state().epoch().value)));
  }
}

}  // namespace ssdfs::master
