// Paths of the store, and walks over its directories.
#pragma once

#include "cli/session.hpp"

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::cli {

/// "/a" + "b" is "/a/b"; "/" + "b" is "/b".
[[nodiscard]] std::string join_path(std::string_view directory, std::string_view name);
/// True if `path` is `ancestor` or lies below it; both without a slash at the end, but for "/".
[[nodiscard]] bool is_same_or_below(std::string_view path, std::string_view ancestor);
/// The last component; empty for "/".
[[nodiscard]] std::string base_name(std::string_view path);
/// A path of the store as people type it: several slashes count as one, and one at the end says
/// that a directory is meant. "." and ".." are not resolved; the store refuses them.
struct typed_path {
  std::string path;              ///< one slash between names, none at the end; "/" is the root
  bool names_directory = false;  ///< there was a slash at the end
};
[[nodiscard]] typed_path parse_path(std::string_view typed);
/// parse_path, where it makes no difference whether there was a slash at the end.
[[nodiscard]] std::string trim_path(std::string_view typed);

/// The path of an argument that has to be there. If it was typed with a slash at the end and is no
/// directory, that is printed as an error and nothing returned; without one nothing is asked.
[[nodiscard]] std::optional<std::string> source_path(session& from, const std::string& typed);

/// A directory in byte order of names, in pages of at most `limit` entries, which `visit` may take
/// apart: however large the directory is, no more than a page is held. The next page is asked for
/// when visit returns. False, with the error printed, if a page cannot be read.
bool each_page(session& from, const std::string& directory, std::uint32_t limit,
               const std::function<void(std::vector<file_status>&)>& visit);

/// All entries of a directory, one after the other; otherwise as each_page.
bool each_entry(session& from, const std::string& directory,
                const std::function<void(const file_status&)>& visit);

/// The entry and everything below it, parents before children, in byte order. `visit` gets the
/// depth below `top` (0 for it). A directory is not entered if visit returns false for it. Errors
/// are printed and the walk goes on. Holds one page of each directory on the way down.
void walk(session& from, const file_status& top,
          const std::function<bool(const file_status&, std::size_t depth)>& visit);

/// stat of a typed path with the error printed; empty on failure, which a slash behind a file is,
/// too.
[[nodiscard]] std::optional<file_status> stat_or_report(session& from, const std::string& typed,
                                                        bool chunks = false);

}  // namespace ssdfs::cli
