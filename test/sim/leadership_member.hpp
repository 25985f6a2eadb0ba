// One member of the simulated master set: a process around cluster::leadership, and its disk.
#pragma once

#include "sim/leadership_world.hpp"

#include <deque>
#include <optional>

namespace ssdfs::member_sim {

/// What outlives a process.
struct disk {
  std::vector<record> log;
  std::size_t synced = 0;     ///< survives a power cut
  std::size_t committed = 0;  ///< known, kept with the records
  bool lost_history = false;
};

/// A pull: the connection that it came on, and which one of the process it is.
struct pull_number {
  std::uint64_t connection = 0;
  std::uint64_t number = 0;
};

class member {
 public:
  member(world& w, int number, double rate, bool eligible);

  // ---- the process ----
  void start();
  /// The process dies; a power cut takes what was not synced, too.
  void kill(bool power);
  void pause() { paused_ = true; }
  void resume();
  void shut_down();
  [[nodiscard]] bool up() const noexcept { return machine_ != nullptr; }
  [[nodiscard]] bool paused() const noexcept { return paused_; }
  [[nodiscard]] std::uint64_t life() const noexcept { return life_; }
  [[nodiscard]] cluster::leadership& machine() { return *machine_; }
  /// Runs in that life only; later if the process is paused.
  void deliver(std::uint64_t life, std::function<void()> what);
  void later(std::int64_t ms, std::function<void()> what);

  // ---- what others send ----
  void answer_promise(member& from, std::uint64_t life, std::uint64_t id, const promise_request& q);
  void answer_greeting(member& from, std::uint64_t life, std::uint64_t id);
  void answer_pull(member& from, std::uint64_t life, pull_number asked, bool first,
                   const log_history& history);
  void peer_died(member& peer);

  // ---- its users ----
  void write();
  void read();
  [[nodiscard]] bool may_show() const;
  [[nodiscard]] std::size_t shown() const { return machine_->committed().value; }

  [[nodiscard]] time_ms clock() const;
  [[nodiscard]] const member_address& address() const noexcept { return address_; }
  [[nodiscard]] std::string name() const { return address_.address; }
  [[nodiscard]] const disk& on_disk() const noexcept { return disk_; }
  [[nodiscard]] disk& on_disk() noexcept { return disk_; }
  [[nodiscard]] bool eligible() const noexcept { return eligible_; }

  time_ms stuck_until = 0;             ///< the namespace's strand does not move
  time_ms disk_hangs_until = 0;        ///< nothing is synced
  cluster::register_version seen = 0;  ///< of the register, by this session
  std::optional<disk> backup;

 private:
  void tick();
  void perform();
  void perform_one(const cluster::leadership_action& a);
  void send_promise(const cluster::member_action::send_promise& a);
  void send_greeting(const cluster::member_action::send_greeting& a);
  void follow(const cluster::member_action::follow& a);
  void begin_reign(epoch_t epoch);
  void pull(bool first);
  void pulled(pull_number asked, std::size_t from, const std::vector<record>& lines,
              std::size_t committed, const history_answer* answer);
  void cut_log(std::size_t to);
  void append(const record& r);
  void sync();
  void tell_log(bool whole);
  [[nodiscard]] cluster::member_log log_of_disk() const;
  [[nodiscard]] log_place place() const;
  void end(std::int64_t back_ms);

  world& world_;
  const member_address address_;
  const double rate_;
  const bool eligible_;
  disk disk_;
  std::unique_ptr<cluster::leadership> machine_;
  std::uint64_t life_ = 0;
  bool paused_ = false;
  bool ending_ = false;
  bool performing_ = false;
  bool holding_ = false;
  bool serving_ = false;
  std::vector<std::function<void()>> backlog_;

  // As a standby.
  std::string following_;
  std::uint64_t pull_ = 0;
  time_ms pulled_at_ = 0;
  std::uint64_t pulls_ = 0;
  // As a leader.
  std::set<std::pair<const member*, std::uint64_t>> matched_;  ///< pulls
  std::map<const member*, std::set<std::uint64_t>> connections_;
  time_ms unsynced_since_ = cluster::never;
  bool syncing_ = false;
};

}  // namespace ssdfs::member_sim
