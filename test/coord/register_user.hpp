// A register as a test uses it: calls that wait, and views that are waited for.
#pragma once

#include "coord/register_text.hpp"
#include "coord/zookeeper_register.hpp"
#include "util/io_threads.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace ssdfs::test {

/// Patient: on a busy machine nothing is taken for silent.
inline coord::zookeeper_options patient_options(const std::string& address,
                                                const std::string& digest = "") {
  coord::zookeeper_options options;
  options.address = coord::parse_zookeeper_address(address).value();
  if (!digest.empty()) options.auth = coord::digest_credentials::parse(digest).value();
  options.judge = judge_of("shop");
  options.session_ms = 20'000;
  options.silence_ms = 20'000;
  options.connect_ms = 10'000;
  options.poll_ms = 200;
  options.retry_first_ms = 20;
  options.retry_last_ms = 100;
  return options;
}

/// As patient as a test may be that has something hang.
inline coord::zookeeper_options hasty_options(const std::string& address) {
  coord::zookeeper_options options = patient_options(address);
  options.session_ms = 400;
  options.silence_ms = 400;
  options.connect_ms = 400;
  return options;
}

class register_user {
 public:
  explicit register_user(coord::zookeeper_options options)
      : silence_ms_(options.silence_ms),
        reg_(std::make_unique<coord::zookeeper_register>(std::move(options),
                                                         threads_.context().get_executor())) {
    reg_->observe([state = state_](const coord::register_view& v) {
      const std::lock_guard lock(state->mutex);
      state->views.push_back(v);
      state->changed.notify_all();
    });
  }
  ~register_user() { reg_.reset(); }

  [[nodiscard]] coord::zookeeper_register& reg() { return *reg_; }

  result<coord::register_value> read() {
    const auto got = std::make_shared<std::promise<result<coord::register_value>>>();
    reg_->async_read(silence_ms_,
                     [got](result<coord::register_value> r) { got->set_value(std::move(r)); });
    return got->get_future().get();
  }
  coord::set_result set(std::int64_t replaced, int number) {
    return set_text(replaced, register_text("shop", number));
  }
  coord::set_result set_text(std::int64_t replaced, std::string text) {
    const auto got = std::make_shared<std::promise<coord::set_result>>();
    reg_->async_set(replaced, std::move(text), silence_ms_,
                    [got](coord::set_result r) { got->set_value(std::move(r)); });
    return got->get_future().get();
  }
  coord::set_result create(int number) {
    const auto got = std::make_shared<std::promise<coord::set_result>>();
    reg_->async_create(register_text("shop", number), silence_ms_,
                       [got](coord::set_result r) { got->set_value(std::move(r)); });
    return got->get_future().get();
  }

  /// Waits until the newest view is of that state (and version); false after a minute.
  bool sees(coord::register_state what, std::optional<std::int64_t> version = std::nullopt) {
    std::unique_lock lock(state_->mutex);
    const bool seen = state_->changed.wait_for(lock, std::chrono::seconds(60), [&] {
      return !state_->views.empty() && state_->views.back().state == what &&
             (!version || state_->views.back().version == version);
    });
    if (!seen && !state_->views.empty()) {
      BOOST_TEST_MESSAGE("it is " << coord::name_of(state_->views.back().state) << ": "
                                  << state_->views.back().problem);
    }
    return seen;
  }
  /// Waits for any of the views from now on.
  bool passes(coord::register_state what) {
    std::unique_lock lock(state_->mutex);
    const std::size_t from = state_->views.empty() ? 0 : state_->views.size() - 1;
    return state_->changed.wait_for(lock, std::chrono::seconds(60), [&] {
      return std::any_of(state_->views.begin() + static_cast<std::ptrdiff_t>(from),
                         state_->views.end(),
                         [&](const coord::register_view& v) { return v.state == what; });
    });
  }
  [[nodiscard]] std::string problem() const { return reg_->view().problem; }
  /// Waits until its problem says all of that.
  bool tells(const std::vector<std::string>& parts) {
    std::unique_lock lock(state_->mutex);
    const auto said = [&] {
      if (state_->views.empty()) return false;
      const std::string& all = state_->views.back().problem;
      return std::all_of(parts.begin(), parts.end(), [&](const std::string& part) {
        return all.find(part) != std::string::npos;
      });
    };
    const bool in_time = state_->changed.wait_for(lock, std::chrono::seconds(60), said);
    if (!in_time) BOOST_TEST_MESSAGE("it says: " << problem());
    return in_time;
  }

 private:
  struct heard {
    std::mutex mutex;
    std::condition_variable changed;
    std::vector<coord::register_view> views;
  };

  const std::int64_t silence_ms_;
  const std::shared_ptr<heard> state_ = std::make_shared<heard>();
  io_threads threads_{1};
  std::unique_ptr<coord::zookeeper_register> reg_;
};

}  // namespace ssdfs::test
