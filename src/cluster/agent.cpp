#include "cluster/agent.hpp"

#include "base/assert.hpp"
#include "cluster/order_book.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace ssdfs::cluster {

namespace {

/// Heartbeats on the way: one that the master holds back, and one with something urgent.
constexpr std::size_t unanswered_max = 2;
/// Entries of each list in one heartbeat; the rest goes with the next.
constexpr std::size_t heartbeat_entries_max = 4'096;
constexpr std::size_t failures_max = 4'096;
/// Results of one heartbeat name no more than so many chunks, and those of one result.
constexpr std::size_t result_chunks_max = 4'096;
/// Part of the heartbeat interval that lies between two heartbeats at least, urgent ones aside.
constexpr std::int64_t pace_divisor = 20;

bool removes_something(order_kind kind) {
  return is_destructive(kind) || kind == order_kind::compact;
}

}  // namespace

agent::agent(agent_config config, const witness& persisted)
    : config_(std::move(config)), highest_(persisted), persisted_(persisted) {
  SSDFS_ASSERT(!config_.masters.empty());
}

void agent::start(time_ms now) {
  if (state_ == agent_state::disconnected && retry_at_ == never) try_master(now);
}

// ---- connection ---------------------------------------------------------------------------------

void agent::try_master(time_ms now) {
  state_ = agent_state::connecting;
  retry_at_ = never;
  reply_deadline_ = now + config_.reply_timeout_ms;
  if (!hinted_master_.empty()) {
    act(action::connect{std::exchange(hinted_master_, {})});
    return;
  }
  act(action::connect{config_.masters[master_index_]});
  master_index_ = (master_index_ + 1) % config_.masters.size();
}

/// What belongs to the session ends with it; what the master must learn stays.
void agent::forget_session(time_ms now) {
  for (const sent_heartbeat& sent : unanswered_) {
    for (const chain_failure& failure : sent.content.failures) {
      failures_.try_emplace(failure.volume, failure);
    }
  }
  unanswered_.clear();
  stopping_is_known_ = false;
  pages_.clear();
  queue_.clear();
  results_.clear();
  waiting_to_report_ = false;
  state_ = agent_state::disconnected;
  reply_deadline_ = never;
  next_heartbeat_at_ = never;
  retry_ms_ = std::clamp(retry_ms_ * 2, config_.retry_min_ms, config_.retry_max_ms);
  retry_at_ = now + retry_ms_;
}

void agent::drop_connection(time_ms now) {
  act(action::disconnect{});
  forget_session(now);
}

void agent::connection_lost(time_ms now) {
  if (state_ != agent_state::disconnected) forget_session(now);
}

void agent::connected(time_ms now) {
  if (state_ != agent_state::connecting) return;
  state_ = agent_state::registering;
  reply_deadline_ = now + config_.reply_timeout_ms;
  node_registration registration;
  registration.node = config_.node;
  registration.incarnation = config_.incarnation;
  registration.name = config_.name;
  registration.rack = config_.rack;
  registration.address = config_.address;
  registration.http_address = config_.http_address;
  registration.disks = disks_;
  registration.highest = highest_;
  registration.volume_count = replicas_.size();
  act(action::send_registration{std::move(registration)});
}

/// True if the master may be followed: never back to an older epoch, and one leader an epoch.
bool agent::accept_reign(const witness& reign) {
  const bool older = reign.epoch < highest_.epoch;
  const bool second = reign.epoch == highest_.epoch && highest_.epoch != epoch_t{} &&
                      reign.leader != highest_.leader;
  if (older || second) {
    act(action::complain{
        failure(errc::stale_epoch,
                "the master of epoch " + std::to_string(reign.epoch.value) +
                    (second ? " is a second leader of that epoch"
                            : " is older than epoch " + std::to_string(highest_.epoch.value) +
                                  ", which this node follows"))});
    return false;
  }
  if (reign.epoch > highest_.epoch) {
    highest_ = reign;
  } else {
    highest_.durable = std::max(highest_.durable, reign.durable);
  }
  return true;
}

