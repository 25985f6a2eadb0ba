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

void order_book::want(volume_id volume, std::span<const wanted_order> wishes) {
  const auto old = places_.find(volume);
  if (old == places_.end() && wishes.empty()) return;
  std::vector<place> before;
  if (old != places_.end()) before = std::move(old->second);
  std::vector<place> after;
  for (const wanted_order& wish : wishes) {
    const auto same = std::find_if(before.begin(), before.end(), [&](const place& at) {
      const entry* known = find(at);
      return known != nullptr && same_deed(known->wish, wish);
    });
    if (same != before.end()) {
      find(*same)->wish.sources = wish.sources;
      after.push_back(*same);
      before.erase(same);
      continue;
    }
    const std::uint64_t id = ++last_id_;
    entries_[wish.node].emplace(id, entry{.id = id, .volume = volume, .wish = wish, .last_error = {}});
    ++size_;
    after.push_back({wish.node, id});
    woken_.push_back(wish.node);
  }
  for (const place& gone : before) size_ -= entries_[gone.node].erase(gone.id);
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
    if (known.sent_at != unsent && now - known.sent_at < resend_ms_) continue;
    list.push_back(&known);
  }
  return list;
}

void order_book::sent(entry& what, time_ms now) {
  const bool first = what.sent_at == unsent;
  what.sent_at = now;
  if (!first || !is_long(what.wish.kind)) return;
  running_[what.volume].push_back({what.wish.node, what.id, what.wish.kind});
  ++running_count_[what.wish.node][what.wish.kind];
}

std::uint32_t order_book::finished(node_id node, const order_result& outcome, time_ms now) {
  const auto runs = running_.find(outcome.volume);
  if (runs != running_.end()) {
    std::erase_if(runs->second, [&](const long_order& r) {
      if (r.node != node || r.id != outcome.id) return false;
      --running_count_[node][r.kind];
      return true;
    });
    if (runs->second.empty()) running_.erase(runs);
  }
  entry* known = find({node, outcome.id});
  if (known == nullptr) return 0;
  // If the wish still stands after this, it is given again, after a pause.
  known->sent_at = unsent;
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
  if (at != entries_.end()) {
    for (auto& [id, known] : at->second) known.sent_at = unsent;
    if (!at->second.empty()) woken_.push_back(node);
  }
  for (auto run = running_.begin(); run != running_.end();) {
    std::erase_if(run->second, [&](const long_order& r) { return r.node == node; });
    run = run->second.empty() ? running_.erase(run) : std::next(run);
  }
  running_count_.erase(node);
}

bool order_book::busy(volume_id volume) const { return running_.contains(volume); }

std::size_t order_book::running(node_id node, order_kind kind) const {
  const auto at = running_count_.find(node);
  if (at == running_count_.end()) return 0;
  const auto count = at->second.find(kind);
  return count == at->second.end() ? 0 : count->second;
}

std::vector<node_id> order_book::take_nodes() {
  std::vector<node_id> nodes;
  nodes.swap(woken_);
  std::sort(nodes.begin(), nodes.end());
  nodes.erase(std::unique(nodes.begin(), nodes.end()), nodes.end());
  return nodes;
}

}  // namespace ssdfs::cluster
