#include "net/process_stats.hpp"

#include <sys/resource.h>
#include <unistd.h>

#include <cstdio>

namespace ssdfs::net {

wire::server_stats_reply process_stats() {
  wire::server_stats_reply out;
  out.process = static_cast<std::uint64_t>(::getpid());
  rusage usage{};
  if (::getrusage(RUSAGE_SELF, &usage) == 0) {
    const auto us = [](const timeval& t) {
      return static_cast<std::uint64_t>(t.tv_sec) * 1'000'000 +
             static_cast<std::uint64_t>(t.tv_usec);
    };
    out.user_cpu_us = us(usage.ru_utime);
    out.system_cpu_us = us(usage.ru_stime);
  }
  // Without /proc the figure stays 0: it is for people only.
  if (std::FILE* file = std::fopen("/proc/self/statm", "re"); file != nullptr) {
    unsigned long total = 0;
    unsigned long resident = 0;
    if (std::fscanf(file, "%lu %lu", &total, &resident) == 2) {
      out.resident_bytes = std::uint64_t{resident} * static_cast<std::uint64_t>(::getpagesize());
    }
    std::fclose(file);
  }
  return out;
}

}  // namespace ssdfs::net
