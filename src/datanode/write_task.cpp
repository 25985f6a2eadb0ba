#include "datanode/write_task.hpp"

#include "io/clock.hpp"

#include <chrono>
#include <utility>

namespace ssdfs::datanode {

void in_flight::end() {
  if (count_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  // Under the mutex, so that a waiter that has just seen 1 is already waiting for this.
  const std::lock_guard lock(mutex_);
  idle_.notify_all();
}

bool in_flight::wait_idle(std::int64_t timeout_ms) {
  std::unique_lock lock(mutex_);
  return idle_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                        [&] { return count_.load(std::memory_order_acquire) == 0; });
}

write_task::write_task(const write_surroundings& around, net::request from, const description& d)
    : around_(around),
      from_(std::move(from)),
      about_(d),
      body_(from_.body()),
      hold_(from_.hold()),
      bytes_(body_.size()),
      halves_(d.place.hops() == 0 ? 1 : 2) {
  times_.received = from_.received_ns();
  around_.flying.begin();
}

write_task::~write_task() {
  around_.budget.give_back(about_.place.hops(), bytes_);
  around_.flying.end();
}

void write_task::started() noexcept { times_.started = io::steady_ns(); }

void write_task::finish_local(result<void> outcome) {
  times_.stored = io::steady_ns();
  if (!outcome) {
    local_failure_ = std::move(outcome).error();
    if (member_failed(*local_failure_)) {
      report(*local_failure_, about_.place.self());
      around_.link.volume_changed(about_.what.volume);  // it may be fenced
    }
  }
  if (about_.ack == wire::ack_mode::one && about_.place.hops() > 0) answer();
  half_done();
}

void write_task::finish_chain(result<void> outcome) {
  forwarded_ns_ = io::steady_ns();
  if (!outcome) {
    chain_failure_ = std::move(outcome).error();
    // Our own channels end calls like this when we stop; to the writer it is another try elsewhere.
    const bool stopped = *chain_failure_ == errc::aborted || *chain_failure_ == errc::cancelled;
    if (stopped) chain_failure_ = failure(errc::shutting_down);
    if (!stopped && member_failed(*chain_failure_)) {
      // The next member answers for those behind it, and names the one of them that failed.
      const wire::chain_member* failed = about_.place.find(chain_failure_->hint);
      report(*chain_failure_, failed != nullptr ? *failed : about_.place.next());
    }
  }
  half_done();
}

void write_task::half_done() {
  if (halves_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if (from_.pending()) answer();
}

void write_task::answer() {
  const bool alone = about_.ack == wire::ack_mode::one || about_.place.hops() == 0;
  const failure* failed = nullptr;
  if (local_failure_) {
    failed = &*local_failure_;
  } else if (!alone && chain_failure_) {
    failed = &*chain_failure_;
  }
  op_times times = times_;
  if (!alone) times.forwarded = forwarded_ns_;  // else the chain's half may be writing it
  around_.metrics.finished(about_.what, times, failed);
  if (failed == nullptr) {
    from_.reply(wire::write_reply{});
  } else {
    from_.fail(*failed, failed->hint);
  }
}

void write_task::report(const failure& why, const wire::chain_member& member) {
  if (why == errc::shutting_down && member.node == about_.place.self().node) return;
  around_.link.chain_failed({about_.what.volume, about_.generation, member.node}, member.address);
}

}  // namespace ssdfs::datanode
