// The small parts of the role, each alone.
#include "datanode/byte_budget.hpp"
#include "datanode/byte_rate.hpp"
#include "datanode/chain.hpp"
#include "datanode/op_metrics.hpp"
#include "datanode/order_job.hpp"
#include "datanode/repeating_timer.hpp"
#include "datanode/scrub_position.hpp"
#include "datanode/witness_file.hpp"
#include "io/clock.hpp"
#include "util/io_threads.hpp"
#include "util/sim_files.hpp"

#include <boost/test/unit_test.hpp>

#include <future>
#include <string>
#include <thread>
#include <vector>

using namespace ssdfs;
using namespace ssdfs::datanode;

BOOST_AUTO_TEST_SUITE(parts)

BOOST_AUTO_TEST_CASE(a_node_finds_its_place_in_a_chain) {
  const node_id a(parse_uuid("aaaaaaaa-0000-4000-8000-000000000001").value());
  const node_id b(parse_uuid("bbbbbbbb-0000-4000-8000-000000000002").value());
  const node_id c(parse_uuid("cccccccc-0000-4000-8000-000000000003").value());
  const std::vector<replica_address> members{{a, "a:1"}, {b, "[::1]:2"}};
  const std::string chain = wire::chain_text(members);
  const auto first = find_place(chain, a);
  BOOST_REQUIRE(first);
  BOOST_TEST(first->hops() == 1u);
  BOOST_TEST((first->next().node == b));
  BOOST_TEST(first->next().address == "[::1]:2");
  BOOST_TEST(first->find("a:1") == &first->self());
  BOOST_TEST(first->find("a:2") == nullptr);
  const auto last = find_place(chain, b);
  BOOST_REQUIRE(last);
  BOOST_TEST(last->hops() == 0u);
  BOOST_TEST((find_place(chain, c).error() == errc::wrong_node));
}

BOOST_AUTO_TEST_CASE(a_budget_is_counted_by_distance) {
  byte_budget b(100);
  BOOST_TEST(b.take(2, 60));
  BOOST_TEST(!b.take(2, 60));
  BOOST_TEST(b.take(1, 60));    // another distance is not affected
  BOOST_TEST(b.take(0, 1000));  // one always fits
  BOOST_TEST(!b.take(0, 1));
  BOOST_TEST(b.used() == 1120u);
  b.give_back(0, 1000);
  BOOST_TEST(b.take(0, 1));
  b.give_back(2, 60);
  BOOST_TEST(b.take(2, 100));
}

BOOST_AUTO_TEST_CASE(the_scrubbers_position_comes_back_or_not_at_all) {
  test::sim_files fs;
  BOOST_REQUIRE(fs.make_directories("/d"));
  BOOST_TEST((load_scrub_position(fs, "/d") == scrub_position{}));
  const scrub_position at{.pass = 3,
                          .began_ms = 1767225600000,
                          .volume = volume_id(4294967298),
                          .key = 17,
                          .last_full_ms = 1767225000000,
                          .bad = 2,
                          .repaired = 2};
  BOOST_REQUIRE(store_scrub_position(fs, "/d", at));
  BOOST_TEST((load_scrub_position(fs, "/d") == at));
  // As docs/formats/scrub.md shows it.
  const std::string golden =
      R"({"format":"ssdfs-scrub-1","pass":"3","began_ms":"1767225600000","volume":"4294967298",)"
      R"("key":"17","last_full_ms":"1767225000000","bad":"2","repaired":"2"} c0b983c2)"
      "\n";
  BOOST_TEST(to_text(at) == golden);
  // Every prefix and every flipped bit is told from the whole.
  for (std::size_t n = 0; n < golden.size(); ++n) {
    BOOST_TEST(!parse_scrub_position(as_bytes(golden.substr(0, n))));
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = golden;
      bad[n] = static_cast<char>(bad[n] ^ (1 << bit));
      BOOST_TEST(!parse_scrub_position(as_bytes(bad)));
    }
  }
}

BOOST_AUTO_TEST_CASE(only_broken_members_are_reported) {
  for (const errc healthy : {errc::sealed, errc::stale_generation, errc::busy, errc::key_conflict,
                             errc::checksum, errc::permission_denied, errc::expired_ticket}) {
    BOOST_TEST(!member_failed(healthy));
  }
  for (const errc broken : {errc::connection, errc::timed_out, errc::io, errc::damaged,
                            errc::no_space, errc::not_found, errc::shutting_down}) {
    BOOST_TEST(member_failed(broken));
  }
}

