// What stands in for the service while the master loads its state.
#pragma once

#include "net/server.hpp"

#include <atomic>
#include <string>

namespace ssdfs::master {

/// Tells whoever connects that the master is starting, and how far it is, until the service takes
/// over. Thread-safe.
class gate final : public net::service {
 public:
  void set_percent(int percent) noexcept { percent_ = percent; }
  [[nodiscard]] int percent() const noexcept { return percent_; }
  /// From here on everything goes to `to`, which outlives the server.
  void open(net::service& to) noexcept { to_ = &to; }

  result<wire::hello_reply> hello(const wire::hello_request& caller,
                                  net::connection& from) override {
    if (net::service* to = to_) return to->hello(caller, from);
    return failure(errc::starting, "starting, " + std::to_string(percent_) + " %");
  }
  void handle(std::span<net::request> batch) override { to_.load()->handle(batch); }
  std::size_t reply_bytes(const wire::frame_view& frame) noexcept override {
    net::service* to = to_;
    return to == nullptr ? 0 : to->reply_bytes(frame);
  }
  void closed(net::connection& from) override {
    // A connection that was refused never had a session.
    if (net::service* to = to_) to->closed(from);
  }

 private:
  std::atomic<net::service*> to_ = nullptr;
  std::atomic<int> percent_ = 0;
};

}  // namespace ssdfs::master
