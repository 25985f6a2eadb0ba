// bench: loads a cluster and measures it.
#include "base/units.hpp"
#include "cli/bench_run.hpp"
#include "cli/bench_set.hpp"
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/remote.hpp"
#include "client/tools.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <cstdio>
#include <iostream>
#include <map>
#include <thread>

namespace ssdfs::cli {
namespace {

constexpr std::uint32_t largest_file = 64 << 20;

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

// What is true of the whole run.
struct setting {
  std::string op;
  std::uint64_t files = 0;
  std::size_t connections = 0;  // opened before the clock started, to all servers together
  double server_cpu_seconds = 0;
};

boost::json::object measurement_json(const setting& about, const measurement& m) {
  const histogram_summary& l = m.latency_us;
  const double mean = l.count == 0 ? 0 : static_cast<double>(l.sum) / static_cast<double>(l.count);
  boost::json::object latency{{"mean", mean}, {"p50", l.p50},   {"p95", l.p95},
                              {"p99", l.p99}, {"p999", l.p999}, {"max", l.max}};
  return {{"op", about.op},
          {"files", about.files},
          {"connections", about.connections},
          {"operations", m.operations},
          {"errors", m.errors},
          {"seconds", m.seconds},
          {"ops_per_s", static_cast<double>(m.operations) / m.seconds},
          {"mb_per_s", static_cast<double>(m.bytes) / 1e6 / m.seconds},
          {"cpu_seconds", m.cpu_seconds},
          {"server_cpu_seconds", about.server_cpu_seconds},
          {"latency_us", std::move(latency)}};
}

void print_text(const setting& about, const measurement& m) {
  const histogram_summary& l = m.latency_us;
  const double n = static_cast<double>(std::max<std::uint64_t>(m.operations, 1));
  std::printf("%s: %llu operations, %llu errors, %.3f s\n", about.op.c_str(),
              static_cast<unsigned long long>(m.operations),
              static_cast<unsigned long long>(m.errors), m.seconds);
  std::printf("%zu connections, opened before the clock started\n", about.connections);
  std::printf("%.0f ops/s, %.1f MB/s\n", n / m.seconds,
              static_cast<double>(m.bytes) / 1e6 / m.seconds);
  std::printf("latency us: mean %.0f, p50 %llu, p95 %llu, p99 %llu, p99.9 %llu, max %llu\n",
              static_cast<double>(l.sum) / n, static_cast<unsigned long long>(l.p50),
              static_cast<unsigned long long>(l.p95), static_cast<unsigned long long>(l.p99),
              static_cast<unsigned long long>(l.p999), static_cast<unsigned long long>(l.max));
  std::printf("CPU us an operation: client %.1f, servers %.1f\n", m.cpu_seconds * 1e6 / n,
              about.server_cpu_seconds * 1e6 / n);
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

// For calls that wait: the client's thread has to be another one meanwhile.
template <class Action>
auto meanwhile(boost::asio::io_context& io, Action action) {
  io.restart();
  const auto work = boost::asio::make_work_guard(io);
  std::thread runner([&] { io.run(); });
  auto outcome = action();
  io.stop();
  runner.join();
  io.restart();
  return outcome;
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
  setting about{.op = plan.op, .files = plan.files};
  const auto connected = meanwhile(io, [&] { return detail::connect_everywhere(store); });
  if (!connected) {
    print_error("bench", "", connected.error().message());
    return exit_failed;
  }
  about.connections = *connected;
  const double servers_before = meanwhile(io, [&] { return server_cpu_seconds(store); });
  const measurement m = run_load(io, store, plan, set);
  about.server_cpu_seconds =
      meanwhile(io, [&] { return server_cpu_seconds(store); }) - servers_before;
  if (line.json()) {
    print_json(measurement_json(about, m));
  } else {
    print_text(about, m);
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
