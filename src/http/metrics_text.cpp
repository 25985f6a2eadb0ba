#include "http/metrics_text.hpp"

#include <array>
#include <charconv>

namespace ssdfs::http {
namespace {

// 64 us to 16.8 s: the powers of two that the histogram counts exactly.
constexpr unsigned first_power = 6;
constexpr std::size_t powers = 19;

void append_escaped(std::string& to, std::string_view text, bool quotes) {
  for (const char c : text) {
    if (c == '\\') {
      to += "\\\\";
    } else if (c == '\n') {
      to += "\\n";
    } else if (c == '"' && quotes) {
      to += "\\\"";
    } else {
      to += c;
    }
  }
}

}  // namespace

std::string metrics_text::text_of(double value) {
  std::array<char, 32> digits;
  const auto [end, ec] = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  return ec == std::errc() ? std::string(digits.data(), end) : "NaN";
}

void metrics_text::begin(std::string_view name, std::string_view help, std::string_view type) {
  family_ = prefix_;
  family_ += name;
  text_.append("# HELP ").append(family_).append(" ");
  append_escaped(text_, help, false);
  text_.append("\n# TYPE ").append(family_).append(" ").append(type).append("\n");
}

void metrics_text::line(std::string_view suffix, labels with, std::string_view bound,
                        std::string_view value) {
  text_.append(family_).append(suffix);
  char separator = '{';
  const auto add = [&](std::string_view name, std::string_view content) {
    text_ += separator;
    text_.append(name).append("=\"");
    append_escaped(text_, content, true);
    text_ += '"';
    separator = ',';
  };
  for (const auto& [name, content] : with) add(name, content);
  if (!bound.empty()) add("le", bound);
  if (separator == ',') text_ += '}';
  text_.append(" ").append(value).append("\n");
}

void metrics_text::sample_seconds(const ssdfs::histogram& of_us, labels with) {
  std::array<std::uint64_t, powers> below;
  of_us.count_below_powers(first_power, below);
  // Read behind the buckets, so that none of them is above it.
  const std::uint64_t count = of_us.summary().count;
  const double sum = static_cast<double>(of_us.sum()) / 1e6;
  for (std::size_t i = 0; i < powers; ++i) {
    const double limit = static_cast<double>(std::uint64_t{1} << (first_power + i)) / 1e6;
    line("_bucket", with, text_of(limit), std::to_string(below[i]));
  }
  line("_bucket", with, "+Inf", std::to_string(count));
  line("_sum", with, {}, text_of(sum));
  line("_count", with, {}, std::to_string(count));
}

}  // namespace ssdfs::http
