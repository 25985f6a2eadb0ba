// Threads that wait for each other.
#include "net/await.hpp"

#include "net/test_service.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/test/unit_test.hpp>

#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>

using namespace ssdfs;

BOOST_AUTO_TEST_SUITE(waiting)

BOOST_AUTO_TEST_CASE(a_value_that_was_given_before_anybody_waited_is_there) {
  const net::awaited_value<std::string> value;
  value.give("early");
  BOOST_TEST(value.wait() == "early");
}

// The state belongs to both: who waits may go on, and be gone, while give() still runs.
BOOST_AUTO_TEST_CASE(who_waits_may_be_gone_before_the_giver_has_returned) {
  for (int round = 0; round < 2'000; ++round) {
    std::optional<net::awaited_value<std::string>> waiting(std::in_place);
    std::thread giver([value = *waiting] { value.give("here"); });
    BOOST_TEST_REQUIRE(waiting->wait() == "here");
    waiting.reset();
    giver.join();
  }
}

BOOST_AUTO_TEST_CASE(work_on_a_strand_has_run_when_the_wait_is_over) {
  test::io_threads io;
  const auto strand = boost::asio::make_strand(io.context());
  int runs = 0;
  for (int round = 1; round <= 2'000; ++round) {
    net::run_and_wait(strand, [&] { ++runs; });
    BOOST_TEST_REQUIRE(runs == round);
  }
}

BOOST_AUTO_TEST_SUITE_END()
