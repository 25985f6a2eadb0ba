// Real datanodes on loopback below a fake master, and a caller that waits for answers.
#pragma once

#include "base/crc32c.hpp"
#include "datanode/datanode.hpp"
#include "net/await.hpp"
#include "net/channel.hpp"
#include "util/fake_master.hpp"
#include "util/io_threads.hpp"
#include "util/temp_dir.hpp"
#include "wire/chain.hpp"
#include "wire/chunk_messages.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace ssdfs::test {

using byte_vector = std::vector<std::byte>;

inline byte_vector random_bytes(std::size_t size, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  byte_vector out(size);
  for (auto& b : out) b = static_cast<std::byte>(random());
  return out;
}

/// One datanode with its directory; may be stopped and started again.
class test_node {
 public:
  test_node(boost::asio::io_context& io, std::vector<std::string> masters,
            std::function<void(datanode::datanode_options&)> adjust = {})
      : io_(io), masters_(std::move(masters)), adjust_(std::move(adjust)) {
    start();
  }
  ~test_node() { stop(); }

  void start() {
    datanode::datanode_options o;
    o.data_dirs = {{dir_.path() + "/d", 0}};
    o.listen = "127.0.0.1:0";
    o.masters = masters_;
    o.reserved_percent = 0;
    o.sync_interval_ms = 50;
    o.chain_timeout_ms = 2000;
    o.stop_timeout_ms = 1000;
    if (adjust_) adjust_(o);
    auto started = datanode::datanode::start(io_, std::move(o));
    if (!started) throw std::runtime_error(started.error().message());
    node_ = std::move(*started);
    id_ = node_->node();
    address_ = node_->address();
  }
  void stop() {
    if (node_) node_->stop();
    node_.reset();
  }
  [[nodiscard]] node_id id() const { return id_; }
  [[nodiscard]] const std::string& address() const { return address_; }
  [[nodiscard]] datanode::datanode& role() { return *node_; }
  [[nodiscard]] std::string volume_path(volume_id v) const;
  [[nodiscard]] const std::string& directory() const { return dir_.path(); }

 private:
  boost::asio::io_context& io_;
  const std::vector<std::string> masters_;
  const std::function<void(datanode::datanode_options&)> adjust_;
  temp_dir dir_;
  std::unique_ptr<datanode::datanode> node_;
  node_id id_;
  std::string address_;
};

inline std::string test_node::volume_path(volume_id) const {
  for (const auto& e : std::filesystem::directory_iterator(dir_.path() + "/d/volumes")) {
    if (e.path().extension() == ".vol") return e.path().string();
  }
  throw std::runtime_error("no volume file");
}

/// A cluster of `size` nodes and one volume on all of them, open at generation 1.
class node_fixture {
 public:
  static constexpr volume_id volume{0x100000001};

  explicit node_fixture(std::size_t size = 1,
                        std::function<void(datanode::datanode_options&)> adjust = {})
      : master(threads.context()), peers(threads.context().get_executor(), hello()) {
    for (std::size_t i = 0; i < size; ++i) {
      nodes.push_back(std::make_unique<test_node>(
          threads.context(), std::vector<std::string>{master.address()}, adjust));
      master.wait_registered(nodes.back()->id());
    }
    std::vector<replica_address> all;
    for (std::size_t i = 0; i < size; ++i) all.push_back(address_of(i));
    for (std::size_t i = 0; i < size; ++i) tell(i, all);
  }
  ~node_fixture() {
    for (auto& n : nodes) n->stop();
    peers.stop();
  }

  static net::channel_options hello() {
    net::channel_options o;
    o.hello.role = wire::peer_role::client;
    o.backoff_min_ms = 1;
    o.backoff_max_ms = 10;
    return o;
  }

  order_result order_to(std::size_t node, order what) {
    return master.run(nodes[node]->id(), std::move(what));
  }
  void require_done(std::size_t node, order what) {
    const order_result done = order_to(node, std::move(what));
    BOOST_REQUIRE_MESSAGE(done.status == 0, done.detail);
  }

  [[nodiscard]] replica_address address_of(std::size_t node) const {
    return {nodes[node]->id(), nodes[node]->address()};
  }
  /// The node has the volume, open at generation 1, and writes of it take this way.
  void tell(std::size_t node, std::vector<replica_address> members) {
    require_done(node, {.kind = order_kind::create,
                        .volume = volume,
                        .generation = 1,
                        .sources = std::move(members)});
  }

  /// A node as a chain names it.
  [[nodiscard]] std::string member(std::size_t node) const {
    const replica_address at{nodes[node]->id(), nodes[node]->address()};
    return wire::chain_text({&at, 1});
  }
  /// The chain of all nodes.
  [[nodiscard]] std::string chain() const {
    std::string out;
    for (std::size_t i = 0; i < nodes.size(); ++i) out += (i > 0 ? "," : "") + member(i);
    return out;
  }

