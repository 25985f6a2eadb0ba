// Decoded sections of an image on their way from the thread that reads to the one that builds.
#pragma once

#include "base/result.hpp"
#include "meta/image_reader.hpp"

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

namespace ssdfs::journal {

/// A bounded queue that hands its sections' memory back to be filled again. One thread puts, one
/// takes.
class section_queue {
 public:
  using section = std::unique_ptr<meta::decoded_section>;

  /// A section to fill; null once the taker has given up.
  [[nodiscard]] section spare() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return given_up_ || full_.size() < capacity; });
    if (given_up_) return nullptr;
    if (spares_.empty()) return std::make_unique<meta::decoded_section>();
    section out = std::move(spares_.back());
    spares_.pop_back();
    return out;
  }
  void put(section filled) {
    const std::lock_guard lock(mutex_);
    full_.push_back(std::move(filled));
    changed_.notify_all();
  }
  /// Nothing more comes.
  void end(result<void> how) {
    const std::lock_guard lock(mutex_);
    ended_ = std::move(how);
    changed_.notify_all();
  }

  /// The next one; null at the end, which outcome() tells more about.
  [[nodiscard]] section take() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return ended_ || !full_.empty(); });
    if (full_.empty()) return nullptr;
    section out = std::move(full_.front());
    full_.pop_front();
    changed_.notify_all();
    return out;
  }
  void give_back(section used) {
    const std::lock_guard lock(mutex_);
    spares_.push_back(std::move(used));
  }
  void give_up() {
    const std::lock_guard lock(mutex_);
    given_up_ = true;
    changed_.notify_all();
  }
  /// After take() has returned null.
  [[nodiscard]] result<void> outcome() {
    const std::lock_guard lock(mutex_);
    return *ended_;
  }

 private:
  static constexpr std::size_t capacity = 16;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<section> full_;
  std::vector<section> spares_;
  std::optional<result<void>> ended_;
  bool given_up_ = false;
};

}  // namespace ssdfs::journal
