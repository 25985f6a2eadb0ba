// When a read that is slow is asked of a second replica.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace ssdfs::detail {

class core;

/// A read that may be asked twice.
class hedged_read {
 public:
  /// It has waited long enough: ask another replica if there is one, and if budget_taken() allows.
  /// Called once at most between watch() and forget(), which it implies.
  virtual void on_slow() = 0;

 protected:
  ~hedged_read() = default;

 private:
  friend class hedging;
  hedged_read* previous_ = nullptr;
  hedged_read* next_ = nullptr;
  std::int64_t since_ns_ = 0;
  std::size_t class_ = none;
  static constexpr std::size_t none = ~std::size_t{0};
};

/// Operation: learns how long reads take, apart for short and long ones (mean and mean deviation,
/// as TCP does for its retransmissions), and calls those that take unusually long. Second requests
/// are at most one in twenty, with some in reserve, so that a cluster that is slow everywhere is
/// not asked twice for everything. Concurrency: the client's strand. Cost a read: a few additions
/// and two list operations.
class hedging {
 public:
  explicit hedging(core& owner) : core_(owner) {}

  /// `r` has been asked for and is waited for from now on.
  void watch(hedged_read& r, std::uint32_t length);
  /// It is not waited for any more; harmless if it was not.
  void forget(hedged_read& r) noexcept;
  /// A replica answered after so long.
  void learn(std::uint32_t length, std::int64_t took_ns) noexcept;
  /// True if one more second request may be sent; it is counted.
  [[nodiscard]] bool take_budget() noexcept;
  /// After so long a read of this length is slow.
  [[nodiscard]] std::int64_t delay_ns(std::uint32_t length) const noexcept {
    return classes_[class_of(length)].delay_ns;
  }

 private:
  static constexpr std::int64_t first_delay_ns = 100'000'000;
  struct length_class {
    hedged_read* first = nullptr;  // in the order of their beginning
    hedged_read* last = nullptr;
    std::int64_t mean_ns = 0;
    std::int64_t deviation_ns = 0;
    std::int64_t delay_ns = first_delay_ns;
  };
  static std::size_t class_of(std::uint32_t length) noexcept { return length > 64 * 1024 ? 1 : 0; }
  void look();
  void arm();

  core& core_;
  std::array<length_class, 2> classes_;
  std::int64_t credit_ = 10 * cost;  // of second requests
  bool armed_ = false;
  static constexpr std::int64_t cost = 20;  // reads that earn one second request
  static constexpr std::int64_t most_credit = 20 * cost;
};

}  // namespace ssdfs::detail
