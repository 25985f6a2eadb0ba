// Who a data directory belongs to: a small JSON file in it, written once.
#pragma once

#include "base/ids.hpp"
#include "io/file.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ssdfs::io {

/// A data directory as its node knows it.
struct known_directory {
  uuid id{};  ///< of the directory, made with it
  std::string path;
  friend bool operator==(const known_directory&, const known_directory&) = default;
};

/// Contents of DIR/identity.json:
///   {"format":1,"role":"datanode","node":"UUID","cluster":"UUID",
///    "directory":"UUID","directories":[{"id":"UUID","path":"DIR"},...]}
/// A role refuses a directory of another role; a node keeps its uuid for ever. The cluster is nil
/// until the node has joined one. The last two fields are a datanode's: which of its directories
/// this is, and which there are, so that one that is empty or missing one day is not taken for new.
struct identity {
  std::string role;  ///< "master", "backup", "datanode"
  node_id node;
  cluster_id cluster;
  uuid directory{};                          ///< nil: written before there was one
  std::vector<known_directory> directories;  ///< this one, too
  friend bool operator==(const identity&, const identity&) = default;
};

/// Reads it; nothing if the directory has none yet. errc::damaged if the file is unreadable.
result<std::optional<identity>> read_identity(file_system& fs, const std::string& directory);

/// Makes or replaces it, durably.
result<void> write_identity(file_system& fs, const std::string& directory, const identity& who);

}  // namespace ssdfs::io
