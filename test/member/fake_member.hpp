// A member whose log is a vector: everything around leadership_runner but disks. Requests of other
// members come over real sockets; pulled records are handed over in memory.
#pragma once

#include "io/clock.hpp"
#include "member/leadership_runner.hpp"
#include "net/await.hpp"
#include "net/server.hpp"
#include "util/io_threads.hpp"
#include "util/memory_register.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <boost/test/unit_test.hpp>

#include <any>
#include <atomic>
#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace ssdfs::test {

/// A record: a START if `value` is 0.
struct kept_record {
  epoch_t epoch;
  node_id leader;
  std::uint32_t value = 0;
  std::uint32_t chain = 0;
  friend bool operator==(const kept_record&, const kept_record&) = default;
};

/// What outlives a process.
struct kept_disk {
  std::vector<kept_record> log;
  std::size_t committed = 0;
  bool lost_history = false;
};

class fake_member;

/// The set: the register, where members are found, the threads of all but leadership.
struct fake_set {
  io_threads threads{2};
  memory_service reg;
  cluster_id cluster{io::random_uuid()};
  std::mutex mutex;
  std::map<std::string, fake_member*> running;  ///< by address, under mutex
};

class fake_member final : public net::service, public member::leadership_host {
 public:
  struct settings {
    node_id node;
    std::vector<std::string> seeds;
    bool new_cluster = false;
    bool eligible = true;
    std::string listen = "127.0.0.1:0";
  };

  fake_member(fake_set& set, kept_disk& disk, const settings& with)
      : set_(set), disk_(disk), node_(with.node), strand_(set.threads.context().get_executor()) {
    auto made = net::server::listen(set.threads.context(), *this, {.listen = with.listen});
    BOOST_TEST_REQUIRE(made.has_value());
    server_ = std::move(*made);
    member::runner_options to;
    to.config.cluster = set.cluster;
    to.config.self = {with.node, server_->address()};
    to.config.new_cluster = with.new_cluster;
    to.config.eligible = with.eligible;
    to.config.lost_history = disk.lost_history;
    to.config.seeds = with.seeds;
    to.software = "test";
    runner_ = std::make_unique<member::leadership_runner>(
        to,
        [&set](boost::asio::any_io_executor on, coord::register_judge judge) {
          return std::make_unique<memory_register>(set.reg, std::move(judge), std::move(on));
        },
        *this);
    {
      const std::lock_guard lock(set_.mutex);
      set_.running[address()] = this;
    }
    runner_->start(log_now());
    server_->start();
    beat();
  }
  /// As kill -9: nobody is told.
  ~fake_member() override {
    {
      const std::lock_guard lock(set_.mutex);
      set_.running.erase(address());
    }
    server_->stop();
    // Its last events may be on the way to the strand.
    net::run_and_wait(strand_, [this] {
      ended_ = true;
      if (timer_) timer_->cancel();
      if (channel_) channel_->stop();
    });
    runner_->stop();
    net::run_and_wait(strand_, [] {});
  }

  [[nodiscard]] std::string address() const { return server_->address(); }
  [[nodiscard]] member::leadership_runner& runner() { return *runner_; }
  [[nodiscard]] cluster::member_role role() const { return runner_->status().machine.role; }
  [[nodiscard]] bool serves() const { return serving_ && runner_->may_show(); }
  [[nodiscard]] std::size_t in_sync() const { return runner_->status().machine.insync.size(); }
  [[nodiscard]] std::size_t committed_count() const { return committed_; }
  [[nodiscard]] std::string stepped_down() const {
    const std::lock_guard lock(end_mutex_);
    return end_;
  }
  [[nodiscard]] bool may_end() const { return may_exit_; }
  /// A change of a client: its place in the log, if this member takes changes now.
  std::optional<std::size_t> write(std::uint32_t value) {
    std::optional<std::size_t> place;
    net::run_and_wait(strand_, [&] {
      if (!serving_ || holding_) return;
      append({epoch_, node_, value, 0});
      grew();
      place = disk_.log.size();
    });
    return place;
  }

