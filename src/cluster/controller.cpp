// Events: what datanodes, the log, time and operators tell the controller.
#include "cluster/controller.hpp"

#include "base/assert.hpp"
#include "cluster/controller_impl.hpp"

#include <algorithm>

namespace ssdfs::cluster {

namespace {

constexpr std::size_t page_replicas_max = 4'096;
/// Rounds of evaluation and pool keeping in one event; what is left waits for the next tick.
constexpr int settle_rounds_max = 4;
/// A node that failed to open replicas gets no new volumes for so long.
constexpr std::int64_t create_pause_ms = 60'000;
/// Failures in a row of the same order, after which another way is tried.
constexpr std::uint32_t give_up_after = 3;

}  // namespace

controller::impl::impl(controller_settings s, const durable_state& d, time_ms now)
    : settings_(std::move(s)),
      state_(d),
      registry_(settings_.nodes, settings_.history, now),
      book_(settings_.order_resend_ms,
            settings_.history.empty() ? epoch_t{} : settings_.history.back().epoch),
      random_(settings_.random_seed),
      started_(now),
      now_(now),
      last_arrival_(now) {
  state_.for_each_volume([&](const volume_info& info) { adopt_volume(info, now); });
}

void controller::impl::adopt_volume(const volume_info& info, time_ms now) {
  ledger_.index(info);
  volume_record& record = ledger_.volume(info.id);
  record.opened_before_start = info.state == volume_state::open;
  record.opened_at = now;
  for (const node_id node : info.members) registry_.expect(node, now);
  mark(info.id);
}

void controller::impl::take_report(node_id node, const replica_report& report) {
  ledger_.report(node, report);
  mark(report.id);
}

/// Only a member's word counts, and only about the generation that is open now.
/// A node that nobody knows, at the address of one that is silent and whose volumes are needed, is
/// rather the same one without its disk: begun anew on whatever lies below the mount point.
result<void> controller::impl::check_successor(const node_registration& registration,
                                               time_ms now) const {
  if (registration.volume_count > 0) return {};
  if (registry_.find(registration.node) != nullptr) return {};
  const node_view* before = registry_.other_at(registration.address, registration.node);
  if (before == nullptr || before->state == node_state::dead ||
      before->wish == node_wish::leaving) {
    return {};
  }
  const node_record* known = ledger_.find_node(before->node);
  if (known == nullptr || known->member_of.empty()) return {};
  const std::int64_t silent_s = (now - before->last_heard) / 1'000;
  return failure(errc::duplicate_node,
                 registration.address + " was the address of node " + to_string(before->node) +
                     " (" + before->name + "), silent for " + std::to_string(silent_s) +
                     " s, which holds " + std::to_string(known->member_of.size()) +
                     " volumes; node " + to_string(registration.node) +
                     " is new and empty: is the disk of its data directory mounted? A disk that "
                     "was replaced is taken once the old node counts as dead, or at once when it "
                     "is decommissioned");
}

void controller::impl::take_failure(node_id from, const chain_failure& failure) {
  const volume_info* info = state_.find(failure.volume);
  if (info == nullptr || info->state != volume_state::open ||
      info->generation != failure.generation) {
    return;
  }
  // Members speak, and of members only: what a caller made up is not worth a volume.
  if (!contains(info->members, from) || !contains(info->members, failure.node)) return;
  ledger_.volume(failure.volume).chain_failed = failure.generation;
  mark(failure.volume);
}

void controller::impl::take_result(node_id node, const order_result& result) {
  const std::uint32_t failures = book_.finished(node, result, now_);
  mark(result.volume);
  volume_record* record = ledger_.find(result.volume);
  if (record == nullptr) return;
  if (result.kind == order_kind::reconcile) take_absence(node, *record, result);
  if (failures < give_up_after) return;
  if (result.kind == order_kind::copy && record->repair_target == node) {
    record->repair_avoid = node;
    end_repair(result.volume, *record);
  }
  const bool opening = result.kind == order_kind::create || result.kind == order_kind::reopen;
  if (!opening) return;
  // The node cannot open replicas just now: the volume gives up, and new ones go elsewhere.
  ledger_.node(node).no_volumes_until = now_ + create_pause_ms;
  record->chain_failed = record->generation;
}

void controller::impl::take_absence(node_id node, volume_record& record,
                                    const order_result& result) {
  std::erase_if(record.absences, [&](const absence& a) { return a.node == node; });
  const volume_info* info = state_.find(result.volume);
  const auto at = std::find_if(record.replicas.begin(), record.replicas.end(),
                               [&](const reported_replica& r) { return r.node == node; });
  if (info == nullptr || at == record.replicas.end()) return;
  if (!result.absent.empty()) {
    record.absences.push_back({.node = node,
                               .incarnation = registry_.find(node)->incarnation,
                               .replica = at->report,
                               .wanted = info->digest,
                               .chunks = result.absent});
    std::sort(record.absences.back().chunks.begin(), record.absences.back().chunks.end());
  }
  if (!result.found.empty() && record.ticket == 0 && !idle()) {
    request(result.volume, record, log_request::kind::found, result.found);
  }
}

/// Carries changes of nodes to their volumes: those that they have, and those that are copied to
/// them, of which they may have nothing yet.
void controller::impl::nodes_changed(time_ms now) {
  const std::vector<node_id> changed = registry_.take_changed();
  if (!changed.empty()) {
    watch_racks();
    for (const volume_id volume : repairing_) {
      if (contains(changed, *ledger_.find(volume)->repair_target)) mark(volume);
    }
  }
  for (const node_id id : changed) {
    const node_view* node = registry_.find(id);
    node_record& record = ledger_.node(id);
    if (node->usable() && !record.usable) last_arrival_ = now;
    record.usable = node->usable();
    for (const volume_id volume : record.member_of) mark(volume);
    for (const volume_id volume : record.holds) mark(volume);
    pool_dirty_ = true;
  }
  const std::size_t roomy = roomy_nodes();
  if (roomy != roomy_nodes_) {
    roomy_nodes_ = roomy;
    pool_dirty_ = true;
    for (const volume_id volume : ledger_.narrow()) mark(volume);
  }
  if (registry_.mass_silence() != mass_silence_) {
    mass_silence_ = registry_.mass_silence();
    mark_all();
  }
}

void controller::impl::mark_all() {
  for (const auto& [id, record] : ledger_.volumes()) mark(id);
}

void controller::impl::settle(time_ms now) {
  now = now_ = std::max(now, now_);
  nodes_changed(now);
  for (int round = 0; round < settle_rounds_max; ++round) {
    while (!agenda_.empty()) evaluate(agenda_.take(), now);
    update_safe_mode(now);
    if (agenda_.empty() && !pool_dirty_) return;
    pool_dirty_ = false;
    keep_pool(now);
  }
}

// ---- from datanodes -----------------------------------------------------------------------------

controller::controller(controller_settings settings, const durable_state& state, time_ms now)
    : impl_(std::make_unique<impl>(std::move(settings), state, now)) {}
controller::~controller() = default;

result<void> controller::register_node(const node_registration& registration,
                                       connection_number connection, time_ms now) {
  SSDFS_TRY(impl_->check_successor(registration, now));
  SSDFS_TRY(impl_->registry_.register_node(registration, connection, now));
  for (const volume_id id : impl_->ledger_.forget_replicas(registration.node)) impl_->mark(id);
  impl_->book_.forget_session(registration.node);
  impl_->settle(now);
  return {};
}

result<void> controller::report_volumes(epoch_t epoch, const volume_page& page,
                                        connection_number connection, time_ms now) {
  if (page.replicas.size() > page_replicas_max) return errc::too_large;
  if (!impl_->settings_.history.empty() && epoch != impl_->settings_.history.back().epoch) {
    return errc::unknown_node;
  }
  const result<bool> last = impl_->registry_.page_received(page, connection, now);
  if (!last) return last.error();
  for (const replica_report& report : page.replicas) impl_->take_report(page.node, report);
  impl_->settle(now);
  return {};
}

result<void> controller::heartbeat(const node_heartbeat& beat, connection_number connection,
                                   time_ms now) {
  const result<registry::beat> kind = impl_->registry_.heartbeat(beat, connection, now);
  if (!kind) return kind.error();
  impl_->now_ = std::max(impl_->now_, now);
  if (*kind == registry::beat::fresh) {
    for (const replica_report& report : beat.changed) impl_->take_report(beat.node, report);
    for (const volume_id id : beat.gone) {
      if (impl_->ledger_.forget_replica(beat.node, id)) impl_->mark(id);
    }
    for (const chain_failure& failure : beat.failures) impl_->take_failure(beat.node, failure);
    for (const order_result& outcome : beat.results) impl_->take_result(beat.node, outcome);
  }
  impl_->settle(now);
  return {};
}

void controller::connection_closed(node_id node, connection_number connection, time_ms now) {
  impl_->registry_.connection_closed(node, connection);
  impl_->settle(now);
}

std::vector<node_id> controller::take_nodes_with_orders() { return impl_->book_.take_nodes(); }

// ---- from the log -------------------------------------------------------------------------------

void controller::volume_changed(volume_id id, txid at, time_ms now) {
  const volume_info* info = impl_->state_.find(id);
  SSDFS_ASSERT(info != nullptr);
  volume_record& record = impl_->ledger_.volume(id);
  const bool life = !record.known || record.state != info->state ||
                    record.generation != info->generation || record.members != info->members;
  if (life) {
    record.life_changed = at;
    if (at > impl_->committed_) impl_->agenda_.await(at, id);
    record.seal_requested = false;
    impl_->stop_reopening(id, record, *info);
    impl_->note_given_up(record, *info, now);
    if (info->state == volume_state::open) {
      record.opened_before_start = false;
      record.opened_at = now;
    }
    for (const node_id node : info->members) impl_->registry_.expect(node, now);
    impl_->ledger_.index(*info);
  }
  impl_->mark(id);
  impl_->settle(now);
}

void controller::grants_changed(volume_id id, time_ms now) {
  impl_->mark(id);
  impl_->settle(now);
}

void controller::committed(txid durable, time_ms now) {
  impl_->committed_ = std::max(impl_->committed_, durable);
  impl_->registry_.set_committed(impl_->committed_);
  if (impl_->agenda_.mark_committed(impl_->committed_)) impl_->settle(now);
}

std::vector<log_request> controller::take_log_requests() { return impl_->requests_.take(); }

void controller::request_done(std::uint64_t ticket, bool applied, time_ms now) {
  const auto done = impl_->requests_.done(ticket);
  if (!done) return;
  const time_ms retry = now + impl_->settings_.nodes.heartbeat_interval_ms;
  if (done->volume == volume_id{}) {
    --impl_->adds_in_flight_[done->replication];
    impl_->ledger_.expect_no_more(done->members);
    if (!applied) impl_->no_add_until_ = retry;
    impl_->pool_dirty_ = true;
  } else {
    volume_record& record = impl_->ledger_.volume(done->volume);
    record.ticket = 0;
    if (!applied) {
      record.no_request_until = retry;
      impl_->agenda_.wake_at(done->volume, retry);
    }
    impl_->mark(done->volume);
  }
  impl_->settle(now);
}

// ---- time and operators -------------------------------------------------------------------------

void controller::tick(time_ms now) {
  impl_->registry_.tick(now);
  impl_->agenda_.mark_due(now);
  impl_->pool_dirty_ = true;
  impl_->plan_copies(now);
  impl_->settle(now);
}

result<void> controller::seal_volume(volume_id id, time_ms now) {
  const volume_info* info = impl_->state_.find(id);
  if (info == nullptr) return failure(errc::not_found, "no volume " + std::to_string(id.value));
  if (info->state != volume_state::open) return {};
  impl_->ledger_.volume(id).seal_requested = true;
  impl_->mark(id);
  impl_->settle(now);
  return {};
}

void controller::decide_node(node_id node, node_wish wish, time_ms now) {
  impl_->registry_.set_wish(node, wish, now);
  impl_->settle(now);
}

void controller::set_rates(std::uint64_t repair, std::uint64_t scrub, std::uint64_t rebalance) {
  impl_->settings_.announced.repair_rate = repair;
  impl_->settings_.announced.scrub_rate = scrub;
  impl_->settings_.rebalance_rate = rebalance;
}

void controller::enter_safe_mode(time_ms now) {
  impl_->safe_ = impl::safe::by_operator;
  impl_->mark_all();
  impl_->settle(now);
}

void controller::leave_safe_mode(time_ms now) {
  impl_->safe_ = impl::safe::off;
  impl_->registry_.accept_silence();
  impl_->mark_all();
  impl_->settle(now);
}

void controller::distrust(std::string why) { impl_->registry_.distrust(std::move(why)); }

void controller::accept_loss(time_ms now) {
  impl_->registry_.accept_loss();
  impl_->mark_all();
  impl_->settle(now);
}

}  // namespace ssdfs::cluster
