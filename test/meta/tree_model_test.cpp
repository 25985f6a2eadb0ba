// The tree against a twin that is a std::map of paths, under random operations.
#include "meta/path.hpp"
#include "meta/tree.hpp"
#include "meta/tree_util.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <iterator>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <tuple>
#include <vector>

using namespace ssdfs;
using namespace ssdfs::test;

namespace {

// What an entry has beside its record; a static text, so that attributes may view it.
std::string_view kept_extra(std::size_t n, bool directory) {
  static const std::vector<std::string> all = [] {
    std::vector<std::string> out;
    for (std::size_t i = 0; i < 8; ++i) {
      std::string extra;
      const std::string owner(1 + i * 34, 'o');
      append_extra(extra, extra_tag::access, encode_access({owner, "g", 0640}));
      if (i % 2 == 1) append_extra(extra, extra_tag::content_type, "image/x-" + owner.substr(1));
      out.push_back(extra);
    }
    return out;
  }();
  return all[directory ? n % 4 * 2 : n % 8];
}

struct twin_entry {
  bool directory = false;
  directory_attributes own;
  file_attributes attributes;
  std::vector<chunk_ref> chunks;
};

class model {
 public:
  explicit model(std::uint64_t seed) : random_(seed) { twin_["/"] = {.directory = true}; }

  void run(std::size_t steps) {
    for (std::size_t i = 0; i < steps; ++i) {
      step();
      if (i % 2048 == 0) require_sound(tree_);
    }
    compare_all();
  }

  void compare_all() {
    require_sound(tree_);
    for (const auto& [path, entry] : twin_) {
      const auto found = tree_.lookup(path);
      BOOST_REQUIRE_MESSAGE(found.has_value(), path);
      compare_entry(path, *found, entry);
    }
    compare_batch();
    const auto totals = tree_.totals(root_directory);
    BOOST_REQUIRE(totals.files + totals.directories + 1 == twin_.size());
    compare_freed();
    tree copy;
    copy_tree(tree_, copy);
    require_sound(copy);
    BOOST_REQUIRE(copy.digest() == tree_.digest());
    BOOST_REQUIRE(copy.detached_totals() == tree_.detached_totals());
    while (tree_.reclaim_step(100, freed_) > 0) {
    }
    require_sound(tree_);
    BOOST_REQUIRE(copy.digest() == tree_.digest());
    compare_freed();
  }

  // All paths at once, and as many that lead to nothing.
  void compare_batch() {
    std::vector<std::string> texts;
    for (const auto& [path, entry] : twin_) {
      texts.push_back(path);
      texts.push_back(below(path) + "~none");
      texts.push_back(below(path) + "~none/~none");
    }
    const std::vector<std::string_view> asked(texts.begin(), texts.end());
    std::vector<lookup_outcome> outcomes(asked.size());
    tree_.lookup_many(asked, outcomes);
    for (std::size_t i = 0; i < asked.size(); ++i) {
      const auto single = tree_.lookup(asked[i]);
      BOOST_REQUIRE((outcomes[i].entry == (single ? *single : no_inode)));
      if (!single) BOOST_REQUIRE(single.error() == outcomes[i].error);
    }
  }

 private:
  std::uint64_t pick(std::uint64_t n) { return random_() % n; }

  std::string random_name() {
    return make_name(all_name_kinds[pick(std::size(all_name_kinds))], pick(60));
  }
  // An existing path, of a directory if asked for.
  std::string random_path(bool directory) {
    for (;;) {
      auto at = twin_.lower_bound("/" + random_name());
      for (std::uint64_t skip = pick(50); skip > 0 && at != twin_.end(); --skip) ++at;
      if (at == twin_.end()) at = pick(4) == 0 ? twin_.begin() : std::prev(twin_.end());
      while (directory && !at->second.directory) --at;
      return at->first;
    }
  }
  static std::string below(const std::string& path) { return path == "/" ? path : path + "/"; }

  void step() {
    const std::uint64_t what = pick(100);
    if (what < 40) return create(false);
    if (what < 50) return create(true);
    if (what < 65) return move();
    if (what < 78) return remove();
    if (what < 80) return detach();
    if (what < 86) return replace();
    if (what < 92) return change_attributes();
    if (what < 94) return change_quota();
    if (what < 97) return list();
    reclaim();
  }

