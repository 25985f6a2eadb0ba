#include "io/disk_pool.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <future>
#include <memory>
#include <thread>

using ssdfs::errc;
using ssdfs::io::disk_pool;

BOOST_AUTO_TEST_SUITE(disk_pool_test)

BOOST_AUTO_TEST_CASE(runs_every_accepted_task_before_stop_returns) {
  std::atomic<int> ran{0};
  disk_pool pool({.threads = 3, .queue_limit = 1000});
  for (int i = 0; i < 500; ++i) {
    auto owned = std::make_unique<int>(1);
    BOOST_REQUIRE(pool.submit([&ran, owned = std::move(owned)] { ran += *owned; }));
  }
  pool.stop();
  BOOST_TEST(ran == 500);
  BOOST_TEST(pool.pending() == 0U);
}

BOOST_AUTO_TEST_CASE(refuses_beyond_its_bound_and_recovers) {
  disk_pool pool({.threads = 1, .queue_limit = 2});
  std::promise<void> gate;
  std::promise<void> finished;
  BOOST_REQUIRE(pool.submit([&] { gate.get_future().wait(); }));
  BOOST_REQUIRE(pool.submit([&] { finished.set_value(); }));
  const auto refused = pool.submit([] {});
  BOOST_REQUIRE(refused.has_error());
  BOOST_TEST((refused.error() == errc::busy));
  gate.set_value();
  finished.get_future().wait();
  // The last task stops counting right after it ran.
  while (pool.pending() > 0) std::this_thread::yield();
  BOOST_TEST(pool.submit([] {}).has_value());
}

BOOST_AUTO_TEST_CASE(refuses_after_stop) {
  disk_pool pool({});
  pool.stop();
  pool.stop();
  const auto refused = pool.submit([] { BOOST_ERROR("must not run"); });
  BOOST_REQUIRE(refused.has_error());
  BOOST_TEST((refused.error() == errc::shutting_down));
}

BOOST_AUTO_TEST_SUITE_END()
