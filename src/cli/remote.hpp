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
/// The last component; empty for "/".
[[nodiscard]] std::string base_name(std::string_view path);
/// Without trailing slashes (but "/" stays), as people type directories.
[[nodiscard]] std::string trim_path(std::string path);

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

/// stat with the error printed; empty on failure.
[[nodiscard]] std::optional<file_status> stat_or_report(session& from, const std::string& path,
                                                        bool chunks = false);

}  // namespace ssdfs::cli
