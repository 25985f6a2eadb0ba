#include "cli/bench_run.hpp"

#include "io/clock.hpp"

#include <boost/asio/post.hpp>

#include <sys/resource.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <functional>

namespace ssdfs::cli {
namespace {

double own_cpu_seconds() {
  rusage use{};
  ::getrusage(RUSAGE_SELF, &use);
  return static_cast<double>(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
         static_cast<double>(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
}

// Keeps a number of operations in flight: each that ends starts the next. All on one thread, which
// is the client's too, so that the benchmark itself costs little.
class load {
 public:
  using operation = std::function<void(std::uint64_t index, std::size_t slot)>;

  load(boost::asio::io_context& io, std::uint64_t count, std::size_t concurrency)
      : io_(io), count_(count), began_(concurrency) {}

  /// `start(index, slot)` begins operation `index`, which ends with finished(slot, ...).
  measurement run(operation start) {
    start_ = std::move(start);
    const double cpu_before = own_cpu_seconds();
    const std::int64_t began = io::steady_ns();
    const std::size_t slots = std::min<std::uint64_t>(began_.size(), count_);
    running_ = slots;
    boost::asio::post(io_, [this, slots] {
      for (std::size_t slot = 0; slot < slots; ++slot) next(slot);
    });
    io_.restart();
    while (running_ > 0) io_.run_one();
    result_.seconds = static_cast<double>(io::steady_ns() - began) / 1e9;
    result_.cpu_seconds = own_cpu_seconds() - cpu_before;
    result_.latency_us = latency_.summary();
    return std::move(result_);
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

  measurement run() { return load_.run(operation()); }

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

}  // namespace

measurement run_load(boost::asio::io_context& io, client& store, const bench_plan& plan,
                     const bench_set& files) {
  return bench_run(io, store, plan, files).run();
}

}  // namespace ssdfs::cli
