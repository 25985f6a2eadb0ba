#include "io/file.hpp"

#include "io/passing.hpp"

#include <chrono>
#include <thread>

namespace ssdfs::io {

std::string parent_directory(const std::string& path) {
  const auto slash = path.rfind('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

namespace {

result<void> write_temporary(file_system& fs, const std::string& path, bytes_view content) {
  auto out = fs.open(path, open_mode::create);
  if (!out) return out.error();
  // A file of the same name may be left from an earlier crash.
  SSDFS_TRY((*out)->truncate(0));
  SSDFS_TRY((*out)->write({&content, 1}, 0));
  return (*out)->sync();
}

result<std::vector<std::byte>> read_once(file_system& fs, const std::string& path,
                                         std::uint64_t limit) {
  auto in = fs.open(path, open_mode::read);
  if (!in) return in.error();
  auto size = (*in)->size();
  if (!size) return size.error();
  if (*size > limit) {
    return failure(errc::too_large, path + ": over " + std::to_string(limit) + " bytes");
  }
  std::vector<std::byte> content(static_cast<std::size_t>(*size));
  auto got = (*in)->read(content, 0);
  if (!got) return got.error();
  content.resize(*got);
  return content;
}

// How often a small file is read before it counts as unreadable, and what passes between.
constexpr int read_tries = 3;
constexpr auto read_pause = std::chrono::milliseconds(50);

}  // namespace

result<std::vector<std::byte>> read_file(file_system& fs, const std::string& path,
                                         std::uint64_t limit) {
  for (int tries = 1;; ++tries) {
    auto content = read_once(fs, path, limit);
    const bool again = !content && (content.error() == errc::io || passes(content.error()));
    if (!again || tries == read_tries) return content;
    std::this_thread::sleep_for(read_pause);
  }
}

result<void> replace_file(file_system& fs, const std::string& path, bytes_view content) {
  const std::string temporary = path + ".tmp";
  if (auto written = write_temporary(fs, temporary, content); !written) {
    // The first failure is the one to tell; what cannot be removed is overwritten next time.
    static_cast<void>(fs.remove(temporary).has_value());
    return written.error();
  }
  if (auto renamed = fs.rename(temporary, path); !renamed) {
    static_cast<void>(fs.remove(temporary).has_value());  // as above
    return renamed;
  }
  return fs.sync_directory(parent_directory(path));
}

}  // namespace ssdfs::io
