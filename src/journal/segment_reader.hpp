// Reads durable lines back out of the segments, for backups that are far behind.
#pragma once

#include "base/result.hpp"
#include "io/file.hpp"
#include "journal/log_position.hpp"
#include "journal/segments.hpp"

#include <array>
#include <cstdint>
#include <mutex>
#include <string>

namespace ssdfs::journal {

/// Remembers where its last reads ended, so that reading on needs no search. Thread-safe; one read
/// at a time, which blocks on the disk.
class segment_reader {
 public:
  segment_reader(io::file_system& fs, std::string directory)
      : fs_(fs), directory_(std::move(directory)) {}

  /// Lines from record `from` on, none behind `durable`, at most about `max_bytes` but at least
  /// one, all of one segment. not_found: no segment has `from`. damaged: a line is missing.
  result<log_lines> read(ssdfs::txid from, ssdfs::txid durable, std::size_t max_bytes);

 private:
  struct place {
    ssdfs::txid next;   ///< first record behind the last read
    ssdfs::txid first;  ///< of the segment
    std::uint64_t offset = 0;
  };
  result<log_lines> read_segment(const segment_name& segment, ssdfs::txid from, ssdfs::txid durable,
                                 std::size_t max_bytes);

  io::file_system& fs_;
  const std::string directory_;
  std::mutex mutex_;
  std::array<place, 4> places_;  ///< under mutex_
  std::size_t oldest_ = 0;       ///< under mutex_: the place to forget next
};

}  // namespace ssdfs::journal
