#include "datanode/ticket_checker.hpp"

#include <algorithm>
#include <cstring>
#include <string>
#include <utility>

namespace ssdfs::datanode {
namespace {

// Tickets of earlier roots live for some slots; masters do not start more often than this for long.
constexpr std::size_t roots_known = 8;
// The slots that pass, and one that begins.
constexpr std::size_t ticket_keys_kept = 2 * cluster::ticket_slots_around + 2;

}  // namespace

// ---- ticket_root ----

cluster::ticket_key ticket_root::key_of(std::uint32_t slot) const {
  {
    const std::lock_guard lock(mutex_);
    for (const cluster::ticket_key& key : keys_) {
      if (key.slot() == slot) return key;
    }
  }
  cluster::ticket_key made(secret_, slot);
  const std::lock_guard lock(mutex_);
  keys_.push_back(made);
  if (keys_.size() > ticket_keys_kept) keys_.pop_front();
  return made;
}

// ---- shown_tickets ----

shown_tickets::entry* shown_tickets::find(generation_t generation, const cluster::ticket& what,
                                          std::string_view text) {
  if (generation != generation_) return nullptr;
  const auto found = by_first_key_.find(what.first_key);
  if (found == by_first_key_.end()) return nullptr;
  const cluster::ticket_text& known = found->second.text;
  return std::memcmp(known.data(), text.data(), known.size()) == 0 ? &found->second : nullptr;
}

shown_tickets::entry& shown_tickets::add(generation_t generation, entry fresh) {
  if (generation != generation_) {
    by_first_key_.clear();
    generation_ = generation;
  }
  const chunk_key first = fresh.what.first_key;
  // Another ticket for the same keys: what was written under the one before counts.
  if (const auto before = by_first_key_.find(first); before != by_first_key_.end()) {
    fresh.used_bytes = before->second.used_bytes;
  } else if (by_first_key_.size() >= most) {
    by_first_key_.erase(std::min_element(
        by_first_key_.begin(), by_first_key_.end(),
        [](const auto& a, const auto& b) { return a.second.number < b.second.number; }));
  }
  fresh.number = ++last_number_;
  return by_first_key_.insert_or_assign(first, std::move(fresh)).first->second;
}

// ---- ticket_checker ----

void ticket_checker::learn(const cluster_id& cluster, const ticket_terms& told,
                           std::int64_t now_ms) {
  std::shared_ptr<ticket_root> known = root(told.root);
  cluster::ticket_secret secret;
  const bool with_root = told.secret.size() == secret.size();
  if (with_root) std::memcpy(secret.data(), told.secret.data(), secret.size());
  const bool is_new = with_root && !(known && known->is(secret));
  if (is_new) known = std::make_shared<ticket_root>(cluster, told.root, secret);
  if (!known) return;
  known->set_clock(told.clock_ms, now_ms);
  if (!is_new) return;
  const std::lock_guard lock(mutex_);
  std::erase_if(roots_, [&](const auto& other) { return other->number() == told.root; });
  roots_.push_back(std::move(known));
  if (roots_.size() > roots_known) roots_.pop_front();
}

std::shared_ptr<ticket_root> ticket_checker::root(std::uint32_t number) const {
  const std::lock_guard lock(mutex_);
  for (const auto& known : roots_) {
    if (known->number() == number) return known;
  }
  return nullptr;
}

failure ticket_checker::not_granted(std::string why) {
  not_granted_.fetch_add(1, std::memory_order_relaxed);
  return {errc::permission_denied, "not granted: " + std::move(why)};
}

failure ticket_checker::expired(std::string why) {
  expired_.fetch_add(1, std::memory_order_relaxed);
  return {errc::expired_ticket, "the ticket has expired: " + std::move(why)};
}

result<void> ticket_checker::check_time(const ticket_root& by, const write_claim& claim,
                                        const cluster::ticket& what) {
  if (claim.begun) return {};
  const std::uint32_t now = by.slot_at(claim.now_ms);
  if (cluster::ticket_slot_passes(what.slot, now)) return {};
  return expired("it is of slot " + std::to_string(what.slot) + ", now is slot " +
                 std::to_string(now));
}

// With the mutex of the volume's tickets held.
result<cluster::ticket_text> ticket_checker::use(shown_tickets::entry& e,
                                                 const write_claim& claim) {
  if (e.used_bytes > e.what.bytes || claim.bytes > e.what.bytes - e.used_bytes) {
    return not_granted("more than the " + std::to_string(e.what.bytes) + " bytes of the grant");
  }
  e.used_bytes += claim.bytes;
  return e.forward;
}

result<cluster::ticket_text> ticket_checker::admit(shown_tickets& known, const write_claim& claim,
                                                   std::string_view text) {
  const auto what = cluster::parse_ticket(text);
  if (!what) return not_granted("the write shows no ticket");
  if (claim.key < what->first_key || claim.key > what->last_key) {
    return not_granted("key " + std::to_string(claim.key) + " is none of the ticket's, " +
                       std::to_string(what->first_key) + " to " + std::to_string(what->last_key));
  }
  {
    const std::lock_guard lock(known.mutex_);
    if (shown_tickets::entry* const e = known.find(claim.scope.generation, *what, text)) {
      if (auto in_time = check_time(*e->root, claim, *what); !in_time) {
        return std::move(in_time).error();
      }
      return use(*e, claim);
    }
  }
  const std::shared_ptr<const ticket_root> by = root(what->root);
  if (!by) return expired("its root " + std::to_string(what->root) + " is not known here");
  if (auto in_time = check_time(*by, claim, *what); !in_time) return std::move(in_time).error();
  cluster::ticket_scope scope = claim.scope;
  scope.cluster = by->cluster();
  if (!by->key_of(what->slot).proves(scope, *what)) {
    return not_granted("the ticket is for something else, or made up");
  }
  shown_tickets::entry fresh;
  fresh.what = *what;
  std::memcpy(fresh.text.data(), text.data(), text.size());
  fresh.root = by;
  if (claim.forwards) {
    cluster::ticket next = *what;
    next.slot = by->slot_at(claim.now_ms);
    scope.right = cluster::ticket_right::forward;
    next.mac = by->key_of(next.slot).prove(scope, next);
    fresh.forward = cluster::text_of(next);
  }
  const std::lock_guard lock(known.mutex_);
  return use(known.add(claim.scope.generation, std::move(fresh)), claim);
}

}  // namespace ssdfs::datanode
