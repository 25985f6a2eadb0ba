// What the commands share. Used by the commands' own files alone.
#pragma once

#include "meta/commands.hpp"
#include "meta/queries.hpp"

#include <string_view>

namespace ssdfs::meta {

/// Values in the tables of what entries share at most: combinations of owner, group and mode, and
/// content types. Far below what the tables can hold, so that a record which passed here never
/// fails to be applied. What comes beyond it is kept with its entry.
inline constexpr std::size_t max_shared_access = 32'000;
inline constexpr std::size_t max_shared_types = 4096;

/// A record that follows the state's last, at the context's time.
[[nodiscard]] record next_record(const state& s, const context& c, const operation& op = {});

/// True if `op` has a result, which is in `d` then. Fails as operation_results::find.
result<bool> answered_before(const state& s, const operation& op, decision& d);

/// The answer for what is there already.
[[nodiscard]] decision already(const state& s);

[[nodiscard]] inline viewer viewer_of(const caller& by, const context& c) {
  return {by, c.permissions, c.superuser};
}
[[nodiscard]] inline std::string_view owner_of(const caller& by) {
  return by.user.empty() ? std::string_view("root") : by.user;
}
[[nodiscard]] inline std::string_view group_of(const caller& by) {
  return by.group.empty() ? owner_of(by) : by.group;
}

/// invalid_argument unless these can be an entry's owner, group and mode.
result<void> check_access(std::string_view owner, std::string_view group, std::uint16_t mode);
/// invalid_argument unless this can be a content type; "" always can.
result<void> check_type(std::string_view type);
/// True if the value has to be kept with its entry: it is not in the table, which is full.
[[nodiscard]] bool must_keep(const access_table& shared, const access_view& access);
[[nodiscard]] bool must_keep(const content_type_table& shared, std::string_view type);

/// check_path, and permission_denied in the trash.
result<void> check_target(std::string_view path);

/// That `v` may search every directory on the way to the last component that exists. Nothing to do
/// when permissions are off.
result<void> check_search(const state& s, std::string_view path, const viewer& v);
/// permission_denied unless allowed().
result<void> require(const state& s, inode entry, unsigned bits, const viewer& v);
/// That `v` may take `entry` out of its directory.
result<void> check_unlink(const state& s, std::string_view path, inode entry, const viewer& v);
/// That a directory with the sticky bit lets `v` remove or replace `entry` in it: the owners of
/// both may.
result<void> check_sticky(const state& s, inode entry, const viewer& v);

/// errc::precondition unless `entry` is a file of one of the versions; nothing to do if none is
/// given.
result<void> check_version(const state& s, inode entry, std::span<const file_version> expected);

/// That the grant of a chunk that passed volume_table::check_commit is the session's own, and of
/// the generation that the claim names: permission_denied, regrant.
result<void> check_grant(const state& s, const chunk_claim& chunk, const client_id& session);

/// Number of components of what path_walk left over.
[[nodiscard]] std::uint32_t count_components(std::string_view rest) noexcept;

}  // namespace ssdfs::meta
