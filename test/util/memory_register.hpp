// A register in memory behind the seam coord/shared_register.hpp, with faults and a clock of its
// own.
#pragma once

#include "coord/shared_register.hpp"
#include "coord/view_board.hpp"

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace ssdfs::test {

class memory_register;

/// What becomes of a change.
enum class change_fate : std::uint8_t {
  answered,     ///< made, if the version is right, and answered
  answer_lost,  ///< made, if the version is right; the caller hears nothing
  lost,         ///< never made; the caller hears nothing
  made_late,    ///< made when make_late() says so, if the version is right then; the caller hears
                ///< nothing
};

/// What all members' registers share: the value, and the time. Nothing happens but in calls and in
/// advance(), in an order that depends on nothing else, so a simulation that calls it is
/// deterministic. Every function from any thread. Outlives its memory_registers.
class memory_service {
 public:
  [[nodiscard]] std::optional<coord::register_value> value() const {
    const std::lock_guard lock(mutex_);
    return history_.empty() ? std::nullopt : history_.back();
  }
  /// As somebody else writes: the next version, or 0 where there was none.
  void put(std::string content) {
    const std::lock_guard lock(mutex_);
    const bool first = history_.empty() || !history_.back();
    change(coord::register_value{first ? 0 : history_.back()->version + 1, std::move(content)});
  }
  void remove() {
    const std::lock_guard lock(mutex_);
    change(std::nullopt);
  }
  /// As if an old copy of the service's data had been put back.
  void restore(coord::register_value old) {
    const std::lock_guard lock(mutex_);
    change(std::move(old));
  }
  /// Nobody reaches it, or everybody again.
  void away(bool yes) {
    const std::lock_guard lock(mutex_);
    away_ = yes;
    connections_changed();
  }
  /// Makes the changes that were to be made late, as far as their version is right now.
  void make_late() {
    const std::lock_guard lock(mutex_);
    for (auto& c : std::exchange(late_, {})) c();
  }
  [[nodiscard]] std::int64_t now_ms() const {
    const std::lock_guard lock(mutex_);
    return now_ms_;
  }
  /// What is due up to then happens.
  void advance(std::int64_t ms) {
    const std::lock_guard lock(mutex_);
    const std::int64_t until = now_ms_ + ms;
    while (!due_.empty() && due_.begin()->first <= until) {
      now_ms_ = std::max(now_ms_, due_.begin()->first);
      auto what = std::move(due_.begin()->second);
      due_.erase(due_.begin());
      what();
    }
    now_ms_ = until;
  }

 private:
  friend class memory_register;

  // With mutex_ held, all of these.
  void at(std::int64_t ms, std::function<void()> what) {
    if (ms <= now_ms_) return what();
    due_.emplace(ms, std::move(what));
  }
  void change(std::optional<coord::register_value> to) {
    history_.push_back(std::move(to));
    connections_changed();
  }
  [[nodiscard]] std::optional<coord::register_value> as_of(std::size_t changes_ago) const {
    if (history_.size() <= changes_ago) return std::nullopt;
    return history_[history_.size() - 1 - changes_ago];
  }
  void connections_changed();

  mutable std::mutex mutex_;
  std::vector<std::optional<coord::register_value>> history_;  // empty: there never was one
  std::multimap<std::int64_t, std::function<void()>> due_;
  std::vector<std::function<void()>> late_;
  std::set<memory_register*> members_;
  std::int64_t now_ms_ = 0;
  bool away_ = false;
};

/// The register as one member reaches it. Calls are answered at once, unless delay() says
/// otherwise; `within_ms` runs by the service's clock. A change that has left its caller is made,
/// or not, even if the member is gone by then.
class memory_register final : public coord::shared_register {
 public:
  memory_register(memory_service& service, coord::register_judge judge,
                  boost::asio::any_io_executor executor)
      : service_(service),
        judge_(std::move(judge)),
        executor_(std::move(executor)),
        board_(std::make_shared<coord::view_board>(executor_)) {
    const std::lock_guard lock(service_.mutex_);
    service_.members_.insert(this);
    look();
  }
  ~memory_register() override { stop(); }

  // ---- faults -----------------------------------------------------------------------------------
  /// This member alone is cut off, or not any more. What is on its way gets no answer.
  void cut(bool yes) {
    const std::lock_guard lock(service_.mutex_);
    cut_ = yes;
    look();
  }
  /// The session ends, and there is another one at once: what is on its way gets no answer.
  void expire() {
    const std::lock_guard lock(service_.mutex_);
    lose_calls();
  }
  /// Of each call from now on: until it is at the service, and until its answer is back.
  void delay(std::int64_t there_ms, std::int64_t back_ms) {
    const std::lock_guard lock(service_.mutex_);
    there_ms_ = there_ms;
    back_ms_ = back_ms;
  }
  /// Of the next async_set() or async_create() that leaves.
  void next_change(change_fate fate) {
    const std::lock_guard lock(service_.mutex_);
    fate_ = fate;
  }
  /// Reads and notices show the register as it was so many changes ago.
  void lag(std::size_t changes) {
    const std::lock_guard lock(service_.mutex_);
    lag_ = changes;
    look();
  }

  // ---- shared_register --------------------------------------------------------------------------
  void async_read(std::int64_t within_ms, read_handler handler) override {
    const std::lock_guard lock(service_.mutex_);
    if (auto refusal = cannot_begin()) {
      return post(std::move(handler), result<coord::register_value>(std::move(refusal->why)));
    }
    const std::uint64_t id = next_id_++;
    reads_.emplace(id, std::move(handler));
    later(there_ms_, [this, id] {
      later(back_ms_, [this, id, was = service_.as_of(lag_)] {
        look_at(was);
        end_read(id, read_of(was));
      });
    });
    if (reads_.contains(id)) {
      later(within_ms, [this, id] { end_read(id, failure(errc::timed_out)); });
    }
  }

  void async_set(std::int64_t replaced, std::string content, std::int64_t within_ms,
                 set_handler handler) override {
    const std::lock_guard lock(service_.mutex_);
    auto refusal = cannot_begin();
    if (!refusal) refusal = cannot_write(content);
    if (!refusal && !seen_) refusal = not_made({errc::precondition, "it has not been read yet"});
    if (!refusal && *seen_ > replaced) refusal = refused(*seen_, errc::precondition);
    if (!refusal && *seen_ < replaced) refusal = not_made({errc::precondition, "it went back"});
    if (refusal) return post(std::move(handler), std::move(*refusal));
    send(within_ms, std::move(handler),
         [replaced, content = std::move(content)](memory_service& at) {
           const auto now = at.as_of(0);
           if (!now) return not_made({errc::not_found, "the register is gone"});
           if (now->version != replaced) return refused(-1, errc::precondition);
           at.change(coord::register_value{replaced + 1, content});
           return coord::set_result{coord::set_outcome::done, replaced + 1, {}};
         });
  }

  void async_create(std::string content, std::int64_t within_ms, set_handler handler) override {
    const std::lock_guard lock(service_.mutex_);
    auto refusal = cannot_begin();
    if (!refusal) refusal = cannot_write(content);
    if (refusal) return post(std::move(handler), std::move(*refusal));
    send(within_ms, std::move(handler), [content = std::move(content)](memory_service& at) {
      if (at.as_of(0)) return refused(-1, errc::exists);
      at.change(coord::register_value{0, content});
      return coord::set_result{coord::set_outcome::done, 0, {}};
    });
  }

  void observe(observer o) override { board_->observe(std::move(o)); }
  [[nodiscard]] coord::register_view view() const override { return board_->view(); }

  void stop() override {
    const std::lock_guard lock(service_.mutex_);
    if (std::exchange(stopped_, true)) return;
    *alive_ = false;
    lose_calls();
    board_->stop();
    service_.members_.erase(this);
  }

 private:
  friend class memory_service;
  using made_by = std::function<coord::set_result(memory_service&)>;

  static coord::set_result not_made(failure why) {
    return {coord::set_outcome::not_made, -1, std::move(why)};
  }
  static coord::set_result refused(std::int64_t version, errc why) {
    return {coord::set_outcome::refused, version, why};
  }

  // With the service's mutex held, everything below.
  [[nodiscard]] bool connected() const { return !stopped_ && !cut_ && !service_.away_; }
  [[nodiscard]] std::optional<coord::set_result> cannot_begin() const {
    if (stopped_) return not_made(coord::failure_of(coord::register_state::stopped, "stopped"));
    if (!connected()) return not_made(errc::connection);
    if (reads_.size() + sets_.size() >= static_cast<std::size_t>(coord::max_register_calls)) {
      return not_made(errc::busy);
    }
    return std::nullopt;
  }
  [[nodiscard]] std::optional<coord::set_result> cannot_write(const std::string& content) const {
    if (content.size() > coord::max_register_bytes) return not_made(errc::too_large);
    if (const auto verdict = judge_(content); !verdict) return not_made(verdict.error());
    return std::nullopt;
  }
  // Unless the member is gone by then.
  void later(std::int64_t ms, std::function<void()> what) {
    service_.at(service_.now_ms_ + ms, [alive = alive_, what = std::move(what)] {
      if (*alive) what();
    });
  }

  void send(std::int64_t within_ms, set_handler handler, made_by make) {
    const std::uint64_t id = next_id_++;
    sets_.emplace(id, std::move(handler));
    const change_fate fate = std::exchange(fate_, change_fate::answered);
    if (fate == change_fate::made_late) {
      service_.late_.emplace_back([&at = service_, make = std::move(make)] { make(at); });
    } else if (fate != change_fate::lost) {
      service_.at(service_.now_ms_ + there_ms_,
                  [this, id, fate, alive = alive_, &at = service_, make = std::move(make)] {
                    const coord::set_result made = make(at);
                    if (fate == change_fate::answer_lost || !*alive) return;
                    later(back_ms_, [this, id, made] { end_set(id, made); });
                  });
    }
    if (sets_.contains(id)) {
      later(within_ms, [this, id] {
        end_set(id, {coord::set_outcome::unknown, -1, errc::timed_out});
      });
    }
  }

  void end_read(std::uint64_t id, result<coord::register_value> with) {
    if (auto found = reads_.extract(id)) post(std::move(found.mapped()), std::move(with));
  }
  void end_set(std::uint64_t id, coord::set_result with) {
    auto found = sets_.extract(id);
    if (!found) return;
    if (with.outcome == coord::set_outcome::done && (!seen_ || *seen_ < with.version)) {
      seen_ = with.version;
    }
    post(std::move(found.mapped()), std::move(with));
  }
  template <class Handler, class Answer>
  void post(Handler handler, Answer answer) {
    boost::asio::post(executor_,
                      [work = boost::asio::make_work_guard(executor_), h = std::move(handler),
                       a = std::move(answer)]() mutable { h(std::move(a)); });
  }
  void lose_calls() {
    for (auto& [id, handler] : std::exchange(reads_, {})) {
      post(std::move(handler),
           result<coord::register_value>(failure(stopped_ ? errc::aborted : errc::connection)));
    }
    for (auto& [id, handler] : std::exchange(sets_, {})) {
      post(std::move(handler), coord::set_result{coord::set_outcome::unknown, -1, errc::timed_out});
    }
  }

  [[nodiscard]] coord::register_view view_of(
      const std::optional<coord::register_value>& was) const {
    using coord::register_state;
    if (!was) return {register_state::missing, "there is no register", std::nullopt, "memory"};
    if (const auto verdict = judge_(was->content); !verdict) {
      const bool other = verdict.error() == errc::wrong_cluster;
      return {other ? register_state::other_cluster : register_state::foreign,
              verdict.error().message(), std::nullopt, "memory"};
    }
    return {register_state::ready, "", was->version, "memory"};
  }
  [[nodiscard]] result<coord::register_value> read_of(
      const std::optional<coord::register_value>& was) const {
    const coord::register_view view = view_of(was);
    if (!usable(view.state)) return coord::failure_of(view.state, view.problem);
    return *was;
  }
  void look_at(const std::optional<coord::register_value>& was) {
    coord::register_view view = view_of(was);
    seen_ = view.version;
    board_->show(std::move(view));
  }
  // After anything has changed: the value, or the connection.
  void look() {
    if (stopped_) return;
    if (connected()) return look_at(service_.as_of(lag_));
    lose_calls();
    seen_.reset();
    board_->show({coord::register_state::away, "the register is away", std::nullopt, ""});
  }

  memory_service& service_;
  const coord::register_judge judge_;
  const boost::asio::any_io_executor executor_;
  const std::shared_ptr<coord::view_board> board_;
  const std::shared_ptr<bool> alive_ = std::make_shared<bool>(true);
  std::map<std::uint64_t, read_handler> reads_;
  std::map<std::uint64_t, set_handler> sets_;
  std::uint64_t next_id_ = 1;
  std::optional<std::int64_t> seen_;
  change_fate fate_ = change_fate::answered;
  std::int64_t there_ms_ = 0;
  std::int64_t back_ms_ = 0;
  std::size_t lag_ = 0;
  bool cut_ = false;
  bool stopped_ = false;
};

inline void memory_service::connections_changed() {
  for (memory_register* member : members_) member->look();
}

}  // namespace ssdfs::test
