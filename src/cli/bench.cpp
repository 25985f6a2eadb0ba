// bench: loads a cluster and measures it.
#include "base/histogram.hpp"
#include "base/units.hpp"
#include "cli/bench_set.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/remote.hpp"
#include "client/tools.hpp"
#include "io/clock.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <sys/resource.h>

#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <thread>

namespace ssdfs::cli {
namespace {

constexpr std::uint32_t largest_file = 64 << 20;

struct measurement {
  std::uint64_t operations = 0;
  std::uint64_t errors = 0;
  std::uint64_t bytes = 0;
  double seconds = 0;
  double cpu_seconds = 0;
  double server_cpu_seconds = 0;
  std::string first_error;
};

double own_cpu_seconds() {
  rusage use{};
  ::getrusage(RUSAGE_SELF, &use);
  return static_cast<double>(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
         static_cast<double>(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

double server_cpu_seconds(client& from) {
  const auto all = detail::all_server_statistics(from);
  if (!all) return 0;
  // Several roles may share one process; processes of two machines may share a number.
  std::map<std::pair<std::string, std::uint64_t>, double> by_process;
  for (const auto& s : *all) {
    if (s.ec) continue;
    by_process[{s.address.substr(0, s.address.rfind(':')), s.stats.process}] =
        static_cast<double>(s.stats.user_cpu_us + s.stats.system_cpu_us) / 1e6;
  }
  double sum = 0;
  for (const auto& [process, seconds] : by_process) sum += seconds;
  return sum;
}

// Keeps a number of operations in flight: each that ends starts the next. All on one thread, which
// is the client's too, so that the benchmark itself costs little.
class load {
 public:
  using operation = std::function<void(std::uint64_t index, std::size_t slot)>;

  load(boost::asio::io_context& io, std::uint64_t count, std::size_t concurrency)
      : io_(io), count_(count), began_(concurrency) {}

  /// `start(index, slot)` begins operation `index`, which ends with finished(slot, ...).
  void run(operation start) {
    start_ = std::move(start);
    const std::size_t slots = std::min<std::uint64_t>(began_.size(), count_);
    running_ = slots;
    boost::asio::post(io_, [this, slots] {
      for (std::size_t slot = 0; slot < slots; ++slot) next(slot);
    });
    io_.restart();
    while (running_ > 0) io_.run_one();
  }

  void finished(std::size_t slot, boost::system::error_code ec, std::uint64_t bytes,
                const std::string& detail) {
    latency_.record(static_cast<std::uint64_t>((io::steady_ns() - began_[slot]) / 1000));
    if (ec) {
      if (result_.errors++ == 0) result_.first_error = detail.empty() ? ec.message() : detail;
    } else {
      result_.bytes += bytes;
    }
    ++result_.operations;
    if (index_ < count_) return next(slot);
    --running_;
  }

  [[nodiscard]] measurement& result() noexcept { return result_; }
  [[nodiscard]] histogram_summary latency() const { return latency_.summary(); }

 private:
  void next(std::size_t slot) {
    began_[slot] = io::steady_ns();
    start_(index_++, slot);
  }

  boost::asio::io_context& io_;
  std::uint64_t count_;
  std::uint64_t index_ = 0;
  std::size_t running_ = 0;
  std::vector<std::int64_t> began_;
  operation start_;
  histogram latency_;
  measurement result_;
};

struct bench_plan {
  std::string op;
  std::uint64_t files = 10000;
  std::uint64_t there = 10000;  // files that an earlier run has stored, at most `files`
  std::size_t concurrency = 64;
  std::uint32_t read_percent = 90;
  std::string directory = "/bench";
};

// The operations. Each object lives until its load has ended.
class bench_run {
 public:
  bench_run(boost::asio::io_context& io, client& store, const bench_plan& plan,
            const bench_set& files)
      : client_(store),
        plan_(plan),
        files_(files),
        load_(io, operations(plan), plan.concurrency),
        diagnostics_(plan.concurrency) {}

  void run() {
    const auto start = operation();
    load_.run(start);
  }
  [[nodiscard]] load& measured() noexcept { return load_; }

 private:
  using index = std::uint64_t;

  static index operations(const bench_plan& plan) {
    if (plan.op == "meta ls") return std::max<index>(plan.files / 1000, 1000);
    // What goes away can be used once only, what is moved there and back twice.
    if (plan.op == "delete" || plan.op == "meta delete") return plan.there;
    if (plan.op == "meta rename") return std::min(plan.files, 2 * plan.there);
    return plan.files;
  }

  load::operation operation() {
    const std::string& op = plan_.op;
    if (op == "put") return [this](index i, std::size_t s) { put(i, s, files_.path(i)); };
    if (op == "get") return [this](index i, std::size_t s) { get(random(i), s); };
    if (op == "mixed") return [this](index i, std::size_t s) { mixed(i, s); };
    if (op == "delete") return [this](index i, std::size_t s) { remove(files_.path(i), s); };
    if (op == "meta create") return [this](index i, std::size_t s) { create(i, s); };
    if (op == "meta stat") return [this](index i, std::size_t s) { stat(random(i), s); };
    if (op == "meta ls") return [this](index i, std::size_t s) { list(i, s); };
    if (op == "meta rename") return [this](index i, std::size_t s) { rename(i, s); };
    return [this](index i, std::size_t s) { remove(meta_path(i), s); };
  }

  // Some file of those that are there: goes round when there are fewer than operations.
  [[nodiscard]] index random(index i) const { return bench_hash(i ^ 0x5eed) % plan_.there; }

  [[nodiscard]] std::string meta_path(index i) const {
    char text[48];
    std::snprintf(text, sizeof text, "/meta/%04llu/%07llu",
                  static_cast<unsigned long long>(i / 1000), static_cast<unsigned long long>(i));
    return plan_.directory + text;
  }

  void end(std::size_t slot, boost::system::error_code ec, std::uint64_t bytes) {
    std::string detail;
    if (ec) {
      const auto& d = diagnostics_[slot];
      detail = d.path + ": " + (d.message.empty() ? ec.message() : d.message);
    }
    load_.finished(slot, ec, bytes, detail);
  }

  void put(index i, std::size_t slot, std::string path) {
    const bytes_view content = files_.content(i);
    put_options options;
    options.overwrite = true;
    options.diag = &diagnostics_[slot];
    client_.async_put(
        std::move(path), boost::asio::buffer(content.data(), content.size()), std::move(options),
        [this, slot, n = content.size()](boost::system::error_code ec, const mutation_result&) {
          end(slot, ec, n);
        });
  }

  void get(index i, std::size_t slot) {
    get_options options;
    options.diag = &diagnostics_[slot];
    client_.async_get(
        files_.path(i), options,
        [this, slot, i](boost::system::error_code ec, const file_content& content) {
          const bytes_view expected = files_.content(i);
          if (!ec && (content.size() != expected.size() ||
                      std::memcmp(content.bytes().data(), expected.data(), expected.size()) != 0)) {
            ec = make_error_code(errc::checksum);
            diagnostics_[slot].message = "wrong content";
          }
          end(slot, ec, content.size());
        });
  }

  void mixed(index i, std::size_t slot) {
    if (bench_hash(i ^ 0x3a17) % 100 < plan_.read_percent) return get(random(i), slot);
    put(i, slot, files_.root() + "/mixed/" + std::to_string(i / 1000) + "/" + std::to_string(i));
  }

  void create(index i, std::size_t slot) {
    put_options options;
    options.overwrite = true;
    options.diag = &diagnostics_[slot];
    client_.async_put(
        meta_path(i), boost::asio::const_buffer(), std::move(options),
        [this, slot](boost::system::error_code ec, const mutation_result&) { end(slot, ec, 0); });
  }

  void stat(index i, std::size_t slot) {
    stat_options options;
    options.diag = &diagnostics_[slot];
    client_.async_stat(
        meta_path(i), options,
        [this, slot](boost::system::error_code ec, const file_status&) { end(slot, ec, 0); });
  }

  void list(index i, std::size_t slot) {
    list_options options;
    options.diag = &diagnostics_[slot];
    const index directories = (plan_.there + 999) / 1000;
    const std::string path = meta_path(bench_hash(i) % directories * 1000);
    client_.async_list(
        path.substr(0, path.rfind('/')), options,
        [this, slot](boost::system::error_code ec, const list_page&) { end(slot, ec, 0); });
  }

  // There and back: the second half of the operations undoes the first.
  void rename(index i, std::size_t slot) {
    const index half = (operations(plan_) + 1) / 2;
    const bool back = i >= half;
    const std::string plain = meta_path(back ? i - half : i);
    rename_options options;
    options.diag = &diagnostics_[slot];
    client_.async_rename(
        back ? plain + ".moved" : plain, back ? plain : plain + ".moved", options,
        [this, slot](boost::system::error_code ec, const mutation_result&) { end(slot, ec, 0); });
  }

  void remove(std::string path, std::size_t slot) {
    remove_options options;
    options.skip_trash = true;
    options.diag = &diagnostics_[slot];
    client_.async_remove(
        std::move(path), options,
        [this, slot](boost::system::error_code ec, const mutation_result&) { end(slot, ec, 0); });
  }

  client& client_;
  const bench_plan& plan_;
  const bench_set& files_;
  load load_;
  std::vector<diagnostics> diagnostics_;
};

boost::json::object to_json(const std::string& op, std::uint64_t files, const measurement& m,
                            const histogram_summary& l) {
  const double mean = l.count == 0 ? 0 : static_cast<double>(l.sum) / static_cast<double>(l.count);
  boost::json::object latency{{"mean", mean}, {"p50", l.p50},   {"p95", l.p95},
                              {"p99", l.p99}, {"p999", l.p999}, {"max", l.max}};
  return {{"op", op},
          {"files", files},
          {"operations", m.operations},
          {"errors", m.errors},
          {"seconds", m.seconds},
          {"ops_per_s", static_cast<double>(m.operations) / m.seconds},
          {"mb_per_s", static_cast<double>(m.bytes) / 1e6 / m.seconds},
          {"cpu_seconds", m.cpu_seconds},
          {"server_cpu_seconds", m.server_cpu_seconds},
          {"latency_us", std::move(latency)}};
}

void print_text(const std::string& op, const measurement& m, const histogram_summary& l) {
  const double n = static_cast<double>(std::max<std::uint64_t>(m.operations, 1));
  std::printf("%s: %llu operations, %llu errors, %.3f s\n", op.c_str(),
              static_cast<unsigned long long>(m.operations),
              static_cast<unsigned long long>(m.errors), m.seconds);
  std::printf("%.0f ops/s, %.1f MB/s\n", n / m.seconds,
              static_cast<double>(m.bytes) / 1e6 / m.seconds);
  std::printf("latency us: mean %.0f, p50 %llu, p95 %llu, p99 %llu, p99.9 %llu, max %llu\n",
              static_cast<double>(l.sum) / n, static_cast<unsigned long long>(l.p50),
              static_cast<unsigned long long>(l.p95), static_cast<unsigned long long>(l.p99),
              static_cast<unsigned long long>(l.p999), static_cast<unsigned long long>(l.max));
  std::printf("CPU us an operation: client %.1f, servers %.1f\n", m.cpu_seconds * 1e6 / n,
              m.server_cpu_seconds * 1e6 / n);
}

// What an earlier run left is removed before the clock starts.
boost::system::error_code clear(boost::asio::io_context& io, client& store,
                                const std::string& path) {
  boost::system::error_code outcome;
  bool done = false;
  remove_options options;
  options.recursive = true;
  options.skip_trash = true;
  store.async_remove(path, options, [&](boost::system::error_code ec, const mutation_result&) {
    outcome = ec == errc::not_found ? boost::system::error_code() : ec;
    done = true;
  });
  io.restart();
  while (!done) io.run_one();
  return outcome;
}

// Files below a path; 0 if that cannot be told, which the operations will say better.
std::uint64_t files_below(boost::asio::io_context& io, client& store, const std::string& path) {
  std::uint64_t files = 0;
  bool done = false;
  store.async_summary(path, [&](boost::system::error_code ec, const content_summary& totals) {
    if (!ec) files = totals.files;
    done = true;
  });
  io.restart();
  while (!done) io.run_one();
  return files;
}

// The statistics' calls wait, so the client's thread has to be another one meanwhile.
double server_cpu(boost::asio::io_context& io, client& store) {
  io.restart();
  const auto work = boost::asio::make_work_guard(io);
  std::thread runner([&] { io.run(); });
  const double seconds = server_cpu_seconds(store);
  io.stop();
  runner.join();
  io.restart();
  return seconds;
}

}  // namespace

int run_bench(const std::vector<std::string>& arguments) {
  command_line line("bench",
                    "put|get|mixed|delete|meta [--op create|stat|ls|rename|delete] [--files N] "
                    "[--size BYTES|mix] [--concurrency C] [--connections K] [--read-percent P] "
                    "[--dir DIR]",
                    "Loads a cluster and measures it.", {1, 1});
  line.value("op", "create|stat|ls|rename|delete", "operation of 'meta'", "create")
      .value("files", "N", "files", "10000")
      .value("size", "BYTES|mix", "bytes of a file, or the mix of a shop's pictures", "4096")
      .value("concurrency", "C", "operations in flight", "64")
      .value("connections", "K", "connections to each server (default: as the library does)")
      .value("read-percent", "P", "share of reads of 'mixed'", "90")
      .value("dir", "DIR", "where the files are", "/bench");
  if (!line.parse(arguments)) return line.exit_code();
  bench_plan plan;
  plan.op = line.arguments().front();
  const std::string meta_op = line.text("op");
  const auto one_of = [](const std::string& text, std::initializer_list<const char*> words) {
    return std::any_of(words.begin(), words.end(), [&](const char* w) { return text == w; });
  };
  if (!one_of(plan.op, {"put", "get", "mixed", "delete", "meta"})) {
    return line.usage_error("'" + plan.op + "' is none of put, get, mixed, delete and meta");
  }
  if (plan.op == "meta") {
    if (!one_of(meta_op, {"create", "stat", "ls", "rename", "delete"})) {
      return line.usage_error("option op: none of create, stat, ls, rename and delete");
    }
    plan.op += " " + meta_op;
  }
  const auto files = line.integer("files", 1, 1'000'000'000);
  const auto concurrency = line.integer("concurrency", 1, 100'000);
  const auto percent = line.integer("read-percent", 0, 100);
  if (!files || !concurrency || !percent) return line.exit_code();
  const bool mix = line.text("size") == "mix";
  std::uint64_t size = 0;
  if (!mix) {
    const auto given = line.size("size");
    if (!given) return line.exit_code();
    size = *given;
    if (size > largest_file) return line.usage_error("option size: at most 64MiB");
  }
  plan.files = plan.there = static_cast<std::uint64_t>(*files);
  plan.concurrency = static_cast<std::size_t>(*concurrency);
  plan.read_percent = static_cast<std::uint32_t>(*percent);
  plan.directory = trim_path(line.text("dir"));
  auto config = session::config_of(line);
  if (!config) return line.exit_code();
  if (line.has("connections")) {
    const auto connections = line.integer("connections", 1, 10'000);
    if (!connections) return line.exit_code();
    config->connections_per_server = static_cast<std::size_t>(*connections);
  }

  boost::asio::io_context io(1);
  client store(io.get_executor(), *config);
  const bench_set set(plan.directory, mix, static_cast<std::uint32_t>(size));
  if (plan.op == "put" || plan.op == "meta create") {
    const auto ec = clear(io, store, plan.op == "put" ? set.root() : plan.directory + "/meta");
    if (ec) {
      print_error("bench", plan.directory, ec.message());
      return exit_failed;
    }
  } else {
    // "mixed" writes into a directory of its own, which nothing reads.
    const bool meta = plan.op.starts_with("meta");
    std::uint64_t there = files_below(io, store, meta ? plan.directory + "/meta" : set.root());
    if (!meta) there -= std::min(there, files_below(io, store, set.root() + "/mixed"));
    if (there > 0) plan.there = std::min(plan.files, there);
  }
  const double servers_before = server_cpu(io, store);
  bench_run run(io, store, plan, set);
  const double own_before = own_cpu_seconds();
  const std::int64_t began = io::steady_ns();
  run.run();
  measurement& m = run.measured().result();
  m.seconds = static_cast<double>(io::steady_ns() - began) / 1e9;
  m.cpu_seconds = own_cpu_seconds() - own_before;
  m.server_cpu_seconds = server_cpu(io, store) - servers_before;
  const auto latency = run.measured().latency();
  if (line.json()) {
    print_json(to_json(plan.op, plan.files, m, latency));
  } else {
    print_text(plan.op, m, latency);
  }
  bool closed = false;
  store.async_close([&] { closed = true; });
  io.restart();
  while (!closed) io.run_one();
  if (m.errors == 0) return exit_done;
  print_error("bench", "", "first error: " + m.first_error);
  return exit_failed;
}

}  // namespace ssdfs::cli
