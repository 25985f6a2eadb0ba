// The chunks that this process stores itself, as the gateway sees them.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "ssdfs/types.hpp"

#include <cstdint>
#include <memory>

namespace ssdfs::http {

/// One chunk that was found. Stays readable as long as it is held, whatever becomes of its volume.
class local_chunk {
 public:
  using handler = unique_function<void(result<void>)>;

  virtual ~local_chunk() = default;
  /// Verified bytes [offset, offset + out.size()), without waiting for a disk: errc::busy if that
  /// would be needed, errc::checksum if they are bad.
  [[nodiscard]] virtual result<void> read_cached(std::uint32_t offset, bytes_span out) = 0;
  /// The same from the disk; `done` runs on another thread. The chunk and `out` live until then.
  virtual void read(std::uint32_t offset, bytes_span out, handler done) = 0;
  /// Verifies without delivering; afterwards these bytes may be sent from the file. As above.
  [[nodiscard]] virtual result<void> verify_cached(std::uint32_t offset, std::uint32_t length) = 0;
  virtual void verify(std::uint32_t offset, std::uint32_t length, handler done) = 0;
  /// Descriptor, and the place of the chunk's first byte; -1 if there is none.
  [[nodiscard]] virtual int file() const noexcept = 0;
  [[nodiscard]] virtual std::uint64_t file_offset() const noexcept = 0;
};

/// Thread-safe, never blocks.
class local_chunks {
 public:
  virtual ~local_chunks() = default;
  /// Null if exactly this chunk is not here.
  [[nodiscard]] virtual std::unique_ptr<local_chunk> find(const chunk_location& which) = 0;
};

}  // namespace ssdfs::http
