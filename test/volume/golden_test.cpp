// The bytes of format version 1, as docs/formats/volume.md and docs/formats/index.md show them.
#include "util/source_tree.hpp"
#include "volume/volume_fixture.hpp"

#include <fstream>
#include <sstream>

using namespace ssdfs;
using namespace ssdfs::test;
namespace vol = ssdfs::volume;

namespace {

std::string hex_of(bytes_view data) {
  std::string out;
  const char* digits = "0123456789abcdef";
  for (std::size_t i = 0; i < data.size(); ++i) {
    if (i % 16 == 0 && i > 0) out += '\n';
    out += digits[std::to_integer<int>(data[i]) >> 4];
    out += digits[std::to_integer<int>(data[i]) & 15];
  }
  return out;
}

vol::superblock golden_superblock() {
  vol::superblock s{test_volume, 0x1122334455667788, {}};
  for (std::uint8_t i = 0; i < 16; ++i) s.cluster.value.data[i] = i;
  return s;
}

// The start of the file of an open volume of generation 1, with a known salt.
bytes first_bytes() {
  const auto start = vol::encode(golden_superblock());
  bytes out(start.begin(), start.end());
  vol::replica_status status;
  status.generation = 1;
  std::array<std::byte, vol::status_size> payload;
  vol::encode(status, payload.data());
  out.resize(out.size() + vol::header_size);
  vol::header_seal(golden_superblock())
      .encode({vol::record_kind::state, 0, vol::status_size, crc32c(payload)}, 64, out.data() + 64);
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

const std::string golden_volume =
    "5353444653564f4c0100000040000000\n"
    "07000000010000008877665544332211\n"
    "000102030405060708090a0b0c0d0e0f\n"
    "000000000000000000000000ffd25466\n"
    "4e444c3100000000300000008203f454\n"
    "0400000030aea8030100000001000000\n"
    "00000000000000000000000000000000\n"
    "00000000000000000000000000000000\n"
    "00000000000000004e444c3101000000\n"
    "050000004cbb719a010000000d584c3a\n"
    "68656c6c6f0000004e444c3102000000\n"
    "09000000db72478d010000004af1da81\n"
    "61207069637475726500000000000000\n"
    "4e444c3100000000140000000bdfb267\n"
    "030000007ada4dbb0100000000000000\n"
    "01000000000000000100000000000000\n"
    "4e444c31000000003000000096fdf1d8\n"
    "04000000753e25ec0200000001000000\n"
    "01000000000000000200000000000000\n"
    "01000000000000000900000000000000\n"
    "27e759a4e6d19e00";

const std::string golden_index =
    "53534446534944580100000000100000\n"
    "07000000010000008877665544332211\n"
    "000102030405060708090a0b0c0d0e0f\n"
    "48010000000000000200000001000000\n"
    "01000000000000000200000000000000\n"
    "01000000000000000900000000000000\n"
    "27e759a4e6d19e002800000000000000\n"
    "01000000000000000100000000000000\n"
    "0000000000000000eb054d6800000000\n"
    "02000000000000000000000000000000\n"
    "0200000009000000db72478d15000000\n"
    "01000000000000000000000003343f65";

}  // namespace

BOOST_AUTO_TEST_SUITE(golden_test)

BOOST_AUTO_TEST_CASE(volume_and_index_version_1) {
  sim_disk disk;
  disk.fs.set_contents(volume_file, first_bytes());
  auto v = disk.open();
  BOOST_REQUIRE(!append(*v, 1, as_bytes("hello")));
  BOOST_REQUIRE(!append(*v, 2, as_bytes("a picture")));
  BOOST_REQUIRE(v->remove_keys(1, std::vector<chunk_key>{1}));
  BOOST_REQUIRE(v->seal(1));
  v.reset();
  BOOST_TEST(hex_of(disk.fs.contents(volume_file)) == golden_volume);
  const bytes index = disk.fs.contents(index_name);
  BOOST_REQUIRE_EQUAL(index.size(), 2 * vol::index_page_size);
  // What is not shown is zero.
  const bytes_view all(index);
  const std::string shown = hex_of(all.first(160)) + "\n" + hex_of(all.subspan(4096, 16)) + "\n" +
                            hex_of(all.subspan(8176, 16));
  BOOST_TEST(shown == golden_index);
  for (std::size_t i = 0; i < index.size(); ++i) {
    const bool is_shown = i < 160 || (i >= 4096 && i < 4112) || i >= 8176;
    if (!is_shown) BOOST_REQUIRE(index[i] == std::byte{0});
  }
}

// The hexadecimal lines of the worked golden_superblock of a page of the documentation.
std::string example_in(const std::string& page) {
  std::ifstream in(test::source_tree() + "/docs/formats/" + page);
  std::string out;
  for (std::string line; std::getline(in, line);) {
    if (!line.starts_with("0x")) continue;
    std::istringstream words(line);
    std::string offset, first, second;
    words >> offset >> first >> second;
    if (second.find_first_not_of("0123456789abcdef") != std::string::npos) second.clear();
    out += (out.empty() ? "" : "\n") + first + second;
  }
  return out;
}

BOOST_AUTO_TEST_CASE(the_documentation_shows_these_bytes) {
  BOOST_TEST(example_in("volume.md") == golden_volume);
  BOOST_TEST(example_in("index.md") == golden_index);
}

BOOST_AUTO_TEST_CASE(files_of_version_1_stay_readable) {
  const auto nibble = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
  bytes file;
  for (std::size_t i = 0; i + 1 < golden_volume.size();) {
    if (golden_volume[i] == '\n') {
      ++i;
      continue;
    }
    file.push_back(
        static_cast<std::byte>(nibble(golden_volume[i]) << 4 | nibble(golden_volume[i + 1])));
    i += 2;
  }
  sim_disk disk;
  disk.fs.set_contents(volume_file, file);
  auto v = disk.open();
  const auto content = as_bytes("a picture");
  check_equal(*v, {{2, bytes(content.begin(), content.end())}});
  BOOST_TEST((v->report().state == replica_state::sealed));
  BOOST_TEST(v->report().removal_number == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
