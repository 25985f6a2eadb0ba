#include "volume/needle.hpp"

#include "volume/records.hpp"

#include <boost/test/unit_test.hpp>

using namespace ssdfs;
using namespace ssdfs::volume;

namespace {

superblock example() {
  superblock s{volume_id(0x100000007), 0x1122334455667788, {}};
  for (std::uint8_t i = 0; i < 16; ++i) s.cluster.value.data[i] = i;
  return s;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(needle_test)

BOOST_AUTO_TEST_CASE(superblock_round_trip_and_every_bit_flipped) {
  const superblock_bytes good = encode(example());
  BOOST_TEST((decode_superblock(good).value() == example()));
  for (std::size_t bit = 0; bit < superblock_size * 8; ++bit) {
    superblock_bytes bad = good;
    bad[bit / 8] ^= std::byte(1 << (bit % 8));
    BOOST_TEST(decode_superblock(bad).has_error(), "bit " << bit);
  }
  for (std::size_t n = 0; n < superblock_size; ++n) {
    BOOST_TEST((decode_superblock(bytes_view(good).first(n)).error() == errc::damaged));
  }
}

BOOST_AUTO_TEST_CASE(header_round_trip_and_every_bit_flipped) {
  const header_seal seal(example());
  const record_header h{record_kind::data, 7, 4096, 0xdeadbeef};
  std::array<std::byte, header_size> good;
  seal.encode(h, 64, good.data());
  BOOST_REQUIRE(seal.decode(good.data(), 64).has_value());
  BOOST_TEST((*seal.decode(good.data(), 64) == h));
  for (std::size_t bit = 0; bit < header_size * 8; ++bit) {
    auto bad = good;
    bad[bit / 8] ^= std::byte(1 << (bit % 8));
    BOOST_TEST(!seal.decode(bad.data(), 64).has_value(), "bit " << bit);
  }
}

BOOST_AUTO_TEST_CASE(a_header_is_valid_at_its_place_only) {
  const header_seal seal(example());
  std::array<std::byte, header_size> h;
  seal.encode({record_kind::data, 7, 4096, 1}, 64, h.data());
  for (std::uint64_t offset = 0; offset < 1 << 16; offset += 8) {
    BOOST_TEST(seal.decode(h.data(), offset).has_value() == (offset == 64));
  }
  superblock other = example();
  other.salt += 1;
  BOOST_TEST(!header_seal(other).decode(h.data(), 64).has_value());
  other = example();
  other.id.value += 1;
  BOOST_TEST(!header_seal(other).decode(h.data(), 64).has_value());
}

BOOST_AUTO_TEST_CASE(impossible_headers_are_refused) {
  const header_seal seal(example());
  const auto valid = [&](const record_header& h) {
    std::array<std::byte, header_size> out;
    seal.encode(h, 64, out.data());
    return seal.decode(out.data(), 64).has_value();
  };
  BOOST_TEST(valid({record_kind::data, 1, 1, 0}));
  BOOST_TEST(!valid({record_kind::data, 0, 1, 0}));
  BOOST_TEST(!valid({record_kind::data, 1, 0, 0}));
  BOOST_TEST(valid({record_kind::data, 1, ssdfs::max_chunk_size, 0}));
  BOOST_TEST(!valid({record_kind::data, 1, ssdfs::max_chunk_size + 1, 0}));
  BOOST_TEST(!valid({record_kind::removals, 1, 16, 0}));
  BOOST_TEST(!valid({record_kind::removals, 0, max_payload + 1, 0}));
  BOOST_TEST(!valid({static_cast<record_kind>(0), 1, 1, 0}));
  BOOST_TEST(!valid({static_cast<record_kind>(7), 1, 1, 0}));
}

BOOST_AUTO_TEST_CASE(extents) {
  BOOST_TEST(extent_of(1) == 32U);
  BOOST_TEST(extent_of(4096) == 4120U);
  BOOST_TEST(extent_of(block_size) == 24U + block_size);
  BOOST_TEST(extent_of(block_size + 1) == align_up(24 + block_size + 1 + 8));
  BOOST_TEST(extent_of(record_header{record_kind::state, 0, status_size, 0}) == 72U);
}

BOOST_AUTO_TEST_CASE(payloads_round_trip) {
  replica_status s;
  s.state = replica_state::sealed;
  s.generation = 3;
  s.removal_number = 12;
  s.highest_key = 99;
  s.digest = {4, 5, 6};
  std::array<std::byte, status_size> bytes;
  encode(s, bytes.data());
  BOOST_TEST((decode_status(bytes) == s));
  BOOST_TEST(!decode_status(bytes_view(bytes).first(status_size - 1)).has_value());
  bytes[0] = std::byte{9};
  BOOST_TEST(!decode_status(bytes).has_value());

  const std::vector<chunk_key> keys = {5, 1, 0xffffffff};
  const auto batch = encode_keys(77, keys);
  const auto back = decode_keys(batch);
  BOOST_REQUIRE(back.has_value());
  BOOST_TEST(back->number == 77U);
  BOOST_TEST(back->keys == keys, boost::test_tools::per_element());
  for (std::size_t n = 0; n < batch.size(); ++n) {
    BOOST_TEST(!decode_keys(bytes_view(batch).first(n)).has_value());
  }
}

BOOST_AUTO_TEST_SUITE_END()
