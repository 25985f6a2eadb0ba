// Evaluation: what is known of one volume goes into the decision, the decision into log requests,
// orders, and totals.
#include "base/assert.hpp"
#include "cluster/controller_impl.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace ssdfs::cluster {

namespace {

constexpr std::size_t orders_per_reply_max = 256;
constexpr std::size_t keys_per_reply_max = 131'072;
/// Safe mode ends when so many of 1,000 volumes with content have a reported copy.
constexpr std::uint64_t safe_permille = 999;

}  // namespace

bool controller::impl::idle() const {
  return registry_.deposed_by().has_value() || registry_.read_only_reason().has_value();
}

replica_view controller::impl::view_of(const volume_record& record, node_id node,
                                       const reported_replica* replica) const {
  replica_view view;
  view.node = node;
  const node_view* known = registry_.find(node);
  if (known == nullptr) {
    view.state = node_state::stale;
    return view;
  }
  view.state = known->state;
  view.usable = known->usable();
  view.parting = !known->stays();
  view.stopping = known->stopping;
  if (replica != nullptr) {
    view.report = replica->report;
    view.drop_ordered = replica->drop_ordered;
  }
  if (record.ready_generation == record.generation) {
    const auto at = std::find_if(record.ready_incarnations.begin(), record.ready_incarnations.end(),
                                 [&](const auto& entry) { return entry.first == node; });
    view.restarted = at != record.ready_incarnations.end() && at->second != known->incarnation;
  }
  return view;
}

void controller::impl::fill_situation(volume_id id, const volume_record& record, time_ms now,
                                      volume_situation& into,
                                      std::vector<replica_view>& replicas) const {
  const volume_info* info = state_.find(id);
  into.info = info;
  const auto is_member = [&](node_id node) {
    return std::find(info->members.begin(), info->members.end(), node) != info->members.end();
  };
  for (const node_id node : info->members) {
    replicas.push_back(view_of(record, node, record.replica_on(node)));
  }
  for (const reported_replica& r : record.replicas) {
    if (!is_member(r.node)) replicas.push_back(view_of(record, r.node, &r));
  }
  if (record.repair_target && !is_member(*record.repair_target) &&
      record.replica_on(*record.repair_target) == nullptr) {
    replicas.push_back(view_of(record, *record.repair_target, nullptr));
  }
  into.replicas = replicas;
  into.life_committed = record.life_changed <= committed_;
  into.grants_outstanding = state_.grants_outstanding(id) != 0;
  into.was_ready = record.ready_generation == info->generation;
  into.opened_before_start = record.opened_before_start;
  into.chain_failed = record.chain_failed == info->generation;
  into.seal_requested = record.seal_requested;
  into.first_pending_removal = state_.first_removal(id);
  into.reclaim_due = state_.reclaim_due(id);
  into.freed_chunks = state_.freed_chunks(id);
  into.lost_chunks = state_.lost_chunks(id);
  into.safe_mode = safe_ != safe::off;
  into.mass_silence = mass_silence_;
  into.more_members_possible = more_members_possible(*info);
  into.wanted_open = record.wanted_open;
  into.busy = book_.busy(id);
  into.open_for_ms = now - record.opened_at;
  into.repair_target = record.repair_target;
  into.move_from = record.move_from;
  into.held_closed = record.move_from.has_value() || now < record.held_closed_until;
  into.rack_shared = could_spread(*info);
}

void controller::impl::evaluate(volume_id id, time_ms now) {
  volume_record* found = ledger_.find(id);
  if (found == nullptr) return;
  volume_record& record = *found;
  const volume_share before = ledger_.take_off(id, record);
  count_in_pool(id, before, false);
  const volume_info* info = state_.find(id);
  if (info == nullptr) {
    evaluate_unknown(id, record);
    return;
  }
  volume_situation situation;
  std::vector<replica_view> replicas;
  fill_situation(id, record, now, situation, replicas);
  volume_decision decision = decide(situation, settings_.life);
  if (idle()) {
    decision.step = {};
    decision.orders.clear();
    decision.ready = false;
  }
  if (decision.ready && record.ready_generation != info->generation) {
    record.ready_generation = info->generation;
    record.ready_incarnations.clear();
    for (const node_id node : info->members) {
      record.ready_incarnations.emplace_back(node, registry_.find(node)->incarnation);
    }
  }
  if (record.wanted_open && decision.step.what != log_step::kind::reopen && record.ticket == 0) {
    stop_reopening(id, record, *info);
  }
  book_.want(id, decision.orders, now);
  if (decision.step.what != log_step::kind::none && may_request(id, record, now)) {
    request(id, record, decision.step);
  }
  // What a complete replica lacked is not in the volume any more.
  std::erase_if(record.absences, [&](const absence& a) {
    return a.wanted != info->digest || is_complete(*info, a.replica);
  });
  if (!record.absences.empty() && may_request(id, record, now)) {
    auto lost = lost_chunks(record, *info, replicas);
    if (!lost.empty()) request(id, record, log_request::kind::lost, std::move(lost));
  }
  record.condition = decision.condition;
  record.complete = decision.complete;
  ledger_.put(id, record, share_of(record, *info, decision));
  count_in_pool(id, record.share, true);
  if (record.share.ready && !before.ready) ready_changed_ = true;
  if (record.share.supply != before.supply || record.share.ready != before.ready) {
    pool_dirty_ = true;
  }
  if (decision.again_in_ms > 0) agenda_.wake_at(id, now + decision.again_in_ms);
}