  // ---- net::service -----------------------------------------------------------------------------
  result<wire::hello_reply> hello(const wire::hello_request&) override {
    wire::hello_reply says;
    says.role = wire::peer_role::master;
    says.cluster = set_.cluster;
    says.node = node_;
    return says;
  }
  void opened(net::connection& from) override { from.attachment = ++connections_; }
  void handle(std::span<net::request> batch) override {
    for (net::request& r : batch) {
      const auto connection = std::any_cast<std::uint64_t>(r.from().attachment);
      const node_id from = r.from().peer().node;
      if (r.code() == wire::opcode::match_log) {
        const std::lock_guard lock(end_mutex_);
        pulls_on_[from] = connection;
      }
      if (!member::leadership_runner::takes(r.code())) {
        r.fail(errc::unsupported);
      } else {
        runner_->handle(std::move(r), connection);
      }
    }
  }
  void closed(net::connection& from) override {
    runner_->closed(from.peer().node, std::any_cast<std::uint64_t>(from.attachment));
  }

  // ---- leadership_host --------------------------------------------------------------------------
  void follow(epoch_t, const member_address& leader) override {
    post([this, leader] { begin_pull(leader.address); });
  }
  void cut_log(txid to) override {
    post([this, to] {
      BOOST_TEST(to.value >= disk_.committed);
      const std::lock_guard lock(log_mutex_);
      disk_.log.resize(std::min<std::size_t>(disk_.log.size(), to.value));
      runner_->log_is(log_now());
      begin_pull(leader_);
    });
  }
  void fetch_image() override {
    post([this] {
      const std::lock_guard lock(log_mutex_);
      disk_.log.clear();
      disk_.committed = 0;
      runner_->log_is(log_now());
      begin_pull(leader_);
    });
  }
  void remember_loss(bool lost) override { disk_.lost_history = lost; }
  void begin_reign(epoch_t epoch, std::optional<epoch_t>) override {
    post([this, epoch] {
      if (channel_) channel_->stop();
      channel_.reset();
      epoch_ = epoch;
      append({epoch, node_, 0, 0});
      runner_->log_is(log_now());
    });
  }
  void start_serving(epoch_t) override {
    post([this] { serving_ = true; });
  }
  void serve_reads_only(const std::string&) override { serving_ = false; }
  void committed(txid upto) override {
    committed_ = upto.value;
    post([this, upto] {
      disk_.committed = std::max<std::size_t>(disk_.committed, upto.value);
      const std::lock_guard lock(set_.mutex);
      for (auto& [at, other] : set_.running) {
        if (other != this) other->told_committed(address(), upto);
      }
    });
  }
  void hold_requests() override {
    post([this] {
      holding_ = true;
      runner_->requests_held(txid(disk_.log.size()));
    });
  }
  void stop_serving() override {
    post([this] {
      serving_ = false;
      runner_->serving_stopped();
    });
  }
  void resume_serving() override {
    post([this] { holding_ = false, serving_ = true; });
  }
  void check_chain(const log_place& theirs,
                   unique_function<void(member::chain_result)> done) override {
    post([this, theirs, done = std::move(done)]() mutable {
      const std::size_t at = theirs.last.value;
      const bool same =
          at == 0 || (at <= disk_.log.size() && disk_.log[at - 1].chain == theirs.chain);
      done(same ? member::chain_result::same : member::chain_result::different);
    });
  }
  void step_down(const cluster::member_action::step_down& how) override {
    const std::lock_guard lock(end_mutex_);
    serving_ = false;
    end_ = how.reason == cluster::step_down_reason::handed_over ? "handed over" : how.why;
  }
  void may_exit() override { may_exit_ = true; }

