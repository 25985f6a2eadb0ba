// The tree, case by case.
#include "meta/tree.hpp"

#include "meta/tree_util.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <string_view>
#include <vector>

using namespace ssdfs;
using namespace ssdfs::test;

namespace {

directory_id make_directory(tree& t, directory_id parent, std::string_view name) {
  const auto made = t.insert_directory(parent, name, {});
  BOOST_REQUIRE(made.has_value());
  return t.directory_of(*made);
}

inode make_file(tree& t, directory_id parent, std::string_view name, std::uint32_t seed = 1) {
  const sample_file file(seed);
  const auto made = t.insert_file(parent, name, file.attributes, file.chunks);
  BOOST_REQUIRE(made.has_value());
  return *made;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tree_cases)

BOOST_AUTO_TEST_CASE(a_new_tree_is_an_empty_root) {
  const tree t;
  const inode root = *t.lookup("/");
  BOOST_TEST((t.directory_of(root) == root_directory));
  BOOST_TEST(t.path_of(root) == "/");
  BOOST_TEST(t.name(root) == "");
  BOOST_TEST((t.parent_of(root) == no_directory));
  BOOST_TEST((t.totals(root_directory) == subtree_totals{}));
  BOOST_TEST((t.lookup("/a").error() == errc::not_found));
  require_sound(t);
}

BOOST_AUTO_TEST_CASE(walk_stops_where_the_path_ends) {
  tree t;
  const directory_id a = make_directory(t, root_directory, "a");
  const inode f = make_file(t, a, "f");
  const auto whole = t.walk("/a/f");
  BOOST_TEST((whole.last == f));
  BOOST_TEST(whole.rest == "");
  const auto missing = t.walk("/a/b/c");
  BOOST_TEST((missing.last == t.inode_of(a)));
  BOOST_TEST(missing.rest == "/b/c");
  const auto through_file = t.walk("/a/f/x");
  BOOST_TEST((through_file.last == f));
  BOOST_TEST(through_file.rest == "/x");
  BOOST_TEST((t.lookup("/a/f/x").error() == errc::not_directory));
  BOOST_TEST((t.lookup("/a/b/c").error() == errc::not_found));
}

BOOST_AUTO_TEST_CASE(batches_answer_like_single_lookups) {
  tree t;
  std::vector<std::string> paths{"/", "/none", "/none/x"};
  for (int d = 0; d < 7; ++d) {
    const std::string name = "dir" + std::to_string(d);
    const directory_id id = make_directory(t, root_directory, name);
    const directory_id deep = make_directory(t, id, "deep");
    for (int f = 0; f < 300; ++f) {
      const std::string file = "file" + std::to_string(f);
      make_file(t, deep, file);
      for (const char* tail : {"", "x", "/x"}) paths.push_back("/" + name + "/deep/" + file + tail);
    }
  }
  for (const std::size_t count : {std::size_t{0}, std::size_t{1}, std::size_t{15}, std::size_t{16},
                                  std::size_t{17}, paths.size()}) {
    const std::vector<std::string_view> asked(paths.begin(),
                                              paths.begin() + static_cast<std::ptrdiff_t>(count));
    std::vector<lookup_outcome> outcomes(count);
    t.lookup_many(asked, outcomes);
    for (std::size_t i = 0; i < count; ++i) {
      const auto single = t.lookup(asked[i]);
      if (single) {
        BOOST_REQUIRE(outcomes[i].entry == *single);
      } else {
        BOOST_REQUIRE(outcomes[i].entry == no_inode);
        BOOST_REQUIRE(single.error() == outcomes[i].error);
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(bad_attributes_are_refused_and_change_nothing) {
  tree t;
  const std::uint64_t digest = t.digest();
  const auto refused = [&](const file_attributes& attributes, std::vector<chunk_ref> chunks) {
    const auto outcome = t.insert_file(root_directory, "f", attributes, chunks);
    return outcome.has_error() && outcome.error() == errc::invalid_argument;
  };
  const sample_file good(3);
  auto bad = good.attributes;
  bad.size += 1;
  BOOST_TEST(refused(bad, good.chunks));
  bad = good.attributes;
  bad.crc32c += 1;
  BOOST_TEST(refused(bad, good.chunks));
  bad = good.attributes;
  bad.mtime_ms = max_mtime_ms + 1;
  BOOST_TEST(refused(bad, good.chunks));
  bad.mtime_ms = min_mtime_ms - 1;
  BOOST_TEST(refused(bad, good.chunks));
  bad = good.attributes;
  bad.replication = 4;
  BOOST_TEST(refused(bad, good.chunks));
  BOOST_TEST(refused(good.attributes, {}));
  auto chunks = good.chunks;
  chunks[0].at.key = 0;
  BOOST_TEST(refused(good.attributes, chunks));
  BOOST_TEST(refused({.size = max_file_size + 1}, {}));
  BOOST_TEST(t.digest() == digest);
  auto extreme = good.attributes;
  extreme.mtime_ms = min_mtime_ms;
  const inode f = *t.insert_file(root_directory, "f", extreme, good.chunks);
  BOOST_TEST(t.attributes(f).mtime_ms == min_mtime_ms);
  BOOST_TEST((t.replace_file(f, good.attributes, {}).error() == errc::invalid_argument));
  BOOST_TEST((t.attributes(f) == extreme));
}

BOOST_AUTO_TEST_CASE(a_name_is_taken_by_files_and_directories_alike) {
  tree t;
  const directory_id d = make_directory(t, root_directory, "x");
  BOOST_TEST((t.insert_file(root_directory, "x", {}, {}).error() == errc::exists));
  BOOST_TEST((t.insert_directory(root_directory, "x", {}).error() == errc::exists));
  const inode f = make_file(t, d, "y");
  BOOST_TEST((t.insert_directory(d, "y", {}).error() == errc::exists));
  BOOST_TEST((t.rename(f, root_directory, "x").error() == errc::exists));
}

BOOST_AUTO_TEST_CASE(a_rename_never_moves_the_record) {
  tree t;
  const directory_id d = make_directory(t, root_directory, "d");
  const inode entries[] = {make_file(t, d, "short"), t.inode_of(make_directory(t, d, "sub"))};
  for (const inode entry : entries) {
    for (const std::size_t length :
         {1U, 6U, 7U, 22U, 23U, 100U, 255U, 254U, 11U, 10U, 3U, 255U, 1U}) {
      const std::string name(length, t.is_directory(entry) ? 'e' : 'f');
      BOOST_REQUIRE(t.rename(entry, root_directory, name).has_value());
      BOOST_REQUIRE(t.name(entry) == name);
      BOOST_REQUIRE(*t.lookup("/" + name) == entry);
      require_sound(t);
    }
    BOOST_TEST(t.memory().texts == 0U);
    // The name given may lie in the tree.
    BOOST_REQUIRE(t.rename(entry, root_directory, std::string(90, 'n')).has_value());
    BOOST_REQUIRE(t.rename(entry, d, t.name(entry)).has_value());
    BOOST_REQUIRE(t.name(entry) == std::string(90, 'n'));
    BOOST_REQUIRE(t.rename(entry, d, "end").has_value());
    BOOST_REQUIRE(t.erase(entry).has_value());
    require_sound(t);
  }
}

BOOST_AUTO_TEST_CASE(a_directory_moves_with_all_below_but_not_into_itself) {
  tree t;
  const directory_id a = make_directory(t, root_directory, "a");
  const directory_id b = make_directory(t, a, "b");
  const directory_id c = make_directory(t, b, "c");
  const inode f = make_file(t, c, "f");
  const inode entry = t.inode_of(a);
  BOOST_TEST((t.rename(entry, a, "x").error() == errc::into_itself));
  BOOST_TEST((t.rename(entry, c, "x").error() == errc::into_itself));
  BOOST_REQUIRE(t.rename(t.inode_of(b), root_directory, "top").has_value());
  BOOST_TEST(t.path_of(f) == "/top/c/f");
  BOOST_TEST((t.totals(a) == subtree_totals{}));
  BOOST_TEST(t.totals(root_directory).directories == 3U);
  require_sound(t);
}

BOOST_AUTO_TEST_CASE(the_digest_tells_contents_and_not_their_history) {
  const auto digest_after = [](auto&& fill) {
    tree t;
    const directory_id d = make_directory(t, root_directory, "d");
    fill(t, d);
    require_sound(t);
    return t.digest();
  };
  const auto base = digest_after([](tree& t, directory_id d) {
    make_file(t, d, "a", 1);
    make_file(t, d, "b", 2);
  });
  BOOST_TEST(base == digest_after([](tree& t, directory_id d) {
               make_file(t, d, "b", 2);
               const inode x = make_file(t, root_directory, "x", 1);
               BOOST_REQUIRE(t.rename(x, d, "a").has_value());
               BOOST_REQUIRE(t.erase(make_file(t, d, "c", 3)).has_value());
             }));
  BOOST_TEST(base != digest_after([](tree& t, directory_id d) {
               make_file(t, d, "a", 2);
               make_file(t, d, "b", 1);
             }));
  BOOST_TEST(base != digest_after([](tree& t, directory_id d) {
               make_file(t, d, "a", 1);
               make_file(t, root_directory, "b", 2);
             }));
  BOOST_TEST(base != digest_after([](tree& t, directory_id d) {
               t.set_mtime(make_file(t, d, "a", 1), 5);
               make_file(t, d, "b", 2);
             }));
  BOOST_TEST(base != digest_after([](tree& t, directory_id d) {
               make_file(t, d, "a", 1);
               make_file(t, d, "b", 2);
               t.set_quota(d, {10, 0});
             }));
  BOOST_TEST(base != digest_after([](tree& t, directory_id d) {
               make_file(t, d, "a", 1);
               make_file(t, d, "b", 2);
               BOOST_REQUIRE(t.set_access(t.inode_of(root_directory), 1, {}).has_value());
             }));
}

// The digest is kept in edit records: this value must never change.
BOOST_AUTO_TEST_CASE(the_digest_is_a_stable_format) {
  tree t;
  const auto d = t.insert_directory(root_directory, "image", {1'700'000'000'000, 3});
  const std::vector<chunk_ref> one{{{volume_slot(2), 9}, 100, 0xe3069283}};
  BOOST_REQUIRE(t.insert_file(t.directory_of(*d), "iphone.jpg",
                              {100, 0xe3069283, 1'700'000'000'001, 1, 2, 3}, one)
                    .has_value());
  const std::vector<chunk_ref> two{{{volume_slot(2), 10}, 100, 1}, {{volume_slot(3), 1}, 50, 2}};
  BOOST_REQUIRE(t.insert_file(root_directory, "large", {150, 77, -5, 0, 0, 2}, two).has_value());
  BOOST_REQUIRE(t.insert_file(root_directory, "empty", {}, {}).has_value());
  t.set_quota(t.directory_of(*d), {1000, 2000});
  BOOST_TEST(t.digest() == 5258848258733271871ULL);
}

BOOST_AUTO_TEST_CASE(quotas_hold_along_the_path) {
  tree t;
  const directory_id a = make_directory(t, root_directory, "a");
  const directory_id b = make_directory(t, a, "b");
  t.set_quota(a, {.names = 3, .bytes = 1000});
  BOOST_TEST(t.check_quota(b, 2, 1000).has_value());
  BOOST_TEST((t.check_quota(b, 3, 0).error() == errc::quota_exceeded));
  BOOST_TEST((t.check_quota(b, 0, 1001).error() == errc::quota_exceeded));
  BOOST_TEST(t.check_quota(b, 0, 1001).error().message().find("/a") != std::string::npos);
  BOOST_TEST(t.check_quota(root_directory, 100, 100'000).has_value());
  // What is over the limit already can stay, shrink or change otherwise.
  t.set_quota(b, {.names = 1, .bytes = 0});
  make_file(t, b, "1");
  make_file(t, b, "2");
  BOOST_TEST(t.check_quota(b, 0, 1).has_value());
  BOOST_TEST((t.check_quota(b, 1, 0).error() == errc::quota_exceeded));
  // Moving inside of a limited directory costs it nothing.
  const inode f = t.find(b, "1");
  BOOST_TEST(t.check_quota_move(f, a).has_value());
  const inode outside = make_file(t, root_directory, "o");
  BOOST_TEST((t.check_quota_move(outside, a).error() == errc::quota_exceeded));
  t.set_quota(a, {});
  BOOST_TEST(t.check_quota_move(outside, a).has_value());
  BOOST_TEST((t.quota_of(a) == quota{}));
  require_sound(t);
}

BOOST_AUTO_TEST_CASE(a_detached_subtree_is_gone_at_once_and_reclaimed_in_steps) {
  tree t;
  const std::uint64_t empty = t.digest();
  const directory_id a = make_directory(t, root_directory, "a");
  t.set_quota(make_directory(t, a, "limited"), {1, 1});
  for (int d = 0; d < 10; ++d) {
    const directory_id sub = make_directory(t, a, "d" + std::to_string(d));
    for (std::uint32_t f = 0; f < 500; ++f) make_file(t, sub, "f" + std::to_string(f), f);
  }
  const auto totals = t.totals(a);
  t.detach_subtree(t.inode_of(a));
  BOOST_TEST(t.digest() == empty);
  BOOST_TEST((t.lookup("/a").error() == errc::not_found));
  BOOST_TEST((t.totals(root_directory) == subtree_totals{}));
  BOOST_TEST(
      (t.detached_totals() == subtree_totals{totals.files, totals.directories + 1, totals.bytes}));
  make_directory(t, root_directory, "a");  // the name is free
  std::vector<chunk_ref> freed;
  std::size_t done = 0;
  while (const std::size_t n = t.reclaim_step(100, freed)) {
    BOOST_REQUIRE(n <= 100U);
    done += n;
    if (done % 700 == 0) require_sound(t);
  }
  BOOST_TEST(done == totals.files + totals.directories + 1);
  BOOST_TEST(freed.size() == totals.files);
  BOOST_TEST((t.detached_totals() == subtree_totals{}));
  BOOST_TEST(t.detached().empty());
  require_sound(t);
}

// Going through the slices sees every file once although everything is renamed meanwhile.
BOOST_AUTO_TEST_CASE(a_path_that_is_too_long_is_found_and_no_other) {
  tree t;
  const sample_file content;
  const auto make = [&](directory_id parent, const std::string& name) {
    return t.directory_of(t.insert_directory(parent, name, {}).value());
  };
  const directory_id top = make(root_directory, "top");
  const directory_id deep = make(make(top, "middle"), "deep");
  const inode longest =
      t.insert_file(deep, std::string(100, 'f'), content.attributes, content.chunks).value();
  for (int i = 0; i < 50; ++i) {
    BOOST_REQUIRE(t.insert_file(top, std::to_string(i), content.attributes, content.chunks));
  }
  const std::size_t length = std::string("/middle/deep/").size() + 100;
  BOOST_TEST((t.find_longer(top, length, 0).entry == no_inode));
  BOOST_TEST(t.find_longer(top, length, 0).certain);
  BOOST_TEST((t.find_longer(top, length - 1, 1000).entry == longest));
  BOOST_TEST((t.find_longer(top, 5, 1000).entry != no_inode));
  // With a budget too small nothing is certain.
  BOOST_TEST(!t.find_longer(top, length - 1, 10).certain);
  BOOST_TEST((t.find_longer(root_directory, length + 4, 0).entry == no_inode));
  BOOST_TEST((t.find_longer(root_directory, length + 3, 1000).entry == longest));
  // The bound of what has been removed stays, and a look tells.
  BOOST_REQUIRE(t.erase(longest));
  BOOST_TEST((t.find_longer(top, 20, 1000).entry == no_inode));
  BOOST_TEST(t.find_longer(top, 20, 1000).certain);
  BOOST_TEST(!t.find_longer(top, 20, 3).certain);
  // Longer names, of directories on the way and of what moves in.
  BOOST_REQUIRE(t.rename(t.inode_of(deep), top, std::string(200, 'n')));
  BOOST_TEST((t.find_longer(root_directory, 204, 1000).entry == t.inode_of(deep)));
  BOOST_TEST((t.find_longer(root_directory, 205, 1000).entry == no_inode));
  require_sound(t);
}

BOOST_AUTO_TEST_CASE(slices_see_every_file_once) {
  tree t;
  std::vector<directory_id> directories;
  for (int d = 0; d < 20; ++d) {
    directories.push_back(make_directory(t, root_directory, "d" + std::to_string(d)));
  }
  std::vector<inode> files;
  std::set<std::uint32_t> expected;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    files.push_back(make_file(t, directories[i % 20], "f" + std::to_string(i), i));
    expected.insert(files.back().value);
  }
  std::vector<std::uint32_t> seen;
  std::mt19937_64 random(3);
  for (std::size_t slice = 0; slice < t.slices(); ++slice) {
    t.visit_slice(slice, [&](inode file) {
      if (expected.count(file.value) > 0) seen.push_back(file.value);
    });
    for (int i = 0; i < 500; ++i) {
      const inode file = files[random() % files.size()];
      std::string name(1 + random() % 200, 'r');
      name += std::to_string(random());
      BOOST_REQUIRE(t.rename(file, directories[random() % 20], name).has_value());
    }
  }
  BOOST_TEST(seen.size() == expected.size());
  BOOST_TEST((std::set<std::uint32_t>(seen.begin(), seen.end()) == expected));
  require_sound(t);
}

BOOST_AUTO_TEST_CASE(memory_of_deleted_files_is_used_again) {
  tree t;
  constexpr std::uint32_t count = 60'000;
  std::uint64_t first = 0;
  for (std::uint32_t round = 0; round < 5; ++round) {
    const directory_id d = make_directory(t, root_directory, "round");
    for (std::uint32_t i = 0; i < count; ++i) {
      // Another size of record each round.
      const std::string name = std::to_string(i * 7919 % count) + std::string(10 + 8 * round, 'x');
      make_file(t, d, name, i);
    }
    if (round == 0) first = t.memory().total;
    t.detach_subtree(t.inode_of(d));
    std::vector<chunk_ref> freed;
    while (t.reclaim_step(1'000, freed) > 0) {
    }
    BOOST_TEST(t.memory().nodes == 0U);
  }
  require_sound(t);
  // The last round's records are half as large again as the first's.
  BOOST_TEST(t.memory().total < first * 2);
}

// Adding and removing in turn at the same place settles, whatever the directory holds.
BOOST_AUTO_TEST_CASE(adding_and_removing_in_turn_takes_no_memory) {
  for (const char* name : {"zzz", "mmm", "000"}) {
    for (const std::uint32_t held :
         {0U, 1U, 2U, 3U, 6U, 10U, 16U, 17U, 31U, 63U, 64U, 65U, 66U, 96U, 128U, 130U, 1000U}) {
      tree t;
      const directory_id d = make_directory(t, root_directory, "directory");
      for (std::uint32_t i = 0; i < held; ++i) {
        make_file(t, d, (i % 2 == 0 ? "b" : "x") + std::to_string(1000 + i), i);
      }
      std::uint64_t settled = 0;
      for (int round = 0; round < 600; ++round) {
        make_file(t, d, name, 1);
        BOOST_REQUIRE(t.erase(t.find(d, name)).has_value());
        if (round == 10) settled = t.memory().total;
      }
      BOOST_TEST(t.memory().total == settled, name << " in a directory of " << held);
    }
  }
}

// Files of all lengths of names come and go for long: what is free stays a small share.
BOOST_AUTO_TEST_CASE(churn_keeps_little_memory_free) {
  tree t;
  std::mt19937_64 random(5);
  std::vector<directory_id> directories;
  for (int i = 0; i < 20; ++i) {
    directories.push_back(make_directory(t, root_directory, "d" + std::to_string(i)));
  }
  std::vector<inode> files;
  std::uint32_t number = 0;
  const auto add = [&] {
    std::string name = std::to_string(random() % 1'000'000) + "-" + std::to_string(++number);
    name.resize(name.size() + random() % 60, 'n');
    files.push_back(make_file(t, directories[random() % directories.size()], name, number));
  };
  for (int i = 0; i < 100'000; ++i) add();
  const std::uint64_t first = t.memory().total;
  for (int i = 0; i < 600'000; ++i) {
    const std::size_t at = random() % files.size();
    BOOST_REQUIRE(t.erase(files[at]).has_value());
    files[at] = files.back();
    files.pop_back();
    add();
  }
  require_sound(t);
  // Below a MiB nothing is swept together.
  BOOST_TEST(t.memory().total < first + first / 8 + (std::uint64_t{1} << 20));
}

BOOST_AUTO_TEST_SUITE_END()
