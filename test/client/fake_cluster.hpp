// A master and datanodes that do, in memory, what a client sees of a cluster, and fail on demand.
#pragma once

#include "base/result.hpp"
#include "io/clock.hpp"
#include "net/server.hpp"
#include "wire/admin_messages.hpp"
#include "wire/chunk_messages.hpp"
#include "wire/namespace_messages.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <tuple>
#include <utility>
#include <vector>

namespace ssdfs::test {

/// What a server does with one request instead of answering it well.
struct fault {
  enum class kind {
    none,
    refuse,       ///< an error answer; nothing is done
    drop_before,  ///< neither done nor answered
    drop_after,   ///< done, but the answer is lost
    close,        ///< done, and the connection is closed instead of an answer
    corrupt,      ///< reads: one byte of the body is wrong
    delay,        ///< done and answered after delay_ms
  } what = kind::none;
  errc status = errc::internal;
  std::string hint;
  std::int64_t delay_ms = 0;

  static fault refuse(errc e, std::string hint = {}) {
    return {kind::refuse, e, std::move(hint), 0};
  }
  static fault of(kind k) { return {k, errc::internal, {}, 0}; }
  static fault delay(std::int64_t ms) { return {kind::delay, errc::internal, {}, ms}; }
};

/// One request as a rule sees it.
struct seen_request {
  std::string server;  ///< "master", "other" or "node0", "node1", ...
  wire::opcode code;
  std::uint64_t number = 0;  ///< of this opcode at this server, from 1
};

struct fake_cluster_options {
  std::size_t nodes = 2;
  std::uint64_t grant_bytes = 0;  ///< most bytes of one grant; 0: what is asked for
  std::uint32_t grant_keys = 0;   ///< most keys of one grant; 0: what is asked for
  std::uint32_t chunk_size = 8U << 20;
  std::int64_t cache_ms = 60000;  ///< of locate replies
  std::uint32_t session_ms = 30000;
  std::size_t volumes = 4;                      ///< open at a time
  std::uint32_t preferred = 0;                  ///< of locate replies
  std::uint32_t chunk_page = wire::chunk_page;  ///< chunks of one lookup at most
};

/// The servers run on a thread of the cluster. All members are thread-safe.
class fake_cluster {
 public:
  explicit fake_cluster(fake_cluster_options options = {});
  ~fake_cluster();

  [[nodiscard]] std::string master() const { return master_.listener->address(); }
  /// A second master, which does not lead and names the first.
  [[nodiscard]] std::string other_master() const { return other_.listener->address(); }
  [[nodiscard]] std::string node(std::size_t i) const { return nodes_[i]->listener->address(); }

  /// Decides what happens to each request from now on.
  void set_rule(std::function<fault(const seen_request&)> rule) {
    const std::lock_guard lock(mutex_);
    rule_ = std::move(rule);
  }
  /// Requests of an opcode that came to a server.
  [[nodiscard]] std::uint64_t count(const std::string& server, wire::opcode code) {
    const std::lock_guard lock(mutex_);
    return counts_[{server, code}];
  }
  /// Closes a volume: commits of chunks in it are answered with regrant.
  void close_volume(volume_id id) {
    const std::lock_guard lock(mutex_);
    volumes_[id].closed = true;
  }
  void close_all_volumes() {
    const std::lock_guard lock(mutex_);
    for (auto& [id, v] : volumes_) v.closed = true;
  }
  struct file {
    wire::entry_info entry;
    std::vector<wire::chunk_ref> chunks;
  };
  /// The files by path.
  [[nodiscard]] std::map<std::string, file> files() {
    const std::lock_guard lock(mutex_);
    return files_;
  }
  /// Removes a chunk from one node, or all.
  void lose_chunk(std::size_t n, volume_id id, chunk_key key) {
    const std::lock_guard lock(mutex_);
    nodes_[n]->chunks.erase({id, key});
  }
  /// Connections that were made to a server.
  [[nodiscard]] std::uint64_t hellos(const std::string& server) {
    const std::lock_guard lock(mutex_);
    return by_name(server).hellos;
  }
  /// Closes all connections of a server.
  void close_connections(const std::string& server) {
    std::vector<std::shared_ptr<net::connection>> open;
    {
      const std::lock_guard lock(mutex_);
      for (net::connection* c : by_name(server).connections) open.push_back(c->shared_from_this());
    }
    for (const auto& c : open) c->close();
  }
  void stop_node(std::size_t i) { nodes_[i]->listener->stop(); }
  /// Writes that show a ticket of before are refused from now on.
  void expire_tickets() {
    const std::lock_guard lock(mutex_);
    expired_before_ = tickets_;
  }
  /// Writes that were refused for that.
  [[nodiscard]] std::uint64_t expired_writes() {
    const std::lock_guard lock(mutex_);
    return expired_writes_;
  }
  /// Grants that were given and not ended.
  [[nodiscard]] std::size_t open_grants() {
    const std::lock_guard lock(mutex_);
    return grants_.size();
  }
  /// Changes that were done, repetitions not counted; and requests that were repetitions.
  [[nodiscard]] std::uint64_t changes() {
    const std::lock_guard lock(mutex_);
    return last_txid_;
  }
  [[nodiscard]] std::uint64_t repetitions() {
    const std::lock_guard lock(mutex_);
    return repetitions_;
  }
  /// Grant requests that named this address as one to be avoided.
  [[nodiscard]] std::uint64_t exclusions(const std::string& address) {
    const std::lock_guard lock(mutex_);
    for (const auto& n : nodes_) {
      if (n->listener->address() == address) return exclusions_[n->id];
    }
    return 0;
  }
  /// Keys that were written to more than once with success: must stay 0.
  [[nodiscard]] std::uint64_t rewritten_keys() {
    const std::lock_guard lock(mutex_);
    return rewritten_keys_;
  }

