// Reading a run of bytes of one chunk, from whichever replica has it.
#pragma once

#include "client/hedging.hpp"
#include "client/location_cache.hpp"
#include "client/operation.hpp"
#include "wire/chunk_messages.hpp"
#include "wire/namespace_messages.hpp"

#include <array>
#include <cstdint>

namespace ssdfs::detail {

class block_read;

/// Who ordered a block_read.
class block_read_owner {
 public:
  /// body() holds verified bytes.
  virtual void on_block(block_read& block) = 0;
  /// No replica that the master named could serve it. The location has been dropped from the
  /// cache: ask again, after a look whether the chunk is still where it was.
  virtual void on_block_failed(block_read& block, failure why) = 0;

 protected:
  ~block_read_owner() = default;
};

/// One read of at most wire::max_body bytes at a time, reusable. Chooses among the preferred
/// replicas at random, then among the others, those in bad standing last; a replica that fails or
/// sends bytes that don't match is excluded and the next is tried. One that takes unusually long is
/// left at it while a second is asked; the first good answer counts. Part of an operation, which
/// must stay alive until one of the owner's functions was called. On the client's strand.
class block_read final : public location_waiter, public hedged_read {
 public:
  block_read(operation& of, block_read_owner& owner) : op_(of), owner_(owner) {}
  block_read(const block_read&) = delete;
  block_read& operator=(const block_read&) = delete;

  /// Bytes [offset, offset + length) of `chunk`, not empty.
  void start(const wire::chunk_ref& chunk, std::uint32_t offset, std::uint32_t length);
  /// Gives up: on_block_failed as soon as nothing is under way, maybe at once. Harmless if it is
  /// not running.
  void stop();

  /// After on_block_failed: every replica that is known has answered that it has no such chunk.
  [[nodiscard]] bool nobody_has_it() const noexcept { return only_lacking_ && excluded_count_ > 0; }

  /// Verified; alive as long as hold(). After on_block.
  [[nodiscard]] bytes_view body() const noexcept { return body_; }
  [[nodiscard]] const buffer_ref& hold() const noexcept { return hold_; }
  /// CRC32C of body().
  [[nodiscard]] std::uint32_t crc() const noexcept { return crc_; }
  void release() noexcept {
    body_ = {};
    hold_.reset();
  }

 private:
  using answer = result<net::response<wire::read_chunk_reply>>;
  /// One request under way.
  struct request {
    server* to = nullptr;  // null: none
    call_handle call;
    std::int64_t sent_ns = 0;
  };

  void attempt();
  [[nodiscard]] server* choose(const located_volume& where, bool good_only);
  [[nodiscard]] bool is_out(const server& s) const noexcept;
  [[nodiscard]] bool idle() const noexcept;
  void ask(request& slot, server& from);
  void answered(request& slot, answer reply);
  void on_slow() override;
  [[nodiscard]] result<void> verify(const net::response<wire::read_chunk_reply>& reply);
  void failed(server& by, failure why);
  void give_up(failure why);
  void on_located(result<void> outcome) override;

  operation& op_;
  block_read_owner& owner_;
  wire::chunk_ref chunk_;
  std::uint32_t offset_ = 0;
  std::uint32_t length_ = 0;
  std::array<server*, 8> excluded_{};
  std::size_t excluded_count_ = 0;
  bool only_lacking_ = true;  // of the excluded
  failure last_;
  std::array<request, 2> requests_;
  bool won_ = false;  // the bytes are here; the other request is being cancelled
  bool locating_ = false;
  bool stopping_ = false;
  std::uint32_t crc_ = 0;
  bytes_view body_;
  buffer_ref hold_;
};

}  // namespace ssdfs::detail
