// "HOST:PORT" texts.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace ssdfs::net {

struct host_port {
  std::string host;  ///< empty for every address; an IPv6 address without its brackets
  std::uint16_t port = 0;
};

/// "HOST:PORT", ":PORT", "*:PORT", "[::1]:PORT", and, if `default_port` is not 0, "HOST".
/// errc::invalid_argument otherwise.
[[nodiscard]] result<host_port> parse_host_port(std::string_view text,
                                                std::uint16_t default_port = 0);

[[nodiscard]] std::string format_host_port(const host_port& address);

}  // namespace ssdfs::net
