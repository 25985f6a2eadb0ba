// Memory and speed of the namespace tree, in process. Prints one JSON object a line.
//
//   namespace_bench [--files N] [--files-per-dir K] [--order random|sorted|load]
//                   [--names counter|hash] [--prepare on|off] [--then all|lookup|remove|nothing]
//
// Fills a tree with files of 20-byte names below two levels of directories, by paths as a master
// does, then looks up, lists, renames and deletes, or does one of these (--then). Needs about 75
// bytes of memory a file.
#include "bench/measure.hpp"
#include "meta/tree.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <mutex>
#include <numeric>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

namespace {

using namespace ssdfs;
using namespace ssdfs::meta;
using namespace ssdfs::bench;

std::uint64_t scramble(std::uint64_t x) {
  x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ x >> 27) * 0x94d049bb133111ebULL;
  return x ^ x >> 31;
}

struct settings {
  std::uint64_t files = 10'000'000;
  std::uint64_t per_directory = 1'000;
  std::string order = "random";
  std::string names = "counter";
  std::string then = "all";
  bool prepare = true;

  [[nodiscard]] bool does(std::string_view what) const { return then == "all" || then == what; }
};

/// The n-th file's path, made without allocating: /p<3 digits>/a<6 digits>/<20 bytes>.
class paths {
 public:
  explicit paths(const settings& s) : settings_(s), hashed_(s.names == "hash") {}

  std::string_view operator()(std::uint64_t n) {
    const std::uint64_t directory = n / settings_.per_directory;
    put(directory_at, 6, directory);
    put(top_at, 3, directory / 1000 % 1000);
    if (hashed_) {
      std::uint64_t bits = scramble(n + 1);
      for (std::size_t i = 0; i < 16; ++i, bits >>= 4) {
        text_[name_at + i] = "0123456789abcdef"[bits & 15];
      }
    } else {
      put(name_at, 16, n);
    }
    return {text_.data(), text_.size()};
  }
  [[nodiscard]] std::string_view top() const { return view(top_at - 1, 4); }
  [[nodiscard]] std::string_view directory() const { return view(directory_at - 1, 7); }
  [[nodiscard]] std::string_view name() const { return view(name_at, 20); }

 private:
  static constexpr std::size_t top_at = 2;
  static constexpr std::size_t directory_at = 7;
  static constexpr std::size_t name_at = 14;

  [[nodiscard]] std::string_view view(std::size_t at, std::size_t n) const {
    return std::string_view(text_).substr(at, n);
  }
  void put(std::size_t at, std::size_t digits, std::uint64_t value) {
    for (std::size_t i = digits; i-- > 0; value /= 10) {
      text_[at + i] = static_cast<char>('0' + value % 10);
    }
  }

  settings settings_;
  bool hashed_;
  std::string text_ = "/p000/a000000/0000000000000000.jpg";
};

std::uint64_t anonymous_bytes() {
  std::uint64_t kib = 0;
  if (std::FILE* status = std::fopen("/proc/self/status", "r")) {
    char line[256];
    while (std::fgets(line, sizeof line, status) != nullptr) {
      if (std::strncmp(line, "RssAnon:", 8) == 0) kib = std::strtoull(line + 8, nullptr, 10);
    }
    std::fclose(status);
  }
  return kib * 1024;
}

void report_memory(const char* when, const tree& t, std::uint64_t files, std::uint64_t base) {
  const tree_memory m = t.memory();
  const auto each = [&](std::uint64_t bytes) {
    return static_cast<double>(bytes) / static_cast<double>(files);
  };
  std::printf(
      "{\"op\":\"memory %s\",\"records\":%.2f,\"nodes\":%.2f,\"texts\":%.2f,"
      "\"free\":%.2f,\"directories\":%.2f,\"total\":%.2f,\"rss\":%.2f}\n",
      when, each(m.records), each(m.nodes), each(m.texts), each(m.free), each(m.directories),
      each(m.total), each(anonymous_bytes() - base));
  std::fflush(stdout);
}

[[noreturn]] void fail(const char* what) {
  std::fprintf(stderr, "namespace_bench: %s\n", what);
  std::exit(1);
}

struct content {
  file_attributes attributes;
  std::array<chunk_ref, 1> chunks;

