// Names in the trash: /.trash/<bucket>/<original path>, a bucket for every span of log time.
#pragma once

#include "meta/state.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace ssdfs::meta {

/// True for /.trash and everything below.
[[nodiscard]] bool in_trash(std::string_view path) noexcept;

/// Name of the bucket that takes what is removed at `now_ms`: "20260131-150000", UTC. Buckets are
/// a 24th of the expiry wide, but at least a second and at most an hour.
[[nodiscard]] std::string bucket_name(std::int64_t now_ms, std::int64_t expiry_ms);

/// Where to move `path` (which exists, outside of the trash) so that its name is free. Usually
/// below this time's bucket; where something is in the way, below a bucket of its own, named with
/// `.` and the txid. At most max_trash_path_length bytes, so is what lies below a directory.
/// `parents` is set to the number of missing ancestors.
void trash_target(const state& s, std::string_view path, std::int64_t now_ms,
                  std::int64_t expiry_ms, std::string& target, std::uint32_t& parents);

/// The directory of the oldest bucket into which nothing has been moved for the whole expiry;
/// no_inode if there is none.
[[nodiscard]] inode expired_bucket(const state& s, std::int64_t now_ms, std::int64_t expiry_ms);

}  // namespace ssdfs::meta
