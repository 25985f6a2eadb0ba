#include "io/place.hpp"

#include <sys/stat.h>

#include <cerrno>

namespace ssdfs::io {
namespace {

result<directory_place> place_on_disk(const std::string& directory) {
  struct stat st {};
  if (::stat(directory.c_str(), &st) != 0) {
    if (errno == ENOENT) return failure(errc::not_found, directory + ": no such directory");
    return errno_failure(errno, directory + ": stat");
  }
  if (!S_ISDIR(st.st_mode)) return failure(errc::io, directory + ": not a directory");
  return directory_place{static_cast<std::uint64_t>(st.st_dev),
                         static_cast<std::uint64_t>(st.st_ino)};
}

}  // namespace

result<directory_place> place_of(file_system& fs, const std::string& directory) {
  if (&fs == &system_files()) return place_on_disk(directory);
  auto* const source = dynamic_cast<place_source*>(&fs);
  if (source != nullptr) return source->place(directory);
  return failure(errc::unsupported, directory + ": this file system has no places");
}

}  // namespace ssdfs::io