  explicit content(std::uint64_t n) {
    const auto mixed = static_cast<std::uint32_t>(scramble(n));
    chunks[0] = {
        {volume_slot(static_cast<std::uint32_t>(n >> 16)), static_cast<chunk_key>(n % 65'536 + 1)},
        mixed % 32'768 + 1,
        mixed};
    attributes = {chunks[0].size, mixed, 1'700'000'000'000, 0, 1, 2};
  }
};

/// As a commit does: follow the path, make what is missing of the parents, insert.
inode create(tree& t, std::string_view path, std::uint64_t n) {
  path_walk at = t.walk(path);
  for (;;) {
    const directory_id parent = t.directory_of(at.last);
    const std::size_t end = at.rest.find('/', 1);
    if (end == at.rest.npos) {
      const content c(n);
      auto made = t.insert_file(parent, at.rest.substr(1), c.attributes, c.chunks, &at.missing);
      if (!made) fail("a file could not be created");
      return *made;
    }
    auto made = t.insert_directory(parent, at.rest.substr(1, end - 1), {});
    if (!made) fail("a directory could not be created");
    at = {*made, at.rest.substr(end), {}};
  }
}

/// Prepares memory beside the thread that creates, as a master does.
class preparer {
 public:
  ~preparer() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  void submit(upcoming_memory memory) {
    if (memory.empty()) return;
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(memory);
    }
    changed_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return stopped_ || !queue_.empty(); });
      if (stopped_) return;
      const upcoming_memory memory = queue_.front();
      queue_.pop_front();
      lock.unlock();
      prepare(memory);
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<upcoming_memory> queue_;
  bool stopped_ = false;
  std::thread thread_{[this] { run(); }};
};

/// A permutation of [0, n) without memory: multiplication by a number prime to n.
class permutation {
 public:
  explicit permutation(std::uint64_t n) : n_(n), step_(n * 618 / 1000 | 1) {
    while (std::gcd(step_, n_) != 1) step_ += 2;
  }
  std::uint64_t operator()(std::uint64_t i) const {
    __extension__ using wide = unsigned __int128;
    return static_cast<std::uint64_t>(static_cast<wide>(scramble_low(i)) * step_ % n_);
  }

 private:
  // Swaps neighbouring blocks around so that the walk is not a plain stride.
  [[nodiscard]] std::uint64_t scramble_low(std::uint64_t i) const {
    const std::uint64_t block = i & ~std::uint64_t{1023};
    return block + 1023 < n_ ? block + (i * 389 + (scramble(block) & 1023)) % 1024 : i;
  }
  std::uint64_t n_;
  std::uint64_t step_;
};

/// Tells operations that took more than some milliseconds from those that another process
/// interrupted: the system counts how often it took the processor away from this thread.
class stalls {
 public:
  stalls(double per_ns, double limit_ms)
      : limit_ticks_(static_cast<std::uint64_t>(per_ns * limit_ms * 1e6)) {}

  /// Now and then, so that what is counted lies near to what it is blamed for.
  void look() { interruptions_ = interruptions(); }
  void add(std::uint64_t ticks) {
    if (ticks <= limit_ticks_) [[likely]]
      return;
    ++all_;
    const long now = interruptions();
    interrupted_ += now != std::exchange(interruptions_, now) ? 1 : 0;
  }
  void report(const char* op) const {
    std::printf("{\"op\":\"%s\",\"count\":%llu,\"interrupted\":%llu}\n", op,
                static_cast<unsigned long long>(all_),
                static_cast<unsigned long long>(interrupted_));
  }

 private:
  static long interruptions() {
    rusage usage{};
    ::getrusage(RUSAGE_THREAD, &usage);
    return usage.ru_nivcsw;
  }
  std::uint64_t limit_ticks_;
  std::uint64_t all_ = 0;
  std::uint64_t interrupted_ = 0;
  long interruptions_ = interruptions();
};

void fill_by_paths(tree& t, const settings& s) {
  paths path(s);
  const permutation mixed(s.files);
  const bool random = s.order == "random";
  const double per_ns = ticks_per_ns();
  latencies l(per_ns);
  stalls late(per_ns, 1);
  std::optional<preparer> helper;
  if (s.prepare) helper.emplace();
  const stopwatch watch;
  std::uint64_t before = __rdtsc();
  for (std::uint64_t i = 0; i < s.files; ++i) {
    const std::uint64_t n = random ? mixed(i) : i;
    create(t, path(n), n);
    if (helper && i % 1024 == 0) helper->submit(t.take_upcoming());
    const std::uint64_t now = __rdtsc();
    l.add(now - before);
    late.add(now - before);
    if (i % 64 == 0) late.look();
    before = now;
  }
  report_rate(random ? "create random" : "create in order", s.files, watch);
  report_latency("create", l);
  late.report("create over 1 ms");
}

