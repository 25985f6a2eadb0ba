// Parts of the client that need no server.
#include "client/budget.hpp"
#include "client/grant_pool.hpp"
#include "client/operation_ids.hpp"
#include "client/timers.hpp"
#include "fixture.hpp"
#include "io/clock.hpp"

#include <boost/asio/io_context.hpp>

namespace ssdfs::test {
namespace {

BOOST_AUTO_TEST_SUITE(client_parts)

BOOST_AUTO_TEST_CASE(operation_ids_know_the_lowest_unanswered) {
  detail::operation_ids ids{client_id(io::random_uuid())};
  const std::uint64_t a = ids.begin();
  const std::uint64_t b = ids.begin();
  const std::uint64_t c = ids.begin();
  BOOST_TEST(a == 1U);
  BOOST_TEST(c == 3U);
  BOOST_TEST(ids.id(c).lowest_unanswered == a);
  ids.end(b);
  BOOST_TEST(ids.id(c).lowest_unanswered == a);
  ids.end(a);
  BOOST_TEST(ids.id(c).lowest_unanswered == c);
  ids.end(c);
  BOOST_TEST(ids.begin() == 4U);
  BOOST_TEST(ids.id(4).lowest_unanswered == 4U);
  BOOST_TEST((ids.id(4).client == ids.client()));
}

struct counting_waiter : detail::budget_waiter {
  void on_budget() override { ++served; }
  int served = 0;
};

BOOST_AUTO_TEST_CASE(a_budget_serves_in_order) {
  detail::budget shares(100);
  counting_waiter large;
  counting_waiter small;
  BOOST_TEST(shares.try_take(60));
  BOOST_TEST(!shares.try_take(50));
  shares.wait(large, 50);
  BOOST_TEST(!shares.try_take(10));  // not past somebody who waits
  shares.wait(small, 10);
  shares.give_back(60);
  BOOST_TEST(large.served == 1);
  BOOST_TEST(small.served == 1);
  shares.give_back(50);
  shares.give_back(10);
  BOOST_TEST(shares.try_take(1000));  // more than there is: alone
  BOOST_TEST(!shares.try_take(1));
  shares.wait(large, 1);
  shares.wait(small, 1);
  shares.forget(large);
  shares.forget(large);
  shares.give_back(1000);
  BOOST_TEST(large.served == 1);
  BOOST_TEST(small.served == 2);
}

BOOST_AUTO_TEST_CASE(timers_run_in_order_and_can_be_cancelled) {
  boost::asio::io_context io;
  const auto waits = std::make_shared<detail::timers>(io.get_executor());
  const std::int64_t now = io::steady_ns();
  std::string order;
  const auto ms = [](int n) { return std::int64_t{n} * 1'000'000; };
  waits->at(now + ms(6), [&] { order += 'c'; });
  waits->at(now + ms(2), [&] { order += 'a'; });
  const auto gone = waits->at(now + ms(3), [&] { order += 'x'; });
  waits->at(now + ms(4), [&] {
    order += 'b';
    waits->at(now, [&] { order += '!'; });
  });
  waits->cancel(gone);
  BOOST_TEST(order.empty());
  io.run();
  BOOST_TEST(order == "ab!c");
  waits->at(now, [&] { order += 'z'; });
  waits->stop();
  waits->at(now, [&] { order += 'z'; });
  io.restart();
  io.run();
  BOOST_TEST(order == "ab!c");
}

BOOST_AUTO_TEST_CASE(chunks_are_longer_where_a_file_would_have_too_many) {
  constexpr std::uint64_t usual = 8U << 20;
  static_assert(chunk_size_for(0, usual) == usual);
  static_assert(chunk_size_for(usual * max_file_chunks, usual) == usual);
  static_assert(chunk_size_for(usual * max_file_chunks + 1, usual) == 2 * usual);
  static_assert(chunk_size_for(max_file_bytes, usual) == max_chunk_size);
  static_assert(chunk_size_for(max_file_bytes, 3U << 20) == max_chunk_size);
  static_assert(chunk_size_for(max_file_bytes, max_chunk_size) == max_chunk_size);
}

BOOST_AUTO_TEST_CASE(stored_sizes) {
  BOOST_TEST(detail::stored_size(1) == 32U);
  BOOST_TEST(detail::stored_size(4096) == 4120U);
  BOOST_TEST(detail::stored_size(65536) == 65560U);
  BOOST_TEST(detail::stored_size(65537) == (24U + 65537 + 8 + 7) / 8 * 8);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::test
