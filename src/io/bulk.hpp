// Files of gigabytes that are written, read and removed beside a log that must not wait for them.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "io/file.hpp"

#include <cstdint>
#include <string>

namespace ssdfs::io {

/// Bytes of a bulk file that are on their way to the disk at a time. A sync of a log on the same
/// disk waits for about as many.
inline constexpr std::uint64_t bulk_window = std::uint64_t{1} << 20;
/// Bytes that remove_bulk() gives back at a time.
inline constexpr std::uint64_t bulk_cut = std::uint64_t{32} << 20;

/// Holds a thread to a rate. What was missed is not made up for: after a standstill it goes on at
/// the rate, not faster. Single-threaded.
class pace {
 public:
  /// 0: no limit.
  explicit pace(std::uint64_t bytes_per_second) : rate_(bytes_per_second) {}
  /// `bytes` were moved: sleeps until the next may be.
  void moved(std::uint64_t bytes);

 private:
  std::uint64_t rate_;
  std::int64_t due_ns_ = 0;
};

/// Waits until the range's dirty pages are written, and takes them out of the page cache. For whole
/// windows, once they are no longer written to. It takes the place of file::sync() in one thing:
/// the kernel tells a failed write once, so what is told here file::sync() does not tell any more.
/// Success without effect where the file system cannot do it.
[[nodiscard]] result<void> settle(file& f, std::uint64_t offset, std::uint64_t length);

/// Takes what is clean of the range out of the page cache. A hint.
void forget(file& f, std::uint64_t offset, std::uint64_t length);

/// Appends to a file so that never more than two windows of it are dirty and nothing of it stays in
/// the page cache. Single-threaded; the file outlives it.
class bulk_writer {
 public:
  /// Appends from `offset` on.
  bulk_writer(file& to, std::uint64_t offset, std::uint64_t bytes_per_second)
      : file_(to), pace_(bytes_per_second), end_(offset), started_(offset), settled_(offset) {}

  /// After a failure the file is of no use.
  result<void> write(bytes_view piece);
  /// Everything is durable then, if no write() has failed.
  result<void> finish() { return file_.sync(); }
  /// Where the next piece goes.
  [[nodiscard]] std::uint64_t end() const noexcept { return end_; }

 private:
  file& file_;
  pace pace_;
  std::uint64_t end_;
  std::uint64_t started_;  // what is before it is on its way
  std::uint64_t settled_;  // what is before it is on the disk
};

/// Removes a file of any size: first cuts it shorter step by step with pauses, so that the file
/// system never has much to give back at once. After a crash it may be there still, but shorter:
/// its name must be one that nobody takes for a whole file. Blocks, about 1 s a GiB; failures are
/// the disk's, not_found.
result<void> remove_bulk(file_system& fs, const std::string& path);

}  // namespace ssdfs::io
