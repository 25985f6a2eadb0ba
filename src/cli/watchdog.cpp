#include "cli/watchdog.hpp"

#include "base/log.hpp"
#include "cli/notify.hpp"

#include <boost/asio/post.hpp>

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace ssdfs::cli {
namespace {

constexpr std::int64_t shortest_us = 10'000;

std::int64_t number_in(const char* variable) {
  const char* text = std::getenv(variable);
  std::int64_t value = 0;
  if (text == nullptr) return 0;
  const char* end = text + std::strlen(text);
  const auto [at, ec] = std::from_chars(text, end, value);
  return ec == std::errc() && at == end ? value : 0;
}

}  // namespace

watchdog::watchdog(boost::asio::io_context& io, std::function<bool()> alive)
    : io_(io), alive_(std::move(alive)) {
  const std::int64_t limit_us = number_in("WATCHDOG_USEC");
  const std::int64_t process = number_in("WATCHDOG_PID");
  if (limit_us <= 0 || (process != 0 && process != ::getpid())) return;
  // Thrice within the limit, so that one late beat does not end the process.
  interval_ = std::chrono::microseconds(std::max(limit_us / 3, shortest_us));
}

void watchdog::beat() {
  const bool answered = answered_->exchange(false);
  // One probe at a time: the last one is still waiting for a thread.
  if (answered) boost::asio::post(io_, [flag = answered_] { flag->store(true); });
  if (answered && alive_()) {
    notify_service_manager("WATCHDOG=1");
  } else {
    SSDFS_LOG(warning) << (answered ? "a role does not answer" : "no thread is free")
                       << ": the watchdog is not told";
  }
}

int wait_for_signal(const sigset_t& signals, watchdog& dog) {
  using namespace std::chrono;
  const auto pause = dog.interval().count() > 0 ? dog.interval() : microseconds(hours(1));
  const auto whole = duration_cast<seconds>(pause);
  timespec limit{};
  limit.tv_sec = static_cast<time_t>(whole.count());
  limit.tv_nsec = static_cast<long>(duration_cast<nanoseconds>(pause - whole).count());
  for (;;) {
    const int signal = ::sigtimedwait(&signals, nullptr, &limit);
    if (signal > 0) return signal;
    if (errno == EINTR) continue;
    if (errno != EAGAIN) return -1;
    if (dog.interval().count() > 0) dog.beat();
  }
}

}  // namespace ssdfs::cli