BOOST_AUTO_TEST_CASE(a_rate_is_kept_on_average) {
  byte_rate unbounded(0);
  BOOST_TEST(unbounded.used(1 << 30, 0) == 0);
  byte_rate rate(1'000'000);
  std::int64_t now = 10'000'000'000;
  std::int64_t began = now;
  for (int i = 0; i < 100; ++i) now += rate.used(100'000, now);
  const double seconds = static_cast<double>(now - began) / 1e9;
  BOOST_TEST(seconds > 9.0);  // 10 MB at 1 MB/s, a quarter of a second of slack
  BOOST_TEST(seconds < 10.1);
}

BOOST_AUTO_TEST_CASE(a_cancelled_job_wakes_from_its_pause) {
  order_job job({.id = 1, .rate_bytes_per_s = 1}, 0);
  std::thread canceller([&] { job.cancel(); });
  BOOST_TEST((job.moved(1 << 30).error() == errc::cancelled));
  canceller.join();
  BOOST_TEST(job.cancelled());
}

BOOST_AUTO_TEST_CASE(operations_are_counted_by_name) {
  op_metrics m(0);
  const failure why(errc::busy);
  op_times times{.received = io::steady_ns() - 5'000'000};
  m.finished({wire::opcode::read_chunk, volume_id(1), 1, 10}, times, nullptr);
  m.finished({wire::opcode::read_chunk, volume_id(1), 1, 10}, times, &why);
  m.finished({wire::opcode::lookup, volume_id(1), 1, 10}, times, nullptr);  // not a datanode's
  for (const operation_stats& s : m.summary()) {
    const bool read = s.operation == "read_chunk";
    BOOST_TEST(s.count == (read ? 2u : 0u));
    BOOST_TEST(s.errors == (read ? 1u : 0u));
    if (read) BOOST_TEST(s.p50_us >= 5000u);
  }
}

BOOST_AUTO_TEST_CASE(a_timer_repeats_until_it_is_stopped) {
  test::io_threads threads(1);
  std::atomic<int> ticks{0};
  std::promise<void> third;
  repeating_timer timer(threads.context(), 1, [&] {
    if (++ticks == 3) third.set_value();
  });
  timer.start();
  third.get_future().wait();
  timer.stop();
  const int at_stop = ticks;
  boost::asio::steady_timer later(threads.context(), std::chrono::milliseconds(10));
  std::promise<void> passed;
  later.async_wait([&](boost::system::error_code) { passed.set_value(); });
  passed.get_future().wait();
  BOOST_TEST(ticks == at_stop);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(witness)

namespace {

const ssdfs::witness first_seen{epoch_t(3), node_id(io::random_uuid()), txid(1ULL << 60)};
const ssdfs::witness seen_later{epoch_t(4), node_id(io::random_uuid()), txid(5)};

}  // namespace

BOOST_AUTO_TEST_CASE(nothing_is_remembered_at_first) {
  test::sim_files fs;
  BOOST_TEST((witness_file(fs, {"/d"}).highest() == ssdfs::witness{}));
}

BOOST_AUTO_TEST_CASE(survives_a_power_cut_at_every_call) {
  for (std::uint64_t k = 1;; ++k) {
    test::sim_files fs;
    BOOST_REQUIRE(fs.make_directories("/d"));
    BOOST_REQUIRE(fs.sync_directory("/"));
    BOOST_REQUIRE(witness_file(fs, {"/d"}).remember(first_seen));
    fs.power_loss(test::unsynced::drop);
    fs.die_at(k);
    witness_file file(fs, {"/d"});
    const bool acknowledged = file.remember(seen_later).has_value();
    const bool died = fs.dead();
    fs.power_loss(test::unsynced::tear, k);
    const auto found = witness_file(fs, {"/d"}).highest();
    BOOST_TEST((found == seen_later || (!acknowledged && found == first_seen)));
    if (!died) break;
  }
}

BOOST_AUTO_TEST_CASE(one_of_two_disks_is_enough) {
  test::sim_files fs;
  for (const char* d : {"/a", "/b"}) BOOST_REQUIRE(fs.make_directories(d));
  witness_file file(fs, {"/a", "/b"});
  BOOST_REQUIRE(file.remember(first_seen));
  fs.set_contents("/a/witness.json", {std::byte{'{'}});
  BOOST_TEST((witness_file(fs, {"/a", "/b"}).highest() == first_seen));
  fs.fail_at(fs.calls() + 1, test::fault::io);
  BOOST_TEST(file.remember(seen_later).has_value());
  BOOST_TEST((witness_file(fs, {"/a", "/b"}).highest() == seen_later));
  fs.fail_at(fs.calls() + 1, test::fault::io, true);
  BOOST_TEST(file.remember({epoch_t(5), first_seen.leader, txid(1)}).has_error());
  BOOST_TEST((file.highest() == seen_later));
}

BOOST_AUTO_TEST_SUITE_END()
