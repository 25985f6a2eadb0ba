// A master and datanodes that do, in memory, what a client sees of a cluster, and fail on demand.
#pragma once

#include "base/crc32c.hpp"
#include "base/result.hpp"
#include "io/clock.hpp"
#include "net/server.hpp"
#include "wire/admin_messages.hpp"
#include "wire/chunk_messages.hpp"
#include "wire/namespace_messages.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <cstring>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
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
  std::size_t volumes = 4;  ///< open at a time
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
    return exclusions_[address];
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
    result<wire::hello_reply> hello(const wire::hello_request&, net::connection& from) override {
      {
        const std::lock_guard lock(cluster.mutex_);
        ++hellos;
        connections.insert(&from);
      }
      wire::hello_reply reply;
      reply.protocol = wire::protocol_max;
      reply.role =
          name == "master" || name == "other" ? wire::peer_role::master : wire::peer_role::datanode;
      reply.cluster = cluster.id_;
      reply.epoch = epoch_t(1);
      reply.session_ms = cluster.options_.session_ms;
      return reply;
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
  answer grant(const net::request& r);
  answer locate(const net::request& r);
  answer list(const net::request& r);
  answer summary(const net::request& r);
  bool is_expected(const std::string& path, const std::vector<wire::file_version>& expected) const;
  result<wire::mutation_reply> commit(const wire::commit_file_request& q);
  result<wire::mutation_reply> move(const wire::rename_request& q);
  result<wire::mutation_reply> remove(const wire::remove_request& q);
  answer write(role& at, const net::request& r);
  answer read(role& at, const net::request& r, bool corrupt);
  result<void> store(role& first, std::string_view next, chunk_id id, shared_bytes bytes);
  role* node_at(std::string_view address);
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
  std::map<std::pair<uuid, std::uint64_t>, result<wire::mutation_reply>> results_;
  std::map<std::string, std::uint64_t> exclusions_;
  std::uint64_t next_volume_ = 1;
  std::uint64_t turn_ = 0;
  std::uint64_t last_txid_ = 0;
  std::uint64_t repetitions_ = 0;
  std::uint64_t rewritten_keys_ = 0;
  std::list<net::request> unanswered_;  // until the end
  std::thread thread_;
};

// --- running ----------------------------------------------------------------------------------

inline fake_cluster::fake_cluster(fake_cluster_options options) : options_(options) {
  const auto listen = [&](role& r) {
    auto made = net::server::listen(io_, r, {.listen = "127.0.0.1:0"});
    if (!made) throw std::runtime_error(made.error().message());
    r.listener = std::move(*made);
    r.listener->start();
  };
  listen(master_);
  listen(other_);
  for (std::size_t i = 0; i < options_.nodes; ++i) {
    nodes_.push_back(std::make_unique<role>(*this, "node" + std::to_string(i)));
    listen(*nodes_.back());
  }
  thread_ = std::thread([this] { io_.run(); });
}

inline fake_cluster::~fake_cluster() {
  master_.listener->stop();
  other_.listener->stop();
  for (const auto& n : nodes_) n->listener->stop();
  io_.stop();
  thread_.join();
}

inline void fake_cluster::handle(role& at, net::request r) {
  const std::lock_guard lock(mutex_);
  const seen_request seen{at.name, r.code(), ++counts_[{at.name, r.code()}]};
  const fault f = rule_ ? rule_(seen) : fault{};
  if (f.what == fault::kind::refuse)
    return r.fail(failure(f.status, "refused by the test"), f.hint);
  if (f.what == fault::kind::drop_before) {
    unanswered_.push_back(std::move(r));
    return;
  }
  if (f.what == fault::kind::delay) {
    auto timer = std::make_shared<boost::asio::steady_timer>(io_);
    timer->expires_after(std::chrono::milliseconds(f.delay_ms));
    timer->async_wait([this, &at, timer, held = std::make_shared<net::request>(std::move(r))](
                          boost::system::error_code ec) {
      const std::lock_guard relock(mutex_);
      if (!ec) execute(at, *held, false)(*held);
    });
    return;
  }
  const answer a = execute(at, r, f.what == fault::kind::corrupt);
  if (f.what == fault::kind::drop_after || f.what == fault::kind::close) {
    net::connection& from = r.from();
    unanswered_.push_back(std::move(r));
    if (f.what == fault::kind::close) from.close();
    return;
  }
  a(r);
}

inline fake_cluster::answer fake_cluster::execute(role& at, const net::request& r, bool corrupt) {
  if (&at == &other_) return refused(failure(errc::not_active, "ask the other", master()));
  if (&at == &master_) return master_request(r);
  if (r.code() == wire::opcode::read_chunk) return read(at, r, corrupt);
  return write(at, r);
}

// --- master -----------------------------------------------------------------------------------

