#include "meta/command_support.hpp"

#include "meta/path.hpp"
#include "meta/trash.hpp"

#include <algorithm>

namespace ssdfs::meta {
namespace {

constexpr std::uint16_t sticky_bit = 01000;

result<void> check_text(std::string_view text, const char* what) {
  const bool control = std::any_of(text.begin(), text.end(), [](char c) {
    return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
  });
  if (text.size() > string_table::max_length || control || !is_utf8(text)) {
    return failure(errc::invalid_argument, std::string(what) + " is not a text of 255 bytes");
  }
  return {};
}

}  // namespace

record next_record(const state& s, const context& c, const operation& op) {
  record r;
  r.txid = s.last_txid().next();
  r.time_ms = std::max(s.log_time_ms(), c.now_ms);
  r.op = op;
  return r;
}

result<bool> answered_before(const state& s, const operation& op, decision& d) {
  auto known = s.results().find(op);
  if (!known) return known.error();
  if (*known == nullptr) return false;
  d.answered = true;
  d.answer = **known;
  return true;
}

decision already(const state& s) {
  decision d;
  d.answered = true;
  d.answer.txid = s.last_txid();
  return d;
}

result<void> check_access(std::string_view owner, std::string_view group, std::uint16_t mode) {
  if (owner.empty() || group.empty()) {
    return failure(errc::invalid_argument, "owner and group cannot be empty");
  }
  SSDFS_TRY(check_text(owner, "the owner"));
  SSDFS_TRY(check_text(group, "the group"));
  if (mode > 07777) return failure(errc::invalid_argument, "the mode is over 07777");
  return {};
}

result<void> check_type(std::string_view type) {
  if (type.empty()) return {};
  return check_text(type, "the content type");
}

bool must_keep(const access_table& shared, const access_view& access) {
  // One more for the directories that a record may make.
  return shared.used() + 2 > max_shared_access &&
         !shared.find(access.owner, access.group, access.mode);
}

bool must_keep(const content_type_table& shared, std::string_view type) {
  return shared.used() >= max_shared_types && !shared.find(type);
}

result<void> check_target(std::string_view path) {
  SSDFS_TRY(check_path(path));
  if (in_trash(path)) {
    return failure(errc::permission_denied, "only removing puts something into the trash");
  }
  return {};
}

result<void> require(const state& s, inode entry, unsigned bits, const viewer& v) {
  if (allowed(s, entry, bits, v)) return {};
  return failure(errc::permission_denied, s.names().path_of(entry) + ": permission denied");
}

result<void> check_search(const state& s, std::string_view path, const viewer& v) {
  if (!v.permissions || owner_of(v.by) == v.superuser) return {};
  const tree& names = s.names();
  const bool thrown_away = in_trash(path);
  inode at = names.inode_of(root_directory);
  while (names.is_directory(at)) {
    const std::string_view name = pop_component(path);
    if (name.empty()) return {};
    SSDFS_TRY(require(s, at, 1, v));
    if (thrown_away && !may_see_in_trash(s, at, v)) {
      return failure(errc::permission_denied, names.path_of(at) + ": permission denied");
    }
    at = names.find(names.directory_of(at), name);
    if (at == no_inode) return {};
  }
  return {};
}

result<void> check_unlink(const state& s, std::string_view path, inode entry, const viewer& v) {
  if (!v.permissions || owner_of(v.by) == v.superuser) return {};
  SSDFS_TRY(check_search(s, path, v));
  // Directories of the trash belong to nobody, what they hold to whom it belonged before.
  if (in_trash(path) && view_of(s, entry).owner == owner_of(v.by)) return {};
  const inode parent = s.names().inode_of(s.names().parent_of(entry));
  SSDFS_TRY(require(s, parent, 2 | 1, v));
  return check_sticky(s, entry, v);
}

result<void> check_sticky(const state& s, inode entry, const viewer& v) {
  if (!v.permissions || owner_of(v.by) == v.superuser) return {};
  const inode parent = s.names().inode_of(s.names().parent_of(entry));
  const entry_view directory = view_of(s, parent);
  const std::string_view who = owner_of(v.by);
  if ((directory.mode & sticky_bit) == 0 || directory.owner == who) return {};
  if (view_of(s, entry).owner == who) return {};
  return failure(errc::permission_denied, s.names().path_of(entry) + ": permission denied");
}

result<void> check_version(const state& s, inode entry, std::span<const file_version> expected) {
  if (expected.empty()) return {};
  const tree& names = s.names();
  if (names.is_directory(entry)) return failure(errc::precondition, "this is a directory");
  const file_attributes now = names.attributes(entry);
  const file_version version{now.size, now.crc32c, now.mtime_ms};
  if (std::find(expected.begin(), expected.end(), version) != expected.end()) return {};
  return failure(errc::precondition, "the file is another one by now");
}

result<void> check_grant(const state& s, const chunk_claim& chunk, const client_id& session) {
  const grant_info& grant = *s.volumes().find(chunk.volume)->grant_of(chunk.key);
  // Keys count up, so they can be guessed: nobody takes another's, or names what is not there.
  if (grant.owner != session || session == client_id()) {
    return failure(errc::permission_denied, "key " + std::to_string(chunk.key) + " of volume " +
                                                std::to_string(chunk.volume.value) +
                                                " was granted to another session");
  }
  if (grant.generation == chunk.generation) return {};
  return failure(make_error_code(errc::regrant), "a chunk names another generation than its grant",
                 std::to_string(chunk.volume.value));
}

std::uint32_t count_components(std::string_view rest) noexcept {
  std::uint32_t n = 0;
  while (!pop_component(rest).empty()) ++n;
  return n;
}

}  // namespace ssdfs::meta