void agent::register_answered(const result<registration_answer>& answer, time_ms now) {
  if (state_ != agent_state::registering) return;
  if (!answer) {
    const failure& why = answer.error();
    if (why == errc::not_active) {
      hinted_master_ = why.hint;
    } else {
      act(action::complain{why});
    }
    drop_connection(now);
    return;
  }
  if (!accept_reign(answer->reign)) {
    drop_connection(now);
    return;
  }
  take_settings(answer->settings);
  take_tickets(answer->tickets);
  if (persisted_ != highest_) persist();
  begin_report(now);
}

/// Waits for what earlier sessions ordered and what removes something; the pages come after it.
void agent::begin_report(time_ms now) {
  state_ = agent_state::reporting;
  waiting_to_report_ = must_wait_to_report();
  for (const auto& [id, given] : running_) {
    if (is_long(given.what.kind) && (waiting_to_report_ || given.epoch != highest_.epoch)) {
      act(action::cancel{id});
    }
  }
  if (waiting_to_report_) {
    reply_deadline_ = never;
  } else {
    send_pages(now);
  }
}

bool agent::must_wait_to_report() const {
  return std::any_of(running_.begin(), running_.end(),
                     [](const auto& entry) { return removes_something(entry.second.what.kind); });
}

void agent::send_pages(time_ms now) {
  waiting_to_report_ = false;
  results_.clear();
  dirty_.clear();
  urgent_ = !failures_.empty() || stopping_;
  next_number_ = 1;
  const auto add_page = [&] {
    volume_page page;
    page.node = config_.node;
    page.incarnation = config_.incarnation;
    page.page = static_cast<std::uint32_t>(pages_.size());
    pages_.push_back(std::move(page));
  };
  add_page();
  for (const auto& [id, report] : replicas_) {
    if (pages_.back().replicas.size() >= config_.page_size) add_page();
    pages_.back().replicas.push_back(report);
  }
  pages_.back().last = true;
  send_next_page(now);
}

void agent::send_next_page(time_ms now) {
  reply_deadline_ = now + config_.reply_timeout_ms;
  act(action::send_page{highest_.epoch, std::move(pages_.front())});
  pages_.pop_front();
}

void agent::page_answered(const result<void>& answer, time_ms now) {
  if (state_ != agent_state::reporting || waiting_to_report_) return;
  if (!answer) {
    if (answer.error() == errc::not_active) hinted_master_ = answer.error().hint;
    drop_connection(now);
    return;
  }
  if (!pages_.empty()) {
    send_next_page(now);
    return;
  }
  state_ = agent_state::live;
  reply_deadline_ = never;
  retry_ms_ = 0;
  next_heartbeat_at_ = now;
  go_on(now);
}

// ---- heartbeats ---------------------------------------------------------------------------------

/// Sends a heartbeat if one is due: the end of every event.
void agent::go_on(time_ms now) {
  if (state_ != agent_state::live) return;
  const bool due = unanswered_.empty() && now >= next_heartbeat_at_;
  if (due || (urgent_ && unanswered_.size() < unanswered_max)) send_heartbeat(now);
}

void agent::send_heartbeat(time_ms now) {
  node_heartbeat beat;
  beat.node = config_.node;
  beat.incarnation = config_.incarnation;
  beat.epoch = highest_.epoch;
  beat.number = next_number_++;
  beat.disks = disks_;
  beat.stopping = stopping_;
  urgent_ = false;
  while (!dirty_.empty() && beat.changed.size() + beat.gone.size() < heartbeat_entries_max) {
    const volume_id id = *dirty_.begin();
    dirty_.erase(dirty_.begin());
    const auto replica = replicas_.find(id);
    if (replica == replicas_.end()) {
      beat.gone.push_back(id);
    } else {
      beat.changed.push_back(replica->second);
    }
  }
  for (const auto& [id, failure] : failures_) beat.failures.push_back(failure);
  failures_.clear();
  // A result must not overtake the change that it made.
  if (dirty_.empty()) {
    std::size_t count = 0;
    for (std::size_t chunks = 0;
         count < std::min(results_.size(), heartbeat_entries_max) && chunks < result_chunks_max;
         ++count) {
      chunks += results_[count].absent.size() + results_[count].found.size();
    }
    const auto end = results_.begin() + static_cast<std::ptrdiff_t>(count);
    beat.results.assign(std::make_move_iterator(results_.begin()), std::make_move_iterator(end));
    results_.erase(results_.begin(), end);
  }
  urgent_ = !dirty_.empty() || !results_.empty();
  unanswered_.push_back({beat, now});
  act(action::send_heartbeat{std::move(beat)});
}