/// A replica of a volume that the log does not have. It may be the last trace of lost history, so
/// nothing is done to it, unless it is empty: then it is left from a volume that never came to be.
void controller::impl::evaluate_unknown(volume_id id, volume_record& record) {
  if (record.replicas.empty()) {
    book_.want(id, {}, now_);
    agenda_.forget(id);
    ledger_.erase(id);
    return;
  }
  std::vector<wanted_order> orders;
  for (const reported_replica& r : record.replicas) {
    const node_view* node = registry_.find(r.node);
    if (idle() || safe_ != safe::off || node == nullptr || !node->usable()) continue;
    if (r.report.digest != volume_digest{} || r.report.state == replica_state::damaged) continue;
    orders.push_back({.node = r.node,
                      .kind = order_kind::drop,
                      .generation = r.report.generation,
                      .sources = {}});
  }
  book_.want(id, orders, now_);
  volume_share share;
  share.unknown_replicas = record.replicas.size();
  ledger_.put(id, record, std::move(share));
}

bool controller::impl::may_request(volume_id id, volume_record& record, time_ms now) {
  if (record.ticket != 0) return false;
  if (now >= record.no_request_until) return true;
  agenda_.wake_at(id, record.no_request_until);
  return false;
}

void controller::impl::request(volume_id id, volume_record& record, const log_step& step) {
  log_request request;
  request.volume = id;
  request.reason = step.reason;
  request.generation = step.generation != 0 ? step.generation : record.generation;
  request.length = step.length;
  request.members = step.members;
  switch (step.what) {
    case log_step::kind::seal: request.what = log_request::kind::seal; break;
    case log_step::kind::close: request.what = log_request::kind::close; break;
    case log_step::kind::reopen: request.what = log_request::kind::reopen; break;
    case log_step::kind::members: request.what = log_request::kind::members; break;
    case log_step::kind::none: return;
  }
  record.ticket = requests_.ask(std::move(request));
}

void controller::impl::request(volume_id id, volume_record& record, log_request::kind what,
                               std::vector<chunk_content> chunks) {
  log_request request;
  request.what = what;
  request.volume = id;
  request.generation = record.generation;
  request.chunks = std::move(chunks);
  record.ticket = requests_.ask(std::move(request));
}

/// What every replica that there is has been compared for and lacks: all members have to be there,
/// and whoever else has reported a replica, also if that node is dead by now. Nobody can bring it
/// then but a node that is not known.
std::vector<chunk_content> controller::impl::lost_chunks(
    const volume_record& record, const volume_info& info,
    std::span<const replica_view> replicas) const {
  if (info.state != volume_state::closed || record.life_changed > committed_) return {};
  if (idle() || safe_ != safe::off || mass_silence_) return {};
  std::vector<chunk_content> lost;
  bool first = true;
  for (std::size_t i = 0; i < replicas.size(); ++i) {
    const replica_view& r = replicas[i];
    const bool member = i < info.members.size();
    if (!member && (!r.report || r.drop_ordered)) continue;
    if (!r.usable) return {};
    const node_view& node = *registry_.find(r.node);
    if (!r.report) {  // its disk was replaced: it has nothing, unless a disk is out of use
      if (std::any_of(node.disks.begin(), node.disks.end(), [](const auto& d) { return d.failed; }))
        return {};
      continue;
    }
    const auto at = std::find_if(record.absences.begin(), record.absences.end(),
                                 [&](const absence& a) { return a.node == r.node; });
    if (at == record.absences.end() || at->replica != *r.report || at->wanted != info.digest ||
        at->incarnation != node.incarnation) {
      return {};
    }
    if (std::exchange(first, false)) {
      lost = at->chunks;
      continue;
    }
    std::vector<chunk_content> both;
    std::set_intersection(lost.begin(), lost.end(), at->chunks.begin(), at->chunks.end(),
                          std::back_inserter(both));
    lost = std::move(both);
  }
  return lost;
}

void controller::impl::stop_reopening(volume_id id, volume_record& record,
                                      const volume_info& info) {
  if (!record.wanted_open) return;
  record.wanted_open = false;
  reopening_[info.replication].erase(id);
  pool_dirty_ = true;
}