  template <class Request>
  result<net::response<typename Request::reply>> call(std::size_t node, const Request& m,
                                                      bytes_view body = {}) {
    return call_later(node, m, body).wait();
  }
  /// `body` lives until the answer.
  template <class Request>
  net::awaited<Request> call_later(std::size_t node, const Request& m, bytes_view body = {}) {
    auto channel = peers.get(nodes[node]->address());
    return net::awaited<Request>(*channel, m, 10'000, {body, {}});
  }

  struct write_options {
    generation_t generation = 1;
    wire::ack_mode ack = wire::ack_mode::all;
    std::string chain = "all";  ///< the default: all nodes
    std::uint32_t crc_error = 0;
    std::string ticket = "good";  ///< the default: for everything along this chain
  };
  /// A ticket for writes of the volume along this chain (as text), but for the test's wishes.
  [[nodiscard]] std::string ticket(const std::string& chain,
                                   const fake_master::ticket_wish& wish = {},
                                   generation_t generation = 1) {
    const auto named = wire::parse_chain(chain);
    std::vector<node_id> members;
    if (named) {
      for (const wire::chain_member& m : *named) members.push_back(m.node);
    } else {
      members.push_back(nodes[0]->id());
    }
    return master.ticket(volume, generation, members, wish);
  }
  wire::write_chunk_request small_write(chunk_key key, bytes_view content, const write_options& o) {
    chain_ = o.chain == "all" ? chain() : o.chain;
    wire::write_chunk_request m;
    m.volume = volume;
    m.generation = o.generation;
    m.key = key;
    m.crc32c = crc32c(content) ^ o.crc_error;
    m.ack = o.ack;
    m.chain = chain_;
    ticket_ = o.ticket == "good" ? ticket(chain_, {}, o.generation) : o.ticket;
    m.ticket = ticket_;
    return m;
  }
  result<void> write(chunk_key key, bytes_view content) { return write(key, content, {}); }
  result<void> write(chunk_key key, bytes_view content, const write_options& o) {
    auto answer = call(0, small_write(key, content, o), content);
    if (!answer) return std::move(answer).error();
    return {};
  }

  /// write_begin, write_piece, write_end.
  result<void> write_large(chunk_key key, bytes_view content) {
    const std::string all = chain();
    const std::string good = ticket(all);
    wire::write_begin_request begin;
    begin.volume = volume;
    begin.generation = 1;
    begin.key = key;
    begin.size = static_cast<std::uint32_t>(content.size());
    begin.crc32c = crc32c(content);
    begin.chain = all;
    begin.ticket = good;
    if (auto a = call(0, begin); !a) return std::move(a).error();
    std::vector<net::awaited<wire::write_piece_request>> pieces;
    for (std::uint32_t at = 0; at < content.size(); at += wire::small_chunk_max) {
      const bytes_view part =
          content.subspan(at, std::min<std::size_t>(wire::small_chunk_max, content.size() - at));
      wire::write_piece_request piece;
      piece.volume = volume;
      piece.generation = 1;
      piece.key = key;
      piece.offset = at;
      piece.crc32c = crc32c(part);
      piece.chain = all;
      piece.ticket = good;
      pieces.push_back(call_later(0, piece, part));
    }
    for (auto& p : pieces) {
      if (auto a = p.wait(); !a) return std::move(a).error();
    }
    wire::write_end_request end;
    end.volume = volume;
    end.generation = 1;
    end.key = key;
    end.chain = all;
    end.ticket = good;
    if (auto a = call(0, end); !a) return std::move(a).error();
    return {};
  }

  /// Reads a range and checks the answer's checksum.
  result<byte_vector> read(std::size_t node, chunk_key key, bytes_view whole, std::uint32_t offset,
                           std::uint32_t length) {
    wire::read_chunk_request m;
    m.volume = volume;
    m.key = key;
    m.offset = offset;
    m.length = length;
    m.expected_size = static_cast<std::uint32_t>(whole.size());
    m.expected_crc32c = crc32c(whole);
    auto answer = call(node, m);
    if (!answer) return std::move(answer).error();
    BOOST_TEST(answer->message.crc32c == crc32c(answer->body));
    BOOST_TEST(answer->message.chunk_size == whole.size());
    return byte_vector(answer->body.begin(), answer->body.end());
  }
  /// All of a chunk, in as many requests as it takes.
  result<byte_vector> read(std::size_t node, chunk_key key, bytes_view whole) {
    byte_vector out;
    for (std::uint32_t at = 0; at < whole.size(); at += wire::max_body) {
      const auto n =
          static_cast<std::uint32_t>(std::min<std::size_t>(wire::max_body, whole.size() - at));
      auto part = read(node, key, whole, at, n);
      if (!part) return std::move(part).error();
      out.insert(out.end(), part->begin(), part->end());
    }
    return out;
  }
  void require_everywhere(chunk_key key, bytes_view content) {
    for (std::size_t i = 0; i < nodes.size(); ++i) {
      const auto got = read(i, key, content);
      BOOST_REQUIRE_MESSAGE(got.has_value(), got.error().message());
      BOOST_REQUIRE(std::equal(got->begin(), got->end(), content.begin(), content.end()));
    }
  }

  io_threads threads;
  fake_master master;
  net::channel_pool peers;
  std::vector<std::unique_ptr<test_node>> nodes;

 private:
  std::string chain_;  // what the last small_write's message aliases
  std::string ticket_;
};

}  // namespace ssdfs::test
