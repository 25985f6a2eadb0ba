// Lists of the chunks of a volume, made beside other work.
#include "leader/live_lists.hpp"

#include "meta/state_util.hpp"
#include "meta/volume_check.hpp"

#include <boost/test/unit_test.hpp>

#include <random>

namespace ssdfs::leader {
namespace {

using meta::volume_slot;

BOOST_AUTO_TEST_SUITE(live_list)

BOOST_AUTO_TEST_CASE(chunks_are_sorted_in_parts) {
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, chunk_sorter::run_length,
                                  chunk_sorter::run_length * 3 + 17}) {
    std::vector<wire::chunk_entry> expected;
    volume_digest digest;
    for (std::size_t i = 0; i < count; ++i) {
      const auto key = static_cast<chunk_key>(i * 3 + 1);
      expected.push_back({key, key % 1000 + 1, key * 7});
      digest.add(key, key % 1000 + 1, key * 7);
    }
    auto mixed = expected;
    std::shuffle(mixed.begin(), mixed.end(), std::mt19937(7));
    chunk_sorter sorter;
    for (const auto& c : mixed) sorter.add(c);
    std::size_t calls = 1;
    while (!sorter.merge(10'000)) ++calls;
    BOOST_TEST(calls >= count / 10'000);
    const auto list = sorter.list();
    BOOST_TEST_REQUIRE(list->size() == count);
    for (std::size_t i = 0; i < count; ++i) {
      BOOST_REQUIRE((*list)[i].key == expected[i].key && (*list)[i].size == expected[i].size &&
                    (*list)[i].crc32c == expected[i].crc32c);
    }
    BOOST_TEST((sorter.digest() == digest));
  }
}

std::shared_ptr<const live_lists::list> made(live_lists& lists, volume_id volume) {
  auto list = lists.want(volume, 0);
  for (int i = 0; !list && i < 10'000; ++i) {
    if (!lists.step(0)) list = lists.want(volume, 0);
  }
  return list;
}

BOOST_AUTO_TEST_CASE(a_list_has_nothing_that_is_lost) {
  ssdfs::test::state_rig rig;
  const volume_id v = rig.add_volume();
  const chunk_key first = rig.grant(v);
  BOOST_REQUIRE(rig.create("/a", v, first).has_value());
  BOOST_REQUIRE(rig.create("/b", v, first + 1).has_value());
  rig.close(v);
  const meta::stored_chunk lost[] = {{first, 100, meta::crc_value(700)}};
  rig.log_record(meta::make_lost(rig.state(), v, lost, rig.context()));
  live_lists lists(rig.state());
  const auto list = made(lists, v);
  BOOST_TEST_REQUIRE(list != nullptr);
  BOOST_TEST_REQUIRE(list->size() == 1U);
  BOOST_TEST(list->front().key == first + 1);
  BOOST_TEST(meta::check_volumes(rig.state(), 10).empty());
}

BOOST_AUTO_TEST_CASE(a_list_has_what_is_live_or_waits_for_its_removal) {
  ssdfs::test::state_rig rig;
  const volume_id v = rig.add_volume();
  const volume_id w = rig.add_volume();
  constexpr std::uint32_t files = 3000;
  const chunk_key first = rig.grant(v, files);
  const chunk_key other = rig.grant(w, files);
  for (std::uint32_t i = 0; i < files; ++i) {
    const std::uint32_t scattered = i * 1201 % files;
    BOOST_REQUIRE(
        rig.create("/v/" + std::to_string(i), v, first + scattered, 10 + i % 7).has_value());
    BOOST_REQUIRE(rig.create("/w/" + std::to_string(i), w, other + i, 5).has_value());
  }
  live_lists lists(rig.state());
  BOOST_TEST(!lists.want(v, 0));
  const auto list = made(lists, v);
  BOOST_TEST_REQUIRE(list != nullptr);
  BOOST_TEST(list->size() == files);
  BOOST_TEST(std::is_sorted(list->begin(), list->end(),
                            [](const auto& a, const auto& b) { return a.key < b.key; }));
  BOOST_TEST(lists.want(v, 0) == list);

  // What was removed counts until it is reclaimed, so the list is still right.
  BOOST_REQUIRE(rig.remove("/v/7", false, true).has_value());
  BOOST_TEST(lists.want(v, 0) == list);
  const auto again = made(lists, w);
  BOOST_TEST_REQUIRE(again != nullptr);
  BOOST_TEST(again->size() == files);
  lists.forget_unused(120'000);
  const auto anew = made(lists, v);
  BOOST_TEST_REQUIRE(anew != nullptr);
  BOOST_TEST(anew->size() == files);

  // After the reclaim it is not, and is made again.
  rig.close(v);
  rig.advance(rig.context().delete_grace_ms + 2000);
  auto batch = meta::make_reclaim(rig.state(), v, rig.context());
  BOOST_REQUIRE(batch.has_value() && batch->has_value());
  rig.log_record(std::move(**batch));
  BOOST_TEST(!lists.want(v, 0));
  const auto reclaimed = made(lists, v);
  BOOST_TEST_REQUIRE(reclaimed != nullptr);
  BOOST_TEST(reclaimed->size() == files - 1);
  BOOST_TEST(!lists.want(volume_id(99), 0));
}

BOOST_AUTO_TEST_CASE(pages_name_what_is_live_and_what_is_lost_and_how_far_that_is_settled) {
  ssdfs::test::state_rig rig;
  const volume_id v = rig.add_volume();
  const chunk_key first = rig.grant(v);
  for (std::uint32_t i = 0; i < 4; ++i) {
    BOOST_REQUIRE(rig.create("/" + std::to_string(i), v, first + i).has_value());
  }
  live_lists lists(rig.state());
  wire::live_chunks_request asked;
  asked.volume = v;
  asked.limit = 2;
  const auto refusal = [&] { return lists.page(asked, true, 0).error().code; };
  BOOST_TEST((refusal() == errc::busy));  // it is not closed
  rig.close(v);
  BOOST_TEST((refusal() == errc::busy));  // the list is to be made
  BOOST_TEST(lists.unfinished());
  const meta::stored_chunk lost[] = {{first + 2, 100, meta::crc_value(700)}};
  rig.log_record(meta::make_lost(rig.state(), v, lost, rig.context()));
  BOOST_REQUIRE(made(lists, v) != nullptr);

  auto page = lists.page(asked, true, 0);
  BOOST_REQUIRE(page.has_value());
  BOOST_TEST(page->chunks.size() == 2U);
  BOOST_TEST(page->more);
  BOOST_TEST(page->lost.empty());
  asked.from_key = page->chunks.back().key + 1;
  page = lists.page(asked, false, 0);
  BOOST_REQUIRE(page.has_value());
  BOOST_TEST_REQUIRE(page->chunks.size() == 1U);
  BOOST_TEST(page->chunks.front().key == first + 3);
  BOOST_TEST(!page->more);
  BOOST_TEST_REQUIRE(page->lost.size() == 1U);
  BOOST_TEST(page->lost.front().key == first + 2);
  BOOST_TEST(page->settled_end == 0U);  // the log does not know all of the volume
  BOOST_TEST(lists.page(asked, true, 0)->settled_end ==
             rig.state().volumes().find(v)->info.next_key);

  asked.limit = 0;
  BOOST_TEST((refusal() == errc::protocol));
  asked.limit = 1;
  asked.volume = volume_id(99);
  BOOST_TEST((refusal() == errc::not_found));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::leader
