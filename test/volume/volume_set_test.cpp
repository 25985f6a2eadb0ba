#include "volume/volume_set.hpp"

#include "util/dying_disk.hpp"
#include "util/temp_dir.hpp"
#include "volume/volume_fixture.hpp"

#include <thread>

using namespace ssdfs;
using namespace ssdfs::test;
namespace vol = ssdfs::volume;
using vol::volume_set;

namespace {

vol::volume_set_options options_of(sim_files& fs, std::vector<std::string> directories) {
  vol::volume_set_options o;
  o.fs = &fs;
  for (auto& d : directories) o.directories.push_back({d, {}});
  o.max_volume_size = 1 << 20;
  return o;
}

const cluster_id some_cluster{parse_uuid("11111111-2222-4333-8444-555555555555").value()};

}  // namespace

BOOST_AUTO_TEST_SUITE(volume_set_test)

BOOST_AUTO_TEST_CASE(directories_with_capacities) {
  BOOST_TEST(vol::parse_directory("/a/b").value().path == "/a/b");
  BOOST_TEST(!vol::parse_directory("/a/b").value().capacity.has_value());
  BOOST_TEST(vol::parse_directory("/a/b/:10GiB").value().path == "/a/b");
  BOOST_TEST(*vol::parse_directory("/a/b:10GiB").value().capacity == 10ULL << 30);
  BOOST_TEST(vol::parse_directory("/a:b/c").value().path == "/a:b/c");
  BOOST_TEST((vol::parse_directory("/a:lots").error() == errc::invalid_argument));
  BOOST_TEST((vol::parse_directory("").error() == errc::invalid_argument));
  BOOST_TEST((vol::parse_directory(":1GiB").error() == errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(a_disk_that_fails_takes_its_volumes_and_nothing_else) {
  sim_files memory;
  dying_disk fs(memory, "/b");
  auto options = options_of(memory, {"/a", "/b"});
  options.fs = &fs;
  auto set = volume_set::open(std::move(options)).value();
  for (std::uint64_t id = 1; id <= 4; ++id) {
    auto v = set->create({volume_id(id), 1}).value();
    BOOST_REQUIRE(!append(*v, 1, make_content(id, 5000)));
  }
  BOOST_TEST(set->sync_dirty() == 0U);
  fs.die();
  std::size_t refused = 0;
  for (const auto& v : set->all()) {
    const bool on_b = v->path().starts_with("/b");
    BOOST_TEST(static_cast<bool>(append(*v, 2, make_content(9, 100))) == on_b);
    refused += on_b ? 1U : 0U;
  }
  BOOST_TEST(refused == 2U);
  // One failure is not believed, nor are two.
  BOOST_TEST(set->sync_dirty() == 0U);
  BOOST_TEST(set->sync_dirty() == 0U);
  BOOST_TEST(set->sync_dirty() > 0U);
  for (const auto& d : set->status()) BOOST_TEST(d.problem.empty() == (d.path == "/a"));
  BOOST_TEST(set->any_usable());
  for (const auto& v : set->all()) {
    const bool on_b = v->path().starts_with("/b");
    BOOST_TEST((v->report().state == replica_state::damaged) == on_b);
  }
  // The copy that the master orders then begins with a drop, and finds room on the other disk.
  for (const auto& v : set->all()) {
    if (!v->path().starts_with("/b")) continue;
    const volume_id id = v->id();
    BOOST_REQUIRE(set->drop(id));
    auto again = set->create({id, 2, true});
    BOOST_REQUIRE(again);
    BOOST_TEST((*again)->path().starts_with("/a"));
  }
}

// Where grants decide how far volumes grow, as in a datanode.
BOOST_AUTO_TEST_CASE(a_new_volume_goes_where_the_largest_share_is_free) {
  sim_files fs;
  auto options = options_of(fs, {"/a"});
  options.directories[0].capacity = 10 << 20;
  options.max_volume_size = vol::max_file_size;
  auto set = volume_set::open(options).value();
  for (std::uint64_t id = 1; id <= 6; ++id) {
    auto v = set->create({volume_id(id), 1}).value();
    BOOST_REQUIRE(!append(*v, 1, make_content(id, 1 << 20)));
    BOOST_REQUIRE(v->seal(1));
  }
  set.reset();
  options.directories.push_back({"/b", 10 << 20});
  set = volume_set::open(options).value();
  set->set_volume_size(1 << 20);
  // 29 % of the first are free; of the second, beside what its volumes are promised, 49 % at last.
  for (std::uint64_t id = 11; id <= 15; ++id) {
    BOOST_TEST(set->create({volume_id(id), 1}).value()->path().starts_with("/b"));
  }
}

BOOST_AUTO_TEST_CASE(volumes_come_back_after_a_restart) {
  sim_files fs;
  auto set = volume_set::open(options_of(fs, {"/a", "/b"})).value();
  const node_id node = set->node();
  BOOST_TEST(set->cluster().value.is_nil());
  BOOST_REQUIRE(set->bind_cluster(some_cluster));
  BOOST_REQUIRE(set->bind_cluster(some_cluster));
  BOOST_TEST((set->bind_cluster(cluster_id(node.value)).error() == errc::wrong_cluster));
  model expected;
  for (std::uint64_t id = 1; id <= 4; ++id) {
    auto v = set->create({volume_id(id), 1}).value();
    expected[static_cast<chunk_key>(id)] = make_content(id, 5000);
    BOOST_TEST(!append(*v, static_cast<chunk_key>(id), expected[static_cast<chunk_key>(id)]));
  }
  BOOST_TEST((set->create({volume_id(1), 1}).error() == errc::exists));
  const auto status = set->status();
  BOOST_TEST(status[0].volumes == 2U);  // spread by free space, counting what was promised
  BOOST_TEST(status[1].volumes == 2U);
  const auto reports = set->reports();
  BOOST_REQUIRE_EQUAL(reports.size(), 4U);
  BOOST_TEST(set->sync_dirty() == 0U);
  set->stop();
  BOOST_TEST(append(*set->find(volume_id(1)), 9, make_content(1, 10)) ==
             make_error_code(errc::shutting_down));
  set.reset();
  fs.power_loss(unsynced::drop);
  set = volume_set::open(options_of(fs, {"/b", "/a"})).value();
  BOOST_TEST((set->node() == node));
  BOOST_TEST((set->cluster() == some_cluster));
  BOOST_TEST((set->reports() == reports));
  for (std::uint64_t id = 1; id <= 4; ++id) {
    const auto key = static_cast<chunk_key>(id);
    check_equal(*set->find(volume_id(id)), {{key, expected[key]}});
  }
  BOOST_TEST(set->find(volume_id(5)) == nullptr);
}

BOOST_AUTO_TEST_CASE(a_directory_in_use_or_of_somebody_else_stops_the_start) {
  sim_files fs;
  auto set = volume_set::open(options_of(fs, {"/a"})).value();
  BOOST_TEST((volume_set::open(options_of(fs, {"/a"})).error() == errc::locked));
  BOOST_TEST((volume_set::open(options_of(fs, {})).error() == errc::invalid_argument));
  BOOST_TEST((volume_set::open(options_of(fs, {"/c", "/c"})).error() == errc::invalid_argument));
  auto other = volume_set::open(options_of(fs, {"/b"})).value();
  BOOST_TEST((set->node() != other->node()));
  set.reset();
  other.reset();
  BOOST_TEST((volume_set::open(options_of(fs, {"/a", "/b"})).error() == errc::invalid_argument));
  BOOST_REQUIRE(fs.make_directories("/m"));
  BOOST_REQUIRE(io::write_identity(fs, "/m", {"master", node_id(io::identity{}.node), {}}));
  BOOST_TEST((volume_set::open(options_of(fs, {"/m"})).error() == errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(a_new_directory_joins_the_node) {
  sim_files fs;
  auto set = volume_set::open(options_of(fs, {"/a"})).value();
  BOOST_REQUIRE(set->bind_cluster(some_cluster));
  const node_id node = set->node();
  set.reset();
  set = volume_set::open(options_of(fs, {"/new", "/a"})).value();
  BOOST_TEST((set->node() == node));
  set.reset();
  set = volume_set::open(options_of(fs, {"/new"})).value();
  BOOST_TEST((set->node() == node));
  BOOST_TEST((set->cluster() == some_cluster));
}

BOOST_AUTO_TEST_CASE(a_bad_volume_and_a_bad_directory_do_not_stop_the_rest) {
  sim_files fs;
  auto set = volume_set::open(options_of(fs, {"/a"})).value();
  BOOST_REQUIRE(set->create({volume_id(1), 1}).has_value());
  BOOST_REQUIRE(set->create({volume_id(2), 1}).has_value());
  set.reset();
  fs.set_contents("/a/volumes/0000000000000001.vol", bytes(200));
  fs.set_contents("/a/volumes/0000000000000001.idx", {});
  fs.set_contents("/a/volumes/garbage.vol", bytes(10));
  fs.set_contents("/a/volumes/0000000000000009.vol.new", bytes(10));
  fs.set_contents("/file", bytes(10));  // a directory cannot be made below it
  set = volume_set::open(options_of(fs, {"/a", "/file"})).value();
  BOOST_TEST(set->find(volume_id(1)) == nullptr);
  BOOST_TEST(set->find(volume_id(2)) != nullptr);
  const auto reports = set->reports();
  BOOST_REQUIRE_EQUAL(reports.size(), 2U);
  BOOST_TEST((reports[0].state == replica_state::damaged));
  BOOST_TEST(set->quarantined().at(0).path == "/a/volumes/0000000000000001.vol");
  BOOST_TEST(!set->quarantined().at(0).problem.empty());
  BOOST_TEST(!set->status().at(1).problem.empty());
  BOOST_TEST((set->create({volume_id(1), 1}).error() == errc::exists));
  BOOST_TEST(!fs.exists("/a/volumes/0000000000000009.vol.new").value());
  // The way on: it is dropped and made anew.
  BOOST_REQUIRE(set->drop(volume_id(1)));
  BOOST_TEST((set->drop(volume_id(1)).error() == errc::not_found));
  BOOST_REQUIRE(set->create({.id = volume_id(1), .generation = 3, .recovering = true}).has_value());
}

BOOST_AUTO_TEST_CASE(a_dropped_volume_stays_away_and_its_readers_finish) {
  sim_files fs;
  auto set = volume_set::open(options_of(fs, {"/a"})).value();
  auto v = set->create({volume_id(1), 1}).value();
  const bytes a = make_content(1, 100);
  BOOST_TEST(!append(*v, 1, a));
  const auto at = v->probe(1).value();
  BOOST_REQUIRE(set->drop(volume_id(1)));
  bytes out(100);
  BOOST_REQUIRE(v->read(at, 0, out));
  BOOST_TEST((out == a));
  BOOST_TEST(append(*v, 2, a) == make_error_code(errc::shutting_down));
  set.reset();
  fs.power_loss(unsynced::drop);
  set = volume_set::open(options_of(fs, {"/a"})).value();
  BOOST_TEST(set->reports().empty());
  BOOST_TEST(fs.list("/a/volumes").value().size() == 1U);  // home.json
}

BOOST_AUTO_TEST_CASE(a_volume_dropped_during_its_compaction_stays_away) {
  sim_files fs;
  auto set = volume_set::open(options_of(fs, {"/a"})).value();
  auto v = set->create({volume_id(1), 1}).value();
  for (chunk_key key = 1; key <= 5; ++key) BOOST_TEST(!append(*v, key, make_content(key, 100)));
  BOOST_REQUIRE(v->seal(1));
  vol::compaction_options options;
  int pieces = 0;
  options.go_on = [&](std::uint64_t) {
    if (++pieces == 10) BOOST_REQUIRE(set->drop(volume_id(1)));  // while it is read back
    return true;
  };
  BOOST_TEST(v->compact(std::move(options)).has_error());
  BOOST_TEST(pieces >= 10);
  BOOST_TEST(fs.list("/a/volumes").value().size() == 1U);  // home.json
}

BOOST_AUTO_TEST_CASE(a_full_disk_refuses_early_and_still_deletes_and_compacts) {
  sim_files fs(4 << 20);
  auto options = options_of(fs, {"/a"});
  options.reserved_bytes = 100000;
  auto set = volume_set::open(options).value();
  auto v = set->create({volume_id(1), 1}).value();
  const bytes a = make_content(1, 50000);
  chunk_key key = 0;
  boost::system::error_code outcome;
  std::uint64_t id = 1;
  while (!outcome && key < 200) {
    outcome = append(*v, ++key, a);
    // The next volume when one has reached its size.
    if (outcome == make_error_code(errc::no_space) && v->length() + 60000 > (1 << 20)) {
      BOOST_REQUIRE(v->seal(1));
      auto next = set->create({volume_id(++id), 1});
      if (!next) break;
      v = *next;
      outcome = {};
    }
  }
  BOOST_TEST(id >= 2U);
  BOOST_TEST(key > 30U);
  // One volume, the reserve and 1 % are free.
  BOOST_TEST(fs.space("/").value().available >= (1 << 20) - 60000U);
  BOOST_TEST(set->status()[0].available < 60000U);
  // Still readable, deletable and compactable.
  auto first = set->find(volume_id(1));
  BOOST_TEST((read_all(*first, 1).value() == a));
  std::vector<chunk_key> all;
  for (const auto& live : first->list_live(0, 1000).value()) all.push_back(live.key);
  all.pop_back();
  BOOST_REQUIRE(first->remove_keys(1, all));
  BOOST_REQUIRE(first->compact({}));
  BOOST_TEST(set->sync_dirty() == 0U);
  BOOST_TEST(set->status()[0].available > 500000U);
  BOOST_REQUIRE(set->create({volume_id(100), 1}).has_value());
}

BOOST_AUTO_TEST_CASE(a_capacity_limits_a_directory) {
  sim_files fs;
  vol::volume_set_options options;
  options.fs = &fs;
  options.directories = {{"/a", 400000}};
  options.reserved_bytes = 0;
  auto set = volume_set::open(options).value();
  auto v = set->create({volume_id(1), 1}).value();
  const bytes a = make_content(1, 10000);
  chunk_key key = 0;
  while (key < 100 && !append(*v, ++key, a)) {
  }
  BOOST_TEST(key > 15U);
  BOOST_TEST(key < 21U);  // half: the other half is room to rewrite it
  BOOST_TEST(set->status()[0].capacity == 400000U);
}

BOOST_AUTO_TEST_CASE(syncs_in_the_background) {
  for (const auto policy :
       {vol::sync_policy::none, vol::sync_policy::interval, vol::sync_policy::always}) {
    sim_files fs;
    auto options = options_of(fs, {"/a"});
    options.sync = policy;
    auto set = volume_set::open(options).value();
    auto v = set->create({volume_id(1), 1}).value();
    const auto before = fs.syncs();
    BOOST_TEST(!append(*v, 1, make_content(1, 100)));
    BOOST_TEST(fs.syncs() - before == (policy == vol::sync_policy::always ? 1U : 0U));
    BOOST_TEST(set->sync_dirty() == 0U);
    BOOST_TEST(fs.syncs() - before == (policy == vol::sync_policy::none ? 0U : 1U));
    BOOST_TEST(set->sync_dirty() == 0U);
    BOOST_TEST(fs.syncs() - before == (policy == vol::sync_policy::none ? 0U : 1U));
  }
}

BOOST_AUTO_TEST_CASE(a_failed_background_sync_fences_the_volume_for_good) {
  sim_files fs;
  auto set = volume_set::open(options_of(fs, {"/a"})).value();
  auto v = set->create({volume_id(1), 1}).value();
  const bytes a = make_content(1, 100);
  BOOST_TEST(!append(*v, 1, a));
  fs.fail_at(fs.calls() + 1, fault::io);
  BOOST_TEST(set->sync_dirty() == 1U);
  BOOST_TEST((v->report().state == replica_state::damaged));
  BOOST_TEST(append(*v, 2, a) == make_error_code(errc::damaged));
  BOOST_TEST((v->seal(1).error() == errc::damaged));
  BOOST_TEST((v->remove_keys(1, std::vector<chunk_key>{1}).error() == errc::damaged));
  BOOST_TEST((read_all(*v, 1).value() == a));  // still reads
  v.reset();
  set.reset();
  set = volume_set::open(options_of(fs, {"/a"})).value();
  BOOST_TEST((set->reports().at(0).state == replica_state::damaged));
  BOOST_REQUIRE(set->drop(volume_id(1)));
  BOOST_TEST(fs.list("/a/volumes").value().size() == 1U);  // home.json
}

// 100,000 chunks of 4 KiB, index and everything included.
BOOST_AUTO_TEST_CASE(disk_overhead_of_small_chunks_is_below_one_and_a_half_percent) {
  const temp_dir dir;
  vol::volume_set_options options;
  options.fs = &io::system_files();
  options.directories = {{dir.path(), {}}};
  options.sync = vol::sync_policy::none;
  options.max_volume_size = 16 << 20;
  auto set = volume_set::open(options).value();
  const bytes content = make_content(1, 4096);
  const bytes_view part(content);
  const std::uint32_t crc = crc32c(content);
  constexpr std::uint64_t chunks = 20000;
  std::uint64_t stored = 0;
  for (std::uint64_t id = 1; stored < chunks; ++id) {
    auto v = set->create({volume_id(id), 1}).value();
    chunk_key key = 0;
    std::vector<vol::append_item> items(64);
    std::vector<boost::system::error_code> outcome(64);
    while (!outcome[0] && stored < chunks) {
      for (auto& item : items) item = {1, ++key, 4096, crc, {&part, 1}, true};
      v->append_batch(items, outcome);
      stored += static_cast<std::uint64_t>(
          std::count(outcome.begin(), outcome.end(), boost::system::error_code()));
    }
    BOOST_REQUIRE(v->seal(1));
  }
  std::uint64_t on_disk = 0;
  for (const auto& e : options.fs->list(dir.path() + "/volumes").value()) on_disk += e.size;
  const double overhead = static_cast<double>(on_disk) / static_cast<double>(stored * 4096) - 1;
  BOOST_TEST_MESSAGE("overhead " << overhead * 100 << " %");
  BOOST_TEST(overhead > 0);
  BOOST_TEST(overhead < 0.015);
}

// Appends, reads, removals, seals, background work and compaction at once.
BOOST_AUTO_TEST_CASE(many_threads_on_one_volume) {
  sim_files fs;
  auto options = options_of(fs, {"/a"});
  options.sync = vol::sync_policy::always;
  options.max_volume_size = 64 << 20;
  auto set = volume_set::open(options).value();
  auto v = set->create({volume_id(1), 1}).value();
  constexpr chunk_key per_thread = 150;
  std::atomic<int> wrong{0};
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  for (chunk_key t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (chunk_key i = 1; i <= per_thread; ++i) {
        const chunk_key key = t * 1000 + i;
        const bool large = i % 30 == 0;
        const bytes content = make_content(key, large ? 100000 : 700);
        const bool stored =
            large ? append_large(*v, key, content).has_value() : !append(*v, key, content);
        const auto got = read_all(*v, key);
        if (!stored || !got || *got != content) ++wrong;
      }
    });
  }
  threads.emplace_back([&] {
    while (!done) {
      if (set->sync_dirty() != 0 || !v->checkpoint()) ++wrong;
      static_cast<void>(v->report());
      if (!v->list_live(0, 100)) ++wrong;
    }
  });
  for (int t = 0; t < 3; ++t) threads[static_cast<std::size_t>(t)].join();
  BOOST_TEST(v->seal(1).has_value());
  BOOST_TEST(v->report().digest.count == 3 * per_thread);
  std::thread remover([&] {
    for (chunk_key i = 1; i <= per_thread; ++i) {
      if (!v->remove_keys(i, std::vector<chunk_key>{i})) ++wrong;
    }
  });
  int compactions = 0;
  for (int i = 0; i < 5; ++i) compactions += v->compact({}).has_value() ? 1 : 0;
  remover.join();
  done = true;
  threads.back().join();
  BOOST_TEST(compactions == 5);
  BOOST_TEST(wrong == 0);
  const auto report = v->report();
  BOOST_TEST(report.digest.count == 2 * per_thread);
  v.reset();
  set.reset();
  set = volume_set::open(options).value();
  BOOST_TEST((set->reports().at(0) == report));
}

BOOST_AUTO_TEST_SUITE_END()
