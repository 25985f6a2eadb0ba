#include "cli/progress.hpp"

#include "base/units.hpp"
#include "io/clock.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>

namespace ssdfs::cli {
namespace {

std::size_t terminal_width() {
  winsize size{};
  if (::ioctl(STDERR_FILENO, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
  return size.ws_col;
}

std::string clock_time(std::uint64_t seconds) {
  std::array<char, 32> text{};
  if (seconds >= 3600) {
    std::snprintf(text.data(), text.size(), "%llu:%02llu:%02llu",
                  static_cast<unsigned long long>(seconds / 3600),
                  static_cast<unsigned long long>(seconds / 60 % 60),
                  static_cast<unsigned long long>(seconds % 60));
  } else {
    std::snprintf(text.data(), text.size(), "%llu:%02llu",
                  static_cast<unsigned long long>(seconds / 60),
                  static_cast<unsigned long long>(seconds % 60));
  }
  return text.data();
}

}  // namespace

progress::progress(std::string what)
    : what_(std::move(what)), began_ms_(io::steady_ms()), terminal_(::isatty(STDERR_FILENO) == 1) {
  if (terminal_) thread_ = std::thread([this] { run(); });
}

progress::~progress() {
  if (!terminal_) return;
  {
    const std::lock_guard lock(mutex_);
    end_ = true;
  }
  ended_.notify_all();
  thread_.join();
  clear_line();
}

void progress::clear_line() {
  if (terminal_) std::fputs("\r\033[K", stderr);
}

void progress::run() {
  std::unique_lock lock(mutex_);
  // Work that is done at once should not flicker.
  ended_.wait_for(lock, std::chrono::milliseconds(500), [this] { return end_; });
  while (!end_) {
    const std::string text = "\r" + line() + "\033[K";
    std::fputs(text.c_str(), stderr);
    ended_.wait_for(lock, std::chrono::milliseconds(200), [this] { return end_; });
  }
}

std::string progress::line() const {
  const std::uint64_t done = bytes;
  const std::uint64_t all = total_bytes;
  const double seconds = std::max(0.001, static_cast<double>(io::steady_ms() - began_ms_) / 1000);
  const double rate = static_cast<double>(done) / seconds;
  std::string text = what_ + " ";
  if (totals_known && all > 0) {
    const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(all));
    constexpr int width = 24;
    const int filled = static_cast<int>(share * width);
    text += "[" + std::string(static_cast<std::size_t>(filled), '=') +
            std::string(static_cast<std::size_t>(width - filled), ' ') + "] " +
            std::to_string(static_cast<int>(share * 100)) + "% ";
  }
  if (total_files > 1 || files > 1) {
    text += std::to_string(files.load());
    if (totals_known) text += "/" + std::to_string(total_files.load());
    text += " files ";
  }
  text += format_size(done) + " " + format_size(static_cast<std::uint64_t>(rate)) + "/s";
  if (totals_known && all > done && rate > 0) {
    text += " " + clock_time(static_cast<std::uint64_t>(static_cast<double>(all - done) / rate)) +
            " left";
  }
  return text.substr(0, terminal_width() - 1);
}

}  // namespace ssdfs::cli
