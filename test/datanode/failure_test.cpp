// Disks that fail, and stops in the middle of work.
#include "datanode/node_fixture.hpp"
#include "util/sim_files.hpp"

#include <filesystem>

using namespace ssdfs;
using namespace ssdfs::test;

namespace {

// A member that takes everything and answers nothing, as a stopped process does.
class hung_member final : public net::service {
 public:
  explicit hung_member(boost::asio::io_context& io) {
    auto server = net::server::listen(io, *this, {.listen = "127.0.0.1:0"});
    BOOST_REQUIRE(server.has_value());
    server_ = std::move(*server);
    server_->start();
  }
  ~hung_member() override { server_->stop(); }
  [[nodiscard]] std::string address() const { return server_->address(); }
  [[nodiscard]] node_id id() const { return id_; }
  /// The chain of the fixture's first node and this one.
  [[nodiscard]] std::string behind(const node_fixture& f) const {
    const replica_address at{id_, address()};
    return f.member(0) + "," + wire::chain_text({&at, 1});
  }

  result<wire::hello_reply> hello(const wire::hello_request&) override {
    wire::hello_reply reply;
    reply.protocol = wire::protocol_max;
    reply.node = id_;
    return reply;
  }
  void handle(std::span<net::request> batch) override {
    const std::lock_guard lock(mutex_);
    for (auto& r : batch) kept_.push_back(std::move(r));
  }

