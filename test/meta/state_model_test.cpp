// Random commands against a simple twin: a map from path to size, and one of quotas.
#include "meta/state_util.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <optional>
#include <random>

namespace ssdfs::meta {
namespace {

using test::state_rig;

constexpr std::int64_t directory_size = -1;

// The namespace without the trash, as simple as it gets.
class twin {
 public:
  twin() { entries_["/"] = directory_size; }

  [[nodiscard]] std::optional<std::int64_t> at(const std::string& path) const {
    const auto found = entries_.find(path);
    return found == entries_.end() ? std::nullopt : std::optional(found->second);
  }
  [[nodiscard]] bool has_children(const std::string& path) const {
    const auto next = entries_.lower_bound(path + "/");
    return next != entries_.end() && next->first.starts_with(path + "/");
  }
  static std::string parent(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
  }
  // What is in the way of something new at `path`; 0 if nothing is.
  [[nodiscard]] errc obstacle(const std::string& path, bool parents) const {
    std::string up = parent(path);
    const bool missing = !at(up);
    while (!at(up)) up = parent(up);
    if (*at(up) != directory_size) return errc::not_directory;
    return missing && !parents ? errc::not_found : errc{};
  }
  void put(const std::string& path, std::int64_t size) {
    for (std::string up = parent(path); up != "/"; up = parent(up)) entries_[up] = directory_size;
    entries_[path] = size;
  }
  void erase(const std::string& path) {
    const auto gone = [&](const auto& e) { return is_at_or_below(e.first, path); };
    std::erase_if(entries_, gone);
    std::erase_if(quotas_, gone);
  }
  void move(const std::string& from, const std::string& to) {
    const auto moved = [&](const auto& map) {
      auto out = map;
      out.clear();
      for (const auto& [path, value] : map) {
        if (is_at_or_below(path, from)) out[to + path.substr(from.size())] = value;
      }
      return out;
    };
    auto entries = moved(entries_);
    auto quotas = moved(quotas_);
    erase(from);
    entries_.merge(entries);
    quotas_.merge(quotas);
  }
  [[nodiscard]] const std::map<std::string, std::int64_t>& entries() const { return entries_; }

  void set_quota(const std::string& path, const quota& limits) { quotas_[path] = limits; }
  [[nodiscard]] const std::map<std::string, quota>& quotas() const { return quotas_; }
  // Names and bytes at and below a path, or below it only.
  [[nodiscard]] quota use(const std::string& path, bool itself) const {
    quota sum;
    for (const auto& [at, size] : entries_) {
      if (!is_at_or_below(at, path) || (at == path && !itself)) continue;
      ++sum.names;
      sum.bytes += static_cast<std::uint64_t>(std::max<std::int64_t>(size, 0));
    }
    return sum;
  }
  // Missing names from the first missing ancestor of `path` on, itself included.
  [[nodiscard]] std::uint64_t missing(std::string path) const {
    std::uint64_t n = 0;
    for (; !at(path); path = parent(path)) ++n;
    return n;
  }
  // Whether all directories above `path` have room: for `added`, or for what is at `moved` and
  // comes in the place of what is at `path`. It counts only where it was not below already.
  [[nodiscard]] bool has_room(const std::string& path, const quota& added,
                              const std::string& moved = {}) const {
    const auto replaced = moved.empty() ? std::nullopt : at(path);
    const quota gone{replaced ? 1U : 0U,
                     static_cast<std::uint64_t>(std::max<std::int64_t>(replaced.value_or(0), 0))};
    for (const auto& [directory, limits] : quotas_) {
      if (path == directory || !is_at_or_below(path, directory)) continue;
      quota more = added;
      if (!moved.empty() && !is_at_or_below(moved, directory)) {
        const quota all = use(moved, true);
        more = {more.names + all.names, more.bytes + all.bytes};
      }
      const quota now = use(directory, false);
      const auto exceeds = [](std::uint64_t limit, std::uint64_t used, std::uint64_t plus,
                              std::uint64_t minus) {
        return limit != 0 && plus > minus && used + plus - minus > limit;
      };
      if (exceeds(limits.names, now.names, more.names, gone.names) ||
          exceeds(limits.bytes, now.bytes, more.bytes, gone.bytes)) {
        return false;
      }
    }
    return true;
  }

 private:
  static bool is_at_or_below(const std::string& path, const std::string& top) {
    return path == top || path.starts_with(top == "/" ? top : top + "/");
  }

