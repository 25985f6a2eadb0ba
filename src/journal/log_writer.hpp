// The writing end of the segments: what the journal's thread does, call by call, without a thread.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "io/file.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace ssdfs::journal {

struct log_writer_options {
  std::string directory;
  std::uint64_t segment_bytes = 0;
  std::uint64_t preallocate_bytes = 0;
};

/// Appends to the segment in progress.
///
/// Operation: the file is made, and its name synced, with the first write, so an idle log has no
/// empty segment. Zeros are written ahead in steps, because a sync that must not change the file's
/// length or allocation is nearly twice as fast; they are cut off when the segment is finalized.
/// A failure leaves the writer in no defined state: it must not be used again.
///
/// Single-threaded; calls block.
class log_writer {
 public:
  log_writer(io::file_system& fs, log_writer_options options)
      : fs_(fs), options_(std::move(options)) {}

  /// Writes whole lines whose first record is `first` and whose last is `last`. Durable only after
  /// sync().
  result<void> write(std::string_view lines, ssdfs::txid first, ssdfs::txid last);
  result<void> sync();
  /// True if the segment has reached its size.
  [[nodiscard]] bool full() const noexcept { return file_ && end_ >= options_.segment_bytes; }
  /// Cuts the zeros, syncs, gives the segment its final name, syncs the directory. Nothing if no
  /// segment is in progress. Everything in it must be synced.
  result<void> finalize();

  /// True until the first write behind a finalize().
  [[nodiscard]] bool idle() const noexcept { return !file_; }

 private:
  result<void> begin(ssdfs::txid first);
  result<void> extend(std::uint64_t needed);

  io::file_system& fs_;
  const log_writer_options options_;
  std::unique_ptr<io::file> file_;
  std::string name_;
  ssdfs::txid first_;
  ssdfs::txid last_;
  std::uint64_t end_ = 0;        // of the lines
  std::uint64_t allocated_ = 0;  // of the zeros
};

}  // namespace ssdfs::journal
