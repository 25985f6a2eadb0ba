// What the standards say, without sockets: requests taken apart, conditions, ranges, dates, URLs,
// signatures.
#include "http/conditions.hpp"
#include "http/content_type.hpp"
#include "http/date.hpp"
#include "http/request_parser.hpp"
#include "http/signed_url.hpp"
#include "http/url.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

namespace ssdfs::http {
namespace {

// All of `text` at once, or byte by byte; the status of the refusal, 0 if it was taken.
unsigned feed(request_parser& parser, const std::string& text, bool bytewise = false) {
  std::string pending;
  std::string body;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t n = bytewise ? 1 : text.size();
    pending += text.substr(at, n);
    at += n;
    for (;;) {
      parser.body().clear();
      const auto taken = parser.put(pending);
      if (!taken) return parser.refused().status;
      body += parser.body();
      pending.erase(0, *taken);
      if (*taken == 0 || parser.done()) break;
    }
  }
  parser.body() = body;
  return 0;
}

unsigned refusal_of(const std::string& text) {
  request_parser whole;
  const unsigned at_once = feed(whole, text);
  request_parser dripping;
  BOOST_CHECK_EQUAL(feed(dripping, text, true), at_once);
  BOOST_CHECK_EQUAL(whole.done(), dripping.done());
  return at_once;
}

std::string request(const std::string& fields, const std::string& body = {}) {
  return "PUT /fs/a HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n" + body;
}

request_head head_with(const std::string& fields, const std::string& verb, request_parser& parser) {
  BOOST_REQUIRE_EQUAL(feed(parser, verb + " /a HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n"), 0U);
  BOOST_REQUIRE(parser.head_done());
  return parser.head();
}

const validators there{true, "\"tag\"", 1'000'000'000};
const validators nothing{false, {}, 0};

verdict check(const std::string& fields, const validators& now = there,
              const std::string& verb = "GET") {
  request_parser parser;
  return check_conditions(head_with(fields, verb, parser), now);
}

std::string range(const std::string& fields, std::uint64_t size = 100) {
  request_parser parser;
  const auto r = wanted_range(head_with(fields, "GET", parser), size, there);
  if (r.what == range_request::kind::whole) return "whole";
  if (r.what == range_request::kind::unsatisfiable) return "none";
  return std::to_string(r.part.offset) + "+" + std::to_string(r.part.length);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(http_standards)

BOOST_AUTO_TEST_CASE(a_request_is_taken_apart) {
  for (const bool bytewise : {false, true}) {
    request_parser parser;
    BOOST_CHECK_EQUAL(
        feed(parser,
             "\r\nGET /fs/a%20b?x=1&y HTTP/1.1\r\nhOST: here\r\nRange:  bytes=0-1 \r\n"
             "If-None-Match: \"a\"\r\nIf-None-Match: \"b\"\r\nX-Own: v\r\n\r\n",
             bytewise),
        0U);
    BOOST_REQUIRE(parser.done());
    const request_head& head = parser.head();
    BOOST_CHECK(head.verb == method::get);
    BOOST_CHECK_EQUAL(head.path, "/fs/a%20b");
    BOOST_CHECK_EQUAL(head.query, "x=1&y");
    BOOST_CHECK_EQUAL(head.get(field::host), "here");
    BOOST_CHECK_EQUAL(head.get(field::range), "bytes=0-1");
    BOOST_CHECK_EQUAL(head.get(field::if_none_match), "\"a\", \"b\"");
    BOOST_CHECK_EQUAL(head.find("x-own"), "v");
    BOOST_CHECK(head.keep_alive);
    BOOST_CHECK(!head.has_body());
  }
}

BOOST_AUTO_TEST_CASE(bodies_come_by_length_or_in_chunks) {
  for (const bool bytewise : {false, true}) {
    request_parser by_length;
    BOOST_CHECK_EQUAL(feed(by_length, request("Content-Length: 5\r\n", "hello"), bytewise), 0U);
    BOOST_CHECK(by_length.done());
    BOOST_CHECK_EQUAL(by_length.body(), "hello");
    request_parser chunks;
    BOOST_CHECK_EQUAL(feed(chunks,
                           request("Transfer-Encoding: chunked\r\n",
                                   "3;x=y\r\nhel\r\n2\r\nlo\r\n0\r\nTrailer: t\r\n\r\n"),
                           bytewise),
                      0U);
    BOOST_CHECK(chunks.done());
    BOOST_CHECK_EQUAL(chunks.body(), "hello");
    BOOST_CHECK(chunks.head().find("Trailer").empty());
  }
}

BOOST_AUTO_TEST_CASE(what_two_servers_may_read_differently_is_refused) {
  const std::string chunk = "0\r\n\r\n";
  for (const std::string& fields : {
           std::string("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"),
           std::string("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"),
           std::string("Content-Length: 5\r\nContent-Length: 6\r\n"),
           std::string("Content-Length: 5\r\nContent-Length: 5\r\n"),
           std::string("Content-Length: 5, 5\r\n"),
           std::string("Content-Length: +5\r\n"),
           std::string("Content-Length: -1\r\n"),
           std::string("Content-Length: 0x5\r\n"),
           std::string("Content-Length: 99999999999999999999999\r\n"),
           std::string("Content-Length:\r\n"),
           std::string("Content-Length : 5\r\n"),
           std::string(" Content-Length: 5\r\n"),
           std::string("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"),
           std::string("Transfer-Encoding: identity\r\n"),
           std::string("Transfer-Encoding: gzip, chunked\r\n"),
           std::string("Transfer-Encoding: chunked, identity\r\n"),
           std::string("Transfer-Encoding: xchunked\r\n"),
           std::string("Transfer-Encoding:\x0b chunked\r\n"),
           std::string("X: a\r\n Content-Length: 5\r\n"),
           std::string("X: a\nContent-Length: 5\r\n"),
           std::string("X: a\rContent-Length: 5\r\n"),
           std::string("Host: y\r\n"),
           std::string("X\0: a\r\n", 8),
           std::string("X: a\0b\r\n", 8),
           std::string("no colon\r\n"),
       }) {
    const unsigned status = refusal_of(request(fields, chunk));
    BOOST_CHECK_MESSAGE(status == 400 || status == 501, fields << ": " << status);
  }
  BOOST_CHECK_EQUAL(refusal_of("GET / HTTP/1.1\r\n\r\n"), 400U);  // no Host
  BOOST_CHECK_EQUAL(refusal_of("PUT / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
                    400U);
}

BOOST_AUTO_TEST_CASE(targets_and_hosts_that_are_none_are_refused) {
  const auto get = [](const std::string& target, const std::string& host) {
    return refusal_of("GET " + target + " HTTP/1.1\r\nHost:" + host + "\r\n\r\n");
  };
  for (const char* host : {" x", " x:80", " [::1]:80", "", " xn--bcher-kva.example"}) {
    BOOST_CHECK_MESSAGE(get("/fs/a", host) == 0, host);
  }
  for (const char* host : {" a b", " a,b", " a/b", " a?b", " u@a", " a\\b", " a\tb"}) {
    BOOST_CHECK_MESSAGE(get("/fs/a", host) == 400, host);
  }
  for (const char* target : {"/fs/a?b=c", "http://localhost/fs/a", "*", "/fs/\xC3\xA4"}) {
    BOOST_CHECK_MESSAGE(get(target, " x") == 0, target);
  }
  for (const char* target :
       {"/fs/a#b", "/fs/a?b#c", "http://localhost/#", "/fs/a\tb", "/fs/a\x01"}) {
    BOOST_CHECK_MESSAGE(get(target, " x") == 400, target);
  }
}

// Each of these, for ever, would keep a connection without a request.
BOOST_AUTO_TEST_CASE(empty_lines_are_few) {
  const std::string head = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
  BOOST_CHECK_EQUAL(refusal_of("\r\n\r\n" + head), 0U);
  std::string many;
  for (int i = 0; i < 100; ++i) many += "\r\n";
  BOOST_CHECK_EQUAL(refusal_of(many), 400U);
  BOOST_CHECK_EQUAL(refusal_of(many + head), 400U);
}

BOOST_AUTO_TEST_CASE(bad_chunks_are_refused) {
  for (const char* body : {"x\r\n",
                           "5;\nhello",
                           "5;a\nhello",
                           "5;a=\"\n\"\r\nhello",
                           "5;a=\"\r\nhello",
                           "5;\r\nhello",
                           "5\r\r\nhello",
                           "5\r\nhello\n",
                           "5\r\nhello\r",
                           "5\thello",
                           "+5\r\nhello",
                           "5_0\r\nhello",
                           "5,5\r\nhello",
                           "\xEF\xBC\x95\r\nhello",
                           "5\nhello",
                           "-1\r\n",
                           "5\r\nhelloX\r\n",
                           "0x5\r\nhello\r\n",
                           "fffffffffffffffff\r\n",
                           "\r\n",
                           "5 \r\nhello\r\n"}) {
    // What follows a chunk decides whether it ended where it said.
    const std::string rest = "\r\n0\r\n\r\n";
    BOOST_CHECK_MESSAGE(refusal_of(request("Transfer-Encoding: chunked\r\n", body + rest)) == 400,
                        body);
  }
}

BOOST_AUTO_TEST_CASE(what_is_not_http_is_refused_at_once) {
  BOOST_CHECK_EQUAL(refusal_of("\x16\x03\x01\x02"), 400U);
  BOOST_CHECK_EQUAL(refusal_of("hello\r\n"), 400U);
  BOOST_CHECK_EQUAL(refusal_of("GET /\r\n"), 400U);
  BOOST_CHECK_EQUAL(refusal_of("GET / HTTP/1.1\nHost: x\n\n"), 400U);
  BOOST_CHECK_EQUAL(refusal_of("GET / HTTP/2.0\r\nHost: x\r\n\r\n"), 505U);
  BOOST_CHECK(refusal_of("GET / b HTTP/1.1\r\nHost: x\r\n\r\n") >= 400U);
  BOOST_CHECK_EQUAL(refusal_of("GET /" + std::string(20'000, 'a')), 414U);
  BOOST_CHECK_EQUAL(refusal_of("GET / HTTP/1.1\r\nHost: x\r\nX: " + std::string(20'000, 'a')),
                    431U);
  std::string many = "GET / HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 300; ++i) many += "X: y\r\n";
  BOOST_CHECK_EQUAL(refusal_of(many + "\r\n"), 431U);
  BOOST_CHECK_EQUAL(refusal_of("GET / HTTP/1.1\r\nHost: x\r\nExpect: cake\r\n\r\n"), 417U);
}

BOOST_AUTO_TEST_CASE(conditions_hold_in_the_order_of_the_standard) {
  const std::string past = "Sat, 01 Sep 2001 00:00:00 GMT";
  const std::string same = "Sun, 09 Sep 2001 01:46:40 GMT";
  BOOST_CHECK(check("") == verdict::proceed);
  BOOST_CHECK(check("If-None-Match: \"tag\"\r\n") == verdict::not_modified);
  BOOST_CHECK(check("If-None-Match: W/\"tag\"\r\n") == verdict::not_modified);
  BOOST_CHECK(check("If-None-Match: *\r\n") == verdict::not_modified);
  BOOST_CHECK(check("If-None-Match: \"a\", W/\"b\" ,\"tag\"\r\n") == verdict::not_modified);
  BOOST_CHECK(check("If-None-Match: \"a, tag\"\r\n") == verdict::proceed);
  BOOST_CHECK(check("If-None-Match: tag\r\n") == verdict::proceed);
  BOOST_CHECK(check("If-None-Match: \"x\"\r\nIf-Modified-Since: " + same + "\r\n") ==
              verdict::proceed);
  BOOST_CHECK(check("If-Modified-Since: " + same + "\r\n") == verdict::not_modified);
  BOOST_CHECK(check("If-Modified-Since: " + past + "\r\n") == verdict::proceed);
  BOOST_CHECK(check("If-Modified-Since: yesterday\r\n") == verdict::proceed);
  // A date that has not come is none; what was changed in the future was changed since any date.
  const std::string future = "Fri, 01 Jan 2900 00:00:00 GMT";
  const validators ahead{true, "\"tag\"", 29'000'000'000};
  BOOST_CHECK(check("If-Modified-Since: " + future + "\r\n") == verdict::proceed);
  BOOST_CHECK(check("If-Modified-Since: " + same + "\r\n", ahead) == verdict::proceed);
  BOOST_CHECK(check("If-Modified-Since: " + future + "\r\n", ahead) == verdict::proceed);
  BOOST_CHECK(check("If-Unmodified-Since: " + same + "\r\n", ahead) == verdict::failed);
  BOOST_CHECK(check("If-Match: \"tag\"\r\n") == verdict::proceed);
  BOOST_CHECK(check("If-Match: W/\"tag\"\r\n") == verdict::failed);
  BOOST_CHECK(check("If-Match: *\r\n") == verdict::proceed);
  BOOST_CHECK(check("If-Match: *\r\n", nothing) == verdict::failed);
  for (const char* verb : {"GET", "PUT", "DELETE"}) {
    // A list without tags names nothing, which is not the same as no list.
    BOOST_CHECK(check("If-Match:\r\n", there, verb) == verdict::failed);
    BOOST_CHECK(check("If-Match: ,\r\n", there, verb) == verdict::failed);
    BOOST_CHECK(check("If-Match: tag\r\n", there, verb) == verdict::failed);
    BOOST_CHECK(check("If-Match: *, \"x\"\r\n", there, verb) == verdict::failed);
    BOOST_CHECK(check("If-None-Match:\r\n", there, verb) == verdict::proceed);
    BOOST_CHECK(check("If-Match:\r\nIf-Match: \"tag\"\r\n", there, verb) == verdict::proceed);
  }
  // Twice, from two hands: still nothing may be overwritten.
  for (const std::string list :
       {"*\r\nIf-None-Match: *", "*, \"x\"", "\"x\", *", "tag", "\"x\"\"y\""}) {
    BOOST_CHECK(check("If-None-Match: " + list + "\r\n", there, "PUT") == verdict::malformed);
    BOOST_CHECK(check("If-None-Match: " + list + "\r\n", there, "DELETE") == verdict::malformed);
    BOOST_CHECK(check("If-None-Match: " + list + "\r\n") == verdict::proceed);
  }
  BOOST_CHECK(check("If-None-Match: , \"x\" ,, W/\"y\",\r\n", there, "PUT") == verdict::proceed);
  BOOST_CHECK(check("If-None-Match: , \"x\" ,, W/\"tag\",\r\n", there, "PUT") == verdict::failed);
  BOOST_CHECK(check("If-Unmodified-Since: " + past + "\r\n") == verdict::failed);
  BOOST_CHECK(check("If-Unmodified-Since: " + same + "\r\n") == verdict::proceed);
  BOOST_CHECK(check("If-Match: \"tag\"\r\nIf-Unmodified-Since: " + past + "\r\n") ==
              verdict::proceed);
  BOOST_CHECK(check("If-None-Match: *\r\n", there, "PUT") == verdict::failed);
  BOOST_CHECK(check("If-None-Match: *\r\n", nothing, "PUT") == verdict::proceed);
  BOOST_CHECK(check("If-Modified-Since: " + same + "\r\n", there, "PUT") == verdict::proceed);
}

BOOST_AUTO_TEST_CASE(ranges) {
  BOOST_CHECK_EQUAL(range(""), "whole");
  BOOST_CHECK_EQUAL(range("Range: bytes=0-0\r\n"), "0+1");
  BOOST_CHECK_EQUAL(range("Range: BYTES = 10-19\r\n"), "10+10");
  BOOST_CHECK_EQUAL(range("Range: bytes=90-\r\n"), "90+10");
  BOOST_CHECK_EQUAL(range("Range: bytes=90-1000\r\n"), "90+10");
  BOOST_CHECK_EQUAL(range("Range: bytes=-10\r\n"), "90+10");
  BOOST_CHECK_EQUAL(range("Range: bytes=-1000\r\n"), "0+100");
  BOOST_CHECK_EQUAL(range("Range: bytes=-0\r\n"), "none");
  BOOST_CHECK_EQUAL(range("Range: bytes=100-\r\n"), "none");
  BOOST_CHECK_EQUAL(range("Range: bytes=0-99999999999999999999999\r\n"), "0+100");
  BOOST_CHECK_EQUAL(range("Range: bytes=99999999999999999999999-\r\n"), "none");
  for (const char* ignored : {"bytes=5-4", "bytes=", "bytes=-", "bytes=a-b", "bytes=1", "lines=0-1",
                              "bytes=0-1,3-4", "bytes 0-1", "bytes=--1", "bytes=0-1-2"}) {
    BOOST_CHECK_EQUAL(range(std::string("Range: ") + ignored + "\r\n"), "whole");
  }
  BOOST_CHECK_EQUAL(range("Range: bytes=0-0\r\nIf-Range: \"tag\"\r\n"), "0+1");
  BOOST_CHECK_EQUAL(range("Range: bytes=0-0\r\nIf-Range: \"other\"\r\n"), "whole");
  BOOST_CHECK_EQUAL(range("Range: bytes=0-0\r\nIf-Range: W/\"tag\"\r\n"), "whole");
  BOOST_CHECK_EQUAL(range("Range: bytes=0-0\r\nIf-Range: Sun, 09 Sep 2001 01:46:40 GMT\r\n"),
                    "0+1");
  BOOST_CHECK_EQUAL(range("Range: bytes=0-0\r\nIf-Range: Sun, 09 Sep 2001 01:46:41 GMT\r\n"),
                    "whole");
  BOOST_CHECK_EQUAL(content_range(byte_range{1, 2}, 10), "Content-Range: bytes 1-2/10\r\n");
  BOOST_CHECK_EQUAL(content_range({}, 10), "Content-Range: bytes */10\r\n");
}

BOOST_AUTO_TEST_CASE(a_range_from_the_start_of_an_empty_file_is_the_whole_of_it) {
  for (const char* all : {"bytes=0-", "bytes=0-0", "bytes=0-1048575", "bytes=-1", "bytes=-1000"}) {
    BOOST_CHECK_EQUAL(range(std::string("Range: ") + all + "\r\n", 0), "whole");
  }
  for (const char* outside : {"bytes=1-", "bytes=5-9", "bytes=-0"}) {
    BOOST_CHECK_EQUAL(range(std::string("Range: ") + outside + "\r\n", 0), "none");
  }
}

BOOST_AUTO_TEST_CASE(dates_in_all_three_forms) {
  constexpr std::int64_t known = 784111777;
  BOOST_CHECK_EQUAL(http_date(known), "Sun, 06 Nov 1994 08:49:37 GMT");
  BOOST_CHECK(parse_http_date("Sun, 06 Nov 1994 08:49:37 GMT") == known);
  BOOST_CHECK(parse_http_date("Sunday, 06-Nov-94 08:49:37 GMT") == known);
  BOOST_CHECK(parse_http_date("Sun Nov  6 08:49:37 1994") == known);
  for (const std::int64_t s : {0L, 1L, 951782400L, 4102444800L}) {
    BOOST_CHECK(parse_http_date(http_date(s)) == s);
  }
  for (const char* bad :
       {"", "Sun", "Sun, 31 Feb 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:49:37 CET", "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 06 Now 1994 08:49:37 GMT", "1994-11-06T08:49:37Z"}) {
    BOOST_CHECK_MESSAGE(!parse_http_date(bad), bad);
  }
}

BOOST_AUTO_TEST_CASE(urls) {
  BOOST_CHECK(percent_decode("a%20b%C3%A4%2f") == "a b\xC3\xA4/");
  for (const char* bad : {"%", "%2", "%zz", "a%2"}) BOOST_CHECK(!percent_decode(bad));
  BOOST_CHECK_EQUAL(percent_encode("/a b/\xC3\xA4%?"), "/a%20b/%C3%A4%25%3F");
  BOOST_CHECK(store_path("/fs/a%20b", "/fs") == "/a b");
  BOOST_CHECK(store_path("/fs/a//", "/fs") == "/a");
  for (const char* directory : {"/fs/", "/fs/a/", "/fs/a%2F", "/fs/a%2f"}) {
    BOOST_CHECK_MESSAGE(names_directory(directory), directory);
  }
  for (const char* file : {"/fs", "/fs/a", "/fs/a%2Fb", "/fs/a/%20"}) {
    BOOST_CHECK_MESSAGE(!names_directory(file), file);
  }
  BOOST_CHECK(store_path("/fs", "/fs") == "/");
  BOOST_CHECK(!store_path("/fsx", "/fs"));
  BOOST_CHECK(!store_path("/fs/a%00", "/fs"));
  for (const char* bad :
       {"/fs/%ff", "/fs/%c3", "/fs/%c0%af", "/fs/%ed%a0%80", "/fs/%f4%90%80%80"}) {
    BOOST_CHECK_MESSAGE(!store_path(bad, "/fs"), bad);
  }
  BOOST_CHECK(store_path("/fs/%f0%9f%93%b7%e6%97%a5", "/fs"));
  BOOST_CHECK_EQUAL(printable_utf8("a\xff\xc3\xa4"), "a?\xc3\xa4");
  BOOST_CHECK(query_value("a=1&op=x+y%21&b", "op") == "x y!");
  BOOST_CHECK(query_value("OP=x", "op", true) == "x");
  BOOST_CHECK(!query_value("OP=x", "op"));
  BOOST_CHECK(query_value("a&b", "b") == "");
  BOOST_CHECK_EQUAL(content_type_of("/x.y/a.JPG"), "image/jpeg");
  BOOST_CHECK_EQUAL(content_type_of("/x.jpg/a"), "application/octet-stream");
}

BOOST_AUTO_TEST_CASE(signatures_bind_path_and_time) {
  // RFC 4231, test case 2.
  BOOST_CHECK_EQUAL(hmac_hex("Jefe", "what do ya want for nothing?"),
                    "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  const std::string secret = "0123456789abcdef";
  const std::string url = sign_url(secret, "/a b", 1000);
  BOOST_REQUIRE(url.starts_with("/fs/a%20b?expires=1000&signature="));
  const std::string query = url.substr(url.find('?') + 1);
  BOOST_CHECK(check_signature(secret, "/a b", query, 1000) == signature::good);
  BOOST_CHECK(check_signature(secret, "/a b", query, 1001) == signature::expired);
  BOOST_CHECK(check_signature(secret, "/a c", query, 1000) == signature::bad);
  BOOST_CHECK(check_signature("another secret..", "/a b", query, 1000) == signature::bad);
  BOOST_CHECK(check_signature(secret, "/a b", "expires=9999&" + query.substr(query.find('&') + 1),
                              1000) == signature::bad);
  BOOST_CHECK(check_signature(secret, "/a b", "expires=1000", 1000) == signature::none);
  for (std::size_t i = query.find("signature=") + 10; i < query.size(); ++i) {
    std::string forged = query;
    forged[i] = forged[i] == '0' ? '1' : '0';
    BOOST_CHECK(check_signature(secret, "/a b", forged, 1000) == signature::bad);
  }
}

BOOST_AUTO_TEST_CASE(an_answer_to_a_link_lives_no_longer_than_the_link) {
  BOOST_CHECK(seconds_left("expires=1000&signature=0", 400) == 600);
  BOOST_CHECK(seconds_left("expires=1000&signature=0", 1000) == 0);
  BOOST_CHECK(seconds_left("expires=1000&signature=0", 2000) == 0);
  BOOST_CHECK(!seconds_left("expires=1000", 400));
  struct expectation {
    const char* configured;
    std::int64_t left_s;
    const char* accel;
    const char* caching;
  };
  for (const expectation& x : {
           expectation{"", 600, "60", "private, no-cache"},
           {"", 8, "8", "private, no-cache"},
           {"public, max-age=86400, immutable", 600, "600", "private, max-age=600"},
           {"public, max-age=300", 600, "300", "private, max-age=300"},
           {"Max-Age=86400, S-MaxAge=60", 600, "60", "private, max-age=600"},
           {"max-age=86400", 0, "0", "private, max-age=0"},
           {"no-cache", 600, "0", "private, no-cache"},
           {"no-store", 600, "0", "private, no-cache, no-store"},
           {"private, max-age=60, must-revalidate", 600, "0",
            "private, max-age=60, must-revalidate"},
           {"max-age=99999999999999999999", 600, "60", "private, no-cache"},
       }) {
    BOOST_CHECK_EQUAL(
        caching_of_link(x.configured, x.left_s),
        std::string("X-Accel-Expires: ") + x.accel + "\r\nCache-Control: " + x.caching + "\r\n");
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::http
