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
///
/// A segment begins as the spare file, an empty file of another name that prepare() makes ahead of
/// time: whoever finalizes a segment only when has_spare() needs no room for a new file then. A
/// spare is kept from one life of the log to the next.
///
/// Failures: after one that io::passes(), but for one of sync(), the same call made again goes on
/// where it failed, and nothing is lost. After any other the writer is in no defined state: it must
/// not be used again.
///
/// Single-threaded; calls block.
class log_writer {
 public:
  log_writer(io::file_system& fs, log_writer_options options)
      : fs_(fs), options_(std::move(options)) {}

  /// Makes the spare file, if there is none.
  result<void> prepare();
  [[nodiscard]] bool has_spare() const noexcept { return spare_ != nullptr; }

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
  [[nodiscard]] std::string spare_path() const;
  result<void> begin(ssdfs::txid first);
  result<void> extend(std::uint64_t needed);

  io::file_system& fs_;
  const log_writer_options options_;
  std::unique_ptr<io::file> spare_;
  std::unique_ptr<io::file> file_;
  std::string name_;
  bool named_ = false;       // the name in progress is durable
  bool finalizing_ = false;  // cut and synced, perhaps renamed: nothing may be written any more
  bool renamed_ = false;     // has its final name, which may not be durable
  ssdfs::txid first_;
  ssdfs::txid last_;
  std::uint64_t end_ = 0;        // of the lines
  std::uint64_t allocated_ = 0;  // of the zeros
};

}  // namespace ssdfs::journal
