// One write on its way through this node: its local half and its half down the chain.
#pragma once

#include "base/ids.hpp"
#include "datanode/byte_budget.hpp"
#include "datanode/chain.hpp"
#include "datanode/cluster_link.hpp"
#include "datanode/op_metrics.hpp"
#include "net/request.hpp"
#include "wire/chunk_messages.hpp"

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

namespace ssdfs::datanode {

/// Counts operations that are not answered yet, so that a stop can wait for them. Thread-safe.
class in_flight {
 public:
  void begin() noexcept { count_.fetch_add(1, std::memory_order_relaxed); }
  void end();
  /// True once nothing is in flight, false after `timeout_ms`. Nothing new may begin meanwhile.
  [[nodiscard]] bool wait_idle(std::int64_t timeout_ms);

 private:
  std::atomic<std::size_t> count_{0};
  std::mutex mutex_;
  std::condition_variable idle_;
};

/// What every write reports to; outlives all of them.
struct write_surroundings {
  byte_budget& budget;
  op_metrics& metrics;
  cluster_link& link;
  in_flight& flying;
};

/// Operation: made with the budget already taken; the two halves finish once each, in any order and
/// on any threads. The second answers the request (with ack_mode::one the local half does) and
/// gives the budget back.
/// Lifetime: shared by the two halves.
class write_task : public boost::intrusive_ref_counter<write_task> {
 public:
  struct description {
    op_subject what;
    generation_t generation = 0;
    std::uint32_t crc = 0;
    bool crc_verified = false;  ///< the body has been checked against it
    wire::ack_mode ack = wire::ack_mode::all;
    chain_place place;  ///< aliases the route
    std::shared_ptr<const volume_route> route;
  };

  write_task(const write_surroundings& around, net::request from, const description& d);
  ~write_task();

  [[nodiscard]] const description& about() const noexcept { return about_; }
  [[nodiscard]] bytes_view body() const noexcept { return body_; }
  /// Set by the local half alone, before it finishes.
  void started() noexcept;

  void finish_local(result<void> outcome);
  void finish_chain(result<void> outcome);

 private:
  void half_done();
  void answer();
  void report(const failure& why, const wire::chain_member& member);

  const write_surroundings& around_;
  net::request from_;
  const description about_;
  const bytes_view body_;  // aliases hold_
  const buffer_ref hold_;
  const std::size_t bytes_;
  op_times times_;                        // written by the local half before half_done()
  std::optional<failure> local_failure_;  // as above
  std::int64_t forwarded_ns_ = 0;         // written by the chain's half before half_done()
  std::optional<failure> chain_failure_;  // as above
  std::atomic<int> halves_;
};

using write_ref = boost::intrusive_ptr<write_task>;

}  // namespace ssdfs::datanode
