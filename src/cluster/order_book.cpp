#include "cluster/order_book.hpp"

#include "base/assert.hpp"

#include <algorithm>

namespace ssdfs::cluster {

namespace {

constexpr std::uint32_t backoff_doublings_max = 6;

bool same_deed(const wanted_order& a, const wanted_order& b) {
  return a.node == b.node && a.kind == b.kind && a.generation == b.generation &&
         a.removal_number == b.removal_number;
}

}  // namespace

order_book::entry* order_book::find(const place& at) {
  const auto node = entries_.find(at.node);
  if (node == entries_.end()) return nullptr;
  const auto found = node->second.find(at.id);
  return found == node->second.end() ? nullptr : &found->second;
}

const order_book::entry* order_book::find(const place& at) const {
  return const_cast<order_book*>(this)->find(at);
}

void order_book::erase(const place& at) {
  const entry* known = find(at);
  if (known == nullptr) return;
  const auto places = places_.find(known->volume);
  if (places != places_.end()) {
    std::erase_if(places->second, [&](const place& p) { return p.id == at.id; });
    if (places->second.empty()) places_.erase(places);
  }
  size_ -= entries_[at.node].erase(at.id);
}

void order_book::add(volume_id volume, const wanted_order& wish, std::vector<place>& places) {
  const std::uint64_t id = ++last_id_;
  entry fresh;
  fresh.id = id;
  fresh.volume = volume;
  fresh.wish = wish;
  entries_[wish.node].emplace(id, std::move(fresh));
  ++size_;
  places.push_back({wish.node, id});
  woken_.push_back(wish.node);
}

void order_book::want(volume_id volume, std::span<const wanted_order> wishes, time_ms now) {
  const auto old = places_.find(volume);
  if (old == places_.end() && wishes.empty()) return;
  std::vector<place> before;
  if (old != places_.end()) before = std::move(old->second);
  std::vector<place> after;
  for (const wanted_order& wish : wishes) {
    const auto same = std::find_if(before.begin(), before.end(), [&](const place& at) {
      return same_deed(find(at)->wish, wish);
    });
    if (same == before.end()) {
      add(volume, wish, after);
      continue;
    }
    entry& known = *find(*same);
    known.wish.sources = wish.sources;
    known.withdrawn_at = never;
    after.push_back(*same);
    before.erase(same);
  }
  for (const place& gone : before) {
    entry& known = *find(gone);
    if (is_long(known.wish.kind) && known.in_flight) {
      if (known.withdrawn_at == never) known.withdrawn_at = now;
      after.push_back(gone);
    } else {
      size_ -= entries_[gone.node].erase(gone.id);
    }
  }
  if (after.empty()) {
    places_.erase(volume);
  } else {
    places_[volume] = std::move(after);
  }
}

std::vector<order_book::entry*> order_book::due(node_id node, time_ms now) {
  std::vector<entry*> list;
  const auto at = entries_.find(node);
  if (at == entries_.end()) return list;
  for (auto& [id, known] : at->second) {
    if (known.not_before > now) continue;
    const bool withdrawn = known.withdrawn_at != never;
    const time_ms since = withdrawn ? std::max(known.withdrawn_at, known.sent_at) : known.sent_at;
    if (since != unsent && now - since < resend_ms_) continue;
    list.push_back(&known);
  }
  return list;
}

void order_book::sent(entry& what, time_ms now) {
  what.sent_at = now;
  what.in_flight = true;
}

std::uint32_t order_book::finished(node_id node, const order_result& outcome, time_ms now) {
  entry* known = find({node, outcome.id});
  if (known == nullptr) return 0;
  if (known->withdrawn_at != never) {
    erase({node, outcome.id});
    return 0;
  }
  // A cancelled order that is wished again was not done.
  if (outcome.kind == order_kind::cancel) return 0;
  // If the wish still stands after this, it is given again, after a pause.
  known->sent_at = unsent;
  known->in_flight = false;
  if (outcome.status == 0) {
    known->failures = 0;
    known->not_before = now + resend_ms_;
    return 0;
  }
  const std::uint32_t doublings = std::min(known->failures++, backoff_doublings_max);
  known->not_before = now + (std::max<std::int64_t>(resend_ms_ / 8, 1) << doublings);
  known->last_error = outcome.detail;
  return known->failures;
}

void order_book::forget_session(node_id node) {
  const auto at = entries_.find(node);
  if (at == entries_.end()) return;
  std::vector<place> withdrawn;
  for (auto& [id, known] : at->second) {
    known.sent_at = unsent;
    known.in_flight = false;
    if (known.withdrawn_at != never) withdrawn.push_back({node, id});
  }
  for (const place& gone : withdrawn) erase(gone);
  woken_.push_back(node);
}

bool order_book::busy(volume_id volume) const {
  const auto at = places_.find(volume);
  if (at == places_.end()) return false;
  return std::any_of(at->second.begin(), at->second.end(), [&](const place& p) {
    const entry* known = find(p);
    return is_long(known->wish.kind) && known->in_flight;
  });
}

std::size_t order_book::running(node_id node, order_kind kind) const {
  const auto at = entries_.find(node);
  if (at == entries_.end()) return 0;
  return static_cast<std::size_t>(std::count_if(
      at->second.begin(), at->second.end(),
      [&](const auto& known) { return known.second.wish.kind == kind && known.second.in_flight; }));
}

std::vector<node_id> order_book::take_nodes() {
  std::vector<node_id> nodes;
  nodes.swap(woken_);
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  return nodes;
}

}  // namespace ssdfs::cluster
