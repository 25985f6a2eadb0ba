// Chunks that are written in pieces: extent first, content in place, header last.
#include "base/crc32c.hpp"
#include "volume/append_scratch.hpp"
#include "volume/block_crcs.hpp"
#include "volume/volume.hpp"

#include <array>

namespace ssdfs::volume {

std::uint64_t large_write::extent() const noexcept { return extent_of(size_); }

large_write::~large_write() {
  if (owner_) owner_->abort_large(*this);
}

result<std::shared_ptr<large_write>> volume::begin_large(const append_item& item, write_mode mode) {
  if (item.key == 0 || item.key == ~chunk_key{0} || item.size == 0 || item.size > max_chunk_size) {
    return errc::invalid_argument;
  }
  const std::uint64_t extent = extent_of(item.size);
  const guard lock(append_mutex_);
  SSDFS_TRY(check_usable());
  const std::uint64_t limit = mode == write_mode::client ? env_.max_volume_size : max_file_size;
  const bool room =
      length_ + extent <= limit && (env_.space == nullptr || env_.space->admit(extent, length_));
  {
    const guard index(index_mutex_);
    if (const error_code no = admit_one(item, mode, room)) {
      return no == make_error_code(errc::busy) ? failure(errc::key_conflict) : failure(no);
    }
  }
  const std::uint64_t at = length_;
  SSDFS_TRY(reserve_extent(item, at));
  std::shared_ptr<large_write> handle(new large_write);
  handle->owner_ = shared_from_this();
  handle->file_ = file_;
  handle->offset_ = at;
  handle->key_ = item.key;
  handle->size_ = item.size;
  handle->crc_ = item.crc;
  const std::size_t blocks = (item.size + block_size - 1) / block_size;
  handle->crcs_.resize(blocks);
  handle->written_.resize(blocks);
  std::erase_if(large_, [](const auto& old) { return old.expired(); });
  large_.push_back(handle);
  length_ = at + extent;
  static_cast<void>(sync_.wrote());
  const guard index(index_mutex_);
  if (index_.find(item.key).state != key_state::live) index_.begin(item.key);
  pending_bytes_ += extent;
  compaction_void_ = true;
  ++version_;
  return handle;
}

// Disk space, file length and a header that lets a scan step over the extent.
result<void> volume::reserve_extent(const append_item& item, std::uint64_t at) {
  std::array<std::byte, header_size> header;
  seal_.encode({record_kind::reserved, item.key, item.size, item.crc}, at, header.data());
  const bytes_view part(header);
  auto done = file_->reserve(at, extent_of(item.size));
  if (done) done = file_->truncate(at + extent_of(item.size));
  if (done) done = file_->write({&part, 1}, at);
  if (!done) {
    SSDFS_TRY(undo_write(done.error()));
    return done.error();
  }
  return {};
}

result<void> volume::write_piece(large_write& to, std::uint64_t offset,
                                 std::span<const bytes_view> parts) {
  const std::uint64_t size = total_size(parts);
  const bool whole_blocks = size % block_size == 0 || offset + size == to.size_;
  if (size == 0 || offset % block_size != 0 || offset > to.size_ || size > to.size_ - offset ||
      !whole_blocks) {
    return failure(errc::invalid_argument, "piece outside the chunk or not at a block boundary");
  }
  const std::lock_guard lock(to.mutex_);
  if (to.over_) return failure(errc::aborted, "the write of this chunk is over");
  SSDFS_TRY(check_usable());
  const std::size_t first = offset / block_size;
  std::size_t block = first;
  bool other = false;
  bool known = true;
  for_each_block_crc(parts, [&](std::uint32_t crc) {
    if (!to.written_[block]) {
      known = false;
      to.crcs_[block] = crc;
    } else if (to.crcs_[block] != crc) {
      other = true;
    }
    ++block;
  });
  if (other) return failure(errc::key_conflict, "other content was written at this place");
  if (known) return {};
  if (auto written = to.file_->write(parts, to.offset_ + header_size + offset); !written) {
    // The extent is not live, so a full disk costs this chunk only.
    return written.error() == errc::no_space ? written.error() : fence(written.error());
  }
  for (std::size_t b = first; b < block; ++b) to.written_[b] = true;
  static_cast<void>(sync_.wrote());
  return {};
}

result<void> volume::finish_large(large_write& done, durability wait) {
  std::uint64_t number = 0;
  {
    const guard lock(append_mutex_);
    const std::lock_guard handle(done.mutex_);
    SSDFS_TRY(check_usable());
    SSDFS_TRY(complete(done));
    number = sync_.wrote();
  }
  if (env_.sync != sync_policy::always || wait == durability::deferred) return {};
  auto durable = sync_.wait(number);
  if (!durable) return fence(durable.error());
  return durable;
}

// Under append_mutex_ and the handle's.
result<void> volume::complete(large_write& done) {
  {
    const guard lock(index_mutex_);
    if (done.over_) return failure(state_ == replica_state::open ? errc::aborted : errc::sealed);
  }
  for (const bool written : done.written_) {
    if (!written) return failure(errc::checksum, "the content is not complete");
  }
  if (combine_blocks(done.crcs_, done.size_) != done.crc_) {
    return failure(errc::checksum, "the content does not match its CRC");
  }
  const std::uint64_t entries = table_entries(done.size_);
  const bytes_view table =
      std::as_bytes(std::span<const std::uint32_t>(done.crcs_.data(), entries));
  std::array<std::byte, header_size> header;
  seal_.encode({record_kind::data, done.key_, done.size_, done.crc_}, done.offset_, header.data());
  const bytes_view head(header);
  auto written = done.file_->write({&table, 1}, done.offset_ + header_size + done.size_);
  if (written) written = done.file_->write({&head, 1}, done.offset_);
  if (!written) return fence(written.error());
  done.over_ = true;
  const guard lock(index_mutex_);
  pending_bytes_ -= done.extent();
  ++version_;
  compaction_void_ = true;
  bad_.erase(done.key_);
  const key_state state = index_.find(done.key_).state;
  // Removed while it was written: it is dead on arrival.
  if (state == key_state::pending || state == key_state::live) {
    index_.add({done.key_, done.size_, done.crc_, done.offset_});
  }
  return {};
}

void volume::abort_large(large_write& done) {
  const std::lock_guard handle(done.mutex_);
  if (done.over_) return;
  done.over_ = true;
  const guard lock(index_mutex_);
  pending_bytes_ -= done.extent();
  ++version_;
  if (index_.find(done.key_).state == key_state::pending) index_.burn(done.key_);
}

// Under append_mutex_: no large write survives a seal.
void volume::give_up_large() {
  for (const auto& weak : large_) {
    if (const auto handle = weak.lock()) abort_large(*handle);
  }
  large_.clear();
}

}  // namespace ssdfs::volume
