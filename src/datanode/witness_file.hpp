// The highest master that this node has heard of, kept on its disks.
#pragma once

#include "base/orders.hpp"
#include "base/result.hpp"
#include "io/file.hpp"

#include <mutex>
#include <optional>
#include <string>
#include <vector>

namespace ssdfs::datanode {

/// witness.json in every data directory:
///   {"epoch":N,"leader":"UUID","durable":"N"}
/// Of several the highest counts, so one working disk is enough.
/// Concurrency: thread-safe; calls block on the disk.
class witness_file {
 public:
  /// Reads what is there. A damaged file is ignored, with a log line: it can only make the node
  /// less suspicious of an old master, and another directory has a copy.
  witness_file(io::file_system& fs, std::vector<std::string> directories);

  /// A file is there and no file can be read at the moment: whom the node has followed is not
  /// known, and it should not follow anybody.
  [[nodiscard]] const std::optional<failure>& unreadable() const noexcept { return unreadable_; }
  [[nodiscard]] witness highest() const;
  /// Durable in at least one directory on success.
  result<void> remember(const witness& heard);

 private:
  io::file_system& fs_;
  const std::vector<std::string> directories_;
  std::optional<failure> unreadable_;
  mutable std::mutex mutex_;  // guards highest_ and orders writes
  witness highest_;
};

}  // namespace ssdfs::datanode
