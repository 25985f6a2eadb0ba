// Looking at volume files offline: dump, verify, rebuild of the index. For the command line; the
// datanode must not have the file open.
#pragma once

#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "base/volume_info.hpp"
#include "io/file.hpp"

#include <boost/describe/class.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace ssdfs::volume {

/// First line of a dump.
struct dump_head {
  std::uint32_t format = 0;
  std::uint64_t volume = 0;
  std::string cluster;
  std::uint64_t salt = 0;
  std::uint64_t file_bytes = 0;
};
BOOST_DESCRIBE_STRUCT(dump_head, (), (format, volume, cluster, salt, file_bytes))

/// One record, or a range that holds none.
struct dump_record {
  std::uint64_t offset = 0;
  std::string kind;          ///< data, reserved, removals, state, tombstone, revive, damage, torn
  std::uint64_t bytes = 0;   ///< in the file, header and padding included
  std::uint32_t key = 0;     ///< of chunks
  std::uint32_t size = 0;    ///< of content or payload
  std::uint32_t crc32c = 0;  ///< of content or payload
  bool intact = true;        ///< content or payload matches its CRC
  bool live = false;         ///< it is what a read of its key returns
  std::uint64_t number = 0;  ///< of removals; milliseconds since 1970 of tombstones
  bool settled = false;      ///< a tombstone whose chunks may go then without an operator's word
  std::vector<std::uint32_t> keys;  ///< of removals, tombstone, revive
  std::string state;                ///< of state records: open, sealed, recovering
  std::uint32_t generation = 0;     ///< of state records
};
BOOST_DESCRIBE_STRUCT(dump_record, (),
                      (offset, kind, bytes, key, size, crc32c, intact, live, number, settled, keys,
                       state, generation))

/// Calls `on_head` once and `on_record` for everything in the file, in order; on_record ends the
/// dump by returning false. Changes nothing. errc::damaged if the file has no superblock.
result<void> dump(io::file_system& fs, const std::string& path,
                  unique_function<void(const dump_head&)> on_head,
                  unique_function<bool(const dump_record&)> on_record);

/// What verify found; `problems` is empty for a file in good order.
struct verify_report {
  std::uint64_t volume = 0;
  std::string state;
  std::uint32_t generation = 0;
  std::uint64_t removal_number = 0;
  std::uint64_t chunks = 0;  ///< live
  std::uint64_t bytes = 0;   ///< of their content
  std::uint64_t dead_bytes = 0;
  std::uint64_t bad_records = 0;
  std::uint64_t damaged_bytes = 0;
  std::uint64_t torn_bytes = 0;       ///< at the end; cut by the next start
  std::vector<std::string> problems;  ///< sentences, the first hundred
};
BOOST_DESCRIBE_STRUCT(verify_report, (),
                      (volume, state, generation, removal_number, chunks, bytes, dead_bytes,
                       bad_records, damaged_bytes, torn_bytes, problems))

/// Reads and checks every record, and compares the index file with what the records say. Changes
/// nothing. A torn tail and a missing or older index are no problems: a start deals with them.
result<verify_report> verify(io::file_system& fs, const std::string& path);

/// Makes the index file anew from the volume file alone; returns what verify then says.
/// errc::locked if a datanode uses the directory.
result<verify_report> rebuild_index(io::file_system& fs, const std::string& path);

}  // namespace ssdfs::volume
