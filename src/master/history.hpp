// What the dashboard shows over time: samples of a few figures, and the events between two
// snapshots.
#pragma once

#include "master/snapshot.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <vector>

namespace ssdfs::master {

struct history_sample {
  std::int64_t at_ms = 0;  ///< since 1970
  std::uint64_t used_bytes = 0;
  std::uint64_t capacity_bytes = 0;
  std::uint64_t files = 0;
  // Per second, since the sample before.
  double reads = 0;
  double writes = 0;
  double metadata = 0;
};

/// Sums of what was answered since the start, for rates.
struct traffic_totals {
  std::uint64_t lookups = 0;
  std::uint64_t commits = 0;
  std::uint64_t others = 0;
};

struct event {
  std::uint64_t number = 0;  ///< 1, 2, ...
  std::int64_t at_ms = 0;
  std::string severity;  ///< info, warning, error
  std::string text;
};

/// Operation: fed with each snapshot, in order. Keeps an hour of samples and the last events.
/// Not thread-safe.
class history {
 public:
  static constexpr std::int64_t sample_interval_ms = 5000;
  static constexpr std::size_t most_samples = 720;
  static constexpr std::size_t most_events = 200;

  void add(const snapshot& now, const traffic_totals& traffic);

  [[nodiscard]] const std::deque<history_sample>& samples() const noexcept { return samples_; }
  [[nodiscard]] const std::deque<event>& events() const noexcept { return events_; }

 private:
  void note(const snapshot& at, const char* severity, std::string text);
  void compare_nodes(const snapshot& now);
  void compare_cluster(const snapshot& now);
  void sample(const snapshot& now, const traffic_totals& traffic);

  struct known_node {
    std::string state;
    bool connected = false;
    std::uint32_t failed_disks = 0;
  };
  struct known_cluster {
    bool safe_mode = false;
    std::string not_ready;
    std::uint64_t under_replicated = 0;
    std::uint64_t missing = 0;
    std::uint64_t bad_records = 0;
  };
  bool begun_ = false;
  std::map<node_id, known_node> nodes_;
  known_cluster cluster_;
  std::deque<history_sample> samples_;
  traffic_totals sampled_;
  std::int64_t sampled_ms_ = 0;  // by CLOCK_MONOTONIC
  std::deque<event> events_;
  std::uint64_t last_number_ = 0;
};

}  // namespace ssdfs::master
