// Percent-decoding, and parameters of a query.
#include "http/url.hpp"

#include <boost/test/unit_test.hpp>

namespace ssdfs::http {
namespace {

BOOST_AUTO_TEST_SUITE(query)

BOOST_AUTO_TEST_CASE(escapes_are_decoded) {
  BOOST_TEST(percent_decode("/a%20b/%C3%BC%2f+").value() == "/a b/\xc3\xbc/+");
  BOOST_TEST(percent_decode("").value().empty());
}

BOOST_AUTO_TEST_CASE(malformed_escapes_are_none) {
  for (const char* bad : {"%", "%2", "%g0", "%0g", "a%", "x%0", "%%20"}) {
    BOOST_TEST(!percent_decode(bad).has_value(), bad);
  }
}

BOOST_AUTO_TEST_CASE(parameters_are_found) {
  const std::string_view target = "/list?path=%2Fa%26b&flag&after=&path=second#path=third";
  const std::string_view query = query_of(target);
  BOOST_TEST(query == "path=%2Fa%26b&flag&after=&path=second");
  BOOST_TEST(query_of("/list").empty());
  BOOST_TEST(query_value(query, "path").value() == "/a&b");
  BOOST_TEST(query_value(query, "flag").value().empty());
  BOOST_TEST(query_value(query, "after").value().empty());
  BOOST_TEST(!query_value(query, "pat").has_value());
  BOOST_TEST(!query_value("", "path").has_value());
  BOOST_TEST(query_value("%70ath=x", "path").value() == "x");
  BOOST_TEST(query_value("x=a+b%2B", "x").value() == "a b+");
  for (const char* bad : {"path=%zz", "path=a%00b", "path=%"}) {
    BOOST_TEST(!query_value(bad, "path").has_value(), bad);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::http
