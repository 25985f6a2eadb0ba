// Storing one chunk: a right to write, the bytes through the chain, another right if that fails.
#pragma once

#include "base/buffer.hpp"
#include "client/budget.hpp"
#include "client/grant_pool.hpp"
#include "client/operation.hpp"
#include "wire/chunk_messages.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace ssdfs::detail {

class chunk_write;

/// Who ordered a chunk_write.
class chunk_write_owner {
 public:
  /// It is stored: take_right() and crc() say where and what.
  virtual void on_written(chunk_write& write) = 0;
  /// It could not be stored by the operation's deadline, or the operation was stopped.
  virtual void on_write_failed(chunk_write& write, failure why) = 0;

 protected:
  ~chunk_write_owner() = default;
};

/// One write of one chunk at a time, reusable. Part of an operation, which must stay alive until
/// one of the owner's functions was called; by then nothing uses the bytes any more. On the
/// client's strand.
class chunk_write final : public grant_waiter, public budget_waiter {
 public:
  chunk_write(operation& of, chunk_write_owner& owner);
  ~chunk_write();
  chunk_write(const chunk_write&) = delete;
  chunk_write& operator=(const chunk_write&) = delete;

  struct job {
    std::size_t index = 0;  ///< for the owner
    shared_bytes bytes;     ///< not empty
    std::uint8_t replication = 0;
    wire::ack_mode ack = wire::ack_mode::all;
  };
  void start(job what);
  /// Gives up: on_write_failed (with any reason) as soon as nothing is under way, maybe at once.
  /// Harmless if it is not running.
  void stop();

  [[nodiscard]] std::size_t index() const noexcept { return job_.index; }
  [[nodiscard]] std::uint32_t size() const noexcept {
    return static_cast<std::uint32_t>(job_.bytes.view.size());
  }
  /// CRC32C of the chunk. Once started.
  [[nodiscard]] std::uint32_t crc() const noexcept { return crc_; }
  /// Where it went. In on_written, once.
  [[nodiscard]] write_right take_right() noexcept { return std::move(right_); }
  /// True while it waits for its share of the memory that writes may have in flight.
  [[nodiscard]] bool waits_for_budget() const noexcept { return waits_for_budget_; }

 private:
  struct pieces;

  [[nodiscard]] bool is_small() const noexcept { return size() <= wire::small_chunk_max; }
  void attempt();
  void send();
  void send_small();
  void send_begin();
  void send_pieces();
  void send_piece(std::uint32_t number);
  void send_end();
  void piece_answered(call_handle& call, result<net::response<wire::write_reply>> reply);
  void answered();
  void failed(failure why);
  void written();
  void give_up(failure why);
  void return_budget();
  [[nodiscard]] std::int64_t timeout_ms() const;

  void on_grant(result<write_right> right) override;
  void on_budget() override;

  operation& op_;
  chunk_write_owner& owner_;
  job job_;
  std::uint32_t crc_ = 0;
  std::uint32_t failures_ = 0;
  write_right right_;
  call_handle call_;
  std::unique_ptr<pieces> pieces_;  // of a chunk that is not small
  timers::id pause_{};
  bool stopping_ = false;
  bool pausing_ = false;
  bool waits_for_grant_ = false;
  bool waits_for_budget_ = false;
  bool has_budget_ = false;
};

}  // namespace ssdfs::detail
