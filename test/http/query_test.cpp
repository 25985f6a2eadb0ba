// Percent-decoding, and parameters of a query.
#include "http/query.hpp"

#include <boost/test/unit_test.hpp>

namespace ssdfs::http {
namespace {

BOOST_AUTO_TEST_SUITE(query)

BOOST_AUTO_TEST_CASE(escapes_are_decoded) {
  BOOST_TEST(percent_decode("/a%20b/%C3%BC%2f+").value() == "/a b/\xc3\xbc/+");
  BOOST_TEST(percent_decode("a+b%2B", true).value() == "a b+");
  BOOST_TEST(percent_decode("").value().empty());
}

BOOST_AUTO_TEST_CASE(malformed_escapes_are_none) {
  for (const char* bad : {"%", "%2", "%g0", "%0g", "a%", "%00", "x%0", "%%20"}) {
    BOOST_TEST(!percent_decode(bad).has_value(), bad);
  }
}

BOOST_AUTO_TEST_CASE(parameters_are_found) {
  const std::string_view target = "/list?path=%2Fa%26b&flag&after=&path=second#path=third";
  BOOST_TEST(query_value(target, "path").value() == "/a&b");
  BOOST_TEST(query_value(target, "flag").value().empty());
  BOOST_TEST(query_value(target, "after").value().empty());
  BOOST_TEST(!query_value(target, "pat").has_value());
  BOOST_TEST(!query_value("/list", "path").has_value());
  BOOST_TEST(!query_value("/list?", "path").has_value());
  BOOST_TEST(!query_value("/list?path=%zz", "path").has_value());
  BOOST_TEST(query_value("/?%70ath=x", "path").value() == "x");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::http
