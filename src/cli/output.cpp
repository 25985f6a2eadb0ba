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

std::string shown_name(const std::string& name) {
  static const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  if (!terminal) return name;
  std::string out = name;
  std::replace_if(
      out.begin(), out.end(),
      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }, '?');
  return out;
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