  std::map<std::string, std::int64_t> entries_;
  std::map<std::string, quota> quotas_;
};

void collect(const state& s, const std::string& path, std::map<std::string, std::int64_t>& out) {
  std::vector<entry_view> page;
  std::string after;
  for (bool more = true; more;) {
    page.clear();
    auto got = list(s, path, after, 3, {}, page);
    BOOST_REQUIRE(got.has_value());
    more = *got;
    for (const entry_view& e : page) {
      const std::string below = (path == "/" ? "" : path) + "/" + std::string(e.name);
      out[below] = e.directory ? directory_size : static_cast<std::int64_t>(e.size);
      if (e.directory) collect(s, below, out);
    }
    if (!page.empty()) after = page.back().name;
  }
}

// Chunks of files and chunks that wait, added up by volume.
std::vector<volume_digest> chunk_digests(state& s) {
  while (s.reclaim_step(7)) {
  }
  std::vector<volume_digest> out(s.volumes().size());
  std::vector<chunk_ref> chunks;
  for (std::size_t slice = 0; slice < s.names().slices(); ++slice) {
    s.names().visit_slice(slice, [&](inode file) { s.names().chunks(file, chunks); });
  }
  for (const chunk_ref& c : chunks) out[c.at.volume.value].add(c.at.key, c.size, c.crc32c);
  for (std::size_t i = 0; i < out.size(); ++i) {
    for (const freed_chunk& c : s.volumes()[volume_slot(static_cast<std::uint32_t>(i))].freed) {
      out[i].add(c.key, c.size, c.crc32c);
    }
  }
  return out;
}

// One run: commands by chance, each with a number of its own, some repeated.
class run {
 public:
  explicit run(std::uint64_t seed) : random_(seed) {
    volume_ = rig_.add_volume();
    first_ = rig_.grant(volume_, 100'000);
  }

  void step() {
    ++sequence_;
    op_ = {test::test_client(1), sequence_, sequence_ > 20 ? sequence_ - 20 : 1};
    rig_.advance(static_cast<std::int64_t>(random_() % 2000));
    const unsigned what = static_cast<unsigned>(random_() % 20);
    if (what < 8) {
      create();
    } else if (what < 10) {
      mkdir();
    } else if (what < 14) {
      rename();
    } else if (what < 19) {
      remove();
    } else {
      set_quota();
    }
    if (random_() % 4 == 0) rig_.state().reclaim_step(3);
    if (random_() % 50 == 0) next_volume();
  }

  void check() {
    std::map<std::string, std::int64_t> found{{"/", directory_size}};
    collect(rig_.state(), "/", found);
    BOOST_REQUIRE(found == twin_.entries());
    for (const auto& [path, limits] : twin_.quotas()) {
      const auto use = quota_use_of(rig_.state(), path, {});
      BOOST_REQUIRE_MESSAGE(use.has_value(), path);
      const quota below = twin_.use(path, false);
      BOOST_TEST((use->limits == limits));
      BOOST_TEST(use->below.files + use->below.directories == below.names);
      BOOST_TEST(use->below.bytes == below.bytes);
    }
    auto verified = rig_.state().names().verify();
    BOOST_REQUIRE_MESSAGE(verified.has_value(), test::why(verified));
    auto replayed = rig_.replay();
    BOOST_TEST(replayed->digest() == rig_.state().digest());
    BOOST_TEST(replayed->results().size() == rig_.state().results().size());
    for (state* s : {&rig_.state(), replayed.get()}) {
      const auto digests = chunk_digests(*s);
      for (std::size_t i = 0; i < digests.size(); ++i) {
        const auto slot = volume_slot(static_cast<std::uint32_t>(i));
        BOOST_TEST((digests[i] == s->volumes()[slot].info.digest));
      }
    }
  }

 private:
  std::string path() {
    std::string out;
    const unsigned depth = 1 + static_cast<unsigned>(random_() % 3);
    for (unsigned i = 0; i < depth; ++i) {
      out += '/';
      out += static_cast<char>('a' + random_() % 4);
    }
    return out;
  }
  // The same command twice: the answers must be equal.
  template <class Command>
  void expect(errc expected, Command&& command) {
    const auto first = command();
    const errc got = first ? errc{} : static_cast<errc>(first.error().code.value());
    BOOST_REQUIRE_MESSAGE(got == expected, "step " << sequence_ << ": " << test::why(first));
    if (random_() % 3 != 0) return;
    const auto again = command();
    BOOST_REQUIRE(again.has_value() == first.has_value());
    if (first && first->txid == again->txid) BOOST_TEST((*first == *again));
  }

  void create() {
    const std::string p = path();
    const bool overwrite = random_() % 2 == 0;
    const auto size = static_cast<std::uint32_t>(random_() % 3 * 50);
    errc expected = twin_.obstacle(p, true);
    const auto there = twin_.at(p);
    if (there) {
      expected =
          *there == directory_size ? errc::is_directory : (overwrite ? errc{} : errc::exists);
    }
    const auto old_size = static_cast<std::uint64_t>(std::max<std::int64_t>(there.value_or(0), 0));
    const std::uint64_t bytes = size > old_size ? size - old_size : 0;
    if (expected == errc{} && !twin_.has_room(p, {twin_.missing(p), bytes})) {
      expected = errc::quota_exceeded;
    }
    const chunk_key key = first_ + used_;
    expect(expected, [&] { return rig_.create(p, volume_, key, size, overwrite, op_); });
    if (expected == errc{}) {
      twin_.put(p, size);
      if (size != 0) ++used_;
    }
  }
  void mkdir() {
    const std::string p = path();
    const bool parents = random_() % 2 == 0;
    errc expected = twin_.obstacle(p, parents);
    const auto there = twin_.at(p);
    if (there) expected = parents && *there == directory_size ? errc{} : errc::exists;
    if (expected == errc{} && !twin_.has_room(p, {twin_.missing(p), 0})) {
      expected = errc::quota_exceeded;
    }
    expect(expected, [&] { return rig_.mkdir(p, parents, op_); });
    if (expected == errc{} && !there) twin_.put(p, directory_size);
  }
  void rename() {
    const std::string from = path();
    const std::string to = path();
    const bool overwrite = random_() % 2 == 0;
    errc expected = rename_result(from, to, overwrite);
    if (expected == errc{} && from != to && !twin_.has_room(to, {}, from)) {
      expected = errc::quota_exceeded;
    }
    expect(expected, [&] { return rig_.rename(from, to, overwrite, op_); });
    if (expected == errc{} && from != to) {
      twin_.erase(to);
      twin_.move(from, to);
    }
  }
  errc rename_result(const std::string& from, const std::string& to, bool overwrite) {
    const auto source = twin_.at(from);
    const auto target = twin_.at(to);
    if (!source)
      return twin_.obstacle(from, true) == errc::not_directory ? errc::not_directory
                                                               : errc::not_found;
    if (from == to) return errc{};
    if (*source == directory_size && to.starts_with(from + "/")) return errc::into_itself;
    if (!target) return twin_.obstacle(to, false);
    if (!overwrite) return errc::exists;
    if (*target == directory_size) return errc::is_directory;
    return *source == directory_size ? errc::not_directory : errc{};
  }
  void set_quota() {
    const std::string p = path();
    if (twin_.at(p) != std::optional(directory_size)) return;
    const quota limits{random_() % 8, random_() % 4 * 60};
    quota_request q;
    q.op = op_;
    q.path = p;
    q.names = limits.names;
    q.bytes = limits.bytes;
    expect(errc{}, [&] { return rig_.finish(make_quota(rig_.state(), q, rig_.context()), op_); });
    twin_.set_quota(p, limits);
  }
  void remove() {
    const std::string p = path();
    const bool recursive = random_() % 2 == 0;
    const bool skip = random_() % 2 == 0;
    const auto there = twin_.at(p);
    errc expected{};
    if (!there) {
      expected =
          twin_.obstacle(p, true) == errc::not_directory ? errc::not_directory : errc::not_found;
    } else if (!recursive && twin_.has_children(p)) {
      expected = errc::not_empty;
    }
    expect(expected, [&] { return rig_.remove(p, recursive, skip, op_); });
    if (expected == errc{}) twin_.erase(p);
  }
  // The volume is closed, what is due is reclaimed, and a new one takes its place.
  void next_volume() {
    rig_.close(volume_);
    rig_.advance(rig_.context().delete_grace_ms + 1000);
    for (std::size_t i = 0; i < rig_.state().volumes().size(); ++i) {
      const auto slot = volume_slot(static_cast<std::uint32_t>(i));
      const volume_id id = rig_.state().volumes()[slot].info.id;
      auto batch = make_reclaim(rig_.state(), id, rig_.context());
      BOOST_REQUIRE(batch.has_value());
      if (*batch) rig_.log_record(std::move(**batch));
    }
    rig_.log_record(make_mark(rig_.state(), rig_.context()));
    volume_ = rig_.add_volume();
    first_ = rig_.grant(volume_, 100'000);
    used_ = 0;
  }

  std::mt19937_64 random_;
  state_rig rig_;
  twin twin_;
  volume_id volume_;
  chunk_key first_ = 0;
  std::uint32_t used_ = 0;
  std::uint64_t sequence_ = 0;
  operation op_;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(state_model)

BOOST_AUTO_TEST_CASE(random_commands) {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    BOOST_TEST_CONTEXT("seed " << seed) {
      run r(seed);
      for (int i = 0; i < 2000; ++i) r.step();
      r.check();
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::meta
