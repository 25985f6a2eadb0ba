#include "journal/image_store.hpp"

#include "base/log.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

namespace ssdfs::journal {
namespace {

constexpr std::string_view prefix = "image_";
constexpr std::string_view suffix = ".ssi";
constexpr std::string_view temporary_suffix = ".ssi.tmp";
constexpr std::size_t digits = 20;
constexpr std::size_t read_block = std::size_t{1} << 20;

std::optional<ssdfs::txid> parse_name(std::string_view name) {
  if (name.size() != prefix.size() + digits + suffix.size() || !name.starts_with(prefix) ||
      !name.ends_with(suffix)) {
    return std::nullopt;
  }
  const std::string_view number = name.substr(prefix.size(), digits);
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(number.data(), number.data() + digits, value);
  if (error != std::errc{} || end != number.data() + digits) return std::nullopt;
  return ssdfs::txid(value);
}

result<std::uint64_t> write_file(io::file_system& fs, const std::string& path,
                                 const meta::state& s) {
  auto file = fs.open(path, io::open_mode::create);
  if (!file) return file.error();
  SSDFS_TRY((*file)->truncate(0));
  std::uint64_t offset = 0;
  meta::image_sink sink = [&](bytes_view piece) -> result<void> {
    SSDFS_TRY((*file)->write({&piece, 1}, offset));
    offset += piece.size();
    return {};
  };
  SSDFS_TRY(meta::write_image(s, sink));
  SSDFS_TRY((*file)->sync());
  return offset;
}

}  // namespace

std::string image_name(ssdfs::txid txid) {
  const std::string number = std::to_string(txid.value);
  return std::string(prefix) + std::string(digits - number.size(), '0') + number +
         std::string(suffix);
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

result<image_file> save_image(io::file_system& fs, const std::string& directory,
                              const meta::state& s) {
  image_file out{s.last_txid(), directory + "/" + image_name(s.last_txid()), 0};
  const std::string temporary = out.path + ".tmp";
  auto written = write_file(fs, temporary, s);
  if (!written) {
    // The first failure is the one to tell; prune_images removes what is left.
    static_cast<void>(fs.remove(temporary).has_value());
    return written.error();
  }
  out.bytes = *written;
  SSDFS_TRY(fs.rename(temporary, out.path));
  SSDFS_TRY(fs.sync_directory(directory));
  return out;
}

result<meta::image_head> load_image(io::file_system& fs, const std::string& path,
                                    meta::state& target) {
  auto file = fs.open(path, io::open_mode::read);
  if (!file) return file.error();
  meta::image_loader loader(target);
  std::vector<std::byte> block(read_block);
  for (std::uint64_t offset = 0;;) {
    auto got = (*file)->read(block, offset);
    if (!got) return got.error();
    if (auto fed = loader.feed(bytes_view(block).first(*got)); !fed) {
      return failure(fed.error().code, path + ": " + fed.error().message());
    }
    offset += *got;
    if (*got < block.size()) break;
  }
  if (auto done = loader.finish(); !done) {
    return failure(done.error().code, path + ": " + done.error().message());
  }
  return loader.head();
}

result<loaded_state> load_newest(io::file_system& fs, const std::string& directory) {
  auto images = list_images(fs, directory);
  if (!images) return images.error();
  loaded_state out;
  for (const image_file& image : *images) {
    out.state = std::make_unique<meta::state>();
    auto head = load_image(fs, image.path, *out.state);
    if (head && head->txid == image.txid) {
      out.position = {head->txid, head->chain};
      out.path = image.path;
      return out;
    }
    const std::string why = head ? image.path + ": holds txid " + std::to_string(head->txid.value)
                                 : head.error().message();
    SSDFS_LOG(warning) << "image refused: " << why;
    out.refused.push_back(why);
  }
  if (!out.refused.empty()) {
    return failure(errc::damaged, "no image can be read: " + out.refused.front());
  }
  out.state = std::make_unique<meta::state>();
  return out;
}

result<void> prune_images(io::file_system& fs, const std::string& directory, std::size_t keep) {
  auto entries = fs.list(directory);
  if (!entries) return entries.error();
  for (const io::directory_entry& entry : *entries) {
    if (!entry.is_directory && entry.name.starts_with(prefix) &&
        entry.name.ends_with(temporary_suffix)) {
      SSDFS_TRY(fs.remove(directory + "/" + entry.name));
    }
  }
  auto images = list_images(fs, directory);
  if (!images) return images.error();
  for (std::size_t i = keep; i < images->size(); ++i) SSDFS_TRY(fs.remove((*images)[i].path));
  return fs.sync_directory(directory);
}

}  // namespace ssdfs::journal
