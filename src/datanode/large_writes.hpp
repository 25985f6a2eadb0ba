// Chunks that are being received in pieces.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "datanode/hosted_volume.hpp"
#include "datanode/write_task.hpp"
#include "io/disk_pool.hpp"
#include "volume/large_write.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>

namespace ssdfs::datanode {

/// Operation: begin(), any number of piece(), end(), in the order in which the writer got its
/// answers; each does its disk work in the pool (pieces in their volume's job) and finishes the
/// task's local half. A chunk whose
/// writer has been silent for idle_limit_ms is given up.
/// Concurrency: thread-safe, never blocks.
class large_writes {
 public:
  static constexpr std::size_t most = 1024;  ///< under way at a time; errc::busy beyond
  static constexpr std::int64_t idle_limit_ms = 120'000;

  explicit large_writes(io::disk_pool& disk) : disk_(disk) {}

  /// `task` is about the whole chunk: its size and CRC.
  void begin(std::shared_ptr<hosted_volume> v, write_ref task);
  void piece(std::shared_ptr<hosted_volume> v, write_ref task, std::uint32_t offset);
  void end(std::shared_ptr<hosted_volume> v, write_ref task);

  /// Gives up what nobody has touched for too long. For a timer.
  void expire(std::int64_t now_ms);
  /// Gives up everything of a volume that goes out of service.
  void forget(volume_id id);

 private:
  using chunk_id = std::pair<volume_id, chunk_key>;
  struct session {
    std::shared_ptr<volume::large_write> handle;  ///< null: the chunk was here already
    std::int64_t touched_ms = 0;
  };
  using lookup = result<std::shared_ptr<volume::large_write>>;

  /// Runs `work` in the pool and finishes the local half with its outcome.
  template <class Work>
  void run(const write_ref& task, Work work);
  void open_session(const chunk_id& id, std::shared_ptr<volume::large_write> handle);
  [[nodiscard]] lookup touch(const chunk_id& id, const hosted_volume& v);
  void close_session(const chunk_id& id);

  io::disk_pool& disk_;
  std::mutex mutex_;
  boost::unordered_flat_map<chunk_id, session> sessions_;  // under mutex_
};

}  // namespace ssdfs::datanode