/// What the volume is in the totals after this decision. Its request to the log has been made.
volume_share controller::impl::share_of(const volume_record& record, const volume_info& info,
                                        const volume_decision& decision) const {
  volume_share share;
  share.known = true;
  share.replication = class_of(info);
  share.open = info.state == volume_state::open;
  share.ready = decision.ready;
  share.reopenable = decision.reopenable && !record.wanted_open;
  share.one_rack = decision.condition == volume_condition::one_rack;
  const std::uint64_t taken = taken_bytes(info);
  const std::uint64_t low =
      std::max(settings_.life.volume_size / 32, settings_.life.min_grant_bytes);
  share.supply = share.open && decision.step.what != log_step::kind::seal && record.ticket == 0 &&
                 taken + low <= settings_.life.volume_size;
  share.narrow = info.members.size() < info.replication;
  share.has_content = info.digest.count > 0;
  const bool in_use =
      share.has_content || (info.state != volume_state::closed && info.next_key > 1);
  share.under = in_use && decision.good < info.replication;
  share.over = decision.holders > std::max<std::size_t>(info.replication, info.members.size());
  for (const reported_replica& r : record.replicas) {
    share.bad_records += r.report.bad_records;
    share.has_copy = share.has_copy || r.report.state != replica_state::damaged;
  }
  if (!share.has_copy && safe_ == safe::off) share.missing = info.digest.count;
  if (share.open) {
    for (const node_id node : info.members) {
      const reported_replica* replica = record.replica_on(node);
      const std::uint64_t written =
          replica == nullptr ? info.length : std::max(info.length, replica->report.length);
      share.reserved.push_back({node, taken > written ? taken - written : 0});
    }
  }
  return share;
}

void controller::impl::update_safe_mode(time_ms now) {
  if (safe_ != safe::starting) return;
  const bool enough = ledger_.with_copy() * 1000 >= ledger_.with_content() * safe_permille;
  if (!enough && now - started_ < settings_.safemode_max_ms) return;
  safe_ = safe::off;
  mark_all();
}

// ---- orders -------------------------------------------------------------------------------------

/// Adds to an order what is only known when it is sent. False if it must wait.
bool controller::impl::fill_order(order_book::entry& entry, order& out) {
  const wanted_order& wish = entry.wish;
  out.id = entry.id;
  out.kind = wish.kind;
  out.volume = entry.volume;
  out.generation = wish.generation;
  out.removal_number = wish.removal_number;
  if (entry.withdrawn_at != never) {
    out.kind = order_kind::cancel;
    return true;
  }
  const bool running = entry.in_flight;
  if (wish.kind == order_kind::remove_keys) {
    const removal_batch* batch = state_.removal(entry.volume, wish.removal_number);
    if (batch == nullptr) mark(entry.volume);  // forgotten by now: there is another way
    if (batch == nullptr || batch->logged > committed_) return false;
    out.keys = batch->keys;
    out.justified_by = batch->logged;
  } else if (is_destructive(wish.kind)) {
    out.justified_by = committed_;
  }
  if (wish.kind == order_kind::compact && !running &&
      book_.running(wish.node, order_kind::compact) >= settings_.compactions_per_node) {
    return false;
  }
  if (wish.kind == order_kind::copy) {
    if (!running && book_.running(wish.node, order_kind::copy) >= settings_.copies_per_node) {
      return false;
    }
    out.rate_bytes_per_s = copy_rate(ledger_.volume(entry.volume));
  }
  if (wish.kind == order_kind::create || wish.kind == order_kind::reopen) {
    const volume_info* info = state_.find(entry.volume);
    if (info == nullptr) return false;
    out.first_key = info->next_key;
    for (const node_id member : info->members) {
      const node_view* node = registry_.find(member);
      if (node == nullptr || node->address.empty()) return false;
      out.sources.push_back({member, node->address});
    }
    return true;
  }
  for (const node_id source : wish.sources) {
    const node_view* node = registry_.find(source);
    if (node != nullptr && !node->address.empty()) out.sources.push_back({source, node->address});
  }
  if (wish.kind == order_kind::copy) {
    // The source whose streams were counted comes first; the others are for when it fails.
    const node_id first = ledger_.volume(entry.volume).repair_source;
    std::stable_partition(out.sources.begin(), out.sources.end(),
                          [&](const replica_address& a) { return a.node == first; });
  }
  if (wish.kind == order_kind::drop) {
    for (reported_replica& r : ledger_.volume(entry.volume).replicas) {
      if (r.node == wish.node) r.drop_ordered = true;
    }
  }
  return true;
}

std::vector<order> controller::take_orders(node_id node, time_ms now) {
  std::vector<order> orders;
  const node_view* view = impl_->registry_.find(node);
  if (impl_->idle() || view == nullptr || !view->usable()) return orders;
  std::size_t keys = 0;
  for (order_book::entry* entry : impl_->book_.due(node, now)) {
    order next;
    if (!impl_->fill_order(*entry, next)) continue;
    keys += next.keys.size();
    if (!orders.empty() && keys > keys_per_reply_max) break;
    orders.push_back(std::move(next));
    impl_->book_.sent(*entry, now);
    if (orders.size() >= orders_per_reply_max) break;
  }
  return orders;
}

}  // namespace ssdfs::cluster