inline fake_cluster::answer fake_cluster::master_request(const net::request& r) {
  switch (r.code()) {
    case wire::opcode::lookup: {
      wire::lookup_request q;
      if (!r.decode(q)) return refused(errc::protocol);
      wire::lookup_reply reply;
      const auto found = files_.find(std::string(q.path));
      if (found != files_.end()) {
        reply.entry = found->second.entry;
        reply.chunks = found->second.chunks;
      } else if (directories_.contains(std::string(q.path))) {
        reply.entry.type = 2;
      } else {
        return refused(errc::not_found);
      }
      return said(std::move(reply));
    }
    case wire::opcode::locate: return locate(r);
    case wire::opcode::list: return list(r);
    case wire::opcode::summary: return summary(r);
    case wire::opcode::grant: return grant(r);
    case wire::opcode::end_grant: {
      wire::end_grant_request q;
      if (!r.decode(q)) return refused(errc::protocol);
      grants_.erase({q.volume, q.first_key});
      return said(wire::end_grant_reply{});
    }
    case wire::opcode::trash_empty: return said(wire::trash_empty_reply{7});
    case wire::opcode::admin_report: {
      wire::admin_report_reply reply;
      reply.files = files_.size();
      for (const auto& n : nodes_) {
        wire::node_status& s = reply.nodes.emplace_back();
        s.address = n->listener->address();
        s.state = "live";
      }
      return said(std::move(reply));
    }
    default: return change(r);
  }
}

template <class Request, class Apply>
fake_cluster::answer fake_cluster::once(const net::request& r, Apply apply) {
  Request q;
  if (!r.decode(q)) return refused(errc::protocol);
  const std::pair<uuid, std::uint64_t> id{q.op.client.value, q.op.sequence};
  auto found = results_.find(id);
  if (found != results_.end()) {
    ++repetitions_;
  } else {
    result<wire::mutation_reply> outcome = apply(q);
    // As the real one: what changed nothing is not remembered.
    if (!outcome) return refused(outcome.error());
    outcome->txid = txid(++last_txid_);
    found = results_.emplace(id, std::move(outcome)).first;
  }
  return said(*found->second);
}

inline fake_cluster::answer fake_cluster::change(const net::request& r) {
  using reply = result<wire::mutation_reply>;
  switch (r.code()) {
    case wire::opcode::commit_file:
      return once<wire::commit_file_request>(r, [&](const auto& q) { return commit(q); });
    case wire::opcode::rename:
      return once<wire::rename_request>(r, [&](const auto& q) { return move(q); });
    case wire::opcode::remove:
      return once<wire::remove_request>(r, [&](const auto& q) { return remove(q); });
    case wire::opcode::make_directory:
      return once<wire::make_directory_request>(r, [&](const auto& q) -> reply {
        const bool made = directories_.insert(std::string(q.path)).second;
        if (!made && !q.parents) return errc::exists;
        return wire::mutation_reply{};
      });
    case wire::opcode::set_attributes:
      return once<wire::set_attributes_request>(r, [&](const auto& q) -> reply {
        const auto found = files_.find(std::string(q.path));
        if (found == files_.end()) return errc::not_found;
        wire::entry_info& e = found->second.entry;
        if ((q.mask & wire::attribute_mtime) != 0) e.mtime_ms = q.mtime_ms;
        if ((q.mask & wire::attribute_mode) != 0) e.mode = q.mode;
        if ((q.mask & wire::attribute_owner) != 0) e.owner = q.owner;
        if ((q.mask & wire::attribute_group) != 0) e.group = q.group;
        return wire::mutation_reply{};
      });
    default: return refused(errc::unsupported);
  }
}

inline bool fake_cluster::is_expected(const std::string& path,
                                      const std::vector<wire::file_version>& expected) const {
  if (expected.empty()) return true;
  const auto at = files_.find(path);
  if (at == files_.end()) return false;
  const wire::entry_info& now = at->second.entry;
  return std::any_of(expected.begin(), expected.end(), [&](const wire::file_version& v) {
    return v.size == now.size && v.crc32c == now.crc32c && v.mtime_ms == now.mtime_ms;
  });
}

