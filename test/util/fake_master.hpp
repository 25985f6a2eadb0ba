// A master that does only what a datanode sees of one: registration, heartbeats as long polls,
// orders, lists of live chunks. Tests say what it orders and ask what it was told.
#pragma once

#include "cluster/ticket.hpp"
#include "io/clock.hpp"
#include "net/router.hpp"
#include "net/server.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <stdexcept>
#include <string>
#include <vector>

namespace ssdfs::test {

/// Thread-safe. Functions that wait throw std::runtime_error after ten seconds.
class fake_master final : public net::service {
 public:
  explicit fake_master(boost::asio::io_context& io) : io_(io), cluster_(io::random_uuid()) {
    reign_ = {epoch_t(1), node_id(io::random_uuid()), txid(1)};
    settings_.heartbeat_interval_ms = 100;
    auto server = net::server::listen(io, *this, {.listen = "127.0.0.1:0"});
    if (!server) throw std::runtime_error(server.error().message());
    server_ = std::move(*server);
    server_->start();
  }
  ~fake_master() override {
    server_->stop();
    const std::lock_guard lock(mutex_);
    nodes_.clear();
  }

  [[nodiscard]] std::string address() const { return server_->address(); }
  [[nodiscard]] cluster_id cluster() const { return cluster_; }
  [[nodiscard]] witness reign() const {
    const std::lock_guard lock(mutex_);
    return reign_;
  }
  /// As a restarted master: a new epoch, every node has to register again.
  void new_epoch() {
    const std::lock_guard lock(mutex_);
    reign_.epoch = reign_.epoch.next();
    forget_nodes();
  }
  /// As one that leads in the same epoch again: every node has to register again, and tickets are
  /// made with another root of the same number.
  void same_epoch_again() {
    const std::lock_guard lock(mutex_);
    ++drawn_;
    forget_nodes();
  }
  /// A ticket as this master makes them, but for what a test wants otherwise.
  struct ticket_wish {
    cluster::ticket_right right = cluster::ticket_right::write;
    chunk_key first_key = 1;
    chunk_key last_key = 1'000'000;
    std::uint64_t bytes = std::uint64_t{1} << 40;
    std::int64_t made_ms = 0;  ///< how long ago
    epoch_t reign{};           ///< nil: the present one
  };
  std::string ticket(volume_id volume, generation_t generation, std::span<const node_id> chain,
                     const ticket_wish& wish) {
    const std::lock_guard lock(mutex_);
    cluster::ticket made;
    made.root = wish.reign == epoch_t{} ? reign_.epoch.value : wish.reign.value;
    made.slot = cluster::ticket_slot_at(clock_ms() - wish.made_ms);
    made.first_key = wish.first_key;
    made.last_key = wish.last_key;
    made.bytes = wish.bytes;
    const cluster::ticket_key key(root_of(made.root), made.slot);
    made.mac = key.prove({wish.right, cluster_, volume, generation, chain}, made);
    return std::string(cluster::as_text(cluster::text_of(made)));
  }
  /// The master's clock goes on, and the nodes are told with their next heartbeat.
  void advance_clock(std::int64_t ms) {
    const std::lock_guard lock(mutex_);
    ahead_ms_ += ms;
  }
  /// Waits for answers to two further heartbeats: the node knows then what this master says.
  void wait_told(node_id node) {
    std::uint64_t before = heartbeats(node);
    wait("heartbeats", [&] {
      const std::uint64_t now = at(node).heartbeats;
      if (now < before) before = 0;  // it has registered again
      return now >= before + 3;
    });
  }
  void set_settings(const cluster_settings& settings) {
    const std::lock_guard lock(mutex_);
    settings_ = settings;
  }

