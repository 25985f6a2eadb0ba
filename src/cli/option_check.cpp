#include "cli/option_check.hpp"

#include "base/host_kind.hpp"
#include "base/units.hpp"
#include "net/address.hpp"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <sstream>
#include <system_error>

namespace ssdfs::cli {
namespace {

result<void> check_range(const option_spec& spec, std::int64_t value, const std::string& text) {
  const bool limited =
      spec.maximum != 0 && spec.maximum != std::numeric_limits<std::int64_t>::max();
  if (value >= spec.minimum && (!limited || value <= spec.maximum)) return {};
  const auto shown = [&](std::int64_t limit) {
    if (spec.kind == option_kind::duration) return format_duration_ms(limit);
    if (spec.kind == option_kind::integer) return std::to_string(limit);
    return format_size(static_cast<std::uint64_t>(limit));
  };
  return bad_value(spec.name, "'" + text + "' is out of range (" +
                                  (limited ? shown(spec.minimum) + " to " + shown(spec.maximum)
                                           : "at least " + shown(spec.minimum)) +
                                  ")");
}

// All that a list or a single text holds must be addresses.
result<void> check_address(const option_spec& spec, const std::string& text) {
  if (spec.choices == "off" && text == "off") return {};
  if (spec.choices == "told" && text.empty()) return {};
  std::size_t addresses = 0;
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, spec.choices == "list" ? ',' : '\0');) {
    if (part.empty() && spec.choices == "list") continue;
    const auto address = net::parse_host_port(part);
    if (!address) return bad_value(spec.name, address.error().message());
    if (spec.choices == "told" && (address->host.empty() || address->port == 0)) {
      return bad_value(spec.name, "'" + text + "': others need a host and a port to connect to");
    }
    if (spec.choices == "told" && kind_of_host(part) == host_kind::wildcard) {
      return bad_value(spec.name, "'" + text + "' stands for every address of a machine: others " +
                                      "need one that they can connect to");
    }
    ++addresses;
  }
  if (addresses == 0) return bad_value(spec.name, "needs an address, HOST:PORT");
  return {};
}

// "DIR:10GB" would be a directory of that name: a number behind the last colon is a capacity.
result<void> check_capacities(const option_spec& spec, const std::string& text) {
  std::istringstream parts(text);
  for (std::string part; std::getline(parts, part, ',');) {
    const std::string end = part.substr(part.rfind(':') + 1);
    if (end.size() == part.size() || end.empty() || end.find('/') != std::string::npos) continue;
    if (end.front() < '0' || end.front() > '9') continue;
    if (const auto size = parse_size(end); !size)
      return bad_value(spec.name, size.error().message());
  }
  return {};
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

bool is_percentage(const std::string& text) {
  if (text.size() < 2 || text.back() != '%') return false;
  int value = 0;
  const char* end = text.data() + text.size() - 1;
  const auto [at, ec] = std::from_chars(text.data(), end, value);
  return ec == std::errc() && at == end && value >= 0 && value < 100;
}

}  // namespace

failure bad_value(std::string_view name, const std::string& why) {
  return {errc::invalid_argument, "option " + std::string(name) + ": " + why};
}

result<void> check_value(const option_spec& spec, const std::string& text) {
  // Names and racks are shown in tables and on terminals.
  if (std::any_of(text.begin(), text.end(), is_control)) {
    return bad_value(spec.name, "has a control character in it");
  }
  switch (spec.kind) {
    case option_kind::text:
      if (spec.name == "data-dir") return check_capacities(spec, text);
      return {};
    case option_kind::repeated: return {};
    case option_kind::address: return check_address(spec, text);
    case option_kind::flag:
      if (text == "true" || text == "false") return {};
      return bad_value(spec.name, "'" + text + "' is neither true nor false");
    case option_kind::amount:
      if (is_percentage(text)) return {};
      [[fallthrough]];
    case option_kind::size: {
      const auto bytes = parse_size(text);
      if (!bytes) return bad_value(spec.name, bytes.error().message());
      return check_range(spec, static_cast<std::int64_t>(*bytes), text);
    }
    case option_kind::duration: {
      const auto ms = parse_duration_ms(text);
      if (!ms) return bad_value(spec.name, ms.error().message());
      return check_range(spec, *ms, text);
    }
    case option_kind::integer: {
      std::int64_t value = 0;
      const char* end = text.data() + text.size();
      const auto [at, ec] = std::from_chars(text.data(), end, value);
      if (ec != std::errc() || at != end)
        return bad_value(spec.name, "'" + text + "' is not a number");
      return check_range(spec, value, text);
    }
    case option_kind::choice: {
      std::istringstream words{std::string(spec.choices)};
      for (std::string word; std::getline(words, word, '|');) {
        if (word == text) return {};
      }
      return bad_value(spec.name, "'" + text + "' is none of " + std::string(spec.choices));
    }
  }
  return {};
}

}  // namespace ssdfs::cli
