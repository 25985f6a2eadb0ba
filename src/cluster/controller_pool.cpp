// Volumes ahead of demand: which are offered to writers, and when more are opened.
#include "cluster/controller_impl.hpp"

#include <algorithm>
#include <tuple>

namespace ssdfs::cluster {

namespace {

/// Volumes opened in one round at most: the next event goes on.
constexpr int opened_per_round_max = 32;
/// Closed volumes looked at to find the best one to reopen.
constexpr int reopen_sample = 64;
/// Open volumes of a class that somebody asked for lately, beside the default class.
constexpr std::size_t other_class_target = 3;
constexpr std::int64_t demand_lasts_ms = 600'000;
/// A volume that was sealed with room left counts for so long as one that will be opened again.
constexpr std::int64_t given_up_lasts_ms = 600'000;
/// So many of them, or this many times the open volumes wanted, are a sign that new ones share
/// their fate.
constexpr std::size_t given_up_min = 32;
constexpr std::size_t given_up_factor = 4;

bool any_of(const std::vector<node_id>& members, const std::vector<node_id>& list) {
  return std::any_of(members.begin(), members.end(),
                     [&](node_id node) { return contains(list, node); });
}

}  // namespace

/// Adds the share of a volume to the pool of its class, or takes it off.
void controller::impl::count_in_pool(volume_id id, const volume_share& share, bool add) {
  const std::uint8_t cls = share.replication;
  const auto sum = [&](std::size_t& total, bool part) {
    if (part) total = add ? total + 1 : total - 1;
  };
  const auto list = [&](std::set<volume_id>& volumes, bool listed) {
    if (!listed) return;
    if (add) {
      volumes.insert(id);
    } else {
      volumes.erase(id);
    }
  };
  sum(supply_[cls], share.supply);
  sum(narrow_open_[cls], share.narrow && share.open);
  list(ready_[cls], share.ready);
  list(reopenable_[cls], share.reopenable);
}

std::uint64_t controller::impl::node_room(const node_view& node) const {
  const node_record* at = ledger_.find_node(node.node);
  const std::uint64_t reserved = at == nullptr ? 0 : at->reserved_bytes;
  const std::uint64_t free = node.free_bytes();
  return free > reserved ? free - reserved : 0;
}

std::size_t controller::impl::roomy_nodes() const {
  std::size_t count = 0;
  for (const auto& [id, node] : registry_.nodes()) {
    if (node.takes_data() && node_room(node) >= settings_.life.min_grant_bytes) ++count;
  }
  return count;
}

bool controller::impl::more_members_possible(const volume_info& info) const {
  return std::min<std::size_t>(roomy_nodes_, info.replication) > info.members.size();
}

/// Volumes with fewer members than copies wanted are made only when somebody waits for one, and no
/// more nodes seem to come: not before those that the log names have had the time to register.
bool controller::impl::narrow_allowed(std::uint8_t replication, time_ms now) const {
  const std::size_t usable = registry_.usable_count();
  if (usable >= replication || usable < settings_.min_replication) return false;
  if (now - started_ < settings_.nodes.stale_after_ms && registry_.staying_count() >= replication) {
    return false;
  }
  if (narrow_open_[replication] != 0) return true;
  return unserved_since_[replication] != never && now - last_arrival_ >= settings_.degraded_wait_ms;
}

std::uint64_t controller::impl::grant_room(const volume_info& info) const {
  const std::uint64_t taken = taken_bytes(info);
  std::uint64_t room = taken < settings_.life.volume_size ? settings_.life.volume_size - taken : 0;
  for (const node_id member : info.members) {
    const node_view* node = registry_.find(member);
    room = std::min(room, node == nullptr ? 0 : node_room(*node));
  }
  return room;
}

std::vector<placement_candidate> controller::impl::candidates() const {
  std::vector<placement_candidate> list;
  for (const auto& [id, node] : registry_.nodes()) {
    const node_record* at = ledger_.find_node(id);
    if (!node.takes_data() || at == nullptr || at->no_volumes_until > now_) continue;
    list.push_back({.node = id,
                    .rack = node.rack,
                    .host = std::string(host_of(node.address)),
                    .capacity_bytes = node.capacity_bytes(),
                    .used_bytes = node.used_bytes() + at->reserved_bytes,
                    .free_bytes = node_room(node),
                    .open_volumes = at->open_volumes});
  }
  return list;
}

// ---- keeping the pool ---------------------------------------------------------------------------

void controller::impl::keep_pool(time_ms now) {
  if (idle()) return;
  for (std::uint8_t cls = 1; cls < class_count; ++cls) {
    if (cls == settings_.replication || demanded_until_[cls] > now) keep_class(cls, now);
  }
}

/// Open volumes wanted: so many that every node is a member of ready_per_node of them.
std::size_t controller::impl::supply_target(std::uint8_t replication) const {
  if (roomy_nodes_ == 0) return 0;
  if (replication != settings_.replication) return other_class_target;
  const std::size_t width = std::min<std::size_t>(replication, roomy_nodes_);
  return (roomy_nodes_ * settings_.ready_per_node + width - 1) / width;
}

/// Replicas that will be open once what was asked for has been logged.
std::map<node_id, std::uint32_t> controller::impl::opening_on(std::uint8_t replication) const {
  std::map<node_id, std::uint32_t> coming;
  for (const volume_id id : reopening_[replication]) {
    for (const node_id member : state_.find(id)->members) ++coming[member];
  }
  return coming;
}

/// The node with the fewest open volumes, if it has less than half of what it should have: one that
/// came late, while the others already make up the supply. Nil if there is none.
node_id controller::impl::node_in_want(std::uint8_t replication) const {
  if (replication != settings_.replication) return {};
  const std::map<node_id, std::uint32_t> coming = opening_on(replication);
  node_id poorest;
  std::uint32_t least = (settings_.ready_per_node + 1) / 2;
  for (const placement_candidate& node : candidates()) {
    if (node.free_bytes < settings_.life.min_grant_bytes) continue;
    const auto more = coming.find(node.node);
    const std::uint32_t open = node.open_volumes + (more == coming.end() ? 0 : more->second);
    if (open >= least) continue;
    least = open;
    poorest = node.node;
  }
  return poorest;
}

/// Closed volumes are reopened before new ones are made, but every node gets its part: where the
/// closed ones are all on others, new ones are made for it.
void controller::impl::keep_class(std::uint8_t replication, time_ms now) {
  const std::size_t target = supply_target(replication);
  std::size_t have =
      supply_[replication] + adds_in_flight_[replication] + reopening_[replication].size();
  for (int opened = 0; opened < opened_per_round_max; ++opened, ++have) {
    const node_id poor = node_in_want(replication);
    if (poor == node_id{} && have >= target) return;
    const bool for_poor = poor != node_id{} && (reopen_one(replication, {}, poor) ||
                                                add_one(replication, {}, now, poor));
    if (for_poor) continue;
    if (have >= target) return;
    if (!reopen_one(replication, {}) && !add_one(replication, {}, now)) return;
  }
}

/// Reopens the closed volume whose members have the fewest open ones; only one with `needed` among
/// its members, unless that is nil.
bool controller::impl::reopen_one(std::uint8_t replication, const std::vector<node_id>& exclude,
                                  node_id needed) {
  const std::map<node_id, std::uint32_t> coming = opening_on(replication);
  volume_id best;
  std::uint32_t best_load = 0;
  int looked_at = 0;
  for (const volume_id id : reopenable_[replication]) {
    const volume_info* info = state_.find(id);
    if (any_of(info->members, exclude)) continue;
    if (needed != node_id{} && !contains(info->members, needed)) continue;
    std::uint32_t load = 0;
    bool roomy = true;
    for (const node_id member : info->members) {
      const node_view* node = registry_.find(member);
      roomy = roomy && node != nullptr && node_room(*node) >= settings_.life.min_grant_bytes;
      const auto more = coming.find(member);
      load = std::max(
          load, ledger_.node(member).open_volumes + (more == coming.end() ? 0 : more->second));
    }
    if (roomy && (best == volume_id{} || load < best_load)) {
      best = id;
      best_load = load;
    }
    if (++looked_at >= reopen_sample) break;
  }
  if (best == volume_id{}) return false;
  ledger_.volume(best).wanted_open = true;
  reopenable_[replication].erase(best);
  reopening_[replication].insert(best);
  mark(best);
  return true;
}

/// Remembers that a volume was sealed although much could be written to it yet, and forgets one
/// such when a volume is opened again.
void controller::impl::note_given_up(const volume_record& record, const volume_info& info,
                                     time_ms now) {
  if (!record.known || record.state == info.state) return;
  std::deque<time_ms>& list = given_up_[info.replication];
  if (info.state == volume_state::open && !list.empty()) list.pop_front();
  if (info.state != volume_state::sealed) return;
  std::uint64_t length = info.length;
  for (const reported_replica& r : record.replicas) length = std::max(length, r.report.length);
  if (settings_.life.has_reopen_room(length)) list.push_back(now);
}

/// New volumes are made because old ones are full. Where they are sealed with room left, by
/// whatever fault or wish, making more does not help: those come back when they are closed. So
/// their number is bounded, however often that happens.
bool controller::impl::too_many_given_up(std::uint8_t replication, time_ms now) {
  std::deque<time_ms>& list = given_up_[replication];
  while (!list.empty() && list.front() + given_up_lasts_ms <= now) list.pop_front();
  return list.size() >= std::max(given_up_min, given_up_factor * supply_target(replication));
}

/// Asks for a new volume; with `needed` among its members, unless that is nil.
bool controller::impl::add_one(std::uint8_t replication, const std::vector<node_id>& exclude,
                               time_ms now, node_id needed) {
  if (now < no_add_until_) return false;
  // Writers that wait get one all the same, from time to time.
  if (too_many_given_up(replication, now) &&
      (unserved_since_[replication] == never ||
       now - last_add_[replication] < settings_.degraded_wait_ms)) {
    return false;
  }
  placement_wish wish;
  wish.needed = needed;
  wish.replicas = replication;
  wish.min_replicas = narrow_allowed(replication, now) ? settings_.min_replication : replication;
  wish.min_free_bytes = settings_.life.min_grant_bytes;
  wish.exclude = exclude;
  std::vector<node_id> members = choose_members(candidates(), wish, random_);
  if (members.empty()) return false;
  log_request request;
  request.what = log_request::kind::add;
  request.replication = replication;
  request.members = members;
  last_add_[replication] = now;
  ++adds_in_flight_[replication];
  // Counted as open at once, so that the next choice of this round spreads.
  ledger_.expect_open(members);
  (void)requests_.ask(std::move(request));
  return true;
}

// ---- offering -----------------------------------------------------------------------------------

/// Smaller is better: chance decides, in proportion to the free space of the fullest member.
double controller::impl::free_race(const volume_info& info) {
  double free = 0;
  for (std::size_t i = 0; i < info.members.size(); ++i) {
    const node_view* node = registry_.find(info.members[i]);
    const double room = node == nullptr ? 0 : static_cast<double>(node_room(*node));
    free = i == 0 ? room : std::min(free, room);
  }
  std::exponential_distribution<double> race(std::max(free, 1.0) / 1e9);
  return race(random_);
}

/// The best ready volume: not suspected, whole, with few grants on it, on nodes with much room.
volume_choice controller::impl::offer(const volume_wish& wish, std::uint8_t replication,
                                      const std::vector<node_id>& exclude, time_ms now) {
  volume_choice choice;
  std::tuple<bool, bool, std::size_t, double> best;
  for (const volume_id id : ready_[replication]) {
    if (std::find(wish.exclude_volumes.begin(), wish.exclude_volumes.end(), id) !=
        wish.exclude_volumes.end()) {
      continue;
    }
    const volume_info* info = state_.find(id);
    if (any_of(info->members, exclude)) continue;
    const std::uint64_t room = grant_room(*info);
    if (room < settings_.life.min_grant_bytes) continue;
    const std::tuple rank(ledger_.volume(id).suspect_until > now,
                          info->members.size() < replication, state_.grants_outstanding(id),
                          free_race(*info));
    if (choice.what == volume_choice::outcome::ready && rank >= best) continue;
    best = rank;
    choice.what = volume_choice::outcome::ready;
    choice.volume = id;
    choice.generation = info->generation;
    choice.room = room;
  }
  if (choice.what != volume_choice::outcome::ready) return choice;
  for (const node_id member : state_.find(choice.volume)->members) {
    choice.replicas.push_back({member, registry_.find(member)->address});
  }
  return choice;
}

volume_choice controller::choose_volume(const volume_wish& wish, time_ms now) {
  impl& i = *impl_;
  using outcome = volume_choice::outcome;
  const std::uint8_t cls = std::clamp<std::uint8_t>(
      wish.replication == 0 ? i.settings_.replication : wish.replication, 1, class_count - 1);
  if (i.demanded_until_[cls] <= now) i.pool_dirty_ = true;
  i.demanded_until_[cls] = now + demand_lasts_ms;

  const std::vector<node_id> exclude(wish.exclude_nodes.begin(), wish.exclude_nodes.end());
  volume_choice choice = i.offer(wish, cls, exclude, now);
  if (choice.what == outcome::ready) {
    i.unserved_since_[cls] = never;
    return choice;
  }
  if (i.unserved_since_[cls] == never) i.unserved_since_[cls] = now;
  i.pool_dirty_ = true;
  i.settle(now);

  const bool starting = now - i.started_ < i.settings_.nodes.stale_after_ms;
  const std::size_t usable = i.registry_.usable_count();
  if (i.idle() || usable < i.settings_.min_replication) {
    choice.what = starting ? outcome::wait : outcome::no_datanodes;
    choice.why = "too few live datanodes: " + std::to_string(usable) + ", and at least " +
                 std::to_string(i.settings_.min_replication) + " must take what is written";
    return choice;
  }
  const std::size_t coming = i.supply_[cls] + i.adds_in_flight_[cls] + i.reopening_[cls].size();
  if (coming > i.ready_[cls].size()) return choice;
  if (i.reopen_one(cls, exclude) || i.add_one(cls, exclude, now)) {
    i.settle(now);
    return choice;
  }
  // Nothing better can be had: a node that failed for the caller may do by now.
  choice = i.offer(wish, cls, {}, now);
  if (choice.what == outcome::ready) return choice;
  const bool too_few = usable < cls && !i.narrow_allowed(cls, now);
  const bool may_add = now >= i.no_add_until_ && !i.too_many_given_up(cls, now);
  if (!starting && !too_few && may_add) {
    choice.what = outcome::no_space;
    choice.why = "no space left in the cluster: " + std::to_string(i.roomy_nodes()) + " of " +
                 std::to_string(usable) + " datanodes have room, and " + std::to_string(cls) +
                 (cls == 1 ? " copy is wanted" : " copies are wanted");
  }
  return choice;
}

bool controller::take_ready_changed() { return std::exchange(impl_->ready_changed_, false); }

void controller::grant_failed(volume_id id, time_ms now) {
  volume_record* at = impl_->ledger_.find(id);
  if (at == nullptr) return;
  at->suspect_until = now + impl_->settings_.nodes.stale_after_ms;
}

}  // namespace ssdfs::cluster
