#include "journal/image_store.hpp"

#include "io/bulk.hpp"
#include "journal/segments.hpp"
#include "meta/record_codec.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace ssdfs::journal {
namespace {

constexpr std::string_view prefix = "image_";
constexpr std::string_view image_suffix = ".ssi";
constexpr std::string_view temporary_suffix = ".ssi.tmp";
constexpr std::size_t name_digits = 20;

std::optional<ssdfs::txid> parse_name(std::string_view name) {
  if (name.size() != prefix.size() + name_digits + image_suffix.size() ||
      !name.starts_with(prefix) || !name.ends_with(image_suffix)) {
    return std::nullopt;
  }
  const std::string_view number = name.substr(prefix.size(), name_digits);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + name_digits, value);
  if (error != std::errc{} || end != number.data() + name_digits) return std::nullopt;
  return ssdfs::txid(value);
}

result<std::uint64_t> write_file(io::file_system& fs, const std::string& path, const meta::state& s,
                                 const save_options& how) {
  auto file = fs.open(path, io::open_mode::create);
  if (!file) return file.error();
  SSDFS_TRY((*file)->truncate(0));
  io::bulk_writer out(**file, 0, how.rate);
  meta::image_sink sink = [&](bytes_view piece) -> result<void> {
    if (how.stop.stop_requested()) return errc::shutting_down;
    return out.write(piece);
  };
  SSDFS_TRY(meta::write_image(s, sink));
  SSDFS_TRY(out.finish());
  return out.end();
}

}  // namespace

std::string image_name(ssdfs::txid txid) {
  const std::string number = std::to_string(txid.value);
  return std::string(prefix) + std::string(name_digits - number.size(), '0') + number +
         std::string(image_suffix);
}

result<std::vector<image_file>> list_images(io::file_system& fs, const std::string& directory) {
  auto entries = fs.list(directory);
  if (!entries) return entries.error();
  std::vector<image_file> out;
  for (const io::directory_entry& entry : *entries) {
    const auto txid = entry.is_directory ? std::nullopt : parse_name(entry.name);
    if (txid) out.push_back({*txid, directory + "/" + entry.name, entry.size});
  }
  std::sort(out.begin(), out.end(),
            [](const image_file& a, const image_file& b) { return a.txid > b.txid; });
  return out;
}

result<std::string> write_image_beside(io::file_system& fs, const std::string& directory,
                                       const meta::state& s, const save_options& how) {
  const std::string temporary = directory + "/" + image_name(s.last_txid()) + ".tmp";
  auto written = write_file(fs, temporary, s, how);
  if (written) return temporary;
  // The first failure is the one to tell; prune_images removes what is left.
  static_cast<void>(io::remove_bulk(fs, temporary).has_value());
  return written.error();
}

result<std::uint64_t> write_image_file(io::file_system& fs, const std::string& path,
                                       const meta::state& s) {
  auto written = write_file(fs, path + ".tmp", s, {});
  if (!written) {
    static_cast<void>(fs.remove(path + ".tmp").has_value());
    return written;
  }
  SSDFS_TRY(fs.rename(path + ".tmp", path));
  const auto slash = path.rfind('/');
  SSDFS_TRY(fs.sync_directory(slash == path.npos ? "." : slash == 0 ? "/" : path.substr(0, slash)));
  return written;
}

result<image_file> save_image(io::file_system& fs, const std::string& directory,
                              const meta::state& s, const save_options& how) {
  auto written = write_image_beside(fs, directory, s, how);
  if (!written) return written.error();
  return place_image(fs, directory, *written, s.last_txid());
}

result<image_file> place_image(io::file_system& fs, const std::string& directory,
                               const std::string& path, ssdfs::txid txid) {
  image_file out{txid, directory + "/" + image_name(txid), 0};
  SSDFS_TRY(fs.rename(path, out.path));
  SSDFS_TRY(fs.sync_directory(directory));
  auto file = fs.open(out.path, io::open_mode::read);
  if (!file) return file.error();
  auto size = (*file)->size();
  if (!size) return size.error();
  out.bytes = *size;
  return out;
}

result<void> set_aside(io::file_system& fs, const image_file& image) {
  SSDFS_TRY(fs.rename(image.path, image.path + ".damaged"));
  return fs.sync_directory(image.path.substr(0, image.path.rfind('/')));
}

result<void> prune_images(io::file_system& fs, const std::string& directory, std::size_t keep) {
  auto images = list_images(fs, directory);
  if (!images) return images.error();
  for (std::size_t i = keep; i < images->size(); ++i) {
    const std::string& path = (*images)[i].path;
    SSDFS_TRY(fs.rename(path, path + ".tmp"));
  }
  if (images->size() > keep) SSDFS_TRY(fs.sync_directory(directory));
  auto entries = fs.list(directory);
  if (!entries) return entries.error();
  const ssdfs::txid newest = images->empty() ? ssdfs::txid{} : images->front().txid;
  for (const io::directory_entry& entry : *entries) {
    if (entry.is_directory || !entry.name.ends_with(temporary_suffix)) continue;
    // One that is ahead of all images may still be being written.
    const std::string_view name(entry.name);
    const auto txid = parse_name(name.substr(0, name.size() - 4));
    if (txid && *txid <= newest) SSDFS_TRY(io::remove_bulk(fs, directory + "/" + entry.name));
  }
  return fs.sync_directory(directory);
}

namespace {

// Log time of the last record of a finalized segment.
result<std::int64_t> last_time(io::file_system& fs, const std::string& path) {
  auto mapped = fs.map(path);
  if (!mapped) return mapped.error();
  std::string_view text = as_chars((*mapped)->bytes());
  if (!text.empty() && text.back() == '\n') text.remove_suffix(1);
  const auto newline = text.rfind('\n');
  if (newline != text.npos) text.remove_prefix(newline + 1);
  meta::line_parser parser;
  meta::record record;
  if (auto parsed = parser.parse_unchecked(text, record); !parsed) {
    return failure(parsed.error().code, path + ": its last record: " + parsed.error().message());
  }
  return record.time_ms;
}

}  // namespace

result<std::size_t> prune_segments(io::file_system& fs, const std::string& directory,
                                   std::int64_t now_ms, std::int64_t age_ms) {
  const auto images = list_images(fs, directory);
  if (!images) return images.error();
  if (images->size() < 2) return std::size_t{0};
  const ssdfs::txid kept = (*images)[1].txid;
  const auto segments = list_segments(fs, directory);
  if (!segments) return segments.error();
  // From the oldest on, so that what is left has no gap wherever this ends.
  std::size_t removed = 0;
  for (const segment_name& segment : *segments) {
    if (!segment.last || *segment.last > kept) break;
    const std::string path = directory + "/" + segment.file;
    const auto time_ms = last_time(fs, path);
    if (!time_ms) return time_ms.error();
    if (*time_ms > now_ms - age_ms) break;
    SSDFS_TRY(fs.remove(path));
    // One by one: the removal of a later one must not outlive a crash that an earlier one does not.
    SSDFS_TRY(fs.sync_directory(directory));
    ++removed;
  }
  return removed;
}

}  // namespace ssdfs::journal
