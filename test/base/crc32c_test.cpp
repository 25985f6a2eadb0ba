#include "base/crc32c.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <random>
#include <string>
#include <vector>

using namespace ssdfs;

namespace {

// The definition, bit by bit.
std::uint32_t slow_crc(bytes_view data) {
  std::uint32_t crc = 0xffffffffU;
  for (const std::byte b : data) {
    crc ^= std::to_integer<std::uint32_t>(b);
    for (int i = 0; i < 8; ++i) crc = crc >> 1 ^ ((crc & 1) != 0 ? 0x82f63b78U : 0U);
  }
  return ~crc;
}

std::vector<std::byte> random_bytes(std::size_t n) {
  std::mt19937_64 random(n);
  std::vector<std::byte> out(n);
  for (auto& b : out) b = static_cast<std::byte>(random());
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(crc)

// RFC 3720, appendix B.4, and the usual check value.
BOOST_AUTO_TEST_CASE(published_values) {
  BOOST_TEST(crc32c(as_bytes("123456789")) == 0xe3069283U);
  BOOST_TEST(crc32c({}) == 0U);
  BOOST_TEST(crc32c(std::vector<std::byte>(32)) == 0x8a9136aaU);
  BOOST_TEST(crc32c(std::vector<std::byte>(32, std::byte{0xff})) == 0x62a8ab43U);
  std::vector<std::byte> rising;
  for (int i = 0; i < 32; ++i) rising.push_back(static_cast<std::byte>(i));
  BOOST_TEST(crc32c(rising) == 0x46dd794eU);
}

BOOST_AUTO_TEST_CASE(every_length_and_alignment_agrees_with_the_definition) {
  const auto bytes = random_bytes(700);
  for (std::size_t n = 0; n < 600; ++n) {
    const bytes_view part = bytes_view(bytes).subspan(n % 17, n);
    BOOST_TEST_REQUIRE(crc32c(part) == slow_crc(part));
  }
}

BOOST_AUTO_TEST_CASE(it_continues_from_a_seed) {
  const auto bytes = random_bytes(5000);
  const bytes_view all = bytes;
  for (const std::size_t cut : {0U, 1U, 7U, 64U, 4096U, 5000U}) {
    BOOST_TEST(crc32c(all.subspan(cut), crc32c(all.first(cut))) == crc32c(all));
  }
}

BOOST_AUTO_TEST_CASE(combining_equals_computing_over_both) {
  const auto bytes = random_bytes(300000);
  const bytes_view all = bytes;
  for (const std::size_t cut : {0U, 1U, 2U, 3U, 255U, 65536U, 131071U, 299999U, 300000U}) {
    BOOST_TEST(crc32c_combine(crc32c(all.first(cut)), crc32c(all.subspan(cut)), all.size() - cut) ==
               crc32c(all));
  }
  // Blocks as a long needle keeps them.
  std::uint32_t total = 0;
  for (std::size_t at = 0; at < all.size(); at += 65536) {
    const bytes_view block = all.subspan(at, std::min<std::size_t>(65536, all.size() - at));
    total = crc32c_combine(total, crc32c(block), block.size());
  }
  BOOST_TEST(total == crc32c(all));
}

BOOST_AUTO_TEST_CASE(combining_works_for_lengths_that_no_memory_holds) {
  // Zeros: crc(a + b zeros) can be built by doubling.
  const std::uint32_t a = crc32c(as_bytes("picture"));
  std::uint32_t zeros = crc32c(std::vector<std::byte>(1));
  std::uint64_t length = 1;
  while (length < std::uint64_t{1} << 40) {
    zeros = crc32c_combine(zeros, zeros, length);
    length *= 2;
  }
  const std::uint64_t half = length / 2;
  std::uint32_t half_zeros = crc32c(std::vector<std::byte>(1));
  for (std::uint64_t n = 1; n < half; n *= 2) {
    half_zeros = crc32c_combine(half_zeros, half_zeros, n);
  }
  BOOST_TEST(crc32c_combine(a, zeros, length) ==
             crc32c_combine(crc32c_combine(a, half_zeros, half), half_zeros, half));
}

BOOST_AUTO_TEST_SUITE_END()