 private:
  const node_id id_{io::random_uuid()};
  std::mutex mutex_;
  std::vector<net::request> kept_;
  std::unique_ptr<net::server> server_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(failures)

BOOST_AUTO_TEST_CASE(a_hung_member_costs_one_deadline_and_is_named) {
  node_fixture f(1, [](datanode::datanode_options& o) { o.chain_timeout_ms = 200; });
  hung_member hung(f.threads.context());
  f.tell(0, {f.address_of(0), {hung.id(), hung.address()}});
  const byte_vector content = random_bytes(5000, 1);
  const std::int64_t began = io::steady_ms();
  const auto written = f.write(1, content, {.chain = hung.behind(f)});
  BOOST_REQUIRE(written.has_error());
  BOOST_TEST((written.error() == errc::timed_out));
  BOOST_TEST(written.error().hint == hung.address());
  BOOST_TEST(io::steady_ms() - began >= 200);
  BOOST_TEST((f.master.wait_failure(f.nodes[0]->id()).node == hung.id()));
  f.require_everywhere(1, content);  // the local half was done meanwhile
}

BOOST_AUTO_TEST_CASE(writes_that_wait_for_a_hung_member_are_bounded_and_others_go_on) {
  node_fixture f(1, [](datanode::datanode_options& o) { o.chain_timeout_ms = 1000; });
  hung_member hung(f.threads.context());
  f.tell(0, {f.address_of(0), {hung.id(), hung.address()}});
  const byte_vector content = random_bytes(wire::small_chunk_max, 1);
  // One connection alone is bounded by the server; together they meet the node's own bound.
  std::vector<std::shared_ptr<net::channel>> writers;
  std::vector<net::awaited<wire::write_chunk_request>> calls;
  chunk_key key = 0;
  for (int w = 0; w < 6; ++w) {
    writers.push_back(
        net::channel::make(f.threads.context().get_executor(), f.nodes[0]->address(), f.hello()));
    for (int i = 0; i < 60; ++i) {
      const auto m = f.small_write(++key, content, {.chain = hung.behind(f)});
      calls.emplace_back(*writers.back(), m, 20'000, shared_bytes{content, {}});
    }
  }
  std::size_t busy = 0;
  for (auto& c : calls) {
    const auto answer = c.wait();
    BOOST_REQUIRE(answer.has_error());
    if (answer.error() == errc::busy) ++busy;
  }
  BOOST_TEST(busy > 0u);
  BOOST_TEST(busy < calls.size());
  // A write that ends here waits for nobody.
  f.tell(0, {f.address_of(0)});
  BOOST_TEST(f.write(++key, content, {.chain = f.member(0)}).has_value());
  for (auto& w : writers) w->stop();
}

BOOST_AUTO_TEST_CASE(a_disk_that_fails_takes_its_volume_out_not_the_node) {
  sim_files disk;
  node_fixture f(1, [&](datanode::datanode_options& o) { o.files = &disk; });
  const byte_vector content = random_bytes(5000, 1);
  BOOST_REQUIRE(f.write(1, content));
  disk.fail_at(disk.calls() + 1, fault::io, true);
  const auto failed = f.write(2, content);
  BOOST_REQUIRE(failed.has_error());
  BOOST_TEST((failed.error() == errc::io || failed.error() == errc::damaged));
  BOOST_TEST((f.master.wait_failure(f.nodes[0]->id()).node == f.nodes[0]->id()));
  f.master.wait_report(f.nodes[0]->id(), f.volume,
                       [](const auto& r) { return r.state == replica_state::damaged; });
  f.require_everywhere(1, content);  // what can be read still is
}

BOOST_AUTO_TEST_CASE(no_space_in_the_middle_of_an_append_damages_nothing) {
  sim_files disk;
  node_fixture f(1, [&](datanode::datanode_options& o) { o.files = &disk; });
  const byte_vector content = random_bytes(5000, 1);
  BOOST_REQUIRE(f.write(1, content));
  disk.fail_at(disk.calls() + 1, fault::short_space);
  BOOST_TEST((f.write(2, content).error() == errc::no_space));
  BOOST_TEST(f.write(3, content).has_value());
  f.require_everywhere(1, content);
  f.require_everywhere(3, content);
}

BOOST_AUTO_TEST_CASE(what_was_acknowledged_under_sync_always_survives_a_power_cut) {
  sim_files disk;
  std::vector<byte_vector> contents;
  {
    node_fixture f(1, [&](datanode::datanode_options& o) {
      o.files = &disk;
      o.data_dirs = {{"/disk", 0}};
      o.sync = datanode::sync_policy::always;
    });
    for (chunk_key key = 1; key <= 20; ++key) {
      contents.push_back(random_bytes(100 * key, key));
      BOOST_REQUIRE(f.write(key, contents.back()));
    }
    disk.die_at(disk.calls() + 1);
    BOOST_TEST(f.write(21, contents[0]).has_error());
  }
  disk.power_loss(unsynced::drop);
  io_threads threads;
  test_node again(threads.context(), {}, [&](datanode::datanode_options& o) {
    o.files = &disk;
    o.data_dirs = {{"/disk", 0}};
  });
  auto channel = net::channel::make(threads.context().get_executor(), again.address(), {});
  for (chunk_key key = 1; key <= 20; ++key) {
    const byte_vector& content = contents[key - 1];
    wire::read_chunk_request m;
    m.volume = node_fixture::volume;
    m.key = key;
    m.length = m.expected_size = static_cast<std::uint32_t>(content.size());
    m.expected_crc32c = crc32c(content);
    const auto got = net::awaited<wire::read_chunk_request>(*channel, m, 5000).wait();
    BOOST_REQUIRE_MESSAGE(got.has_value(), got.error().message());
    BOOST_TEST(std::equal(got->body.begin(), got->body.end(), content.begin(), content.end()));
  }
  channel->stop();
}

BOOST_AUTO_TEST_CASE(one_bad_directory_of_two_is_left_out) {
  temp_dir dir;
  std::filesystem::create_directory(dir.path() + "/locked");
  io_threads threads;
  datanode::datanode_options o;
  o.data_dirs = {{"/proc/no-such-place/x", 0}, {dir.path() + "/good", 0}};
  o.listen = "127.0.0.1:0";
  auto node = datanode::datanode::start(threads.context(), o);
  BOOST_REQUIRE_MESSAGE(node.has_value(), node.error().message());
  BOOST_TEST((*node)->stats().failed_disks == 1u);
  (*node)->stop();
}

BOOST_AUTO_TEST_CASE(a_seal_ends_large_writes_with_an_answer_that_says_so) {
  node_fixture f(1);
  const byte_vector content = random_bytes(600'000, 1);
  wire::write_begin_request begin;
  const std::string chain = f.chain();
  const std::string ticket = f.ticket(chain);
  begin.chain = chain;
  begin.ticket = ticket;
  begin.volume = f.volume;
  begin.generation = 1;
  begin.key = 1;
  begin.size = static_cast<std::uint32_t>(content.size());
  begin.crc32c = crc32c(content);
  BOOST_REQUIRE(f.call(0, begin));
  f.require_done(0, {.kind = order_kind::seal, .volume = f.volume, .generation = 1});
  const bytes_view part = bytes_view(content).first(wire::small_chunk_max);
  wire::write_piece_request piece;
  piece.chain = chain;
  piece.ticket = ticket;
  piece.volume = f.volume;
  piece.generation = 1;
  piece.key = 1;
  piece.crc32c = crc32c(part);
  BOOST_TEST((f.call(0, piece, part).error() == errc::sealed));
  piece.key = 9;
  BOOST_TEST((f.call(0, piece, part).error() == errc::key_conflict));
}

BOOST_AUTO_TEST_CASE(damaged_pieces_and_wrong_sums_are_refused) {
  node_fixture f(1);
  const byte_vector content = random_bytes(300'000, 1);
  wire::write_begin_request begin;
  const std::string chain = f.chain();
  const std::string ticket = f.ticket(chain);
  begin.chain = chain;
  begin.ticket = ticket;
  begin.volume = f.volume;
  begin.generation = 1;
  begin.key = 1;
  begin.size = static_cast<std::uint32_t>(content.size());
  begin.crc32c = crc32c(content) ^ 1;
  BOOST_REQUIRE(f.call(0, begin));
  const bytes_view first = bytes_view(content).first(wire::small_chunk_max);
  const bytes_view last = bytes_view(content).subspan(wire::small_chunk_max);
  wire::write_piece_request piece;
  piece.chain = chain;
  piece.ticket = ticket;
  piece.volume = f.volume;
  piece.generation = 1;
  piece.key = 1;
  piece.crc32c = crc32c(first) ^ 1;
  BOOST_TEST((f.call(0, piece, first).error() == errc::checksum));
  piece.crc32c ^= 1;
  BOOST_REQUIRE(f.call(0, piece, first));
  piece.offset = 1;
  BOOST_TEST((f.call(0, piece, last).error() == errc::invalid_argument));
  piece.offset = wire::small_chunk_max;
  piece.crc32c = crc32c(last);
  BOOST_REQUIRE(f.call(0, piece, last));
  wire::write_end_request end;
  end.chain = chain;
  end.ticket = ticket;
  end.volume = f.volume;
  end.generation = 1;
  end.key = 1;
  BOOST_TEST((f.call(0, end).error() == errc::checksum));
  BOOST_TEST((f.read(0, 1, content).error() == errc::not_found));
}

BOOST_AUTO_TEST_CASE(a_stop_under_load_answers_or_refuses_every_write_and_keeps_what_it_acked) {
  node_fixture f(2);
  constexpr chunk_key count = 2000;
  const byte_vector content = random_bytes(4096, 1);
  std::vector<net::awaited<wire::write_chunk_request>> calls;
  for (chunk_key key = 1; key <= count; ++key) {
    calls.push_back(f.call_later(0, f.small_write(key, content, {}), content));
    if (key == count / 2) f.nodes[0]->stop();
  }
  std::vector<chunk_key> acknowledged;
  for (chunk_key key = 1; key <= count; ++key) {
    if (calls[key - 1].wait()) acknowledged.push_back(key);
  }
  BOOST_TEST(acknowledged.size() <= count / 2);
  f.nodes[0]->start();
  for (const chunk_key key : acknowledged) f.require_everywhere(key, content);
}

BOOST_AUTO_TEST_CASE(the_witness_is_on_disk_before_something_is_removed) {
  node_fixture f(1);
  f.require_done(0, {.kind = order_kind::seal, .volume = f.volume, .generation = 1});
  const std::string path = f.nodes[0]->directory() + "/d/witness.json";
  BOOST_REQUIRE(f.write(1, random_bytes(10, 1)).has_error());
  f.require_done(0, {.kind = order_kind::remove_keys,
                     .volume = f.volume,
                     .removal_number = 1,
                     .keys = {1},
                     .justified_by = txid(1)});
  const auto text = io::read_file(io::system_files(), path, 1000);
  BOOST_REQUIRE(text.has_value());
  BOOST_TEST(as_chars(*text).find(to_string(f.master.reign().leader)) != std::string_view::npos);
}

BOOST_AUTO_TEST_SUITE_END()
