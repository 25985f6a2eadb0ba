// What stands in for a role's service while the role loads its state.
#pragma once

#include "net/server.hpp"

#include <atomic>
#include <string>

namespace ssdfs::net {

/// Tells whoever connects that the server is starting, and how far it is, until the service takes
/// over. Thread-safe.
class starting_gate final : public service {
 public:
  void set_percent(int percent) noexcept { percent_ = percent; }
  [[nodiscard]] int percent() const noexcept { return percent_; }
  /// From here on everything goes to `to`, which outlives the server.
  void open(service& to) noexcept { to_ = &to; }

  result<wire::hello_reply> hello(const wire::hello_request& caller) override {
    if (service* to = to_) return to->hello(caller);
    return failure(errc::starting, "starting, " + std::to_string(percent_) + " %");
  }
  // Nobody was greeted before it opened.
  void opened(connection& from) override { to_.load()->opened(from); }
  void handle(std::span<request> batch) override { to_.load()->handle(batch); }
  std::size_t reply_bytes(const wire::frame_view& frame) noexcept override {
    service* to = to_;
    return to == nullptr ? 0 : to->reply_bytes(frame);
  }
  void closed(connection& from) override { to_.load()->closed(from); }

 private:
  std::atomic<service*> to_ = nullptr;
  std::atomic<int> percent_ = 0;
};

}  // namespace ssdfs::net
