// The chain of a write as text.
#include "wire/chain.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

using namespace ssdfs;

namespace {

const std::string uuid_a = "aaaaaaaa-0000-4000-8000-000000000001";
const std::string uuid_b = "bbbbbbbb-0000-4000-8000-000000000002";
const std::string uuid_c = "cccccccc-0000-4000-8000-000000000003";
const std::string uuid_d = "dddddddd-0000-4000-8000-000000000004";

node_id id(const std::string& text) { return node_id(parse_uuid(text).value()); }

}  // namespace

BOOST_AUTO_TEST_SUITE(chain_texts)

BOOST_AUTO_TEST_CASE(what_is_written_is_read) {
  const std::vector<replica_address> members{
      {id(uuid_a), "h1:1"}, {id(uuid_b), "[::1]:2"}, {id(uuid_c), "h3:3"}};
  const std::string text = wire::chain_text(members);
  BOOST_TEST(text == uuid_a + "@h1:1," + uuid_b + "@[::1]:2," + uuid_c + "@h3:3");
  const auto read = wire::parse_chain(text);
  BOOST_TEST_REQUIRE(read.has_value());
  BOOST_TEST_REQUIRE(read->size() == members.size());
  for (std::size_t i = 0; i < members.size(); ++i) {
    BOOST_TEST(((*read)[i].node == members[i].node));
    BOOST_TEST((*read)[i].address == members[i].address);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_chain_is_refused) {
  const std::string nil = "00000000-0000-0000-0000-000000000000";
  for (const std::string& bad : {
           std::string(),
           std::string(","),
           std::string("h:1"),
           uuid_a,
           uuid_a + "@",
           uuid_a + "@h:1,",
           "," + uuid_a + "@h:1",
           uuid_a + "@h:1,," + uuid_b + "@i:2",
           uuid_a + "h:1",
           nil + "@h:1",
           uuid_a.substr(1) + "@h:1",
           uuid_a + "@h:1," + uuid_b + "@i:2," + uuid_c + "@j:3," + uuid_d + "@k:4",
       }) {
    BOOST_TEST((wire::parse_chain(bad).error() == errc::invalid_argument), bad);
  }
}

BOOST_AUTO_TEST_CASE(a_chain_that_comes_back_to_a_member_is_refused) {
  BOOST_TEST(
      (wire::parse_chain(uuid_a + "@h:1," + uuid_a + "@i:2").error() == errc::invalid_argument));
  BOOST_TEST(
      (wire::parse_chain(uuid_a + "@h:1," + uuid_b + "@h:1").error() == errc::invalid_argument));
  BOOST_TEST((wire::parse_chain(uuid_a + "@h:1," + uuid_b + "@i:2," + uuid_a + "@j:3").error() ==
              errc::invalid_argument));
}

BOOST_AUTO_TEST_SUITE_END()
