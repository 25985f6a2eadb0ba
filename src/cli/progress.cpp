#include "cli/progress.hpp"

#include "base/units.hpp"
#include "cli/help_text.hpp"
#include "io/clock.hpp"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>

namespace ssdfs::cli {
namespace {

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
    progress_values now{what_,
                        files,
                        bytes,
                        total_files,
                        total_bytes,
                        totals_known,
                        static_cast<double>(io::steady_ms() - began_ms_) / 1000};
    const std::string text =
        "\r" + progress_line(now, terminal_width(STDERR_FILENO, 80) - 1) + "\033[K";
    std::fputs(text.c_str(), stderr);
    ended_.wait_for(lock, std::chrono::milliseconds(200), [this] { return end_; });
  }
}

std::string progress_line(const progress_values& of, std::size_t width) {
  const double rate = static_cast<double>(of.bytes) / std::max(0.001, of.seconds);
  const bool with_share = of.totals_known && of.total_bytes > 0;
  const double share =
      with_share
          ? std::min(1.0, static_cast<double>(of.bytes) / static_cast<double>(of.total_bytes))
          : 0;
  std::string figures;
  if (with_share) figures += std::to_string(static_cast<int>(share * 100)) + "% ";
  if (of.total_files > 1 || of.files > 1) {
    figures += std::to_string(of.files);
    if (of.totals_known) figures += "/" + std::to_string(of.total_files);
    figures += " files ";
  }
  figures += format_size(of.bytes) + " " + format_size(static_cast<std::uint64_t>(rate)) + "/s";
  if (with_share && of.total_bytes > of.bytes && rate > 0) {
    figures += " " +
               clock_time(static_cast<std::uint64_t>(
                   static_cast<double>(of.total_bytes - of.bytes) / rate)) +
               " left";
  }
  std::string text = of.what + " ";
  // "[", "]" and the blank behind them.
  const std::size_t taken = text.size() + figures.size() + 3;
  const std::size_t bar = width > taken ? std::min<std::size_t>(24, width - taken) : 0;
  if (with_share && bar >= 4) {
    const auto filled = static_cast<std::size_t>(share * static_cast<double>(bar));
    text += "[" + std::string(filled, '=') + std::string(bar - filled, ' ') + "] ";
  }
  return (text + figures).substr(0, width);
}

}  // namespace ssdfs::cli