inline result<wire::mutation_reply> fake_cluster::commit(const wire::commit_file_request& q) {
  const std::string path(q.path);
  if (path.empty() || path[0] != '/') return errc::invalid_path;
  if (directories_.contains(path)) return errc::is_directory;
  wire::mutation_reply reply;
  reply.replaced = files_.contains(path);
  if (reply.replaced && !q.overwrite) return errc::exists;
  if (!is_expected(path, q.expected)) return errc::precondition;
  for (const wire::chunk_ref& c : q.chunks) {
    if (volumes_[c.volume].closed) {
      return failure(make_error_code(errc::regrant), "", std::to_string(c.volume.value));
    }
    for (const std::size_t m : volumes_[c.volume].members) {
      const auto held = nodes_[m]->chunks.find({c.volume, c.key});
      if (held == nodes_[m]->chunks.end() || held->second.view.size() != c.size) {
        return failure(errc::internal, "committed before it was stored");
      }
    }
  }
  file& f = files_[path];
  f.chunks = q.chunks;
  f.entry.type = 1;
  f.entry.size = q.size;
  f.entry.crc32c = q.crc32c;
  f.entry.mtime_ms = q.mtime_ms;
  f.entry.mode = q.mode;
  f.entry.owner = q.user;
  f.entry.group = q.group;
  f.entry.replication = q.replication;
  f.entry.content_type = q.content_type;
  return reply;
}

inline result<wire::mutation_reply> fake_cluster::move(const wire::rename_request& q) {
  const auto from = files_.find(std::string(q.from));
  if (from == files_.end()) return errc::not_found;
  wire::mutation_reply reply;
  reply.replaced = files_.contains(std::string(q.to));
  if (reply.replaced && !q.overwrite) return errc::exists;
  files_[std::string(q.to)] = from->second;
  files_.erase(std::string(q.from));
  return reply;
}

inline result<wire::mutation_reply> fake_cluster::remove(const wire::remove_request& q) {
  const std::string path(q.path);
  if (!files_.contains(path)) return errc::not_found;
  if (!is_expected(path, q.expected)) return errc::precondition;
  files_.erase(path);
  wire::mutation_reply reply;
  if (!q.skip_trash) reply.path = "/.trash" + path;
  return reply;
}

inline fake_cluster::answer fake_cluster::grant(const net::request& r) {
  wire::grant_request q;
  if (!r.decode(q)) return refused(errc::protocol);
  for (const std::string& a : q.exclude_addresses) ++exclusions_[a];
  // Open volumes of two members, first members in turn; closed and excluded ones are left out.
  std::vector<volume_id> usable;
  for (const auto& [id, v] : volumes_) {
    const bool excluded = std::find(q.exclude_volumes.begin(), q.exclude_volumes.end(), id) !=
                          q.exclude_volumes.end();
    bool avoided = false;
    for (const std::size_t m : v.members) {
      for (const std::string& a : q.exclude_addresses) avoided = avoided || a == node(m);
    }
    if (!v.closed && !excluded && !avoided) usable.push_back(id);
  }
  if (usable.size() < options_.volumes) {
    std::vector<std::size_t> members;
    for (std::size_t i = 0; i < nodes_.size() && members.size() < 2; ++i) {
      const std::size_t m = (turn_ + i) % nodes_.size();
      bool avoided = false;
      for (const std::string& a : q.exclude_addresses) avoided = avoided || a == node(m);
      if (!avoided) members.push_back(m);
    }
    if (members.empty()) return refused(errc::no_datanodes);
    const volume_id id(std::uint64_t{1} << 32 | next_volume_++);
    volumes_[id].members = std::move(members);
    usable.push_back(id);
  }
  const volume_id id = usable[turn_++ % usable.size()];
  fake_volume& v = volumes_[id];
  wire::grant_reply reply;
  reply.volume = id;
  reply.generation = 1;
  reply.first_key = v.next_key;
  reply.key_count = std::max<std::uint32_t>(q.key_count, 1);
  if (options_.grant_keys != 0) reply.key_count = std::min(reply.key_count, options_.grant_keys);
  reply.bytes = options_.grant_bytes != 0 ? std::min(q.bytes, options_.grant_bytes) : q.bytes;
  for (const std::size_t m : v.members) reply.replicas.push_back({node_id(), node(m)});
  reply.idle_ms = options_.session_ms;
  reply.chunk_size = options_.chunk_size;
  v.next_key += reply.key_count;
  grants_.insert({id, reply.first_key});
  return said(std::move(reply));
}

inline fake_cluster::answer fake_cluster::locate(const net::request& r) {
  wire::locate_request q;
  if (!r.decode(q)) return refused(errc::protocol);
  wire::locate_reply reply;
  reply.cache_ms = options_.cache_ms;
  for (const volume_id id : q.volumes) {
    const auto found = volumes_.find(id);
    if (found == volumes_.end()) continue;
    wire::volume_location& where = reply.volumes.emplace_back();
    where.volume = id;
    for (const std::size_t m : found->second.members) {
      where.replicas.push_back({node_id(), node(m)});
    }
  }
  return said(std::move(reply));
}

