#include "cluster/registry.hpp"

#include "base/assert.hpp"
#include "base/host_kind.hpp"

#include <algorithm>
#include <iterator>

namespace ssdfs::cluster {

namespace {

constexpr std::size_t text_max = 1'024;
constexpr std::size_t disks_max = 1'024;

result<void> check_registration(const node_registration& r) {
  if (r.node.value.is_nil()) return failure(errc::invalid_argument, "a node without an identity");
  for (const std::string* text : {&r.name, &r.rack, &r.address, &r.http_address}) {
    if (text->size() > text_max) return failure(errc::invalid_argument, "a node with a long name");
  }
  if (r.disks.size() > disks_max) {
    return failure(errc::invalid_argument, "node " + r.name + ": too many data directories");
  }
  return {};
}

std::string describe(const node_view& node) {
  return node.name.empty() ? to_string(node.node) : node.name + " (" + node.address + ")";
}

}  // namespace

std::string_view name_of(node_state state) noexcept {
  switch (state) {
    case node_state::live: return "live";
    case node_state::stale: return "stale";
    case node_state::dead: return "dead";
  }
  return "unknown";
}

std::string_view standing_of(const node_view& node) noexcept {
  switch (node.wish) {
    case node_wish::normal:
      if (node.stopping && node.state == node_state::live) return "stopping";
      if (node.apart && node.state == node_state::live) return "unreachable";
      break;
    case node_wish::maintenance: return "maintenance";
    case node_wish::leaving:
      if (node.emptied) return "decommissioned";
      if (node.state == node_state::live) return "decommissioning";
      break;
  }
  return name_of(node.state);
}

std::string normal_rack(std::string_view rack) {
  while (rack.size() > 1 && rack.ends_with('/')) rack.remove_suffix(1);
  return std::string(rack.empty() || rack == "/" ? default_rack : rack);
}

std::uint64_t node_view::capacity_bytes() const noexcept {
  std::uint64_t sum = 0;
  for (const disk_report& disk : disks) sum += disk.failed ? 0 : disk.capacity_bytes;
  return sum;
}

std::uint64_t node_view::used_bytes() const noexcept {
  std::uint64_t sum = 0;
  for (const disk_report& disk : disks) sum += disk.failed ? 0 : disk.used_bytes;
  return sum;
}

std::uint64_t node_view::free_bytes() const noexcept {
  std::uint64_t sum = 0;
  for (const disk_report& disk : disks) sum += disk.failed ? 0 : disk.free_bytes;
  return sum;
}

std::uint64_t node_view::largest_free_bytes() const noexcept {
  std::uint64_t most = 0;
  for (const disk_report& disk : disks) {
    if (!disk.failed) most = std::max(most, disk.free_bytes);
  }
  return most;
}

registry::registry(const registry_settings& settings, std::vector<reign> history, time_ms now)
    : settings_(settings), history_(std::move(history)), last_tick_(now) {}

void registry::expect(node_id node, time_ms now) {
  const auto [at, added] = nodes_.try_emplace(node);
  if (!added) return;
  at->second.node = node;
  // Its silence begins now: it becomes stale after a full stale-after, as one just heard would.
  at->second.last_heard = now;
}

void registry::set_wish(node_id node, node_wish wish, time_ms now) {
  expect(node, now);
  node_view& view = nodes_.at(node);
  if (view.wish == wish) return;
  // The time in maintenance is excused up to its end.
  if (view.wish == node_wish::maintenance || wish == node_wish::maintenance) {
    view.excused_until = now;
  }
  view.wish = wish;
  view.emptied = false;
  changed_.push_back(node);
}

void registry::set_emptied(node_id node, bool emptied) {
  const auto at = nodes_.find(node);
  if (at != nodes_.end()) at->second.emptied = emptied;
}

result<void> registry::register_node(const node_registration& registration,
                                     connection_number connection, time_ms now) {
  SSDFS_TRY(check_registration(registration));
  if (const node_view* other = other_at(registration.address, registration.node);
      other != nullptr && other->connected && now - other->last_heard < settings_.stale_after_ms) {
    return failure(errc::duplicate_node,
                   registration.address + " is the address of node " + to_string(other->node) +
                       " (" + other->name + "), which is live; node " +
                       to_string(registration.node) + " (" + registration.name +
                       ") is refused: give it an address of its own (--listen, --advertise)");
  }
  node_view& node = nodes_[registration.node];
  session& talk = sessions_[registration.node];
  const bool other_process = talk.registered && node.incarnation != registration.incarnation;
  if (other_process && node.connected && now - node.last_heard < settings_.stale_after_ms) {
    return failure(errc::duplicate_node,
                   "two processes use the node identity " + to_string(node.node) + ": " +
                       describe(node) + ", incarnation " + std::to_string(node.incarnation) +
                       ", is live; " + registration.name + " (" + registration.address +
                       "), incarnation " + std::to_string(registration.incarnation) +
                       ", is refused");
  }
  if (talk.registered && connection < talk.connection) {
    return failure(errc::connection, "node " + describe(node) + " uses a newer connection");
  }
  node.node = registration.node;
  node.incarnation = registration.incarnation;
  node.name = registration.name;
  node.rack = normal_rack(registration.rack);
  node.address = registration.address;
  node.http_address = registration.http_address;
  node.disks = registration.disks;
  check_witness(node, registration.highest);
  node.reported = false;
  node.stopping = false;
  talk = {.connection = connection, .next_page = 0, .next_heartbeat = 1, .registered = true};
  node.connected = false;  // so that mark_heard() tells of the change
  mark_heard(node, now);
  update_apart();
  return {};
}

const node_view* registry::other_at(std::string_view address, node_id than) const {
  const node_view* last = nullptr;
  if (address.empty()) return last;
  for (const auto& [id, node] : nodes_) {
    if (id == than || node.address != address) continue;
    if (last == nullptr || node.last_heard > last->last_heard) last = &node;
  }
  return last;
}

/// Nodes that are gone for good count no more.
void registry::update_apart() {
  const auto is_elsewhere = [](const auto& entry) {
    const node_view& node = entry.second;
    return node.state != node_state::dead && !node.address.empty() &&
           kind_of_host(node.address) != host_kind::loopback;
  };
  const bool elsewhere = std::any_of(nodes_.begin(), nodes_.end(), is_elsewhere);
  for (auto& [id, node] : nodes_) {
    const bool apart =
        elsewhere && !node.address.empty() && kind_of_host(node.address) == host_kind::loopback;
    if (apart == node.apart) continue;
    node.apart = apart;
    changed_.push_back(id);
  }
}

std::string registry::notice_for(node_id node) const {
  const node_view* view = find(node);
  if (view == nullptr || !view->apart) return {};
  return view->address + " is a loopback address, which nodes and clients on other machines " +
         "cannot reach: the node gets nothing new; start it with --advertise HOST:PORT";
}

result<bool> registry::page_received(const volume_page& page, connection_number connection,
                                     time_ms now) {
  const auto at = sessions_.find(page.node);
  if (at == sessions_.end() || !at->second.registered) return errc::unknown_node;
  node_view& node = nodes_.at(page.node);
  session& talk = at->second;
  if (node.incarnation != page.incarnation || node.reported || talk.next_page != page.page ||
      talk.connection != connection) {
    return errc::unknown_node;
  }
  ++talk.next_page;
  mark_heard(node, now);
  if (page.last) {
    node.reported = true;
    changed_.push_back(node.node);
  }
  return page.last;
}

result<registry::beat> registry::heartbeat(const node_heartbeat& message,
                                           connection_number connection, time_ms now) {
  const auto at = sessions_.find(message.node);
  if (at == sessions_.end() || !at->second.registered) return errc::unknown_node;
  node_view& node = nodes_.at(message.node);
  session& talk = at->second;
  if (node.incarnation != message.incarnation || !node.reported || talk.connection != connection ||
      (!history_.empty() && message.epoch != history_.back().epoch) ||
      message.number > talk.next_heartbeat) {
    return errc::unknown_node;
  }
  mark_heard(node, now);
  if (message.number < talk.next_heartbeat) return beat::duplicate;
  ++talk.next_heartbeat;
  node.disks = message.disks;
  if (message.stopping != node.stopping) {
    node.stopping = message.stopping;
    changed_.push_back(node.node);
  }
  return beat::fresh;
}

void registry::connection_closed(node_id node, connection_number connection) {
  const auto at = sessions_.find(node);
  if (at == sessions_.end() || at->second.connection != connection) return;
  node_view& view = nodes_.at(node);
  if (!view.connected) return;
  view.connected = false;
  changed_.push_back(node);
}

void registry::tick(time_ms now) {
  const std::int64_t gap = std::max(settings_.stale_after_ms / 2, std::int64_t{1});
  if (now - last_tick_ > gap) restart_timers(now);
  last_tick_ = now;
  for (auto& [id, node] : nodes_) {
    if (node.state == node_state::live && now - node.last_heard >= settings_.stale_after_ms) {
      set_state(node, node_state::stale);
    }
  }
  for (auto& [id, node] : nodes_) {
    if (node.wish == node_wish::maintenance) node.excused_until = now;
  }
  update_silence(now);
  const bool hold = mass_silence_since_ && !silence_accepted_ &&
                    now - *mass_silence_since_ < settings_.mass_silence_max_ms;
  if (hold) return;
  for (auto& [id, node] : nodes_) {
    const time_ms since = std::max(node.last_heard, node.excused_until);
    if (node.state == node_state::stale && now - since >= settings_.dead_after_ms) {
      set_state(node, node_state::dead);
    }
  }
}

/// Many nodes silent at once is rather a fault of the network, or of this machine, than theirs.
void registry::update_silence(time_ms now) {
  std::size_t all = 0;
  std::size_t silent = 0;
  for (const auto& [id, node] : nodes_) {
    if (node.state == node_state::dead || node.wish == node_wish::maintenance) continue;
    ++all;
    if (now - node.last_heard >= settings_.stale_after_ms) ++silent;
  }
  if (silent > 1 && silent * 3 > all) {
    if (!mass_silence_since_) mass_silence_since_ = now;
  } else if (mass_silence_since_) {
    mass_silence_since_.reset();
    silence_accepted_ = false;
  }
}

/// This process was paused: it did not listen, so the silence proves nothing.
void registry::restart_timers(time_ms now) {
  for (auto& [id, node] : nodes_) {
    if (node.state == node_state::dead) continue;
    const bool silent = last_tick_ - node.last_heard >= settings_.stale_after_ms;
    node.last_heard = silent ? now - settings_.stale_after_ms : now;
  }
  if (mass_silence_since_) mass_silence_since_ = now;
}

void registry::mark_heard(node_view& node, time_ms now) {
  node.last_heard = now;
  if (!node.connected) {
    node.connected = true;
    changed_.push_back(node.node);
  }
  if (node.state != node_state::live) set_state(node, node_state::live);
}

void registry::set_state(node_view& node, node_state state) {
  const bool died_or_rose = (node.state == node_state::dead) != (state == node_state::dead);
  node.state = state;
  changed_.push_back(node.node);
  if (died_or_rose) update_apart();
}

std::vector<node_id> registry::take_changed() {
  std::vector<node_id> changed;
  changed.swap(changed_);
  std::sort(changed.begin(), changed.end());
  changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
  return changed;
}

const node_view* registry::find(node_id node) const {
  const auto at = nodes_.find(node);
  return at == nodes_.end() ? nullptr : &at->second;
}

std::size_t registry::usable_count() const noexcept {
  return static_cast<std::size_t>(std::count_if(
      nodes_.begin(), nodes_.end(), [](const auto& entry) { return entry.second.takes_data(); }));
}

std::size_t registry::staying_count() const noexcept {
  return static_cast<std::size_t>(
      std::count_if(nodes_.begin(), nodes_.end(), [](const auto& entry) {
        const node_view& node = entry.second;
        return node.state != node_state::dead && node.stays();
      }));
}

void registry::check_witness(const node_view& from, const witness& seen) {
  if (history_.empty() || seen.epoch == epoch_t{}) return;
  const reign& own = history_.back();
  if (seen.epoch > own.epoch) {
    if (!deposed_by_ || deposed_by_->epoch < seen.epoch) deposed_by_ = seen;
    return;
  }
  if (seen.epoch <= settings_.accepted_epoch) return;
  if (loss_accepted_ || read_only_reason_ || seen.epoch < history_.front().epoch) return;
  const auto at = std::find_if(history_.begin(), history_.end(),
                               [&](const reign& r) { return r.epoch == seen.epoch; });
  bool held = at != history_.end() && at->leader == seen.leader;
  if (held) {
    const auto following = std::next(at);
    held =
        following == history_.end() ? seen.durable <= committed_ : seen.durable < following->start;
  }
  if (held) return;
  read_only_reason_ = "node " + describe(from) + " has seen txid " +
                      std::to_string(seen.durable.value) + " of epoch " +
                      std::to_string(seen.epoch.value) +
                      ", which this master's edits log does not hold: history is lost";
}

void registry::distrust(std::string why) {
  if (!loss_accepted_ && !read_only_reason_) read_only_reason_ = std::move(why);
}

void registry::accept_loss() noexcept {
  loss_accepted_ = true;
  read_only_reason_.reset();
}

}  // namespace ssdfs::cluster
