#include "client/operation.hpp"

#include "base/assert.hpp"
#include "io/clock.hpp"

#include <algorithm>

namespace ssdfs::detail {

operation::operation(core_ptr c, std::string path, std::chrono::milliseconds timeout,
                     diagnostics* diag)
    : core_(std::move(c)), path_(std::move(path)), diag_(diag) {
  const auto chosen = timeout.count() > 0 ? timeout : core_->config().timeout;
  timeout_ns_ = std::chrono::nanoseconds(chosen).count();
}

void operation::run() {
  const operation_ptr self(this, false);
  begin();
}

void operation::discard() noexcept { operation_ptr(this, false).reset(); }

void operation::begin() {
  const operation_ptr self(this);
  self_ = self;
  progress();
  core_->add(*this);
  if (core_->closed() && !stopped()) stop_reason_ = static_cast<std::uint16_t>(errc::aborted);
  if (stopped()) return fail(stop_failure());
  start();
}

void operation::stop(errc why) {
  if (stopped() || retired_) return;
  const operation_ptr self(this);
  stop_reason_ = static_cast<std::uint16_t>(why);
  // Not begun yet (still in the intake): begin() will see it.
  if (deadline_ns_ == 0) return;
  on_stop();
}

void operation::progress() { deadline_ns_ = io::steady_ns() + timeout_ns_; }

std::int64_t operation::call_timeout_ms(std::int64_t wanted) const {
  const std::int64_t left = (deadline_ns_ - io::steady_ns()) / 1'000'000;
  return std::max<std::int64_t>(1, std::min(wanted, left));
}

bool operation::has_time_for(std::int64_t pause_ns) const {
  return !stopped() && io::steady_ns() + pause_ns < deadline_ns_;
}

void operation::pause(std::int64_t pause_ns, void (operation::*then)()) {
  SSDFS_ASSERT(!pausing_);
  pausing_ = true;
  after_pause_ = then;
  pause_ = core_->waits().at(io::steady_ns() + pause_ns, [self = operation_ptr(this)] {
    self->pausing_ = false;
    (self.get()->*self->after_pause_)();
  });
}

void operation::end_pause() {
  if (!pausing_) return;
  pausing_ = false;
  const operation_ptr self(this);
  core_->waits().cancel(pause_);
  (this->*after_pause_)();
}

std::int64_t operation::backoff_ns(std::uint32_t failures) {
  constexpr std::int64_t first_ns = 10'000'000;
  constexpr std::uint32_t most_doublings = 7;
  constexpr std::int64_t most_ns = 1'000'000'000;
  const std::uint32_t doublings = std::min(failures == 0 ? 0 : failures - 1, most_doublings);
  const std::int64_t full = std::min(first_ns << doublings, most_ns);
  // Between half of it and all of it, so that many clients do not come back together.
  return full / 2 +
         static_cast<std::int64_t>(core_->random() % static_cast<std::uint64_t>(full / 2));
}

void operation::retire(const failure* why) {
  SSDFS_ASSERT(!retired_);
  retired_ = true;
  core_->remove(*this);
  self_.reset();
  if (why == nullptr || diag_ == nullptr) return;
  diagnostics report;
  report.path = path_;
  report.server = blamed_ != nullptr && !stopped() ? blamed_->address() : std::string();
  report.message = why->message();
  report.attempts = attempts_;
  if (caller_waits()) {
    *diag_ = std::move(report);
  } else {
    kept_ = std::make_unique<diagnostics>(std::move(report));
  }
}

void operation::publish_diagnostics() {
  if (kept_ != nullptr) *diag_ = *kept_;
}

}  // namespace ssdfs::detail
