// Interned values: ids in order of first use, and limits.
#include "meta/intern.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

using namespace ssdfs;
using namespace ssdfs::meta;

BOOST_AUTO_TEST_SUITE(intern)

BOOST_AUTO_TEST_CASE(ids_follow_first_use) {
  access_table table;
  BOOST_TEST(table.size() == 1U);
  BOOST_TEST((table.rights(0) == access_rights{"root", "root", 0755}));
  BOOST_TEST(*table.intern("anna", "shop", 0644) == 1U);
  BOOST_TEST(*table.intern("anna", "shop", 0600) == 2U);
  BOOST_TEST(*table.intern("anna", "shop", 0644) == 1U);
  BOOST_TEST(*table.intern("root", "root", 0755) == 0U);
  BOOST_TEST(table.owner(2) == "anna");
  BOOST_TEST(table.group(2) == "shop");
  BOOST_TEST(table.mode(2) == 0600U);

  content_type_table types;
  BOOST_TEST(*types.intern("") == 0U);
  BOOST_TEST(*types.intern("image/jpeg") == 1U);
  BOOST_TEST(*types.intern("image/png") == 2U);
  BOOST_TEST(*types.intern("image/jpeg") == 1U);
  BOOST_TEST(types.text(2) == "image/png");
}

BOOST_AUTO_TEST_CASE(ids_that_are_taken_back_are_used_again_from_the_lowest) {
  access_table table;
  for (const char* owner : {"a", "b", "c", "d"})
    BOOST_TEST(table.intern(owner, "g", 0).has_value());
  table.release(3);
  table.release(1);
  BOOST_TEST(table.size() == 5U);
  BOOST_TEST(table.used() == 3U);
  BOOST_TEST(!table.taken(1));
  BOOST_TEST(table.taken(2));
  BOOST_TEST(!table.find("a", "g", 0).has_value());
  BOOST_TEST(*table.intern("e", "g", 0) == 1U);
  BOOST_TEST(*table.intern("a", "g", 0) == 3U);
  BOOST_TEST(*table.intern("f", "g", 0) == 5U);
  BOOST_TEST(table.owner(3) == "a");

  string_table texts;
  for (const char* text : {"a", "b", "c"}) BOOST_TEST(texts.intern(text).has_value());
  texts.release(2);
  BOOST_TEST(!texts.taken(2));
  BOOST_TEST(texts.taken(0));
  BOOST_TEST(*texts.intern("d") == 2U);
  BOOST_TEST(*texts.intern("b") == 4U);
}

BOOST_AUTO_TEST_CASE(tables_are_read_back_with_their_gaps) {
  access_table table;
  BOOST_TEST(table.append("a", "g", 0).has_value());
  table.skip();
  table.skip();
  BOOST_TEST(table.append("b", "g", 0).has_value());
  BOOST_TEST((table.append("a", "g", 0).error() == errc::invalid_argument));
  BOOST_TEST(*table.find("b", "g", 0) == 4U);
  BOOST_TEST(*table.intern("c", "g", 0) == 2U);
  BOOST_TEST(*table.intern("d", "g", 0) == 3U);
  BOOST_TEST(*table.intern("e", "g", 0) == 5U);
  string_table texts;
  texts.skip();
  BOOST_TEST(texts.append("a").has_value());
  BOOST_TEST(*texts.find("a") == 2U);
  BOOST_TEST(*texts.intern("b") == 1U);
}

BOOST_AUTO_TEST_CASE(bad_values_are_refused) {
  access_table table;
  BOOST_TEST((table.intern("", "g", 0).error() == errc::invalid_argument));
  BOOST_TEST((table.intern("o", "", 0).error() == errc::invalid_argument));
  BOOST_TEST((table.intern("o", "g", 010000).error() == errc::invalid_argument));
  BOOST_TEST((table.intern("o\n", "g", 0).error() == errc::invalid_argument));
  BOOST_TEST((table.intern(std::string(256, 'x'), "g", 0).error() == errc::too_large));
  BOOST_TEST(table.size() == 1U);
  string_table texts;
  BOOST_TEST((texts.intern("text/plain\r\nX: y").error() == errc::invalid_argument));
  BOOST_TEST(texts.intern(std::string(255, 'x')).has_value());
}

BOOST_AUTO_TEST_CASE(tables_are_bounded) {
  string_table texts;
  while (texts.size() < string_table::max_size) {
    BOOST_REQUIRE(texts.intern("t" + std::to_string(texts.size())).has_value());
  }
  BOOST_TEST((texts.intern("one more").error() == errc::too_large));
  BOOST_TEST(*texts.intern("t65534") == 65534U);

  access_table rights;
  for (std::uint16_t mode = 0; rights.size() < access_table::max_size; ++mode) {
    const std::string owner = "u" + std::to_string(rights.size() / 4000);
    BOOST_REQUIRE(rights.intern(owner, "g", mode & 07777).has_value());
  }
  BOOST_TEST((rights.intern("another", "g", 0).error() == errc::too_large));
}

BOOST_AUTO_TEST_SUITE_END()
