// Brings checkpoints to the master.
#pragma once

#include "base/result.hpp"
#include "io/file.hpp"
#include "journal/image_store.hpp"
#include "net/channel.hpp"

#include <boost/asio/io_context.hpp>

#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>

namespace ssdfs::backup {

struct uploader_options {
  node_id node;
  std::uint64_t rate = 0;  ///< bytes a second
  /// A new connection to the master that is followed; null if there is none.
  std::function<std::shared_ptr<net::channel>()> connect;
};

/// Operation: a thread of its own sends the newest image that offer() named, piece by piece, on a
/// connection of its own, so that pulls and acknowledgements never wait for it. An interrupted
/// upload goes on with what the master has got; a newer image takes the place of an older one.
/// Concurrency: thread-safe; stop() not from a thread of the io_context.
class uploader {
 public:
  uploader(io::file_system& fs, uploader_options options);
  ~uploader();
  uploader(const uploader&) = delete;
  uploader& operator=(const uploader&) = delete;

  void offer(const journal::image_file& image);
  void stop();

 private:
  void run();
  result<void> upload(net::channel& to, const journal::image_file& image);
  result<std::uint64_t> send_piece(net::channel& to, const journal::image_file& image,
                                   std::uint64_t offset, bytes_view piece);
  [[nodiscard]] bool superseded(const journal::image_file& image);
  [[nodiscard]] bool pause(std::int64_t ms);

  io::file_system& fs_;
  const uploader_options options_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::optional<journal::image_file> next_;  // under mutex_, as what follows
  std::shared_ptr<net::channel> open_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace ssdfs::backup
