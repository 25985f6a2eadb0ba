#include "client/hedging.hpp"

#include "client/core.hpp"
#include "io/clock.hpp"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace ssdfs::detail {
namespace {

constexpr std::int64_t look_every_ns = 10'000'000;
constexpr std::int64_t least_delay_ns = 20'000'000;
constexpr std::int64_t most_delay_ns = 400'000'000;

}  // namespace

void hedging::watch(hedged_read& r, std::uint32_t length) {
  credit_ = std::min(credit_ + 1, most_credit);
  forget(r);
  r.since_ns_ = io::steady_ns();
  r.class_ = class_of(length);
  length_class& c = classes_[r.class_];
  r.previous_ = c.last;
  r.next_ = nullptr;
  (c.last != nullptr ? c.last->next_ : c.first) = &r;
  c.last = &r;
  arm();
}

void hedging::forget(hedged_read& r) noexcept {
  if (r.class_ == hedged_read::none) return;
  length_class& c = classes_[std::exchange(r.class_, hedged_read::none)];
  (r.previous_ != nullptr ? r.previous_->next_ : c.first) = r.next_;
  (r.next_ != nullptr ? r.next_->previous_ : c.last) = r.previous_;
  r.previous_ = r.next_ = nullptr;
}

void hedging::learn(std::uint32_t length, std::int64_t took_ns) noexcept {
  length_class& c = classes_[class_of(length)];
  if (c.mean_ns == 0) {
    c.mean_ns = took_ns;
    c.deviation_ns = took_ns / 2;
  }
  c.deviation_ns += (std::abs(took_ns - c.mean_ns) - c.deviation_ns) / 16;
  c.mean_ns += (took_ns - c.mean_ns) / 16;
  c.delay_ns = std::clamp(c.mean_ns + 6 * c.deviation_ns, least_delay_ns, most_delay_ns);
}

bool hedging::take_budget() noexcept {
  if (credit_ < cost) return false;
  credit_ -= cost;
  return true;
}

void hedging::arm() {
  if (std::exchange(armed_, true)) return;
  core_.waits().at(io::steady_ns() + look_every_ns, [weak = core_.weak_from_this(), this] {
    const auto self = weak.lock();
    if (!self) return;
    armed_ = false;
    look();
  });
}

void hedging::look() {
  const std::int64_t now = io::steady_ns();
  for (length_class& c : classes_) {
    while (c.first != nullptr && now - c.first->since_ns_ >= c.delay_ns) {
      hedged_read& slow = *c.first;
      forget(slow);
      slow.on_slow();
    }
  }
  for (const length_class& c : classes_) {
    if (c.first != nullptr) return arm();
  }
}

}  // namespace ssdfs::detail