void fill_by_loader(tree& t, const settings& s) {
  if (s.names != "counter") fail("--order load needs --names counter");
  paths path(s);
  tree_loader loader(t);
  const auto check = [](bool ok) {
    if (!ok) fail("the loader refused an entry");
  };
  const stopwatch watch;
  const std::uint64_t directories = (s.files + s.per_directory - 1) / s.per_directory;
  std::vector<directory_id> tops;
  std::vector<directory_id> all;
  std::uint32_t serial = 2;
  check(loader.open(root_directory).has_value());
  for (std::uint64_t d = 0; d < directories; d += 1000) {
    if (d % 1'000'000 != d) break;
    path(d * s.per_directory);
    tops.push_back(loader.add_directory(path.top(), {}, serial++).value());
  }
  for (std::uint64_t top = 0; top < tops.size(); ++top) {
    check(loader.open(tops[top]).has_value());
    for (std::uint64_t d = 0; d < directories; ++d) {
      if (d == 0) d = top * 1000;
      if (d / 1000 % 1000 != top || d >= directories) break;
      path(d * s.per_directory);
      all.push_back(loader.add_directory(path.directory(), {}, serial++).value());
    }
  }
  loader.set_next_serial(serial);
  std::uint64_t n = 0;
  for (const directory_id d : all) {
    check(loader.open(d).has_value());
    for (std::uint64_t i = 0; i < s.per_directory && n < s.files; ++i, ++n) {
      path(n);
      const content c(n);
      check(loader.add_file(path.name(), c.attributes, c.chunks).has_value());
    }
  }
  check(loader.finish().has_value());
  report_rate("load", n, watch);
}

/// Paths of files in random order, made a thousand at a time: what is measured is looking them up.
class asked_paths {
 public:
  static constexpr std::size_t size = 1024;

  explicit asked_paths(const settings& s) : path_(s), files_(s.files) {}

  std::span<const std::string_view> next() {
    for (std::size_t i = 0; i < size; ++i) {
      const std::string_view p = path_(scramble(++state_) % files_);
      std::memcpy(space_[i].data(), p.data(), p.size());
      views_[i] = {space_[i].data(), p.size()};
    }
    return views_;
  }

 private:
  paths path_;
  std::uint64_t files_;
  std::uint64_t state_ = 1;
  std::array<std::array<char, 40>, size> space_;
  std::array<std::string_view, size> views_;
};

/// Looks up some million paths, `step` of them by each call of lookup(paths).
template <class Lookup>
void measure_lookups(const char* op, const settings& s, std::size_t step, Lookup&& lookup) {
  asked_paths asked(s);
  const std::uint64_t count =
      std::max<std::uint64_t>(std::min<std::uint64_t>(s.files, 5'000'000) / asked_paths::size, 1);
  stopwatch watch;
  watch.pause();
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto paths = asked.next();
    watch.resume();
    for (std::size_t k = 0; k < paths.size(); k += step) lookup(paths.subspan(k, step));
    watch.pause();
  }
  report_rate(op, count * asked_paths::size, watch);
}

void look_up(const tree& t, const settings& s) {
  measure_lookups("lookup", s, 1, [&](std::span<const std::string_view> paths) {
    if (!t.lookup(paths.front())) fail("a file was not found");
  });
  constexpr std::size_t batch = 16;
  std::array<lookup_outcome, batch> outcomes;
  measure_lookups("lookup batched by 16", s, batch, [&](std::span<const std::string_view> paths) {
    t.lookup_many(paths, outcomes);
    for (const auto& o : outcomes) {
      if (o.entry == no_inode) fail("a file was not found in a batch");
    }
  });
}

std::uint64_t list_below(const tree& t, directory_id directory, std::uint64_t& bytes) {
  std::array<inode, 1000> page;
  std::string after;
  std::uint64_t seen = 0;
  while (const std::size_t n = t.list(directory, after, page)) {
    for (std::size_t i = 0; i < n; ++i) {
      if (i + 16 < n) t.prefetch(page[i + 16]);
      bytes += t.name(page[i]).size();
      if (t.is_directory(page[i])) {
        seen += list_below(t, t.directory_of(page[i]), bytes);
      } else {
        bytes += t.attributes(page[i]).size;
      }
    }
    seen += n;
    after = t.name(page[n - 1]);
    if (n < page.size()) break;
  }
  return seen;
}

void rename_some(tree& t, const settings& s) {
  paths path(s);
  const std::uint64_t count = std::min<std::uint64_t>(s.files, 1'000'000);
  std::uint64_t state = 77;
  const stopwatch watch;
  for (std::uint64_t i = 0; i < count / 2; ++i) {
    const std::string_view p = path(scramble(++state) % s.files);
    const inode entry = *t.lookup(p);
    const directory_id parent = t.parent_of(entry);
    if (!t.rename(entry, parent, "renamed-0000000000.jpg")) fail("rename failed");
    if (!t.rename(entry, parent, path.name())) fail("rename back failed");
  }
  report_rate("rename", count / 2 * 2, watch);
}

