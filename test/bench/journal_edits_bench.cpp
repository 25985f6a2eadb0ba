// How fast edit records are encoded, parsed, applied, checked as commands and made durable.
//
//   bench_journal_edits [RECORDS [DIRECTORY]]
//
// RECORDS, a million by default, is a multiple of 1,000.
// The last line writes batches to DIRECTORY (default: the current one) and needs a real disk to
// mean something.
#include "io/clock.hpp"
#include "journal/journal.hpp"
#include "meta/commands.hpp"
#include "meta/record_codec.hpp"
#include "meta/state.hpp"

#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

namespace {

using namespace ssdfs;

constexpr std::uint32_t keys_per_grant = meta::max_grant_keys;

double seconds_since(std::int64_t begin_ns) {
  return static_cast<double>(io::steady_ns() - begin_ns) / 1e9;
}
void report(const char* what, std::size_t n, double seconds) {
  std::printf("{\"op\":\"%s\",\"count\":%zu,\"seconds\":%.3f,\"per_s\":%.0f}\n", what, n, seconds,
              static_cast<double>(n) / seconds);
  std::fflush(stdout);
}
void report_value(const char* what, double value) {
  std::printf("{\"op\":\"%s\",\"value\":%.1f}\n", what, value);
}

void must(bool ok, const char* what) {
  if (!ok) {
    std::fprintf(stderr, "bench_journal_edits: %s failed\n", what);
    std::exit(1);
  }
}

client_id writer() {
  client_id out;
  out.value.data[3] = 7;
  return out;
}

// A master's strand: commands, encoding, applying.
struct strand {
  meta::state state;
  meta::context context;
  meta::text_buffer log;
  volume_id volume;
  chunk_key next = 0;
  chunk_key end = 0;