void agent::heartbeat_answered(std::uint64_t number, const result<heartbeat_answer>& answer,
                               time_ms now) {
  const auto sent = std::find_if(unanswered_.begin(), unanswered_.end(),
                                 [&](const auto& s) { return s.content.number == number; });
  if (state_ != agent_state::live || sent == unanswered_.end()) return;
  if (!answer) {
    if (answer.error() == errc::not_active) hinted_master_ = answer.error().hint;
    if (answer.error() == errc::duplicate_node) act(action::complain{answer.error()});
    drop_connection(now);
    return;
  }
  // Epochs are learnt by registration only; whoever else speaks here is not our master.
  if (answer->reign.epoch != highest_.epoch || answer->reign.leader != highest_.leader) {
    drop_connection(now);
    return;
  }
  highest_.durable = std::max(highest_.durable, answer->reign.durable);
  stopping_is_known_ = stopping_is_known_ || sent->content.stopping;
  const std::int64_t pace = settings_.heartbeat_interval_ms / pace_divisor;
  next_heartbeat_at_ = std::max(now, sent->sent_at + pace);
  unanswered_.erase(sent);
  take_settings(answer->settings);
  take_tickets(answer->tickets);
  for (const order& what : answer->orders) enqueue(what, answer->reign);
  run_orders();
  go_on(now);
}

void agent::take_settings(const cluster_settings& settings) {
  if (settings == settings_) return;
  settings_ = settings;
  act(action::apply_settings{settings});
}

void agent::take_tickets(const ticket_terms& told) {
  if (told.root != 0) act(action::take_tickets{told});
}

// ---- from the node itself -----------------------------------------------------------------------

void agent::replica_changed(const replica_report& report, time_ms now) {
  const auto [at, added] = replicas_.try_emplace(report.id, report);
  if (!added && at->second == report) return;
  const replica_report& old = at->second;
  const bool growing = old.state == replica_state::open && report.state == replica_state::open &&
                       old.generation == report.generation &&
                       old.removal_number == report.removal_number &&
                       old.bad_records == report.bad_records;
  if (added || !growing) urgent_ = true;
  at->second = report;
  dirty_.insert(report.id);
  go_on(now);
}

void agent::replica_gone(volume_id id, time_ms now) {
  if (replicas_.erase(id) == 0) return;
  dirty_.insert(id);
  urgent_ = true;
  go_on(now);
}

void agent::disks_changed(std::vector<disk_report> disks, time_ms now) {
  disks_ = std::move(disks);
  go_on(now);
}

void agent::chain_failed(const chain_failure& failure, time_ms now) {
  if (failures_.size() < failures_max || failures_.contains(failure.volume)) {
    failures_[failure.volume] = failure;
  }
  urgent_ = true;
  go_on(now);
}

void agent::stopping(time_ms now) {
  if (std::exchange(stopping_, true)) return;
  urgent_ = true;
  go_on(now);
}

// ---- orders -------------------------------------------------------------------------------------

void agent::enqueue(const order& what, const witness& reign) {
  if (what.kind == order_kind::cancel) {
    cancel_order(what);
    return;
  }
  // A reason that is not durable yet is none; the order comes again.
  if (is_destructive(what.kind) && what.justified_by > reign.durable) return;
  const bool queued = std::any_of(queue_.begin(), queue_.end(),
                                  [&](const auto& given) { return given.what.id == what.id; });
  if (queued || running_.contains(what.id) || queue_.size() >= config_.orders_queued_max) return;
  queue_.push_back({what, reign.epoch});
}

