// Whether the volumes hold what the files say.
#pragma once

#include "meta/state.hpp"

#include <string>
#include <vector>

namespace ssdfs::meta {

/// Recomputes the digest of every volume from the files, the removed directories and the freed
/// chunks, without those that are lost. A sentence for each volume that differs, at most `limit`.
/// Walks everything.
[[nodiscard]] std::vector<std::string> check_volumes(const state& s, std::size_t limit);

}  // namespace ssdfs::meta