 private:
  template <class F>
  void post(F f) {
    boost::asio::post(strand_, [this, f = std::move(f)]() mutable {
      if (!ended_) f();
    });
  }
  void append(kept_record r) {
    std::uint32_t chain = disk_.log.empty() ? 1 : disk_.log.back().chain;
    for (const std::uint32_t part : {r.epoch.value, r.value}) chain = chain * 31 + part + 1;
    r.chain = chain;
    const std::lock_guard lock(log_mutex_);
    disk_.log.push_back(r);
  }
  [[nodiscard]] log_place place() const {
    if (disk_.log.empty()) return {};
    return {txid(disk_.log.size()), disk_.log.back().epoch, disk_.log.back().chain};
  }
  [[nodiscard]] cluster::member_log log_now() const {
    cluster::member_log log;
    log.durable = place();
    log.committed = txid(std::min(disk_.committed, disk_.log.size()));
    log.applied = log.committed;
    for (std::size_t i = 0; i < disk_.log.size(); ++i) {
      const kept_record& r = disk_.log[i];
      if (r.value == 0) log.reigns.push_back({r.epoch, r.leader, txid(i + 1)});
    }
    return log;
  }
  void grew() {
    const txid committed(std::min(disk_.committed, disk_.log.size()));
    runner_->log_grew(place(), committed, committed);
  }
  void told_committed(const std::string& by, txid upto) {
    post([this, by, upto] {
      if (by != leader_ || !matched_) return;
      disk_.committed = std::max(disk_.committed, std::min(upto.value, disk_.log.size()));
      grew();
    });
  }
  void beat() {
    post([this] {
      if (!timer_) timer_.emplace(strand_);
      runner_->alive(io::boot_ms(), cluster::never);
      if (matched_) pull_once();
      timer_->expires_after(std::chrono::milliseconds(10));
      timer_->async_wait([this](const boost::system::error_code& ec) {
        if (!ec) beat();
      });
    });
  }
  void begin_pull(const std::string& leader) {
    leader_ = leader;
    matched_ = false;
    if (channel_) channel_->stop();
    net::channel_options to;
    to.hello.role = wire::peer_role::backup;
    to.hello.cluster = set_.cluster;
    to.hello.node = node_;
    channel_ = net::channel::make(strand_, leader, to);
    match();
  }
  void match() {
    runner_->ask_history([this, on = channel_](const log_history& own) {
      on->call(
          wire::match_log_request{own}, {.timeout_ms = 1000},
          [this, on](result<net::response<wire::match_log_reply>> answer) {
            if (!answer || on != channel_ || ended_) return;
            runner_->history_answered(answer->message.said);
            const auto verdict = answer->message.said.verdict;
            if (verdict == history_verdict::follow) {
              matched_ = true;
              runner_->log_matched();
            } else if (verdict == history_verdict::wait || verdict == history_verdict::refused) {
              again_.emplace(strand_, std::chrono::milliseconds(20));
              again_->async_wait([this, on](const boost::system::error_code& ec) {
                if (!ec && on == channel_ && !ended_) match();
              });
            }
          });
    });
  }
  void pull_once() {
    fake_member* leader = nullptr;
    std::vector<kept_record> lines;
    {
      const std::lock_guard lock(set_.mutex);
      const auto found = set_.running.find(leader_);
      if (found == set_.running.end()) return;
      leader = found->second;
      if (leader == this) return;
      lines = leader->peek(disk_.log.size());
      leader->acknowledge(node_, disk_.log.size());
    }
    if (lines.empty()) return;
    bool reigns = false;
    for (const kept_record& r : lines) {
      const std::lock_guard lock(log_mutex_);
      disk_.log.push_back(r);
      reigns = reigns || r.value == 0;
    }
    if (reigns) {
      runner_->log_is(log_now());
    } else {
      grew();
    }
  }
  std::vector<kept_record> peek(std::size_t from) {
    const std::lock_guard lock(log_mutex_);
    if (from >= disk_.log.size()) return {};
    return {disk_.log.begin() + static_cast<std::ptrdiff_t>(from), disk_.log.end()};
  }
  void acknowledge(node_id by, std::size_t holds) {
    const std::lock_guard lock(end_mutex_);
    const auto on = pulls_on_.find(by);
    if (on != pulls_on_.end()) runner_->standby_holds(by, on->second, txid(holds));
  }

  fake_set& set_;
  kept_disk& disk_;
  const node_id node_;
  boost::asio::strand<boost::asio::io_context::executor_type> strand_;
  std::unique_ptr<net::server> server_;
  std::unique_ptr<member::leadership_runner> runner_;
  std::atomic<std::uint64_t> connections_{0};
  std::atomic<bool> serving_{false};
  std::atomic<bool> may_exit_{false};
  std::atomic<std::size_t> committed_{0};
  mutable std::mutex end_mutex_;
  std::string end_;                            // under end_mutex_
  std::map<node_id, std::uint64_t> pulls_on_;  // likewise

  std::mutex log_mutex_;  // of disk_.log: changed on the strand, read there and by others
  // On the strand.
  bool ended_ = false;
  bool holding_ = false;
  bool matched_ = false;
  epoch_t epoch_;
  std::string leader_;
  std::shared_ptr<net::channel> channel_;
  std::optional<boost::asio::steady_timer> timer_;
  std::optional<boost::asio::steady_timer> again_;
};

}  // namespace ssdfs::test
