#include "cli/log_writer.hpp"

#include "io/clock.hpp"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <utility>

namespace ssdfs::cli {
namespace {

constexpr std::size_t pending_limit = std::size_t{1} << 20;
// What a pipe takes without blocking once it says that it has room; and lines of several processes
// on one pipe are not mixed up.
constexpr std::size_t piece_limit = 4096;
constexpr int look_again_ms = 100;
constexpr std::int64_t finish_limit_ms = 1000;

// The next piece: whole lines, or a part of one that is too long.
std::size_t piece_of(std::string_view lines) {
  if (lines.size() <= piece_limit) return lines.size();
  const auto last = lines.rfind('\n', piece_limit - 1);
  return last == std::string_view::npos ? piece_limit : last + 1;
}

std::uint64_t count_lines(std::string_view text) {
  return static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
}

}  // namespace

log_writer::log_writer(int fd, loss_line tell_loss)
    : fd_(fd), tell_loss_(std::move(tell_loss)), thread_([this] { run(); }) {}

log_writer::~log_writer() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    end_ms_ = io::steady_ms() + finish_limit_ms;
  }
  changed_.notify_all();
  thread_.join();
}

void log_writer::add(std::string_view line) {
  {
    const std::lock_guard lock(mutex_);
    if (pending_.size() + line.size() >= pending_limit) {
      ++lost_;
      return;
    }
    pending_.append(line).push_back('\n');
  }
  changed_.notify_one();
}

void log_writer::run() {
  std::string lines;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return stopping_ || !pending_.empty(); });
    lines.clear();
    std::swap(lines, pending_);
    // They were lost after all that was waiting.
    const std::uint64_t told = std::exchange(lost_, 0);
    if (told != 0) lines.append(tell_loss_(told)).push_back('\n');
    if (lines.empty()) return;
    lock.unlock();
    const std::uint64_t unwritten = write(lines);
    lock.lock();
    if (unwritten == 0) continue;
    lost_ += told != 0 ? unwritten - 1 + told : unwritten;
    if (stopping_) return;
  }
}

std::uint64_t log_writer::write(std::string_view lines) {
  while (!lines.empty()) {
    if (!wait_for_room()) return count_lines(lines);
    const std::string_view piece = lines.substr(0, piece_of(lines));
    const ssize_t n = ::write(fd_, piece.data(), piece.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) {
      std::this_thread::sleep_for(std::chrono::milliseconds(look_again_ms));
      continue;
    }
    // A full disk, or nobody who reads: what was to be said is lost.
    if (n < 0) return count_lines(lines);
    lines.remove_prefix(static_cast<std::size_t>(n));
  }
  return 0;
}

// False if the writer is to end and its time is over.
bool log_writer::wait_for_room() {
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      if (stopping_ && io::steady_ms() >= end_ms_) return false;
    }
    pollfd out{fd_, POLLOUT, 0};
    // An error is room as well: write() tells which.
    if (::poll(&out, 1, look_again_ms) > 0) return true;
  }
}

}  // namespace ssdfs::cli
