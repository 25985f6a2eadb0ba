#include "http/url.hpp"

#include "http/exchange.hpp"

#include <algorithm>
#include <charconv>

namespace ssdfs::http {
namespace {

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool unreserved(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
         c == '.' || c == '_' || c == '~' || c == '/';
}

}  // namespace

std::optional<std::string> percent_decode(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i];
      continue;
    }
    if (text.size() - i < 3) return {};
    const int high = digit(text[i + 1]);
    const int low = digit(text[i + 2]);
    if (high < 0 || low < 0) return {};
    out += static_cast<char>(high * 16 + low);
    i += 2;
  }
  return out;
}

namespace {

// As percent_decode, but '+' is a blank, and NUL is malformed.
std::optional<std::string> decode_query_text(std::string_view text) {
  std::string spaced(text);
  std::replace(spaced.begin(), spaced.end(), '+', ' ');
  auto out = percent_decode(spaced);
  if (out && out->find('\0') != std::string::npos) return {};
  return out;
}

}  // namespace

std::string percent_encode(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    if (unreserved(c)) {
      out += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out += '%';
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::size_t utf8_length(std::string_view text) noexcept {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  if (text.empty()) return 0;
  const unsigned char first = byte(0);
  if (first < 0x80) return 1;
  const std::size_t n = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
  if (first < 0xc2 || first > 0xf4 || text.size() < n) return 0;
  for (std::size_t i = 1; i < n; ++i) {
    if ((byte(i) & 0xc0) != 0x80) return 0;
  }
  // Longer than needed, half of a pair, beyond the last character.
  if ((first == 0xe0 && byte(1) < 0xa0) || (first == 0xed && byte(1) > 0x9f)) return 0;
  if ((first == 0xf0 && byte(1) < 0x90) || (first == 0xf4 && byte(1) > 0x8f)) return 0;
  return n;
}

std::string printable_utf8(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const std::size_t n = utf8_length(text);
    if (n == 0) {
      out += '?';
    } else {
      out += text.substr(0, n);
    }
    text.remove_prefix(n == 0 ? 1 : n);
  }
  return out;
}

std::optional<std::string> store_path(std::string_view url_path, std::string_view prefix) {
  if (!url_path.starts_with(prefix)) return {};
  std::optional<std::string> path = percent_decode(url_path.substr(prefix.size()));
  if (!path || path->find('\0') != std::string::npos) return {};
  for (std::size_t at = 0; at < path->size();) {
    const std::size_t n = utf8_length(std::string_view(*path).substr(at));
    if (n == 0) return {};
    at += n;
  }
  while (path->ends_with('/')) path->pop_back();
  if (path->empty()) return "/";
  if (path->front() != '/') return {};
  return path;
}

bool names_directory(std::string_view url_path) noexcept {
  return url_path.ends_with('/') || url_path.ends_with("%2F") || url_path.ends_with("%2f");
}

std::string_view query_of(std::string_view target) noexcept {
  const auto begin = target.find('?');
  if (begin == std::string_view::npos) return {};
  target.remove_prefix(begin + 1);
  return target.substr(0, target.find('#'));
}

std::optional<std::string> query_value(std::string_view query, std::string_view name,
                                       bool any_case) {
  while (!query.empty()) {
    const auto end = query.find('&');
    const std::string_view item = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    const auto equals = item.find('=');
    const auto key = decode_query_text(item.substr(0, equals));
    if (!key || !(any_case ? iequal(*key, name) : *key == name)) continue;
    if (equals == std::string_view::npos) return std::string();
    return decode_query_text(item.substr(equals + 1));
  }
  return {};
}

std::optional<std::vector<query_parameter>> parse_query(std::string_view query) {
  std::vector<query_parameter> out;
  while (!query.empty()) {
    const auto end = query.find('&');
    const std::string_view item = query.substr(0, end);
    query.remove_prefix(end == std::string_view::npos ? query.size() : end + 1);
    if (item.empty()) continue;
    const auto equals = item.find('=');
    auto name = decode_query_text(item.substr(0, equals));
    auto value = equals == std::string_view::npos ? std::optional<std::string>(std::string())
                                                  : decode_query_text(item.substr(equals + 1));
    if (!name || !value) return {};
    out.push_back({std::move(*name), std::move(*value)});
  }
  return out;
}

std::optional<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t value = 0;
  const auto [at, ec] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (ec != std::errc() || at != text.data() + text.size() || text.empty()) return {};
  return value;
}

}  // namespace ssdfs::http
