// The checkpoint of a volume's index: a sorted file, mapped and probed in place
// (docs/formats/index.md).
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "io/file.hpp"
#include "volume/needle.hpp"
#include "volume/records.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ssdfs::volume {

inline constexpr std::uint64_t index_page_size = 4096;
/// Entries in one page; the rest of the page is its CRC and count.
inline constexpr std::size_t index_page_entries = 255;

/// One live chunk and the offset of its record's header.
struct chunk_entry {
  chunk_key key = 0;
  std::uint32_t size = 0;
  std::uint32_t crc = 0;
  std::uint64_t offset = 0;
  friend bool operator==(const chunk_entry&, const chunk_entry&) = default;
};

/// A chunk set aside as an orphan.
struct tombstone_entry {
  chunk_entry chunk;
  aside_time at;
  friend bool operator==(const tombstone_entry&, const tombstone_entry&) = default;
};

/// What a checkpoint holds beside the entries. It speaks for the first `covered` bytes of the
/// volume file, which were durable before it was written.
struct index_summary {
  superblock identity;
  std::uint64_t covered = 0;
  replica_status status;
  std::uint64_t extent_bytes = 0;      ///< of live and tombstoned records
  std::vector<std::uint64_t> pending;  ///< offsets of extents that were reserved, not finished
  std::vector<tombstone_entry> tombstones;
};

/// Collects entries in ascending order of key and makes the bytes of the file.
class index_builder {
 public:
  void add(const chunk_entry& entry);
  /// The whole file.
  [[nodiscard]] std::vector<std::byte> finish(const index_summary& summary) &&;

 private:
  std::vector<std::byte> pages_;
  std::vector<chunk_key> fences_;  // first key of every page
  std::size_t in_page_ = 0;
  std::uint64_t entries_ = 0;
};

enum class index_answer { found, absent, damaged };

/// An open checkpoint. Thread-safe; its pages are verified when they are first used.
class index_file {
 public:
  /// errc::not_found if missing, errc::damaged if it does not hold together.
  static result<std::shared_ptr<const index_file>> load(io::file_system& fs,
                                                        const std::string& path);

  [[nodiscard]] const index_summary& summary() const noexcept { return summary_; }
  [[nodiscard]] std::uint64_t entries() const noexcept { return entries_; }
  [[nodiscard]] std::uint64_t file_bytes() const noexcept { return map_->bytes().size(); }

  index_answer find(chunk_key key, chunk_entry& out) const noexcept;

  /// Calls visit(const chunk_entry&) for entries with key >= from in order until it returns false.
  template <class Visit>
  result<void> for_each(chunk_key from, Visit&& visit) const {
    for (std::size_t p = page_of(from); p < fences_.size(); ++p) {
      const std::size_t count = check_page(p);
      if (count == 0) {
        return failure(errc::damaged, "index page " + std::to_string(p) + " is damaged");
      }
      for (std::size_t i = 0; i < count; ++i) {
        const chunk_entry e = entry(p, i);
        if (e.key >= from && !visit(e)) return {};
      }
    }
    return {};
  }

 private:
  index_file() = default;
  result<void> parse(bytes_view bytes);
  result<void> parse_lists(bytes_view bytes);
  [[nodiscard]] std::size_t page_of(chunk_key key) const noexcept;
  [[nodiscard]] std::size_t check_page(std::size_t p) const noexcept;
  [[nodiscard]] chunk_entry entry(std::size_t p, std::size_t i) const noexcept;
  [[nodiscard]] const std::byte* page(std::size_t p) const noexcept {
    return map_->bytes().data() + pages_at_ + p * index_page_size;
  }

  std::unique_ptr<io::mapping> map_;
  index_summary summary_;
  std::uint64_t entries_ = 0;
  std::uint64_t pages_at_ = 0;
  std::vector<chunk_key> fences_;
  std::unique_ptr<std::atomic<bool>[]> verified_;  // by page
};

}  // namespace ssdfs::volume
