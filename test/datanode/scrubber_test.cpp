// The scrubber alone: passes, its position over restarts, what it can repair without a cluster.
#include "datanode/scrub_fixture.hpp"

using namespace ssdfs;
using namespace ssdfs::test;
using fixture = scrub_fixture;

BOOST_AUTO_TEST_SUITE(scrubbing)

BOOST_AUTO_TEST_CASE(a_pass_finds_what_is_bad_and_heals_what_it_can) {
  fixture f;
  f.flip(1, 3, 100);  // content: only another replica could help
  f.flip(2, 7, -20);  // header: the content is still there
  auto s = f.make();
  s->set_rate(1ULL << 30, 0);
  s->start();
  await([&] { return s->state().pass == 2 && s->state().repaired == 1; });
  const auto now = s->state();
  BOOST_TEST(now.bad == 2u);
  BOOST_TEST(now.unrepaired == 1u);
  BOOST_TEST(!now.running);
  BOOST_TEST(now.last_full_ms > 0);
  BOOST_TEST((f.store(1).bad_keys() == std::vector<chunk_key>{3}));
  BOOST_TEST(f.store(2).bad_keys().empty());
  BOOST_TEST(read_all(f.store(1), 3).has_error());
  BOOST_TEST(f.was_changed(1));
  BOOST_TEST(f.was_changed(2));
  // Another pass begins when it is asked for, not before.
  const auto begun = s->begin_pass();
  BOOST_TEST(begun == 2u);
  await([&] { return s->state().pass == 3; });
  s->stop();
}

BOOST_AUTO_TEST_CASE(it_keeps_to_the_rate_and_goes_on_where_it_was) {
  fixture f;
  constexpr std::uint64_t total = 2 * fixture::chunks_each * fixture::chunk_bytes;
  {
    auto s = f.make();
    s->set_rate(4 << 20, 0);
    const std::int64_t began = io::steady_ms();
    s->start();
    await([&] { return s->state().bytes_done > total / 2; });
    // A quarter of a second and a piece may come at once.
    BOOST_TEST(io::steady_ms() - began >= 100);
    BOOST_TEST(s->state().bytes_total == total);
    s->stop();
    BOOST_TEST(s->state().pass == 1u);
  }
  const auto at = ssdfs::datanode::load_scrub_position(f.fs, "/a");
  BOOST_TEST(at.began_ms > 0);
  BOOST_TEST((at.volume == volume_id(1) || at.volume == volume_id(2)));
  BOOST_TEST((at.volume != volume_id(1) || at.key > 1));
  auto s = f.make();
  s->set_rate(0, 0);
  s->start();
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  BOOST_TEST(s->state().bytes_done == 0u);  // switched off
  s->set_rate(1ULL << 30, 0);
  await([&] { return s->state().pass == 2; });
  s->stop();
  BOOST_TEST(ssdfs::datanode::load_scrub_position(f.fs, "/a").pass == 2u);
}

BOOST_AUTO_TEST_CASE(a_bad_record_that_a_reader_met_is_healed_without_a_pass) {
  fixture f;
  auto s = f.make();
  s->set_rate(0, 0);
  s->start();
  f.flip(2, 9, -10);
  static_cast<void>(f.store(2).scrub(0, 1 << 30));  // as a reader would: it is noted
  BOOST_TEST(f.store(2).bad_keys().size() == 1u);
  s->repair_soon(volume_id(2));
  await([&] { return f.store(2).bad_keys().empty(); });
  await([&] { return s->state().repaired == 1; });
  BOOST_TEST(s->state().bad == 1u);
  s->stop();
}

// Two replicas that are bad in the same place would else read each other without end.
BOOST_AUTO_TEST_CASE(what_cannot_be_repaired_is_not_tried_at_every_read) {
  fixture f;
  auto s = f.make();
  s->set_rate(0, 0);
  s->start();
  const auto rot = [&](chunk_key key) {
    f.flip(2, key, 10);
    static_cast<void>(f.store(2).scrub(0, 1 << 30));
  };
  const auto tries = [&] {
    const std::lock_guard lock(f.mutex);
    return f.changed.size();
  };
  rot(9);
  s->records_bad(volume_id(2));
  await([&] { return tries() == 1; });
  for (int i = 0; i < 50; ++i) s->records_bad(volume_id(2));
  rot(10);
  s->records_bad(volume_id(2));  // another one: at once
  await([&] { return tries() >= 2; });
  s->stop();
  BOOST_TEST(tries() <= 3u);  // one more may have had its turn
}

BOOST_AUTO_TEST_SUITE_END()
