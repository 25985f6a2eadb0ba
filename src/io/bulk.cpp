#include "io/bulk.hpp"

#include "io/clock.hpp"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

namespace ssdfs::io {

void pace::moved(std::uint64_t bytes) {
  if (rate_ == 0) return;
  constexpr std::int64_t slack_ns = 20'000'000;
  const std::int64_t now = steady_ns();
  due_ns_ =
      std::max(due_ns_, now - slack_ns) +
      static_cast<std::int64_t>(static_cast<double>(bytes) * 1e9 / static_cast<double>(rate_));
  if (due_ns_ > now) std::this_thread::sleep_for(std::chrono::nanoseconds(due_ns_ - now));
}

result<void> settle(file& f, std::uint64_t offset, std::uint64_t length) {
  const int fd = f.native_handle();
  if (fd < 0 || length == 0) return {};
  const int done = ::sync_file_range(
      fd, static_cast<off_t>(offset), static_cast<off_t>(length),
      SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER);
  const int why = done == 0 ? 0 : errno;
  // Also after a failure: whoever reads it again shall see what the disk has.
  forget(f, offset, length);
  if (why == EIO) return failure(errc::io, "the disk did not take what was written");
  if (why == ENOSPC || why == EDQUOT) return errc::no_space;
  return {};
}

void forget(file& f, std::uint64_t offset, std::uint64_t length) {
  const int fd = f.native_handle();
  if (fd < 0 || length == 0) return;
  static_cast<void>(::posix_fadvise(fd, static_cast<off_t>(offset), static_cast<off_t>(length),
                                    POSIX_FADV_DONTNEED));
}

result<void> bulk_writer::write(bytes_view piece) {
  SSDFS_TRY(file_.write({&piece, 1}, end_));
  end_ += piece.size();
  if (end_ - started_ < bulk_window) return {};
  file_.start_writeback(started_, end_ - started_);
  SSDFS_TRY(settle(file_, settled_, started_ - settled_));
  settled_ = started_;
  pace_.moved(end_ - started_);
  started_ = end_;
  return {};
}

result<void> remove_bulk(file_system& fs, const std::string& path) {
  constexpr std::uint64_t rate = std::uint64_t{1} << 30;
  auto opened = fs.open(path, open_mode::read_write);
  if (!opened) return opened.error();
  auto size = (*opened)->size();
  if (!size) return size.error();
  pace slowly(rate);
  for (std::uint64_t left = *size; left > bulk_cut;) {
    left -= bulk_cut;
    SSDFS_TRY((*opened)->truncate(left));
    slowly.moved(bulk_cut);
  }
  opened->reset();
  return fs.remove(path);
}

}  // namespace ssdfs::io