inline fake_cluster::answer fake_cluster::list(const net::request& r) {
  wire::list_request q;
  if (!r.decode(q)) return refused(errc::protocol);
  const std::string prefix = q.path == "/" ? "/" : std::string(q.path) + "/";
  wire::list_reply reply;
  for (const auto& [path, f] : files_) {
    if (!path.starts_with(prefix) || path.find('/', prefix.size()) != std::string::npos) continue;
    const std::string name = path.substr(prefix.size());
    if (name <= q.after) continue;
    if (reply.entries.size() == q.limit) {
      reply.more = true;
      break;
    }
    reply.entries.push_back({name, f.entry});
  }
  return said(std::move(reply));
}

inline fake_cluster::answer fake_cluster::summary(const net::request& r) {
  wire::summary_request q;
  if (!r.decode(q)) return refused(errc::protocol);
  wire::summary_reply reply;
  for (const auto& [path, f] : files_) {
    if (!path.starts_with(q.path)) continue;
    ++reply.files;
    reply.bytes += f.entry.size;
  }
  return said(reply);
}

// --- datanodes --------------------------------------------------------------------------------

inline fake_cluster::role* fake_cluster::node_at(std::string_view address) {
  for (const auto& n : nodes_) {
    if (n->listener->address() == address) return n.get();
  }
  return nullptr;
}

inline result<void> fake_cluster::store(role& first, std::string_view next, chunk_id id,
                                        shared_bytes bytes) {
  std::vector<role*> chain{&first};
  while (!next.empty()) {
    const std::size_t comma = std::min(next.find(','), next.size());
    chain.push_back(node_at(next.substr(0, comma)));
    if (chain.back() == nullptr) return failure(errc::internal, "no such member");
    next.remove_prefix(std::min(comma + 1, next.size()));
  }
  for (role* n : chain) {
    if (!n->chunks.emplace(id, bytes).second) {
      ++rewritten_keys_;
      return errc::key_conflict;
    }
  }
  return {};
}

inline fake_cluster::answer fake_cluster::write(role& at, const net::request& r) {
  if (r.code() == wire::opcode::write_chunk) {
    wire::write_chunk_request q;
    if (!r.decode(q) || r.body().size() > wire::small_chunk_max) return refused(errc::protocol);
    if (crc32c(r.body()) != q.crc32c) return refused(errc::checksum);
    auto stored = store(at, q.next, {q.volume, q.key}, copy_bytes(r.body()));
    return stored ? said(wire::write_reply{}) : refused(stored.error());
  }
  if (r.code() == wire::opcode::write_begin) {
    wire::write_begin_request q;
    if (!r.decode(q) || q.size <= wire::small_chunk_max) return refused(errc::protocol);
    const buffer_ref room = buffer::make(q.size);
    at.begun[{q.volume, q.key}] = {q.crc32c, {{room->data(), q.size}, room}};
    return said(wire::write_reply{});
  }
  if (r.code() == wire::opcode::write_piece) {
    wire::write_piece_request q;
    if (!r.decode(q)) return refused(errc::protocol);
    const auto found = at.begun.find({q.volume, q.key});
    if (found == at.begun.end()) return refused(errc::invalid_argument);
    const shared_bytes& room = found->second.second;
    if (q.offset % wire::small_chunk_max != 0 || q.offset + r.body().size() > room.view.size() ||
        crc32c(r.body()) != q.crc32c) {
      return refused(errc::checksum);
    }
    std::memcpy(room.hold->data() + q.offset, r.body().data(), r.body().size());
    return said(wire::write_reply{});
  }
  wire::write_end_request q;
  if (!r.decode(q)) return refused(errc::unsupported);
  const auto found = at.begun.find({q.volume, q.key});
  if (found == at.begun.end()) return refused(errc::invalid_argument);
  const auto [crc, bytes] = found->second;
  at.begun.erase(found);
  if (crc32c(bytes.view) != crc) return refused(errc::checksum);
  auto stored = store(at, q.next, {q.volume, q.key}, bytes);
  return stored ? said(wire::write_reply{}) : refused(stored.error());
}

inline fake_cluster::answer fake_cluster::read(role& at, const net::request& r, bool corrupt) {
  wire::read_chunk_request q;
  if (!r.decode(q) || q.length > wire::max_body) return refused(errc::protocol);
  const auto found = at.chunks.find({q.volume, q.key});
  if (found == at.chunks.end()) return refused(errc::not_found);
  const shared_bytes& chunk = found->second;
  if (std::uint64_t{q.offset} + q.length > chunk.view.size())
    return refused(errc::invalid_argument);
  shared_bytes body{chunk.view.subspan(q.offset, q.length), chunk.hold};
  const wire::read_chunk_reply reply{crc32c(body.view),
                                     static_cast<std::uint32_t>(chunk.view.size())};
  if (corrupt) {
    body = copy_bytes(body.view);
    body.hold->data()[body.view.size() / 2] ^= std::byte{1};
  }
  return [reply, body](net::request& out) { out.reply(reply, body); };
}

}  // namespace ssdfs::test
