// What was bad before a restart: the file, what is kept in it, and what comes of it after a start.
#include "datanode/scrub_fixture.hpp"
#include "datanode/scrub_suspects.hpp"
#include "datanode/scrub_text.hpp"

#include <boost/log/core.hpp>

using namespace ssdfs;
using namespace ssdfs::test;
using namespace ssdfs::datanode;

namespace {

// As docs/formats/scrub.md shows it.
const std::string golden =
    R"({"format":"ssdfs-suspects-1","volumes":[{"volume":"4294967298","salt":"9876543210",)"
    R"("records":[["17","4120"],["23","81944"]]},{"volume":"4294967299","salt":"1234567890",)"
    R"("whole":true}]} 3eb4561c)"
    "\n";

suspect_list golden_list() {
  return {{.id = volume_id(4294967298), .salt = 9876543210, .records = {{17, 4120}, {23, 81944}}},
          {.id = volume_id(4294967299), .salt = 1234567890, .whole = true}};
}

suspect_volume many(std::uint64_t id, std::size_t count) {
  suspect_volume out{.id = volume_id(id), .salt = id};
  for (std::size_t i = 1; i <= count; ++i)
    out.records.push_back({static_cast<chunk_key>(i), i * 8});
  return out;
}

std::vector<std::byte> bytes_of(const std::string& text) {
  const bytes_view view = as_bytes(text);
  return {view.begin(), view.end()};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(suspects)

BOOST_AUTO_TEST_CASE(the_file_comes_back_or_not_at_all) {
  sim_files fs;
  BOOST_REQUIRE(fs.make_directories("/d"));
  BOOST_TEST((load_suspects(fs, "/d") == suspect_list{}));
  BOOST_REQUIRE(store_suspects(fs, "/d", golden_list()));
  BOOST_TEST((load_suspects(fs, "/d") == golden_list()));
  BOOST_TEST(to_text(golden_list()) == golden);
  for (std::size_t n = 0; n < golden.size(); ++n) {
    BOOST_TEST(!parse_suspects(as_bytes(golden.substr(0, n))));
    for (int bit = 0; bit < 8; ++bit) {
      std::string bad = golden;
      bad[n] = static_cast<char>(bad[n] ^ (1 << bit));
      BOOST_TEST(!parse_suspects(as_bytes(bad)));
    }
  }
}

BOOST_AUTO_TEST_CASE(what_to_text_does_not_make_is_damaged) {
  const auto refused = [](const std::string& json) {
    const auto fields = boost::json::parse(json).as_object();
    return !parse_suspects(as_bytes(to_checked_line(fields)));
  };
  const auto with = [](const std::string& volumes) {
    return R"({"format":"ssdfs-suspects-1","volumes":)" + volumes + "}";
  };
  BOOST_TEST(!refused(with("[]")));
  BOOST_TEST(!refused(with(R"([{"volume":"1","salt":"2","records":[["3","4"]]}])")));
  BOOST_TEST(refused(R"({"format":"ssdfs-suspects-2","volumes":[]})"));
  BOOST_TEST(refused(R"({"volumes":[]})"));
  BOOST_TEST(refused(R"({"format":1,"volumes":[]})"));
  BOOST_TEST(refused(R"({"format":"ssdfs-suspects-1"})"));
  for (const char* volumes : {
           "{}",
           "[1]",
           "[{}]",
           R"([{"volume":"1"}])",
           R"([{"volume":"1","salt":"2"}])",
           R"([{"volume":1,"salt":"2","whole":true}])",
           R"([{"volume":"x","salt":"2","whole":true}])",
           R"([{"volume":"1","salt":"-2","whole":true}])",
           R"([{"volume":"1","salt":"2","whole":false}])",
           R"([{"volume":"1","salt":"2","whole":1}])",
           R"([{"volume":"1","salt":"2","records":{}}])",
           R"([{"volume":"1","salt":"2","records":[3,4]}])",
           R"([{"volume":"1","salt":"2","records":[["3"]]}])",
           R"([{"volume":"1","salt":"2","records":[["3","4","5"]]}])",
           R"([{"volume":"1","salt":"2","records":[[3,4]]}])",
           R"([{"volume":"1","salt":"2","records":[["4294967296","4"]]}])",
           R"([{"volume":"1","salt":"2","records":[["3","4"],["3","5"]]}])",
           R"([{"volume":"2","salt":"2","whole":true},{"volume":"1","salt":"2","whole":true}])",
       }) {
    BOOST_TEST(refused(with(volumes)), volumes);
  }
  BOOST_TEST(parse_suspects(as_bytes(to_text({many(1, most_suspect_records)}))).has_value());
  BOOST_TEST(!parse_suspects(as_bytes(to_text({many(1, most_suspect_records + 1)}))));
}

BOOST_AUTO_TEST_CASE(volumes_with_too_many_records_are_kept_as_a_whole) {
  suspect_list list;
  merge(list, many(7, 1000));
  merge(list, many(5, 3000));
  merge(list, many(9, 0));
  suspect_list few = list;
  bound(few);
  BOOST_TEST((few == suspect_list{many(5, 3000), many(7, 1000)}));
  merge(list, many(6, 97));
  bound(list);
  const suspect_volume whole{.id = volume_id(5), .salt = 5, .whole = true};
  BOOST_TEST((list == suspect_list{whole, many(6, 97), many(7, 1000)}));
  // All that is kept fits into the file.
  suspect_list most = {many(1, most_suspect_records)};
  for (std::uint64_t id = 0; id < most_suspect_volumes + 10; ++id) {
    most.push_back({.id = volume_id(~id), .salt = ~id, .whole = true});
  }
  std::sort(most.begin(), most.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  bound(most);
  BOOST_TEST(most.size() == most_suspect_volumes);
  sim_files fs;
  BOOST_REQUIRE(fs.make_directories("/d"));
  BOOST_REQUIRE(store_suspects(fs, "/d", most));
  BOOST_TEST((load_suspects(fs, "/d") == most));
}

BOOST_AUTO_TEST_CASE(what_is_known_of_a_volume_is_put_together) {
  const auto of = [](std::uint64_t salt, std::vector<suspect_record> records) {
    return suspect_volume{.id = volume_id(1), .salt = salt, .records = std::move(records)};
  };
  suspect_list list = {of(5, {{1, 8}, {3, 24}})};
  merge(list, of(5, {{2, 16}, {3, 32}}));
  BOOST_TEST((list == suspect_list{of(5, {{1, 8}, {2, 16}, {3, 32}})}));
  merge(list, of(6, {{4, 8}}));  // another file
  BOOST_TEST((list == suspect_list{of(6, {{4, 8}})}));
  const suspect_volume whole{.id = volume_id(1), .salt = 6, .whole = true};
  merge(list, whole);
  BOOST_TEST((list == suspect_list{whole}));
  merge(list, of(6, {{4, 8}}));
  BOOST_TEST((list == suspect_list{whole}));
}

BOOST_AUTO_TEST_CASE(a_crash_while_it_is_written_leaves_the_old_or_the_new) {
  const suspect_list before = {many(1, 3)};
  const suspect_list after = {many(1, 2), many(2, 500)};
  for (const unsynced how : {unsynced::keep, unsynced::drop, unsynced::tear}) {
    std::size_t olds = 0;
    for (std::uint64_t k = 1;; ++k) {
      sim_files fs;
      BOOST_REQUIRE(fs.make_directories("/d"));
      BOOST_REQUIRE(fs.sync_directory("/"));
      BOOST_REQUIRE(store_suspects(fs, "/d", before));
      fs.die_at(fs.calls() + k);
      const bool stored = store_suspects(fs, "/d", after).has_value();
      fs.power_loss(how, k);
      const auto found = load_suspects(fs, "/d");
      BOOST_REQUIRE(found.has_value());
      BOOST_TEST((*found == before || *found == after));
      if (*found == before) ++olds;
      if (!stored) continue;
      BOOST_TEST((*found == after));
      break;
    }
    BOOST_TEST(olds > 0u);
  }
}

BOOST_AUTO_TEST_CASE(a_restarted_node_knows_what_was_bad_without_scrubbing) {
  scrub_fixture f;
  f.flip(1, 3, 100);
  f.flip(1, 9, 59'999);
  {
    auto s = f.make();
    s->set_rate(1ULL << 30, 0);
    s->start();
    await([&] { return s->state().pass == 2; });
    await([&] { return f.on_disk() == suspect_list{known_bad(f.store(1))}; });
    BOOST_TEST(s->state().unrepaired == 2u);
    f.fs.die_at(f.fs.calls() + 1);  // what it writes at its stop is lost
  }
  // Not only once.
  for (int starts = 0; starts < 2; ++starts) {
    f.restart();
    BOOST_TEST(f.store(1).bad_keys().empty());
    auto s = f.make();
    s->set_rate(0, 0);
    s->start();
    const auto now = s->state();
    BOOST_TEST(now.unrepaired == 2u);
    BOOST_TEST(now.bad == 2u);  // not counted again
    BOOST_TEST(now.bytes_done == 0u);
    BOOST_TEST((f.store(1).bad_keys() == std::vector<chunk_key>{3, 9}));
    BOOST_TEST(f.was_changed(1));
    BOOST_TEST(!f.was_changed(2));
    f.fs.die_at(f.fs.calls() + 1);
  }
}

BOOST_AUTO_TEST_CASE(what_can_be_healed_is_healed_after_the_restart) {
  scrub_fixture f;
  f.flip(2, 7, -20);  // its header: the content is still there
  BOOST_REQUIRE(store_suspects(f.fs, "/a",
                               {{.id = volume_id(2),
                                 .salt = f.store(2).salt(),
                                 .records = {{7, f.store(2).probe(7).value().offset}}}}));
  f.restart();
  auto s = f.make();
  s->set_rate(0, 0);
  s->start();
  await([&] { return s->state().repaired == 1; });
  BOOST_TEST(f.store(2).bad_keys().empty());
  await([&] { return f.on_disk().empty(); });
  s->stop();
}

BOOST_AUTO_TEST_CASE(a_stale_suspect_drops_out) {
  scrub_fixture f;
  const auto at = [&](std::uint64_t id, chunk_key key) {
    return suspect_record{key, f.store(id).probe(key).value().offset};
  };
  // Good ones; removed; replaced by one elsewhere in the file. Key 5 is bad, but not there.
  f.flip(1, 5, 10);
  const std::vector<chunk_key> removed = {4};
  suspect_volume first{.id = volume_id(1), .salt = f.store(1).salt()};
  first.records = {at(1, 3), at(1, 4), {5, at(1, 5).offset + 8}, {1000, 64}};
  BOOST_REQUIRE(f.store(1).remove_keys(1, removed));
  BOOST_REQUIRE(f.store(1).checkpoint());
  // Key 6 is bad, but the suspect one was in another file.
  f.flip(2, 6, 10);
  const suspect_volume second{
      .id = volume_id(2), .salt = f.store(2).salt() ^ 1, .records = {at(2, 6)}};
  const suspect_volume gone{.id = volume_id(3), .salt = 1, .records = {{1, 64}}};
  const suspect_volume all_gone{.id = volume_id(4), .salt = 1, .whole = true};
  BOOST_REQUIRE(store_suspects(f.fs, "/a", {first, second, gone, all_gone}));
  f.restart();
  auto s = f.make();
  s->set_rate(0, 0);
  s->start();
  await([&] { return f.on_disk().empty(); });
  BOOST_TEST(s->state().unrepaired == 0u);
  BOOST_TEST(f.store(1).report().digest.count == scrub_fixture::chunks_each - 1);
  BOOST_TEST((read_all(f.store(1), 3).value() == make_content(1003, scrub_fixture::chunk_bytes)));
  s->stop();
}

BOOST_AUTO_TEST_CASE(a_compacted_volume_has_no_suspects) {
  scrub_fixture f;
  const std::uint64_t salt = f.store(1).salt();
  const std::vector<chunk_key> removed = {40};
  BOOST_REQUIRE(f.store(1).seal(1));
  BOOST_REQUIRE(f.store(1).remove_keys(1, removed));
  BOOST_REQUIRE(f.store(1).compact({}));
  f.flip(1, 1, 0);
  // Not even what lies where a bad one lay in the old file.
  suspect_volume s{.id = volume_id(1), .salt = salt, .records = {{1, f.store(1).probe(1)->offset}}};
  chunk_key from = 0;
  const auto stale = recheck(f.store(1), s, from, 1 << 20);
  BOOST_TEST(stale.over);
  BOOST_TEST(stale.bytes == 0u);
  BOOST_TEST(f.store(1).bad_keys().empty());
  s.salt = f.store(1).salt();
  BOOST_TEST(recheck(f.store(1), s, from, 1 << 20).bytes == scrub_fixture::chunk_bytes);
  BOOST_TEST(f.store(1).bad_keys().size() == 1u);
}

BOOST_AUTO_TEST_CASE(a_whole_volume_is_read_again_even_if_scrubbing_is_off) {
  scrub_fixture f;
  for (const chunk_key key : {2, 20, 40}) f.flip(1, key, 5);
  f.flip(2, 2, 5);
  BOOST_REQUIRE(
      store_suspects(f.fs, "/a", {{.id = volume_id(1), .salt = f.store(1).salt(), .whole = true}}));
  f.restart();
  {
    // Too slow for more than the first piece: the rest is still to be read at the next start.
    auto s = f.make();
    s->set_rate(1, 0);
    s->start();
    await([&] { return s->state().unrepaired == 1; });
    s->stop();
    BOOST_REQUIRE_EQUAL(f.on_disk().size(), 1u);
    BOOST_TEST(f.on_disk().front().whole);
  }
  f.restart();
  auto s = f.make();
  s->set_rate(0, 0);
  s->start();
  await([&] { return s->state().unrepaired == 3; });
  await([&] { return f.on_disk() == suspect_list{known_bad(f.store(1))}; });
  BOOST_TEST(!f.on_disk().front().whole);
  BOOST_TEST(s->state().bytes_done == 0u);  // no pass has begun
  BOOST_TEST(f.store(2).bad_keys().empty());
  s->stop();
}

BOOST_AUTO_TEST_CASE(more_than_are_kept_make_the_volume_a_suspect) {
  scrub_fixture f;
  const auto v = f.set->create({volume_id(3), 1}).value();
  const auto log = boost::log::core::get();
  const bool logging = log->set_logging_enabled(false);  // a line for each of them
  for (chunk_key key = 1; key <= most_suspect_records + 1; ++key) {
    BOOST_REQUIRE(!append(*v, key, make_content(key, 8)));
    const auto at = v->probe(key).value();
    const bytes_view other = as_bytes("not that");
    BOOST_REQUIRE(at.file->write({&other, 1}, at.offset));
    BOOST_REQUIRE(v->scrub(key, 1));
    if (key == most_suspect_records) BOOST_TEST(known_bad(*v).records.size() == key);
  }
  log->set_logging_enabled(logging);
  BOOST_TEST(known_bad(*v).whole);
  BOOST_TEST(known_bad(*v).records.empty());
}

BOOST_AUTO_TEST_CASE(a_damaged_or_foreign_file_is_nothing_known) {
  for (const std::string& text :
       {std::string(), std::string("{}"), golden.substr(0, 50),
        to_checked_line({{"format", "ssdfs-suspects-0"}}), std::string(3 << 20, ' ')}) {
    scrub_fixture f;
    f.fs.set_contents("/a/suspects.json", bytes_of(text));
    BOOST_TEST(!load_suspects(f.fs, "/a"));
    auto s = f.make();
    s->set_rate(0, 0);
    s->start();
    BOOST_TEST(s->state().unrepaired == 0u);
    // It is replaced, so that it is complained about once.
    await([&] { return load_suspects(f.fs, "/a") == suspect_list{}; });
    s->stop();
  }
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_written_or_read_stops_nothing) {
  scrub_fixture f;
  f.flip(1, 3, 100);
  auto s = f.make();
  s->set_rate(0, 0);
  s->start();
  f.fs.fail_at(f.fs.calls() + 1, fault::no_space, true);
  static_cast<void>(f.store(1).scrub(3, 1));
  s->repair_soon(volume_id(1));
  await([&] { return s->state().bad == 1; });
  BOOST_TEST(f.on_disk().empty());
  f.fs.no_faults();
  s->stop();
  BOOST_TEST((f.on_disk() == suspect_list{known_bad(f.store(1))}));
  f.restart();
  f.fs.fail_read_at(f.fs.reads() + 2, 3);  // the position is read first
  s = f.make();
  s->set_rate(0, 0);
  s->start();
  BOOST_TEST(s->state().unrepaired == 0u);
  s->stop();
}

BOOST_AUTO_TEST_CASE(the_file_is_not_written_more_often_than_once_a_second) {
  scrub_fixture f;
  for (chunk_key key = 1; key <= 30; ++key) f.flip(1, key, 100);
  auto s = f.make();
  s->set_rate(0, 0);
  s->start();
  const std::int64_t began_ms = io::steady_ms();
  const std::uint64_t syncs = f.fs.syncs();
  for (chunk_key key = 1; key <= 30; ++key) {
    static_cast<void>(f.store(1).scrub(key, 1));
    s->repair_soon(volume_id(1));
    await([&] { return s->state().bad == key; });
  }
  // Two files, each with its directory, a second; the first at once.
  const auto seconds = static_cast<std::uint64_t>(io::steady_ms() - began_ms) / 1000;
  BOOST_TEST(f.fs.syncs() - syncs <= 4 * (seconds + 2));
  s->stop();
  BOOST_TEST((f.on_disk() == suspect_list{known_bad(f.store(1))}));
}

BOOST_AUTO_TEST_SUITE_END()
