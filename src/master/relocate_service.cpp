// Requests of datanodes that move chunks to volumes of another replication class.
#include "base/log.hpp"
#include "base/units.hpp"
#include "master/mutate.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace ssdfs::master {
namespace {

constexpr std::uint32_t relocations_limit = 256;
constexpr leader::key_share relocated_keys{.bytes_per_key = 4 * KiB, .least = 64, .most = 16'384};

}  // namespace

relocator::actions service::relocator_actions() {
  relocator::actions a;
  a.grant = [this](std::uint8_t replication,
                   std::uint64_t bytes) -> std::optional<relocator::right> {
    const auto now = core::steady_now_ms();
    leader::grant_wish wish;
    wish.client = mover_;
    wish.replication = replication;
    wish.bytes = bytes;
    auto given = core_.grants().ask_for_own(wish, relocated_keys, now);
    if (!given) return std::nullopt;
    relocator::right out;
    out.volume = given->volume;
    out.generation = given->generation;
    out.first_key = out.next_key = given->first;
    out.end_key = given->first + given->count;
    out.bytes_left = given->bytes;
    out.replicas = std::move(given->replicas);
    out.ticket = std::move(given->ticket);
    out.used_ms = now;
    return out;
  };
  a.end_grant = [this](const relocator::right& r) {
    // A log that is busy refuses; the grant ends with the next master then.
    if (!core_.grants().end(mover_, r.volume, r.first_key, core::steady_now_ms())) {
      SSDFS_LOG(warning) << "a grant of volume " << r.volume << " for relocations did not end";
    }
  };
  a.relocate = [this](const meta::relocate_request& q) -> result<void> {
    meta::relocate_request own = q;
    own.session = mover_;
    auto change = meta::make_relocate(core_.state(), own, core_.context());
    if (!change) return change.error();
    SSDFS_TRY(core_.log(*change));
    const auto now = core::steady_now_ms();
    core_.nodes().grants_changed(q.from.volume, now);
    core_.nodes().grants_changed(q.to.volume, now);
    return {};
  };
  a.readers = [this](volume_id volume) { return core_.nodes().readers(volume); };
  return a;
}

void service::take_relocations(net::request r, const wire::take_relocations_request& q) {
  if (q.limit == 0 || q.limit > relocations_limit) return r.fail(errc::protocol);
  wire::take_relocations_reply reply;
  if (core_.may_change() && !core_.nodes().safe_mode()) {
    reply.relocations = relocator_.take(q.limit, core::steady_now_ms());
    reply.rate_bytes_per_s = core_.nodes().settings().announced.repair_rate;
  }
  answer_read(std::move(r), std::move(reply));  // the grants behind it are durable then
}

void service::report_relocations(net::request r, const wire::report_relocations_request& q) {
  if (q.results.size() > relocations_limit) return r.fail(errc::protocol);
  if (auto allowed = core_.may_change(); !allowed) return r.fail(allowed.error());
  for (const auto& one : q.results) {
    relocator_.finish(one.id, one.status == 0, core::steady_now_ms());
  }
  answer_read(std::move(r), wire::report_relocations_reply{});
}

void service::walk_relocations() {
  if (relocator_.walked() || std::exchange(walking_files_, true)) return;
  boost::asio::post(core_.strand(), [this] {
    walking_files_ = false;
    if (!stopped_ && relocator_.step()) walk_relocations();
  });
}

}  // namespace ssdfs::master
