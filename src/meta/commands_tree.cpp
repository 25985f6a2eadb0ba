// Commands on names: directories, renames, removals, attributes, quotas, trash.
#include "meta/command_support.hpp"
#include "meta/path.hpp"
#include "meta/trash.hpp"

namespace ssdfs::meta {
namespace {

result<void> check_rename_target(const state& s, const rename_request& q, const context& c,
                                 inode moved, const path_walk& to, rename_record& body) {
  const tree& names = s.names();
  const viewer v = viewer_of(q.by, c);
  SSDFS_TRY(check_search(s, q.to, v));
  if (to.rest.empty()) {
    if (!q.overwrite) return errc::exists;
    if (names.is_directory(to.last)) return errc::is_directory;
    if (names.is_directory(moved)) return errc::not_directory;
    const directory_id parent = names.parent_of(to.last);
    SSDFS_TRY(require(s, names.inode_of(parent), 2, v));
    SSDFS_TRY(check_sticky(s, to.last, v));
    body.replaced = true;
    return names.check_quota_move(moved, parent, 0, to.last);
  }
  const directory_id parent = names.directory_of(to.last);
  if (parent == no_directory) return errc::not_directory;
  SSDFS_TRY(require(s, to.last, 2, v));
  body.parents = count_components(to.rest) - 1;
  if (body.parents > 0 && !q.parents) return errc::not_found;
  return names.check_quota_move(moved, parent, body.parents);
}

// Entries that a rename may look at where something below may get too long a path: some
// milliseconds at most.
constexpr std::size_t length_check_budget = 20'000;

// Whether the caller could list all directories from `top` down to what holds the entry.
bool may_see(const state& s, inode entry, inode top, const viewer& v) {
  const tree& names = s.names();
  while (entry != top) {
    entry = names.inode_of(names.parent_of(entry));
    if (!allowed(s, entry, 4 | 1, v)) return false;
  }
  return true;
}

// That everything below a directory still has a name after the move. What is too long already, as
// only older masters left it, may move to where it is not longer.
result<void> check_lengths(const state& s, const rename_request& q, inode moved, const viewer& v) {
  const tree& names = s.names();
  const directory_id directory = names.directory_of(moved);
  if (directory == no_directory) return {};
  if (q.to.size() <= q.from.size() && !in_trash(q.from)) return {};
  const auto found =
      names.find_longer(directory, max_path_length - q.to.size(), length_check_budget);
  if (found.entry != no_inode) {
    std::string which;
    if (may_see(s, found.entry, moved, v)) {
      which = ", that of what is now " + names.path_of(found.entry);
    }
    return failure(errc::name_too_long, "a path below would be longer than 4096 bytes" + which);
  }
  if (!found.certain) {
    return failure(errc::name_too_long,
                   "a path below may get longer than 4096 bytes, and there is too much to tell");
  }
  return {};
}

}  // namespace

result<decision> make_directory(const state& s, const directory_request& q, context& c) {
  decision d;
  auto answered = answered_before(s, q.op, d);
  if (!answered) return answered.error();
  if (*answered) return d;
  SSDFS_TRY(check_target(q.path));
  SSDFS_TRY(check_access(owner_of(q.by), group_of(q.by), q.mode));

  const viewer v = viewer_of(q.by, c);
  const path_walk walk = s.names().walk(q.path);
  SSDFS_TRY(check_search(s, q.path, v));
  if (walk.rest.empty()) {
    if (!q.parents || !s.names().is_directory(walk.last)) return errc::exists;
    return already(s);
  }
  const directory_id parent = s.names().directory_of(walk.last);
  if (parent == no_directory) return errc::not_directory;
  const std::uint32_t made = count_components(walk.rest);
  if (made > 1 && !q.parents) return errc::not_found;
  SSDFS_TRY(require(s, walk.last, 2, v));
  SSDFS_TRY(s.names().check_quota(parent, made, 0));

  d.change = next_record(s, c, q.op);
  auto& body = d.change.body.emplace<mkdir_record>();
  body.path = q.path;
  body.parents = made - 1;
  body.mode = q.mode;
  body.owner = owner_of(q.by);
  body.group = group_of(q.by);
  if (must_keep(s.access(), {body.owner, body.group, body.mode})) body.kept |= kept_access;
  if (body.parents > 0 && must_keep(s.access(), {body.owner, body.group, 0755})) {
    body.kept |= kept_parents;
  }
  return d;
}

result<decision> make_rename(const state& s, const rename_request& q, context& c) {
  decision d;
  auto answered = answered_before(s, q.op, d);
  if (!answered) return answered.error();
  if (*answered) return d;
  SSDFS_TRY(check_path(q.from));
  SSDFS_TRY(check_target(q.to));
  SSDFS_TRY(check_access(owner_of(q.by), group_of(q.by), 0755));
  if (q.from == "/" || q.from == trash_path) return errc::permission_denied;
  auto moved = s.names().lookup(q.from);
  if (!moved) return moved.error();
  SSDFS_TRY(check_unlink(s, q.from, *moved, viewer_of(q.by, c)));
  const path_walk to = s.names().walk(q.to);
  if (to.rest.empty() && to.last == *moved) return already(s);
  if (is_same_or_below(q.to, q.from) && s.names().is_directory(*moved)) return errc::into_itself;

  d.change = next_record(s, c, q.op);
  auto& body = d.change.body.emplace<rename_record>();
  SSDFS_TRY(check_rename_target(s, q, c, *moved, to, body));
  SSDFS_TRY(check_lengths(s, q, *moved, viewer_of(q.by, c)));
  body.from = q.from;
  body.to = q.to;
  if (body.parents > 0) {
    body.owner = owner_of(q.by);
    body.group = group_of(q.by);
    if (must_keep(s.access(), {body.owner, body.group, 0755})) body.kept |= kept_parents;
  }
  return d;
}

result<decision> make_remove(const state& s, const remove_request& q, context& c) {
  decision d;
  auto answered = answered_before(s, q.op, d);
  if (!answered) return answered.error();
  if (*answered) return d;
  SSDFS_TRY(check_path(q.path));
  if (q.path == "/") return failure(errc::permission_denied, "the root cannot be removed");
  auto entry = s.names().lookup(q.path);
  if (!entry) return entry.error();
  const viewer v = viewer_of(q.by, c);
  SSDFS_TRY(check_unlink(s, q.path, *entry, v));
  SSDFS_TRY(check_version(s, *entry, q.expected));
  const directory_id directory = s.names().directory_of(*entry);
  if (directory != no_directory) {
    const subtree_totals below = s.names().totals(directory);
    const bool empty = below.files + below.directories == 0;
    if (!empty && !q.recursive) return errc::not_empty;
    if (!empty && !in_trash(q.path)) SSDFS_TRY(require(s, *entry, 2 | 1, v));
  }

  d.change = next_record(s, c, q.op);
  if (q.skip_trash || c.trash_expiry_ms <= 0 || in_trash(q.path)) {
    d.change.body.emplace<delete_record>().path = q.path;
    return d;
  }
  auto& body = d.change.body.emplace<rename_record>();
  trash_target(s, q.path, d.change.time_ms, c.trash_expiry_ms, c.scratch, body.parents);
  body.from = q.path;
  body.to = c.scratch;
  body.trash = true;
  if (body.parents > 0) body.owner = body.group = "root";
  return d;
}

namespace {

// Who may change what of an entry: its owner and the superuser; another owner or group only the
// superuser can set, but a caller may give an own file to the own group.
result<void> check_attribute_rights(const attributes_request& q, const entry_view& entry,
                                    const state& s, const viewer& v) {
  if (!v.permissions || owner_of(q.by) == v.superuser) return {};
  const bool owns = entry.owner == owner_of(q.by);
  const bool other_owner = (q.mask & attribute_owner) != 0 && q.owner != entry.owner;
  const bool other_group = (q.mask & attribute_group) != 0 && q.group != entry.group &&
                           !(owns && q.group == group_of(q.by));
  if (other_owner || other_group) return errc::permission_denied;
  if (owns) return {};
  const bool only_mtime = q.mask == attribute_mtime;
  if (only_mtime && allowed(s, entry.entry, 2, v)) return {};
  return errc::permission_denied;
}

}  // namespace

result<decision> make_set_attributes(const state& s, const attributes_request& q, context& c) {
  decision d;
  auto answered = answered_before(s, q.op, d);
  if (!answered) return answered.error();
  if (*answered) return d;
  SSDFS_TRY(check_target(q.path));
  constexpr unsigned known = attribute_mtime | attribute_mode | attribute_owner | attribute_group |
                             attribute_replication | attribute_type;
  if (q.mask == 0 || (q.mask & ~known) != 0) {
    return failure(errc::invalid_argument, "no or unknown attributes");
  }
  auto found = s.names().lookup(q.path);
  if (!found) return found.error();
  const viewer v = viewer_of(q.by, c);
  SSDFS_TRY(check_search(s, q.path, v));
  const entry_view entry = view_of(s, *found);
  SSDFS_TRY(check_attribute_rights(q, entry, s, v));

  const auto set = [&](std::uint8_t bit) { return (q.mask & bit) != 0; };
  if (entry.directory && (set(attribute_replication) || set(attribute_type))) {
    return errc::is_directory;
  }
  const access_view access{set(attribute_owner) ? q.owner : entry.owner,
                           set(attribute_group) ? q.group : entry.group,
                           set(attribute_mode) ? q.mode : entry.mode};
  SSDFS_TRY(check_access(access.owner, access.group, access.mode));
  if (set(attribute_mtime) && (q.mtime_ms > max_mtime_ms || q.mtime_ms < min_mtime_ms)) {
    return failure(errc::invalid_argument, "the mtime is out of range");
  }
  if (set(attribute_replication) && (q.replication == 0 || q.replication > max_replication)) {
    return failure(errc::invalid_argument, "replication is 1 to 3");
  }
  if (set(attribute_type)) SSDFS_TRY(check_type(q.content_type));

  d.change = next_record(s, c, q.op);
  auto& body = d.change.body.emplace<setattr_record>();
  body.path = q.path;
  body.mask = q.mask;
  if (set(attribute_mtime)) body.mtime = q.mtime_ms;
  if (set(attribute_mode)) body.mode = q.mode;
  if (set(attribute_owner)) body.owner = q.owner;
  if (set(attribute_group)) body.group = q.group;
  if (set(attribute_replication)) body.replication = q.replication;
  if (set(attribute_type)) body.type = q.content_type;
  const bool other_access = set(attribute_mode) || set(attribute_owner) || set(attribute_group);
  if (other_access && must_keep(s.access(), access)) body.kept |= kept_access;
  if (set(attribute_type) && must_keep(s.types(), body.type)) body.kept |= kept_type;
  return d;
}

result<decision> make_quota(const state& s, const quota_request& q, context& c) {
  decision d;
  auto answered = answered_before(s, q.op, d);
  if (!answered) return answered.error();
  if (*answered) return d;
  SSDFS_TRY(check_target(q.path));
  if (!q.names && !q.bytes) return failure(errc::invalid_argument, "no limit is given");
  if (c.permissions && owner_of(q.by) != c.superuser) return errc::permission_denied;
  auto entry = s.names().lookup(q.path);
  if (!entry) return entry.error();
  const directory_id directory = s.names().directory_of(*entry);
  if (directory == no_directory) return errc::not_directory;
  const quota before = s.names().quota_of(directory);
  d.change = next_record(s, c, q.op);
  auto& body = d.change.body.emplace<quota_record>();
  body.path = q.path;
  body.names = q.names.value_or(before.names);
  body.bytes = q.bytes.value_or(before.bytes);
  return d;
}

result<std::optional<record>> make_trash_expiry(const state& s, context& c) {
  const inode bucket = expired_bucket(s, c.now_ms, c.trash_expiry_ms);
  if (bucket == no_inode) return std::optional<record>();
  c.scratch = s.names().path_of(bucket);
  record r = next_record(s, c);
  r.body.emplace<delete_record>().path = c.scratch;
  return std::optional<record>(std::move(r));
}

std::optional<record> make_trash_empty(const state& s, const context& c) {
  if (trash_totals(s) == subtree_totals{}) return std::nullopt;
  record r = next_record(s, c);
  r.body.emplace<delete_record>().path = trash_path;
  return r;
}

std::optional<record> make_forget(const state& s, std::size_t least, const context& c) {
  const auto unused = [](const auto& table, const use_counts& uses) {
    std::vector<std::uint16_t> out;
    for (std::size_t i = 1; i < table.size() && out.size() < max_forgotten; ++i) {
      const auto id = static_cast<std::uint16_t>(i);
      if (uses[id] == 0 && table.taken(id)) out.push_back(id);
    }
    return out;
  };
  forget_record body{unused(s.access(), s.names().access_uses()),
                     unused(s.types(), s.names().type_uses())};
  if (body.access.size() + body.types.size() < least) return std::nullopt;
  record r = next_record(s, c);
  r.body = std::move(body);
  return r;
}

}  // namespace ssdfs::meta
