#include "meta/image.hpp"

#include "base/crc32c.hpp"
#include "meta/image_items.hpp"
#include "meta/image_names_reader.hpp"
#include "meta/image_reader.hpp"
#include "meta/image_util.hpp"
#include "meta/image_v1.hpp"
#include "meta/image_v2.hpp"
#include "meta/image_v3.hpp"

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
    BOOST_TEST((x.lost == y.lost));
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
  BOOST_TEST(loaded.error().message().find("version 4") != std::string::npos);
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

BOOST_AUTO_TEST_CASE(version_2_is_read) {
  state s;
  const auto old = bytes_of(test::image_v2);
  const auto loaded = load(old, s);
  BOOST_REQUIRE_MESSAGE(loaded.has_value(), test::why(loaded));
  BOOST_TEST(s.digest() == test::image_v2_digest);
  require_stored(s);
  BOOST_TEST((s.rebalance() == rebalance_entry{rebalance_phase::paused, 50}));
  state again;
  BOOST_REQUIRE(load(image_of(s), again).has_value());
  require_equal(s, again);
}

BOOST_AUTO_TEST_CASE(version_3_is_read_and_written) {
  state s;
  const auto old = bytes_of(test::image_v3);
  const auto loaded = load(old, s);
  BOOST_REQUIRE_MESSAGE(loaded.has_value(), test::why(loaded));
  BOOST_TEST(s.digest() == test::image_v3_digest);
  BOOST_TEST(!s.access().taken(1));
  const auto kept = s.names().lookup("/kept");
  BOOST_REQUIRE(kept.has_value());
  BOOST_TEST(s.access_of(*kept).owner == "stranger");
  BOOST_TEST(s.content_type_of(*kept) == "image/x-strange");
  BOOST_TEST(s.volumes().lost_count() == 1U);
  BOOST_TEST(s.volumes().is_lost(s.volumes()[volume_slot(0)].info.id,
                                 s.volumes()[volume_slot(0)].info.next_key - 10));
  BOOST_TEST((image_of(s) == old));
}

namespace {

// What an image of version 3 has beyond that: a free id in each table, what is kept with entries,
// and a lost chunk.
void fill_3(state_rig& rig) {
  const auto owned = [&](std::string_view path, std::string_view owner, std::string_view type,
                         std::uint8_t kept) {
    create_request q;
    q.path = path;
    q.by = {owner, {}};
    q.content_type = type;
    auto made = make_create(rig.state(), q, rig.context());
    BOOST_REQUIRE(made.has_value());
    std::get<create_record>(made->change.body).kept = kept;
    rig.log_record(std::move(made->change));
  };
  owned("/brief", "brief", "image/x-brief", 0);
  owned("/long", "long", "image/x-long", 0);
  owned("/kept", "stranger", "image/x-strange", kept_access | kept_type);
  owned("/made/kept", "other", "", kept_parents);
  const volume_id volume = rig.add_volume();
  const chunk_key key = rig.grant(volume) + 6;
  BOOST_REQUIRE(rig.create("/lost", volume, key).has_value());
  rig.close(volume);
  const stored_chunk lost[] = {{key, 100, crc_value(700)}};
  rig.log_record(make_lost(rig.state(), volume, lost, rig.context()));
  BOOST_REQUIRE(rig.remove("/brief", false, true).has_value());
  auto forget = make_forget(rig.state(), 1, rig.context());
  BOOST_REQUIRE(forget.has_value());
  rig.log_record(std::move(*forget));
}

}  // namespace

BOOST_AUTO_TEST_CASE(gaps_in_tables_and_kept_values_come_back) {
  state_rig rig;
  fill_3(rig);
  BOOST_TEST(!rig.state().access().taken(1));
  BOOST_TEST(!rig.state().types().taken(1));
  BOOST_TEST(rig.state().types().taken(2));
  const auto image = image_of(rig.state());
  state back;
  const auto loaded = load(image, back);
  BOOST_REQUIRE_MESSAGE(loaded.has_value(), test::why(loaded));
  require_equal(rig.state(), back);
  BOOST_TEST((image_of(back) == image), hex_of(image) << ' ' << back.digest());
  BOOST_TEST(back.names().verify().has_value());
  // Both give the next value the same number.
  BOOST_TEST(back.access().size() == rig.state().access().size());
  BOOST_TEST(hex_of(image) == test::image_v3, hex_of(image) << ' ' << back.digest());
}

BOOST_AUTO_TEST_CASE(an_entry_has_a_value_in_one_place) {
  state_rig rig;
  fill_3(rig);
  const auto image = image_of(rig.state());
  // The id 65,535 + 65,536 of "/kept" as an id of the table, 2 + 65,536.
  names_batch batch;
  std::size_t sections = 0;
  image_reader reader([&](image_section kind, bytes_view payload, std::uint64_t) -> result<void> {
    if (kind != image_section::names) return {};
    ++sections;
    std::string hex = hex_of(payload);
    hex.replace(hex.find("ffff07"), 6, "828004");
    decode_names(bytes_of(hex), batch);
    return {};
  });
  BOOST_REQUIRE(reader.feed(image).has_value());
  BOOST_REQUIRE(sections == 1 && !batch.malformed);
  tree target;
  image_names_reader names(target);
  require_error(names.take(batch, {rig.state().access(), rig.state().types(), 0}), errc::damaged);
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
    BOOST_TEST(back->format == image_format_version);
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
             "5353444653494d47030000000000000000000000cd6a18e9010000002b000000"
             "606d9276aa00000000000000000000000000000101026ce8f1c380a0abfef962"
             "0100004025715c548e751f010200030200000012000000ca53430e0100000000"
             "000000000000000000000001010300000018000000f9f902cc04726f6f740472"
             "6f6f74ed0304726f6f7404726f6f74a4030400000000000000e73035ad050000"
             "0000000000c04d09e40600000000000000a9ca4d3f07000000000000008eb771"
             "760800000015000000453b5f710301000081000161000000000080a0abfef962"
             "01000900000005000000241eb8e90861949a41");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::meta