  /// Gives an order (its id is chosen here) with every heartbeat until its result comes; waits for
  /// the result.
  order_result run(node_id node, order what) {
    const std::uint64_t id = give(node, std::move(what));
    return wait_result(node, id);
  }
  std::uint64_t give(node_id node, order what) {
    const std::lock_guard lock(mutex_);
    what.id = ++last_order_;
    node_state& n = at(node);
    n.orders[what.id] = what;
    answer(n);
    return what.id;
  }
  order_result wait_result(node_id node, std::uint64_t id) {
    order_result out;
    wait("order result", [&] {
      const auto& results = at(node).results;
      const auto found = results.find(id);
      if (found == results.end()) return false;
      out = found->second;
      return true;
    });
    return out;
  }
  void wait_registered(node_id node) {
    wait("registration", [&] { return at(node).registered; });
  }
  /// Waits until the node's last report of the volume satisfies `test`.
  replica_report wait_report(node_id node, volume_id volume,
                             const std::function<bool(const replica_report&)>& test) {
    replica_report out;
    wait("replica report", [&] {
      const auto& reports = at(node).reports;
      const auto found = reports.find(volume);
      if (found == reports.end() || !test(found->second)) return false;
      out = found->second;
      return true;
    });
    return out;
  }
  /// As the node has reported it last; no state at all if it has not.
  [[nodiscard]] replica_state state_of(node_id node, volume_id volume) {
    const std::lock_guard lock(mutex_);
    const auto& reports = at(node).reports;
    const auto found = reports.find(volume);
    return found == reports.end() ? replica_state{} : found->second.state;
  }
  void wait_gone(node_id node, volume_id volume) {
    wait("end of replica", [&] { return !at(node).reports.contains(volume); });
  }
  chain_failure wait_failure(node_id node) {
    chain_failure out;
    wait("chain failure", [&] {
      if (at(node).failures.empty()) return false;
      out = at(node).failures.back();
      return true;
    });
    return out;
  }
  [[nodiscard]] node_registration registration(node_id node) const {
    const std::lock_guard lock(mutex_);
    return nodes_.at(node)->registration;
  }
  [[nodiscard]] std::uint64_t heartbeats(node_id node) const {
    const std::lock_guard lock(mutex_);
    const auto found = nodes_.find(node);
    return found == nodes_.end() ? 0 : found->second->heartbeats;
  }
  /// What live_chunks answers for a volume; without it errc::not_found.
  void set_live_chunks(volume_id volume, wire::live_chunks_reply list) {
    const std::lock_guard lock(mutex_);
    live_[volume] = std::move(list);
  }

  // ---- net::service ----

  result<wire::hello_reply> hello(const wire::hello_request&) override {
    const std::lock_guard lock(mutex_);
    wire::hello_reply reply;
    reply.protocol = wire::protocol_max;
    reply.role = wire::peer_role::master;
    reply.cluster = cluster_;
    reply.node = reign_.leader;
    reply.epoch = reign_.epoch;
    return reply;
  }

  void handle(std::span<net::request> batch) override {
    const std::lock_guard lock(mutex_);
    for (net::request& r : batch) {
      if (!answers::dispatch(r, *this)) r.fail(errc::unsupported);
    }
    changed_.notify_all();
  }

 private:
  struct node_state {
    explicit node_state(boost::asio::io_context& io) : timer(io) {}
    bool registered = false;
    node_registration registration;
    std::uint64_t heartbeats = 0;
    std::map<volume_id, replica_report> reports;
    std::map<std::uint64_t, order> orders;
    std::map<std::uint64_t, order_result> results;
    std::vector<chain_failure> failures;
    std::unique_ptr<net::request> poll;
    std::uint64_t poll_number = 0;
    boost::asio::steady_timer timer;
  };

  // All private functions are called with mutex_ held.
  void forget_nodes() {
    for (auto& [id, n] : nodes_) {
      n->registered = false;
      if (n->poll) n->poll->fail(errc::unknown_node);
      n->poll.reset();
    }
  }
  std::int64_t clock_ms() const {
    constexpr std::int64_t some_day = 1'700'000'000'000;
    return some_day + ahead_ms_;
  }
  // Another one with each reign.
  cluster::ticket_secret root_of(std::uint32_t number) const {
    cluster::ticket_secret out{};
    std::memcpy(out.data(), cluster_.value.data, 16);
    store_le(out.data() + 16, number);
    store_le(out.data() + 20, drawn_);
    return out;
  }
  ticket_terms terms(bool with_root) const {
    const std::uint32_t number = reign_.epoch.value;
    const cluster::ticket_secret secret = root_of(number);
    return {number, with_root ? std::string(as_chars(secret)) : std::string(), clock_ms()};
  }
  node_state& at(node_id id) {
    auto& n = nodes_[id];
    if (!n) n = std::make_shared<node_state>(io_);
    return *n;
  }

