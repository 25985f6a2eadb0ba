// The protocol's view of an entry as the public one.
#pragma once

#include "ssdfs/types.hpp"
#include "wire/namespace_messages.hpp"

#include <utility>

namespace ssdfs::detail {

/// Moves the strings out of `entry`. Path and chunks are left empty.
[[nodiscard]] inline file_status to_status(wire::entry_info&& entry) {
  file_status out;
  out.type = entry.type == 2 ? entry_type::directory : entry_type::file;
  out.size = entry.size;
  out.crc32c = entry.crc32c;
  out.mtime_ms = entry.mtime_ms;
  out.owner = std::move(entry.owner);
  out.group = std::move(entry.group);
  out.mode = entry.mode;
  out.replication = entry.replication;
  out.content_type = std::move(entry.content_type);
  return out;
}

}  // namespace ssdfs::detail
