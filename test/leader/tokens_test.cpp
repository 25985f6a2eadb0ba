// Requests by their tokens.
#include "leader/tokens.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <iterator>
#include <map>
#include <memory>
#include <random>
#include <vector>

namespace ssdfs::leader {
namespace {

BOOST_AUTO_TEST_SUITE(tokens)

BOOST_AUTO_TEST_CASE(a_token_names_its_thing_until_it_is_taken_and_is_given_out_again_then) {
  token_slab<std::unique_ptr<int>> slab;
  const token a = slab.add(std::make_unique<int>(1));
  const token b = slab.add(std::make_unique<int>(2));
  BOOST_TEST((a != b));
  BOOST_TEST(*slab[b] == 2);
  BOOST_TEST(*slab.take(a) == 1);
  BOOST_TEST(slab.size() == 1U);
  BOOST_TEST((slab.add(std::make_unique<int>(3)) == a));
  BOOST_TEST(*slab.take(a) == 3);
  BOOST_TEST(*slab.take(b) == 2);
  BOOST_TEST(slab.size() == 0U);
}

BOOST_AUTO_TEST_CASE(no_two_things_that_wait_have_one_token_whatever_the_order) {
  token_slab<int> slab;
  std::map<token, int> twin;
  std::mt19937 random(7);
  std::uint32_t highest = 0;
  for (int i = 0; i < 20'000; ++i) {
    if (twin.size() < 50 && (twin.empty() || random() % 2 == 0)) {
      const token t = slab.add(i);
      BOOST_TEST_REQUIRE(twin.emplace(t, i).second);
      highest = std::max(highest, static_cast<std::uint32_t>(t));
    } else {
      const auto at = std::next(twin.begin(), static_cast<std::ptrdiff_t>(random() % twin.size()));
      BOOST_TEST_REQUIRE(slab.take(at->first) == at->second);
      twin.erase(at);
    }
    BOOST_TEST_REQUIRE(slab.size() == twin.size());
  }
  BOOST_TEST(highest < 50U);  // it has grown to the load, and no further
  std::size_t drained = 0;
  slab.drain([&](int) { ++drained; });
  BOOST_TEST(drained == twin.size());
  BOOST_TEST(slab.size() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::leader