  void create(bool directory) {
    const std::string parent = random_path(true);
    const std::string name = random_name();
    const std::string path = below(parent) + name;
    if (!check_path(path)) return;  // too long
    const directory_id id = tree_.directory_of(*tree_.lookup(parent));
    const bool taken = twin_.count(path) > 0;
    // Half of them like a commit, which has followed the path before; and half of these when the
    // tree has changed since.
    path_walk walk;
    const insert_point* missing = nullptr;
    if (pick(2) == 0) {
      walk = tree_.walk(path);
      BOOST_REQUIRE(walk.rest.empty() == taken);
      BOOST_REQUIRE((walk.missing.parent == (taken ? no_directory : id)));
      missing = &walk.missing;
      if (pick(2) == 0) disturb(id, name);
    }
    twin_entry entry{.directory = directory};
    std::optional<result<inode>> outcome;
    if (directory) {
      entry.own = {static_cast<std::int64_t>(pick(1U << 30)) - 1000,
                   static_cast<std::uint16_t>(pick(9))};
      if (pick(10) == 0) {
        entry.own.access = kept_id;
        entry.own.extra = kept_extra(pick(8), true);
      }
      outcome = tree_.insert_directory(id, name, entry.own, missing);
    } else {
      const sample_file file(static_cast<std::uint32_t>(random_()),
                             pick(10) == 0 ? pick(300) : pick(3));
      entry.attributes = file.attributes;
      if (pick(10) == 0) keep(entry.attributes);
      entry.chunks = file.chunks;
      outcome = tree_.insert_file(id, name, entry.attributes, file.chunks, missing);
    }
    if (taken) {
      BOOST_REQUIRE((outcome->has_error() && outcome->error() == errc::exists));
      return;
    }
    BOOST_REQUIRE(outcome->has_value());
    twin_[path] = entry;
    compare_entry(path, **outcome, entry);
  }

  void keep(file_attributes& attributes) {
    attributes.extra = kept_extra(pick(8), false);
    attributes.access = kept_id;
    if (!extra_field(attributes.extra, extra_tag::content_type).empty()) {
      attributes.content_type = kept_id;
    }
  }

  // Changes a directory, and back again, near to where `name` is or belongs.
  void disturb(directory_id id, const std::string& name) {
    const std::string near = name.substr(0, 200) + "~";
    const auto made = tree_.insert_file(id, near, {}, {});
    if (made.has_value()) BOOST_REQUIRE(tree_.erase(*made).has_value());
  }

  void move() {
    const std::string from = random_path(false);
    if (from == "/") return;
    const std::string parent = random_path(true);
    const std::string name = pick(5) == 0 ? std::string(split_path(from).name) : random_name();
    const std::string to = below(parent) + name;
    const inode entry = *tree_.lookup(from);
    const auto outcome = tree_.rename(entry, tree_.directory_of(*tree_.lookup(parent)), name);
    if (to == from) {
      BOOST_REQUIRE(outcome.has_value());
    } else if (twin_.count(to) > 0) {
      BOOST_REQUIRE((outcome.has_error() && outcome.error() == errc::exists));
    } else if (twin_[from].directory && is_same_or_below(parent, from)) {
      BOOST_REQUIRE((outcome.has_error() && outcome.error() == errc::into_itself));
    } else {
      BOOST_REQUIRE(outcome.has_value());
      std::vector<std::pair<std::string, twin_entry>> moved;
      std::erase_if(twin_, [&](auto& item) {
        if (!is_same_or_below(item.first, from)) return false;
        moved.emplace_back(to + item.first.substr(from.size()), item.second);
        return true;
      });
      for (auto& [path, value] : moved) twin_[path] = value;
      BOOST_REQUIRE(tree_.lookup(from).has_error());
      BOOST_REQUIRE(*tree_.lookup(to) == entry);
    }
  }

