// Logs to test on: records, segments by hand, and a journal whose callbacks can be awaited.
#pragma once

#include "journal/journal.hpp"
#include "journal/log_writer.hpp"
#include "journal/recovery.hpp"
#include "meta/record_codec.hpp"
#include "meta/records.hpp"
#include "util/sim_files.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <condition_variable>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace ssdfs::test {

inline const std::string log_dir = "/edits";

/// Record `id` of every log here: START for 1, else a directory named after it.
class sample_record {
 public:
  explicit sample_record(std::uint64_t id) : path_("/d" + std::to_string(id)) {
    r.txid = txid(id);
    r.time_ms = 1'700'000'000'000 + static_cast<std::int64_t>(id);
    if (id == 1) {
      r.body = meta::start_record{epoch_t(1), {}, {}, {}};
    } else {
      r.body = meta::mkdir_record{path_, 0, 0755, "root", "root"};
    }
  }
  sample_record(const sample_record&) = delete;
  meta::record r;

 private:
  std::string path_;
};

/// Batches of records as lines: batch(n) gives the next n records, the first of which says that
/// everything before is durable.
class line_maker {
 public:
  std::string batch(std::size_t n) {
    meta::text_buffer out;
    for (std::size_t i = 0; i < n; ++i) {
      sample_record s(++last);
      if (i == 0) s.r.durable = txid(last - 1);
      chain = meta::encode_line(s.r, chain, out);
    }
    return std::string(out.view());
  }
  /// Several batches, one behind the other.
  std::string batches(std::initializer_list<std::size_t> sizes) {
    std::string out;
    for (const std::size_t n : sizes) out += batch(n);
    return out;
  }
  std::uint64_t last = 0;
  std::uint32_t chain = 0;
};

inline std::vector<std::byte> to_bytes(std::string_view text) {
  const auto* at = reinterpret_cast<const std::byte*>(text.data());
  return {at, at + text.size()};
}
inline std::string to_text(const std::vector<std::byte>& bytes) {
  return std::string(as_chars(bytes));
}

/// What recovery finds: the txids that it replays, in order.
struct replayed {
  result<journal::recovery_report> report;
  std::vector<std::uint64_t> ids;
};
inline replayed recover_log(io::file_system& fs, journal::log_position start = {}) {
  std::vector<std::uint64_t> ids;
  journal::recovery_options options;
  options.directory = log_dir;
  options.start = start;
  auto report = journal::recover(fs, std::move(options),
                                 [&](const meta::record& r, std::uint32_t) -> result<void> {
                                   ids.push_back(r.txid.value);
                                   return {};
                                 });
  return {std::move(report), std::move(ids)};
}

/// True if `ids` is 1, 2, ..., n.
inline bool counts_to(const std::vector<std::uint64_t>& ids, std::uint64_t n) {
  if (ids.size() != n) return false;
  for (std::uint64_t i = 0; i < n; ++i) {
    if (ids[i] != i + 1) return false;
  }
  return true;
}

/// A journal and what its callbacks said.
class journal_rig {
 public:
  explicit journal_rig(io::file_system& fs, journal::log_position end = {},
                       std::uint64_t segment_bytes = 4096) {
    journal::journal_options options;
    options.directory = log_dir;
    options.segment_bytes = segment_bytes;
    options.preallocate_bytes = 1024;
    options.reserve_bytes = 0;
    options.recent_bytes = 2048;
    options.patience = {.limit_ms = 300, .pause_ms = 1};
    last = end.last.value;
    start(fs, std::move(options), end);
  }
  journal_rig(io::file_system& fs, journal::journal_options options) {
    start(fs, std::move(options), {});
  }
  ~journal_rig() { log.reset(); }

  /// Appends the next record; false if the journal refuses.
  bool append() {
    sample_record s(last + 1);
    if (!log->append(s.r)) return false;
    ++last;
    return true;
  }
  /// Waits until `id` is durable; false if the log failed first.
  bool wait_durable(std::uint64_t id) {
    std::unique_lock lock(mutex_);
    const bool in_time = changed_.wait_for(lock, std::chrono::seconds(20),
                                           [&] { return durable_ >= id || failed_; });
    BOOST_REQUIRE(in_time);
    return durable_ >= id;
  }
  /// Appends `n` records and waits for them.
  bool write(std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
      if (!append()) return false;
    }
    log->flush();
    return wait_durable(last);
  }
  std::uint64_t durable() {
    const std::lock_guard lock(mutex_);
    return durable_;
  }
  bool failed() {
    const std::lock_guard lock(mutex_);
    return failed_;
  }

  std::uint64_t last = 0;
  std::unique_ptr<journal::journal> log;

 private:
  void start(io::file_system& fs, journal::journal_options options, journal::log_position end) {
    durable_ = end.last.value;
    journal::journal::callbacks on;
    on.on_durable = [this](txid id) {
      const std::lock_guard lock(mutex_);
      durable_ = id.value;
      changed_.notify_all();
    };
    on.on_failed = [this](failure) {
      const std::lock_guard lock(mutex_);
      failed_ = true;
      changed_.notify_all();
    };
    auto started = journal::journal::start(fs, std::move(options), end, std::move(on));
    BOOST_REQUIRE(started.has_value());
    log = std::move(*started);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t durable_ = 0;
  bool failed_ = false;
};

}  // namespace ssdfs::test
