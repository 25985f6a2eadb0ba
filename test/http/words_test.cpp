// What callers say beside the path: fields of uploads and changes, digests, origins, parameters of
// WebHDFS. And docs/http.md names each of them.
#include "http/body_digest.hpp"
#include "http/change_fields.hpp"
#include "http/content_type.hpp"
#include "http/cors.hpp"
#include "http/request_parser.hpp"
#include "http/webhdfs_parameters.hpp"
#include "util/source_tree.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>

namespace ssdfs::http {
namespace {

using kind = uploaded_type::kind;

struct parsed {
  explicit parsed(const std::string& fields, const std::string& verb = "PUT") {
    const std::string text = verb + " /fs/a HTTP/1.1\r\nHost: x\r\n" + fields + "\r\n";
    BOOST_REQUIRE_MESSAGE(parser.put(text).has_value(), text);
    BOOST_REQUIRE(parser.head_done());
  }
  [[nodiscard]] const request_head& head() const { return parser.head(); }
  request_parser parser;
};

const std::string two_bytes = "Content-Length: 2\r\n";

unsigned refusal_of_upload(const std::string& fields) {
  const parsed p(fields);
  upload_fields to;
  const auto refused = read_upload_fields(p.head(), to);
  return refused ? refused->status : 0;
}

unsigned refusal_of_change(const std::string& fields, bool conditions = true) {
  const parsed p(fields);
  const auto refused = check_change_fields(p.head(), conditions);
  return refused ? refused->status : 0;
}

std::string stored_type(const std::string& value) {
  const uploaded_type type = uploaded_type_of(value);
  BOOST_CHECK_MESSAGE(type.what == kind::type, value);
  return type.text;
}

// Whether a body that comes in two pieces has what `field` says.
bool matches(const std::string& field, const std::string& value, const std::string& body) {
  expected_digests expected;
  BOOST_REQUIRE(read_digests(field, value, field == "Digest", expected).has_value());
  body_digest digest(std::move(expected));
  digest.update(as_bytes(std::string_view(body).substr(0, 1)));
  digest.update(as_bytes(std::string_view(body).substr(1)));
  return digest.check().has_value();
}

std::string refusal_of_parameters(const std::string& query, const std::string& operation,
                                  bool changes) {
  const auto given = parse_query(query);
  BOOST_REQUIRE(given.has_value());
  const auto refused = check_webhdfs_parameters(*given, operation, changes);
  if (!refused) return "";
  return std::string(refused->java_class.substr(refused->java_class.find_last_of(".$") + 1));
}

std::string document() {
  std::ifstream in(test::source_tree() + "/docs/http.md");
  BOOST_REQUIRE(in.good());
  return {std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(callers_words)

BOOST_AUTO_TEST_CASE(a_content_type_has_one_spelling) {
  BOOST_TEST(stored_type("image/png") == "image/png");
  BOOST_TEST(stored_type(" Image/PNG ") == "image/png");
  BOOST_TEST(stored_type("image/x-own+xml") == "image/x-own+xml");
  BOOST_TEST(stored_type("text/html;charset=UTF-8") == "text/html; charset=utf-8");
  BOOST_TEST(stored_type("text/html ; Charset=\"utf-8\" ;") == "text/html; charset=utf-8");
  BOOST_TEST(stored_type("video/mp4; codecs=\"avc1.4d, mp4a\"") ==
             "video/mp4; codecs=\"avc1.4d, mp4a\"");
  BOOST_TEST(stored_type("a/b; profile=\"x\\\"y\"") == "a/b; profile=\"x\\\"y\"");
}

BOOST_AUTO_TEST_CASE(parameters_of_one_transfer_are_not_kept) {
  BOOST_TEST(stored_type("image/png; name=\"a.png\"; boundary=xyz") == "image/png");
  BOOST_TEST(stored_type("text/plain; format=flowed; charset=ascii") ==
             "text/plain; charset=ascii");
}

BOOST_AUTO_TEST_CASE(types_that_clients_send_of_anything_say_nothing) {
  for (const char* value :
       {"", "  ", "application/octet-stream", "Application/Octet-Stream; charset=binary",
        "application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=UTF-8",
        "binary/octet-stream", "*/*", "image/*"}) {
    BOOST_CHECK_MESSAGE(uploaded_type_of(value).what == kind::nothing, value);
  }
}

BOOST_AUTO_TEST_CASE(bodies_of_several_parts_are_known) {
  for (const char* value : {"multipart/form-data; boundary=x", "MULTIPART/Form-Data",
                            "multipart/byteranges; boundary=x", "multipart/related"}) {
    BOOST_CHECK_MESSAGE(uploaded_type_of(value).what == kind::multipart, value);
  }
}

BOOST_AUTO_TEST_CASE(what_is_no_media_type_is_malformed) {
  for (const std::string& value :
       {std::string("image"), std::string("image/"), std::string("/png"), std::string("image png"),
        std::string("image/png, image/png"), std::string("image/png; charset"),
        std::string("image/png; =x"), std::string("image/png; charset=\"x"),
        std::string("image/png; charset=a; charset=b"), std::string("image/p\xc3\xa4"),
        "image/" + std::string(longest_media_type, 'x')}) {
    BOOST_CHECK_MESSAGE(uploaded_type_of(value).what == kind::malformed, value);
  }
}

BOOST_AUTO_TEST_CASE(an_upload_says_how_long_it_is) {
  BOOST_TEST(refusal_of_upload("") == 411U);
  BOOST_TEST(refusal_of_upload("Content-Type: image/png\r\n") == 411U);
  BOOST_TEST(refusal_of_upload("Content-Length: 0\r\n") == 0U);
  BOOST_TEST(refusal_of_upload("Transfer-Encoding: chunked\r\n") == 0U);
}

BOOST_AUTO_TEST_CASE(a_coding_of_a_body_is_refused) {
  for (const char* none : {"", "identity", "Identity", "identity, identity", " , "}) {
    BOOST_TEST(refusal_of_upload(two_bytes + "Content-Encoding: " + none + "\r\n") == 0U);
  }
  for (const char* coding : {"gzip", "br", "aws-chunked", "identity, gzip", "x"}) {
    BOOST_TEST(refusal_of_upload(two_bytes + "Content-Encoding: " + coding + "\r\n") == 415U);
  }
  // The second of two lines counts as well.
  BOOST_TEST(refusal_of_upload(two_bytes +
                               "Content-Encoding: identity\r\nContent-Encoding: gzip\r\n") == 415U);
}

BOOST_AUTO_TEST_CASE(what_is_not_done_with_a_body_is_refused_by_name) {
  BOOST_TEST(refusal_of_upload(two_bytes + "Content-Range: bytes 0-1/4\r\n") == 400U);
  BOOST_TEST(refusal_of_upload(two_bytes + "Content-Disposition: attachment\r\n") == 501U);
  BOOST_TEST(refusal_of_upload(two_bytes + "Content-Disposition: inline\r\n") == 0U);
  BOOST_TEST(refusal_of_upload(two_bytes + "Content-Type: multipart/form-data\r\n") == 415U);
  BOOST_TEST(refusal_of_upload(two_bytes + "Content-Type: png\r\n") == 400U);
  BOOST_TEST(refusal_of_upload(two_bytes + "Trailer: X-Other, content-md5\r\n") == 501U);
  BOOST_TEST(refusal_of_upload(two_bytes + "Trailer: X-Other\r\n") == 0U);
}

BOOST_AUTO_TEST_CASE(words_of_other_protocols_are_refused_by_name) {
  for (const char* copy : {"X-Amz-Copy-Source", "X-Copy-From", "X-Ms-Copy-Source",
                           "x-goog-copy-source", "X-Oss-Copy-Source", "X-Object-Manifest",
                           "X-Delete-At", "X-Delete-After", "X-Amz-Acl", "x-amz-anything"}) {
    BOOST_TEST(refusal_of_change(std::string(copy) + ": /b/a\r\n") == 501U, copy);
  }
  BOOST_TEST(refusal_of_change("X-Amz-Cf-Id: x\r\nX-Amzn-Trace-Id: y\r\n") == 0U);
  BOOST_TEST(refusal_of_change("If: (<urn:uuid:1>)\r\n") == 412U);
  BOOST_TEST(refusal_of_change("Early-Data: 1\r\n") == 425U);
  BOOST_TEST(refusal_of_change("X-HTTP-Method-Override: PATCH\r\n") == 400U);
  BOOST_TEST(refusal_of_change("X-HTTP-Method-Override: put\r\n") == 0U);
  BOOST_TEST(refusal_of_change("X-Ssdfs-Crc32: 00000000\r\n") == 400U);
  BOOST_TEST(refusal_of_change("X-Ssdfs-Crc32c: 00000000\r\n") == 0U);
}

BOOST_AUTO_TEST_CASE(conditions_are_refused_where_nobody_looks_at_them) {
  for (const char* field : {"If-Match", "If-None-Match", "If-Unmodified-Since"}) {
    const std::string line = std::string(field) + ": *\r\n";
    BOOST_TEST(refusal_of_change(line, true) == 0U);
    BOOST_TEST(refusal_of_change(line, false) == 501U);
  }
  // Of reading: without a meaning for a change.
  BOOST_TEST(refusal_of_change("If-Modified-Since: x\r\nIf-Range: y\r\n", false) == 0U);
}

BOOST_AUTO_TEST_CASE(digests_of_a_body_are_checked) {
  // Of "123456789".
  const std::string body = "123456789";
  BOOST_CHECK(matches("Content-Digest", "crc32c=:4waSgw==:", body));
  BOOST_CHECK(!matches("Content-Digest", "crc32c=:4waSgw==:", "123456780"));
  BOOST_CHECK(
      matches("Repr-Digest",
              "sha-256=:FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=:;x=1, unknown=:AA==:", body));
  BOOST_CHECK(matches("Digest", "MD5=JfnnlDI7RTiF9RgfG2JNCw==", body));
  const std::string sha_512 =
      "SHA-512=2eZ2LdHI6vbWGzxhkvxAjU1tXxF20MKRabwk5xw/J0rSf81YEbMT1oH35V7ALXPUmclUVba1u1A6z1dPuo/"
      "+hQ==";
  BOOST_CHECK(matches("Digest", sha_512, body));
  BOOST_CHECK(!matches("Digest", sha_512 + ",MD5=AAAAAAAAAAAAAAAAAAAAAA==", body));
  expected_digests md5;
  BOOST_REQUIRE(read_content_md5("JfnnlDI7RTiF9RgfG2JNCw==", md5).has_value());
  body_digest wrong(md5);
  wrong.update(as_bytes(std::string_view("other")));
  const auto checked = wrong.check();
  BOOST_REQUIRE(!checked.has_value());
  BOOST_CHECK(checked.error() == errc::invalid_argument);
  BOOST_CHECK(checked.error().message().find("Content-MD5") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(digests_that_cannot_be_read_or_checked_are_refused) {
  for (const char* bad : {"", "sha-256", "sha-256=", "sha-256=:AA==:", "sha-256=FeKw",
                          "=:AA==:", "crc32c=:4waSgw==", "crc32c=:4waSg===:", "unknown=:AA==:"}) {
    expected_digests to;
    BOOST_TEST(!read_digests("Repr-Digest", bad, false, to).has_value(), bad);
  }
  for (const char* bad : {"", "AA==", "JfnnlDI7RTiF9RgfG2JNCw", "JfnnlDI7RTiF9RgfG2JNC===="}) {
    expected_digests to;
    BOOST_TEST(!read_content_md5(bad, to).has_value(), bad);
  }
  BOOST_TEST(refusal_of_upload(two_bytes + "Content-MD5: x\r\n") == 400U);
  BOOST_TEST(refusal_of_upload(two_bytes + "Digest: SHA=x\r\n") == 400U);
  BOOST_TEST(refusal_of_upload(two_bytes + "X-Ssdfs-Crc32c: xyz\r\n") == 400U);
}

BOOST_AUTO_TEST_CASE(base64_is_read_strictly) {
  BOOST_TEST(base64_decode("").value().empty());
  BOOST_TEST(base64_decode("YQ==").value() == "a");
  BOOST_TEST(base64_decode("YWI=").value() == "ab");
  BOOST_TEST(base64_decode("YWJj").value() == "abc");
  for (const char* bad : {"Y", "YQ", "YQ=", "YQ===", "YR==", "YWJ=", "Y*==", "====", "YQ==YQ=="}) {
    BOOST_TEST(!base64_decode(bad).has_value(), bad);
  }
}

BOOST_AUTO_TEST_CASE(origins_are_what_browsers_send) {
  BOOST_TEST(!cors_policy().active());
  BOOST_TEST(!cors_policy::parse({}).value().active());
  for (const char* good :
       {"*", "https://shop.example", "HTTP://a.example:8080", "http://[::1]:80"}) {
    BOOST_TEST(cors_policy::parse({good}).value().active(), good);
  }
  for (const char* bad : {"", "shop.example", "https://", "https://a.example/",
                          "https://a.example/b", "ftp://a.example", "null", "https://*.example",
                          "https://u@a.example", "https://a.example, https://b.example"}) {
    BOOST_TEST(!cors_policy::parse({bad}).has_value(), bad);
  }
}

BOOST_AUTO_TEST_CASE(answers_name_the_origin_that_may_read_them) {
  const cors_policy listed =
      cors_policy::parse({"https://a.example", "https://b.example:1"}).value();
  BOOST_TEST(listed.fields("https://b.example:1")
                 .find("Access-Control-Allow-Origin: https://b.example:1\r\n") !=
             std::string::npos);
  for (const char* other : {"", "null", "https://b.example", "https://b.example:12",
                            "http://a.example", "https://a.example.org"}) {
    // A cache must not give this answer to those who are let in.
    BOOST_TEST(listed.fields(other) == "Vary: Origin\r\n", other);
  }
  const cors_policy all = cors_policy::parse({"*"}).value();
  for (const char* origin : {"", "null", "https://x.example"}) {
    BOOST_TEST(all.fields(origin).starts_with("Access-Control-Allow-Origin: *\r\n"), origin);
  }
  BOOST_TEST(cors_policy().fields("https://a.example").empty());
}

BOOST_AUTO_TEST_CASE(preflights_are_answered_for_what_is_possible) {
  const cors_policy policy = cors_policy::parse({"https://a.example"}).value();
  const auto ask = [&](const std::string& origin, const std::string& method,
                       const std::string& names, const std::string& possible) {
    const parsed p("Origin: " + origin + "\r\nAccess-Control-Request-Method: " + method +
                       "\r\nAccess-Control-Request-Headers: " + names + "\r\n",
                   "OPTIONS");
    BOOST_CHECK(cors_policy::is_preflight(p.head()));
    return policy.preflight_fields(p.head(), possible);
  };
  const std::string yes = ask("https://a.example", "PUT", "if-match,x-own", "GET, HEAD, PUT");
  BOOST_TEST(yes.find("Access-Control-Allow-Methods: GET, HEAD, PUT\r\n") != std::string::npos);
  BOOST_TEST(yes.find("Access-Control-Allow-Headers: if-match,x-own\r\n") != std::string::npos);
  BOOST_TEST(ask("https://a.example", "PUT", "", "GET, HEAD").empty());
  BOOST_TEST(ask("https://b.example", "GET", "", "GET, HEAD").empty());
  BOOST_TEST(ask("https://a.example", "GET", "x: y", "GET, HEAD").empty());
  const parsed plain("Origin: https://a.example\r\n", "OPTIONS");
  BOOST_CHECK(!cors_policy::is_preflight(plain.head()));
}

BOOST_AUTO_TEST_CASE(permissions_are_octal_and_nothing_else) {
  BOOST_TEST(parse_permission("0755").value() == 0755);
  BOOST_TEST(parse_permission("755").value() == 0755);
  BOOST_TEST(parse_permission("0").value() == 0);
  BOOST_TEST(parse_permission("1777").value() == 01777);
  BOOST_TEST(parse_permission("01777").value() == 01777);
  for (const char* bad : {"", "493", "999", "-1", "+7", " 7", "7 ", "0x7", "0o755", "rwxr-xr-x",
                          "2000", "17777", "000755", "7.0"}) {
    BOOST_TEST(!parse_permission(bad).has_value(), bad);
  }
}

BOOST_AUTO_TEST_CASE(values_of_webhdfs_parameters_are_read_strictly) {
  const auto check = [](const std::string& query, const std::string& operation) {
    return refusal_of_parameters("op=" + operation + "&user.name=ann&" + query, operation, true);
  };
  const std::string refused = "IllegalArgumentException";
  for (const char* bad : {"permission=493", "permission=", "permission", "overwrite=yes",
                          "overwrite=1", "replication=0", "replication=4", "replication=two",
                          "blocksize=0", "blocksize=-1", "buffersize=x", "noredirect=maybe",
                          "unmaskedpermission=rwx", "data=1", "overwrite=true&overwrite=false"}) {
    BOOST_TEST(check(bad, "CREATE") == refused, bad);
  }
  for (const char* good : {"permission=0644", "overwrite=TRUE", "Replication=3", "blocksize=1",
                           "buffersize=4096", "unmaskedpermission=777", "createparent=true",
                           "createflag=", "data=true", "overwrite=true&overwrite=true",
                           "recursive=false", "storagepolicy=", "namenoderpcaddress=h:8020"}) {
    BOOST_TEST(check(good, "CREATE") == "", good);
  }
  BOOST_TEST(check("offset=-1", "OPEN") == refused);
  BOOST_TEST(check("length=1k", "OPEN") == refused);
  BOOST_TEST(check("length=99999999999999999999", "OPEN") == refused);
  BOOST_TEST(check("modificationtime=now", "SETTIMES") == refused);
  BOOST_TEST(check("modificationtime=-2", "SETTIMES") == refused);
  BOOST_TEST(check("modificationtime=-1&accesstime=0", "SETTIMES") == "");
  BOOST_TEST(check("fsaction=rx", "CHECKACCESS") == refused);
  BOOST_TEST(check("fsaction=xwr", "CHECKACCESS") == refused);
  BOOST_TEST(check("fsaction=r-x", "CHECKACCESS") == "");
  BOOST_TEST(check("renameoptions=TO_TRASH", "RENAME") == refused);
  BOOST_TEST(check("renameoptions=none", "RENAME") == "");
}

BOOST_AUTO_TEST_CASE(webhdfs_parameters_that_nothing_acts_upon_are_refused_by_name) {
  const std::string refused = "UnsupportedOperationException";
  for (const char* bad : {"createparent=false", "createflag=APPEND", "storagepolicy=HOT",
                          "ecpolicy=RS-6-3-1024k", "recursive=true", "destination=/x"}) {
    BOOST_TEST(refusal_of_parameters(bad, "CREATE", true) == refused, bad);
  }
  BOOST_TEST(refusal_of_parameters("recursive=true", "LISTSTATUS", false) == refused);
  BOOST_TEST(refusal_of_parameters("filter=*.jpg", "LISTSTATUS", false) == refused);
  BOOST_TEST(refusal_of_parameters("overwrite=true", "RENAME", true) == refused);
  BOOST_TEST(refusal_of_parameters("delegation=abc", "OPEN", false) == "InvalidToken");
  BOOST_TEST(refusal_of_parameters("delegation=", "OPEN", false) == "");
  // Nobody knows it: a change may be meant otherwise, a question is only a question.
  BOOST_TEST(refusal_of_parameters("recursiv=true", "DELETE", true) == "IllegalArgumentException");
  BOOST_TEST(refusal_of_parameters("_=1700000000", "LISTSTATUS", false) == "");
}

BOOST_AUTO_TEST_CASE(queries_are_read_whole_or_not_at_all) {
  const auto good = parse_query("a=1&&b&c=x+y%21&A=");
  BOOST_REQUIRE(good.has_value());
  BOOST_REQUIRE_EQUAL(good->size(), 4U);
  BOOST_TEST((*good)[2].value == "x y!");
  BOOST_TEST((*good)[3].name == "A");
  for (const char* bad : {"a=%", "a=%zz", "%=1", "a=%00", "a=1&b=%f"}) {
    BOOST_TEST(!parse_query(bad).has_value(), bad);
  }
}

BOOST_AUTO_TEST_CASE(the_document_names_every_field_and_parameter_that_is_looked_at) {
  const std::string text = document();
  for (const std::string_view name : change_field_names()) {
    BOOST_TEST((text.find("| `" + std::string(name) + "`") != std::string::npos), name);
  }
  for (const webhdfs_parameter& p : webhdfs_parameters()) {
    std::string lower = text;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    BOOST_TEST((lower.find("| `" + std::string(p.name) + "`") != std::string::npos), p.name);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::http