  void remove() {
    const std::string path = random_path(false);
    if (path == "/") return;
    const inode entry = *tree_.lookup(path);
    const auto next = twin_.upper_bound(below(path));
    const bool has_entries =
        twin_[path].directory && next != twin_.end() && is_same_or_below(next->first, path);
    const auto outcome = tree_.erase(entry);
    if (has_entries) {
      BOOST_REQUIRE((outcome.has_error() && outcome.error() == errc::not_empty));
      return;
    }
    BOOST_REQUIRE(outcome.has_value());
    twin_.erase(path);
    BOOST_REQUIRE((tree_.lookup(path).error() == errc::not_found));
  }

  void detach() {
    const std::string path = random_path(true);
    if (path == "/") return;
    tree_.detach_subtree(*tree_.lookup(path));
    std::erase_if(twin_, [&](auto& item) {
      if (!is_same_or_below(item.first, path)) return false;
      for (const chunk_ref& chunk : item.second.chunks) to_free_.push_back(chunk);
      return true;
    });
    BOOST_REQUIRE(tree_.lookup(path).has_error());
  }

  void replace() {
    const std::string path = random_path(false);
    twin_entry& entry = twin_[path];
    if (entry.directory) return;
    const sample_file file(static_cast<std::uint32_t>(random_()), pick(4));
    entry.attributes = file.attributes;
    if (pick(5) == 0) keep(entry.attributes);
    BOOST_REQUIRE(
        tree_.replace_file(*tree_.lookup(path), entry.attributes, file.chunks).has_value());
    entry.chunks = file.chunks;
  }

  void change_attributes() {
    const std::string path = random_path(false);
    twin_entry& entry = twin_[path];
    const inode id = *tree_.lookup(path);
    const auto access = static_cast<std::uint16_t>(pick(100));
    const auto mtime = static_cast<std::int64_t>(pick(1U << 31)) - (1 << 30);
    tree_.set_mtime(id, mtime);
    if (entry.directory) {
      const bool keeps = pick(3) == 0;
      entry.own = {mtime, keeps ? kept_id : access, keeps ? kept_extra(pick(8), true) : ""};
      BOOST_REQUIRE(tree_.set_access(id, entry.own.access, entry.own.extra).has_value());
      return;
    }
    entry.attributes.access = access;
    entry.attributes.mtime_ms = mtime;
    entry.attributes.content_type = static_cast<std::uint16_t>(pick(7));
    entry.attributes.extra = {};
    entry.attributes.replication = static_cast<std::uint8_t>(pick(4));
    if (pick(3) == 0) keep(entry.attributes);
    BOOST_REQUIRE(
        tree_.set_access(id, entry.attributes.access, entry.attributes.extra).has_value());
    BOOST_REQUIRE(tree_.set_content_type(id, entry.attributes.content_type, entry.attributes.extra)
                      .has_value());
    tree_.set_replication(id, entry.attributes.replication);
    if (entry.chunks.empty()) return;
    const std::size_t index = pick(entry.chunks.size());
    const chunk_address from = entry.chunks[index].at;
    const chunk_address to{volume_slot(77), static_cast<chunk_key>(1 + pick(1000))};
    const chunk_address other{volume_slot(99), 5};
    BOOST_REQUIRE(!tree_.relocate_chunk(id, index, other, to));
    BOOST_REQUIRE(!tree_.relocate_chunk(id, entry.chunks.size(), from, to));
    BOOST_REQUIRE(tree_.relocate_chunk(id, index, from, to));
    entry.chunks[index].at = to;
  }

  void change_quota() {
    const directory_id id = tree_.directory_of(*tree_.lookup(random_path(true)));
    const quota limits{pick(3), pick(3)};
    tree_.set_quota(id, limits);
    BOOST_REQUIRE(tree_.quota_of(id) == limits);
  }

  void list() {
    const std::string path = random_path(true);
    std::vector<std::string> expected;
    const std::string front = below(path);
    for (auto at = twin_.upper_bound(front); at != twin_.end(); ++at) {
      if (!at->first.starts_with(front)) break;
      const std::string name = at->first.substr(front.size());
      if (name.find('/') == name.npos) expected.push_back(name);
    }
    std::sort(expected.begin(), expected.end());
    const auto id = tree_.directory_of(*tree_.lookup(path));
    BOOST_REQUIRE(names_of(tree_, id, 1 + pick(20)) == expected);
  }