  template <class Condition>
  void wait(const char* what, Condition condition) {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, std::chrono::seconds(10), condition)) {
      throw std::runtime_error(std::string("fake master: no ") + what);
    }
  }

  void register_node(net::request r, const wire::register_node_request& m) {
    node_state& n = at(m.registration.node);
    n.registration = m.registration;
    n.registered = false;
    n.heartbeats = 0;
    n.reports.clear();
    r.reply(wire::register_node_reply{cluster_, reign_, settings_, {}, terms(true)});
  }

  void report_volumes(net::request r, const wire::report_volumes_request& m) {
    node_state& n = at(m.page.node);
    if (m.epoch != reign_.epoch) return r.fail(errc::unknown_node);
    for (const auto& report : m.page.replicas) n.reports[report.id] = report;
    if (m.page.last) n.registered = true;
    r.reply(wire::report_volumes_reply{});
  }

  void heartbeat(net::request r, const wire::heartbeat_request& m) {
    const node_heartbeat& h = m.heartbeat;
    node_state& n = at(h.node);
    if (!n.registered || h.epoch != reign_.epoch || h.number != n.heartbeats + 1) {
      return r.fail(errc::unknown_node);
    }
    n.heartbeats = h.number;
    for (const auto& report : h.changed) n.reports[report.id] = report;
    for (const auto& volume : h.gone) n.reports.erase(volume);
    for (const auto& done : h.results) {
      n.results[done.id] = done;
      n.orders.erase(done.id);
    }
    n.failures.insert(n.failures.end(), h.failures.begin(), h.failures.end());
    if (n.poll) n.poll->reply(wire::heartbeat_reply{reign_, settings_, {}, {}, terms(false)});
    n.poll = std::make_unique<net::request>(std::move(r));
    const std::uint64_t number = ++n.poll_number;
    if (!n.orders.empty()) return answer(n);
    n.timer.expires_after(std::chrono::milliseconds(settings_.heartbeat_interval_ms));
    n.timer.async_wait([this, number, id = h.node](boost::system::error_code ec) {
      if (ec) return;
      const std::lock_guard lock(mutex_);
      const auto found = nodes_.find(id);
      if (found != nodes_.end() && found->second->poll_number == number) answer(*found->second);
    });
  }

  void answer(node_state& n) {
    if (!n.poll) return;
    wire::heartbeat_reply reply{reign_, settings_, {}, {}, terms(false)};
    for (const auto& [id, o] : n.orders) reply.orders.push_back(o);
    n.poll->reply(reply);
    n.poll.reset();
  }

  void live_chunks(net::request r, const wire::live_chunks_request& m) {
    const auto found = live_.find(m.volume);
    if (found == live_.end()) return r.fail(errc::not_found);
    wire::live_chunks_reply page = found->second;
    std::erase_if(page.chunks, [&](const auto& c) { return c.key < m.from_key; });
    page.more = page.chunks.size() > m.limit;
    if (page.more) page.chunks.resize(m.limit);
    r.reply(page);
  }

  using answers = net::routes<&fake_master::register_node, &fake_master::report_volumes,
                              &fake_master::heartbeat, &fake_master::live_chunks>;

  boost::asio::io_context& io_;
  const cluster_id cluster_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  witness reign_;
  cluster_settings settings_;
  std::uint64_t last_order_ = 0;
  std::int64_t ahead_ms_ = 0;
  std::uint32_t drawn_ = 0;
  std::map<node_id, std::shared_ptr<node_state>> nodes_;
  std::map<volume_id, wire::live_chunks_reply> live_;
  std::unique_ptr<net::server> server_;
};

}  // namespace ssdfs::test
