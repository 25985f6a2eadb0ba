// Pauses of operations: many waits on one timer.
#pragma once

#include "base/unique_function.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <utility>

namespace ssdfs::detail {

/// Runs functions at points of the steady clock. Used on one strand only; the functions run there,
/// never inside at(). Made for waits that are rare (pauses between attempts, housekeeping), so a
/// tree is good enough.
class timers : public std::enable_shared_from_this<timers> {
 public:
  /// Names a wait for cancel(); the second half keeps ids unique at equal times.
  using id = std::pair<std::int64_t, std::uint64_t>;

  /// `executor` is the strand.
  explicit timers(boost::asio::any_io_executor executor) : timer_(std::move(executor)) {}

  id at(std::int64_t when_ns, unique_function<void()> run);
  /// Forgets the wait; nothing happens if it is over.
  void cancel(const id& wait);
  /// Forgets all, and all later ones.
  void stop();

 private:
  void arm();
  void expired();

  boost::asio::steady_timer timer_;
  std::map<id, unique_function<void()>> waits_;
  std::uint64_t next_ = 1;
  std::int64_t armed_for_ns_ = 0;  // 0: not armed
  bool stopped_ = false;
};

}  // namespace ssdfs::detail
