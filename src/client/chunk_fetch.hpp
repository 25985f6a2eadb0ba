// Bringing back a chunk that was stored, to store it elsewhere.
#pragma once

#include "base/buffer.hpp"
#include "client/block_read.hpp"
#include "client/operation.hpp"
#include "wire/namespace_messages.hpp"

#include <array>
#include <cstdint>
#include <memory>

namespace ssdfs::detail {

/// Who ordered a chunk_fetch.
class chunk_fetch_owner {
 public:
  /// The chunk's bytes, verified.
  virtual void on_fetched(shared_bytes bytes) = 0;
  virtual void on_fetch_failed(failure why) = 0;

 protected:
  ~chunk_fetch_owner() = default;
};

/// One fetch of one whole chunk at a time, reusable. Tries until the operation's deadline. Part of
/// an operation, which must stay alive until one of the owner's functions was called. On the
/// client's strand.
class chunk_fetch final : private block_read_owner {
 public:
  chunk_fetch(operation& of, chunk_fetch_owner& owner);
  ~chunk_fetch();

  void start(const wire::chunk_ref& chunk);
  /// Gives up: on_fetch_failed as soon as nothing is under way. Harmless if it is not running.
  void stop();
  [[nodiscard]] bool running() const noexcept { return running_; }

 private:
  struct part;
  void pump();
  void settle();
  void on_block(block_read& read) override;
  void on_block_failed(block_read& read, failure why) override;

  operation& op_;
  chunk_fetch_owner& owner_;
  wire::chunk_ref chunk_;
  buffer_ref into_;
  std::uint32_t next_ = 0;  // offset of the next part to ask for
  std::size_t in_flight_ = 0;
  std::array<std::unique_ptr<part>, 4> parts_;
  std::uint32_t failures_ = 0;
  failure why_;
  timers::id pause_{};
  bool failed_ = false;
  bool pausing_ = false;
  bool stopping_ = false;
  bool running_ = false;
};

}  // namespace ssdfs::detail