/// What waits is dropped at once; what runs answers itself when it has ended.
void agent::cancel_order(const order& what) {
  if (running_.contains(what.id)) {
    act(action::cancel{what.id});
    return;
  }
  std::erase_if(queue_, [&](const given_order& given) { return given.what.id == what.id; });
  results_.push_back({.id = what.id,
                      .kind = what.kind,
                      .volume = what.volume,
                      .detail = {},
                      .absent = {},
                      .found = {}});
  urgent_ = true;
}

bool agent::runs_on(volume_id volume) const {
  return std::any_of(running_.begin(), running_.end(),
                     [&](const auto& entry) { return entry.second.what.volume == volume; });
}

/// Starts what may start: one order a volume, in the order in which they came.
void agent::run_orders() {
  std::set<volume_id> held;  // an earlier order of the volume still waits
  for (auto at = queue_.begin(); at != queue_.end();) {
    if (running_.size() >= config_.orders_running_max) return;
    const volume_id volume = at->what.volume;
    if (held.contains(volume) || runs_on(volume) || !may_run(at->what)) {
      held.insert(volume);
      ++at;
      continue;
    }
    act(action::execute{at->what});
    running_.emplace(at->what.id, std::move(*at));
    at = queue_.erase(at);
  }
}

/// Nothing is removed for a master before its reign is on disk: should an older one come back, this
/// node can tell.
bool agent::may_run(const order& what) {
  if (!is_destructive(what.kind)) return true;
  const bool witnessed = persisted_.epoch == highest_.epoch &&
                         persisted_.leader == highest_.leader &&
                         persisted_.durable >= what.justified_by;
  if (!witnessed) persist();
  return witnessed;
}

void agent::persist() {
  if (persisting_ || persist_at_ != never) return;
  persisting_ = true;
  act(action::persist_witness{highest_});
}

void agent::witness_persisted(const witness& value, time_ms now) {
  persisting_ = false;
  persist_pause_ms_ = 0;
  persisted_ = value;
  run_orders();
  go_on(now);
}

void agent::witness_failed(time_ms now) {
  persisting_ = false;
  persist_pause_ms_ =
      std::clamp(persist_pause_ms_ * 2, config_.persist_retry_ms, config_.persist_retry_max_ms);
  persist_at_ = now + persist_pause_ms_;
}

void agent::persist_again(time_ms now) {
  if (now < persist_at_) return;
  persist_at_ = never;
  persist();
}

void agent::order_finished(const order_result& outcome, time_ms now) {
  const auto run = running_.find(outcome.id);
  if (run == running_.end()) return;
  const bool ours = run->second.epoch == highest_.epoch;
  running_.erase(run);
  if (waiting_to_report_) {
    if (!must_wait_to_report()) send_pages(now);
    return;
  }
  if (state_ == agent_state::live && ours) {
    results_.push_back(outcome);
    urgent_ = true;
  }
  run_orders();
  go_on(now);
}

// ---- time and output ----------------------------------------------------------------------------

void agent::timer(time_ms now) {
  persist_again(now);
  if (state_ == agent_state::disconnected) {
    if (now >= retry_at_) try_master(now);
    return;
  }
  const bool late = now >= reply_deadline_ ||
                    (!unanswered_.empty() && now >= unanswered_.front().sent_at +
                                                        settings_.heartbeat_interval_ms +
                                                        config_.reply_timeout_ms);
  if (late) {
    drop_connection(now);
    return;
  }
  go_on(now);
}

time_ms agent::next_deadline() const noexcept {
  return std::min(persist_at_, connection_deadline());
}

time_ms agent::connection_deadline() const noexcept {
  switch (state_) {
    case agent_state::disconnected: return retry_at_;
    case agent_state::connecting:
    case agent_state::registering:
    case agent_state::reporting: return reply_deadline_;
    case agent_state::live: break;
  }
  if (unanswered_.empty()) return next_heartbeat_at_;
  return unanswered_.front().sent_at + settings_.heartbeat_interval_ms + config_.reply_timeout_ms;
}

std::vector<agent_action> agent::take_actions() {
  std::vector<agent_action> actions;
  actions.swap(actions_);
  return actions;
}

}  // namespace ssdfs::cluster
