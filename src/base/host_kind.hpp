// What kind of address a node is known by: texts only, nothing is resolved.
#pragma once

#include <cstdint>
#include <string_view>

namespace ssdfs {

enum class host_kind : std::uint8_t {
  ordinary,    ///< can be told to other machines, as far as the text says
  loopback,    ///< 127.0.0.0/8, ::1, localhost: means each machine itself
  wildcard,    ///< 0.0.0.0, ::, *, empty: every address of a machine, and none to connect to
  link_local,  ///< fe80::/10: means something only together with an interface of the caller
};

/// The host of "HOST:PORT", "[V6]:PORT" or a host alone; without brackets.
[[nodiscard]] std::string_view host_of(std::string_view address) noexcept;

/// The kind of "HOST:PORT", "[V6]:PORT" or a host alone.
[[nodiscard]] host_kind kind_of_host(std::string_view address) noexcept;

}  // namespace ssdfs
