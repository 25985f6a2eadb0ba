// Strong ids, uuids, results, errors, digests.
#include "base/bytes.hpp"
#include "base/digest.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"

#include <boost/test/unit_test.hpp>

#include <array>
#include <set>
#include <sstream>
#include <unordered_set>

using namespace ssdfs;

static_assert(!std::is_convertible_v<std::uint64_t, txid>);
static_assert(!std::is_convertible_v<txid, std::uint64_t>);
static_assert(!std::is_constructible_v<txid, volume_id>);

BOOST_AUTO_TEST_SUITE(values)

BOOST_AUTO_TEST_CASE(strong_ids_compare_count_print_and_hash) {
  BOOST_TEST((txid(1) < txid(2)));
  BOOST_TEST((txid() == txid(0)));
  BOOST_TEST((txid(7).next() == txid(8)));
  std::ostringstream out;
  out << txid(42);
  BOOST_TEST(out.str() == "42");
  const std::unordered_set<volume_id> set{volume_id(1), volume_id(2), volume_id(1)};
  BOOST_TEST(set.size() == 2U);
}

BOOST_AUTO_TEST_CASE(uuids_are_printed_and_read_back) {
  const std::string text = "01234567-89ab-cdef-0123-456789abcdef";
  const auto id = parse_uuid(text);
  BOOST_TEST_REQUIRE(id.has_value());
  BOOST_TEST(to_string(*id) == text);
  BOOST_TEST(to_string(node_id(*id)) == text);
  BOOST_TEST(to_string(*parse_uuid("01234567-89AB-CDEF-0123-456789ABCDEF")) == text);
  for (const char* bad :
       {"", "01234567-89ab-cdef-0123-456789abcde", "01234567-89ab-cdef-0123-456789abcdefa",
        "0123456789ab-cdef-0123-456789abcdef-", "g1234567-89ab-cdef-0123-456789abcdef",
        "{1234567-89ab-cdef-0123-456789abcde}"}) {
    BOOST_TEST((parse_uuid(bad).error() == errc::invalid_argument), bad);
  }
}

BOOST_AUTO_TEST_CASE(integers_are_little_endian_at_any_address) {
  std::array<std::byte, 12> raw{};
  store_le<std::uint32_t>(raw.data() + 1, 0x01020304);
  BOOST_TEST(std::to_integer<int>(raw[1]) == 4);
  BOOST_TEST(std::to_integer<int>(raw[4]) == 1);
  store_le<std::int64_t>(raw.data() + 3, -5);
  BOOST_TEST(load_le<std::int64_t>(raw.data() + 3) == -5);
}

result<int> half(int n) {
  if (n % 2 != 0) return failure(errc::invalid_argument, "odd");
  return n / 2;
}
result<void> check_half(int n) {
  SSDFS_TRY(half(n));
  return {};
}

BOOST_AUTO_TEST_CASE(results_hold_a_value_or_a_failure) {
  BOOST_TEST(half(4).value() == 2);
  BOOST_TEST((half(3).error() == errc::invalid_argument));
  BOOST_TEST(half(3).error().message() == "odd");
  BOOST_TEST(check_half(4).has_value());
  BOOST_TEST(check_half(5).error().detail == "odd");
  BOOST_TEST(result<int>(errc::busy).error().message() == "server busy");
  BOOST_CHECK_THROW(static_cast<void>(half(3).value()), boost::system::system_error);
}

BOOST_AUTO_TEST_CASE(errno_becomes_a_failure_with_its_cause) {
  BOOST_TEST((errno_failure(ENOSPC, "write a") == errc::no_space));
  BOOST_TEST((errno_failure(EDQUOT, "write a") == errc::no_space));
  const failure f = errno_failure(EIO, "write a");
  BOOST_TEST((f == errc::io));
  BOOST_TEST(f.detail.starts_with("write a: "));
}

BOOST_AUTO_TEST_CASE(every_error_has_a_text_of_its_own) {
  std::set<std::string> texts;
  int known = 0;
  for (int n = 1; n < 100; ++n) {
    const std::string text = make_error_code(static_cast<errc>(n)).message();
    if (text == "unknown error") continue;
    ++known;
    texts.insert(text);
  }
  BOOST_TEST(known > 35);
  BOOST_TEST(texts.size() == static_cast<std::size_t>(known));
}

BOOST_AUTO_TEST_CASE(errors_equal_the_generic_conditions_they_are_documented_as) {
  namespace sys = boost::system::errc;
  BOOST_TEST((make_error_code(errc::not_found) == sys::no_such_file_or_directory));
  BOOST_TEST((make_error_code(errc::exists) == sys::file_exists));
  BOOST_TEST((make_error_code(errc::timed_out) == sys::timed_out));
  BOOST_TEST((make_error_code(errc::busy) != sys::timed_out));
}

BOOST_AUTO_TEST_CASE(retryable_is_what_may_pass) {
  for (const errc e : {errc::busy, errc::timed_out, errc::connection, errc::not_active,
                       errc::starting, errc::regrant, errc::no_datanodes}) {
    BOOST_TEST(is_retryable(make_error_code(e)));
  }
  for (const errc e : {errc::not_found, errc::exists, errc::checksum, errc::wrong_cluster,
                       errc::internal, errc::cancelled}) {
    BOOST_TEST(!is_retryable(make_error_code(e)));
  }
  using boost::system::error_code;
  BOOST_TEST(is_retryable(error_code(ECONNREFUSED, boost::system::system_category())));
  BOOST_TEST(!is_retryable(error_code(EACCES, boost::system::system_category())));
}

BOOST_AUTO_TEST_CASE(a_digest_depends_on_the_set_and_not_on_the_order) {
  volume_digest a;
  volume_digest b;
  for (std::uint32_t i = 1; i <= 100; ++i) a.add(i, i * 10, i * 77);
  for (std::uint32_t i = 100; i >= 1; --i) b.add(i, i * 10, i * 77);
  BOOST_TEST((a == b));
  b.remove(50, 500, 50 * 77);
  BOOST_TEST((a != b));
  b.add(50, 500, 50 * 77 + 1);  // other content
  BOOST_TEST((a != b));
  b.remove(50, 500, 50 * 77 + 1);
  b.add(50, 500, 50 * 77);
  BOOST_TEST((a == b));
  for (std::uint32_t i = 1; i <= 100; ++i) a.remove(i, i * 10, i * 77);
  BOOST_TEST((a == volume_digest{}));
}

BOOST_AUTO_TEST_CASE(the_mix_is_golden) {
  // Digests of masters and datanodes of different versions must agree for ever.
  BOOST_TEST(chunk_mix(1, 4096, 0xe3069283U) == 0x5387333ccd8900cdU);
  std::set<std::uint64_t> seen;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    seen.insert(chunk_mix(i, 0, 0));
    seen.insert(chunk_mix(0, i + 1000, 0));
    seen.insert(chunk_mix(0, 0, i + 1));
  }
  BOOST_TEST(seen.size() == 3000U);
}

BOOST_AUTO_TEST_SUITE_END()
