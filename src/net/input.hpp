// The receiving half of a connection: bytes into slabs, frames out of them, without copies.
#pragma once

#include "base/buffer.hpp"
#include "wire/frame.hpp"

#include <atomic>
#include <cstdint>
#include <mutex>
#include <vector>

namespace ssdfs::net {

/// Reads go into reference-counted slabs; frames are views into them, kept alive by hold(). A slab
/// that nobody else holds is used again from its start, so a connection whose requests are answered
/// at once runs in one warm slab and allocates nothing. Slabs start small, so that thousands of
/// idle connections cost little, and grow to big_slab with the traffic; a longer frame gets a slab
/// of its own length, which grows only as its bytes really arrive.
///
/// Concurrency: one reader at a time; pins_more_than() and trim() from any thread.
class input {
 public:
  static constexpr std::size_t small_slab = 16U << 10;
  static constexpr std::size_t big_slab = 256U << 10;

  input();

  /// Room for the next read: never empty. Call it only after next() said `incomplete`.
  [[nodiscard]] bytes_span space();
  /// `n` bytes were read into the front of space().
  void received(std::size_t n);

  /// The frame at the front; if complete it is taken, and valid as long as hold() of now is kept.
  [[nodiscard]] wire::decode_result next();
  [[nodiscard]] const buffer_ref& hold() const noexcept { return slab_; }

  /// Received and not taken yet.
  [[nodiscard]] bytes_view rest() const noexcept { return {slab_->data() + begin_, end_ - begin_}; }
  /// Forgets what rest() shows.
  void discard() noexcept;

  /// True if frames hold more than `limit` bytes of earlier slabs: a tiny frame pins a whole slab,
  /// so whoever keeps frames must be charged for slabs, too.
  [[nodiscard]] bool pins_more_than(std::size_t limit) const;
  /// Frees slabs that are kept only for reuse.
  void trim();

 private:
  // Room behind a frame that got its own slab, so that a stream of equal frames finds the next one
  // wholly in one slab, too.
  static constexpr std::size_t margin = 8U << 10;
  static constexpr std::size_t cramped_room = 4U << 10;

  void adapt(std::size_t received, std::size_t offered) noexcept;
  void replace(std::size_t capacity);
  [[nodiscard]] buffer_ref take_slab(std::size_t capacity);
  void count_retired() noexcept;

  buffer_ref slab_;
  std::size_t begin_ = 0;  // first byte not taken
  std::size_t end_ = 0;    // first byte not received
  std::size_t need_ = 0;   // length of the frame at the front as far as it is known, else 0
  std::size_t want_ = small_slab;
  std::size_t offered_ = 0;
  std::uint32_t calm_reads_ = 0;

  mutable std::mutex retired_mutex_;
  std::vector<buffer_ref> retired_;  // earlier slabs: held by frames, or waiting for reuse
  std::atomic<std::size_t> retired_bytes_{0};
};

}  // namespace ssdfs::net