  void change(meta::record r) {
    const std::uint32_t crc = meta::encode_line(r, state.chain(), log);
    must(state.apply(r, crc).has_value(), "apply");
  }
  void begin() {
    cluster_id cluster;
    cluster.value.data[0] = 1;
    context.now_ms = context.wall_ms = io::wall_ms();
    change(*meta::make_start(state, {{}, cluster}, context));
  }
  chunk_key key() {
    if (next == end) {
      const node_id members[] = {node_id()};
      volume = state.next_volume();
      change(*meta::make_add_volume(state, members, 2, context));
      change(*meta::make_grant(state, {volume, keys_per_grant, 1, writer()}, context));
      next = 1;
      end = next + keys_per_grant;
    }
    return next++;
  }
};

std::string path_of(std::size_t i) {
  char text[64];
  std::snprintf(text, sizeof text, "/image/product/%06zu/photo-%010zu.jpg", i / 1000, i);
  return text;
}

// Creates n files, in the order of their names or scattered over all directories.
void commands(strand& s, std::size_t n, bool scattered) {
  const client_id client = writer();
  const std::int64_t begin = io::steady_ns();
  for (std::size_t i = 0; i < n; ++i) {
    const std::string path = path_of(scattered ? i * 2'654'435'761 % n : i);
    meta::chunk_claim chunk{s.volume, s.key(), 17'000, 0x1a2b3c4d, 1};
    chunk.volume = s.volume;
    meta::create_request q;
    q.op = {client, i + 1, i > 256 ? i - 255 : 1};
    q.session = client;
    q.path = path;
    q.size = chunk.size;
    q.crc32c = chunk.crc32c;
    q.by = {"shop", "shop"};
    q.content_type = "image/jpeg";
    q.chunks = {&chunk, 1};
    auto d = meta::make_create(s.state, q, s.context);
    must(d && !d->answered, "make_create");
    s.change(std::move(d->change));
  }
  report(scattered ? "edit: scattered create" : "edit: create, check, encode, apply", n,
         seconds_since(begin));
  report_value("bytes of an edit", static_cast<double>(s.log.size()) / static_cast<double>(n));
}

template <class Each>
std::size_t for_each_line(std::string_view log, Each&& each) {
  std::size_t n = 0;
  while (!log.empty()) {
    const std::size_t end = log.find('\n');
    each(log.substr(0, end));
    log.remove_prefix(end + 1);
    ++n;
  }
  return n;
}

void codec(std::string_view log) {
  meta::line_parser parser;
  meta::record r;
  std::uint32_t chain = 0;
  std::int64_t begin = io::steady_ns();
  const std::size_t n = for_each_line(log, [&](std::string_view line) {
    auto crc = parser.parse(line, chain, r);
    must(crc.has_value(), "parse");
    chain = *crc;
  });
  report("edit: parse", n, seconds_since(begin));

  double encoding = 0;
  meta::text_buffer out;
  const std::string_view tenth = log.substr(0, log.find('\n', log.size() / 10) + 1);
  const std::size_t encoded = for_each_line(tenth, [&](std::string_view line) {
    must(parser.parse_unchecked(line, r).has_value(), "parse");
    const std::int64_t from = io::steady_ns();
    for (int i = 0; i < 16; ++i) {
      out.clear();
      chain = meta::encode_line(r, chain, out);
    }
    encoding += seconds_since(from) / 16;
  });
  report("edit: encode", encoded, encoding);
}

void replay(const char* what, std::string_view log) {
  meta::line_parser parser;
  meta::record r;
  auto twin = std::make_unique<meta::state>();
  const std::int64_t begin = io::steady_ns();
  const std::size_t n = for_each_line(log, [&](std::string_view line) {
    auto crc = parser.parse(line, twin->chain(), r);
    must(crc && twin->apply(r, *crc), "replay");
  });
  report(what, n, seconds_since(begin));
}

void durable(const std::string& directory, std::size_t n) {
  journal::journal_options options;
  options.directory = directory;
  options.reserve_bytes = 0;
  std::atomic<std::uint64_t> done{0};
  std::atomic<std::size_t> batches{0};
  journal::journal::callbacks on;
  on.on_durable = [&](txid id) {
    ++batches;
    done.store(id.value);
    done.notify_all();
  };
  on.on_failed = [](failure) { std::exit(1); };
  auto log = journal::journal::start(io::system_files(), options, {}, std::move(on));
  must(log.has_value(), "journal");
  const std::string path = "/image/product/000000/photo-0000000000.jpg";
  constexpr std::uint64_t in_flight = 256;
  const std::int64_t begin = io::steady_ns();
  for (std::uint64_t id = 1; id <= n; ++id) {
    meta::record r;
    r.txid = txid(id);
    r.time_ms = 1'700'000'000'000;
    auto& body = r.body.emplace<meta::create_record>();
    body.path = path;
    body.chunks.push_back({volume_id(1), 1, 17'000, {}});
    must((*log)->append(r).has_value(), "append");
    if (id % 64 == 0) (*log)->flush();
    for (std::uint64_t seen = done; id - seen >= in_flight; seen = done) done.wait(seen);
  }
  must((*log)->stop().has_value(), "stop");
  report("edits durable, 256 in flight", n, seconds_since(begin));
  report_value("edits a sync", static_cast<double>(n) / static_cast<double>(batches));
}

}  // namespace

int main(int argc, char** argv) {
  const std::size_t n = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 1'000'000;
  const std::string directory = argc > 2 ? argv[2] : ".";
  if (n < 1000 || n % 1000 != 0) {
    std::fprintf(stderr, "usage: bench_journal_edits [RECORDS [DIRECTORY]]\n");
    return 2;
  }
  auto s = std::make_unique<strand>();
  s->begin();
  commands(*s, n, false);
  codec(s->log.view());
  replay("edit: replay, parse and apply", s->log.view());
  s = std::make_unique<strand>();
  s->begin();
  commands(*s, n, true);
  replay("edit: scattered replay", s->log.view());
  s.reset();
  durable(directory, n / 10);
  return 0;
}
