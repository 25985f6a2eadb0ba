// What a master knows of one of its backups.
#pragma once

#include "base/ids.hpp"
#include "net/request.hpp"
#include "wire/journal_messages.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace ssdfs::master {

/// When which record became durable here, for telling how old it is. Single-threaded.
class durable_times {
 public:
  void add(txid upto, std::int64_t now_ns) {
    if (!times_.empty() && upto <= times_.back().upto) return;
    if (times_.size() == limit) times_.pop_front();
    times_.push_back({upto, now_ns});
  }
  /// How long the first record behind `held` has been durable; 0 if there is none.
  [[nodiscard]] std::int64_t age_ns(txid held, std::int64_t now_ns) const {
    const auto at = std::upper_bound(times_.begin(), times_.end(), held,
                                     [](txid id, const entry& e) { return id < e.upto; });
    return at == times_.end() ? 0 : now_ns - at->at_ns;
  }

 private:
  struct entry {
    txid upto;
    std::int64_t at_ns;
  };
  static constexpr std::size_t limit = 65'536;  // batches: minutes under full load
  std::deque<entry> times_;
};

/// The median of the last thousand values. Single-threaded.
class recent_median {
 public:
  void add(std::int64_t value) {
    if (values_.size() < limit) {
      values_.push_back(value);
    } else {
      values_[next_++ % limit] = value;
    }
  }
  [[nodiscard]] std::int64_t get() const {
    if (values_.empty()) return 0;
    auto sorted = values_;
    const auto middle = sorted.begin() + static_cast<std::ptrdiff_t>(sorted.size() / 2);
    std::nth_element(sorted.begin(), middle, sorted.end());
    return *middle;
  }

 private:
  static constexpr std::size_t limit = 1000;
  std::vector<std::int64_t> values_;
  std::size_t next_ = 0;
};

/// A pull that is answered later.
struct held_pull {
  net::request request;
  txid from;
  std::uint32_t max_bytes = 0;
  std::uint32_t offset = 0;
  std::int64_t deadline_ms = 0;
};

struct backup_peer {
  node_id node;
  std::uint64_t incarnation = 0;
  std::uint64_t connection = 0;  ///< that it pulls on; 0: it has ended
  bool matched = false;          ///< its log is the begin of ours: its acknowledgements count
  std::string name;
  std::string address;
  std::string http;
  std::string trouble;  ///< why it does not match, for people; empty if it does
  txid durable;
  txid applied;
  txid told_committed;
  txid told_checkpoint;
  std::int64_t heard_ms = 0;
  recent_median lag_us;
  std::optional<held_pull> held;
};

}  // namespace ssdfs::master
