#include "base/crc32c.hpp"

#include <isa-l/crc.h>

#include <array>

namespace ssdfs {

std::uint32_t crc32c(bytes_view data, std::uint32_t seed) noexcept {
  // ISA-L takes an int length and neither inverts its input nor its output.
  std::uint32_t state = ~seed;
  // crc32_iscsi's pointer is not const, although it only reads.
  auto* at = reinterpret_cast<unsigned char*>(const_cast<std::byte*>(data.data()));
  std::size_t left = data.size();
  constexpr std::size_t step = 1U << 30;
  while (left > 0) {
    const std::size_t n = left < step ? left : step;
    state = crc32_iscsi(at, static_cast<int>(n), state);
    at += n;
    left -= n;
  }
  return ~state;
}

namespace {

constexpr std::uint32_t polynomial = 0x82f63b78;  // reflected Castagnoli

// Product of two polynomials modulo the CRC's, bit 31 being x^0.
constexpr std::uint32_t multiply(std::uint32_t a, std::uint32_t b) {
  std::uint32_t product = 0;
  for (std::uint32_t bit = 1U << 31; bit != 0; bit >>= 1) {
    if ((a & bit) != 0) product ^= b;
    b = (b & 1) != 0 ? (b >> 1) ^ polynomial : b >> 1;
  }
  return product;
}

// powers[k] is x^(8 * 2^k).
constexpr std::array<std::uint32_t, 64> make_powers() {
  std::array<std::uint32_t, 64> powers{};
  std::uint32_t x = 1U << 23;  // x^8
  for (auto& p : powers) {
    p = x;
    x = multiply(x, x);
  }
  return powers;
}
constexpr auto powers = make_powers();

}  // namespace

std::uint32_t crc32c_combine(std::uint32_t a, std::uint32_t b, std::uint64_t b_length) noexcept {
  std::uint32_t shift = 1U << 31;  // x^0
  for (std::size_t k = 0; b_length != 0; ++k, b_length >>= 1) {
    if ((b_length & 1) != 0) shift = multiply(shift, powers[k]);
  }
  return multiply(shift, a) ^ b;
}

}  // namespace ssdfs