// Moves a tenth of all files below one directory and removes that.
void remove_subtree(tree& t, const settings& s) {
  paths path(s);
  const std::uint64_t directories = s.files / s.per_directory;
  const directory_id doomed = t.directory_of(*t.insert_directory(root_directory, "doomed", {}));
  for (std::uint64_t d = 0; d < directories / 10; ++d) {
    const std::string_view file = path(d * s.per_directory);
    const inode entry = *t.lookup(file.substr(0, file.rfind('/')));
    if (!t.rename(entry, doomed, path.directory())) fail("a directory could not be moved");
  }
  const std::uint64_t names = t.totals(doomed).files + t.totals(doomed).directories + 1;
  stopwatch watch;
  t.detach_subtree(t.inode_of(doomed));
  std::printf("{\"op\":\"detach subtree\",\"names\":%llu,\"us\":%.2f}\n",
              static_cast<unsigned long long>(names), watch.seconds() * 1e6);
  constexpr std::size_t budget = 2'000;  // as a master does
  std::vector<chunk_ref> freed;
  freed.reserve(budget);
  const double per_ns = ticks_per_ns();
  latencies steps(per_ns);
  stalls late(per_ns, 5);
  double longest = 0;
  watch = stopwatch();
  for (;;) {
    freed.clear();
    late.look();
    const stopwatch step;
    const std::uint64_t begin = __rdtsc();
    if (t.reclaim_step(budget, freed) == 0) break;
    const std::uint64_t ticks = __rdtsc() - begin;
    longest = std::max(longest, step.cpu_seconds());
    steps.add(ticks);
    late.add(ticks);
  }
  report_rate("reclaim", names, watch);
  report_latency("reclaim step", steps);
  late.report("reclaim step over 5 ms");
  std::printf("{\"op\":\"reclaim step, processor time\",\"max_us\":%.1f}\n", longest * 1e6);
}

settings parse(int argc, char** argv) {
  settings s;
  for (int i = 1; i + 1 < argc; i += 2) {
    const std::string_view key = argv[i];
    if (key == "--files") {
      s.files = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (key == "--files-per-dir") {
      s.per_directory = std::strtoull(argv[i + 1], nullptr, 10);
    } else if (key == "--order") {
      s.order = argv[i + 1];
    } else if (key == "--prepare") {
      s.prepare = std::string_view(argv[i + 1]) == "on";
    } else if (key == "--names") {
      s.names = argv[i + 1];
    } else if (key == "--then") {
      s.then = argv[i + 1];
    } else {
      fail("unknown option");
    }
  }
  const bool known = (s.order == "random" || s.order == "sorted" || s.order == "load") &&
                     (s.names == "counter" || s.names == "hash") &&
                     (s.does("lookup") || s.does("remove") || s.then == "nothing");
  if (argc % 2 == 0 || !known || s.files == 0 || s.per_directory == 0) {
    std::fprintf(stderr,
                 "usage: namespace_bench [--files N] [--files-per-dir K] "
                 "[--order random|sorted|load] [--names counter|hash] [--prepare on|off] "
                 "[--then all|lookup|remove|nothing]\n");
    std::exit(2);
  }
  return s;
}

}  // namespace

int main(int argc, char** argv) {
  const settings s = parse(argc, argv);
  const std::uint64_t base = anonymous_bytes();
  tree t;
  if (s.order == "load") {
    fill_by_loader(t, s);
  } else {
    fill_by_paths(t, s);
  }
  report_memory("filled", t, s.files, base);
  if (s.does("lookup")) look_up(t, s);
  if (s.then == "all") {
    std::uint64_t bytes = 0;
    const stopwatch watch;
    const std::uint64_t listed = list_below(t, root_directory, bytes);
    report_rate("list", listed, watch);
    rename_some(t, s);
    report_memory("renamed", t, s.files, base);
  }
  if (s.does("remove")) {
    remove_subtree(t, s);
    report_memory("after reclaim", t, s.files, base);
  }
  if (s.then == "all") {
    const stopwatch watch;
    settings again = s;
    again.files = s.files / 10;
    paths path(again);
    for (std::uint64_t n = 0; n < again.files / s.per_directory * s.per_directory; ++n) {
      create(t, path(n), n);
    }
    report_rate("create again", again.files, watch);
    report_memory("filled again", t, s.files, base);
  }
  return 0;
}
