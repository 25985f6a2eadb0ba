// Images on their way to and from backups, piece by piece.
#pragma once

#include "base/result.hpp"
#include "io/file.hpp"
#include "master/checkpointer.hpp"
#include "net/request.hpp"
#include "wire/journal_messages.hpp"

#include <mutex>
#include <string>

namespace ssdfs::master {

/// Operation: an upload is a file of its own, "upload_<node>_<txid>.tmp" in the data directory,
/// which grows from its begin; after an interruption it goes on at its length. A backup's new
/// upload removes its older ones, which are called "....gone" while that lasts.
/// Concurrency: thread-safe; calls block on the disk, one at a time.
class image_transfer {
 public:
  image_transfer(io::file_system& fs, std::string directory, checkpointer& checkpoints)
      : fs_(fs), directory_(std::move(directory)), checkpoints_(checkpoints) {}

  /// Each answers the request.
  void fetch_image(net::request r, const wire::fetch_image_request& q);
  void upload_image(net::request r, const wire::upload_image_request& q);
  /// Syncs what was uploaded and returns its path, for checkpointer::adopt. Does not answer.
  result<std::string> finish(const wire::finish_image_request& q);

 private:
  result<std::uint64_t> append(const wire::upload_image_request& q, bytes_view body);
  result<std::uint64_t> begin(const wire::upload_image_request& q);
  result<void> remove(const std::string& path);
  [[nodiscard]] std::string path_of(node_id node, txid image) const;

  io::file_system& fs_;
  const std::string directory_;
  checkpointer& checkpoints_;
  std::mutex mutex_;  // one call at a time
};

}  // namespace ssdfs::master
