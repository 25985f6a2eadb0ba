// A simulated master set: members with disks and clocks of their own, an unreliable network and a
// register that is late, forgets to answer and shows old values. One thread, one random source: a
// seed repeats a run exactly.
#pragma once

#include "cluster/leadership.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <queue>
#include <random>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace ssdfs::member_sim {

using cluster::time_ms;

/// A rule that the world around the machine breaks, to see that the checks notice.
enum class broken_rule : std::uint8_t {
  none,
  clocks_differ_by_half,  ///< rates differ by far more than a tenth
  unknown_is_lost,        ///< a change without an answer is reported as not made
  committed_too_early,    ///< a leader's changes are answered when they are durable there
};

struct world_settings {
  std::uint64_t seed = 1;
  int members = 3;
  double loss = 0.01;
  double slow = 0.02;
  std::int64_t fault_pause_ms = 1'500;
  std::int64_t storm_ms = 15'000;
  std::int64_t calm_ms = 25'000;
  bool rollback = false;  ///< a member's disk goes back to an earlier state
  bool one_is_ineligible = false;
  /// Standbys suspect the leader long before their promises end, so that takeovers meet leaders
  /// that live.
  bool hasty = false;
  bool crash_at_steps = true;  ///< a process dies at an action of its machine
  broken_rule broken = broken_rule::none;
};

/// A record of the log: a START if `id` is 0.
struct record {
  epoch_t epoch;
  node_id leader;
  std::uint64_t id = 0;
  std::uint32_t chain = 0;  ///< of this record and all before it
  friend bool operator==(const record&, const record&) = default;
};

class member;

class world {
 public:
  explicit world(const world_settings& settings);
  ~world();

  /// Storm, calm, checks. Empty if all is well, else what is wrong.
  std::string run();

  // ---- for the members ----
  [[nodiscard]] time_ms now() const noexcept { return now_; }
  void at(time_ms when, std::function<void()> what);
  void after(std::int64_t ms, std::function<void()> what) { at(now_ + ms, std::move(what)); }
  [[nodiscard]] bool chance(double p);
  [[nodiscard]] std::int64_t between(std::int64_t low, std::int64_t high);
  [[nodiscard]] std::uint64_t random64() { return random_(); }
  [[nodiscard]] std::uint64_t next_number() { return ++numbers_; }
  [[nodiscard]] member* find(const std::string& address);
  [[nodiscard]] bool cut(const member& from, const member& to) const;
  /// A message: late, lost or doubled as the network likes.
  void send(const member& from, const member& to, std::function<void()> what);
  void note(const std::string& what);
  void fail(const std::string& what);
  [[nodiscard]] bool calm() const noexcept { return calm_; }
  [[nodiscard]] bool rolled_back() const noexcept { return rolled_back_; }

  // ---- the register ----
  void read_register(member& from, std::uint64_t id);
  void change_register(member& from, std::uint64_t id,
                       std::optional<cluster::register_version> expected, std::string bytes);
  [[nodiscard]] std::string register_bytes() const;

  // ---- the checks ----
  /// A leader says that the first `upto` records of its log may be answered and shown.
  void committed(const member& by, std::size_t upto);
  /// A member shows this much of its log to a reader.
  void shown(const member& by, std::size_t upto);
  /// It begins to serve: everything that was committed must be in its log.
  void begins(const member& by);
  /// It puts the records behind `to` aside.
  void gives_up(const member& by, std::size_t to);

  const world_settings settings;
  std::vector<std::unique_ptr<member>> members;
  std::uint64_t changes_of_leader = 0;
  std::uint64_t answered = 0;  ///< changes
  time_ms not_served_ms = 0;   ///< in the calm, until somebody does

 private:
  struct event {
    time_ms when;
    std::uint64_t order;
    std::function<void()> what;
    friend bool operator>(const event& a, const event& b) {
      return std::tie(a.when, a.order) > std::tie(b.when, b.order);
    }
  };
  struct version {
    cluster::register_version number;
    std::string bytes;
  };

  void step_until(time_ms end);
  void use();
  void fault();
  void fault_process(member& m);
  void fault_lines(member& m);
  void fault_register(member& m);
  void operate(member& m);
  void roll_back(member& m);
  void check_now();
  void begin_calm();
  void check_end();
  void apply(member& from, std::uint64_t life, std::uint64_t id,
             std::optional<cluster::register_version> expected, const std::string& bytes,
             std::shared_ptr<bool> told);
  [[nodiscard]] bool register_away(const member& m) const;
  [[nodiscard]] member& any();
  [[nodiscard]] member* leader();

  std::mt19937_64 random_;
  time_ms now_ = 1'000'000;
  std::uint64_t order_ = 0;
  std::uint64_t numbers_ = 0;
  std::priority_queue<event, std::vector<event>, std::greater<>> events_;
  std::vector<version> register_;
  time_ms register_away_until_ = 0;
  std::map<const member*, time_ms> register_away_from_;
  std::map<std::pair<const member*, const member*>, time_ms> cut_until_;
  time_ms slow_until_ = 0;
  std::vector<record> truth_;     ///< committed, in order
  std::set<std::uint64_t> seen_;  ///< ids of changes that were answered or shown
  bool calm_ = false;
  bool rolled_back_ = false;
  time_ms served_at_ = 0;
  bool verbose_ = false;
  std::string failure_;
};

}  // namespace ssdfs::member_sim
