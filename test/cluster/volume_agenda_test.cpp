// When volumes are looked at, and what is asked of the log.
#include "cluster/volume_agenda.hpp"

#include "cluster/fixtures.hpp"
#include "cluster/log_requests.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <random>
#include <vector>

namespace ssdfs::cluster::test {
namespace {

std::vector<volume_id> all_of(volume_agenda& agenda) {
  std::vector<volume_id> taken;
  while (!agenda.empty()) taken.push_back(agenda.take());
  return taken;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(agenda)

BOOST_AUTO_TEST_CASE(a_volume_is_taken_once_however_often_it_was_marked) {
  volume_agenda a;
  for (const std::uint64_t n : {3, 1, 3, 2, 1}) a.mark(volume(n));
  BOOST_TEST((all_of(a) == std::vector{volume(1), volume(2), volume(3)}));
}

BOOST_AUTO_TEST_CASE(the_earliest_wake_up_counts_and_a_later_one_may_follow_it) {
  volume_agenda a;
  a.wake_at(volume(1), 50);
  a.wake_at(volume(1), 90);
  a.wake_at(volume(1), 30);
  a.mark_due(29);
  BOOST_TEST(a.empty());
  a.mark_due(30);
  BOOST_TEST((all_of(a) == std::vector{volume(1)}));
  a.mark_due(1'000);
  BOOST_TEST(a.empty());  // it has woken: whoever looks at it says when to do so again
  a.wake_at(volume(1), 90);
  a.forget(volume(1));
  a.mark_due(1'000);
  BOOST_TEST(a.empty());
}

BOOST_AUTO_TEST_CASE(wake_ups_are_those_of_a_plain_map) {
  std::mt19937_64 random(5);
  volume_agenda a;
  std::map<volume_id, time_ms> twin;
  for (time_ms now = 0; now < 5'000; ++now) {
    const volume_id id = volume(random() % 8);
    const auto when = static_cast<time_ms>(static_cast<std::uint64_t>(now) + random() % 20);
    if (random() % 8 == 0) {
      a.forget(id);
      twin.erase(id);
    } else {
      a.wake_at(id, when);
      const auto [at, added] = twin.try_emplace(id, when);
      at->second = std::min(at->second, when);
    }
    a.mark_due(now);
    std::vector<volume_id> due;
    std::erase_if(twin, [&](const auto& entry) {
      if (entry.second <= now) due.push_back(entry.first);
      return entry.second <= now;
    });
    BOOST_TEST_REQUIRE((all_of(a) == due));
  }
}

BOOST_AUTO_TEST_CASE(what_waits_for_the_log_is_marked_when_the_log_has_got_so_far) {
  volume_agenda a;
  a.await(txid{7}, volume(2));
  a.await(txid{5}, volume(1));
  a.await(txid{5}, volume(3));
  BOOST_TEST(!a.mark_committed(txid{4}));
  BOOST_TEST(a.mark_committed(txid{6}));
  BOOST_TEST((all_of(a) == std::vector{volume(1), volume(3)}));
  BOOST_TEST(!a.mark_committed(txid{6}));
  BOOST_TEST(a.mark_committed(txid{7}));
  BOOST_TEST((all_of(a) == std::vector{volume(2)}));
}

BOOST_AUTO_TEST_CASE(each_request_is_handed_out_once_and_answered_once) {
  log_requests requests;
  log_request seal;
  seal.what = log_request::kind::seal;
  seal.volume = volume(4);
  log_request add;
  add.what = log_request::kind::add;
  add.replication = 2;
  add.members = {node(1), node(2)};
  const std::uint64_t first = requests.ask(seal);
  const std::uint64_t second = requests.ask(add);
  BOOST_TEST(first != second);
  const std::vector<log_request> taken = requests.take();
  BOOST_TEST_REQUIRE(taken.size() == 2U);
  BOOST_TEST(taken[0].ticket == first);
  BOOST_TEST(requests.take().empty());
  const auto done = requests.done(second);
  BOOST_TEST_REQUIRE(done.has_value());
  BOOST_TEST((done->volume == volume_id{}));
  BOOST_TEST((done->members == add.members));
  BOOST_TEST(!requests.done(second).has_value());
  BOOST_TEST((requests.done(first)->volume == volume(4)));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::cluster::test
