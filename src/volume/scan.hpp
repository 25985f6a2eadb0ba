// Reads the records of a volume file one after the other and finds its way past damage.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "io/file.hpp"
#include "volume/needle.hpp"

#include <cstdint>
#include <vector>

namespace ssdfs::volume {

struct scanned_record {
  std::uint64_t offset = 0;
  record_header header;
  bool intact = true;  ///< content or payload matches its CRC (and table); not for `reserved`
  bytes_view payload;  ///< of records that are no chunks, valid during the call; else empty
};

struct scan_result {
  std::uint64_t end = 0;            ///< behind the last record: what follows is no record
  std::uint64_t damaged_bytes = 0;  ///< between records, skipped
  std::uint32_t damaged_ranges = 0;
};

/// Called for every record in order; false ends the scan early.
using record_sink = unique_function<bool(const scanned_record&)>;
/// Called for every range that was skipped.
using damage_sink = unique_function<void(std::uint64_t from, std::uint64_t to)>;

/// Scans [from, end) of `file`. Where no record starts although one should, searches on, 8 bytes a
/// step, for the next header that was written for its place; if there is none, the rest is a torn
/// tail. Content of chunks is read and verified. errc::io if the file cannot be read.
result<scan_result> scan(
    io::file& file, const header_seal& seal, std::uint64_t from, std::uint64_t end,
    record_sink on_record, damage_sink on_damage = [](std::uint64_t, std::uint64_t) {});

/// Reads one record at `offset`: its header and whether its content is intact. errc::damaged if
/// there is no header of this file. The payload is left empty.
result<scanned_record> read_record(io::file& file, const header_seal& seal, std::uint64_t offset,
                                   std::uint64_t end);

}  // namespace ssdfs::volume
