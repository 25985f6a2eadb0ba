// A chunk that is being written in pieces.
#pragma once

#include "base/ids.hpp"
#include "io/file.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

namespace ssdfs::volume {

class volume;

/// The extent that volume::begin_large reserved. Given to write_piece, finish_large or abort_large
/// of the same volume; destroyed without one of the latter it is given up, and the extent is dead
/// space. Keeps its volume alive. Thread-safe through the volume's functions.
class large_write {
 public:
  ~large_write();
  large_write(const large_write&) = delete;
  large_write& operator=(const large_write&) = delete;

  [[nodiscard]] chunk_key key() const noexcept { return key_; }
  [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
  [[nodiscard]] std::uint32_t crc() const noexcept { return crc_; }

 private:
  friend class volume;
  large_write() = default;
  [[nodiscard]] std::uint64_t extent() const noexcept;  // bytes in the file

  std::shared_ptr<volume> owner_;
  std::shared_ptr<io::file> file_;
  std::uint64_t offset_ = 0;  // of the record's header
  chunk_key key_ = 0;
  std::uint32_t size_ = 0;
  std::uint32_t crc_ = 0;

  std::mutex mutex_;                 // guards what follows; held while a piece is written
  std::vector<std::uint32_t> crcs_;  // by block
  std::vector<bool> written_;        // by block
  bool over_ = false;                // finished, aborted, or given up by a seal
};

}  // namespace ssdfs::volume
