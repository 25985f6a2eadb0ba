// Contents of registers for tests: "CLUSTER NUMBER".
#pragma once

#include "coord/shared_register.hpp"

#include <string>
#include <string_view>

namespace ssdfs::test {

inline std::string register_text(const std::string& cluster, int number) {
  return cluster + " " + std::to_string(number);
}

/// Takes the texts of one cluster only; what has no blank is no register at all.
inline coord::register_judge judge_of(std::string cluster) {
  return [cluster = std::move(cluster)](std::string_view content) -> result<void> {
    const auto blank = content.find(' ');
    if (blank == std::string_view::npos) return failure(errc::damaged, "it has no blank");
    if (content.substr(0, blank) != cluster) {
      return failure(errc::wrong_cluster,
                     "it is of cluster " + std::string(content.substr(0, blank)));
    }
    return {};
  };
}

}  // namespace ssdfs::test