  void reclaim() {
    const auto before = tree_.detached_totals();
    const std::size_t done = tree_.reclaim_step(1 + pick(200), freed_);
    const auto after = tree_.detached_totals();
    BOOST_REQUIRE(before.files + before.directories == after.files + after.directories + done);
    BOOST_REQUIRE((done > 0) == (before != subtree_totals{}));
  }

  void compare_entry(const std::string& path, inode id, const twin_entry& entry) {
    BOOST_REQUIRE(tree_.is_directory(id) == entry.directory);
    BOOST_REQUIRE(tree_.path_of(id) == path);
    BOOST_REQUIRE(tree_.name(id) == split_path(path).name);
    if (entry.directory) {
      BOOST_REQUIRE(tree_.attributes(tree_.directory_of(id)) == entry.own);
    } else {
      BOOST_REQUIRE(tree_.attributes(id) == entry.attributes);
      BOOST_REQUIRE(chunks_of(tree_, id) == entry.chunks);
      BOOST_REQUIRE((tree_.lookup(path + "/x").error() == errc::not_directory));
    }
  }

  // What was reclaimed is what had been detached, each chunk once.
  void compare_freed() {
    if (tree_.detached_totals() != subtree_totals{}) return;
    const auto order = [](const chunk_ref& a, const chunk_ref& b) {
      return std::tuple(a.at.volume, a.at.key, a.size, a.crc32c) <
             std::tuple(b.at.volume, b.at.key, b.size, b.crc32c);
    };
    std::sort(freed_.begin(), freed_.end(), order);
    std::sort(to_free_.begin(), to_free_.end(), order);
    BOOST_REQUIRE(freed_ == to_free_);
  }

  std::mt19937_64 random_;
  tree tree_;
  std::map<std::string, twin_entry> twin_;
  std::vector<chunk_ref> to_free_;
  std::vector<chunk_ref> freed_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(tree_model)

BOOST_AUTO_TEST_CASE(random_operations_agree) {
  for (std::uint64_t seed = 1; seed <= 6; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) { model(seed).run(6'000); }
  }
}

// Replay: the same changes give the same tree, also when one of the two was loaded on the way.
BOOST_AUTO_TEST_CASE(a_loaded_tree_goes_on_like_the_one_that_grew) {
  std::mt19937_64 random(11);
  tree grown;
  const auto change = [](tree& t, std::uint64_t number) {
    std::vector<inode> page(500);
    std::vector<directory_id> directories{root_directory};
    for (std::size_t i = 0; i < directories.size() && directories.size() < 40; ++i) {
      const std::size_t n = t.list(directories[i], "", page);
      for (std::size_t k = 0; k < n; ++k) {
        if (t.is_directory(page[k])) directories.push_back(t.directory_of(page[k]));
      }
    }
    const directory_id parent = directories[number % directories.size()];
    const std::string name = make_name(name_kind::any_byte, number / 8 % 300);
    std::vector<chunk_ref> freed;
    switch (number % 8) {
      case 0: (void)t.insert_directory(parent, name, {}).has_value(); break;
      case 1:
        if (const inode at = t.find(parent, name); at != no_inode && t.is_directory(at)) {
          t.detach_subtree(at);
        }
        break;
      case 2: t.reclaim_step(number % 5, freed); break;
      case 3: t.set_quota(parent, {number % 100, 0}); break;
      default: {
        const sample_file file(static_cast<std::uint32_t>(number), number % 3);
        (void)t.insert_file(parent, name, file.attributes, file.chunks).has_value();
      }
    }
    return freed;
  };
  for (int i = 0; i < 3'000; ++i) change(grown, random());
  tree loaded;
  copy_tree(grown, loaded);
  BOOST_TEST(grown.digest() == loaded.digest());
  for (int i = 0; i < 3'000; ++i) {
    const std::uint64_t number = random();
    BOOST_REQUIRE(change(grown, number) == change(loaded, number));
    BOOST_REQUIRE(grown.digest() == loaded.digest());
  }
  BOOST_TEST(grown.next_serial() == loaded.next_serial());
  require_sound(loaded);
}

BOOST_AUTO_TEST_SUITE_END()
