#include "journal/segments.hpp"

#include <algorithm>
#include <charconv>

namespace ssdfs::journal {
namespace {

constexpr std::string_view finalized_prefix = "edits_";
constexpr std::string_view in_progress_prefix = "edits_inprogress_";
constexpr std::string_view segment_suffix = ".log";
constexpr std::size_t txid_digits = 20;

std::string padded(ssdfs::txid id) {
  std::string text = std::to_string(id.value);
  return std::string(txid_digits - text.size(), '0') + text;
}

std::optional<ssdfs::txid> parse_padded(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (text.size() != txid_digits || error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return ssdfs::txid(value);
}

}  // namespace

std::string in_progress_name(ssdfs::txid first) {
  return std::string(in_progress_prefix) + padded(first) + std::string(segment_suffix);
}

std::string finalized_name(ssdfs::txid first, ssdfs::txid last) {
  return std::string(finalized_prefix) + padded(first) + "-" + padded(last) +
         std::string(segment_suffix);
}

std::optional<segment_name> parse_segment_name(std::string_view file) {
  std::string_view middle = file;
  if (!file.starts_with(finalized_prefix) || !file.ends_with(segment_suffix)) return std::nullopt;
  middle.remove_suffix(segment_suffix.size());
  if (middle.starts_with(in_progress_prefix)) {
    const auto first = parse_padded(middle.substr(in_progress_prefix.size()));
    if (!first) return std::nullopt;
    return segment_name{std::string(file), *first, std::nullopt};
  }
  middle.remove_prefix(finalized_prefix.size());
  if (middle.size() != 2 * txid_digits + 1 || middle[txid_digits] != '-') return std::nullopt;
  const auto first = parse_padded(middle.substr(0, txid_digits));
  const auto last = parse_padded(middle.substr(txid_digits + 1));
  if (!first || !last || *last < *first) return std::nullopt;
  return segment_name{std::string(file), *first, last};
}

result<std::vector<segment_name>> list_segments(io::file_system& fs, const std::string& directory) {
  auto entries = fs.list(directory);
  if (!entries) return entries.error();
  std::vector<segment_name> out;
  for (const io::directory_entry& entry : *entries) {
    auto name = entry.is_directory ? std::nullopt : parse_segment_name(entry.name);
    if (name) out.push_back(std::move(*name));
  }
  std::sort(out.begin(), out.end(), [](const segment_name& a, const segment_name& b) {
    return a.first != b.first ? a.first < b.first : a.last.has_value() && !b.last.has_value();
  });
  for (std::size_t i = 1; i < out.size(); ++i) {
    const segment_name& before = out[i - 1];
    if (!before.last || *before.last >= out[i].first) {
      return failure(errc::damaged,
                     directory + ": segments " + before.file + " and " + out[i].file + " overlap");
    }
  }
  return out;
}

}  // namespace ssdfs::journal
