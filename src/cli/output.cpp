#include "cli/output.hpp"

#include "base/units.hpp"

#include <boost/json/array.hpp>
#include <boost/json/serialize.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <iostream>

namespace ssdfs::cli {
namespace {

// Columns on a terminal: continuation bytes of UTF-8 take no room.
std::size_t width_of(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xc0) != 0x80;
  }));
}

}  // namespace

void print_json(const boost::json::value& value) {
  std::cout << boost::json::serialize(value) << "\n";
}

boost::json::object to_json(const file_status& status, bool with_chunks) {
  boost::json::object out;
  const bool file = status.type == entry_type::file;
  out["path"] = status.path;
  out["type"] = file ? "file" : "directory";
  out["size"] = status.size;
  out["crc32c"] = format_crc(status.crc32c);
  out["mtime_ms"] = status.mtime_ms;
  out["owner"] = status.owner;
  out["group"] = status.group;
  out["mode"] = format_octal(status.mode);
  out["replication"] = status.replication;
  out["content_type"] = status.content_type;
  if (!with_chunks) return out;
  boost::json::array chunks;
  for (const auto& c : status.chunks) {
    boost::json::object chunk;
    chunk["volume"] = std::to_string(c.volume);
    chunk["key"] = std::to_string(c.key);
    chunk["size"] = c.size;
    chunk["crc32c"] = format_crc(c.crc32c);
    boost::json::array nodes;
    for (const auto& n : c.nodes) nodes.emplace_back(n);
    chunk["nodes"] = std::move(nodes);
    chunks.emplace_back(std::move(chunk));
  }
  out["chunks"] = std::move(chunks);
  return out;
}

std::string format_crc(std::uint32_t crc) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%08x", crc);
  return text.data();
}

std::string format_mode(const file_status& status) {
  std::string out = status.type == entry_type::directory ? "d" : "-";
  for (int shift = 6; shift >= 0; shift -= 3) {
    const int bits = status.mode >> shift & 7;
    out += (bits & 4) != 0 ? 'r' : '-';
    out += (bits & 2) != 0 ? 'w' : '-';
    out += (bits & 1) != 0 ? 'x' : '-';
  }
  return out;
}

std::string format_octal(std::uint16_t mode) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode));
  return text.data();
}

std::string format_time(std::int64_t ms) {
  const std::time_t seconds = ms >= 0 ? ms / 1000 : (ms - 999) / 1000;
  std::tm parts{};
  localtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &parts);
  return text.data();
}

std::string format_bytes(std::uint64_t bytes, bool human) {
  return human ? format_size(bytes) : std::to_string(bytes);
}

std::string counted(std::uint64_t count, std::string_view one, std::string_view many) {
  std::string out = std::to_string(count) + " ";
  if (count == 1) return out.append(one);
  return many.empty() ? out.append(one) + "s" : out.append(many);
}

std::string format_age(std::int64_t ms) {
  constexpr std::int64_t second = 1000;
  constexpr std::int64_t minute = 60 * second;
  constexpr std::int64_t hour = 60 * minute;
  if (ms < 10 * second) return std::to_string(ms) + " ms";
  if (ms < 2 * minute) return std::to_string(ms / second) + " s";
  if (ms < 2 * hour) return std::to_string(ms / minute) + " min";
  if (ms < 48 * hour) return std::to_string(ms / hour) + " h";
  return std::to_string(ms / (24 * hour)) + " days";
}

std::string printable(std::string_view text) {
  std::string out;
  const auto at = [&](std::size_t i) {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0U;
  };
  for (std::size_t i = 0; i < text.size(); ++i) {
    const unsigned a = at(i);
    const unsigned b = at(i + 1);
    const unsigned c = at(i + 2);
    std::size_t length = 0;  // of a character that is not to be printed
    if (a < 0x20 || a == 0x7f) length = 1;
    if (a == 0xc2 && b >= 0x80 && b < 0xa0) length = 2;                // U+0080 to U+009F
    if (a == 0xe2 && b == 0x80 && c >= 0xaa && c <= 0xae) length = 3;  // U+202A to U+202E
    if (a == 0xe2 && b == 0x81 && c >= 0xa6 && c <= 0xa9) length = 3;  // U+2066 to U+2069
    if (length == 0) {
      out += text[i];
    } else {
      out += '?';
      i += length - 1;
    }
  }
  return out;
}

std::string shown_name(const std::string& name) {
  static const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  return terminal ? printable(name) : name;
}

void table::widen(const std::vector<std::string>& row) {
  if (widths_.size() < row.size()) widths_.resize(row.size());
  for (std::size_t i = 0; i < row.size(); ++i) widths_[i] = std::max(widths_[i], width_of(row[i]));
}

void table::print_row(const std::vector<std::string>& row) const {
  std::string line;
  for (std::size_t i = 0; i < row.size(); ++i) {
    const bool right = i < header_.size() && header_[i].starts_with('>');
    const std::string pad(widths_[i] - width_of(row[i]), ' ');
    if (i > 0) line += "  ";
    line += right ? pad + row[i] : row[i] + pad;
  }
  line.erase(line.find_last_not_of(' ') + 1);
  std::cout << line << "\n";
}

void table::print() {
  std::vector<std::string> titles = header_;
  for (auto& title : titles) {
    if (title.starts_with('>')) title.erase(0, 1);
  }
  const bool titled =
      !header_done_ && std::any_of(titles.begin(), titles.end(),
                                   [](const std::string& title) { return !title.empty(); });
  if (titled) widen(titles);
  for (const auto& row : rows_) widen(row);
  if (titled) print_row(titles);
  for (const auto& row : rows_) print_row(row);
  header_done_ = true;
  rows_.clear();
}

}  // namespace ssdfs::cli
