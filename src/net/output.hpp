// The sending half of a connection: frames that are queued together leave in one system call.
#pragma once

#include "base/buffer.hpp"
#include "wire/frame.hpp"

#include <cstdint>
#include <mutex>
#include <vector>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SSDFS_UNDER_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SSDFS_UNDER_SANITIZER 1
#endif
#endif

namespace ssdfs::net {

/// The bodies of one frame, sent behind each other.
struct frame_bodies {
  shared_bytes first;
  shared_bytes second;
  /// Not 0: a name for adopt(), given to bodies that have no hold.
  std::uint64_t name = 0;
};

/// Two batches: frames are appended to one while the other is being sent. Headers and messages are
/// encoded straight into a batch's bytes, bodies are only referred to and gathered by the kernel.
///
/// Concurrency: the queueing functions are called under the owner's mutex; send() is called without
/// it, by one thread at a time (the owner's "flushing" flag says whose turn it is).
class output {
 public:
  // --- queueing -------------------------------------------------------------------------------

  /// Opens a frame: leaves room for its header and returns where the message is to be appended.
  [[nodiscard]] std::vector<std::byte>& begin();
  [[nodiscard]] std::vector<std::byte>& bytes() noexcept { return filling_.bytes; }
  /// Length of the message that has been appended since begin().
  [[nodiscard]] std::size_t message_length() const noexcept;
  /// Completes the frame; message_length and body_length of `header` are set here.
  void end(wire::frame_header header, frame_bodies bodies);
  /// Queues bytes that are no frame.
  void append_raw(bytes_view data);
  /// Takes the open frame back.
  void abandon() noexcept { filling_.bytes.resize(frame_start_); }

  /// Bytes that the kernel has not taken yet, as far as sent() has been told.
  [[nodiscard]] std::size_t unsent() const noexcept { return unsent_; }
  /// True if nothing has been queued since the last load().
  [[nodiscard]] bool idle() const noexcept { return filling_.bytes.empty(); }
  void sent(std::size_t n) noexcept { unsent_ -= n; }
  /// Makes what was queued the batch to send, if the last one has been sent whole. False if there
  /// is nothing to send.
  [[nodiscard]] bool load();
  /// Sets the cluster id of all queued frames that have not been loaded: calls may be queued before
  /// the handshake has told it.
  void set_cluster(const cluster_id& cluster);

  // --- sending --------------------------------------------------------------------------------

  enum class status {
    done,     ///< the batch has been sent
    blocked,  ///< the socket takes no more now
    failed,   ///< `error` says why
  };
  struct progress {
    status state = status::done;
    std::size_t bytes = 0;
    int error = 0;
  };
  [[nodiscard]] progress send(int socket);

  /// Copies the bodies of that name that are still waiting, so that their owner may free them.
  /// Waits for a send() that is running, which never blocks. Takes the owner's mutex itself: call
  /// it without.
  void adopt(std::uint64_t name, std::mutex& owner);
  /// To be called before a body's owner is told that it may free it because an answer has come. The
  /// kernel has all bytes by then, but the sanitizers' sendmsg looks at them once more afterwards.
  void settle() {
#if defined(SSDFS_UNDER_SANITIZER)
    const std::lock_guard lock(send_mutex_);
#endif
  }
  /// Drops everything; no body is referred to afterwards. Locks as adopt().
  void drop(std::mutex& owner) noexcept;

 private:
  struct body {
    std::size_t at = 0;  // offset in `bytes` where it belongs
    shared_bytes data;
    std::uint64_t name = 0;
  };
  struct batch {
    std::vector<std::byte> bytes;
    std::vector<body> bodies;
    void clear() noexcept;
  };
  // Smaller bodies are copied: cheaper than a reference and an element of the gather list.
  static constexpr std::size_t copy_below = 512;
  // Memory that a batch keeps for the next one.
  static constexpr std::size_t keep_bytes = 256U << 10;
  static constexpr std::size_t max_gather = 256;

  void append_body(shared_bytes data, std::uint64_t name);
  void advance(std::size_t n) noexcept;
  static void adopt_in(batch& queued, std::uint64_t name);

  batch filling_;
  std::size_t frame_start_ = 0;
  std::size_t unsent_ = 0;

  std::mutex send_mutex_;  // held by send() and adopt(); taken before the owner's mutex
  batch sending_;
  std::size_t position_ = 0;     // bytes of sending_.bytes that are sent
  std::size_t body_index_ = 0;   // first body that is not sent whole
  std::size_t body_offset_ = 0;  // bytes of it that are sent
};

}  // namespace ssdfs::net
