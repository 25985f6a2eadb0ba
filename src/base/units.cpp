#include "base/units.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <limits>

namespace ssdfs {
namespace {

struct split_number {
  double value = 0;
  std::string unit;  // lower case
};

result<split_number> split(std::string_view text) {
  split_number out;
  const auto [end, ec] =
      std::from_chars(text.data(), text.data() + text.size(), out.value, std::chars_format::fixed);
  if (ec != std::errc() || end == text.data() || !std::isfinite(out.value) || out.value < 0) {
    return failure(errc::invalid_argument, "'" + std::string(text) + "' is not a number");
  }
  for (const char* p = end; p != text.data() + text.size(); ++p) {
    out.unit += *p >= 'A' && *p <= 'Z' ? static_cast<char>(*p - 'A' + 'a') : *p;
  }
  return out;
}

result<std::int64_t> scaled(double value, double factor, std::string_view text) {
  const double product = std::round(value * factor);
  if (product >= 9.2e18) {
    return failure(errc::invalid_argument, "'" + std::string(text) + "' is too large");
  }
  return static_cast<std::int64_t>(product);
}

}  // namespace

result<std::uint64_t> parse_size(std::string_view text) {
  auto parts = split(text);
  if (!parts) return parts.error();
  double factor = 0;
  const std::string& unit = parts->unit;
  if (unit.empty() || unit == "b") factor = 1;
  if (unit == "k" || unit == "kib") factor = static_cast<double>(KiB);
  if (unit == "m" || unit == "mib") factor = static_cast<double>(MiB);
  if (unit == "g" || unit == "gib") factor = static_cast<double>(GiB);
  if (unit == "t" || unit == "tib") factor = static_cast<double>(TiB);
  if (factor == 0) {
    return failure(errc::invalid_argument,
                   "'" + std::string(text) + "' is not a size (KiB, MiB, GiB, TiB)");
  }
  auto bytes = scaled(parts->value, factor, text);
  if (!bytes) return bytes.error();
  return static_cast<std::uint64_t>(*bytes);
}

result<std::int64_t> parse_duration_ms(std::string_view text) {
  auto parts = split(text);
  if (!parts) return parts.error();
  double factor = 0;
  const std::string& unit = parts->unit;
  if (unit == "ms") factor = 1;
  if (unit == "s") factor = 1000;
  if (unit == "m") factor = 60.0 * 1000;
  if (unit == "h") factor = 3600.0 * 1000;
  if (unit.empty() && parts->value == 0) factor = 1;
  if (factor == 0) {
    return failure(errc::invalid_argument,
                   "'" + std::string(text) + "' is not a time (ms, s, m, h)");
  }
  return scaled(parts->value, factor, text);
}

std::string format_size(std::uint64_t bytes) {
  static constexpr std::array<const char*, 6> units = {"B", "KiB", "MiB", "GiB", "TiB", "PiB"};
  if (bytes < KiB) return std::to_string(bytes) + " B";
  auto value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < units.size()) {
    value /= 1024;
    ++unit;
  }
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.1f %s", value, units[unit]);
  return text.data();
}

std::string format_duration_ms(std::int64_t ms) {
  if (ms != 0 && ms % 3600000 == 0) return std::to_string(ms / 3600000) + "h";
  if (ms != 0 && ms % 60000 == 0) return std::to_string(ms / 60000) + "m";
  if (ms != 0 && ms % 1000 == 0) return std::to_string(ms / 1000) + "s";
  return std::to_string(ms) + "ms";
}

}  // namespace ssdfs
