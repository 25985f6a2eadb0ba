// Who a data directory belongs to: a small JSON file in it, written once.
#pragma once

#include "base/ids.hpp"
#include "io/file.hpp"

#include <optional>
#include <string>

namespace ssdfs::io {

/// Contents of DIR/identity.json:
///   {"format":1,"role":"datanode","node":"UUID","cluster":"UUID"}
/// A role refuses a directory of another role; a node keeps its uuid for ever. The cluster is nil
/// until the node has joined one.
struct identity {
  std::string role;  ///< "master", "backup", "datanode"
  node_id node;
  cluster_id cluster;
  friend bool operator==(const identity&, const identity&) = default;
};

/// Reads it; nothing if the directory has none yet. errc::damaged if the file is unreadable.
result<std::optional<identity>> read_identity(file_system& fs, const std::string& directory);

/// Makes or replaces it, durably.
result<void> write_identity(file_system& fs, const std::string& directory, const identity& who);

}  // namespace ssdfs::io
