// How long the paths below a directory are: a bound in each directory, and the search behind it.
#include "meta/tree.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <vector>

namespace ssdfs::meta {

// The longest path that an entry adds to its directory, its own name and '/' included.
std::size_t tree::length_with(inode entry) const {
  const std::size_t own = 1 + name(entry).size();
  return is_directory(entry) ? own + record_of(directory_of(entry)).longest : own;
}

// A path of `length` bytes is below a directory now. Ends at the first one that knows longer ones,
// which nearly always is the first at all.
void tree::note_length(directory_id directory, std::size_t length) {
  constexpr std::size_t most = std::numeric_limits<std::uint16_t>::max();
  while (directory != no_directory) {
    directory_record& record = record_of(directory);
    const auto now = static_cast<std::uint16_t>(std::min(length, most));
    if (record.longest >= now) return;
    record.longest = now;
    length = std::size_t{now} + 1 + record.name_length;
    directory = directory_id(directories_[directory].parent);
  }
}

tree::longer_entry tree::find_longer(directory_id directory, std::size_t room,
                                     std::size_t budget) const {
  struct level {
    directory_id directory;
    std::size_t room;
    inode last;  // of the entries that were looked at
  };
  std::vector<level> open;
  if (record_of(directory).longest > room) open.push_back({directory, room, no_inode});
  std::array<inode, 16> page{};
  while (!open.empty()) {
    level& now = open.back();
    const std::size_t n =
        list(now.directory, now.last == no_inode ? std::string_view() : name(now.last), page);
    if (n == 0) {
      open.pop_back();
      continue;
    }
    for (std::size_t i = 0; i < n; ++i) {
      if (budget-- == 0) return {no_inode, false};
      const inode entry = page[i];
      now.last = entry;
      const std::size_t length = 1 + name(entry).size();
      if (length > now.room) return {entry, true};
      const directory_id below = directory_of(entry);
      if (below != no_directory && record_of(below).longest > now.room - length) {
        open.push_back({below, now.room - length, no_inode});  // `now` is no longer valid
        break;
      }
    }
  }
  return {};
}

}  // namespace ssdfs::meta
