#include "meta/image.hpp"

#include "base/crc32c.hpp"
#include "meta/image_items.hpp"
#include "meta/image_reader.hpp"
#include "meta/image_util.hpp"
#include "meta/image_v1.hpp"
#include "meta/image_v2.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

namespace ssdfs::meta {
namespace {

using test::fill;
using test::image_of;
using test::load;
using test::require_error;
using test::state_rig;

void require_equal(const state& a, const state& b) {
  BOOST_TEST(a.digest() == b.digest());
  BOOST_TEST(a.last_txid() == b.last_txid());
  BOOST_TEST(a.chain() == b.chain());
  BOOST_TEST(a.log_time_ms() == b.log_time_ms());
  BOOST_TEST((a.cluster() == b.cluster()));
  BOOST_TEST((a.epochs() == b.epochs()));
  BOOST_TEST((a.nodes() == b.nodes()));
  BOOST_TEST((a.rebalance() == b.rebalance()));
  BOOST_TEST(a.next_volume() == b.next_volume());
  BOOST_TEST(a.results().size() == b.results().size());
  BOOST_TEST(a.names().next_serial() == b.names().next_serial());
  BOOST_REQUIRE(a.volumes().size() == b.volumes().size());
  for (std::uint32_t i = 0; i < a.volumes().size(); ++i) {
    const volume_entry& x = a.volumes()[volume_slot(i)];
    const volume_entry& y = b.volumes()[volume_slot(i)];
    BOOST_TEST((x.info == y.info));
    BOOST_TEST((x.freed == y.freed));
    BOOST_TEST((x.removals == y.removals));
    BOOST_TEST(x.freed_bytes == y.freed_bytes);
    BOOST_REQUIRE(x.grants.size() == y.grants.size());
    for (std::size_t g = 0; g < x.grants.size(); ++g) {
      BOOST_TEST(x.grants[g].committed == y.grants[g].committed, boost::test_tools::per_element());
      BOOST_TEST(x.grants[g].committed_bytes == y.grants[g].committed_bytes);
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(image)

BOOST_AUTO_TEST_CASE(the_state_comes_back_in_any_pieces) {
  state_rig rig;
  fill(rig);
  const auto image = image_of(rig.state());
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, std::size_t{1000}, SIZE_MAX}) {
    state back;
    const auto loaded = load(image, back, step);
    BOOST_REQUIRE_MESSAGE(loaded.has_value(), test::why(loaded));
    require_equal(rig.state(), back);
    const auto sound = back.names().verify();
    BOOST_TEST(sound.has_value(), test::why(sound));
    BOOST_TEST((image_of(back) == image));
  }
}

BOOST_AUTO_TEST_CASE(what_was_loaded_goes_on_as_the_original) {
  state_rig rig;
  fill(rig);
  state back;
  BOOST_REQUIRE(load(image_of(rig.state()), back).has_value());
  const std::size_t before = rig.log().size();
  BOOST_REQUIRE(rig.rename("/large", "/pictures/large").has_value());
  BOOST_REQUIRE(rig.mkdir("/new/dir", true).has_value());
  const volume_id v = rig.add_volume();
  BOOST_REQUIRE(rig.create("/new/file", v, rig.grant(v), 9).has_value());
  rig.log_record(make_mark(rig.state(), rig.context()));
  std::string_view rest = rig.log().substr(before);
  line_parser parser;
  record r;
  while (!rest.empty()) {
    const std::string_view line = rest.substr(0, rest.find('\n'));
    auto crc = parser.parse(line, back.chain(), r);
    BOOST_REQUIRE(crc.has_value());
    const auto applied = back.apply(r, *crc);
    BOOST_REQUIRE_MESSAGE(applied.has_value(), test::why(applied));
    rest.remove_prefix(line.size() + 1);
  }
  while (rig.state().reclaim_step(3)) {
  }
  while (back.reclaim_step(100)) {
  }
  require_equal(rig.state(), back);
}

BOOST_AUTO_TEST_CASE(an_empty_state_and_many_sections) {
  state_rig small;
  state back;
  BOOST_REQUIRE(load(image_of(small.state()), back).has_value());
  require_equal(small.state(), back);

  state_rig big;
  for (int i = 0; i < 40'000; ++i) {
    const std::string n = std::to_string(i);
    BOOST_REQUIRE(big.touch("/d" + n.substr(0, 2) + "/" + n + std::string(30, 'x')).has_value());
  }
  const auto image = image_of(big.state());
  state copy;
  const auto loaded = load(image, copy, 100'000);
  BOOST_REQUIRE_MESSAGE(loaded.has_value(), test::why(loaded));
  BOOST_TEST(copy.digest() == big.state().digest());
  BOOST_TEST(image.size() > std::size_t{1} << 20);
}

BOOST_AUTO_TEST_CASE(every_prefix_and_every_flipped_bit_is_refused) {
  state_rig rig;
  fill(rig);
  const auto image = image_of(rig.state());
  for (std::size_t n = 0; n < image.size(); n += n < 200 ? 1 : 13) {
    state back;
    require_error(load(bytes_view(image).first(n), back), errc::damaged);
  }
  for (std::size_t at = 0; at < image.size(); ++at) {
    auto flipped = image;
    flipped[at] ^= static_cast<std::byte>(1U << (at % 8));
    state back;
    const auto loaded = load(flipped, back);
    BOOST_REQUIRE_MESSAGE(loaded.has_error(), "byte " << at);
    BOOST_REQUIRE(loaded.error() == errc::damaged);
  }
  auto longer = image;
  longer.push_back(std::byte{0});
  state back;
  require_error(load(longer, back), errc::damaged);
}

// What CRCs would hide: sections left out, doubled, or with contents that lie.
BOOST_AUTO_TEST_CASE(sections_that_lie_are_refused) {
  state_rig rig;
  fill(rig);
  const auto image = image_of(rig.state());
  std::vector<std::pair<std::size_t, std::size_t>> sections;
  for (std::size_t at = image_header_bytes; at < image.size();) {
    const std::size_t n =
        image_section_header_bytes + load_le<std::uint32_t>(image.data() + at + 4);
    sections.emplace_back(at, n);
    at += n;
  }
  BOOST_REQUIRE(sections.size() == 9U);
  for (const auto& [at, n] : sections) {
    auto without = image;
    without.erase(without.begin() + static_cast<std::ptrdiff_t>(at),
                  without.begin() + static_cast<std::ptrdiff_t>(at + n));
    state first;
    BOOST_TEST(load(without, first).has_error());
    // Any byte of the payload, with a right CRC: it must not crash, and hardly ever passes.
    for (std::size_t i = image_section_header_bytes; i < n; ++i) {
      auto lying = image;
      lying[at + i] ^= static_cast<std::byte>(1U << (i % 8));
      const std::uint32_t seed = crc32c(bytes_view(lying).subspan(at, 8));
      store_le(lying.data() + at + 8,
               crc32c(bytes_view(lying).subspan(at + image_section_header_bytes,
                                                n - image_section_header_bytes),
                      seed));
      state back;
      BOOST_REQUIRE(load(lying, back).has_error());  // the end section knows all CRCs
    }
  }
}

BOOST_AUTO_TEST_CASE(newer_versions_are_refused_clearly) {
  state_rig rig;
  auto image = image_of(rig.state());
  store_le(image.data() + 8, image_format_version + 1);
  store_le(image.data() + 20, crc32c(bytes_view(image).first(20)));
  state back;
  const auto loaded = load(image, back);
  require_error(loaded, errc::unsupported);
  BOOST_TEST(loaded.error().message().find("version 3") != std::string::npos);
}

namespace {

std::vector<std::byte> bytes_of(std::string_view hex) {
  std::vector<std::byte> out;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    out.push_back(static_cast<std::byte>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return out;
}

std::string hex_of(bytes_view bytes) {
  std::string hex;
  for (const std::byte b : bytes) {
    constexpr char digits[] = "0123456789abcdef";
    hex += digits[std::to_integer<unsigned>(b) >> 4];
    hex += digits[std::to_integer<unsigned>(b) & 15];
  }
  return hex;
}

// What both stored images hold.
void require_stored(const state& s) {
  BOOST_TEST(s.names().totals(root_directory).files == 14U);
  const auto large = s.names().lookup("/large");
  BOOST_REQUIRE(large.has_value());
  BOOST_TEST(s.names().attributes(*large).size == 35U);
  BOOST_TEST(s.names().chunk_count(*large) == 3U);
  BOOST_TEST(s.names().quota_of(s.names().directory_of(*s.names().lookup("/pictures"))).names ==
             1000U);
  BOOST_TEST(s.names().detached().size() == 1U);
  BOOST_TEST(s.epochs().size() == 2U);
  BOOST_TEST(s.nodes().size() == 1U);
  BOOST_TEST(s.results().size() > 0U);
  BOOST_TEST(s.volumes().size() == 2U);
  BOOST_TEST(s.volumes().grant_count() == 1U);
}

}  // namespace

BOOST_AUTO_TEST_CASE(version_1_is_read) {
  state s;
  const auto loaded = load(bytes_of(test::image_v1), s);
  BOOST_REQUIRE_MESSAGE(loaded.has_value(), test::why(loaded));
  BOOST_TEST(s.digest() == test::image_v1_digest);
  require_stored(s);
  BOOST_TEST((s.rebalance() == rebalance_entry{}));
  // What is written of it now says the same.
  state again;
  BOOST_REQUIRE(load(image_of(s), again).has_value());
  require_equal(s, again);
}

BOOST_AUTO_TEST_CASE(version_2_is_read_and_written) {
  state s;
  const auto old = bytes_of(test::image_v2);
  const auto loaded = load(old, s);
  BOOST_REQUIRE_MESSAGE(loaded.has_value(), test::why(loaded));
  BOOST_TEST(s.digest() == test::image_v2_digest);
  require_stored(s);
  BOOST_TEST((s.rebalance() == rebalance_entry{rebalance_phase::paused, 50}));
  BOOST_TEST((image_of(s) == old));
}

BOOST_AUTO_TEST_CASE(a_head_with_an_impossible_rebalance_is_refused) {
  image_head head;
  const auto decoded = [](const image_head& from, std::string_view more = {}) {
    image_output out;
    write_head(from, out);
    out.raw(more.data(), more.size());
    return decode_head(out.bytes());
  };
  for (const auto phase : {rebalance_phase::running, rebalance_phase::paused, rebalance_phase::done,
                           rebalance_phase::stopped}) {
    head.rebalance = {phase, 1000};
    const auto back = decoded(head);
    BOOST_REQUIRE(back.has_value());
    BOOST_TEST((back->rebalance == head.rebalance));
    BOOST_TEST(back->format == 2U);
    for (const std::uint32_t threshold : {0U, 1001U}) {
      head.rebalance.threshold_permille = threshold;
      require_error(decoded(head), errc::damaged);
    }
  }
  head.rebalance = {static_cast<rebalance_phase>(5), 100};
  require_error(decoded(head), errc::damaged);
  head.rebalance = {};
  BOOST_TEST(decoded(head).has_value());
  require_error(decoded(head, "x"), errc::damaged);
}

// The example of docs/formats/image.md.
BOOST_AUTO_TEST_CASE(golden_image) {
  state_rig rig;
  BOOST_REQUIRE(rig.touch("/a").has_value());
  const auto image = image_of(rig.state());
  const std::string hex = hex_of(image);
  BOOST_TEST(hex ==
             "5353444653494d47020000000000000000000000fdbe69d8010000002a000000"
             "bc27e56baa0000000000000000000000000000010102849fcfb880a0abfef962"
             "0100004025715c548e751f0102000200000012000000ca53430e010000000000"
             "0000000000000000000001010300000018000000f9f902cc04726f6f7404726f"
             "6f74ed0304726f6f7404726f6f74a4030400000000000000e73035ad05000000"
             "00000000c04d09e40600000000000000a9ca4d3f07000000000000008eb77176"
             "0800000015000000453b5f710301000081000161000000000080a0abfef96201"
             "00090000000500000098dff32a08c2cfe528");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::meta