 private:
  using chunk_id = std::pair<volume_id, chunk_key>;
  struct role : net::service {
    role(fake_cluster& c, std::string n) : cluster(c), name(std::move(n)) {}
    result<wire::hello_reply> hello(const wire::hello_request&) override {
      wire::hello_reply reply;
      reply.protocol = wire::protocol_max;
      reply.role =
          name == "master" || name == "other" ? wire::peer_role::master : wire::peer_role::datanode;
      reply.cluster = cluster.id_;
      reply.epoch = epoch_t(1);
      reply.node = id;
      reply.session_ms = cluster.options_.session_ms;
      return reply;
    }
    void opened(net::connection& from) override {
      const std::lock_guard lock(cluster.mutex_);
      ++hellos;
      connections.insert(&from);
    }
    void handle(std::span<net::request> batch) override {
      for (net::request& r : batch) cluster.handle(*this, std::move(r));
    }
    void closed(net::connection& from) override {
      const std::lock_guard lock(cluster.mutex_);
      connections.erase(&from);
    }
    std::uint64_t hellos = 0;
    std::set<net::connection*> connections;
    fake_cluster& cluster;
    std::string name;
    node_id id{io::random_uuid()};
    std::unique_ptr<net::server> listener;
    std::map<chunk_id, shared_bytes> chunks;                           // complete ones
    std::map<chunk_id, std::pair<std::uint32_t, shared_bytes>> begun;  // crc, room
  };
  struct fake_volume {
    std::vector<std::size_t> members;
    chunk_key next_key = 1;
    bool closed = false;
  };

  // What a request was answered with: sends it.
  using answer = std::function<void(net::request&)>;
  static answer refused(failure why) {
    return [why = std::move(why)](net::request& r) { r.fail(why); };
  }
  template <class Reply>
  static answer said(Reply reply) {
    return [reply = std::move(reply)](net::request& r) { r.reply(reply); };
  }

  void handle(role& at, net::request r);
  answer execute(role& at, const net::request& r, bool corrupt);
  answer master_request(const net::request& r);
  answer change(const net::request& r);
  void page_of(const std::vector<wire::chunk_ref>& all, const wire::lookup_request& q,
               wire::lookup_reply& reply) const;
  answer grant(const net::request& r);
  answer locate(const net::request& r);
  answer list(const net::request& r);
  answer summary(const net::request& r);
  bool is_expected(const std::string& path, const std::vector<wire::file_version>& expected) const;
  result<wire::mutation_reply> commit(const wire::commit_file_request& q);
  result<wire::mutation_reply> move(const wire::rename_request& q);
  result<wire::mutation_reply> remove(const wire::remove_request& q);
  answer write(role& at, const net::request& r);
  result<void> check_ticket(volume_id volume, chunk_key key, std::string_view shown, bool begun);
  answer read(role& at, const net::request& r, bool corrupt);
  result<void> store(role& first, std::string_view chain, chunk_id id, shared_bytes bytes);
  role* node_named(node_id id);
  role& by_name(const std::string& name) {
    if (name == "master") return master_;
    if (name == "other") return other_;
    return *nodes_.at(static_cast<std::size_t>(std::stoul(name.substr(4))));
  }
  template <class Request, class Apply>
  answer once(const net::request& r, Apply apply);

  const fake_cluster_options options_;
  const cluster_id id_{io::random_uuid()};
  boost::asio::io_context io_{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
      io_.get_executor()};
  std::mutex mutex_;
  role master_{*this, "master"};
  role other_{*this, "other"};
  std::vector<std::unique_ptr<role>> nodes_;
  std::function<fault(const seen_request&)> rule_;
  std::map<std::pair<std::string, wire::opcode>, std::uint64_t> counts_;
  std::map<std::string, file> files_;
  std::set<std::string> directories_{"/"};
  std::map<volume_id, fake_volume> volumes_;
  std::set<std::tuple<volume_id, chunk_key>> grants_;
  // Tickets are "NUMBER VOLUME FIRST COUNT".
  std::uint64_t tickets_ = 0;
  std::uint64_t expired_before_ = 0;
  std::uint64_t expired_writes_ = 0;
  std::map<std::pair<uuid, std::uint64_t>, result<wire::mutation_reply>> results_;
  std::map<std::pair<uuid, std::uint64_t>, std::vector<wire::chunk_ref>> staged_;
  std::map<node_id, std::uint64_t> exclusions_;
  std::uint64_t next_volume_ = 1;
  std::uint64_t turn_ = 0;
  std::uint64_t last_txid_ = 0;
  std::uint64_t repetitions_ = 0;
  std::uint64_t rewritten_keys_ = 0;
  std::list<net::request> unanswered_;  // until the end
  std::thread thread_;
};

}  // namespace ssdfs::test
