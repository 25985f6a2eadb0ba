// make_create: the commit of a file.
#include "base/crc32c.hpp"
#include "meta/command_support.hpp"
#include "meta/path.hpp"

namespace ssdfs::meta {
namespace {

// Size and CRC of the file against those of its chunks.
result<void> check_content(const create_request& q) {
  std::uint64_t size = 0;
  std::uint32_t crc = 0;
  for (const chunk_claim& chunk : q.chunks) {
    size += chunk.size;
    crc = size == chunk.size ? chunk.crc32c : crc32c_combine(crc, chunk.crc32c, chunk.size);
  }
  if (size != q.size) {
    return failure(errc::invalid_argument, "the chunks do not add up to the size of the file");
  }
  if (crc != q.crc32c) {
    return failure(errc::checksum, "the CRCs of the chunks do not combine to that of the file");
  }
  return {};
}

result<void> check_fields(const create_request& q) {
  if (q.chunks.size() > max_record_chunks) {
    return failure(errc::too_large,
                   "a file has at most " + std::to_string(max_record_chunks) + " chunks");
  }
  if (q.size > max_file_bytes) {
    return failure(errc::too_large,
                   "a file has at most " + std::to_string(max_file_bytes) + " bytes");
  }
  if (q.replication > max_replication) {
    return failure(errc::invalid_argument, "replication is 1 to 3");
  }
  if (q.mtime_ms && (*q.mtime_ms > max_mtime_ms || *q.mtime_ms < min_mtime_ms)) {
    return failure(errc::invalid_argument, "the mtime is out of range");
  }
  SSDFS_TRY(check_access(owner_of(q.by), group_of(q.by), q.mode));
  return check_type(q.content_type);
}

result<void> check_chunks(const state& s, const create_request& q, create_record& body) {
  for (const chunk_claim& chunk : q.chunks) {
    body.chunks.push_back({chunk.volume, chunk.key, chunk.size, crc_value(chunk.crc32c)});
  }
  SSDFS_TRY(s.volumes().check_commit(body.chunks.data(), body.chunks.size()));
  for (const chunk_claim& chunk : q.chunks) SSDFS_TRY(check_grant(s, chunk, q.session));
  return {};
}

// Where the file goes: sets parents and replaced.
result<void> check_place(const state& s, const create_request& q, const context& c,
                         create_record& body) {
  const tree& names = s.names();
  const viewer v = viewer_of(q.by, c);
  const path_walk walk = names.walk(q.path);
  SSDFS_TRY(check_search(s, q.path, v));
  if (walk.rest.empty()) {
    if (names.is_directory(walk.last)) return errc::is_directory;
    if (!q.overwrite) return errc::exists;
    const directory_id parent = names.parent_of(walk.last);
    SSDFS_TRY(require(s, names.inode_of(parent), 2, v));
    SSDFS_TRY(check_sticky(s, walk.last, v));
    SSDFS_TRY(check_version(s, walk.last, q.expected));
    body.replaced = true;
    const std::uint64_t old_size = names.attributes(walk.last).size;
    return names.check_quota(parent, 0, q.size > old_size ? q.size - old_size : 0);
  }
  const directory_id parent = names.directory_of(walk.last);
  if (parent == no_directory) return errc::not_directory;
  SSDFS_TRY(require(s, walk.last, 2, v));
  if (!q.expected.empty()) return failure(errc::precondition, "the file is gone");
  const std::uint32_t made = count_components(walk.rest);
  body.parents = made - 1;
  return names.check_quota(parent, made, q.size);
}

}  // namespace

result<decision> make_create(const state& s, const create_request& q, context& c) {
  decision d;
  auto answered = answered_before(s, q.op, d);
  if (!answered) return answered.error();
  if (*answered) return d;
  SSDFS_TRY(check_target(q.path));
  SSDFS_TRY(check_fields(q));
  SSDFS_TRY(check_content(q));

  d.change = next_record(s, c, q.op);
  create_record& body = d.change.body.emplace<create_record>();
  SSDFS_TRY(check_place(s, q, c, body));
  SSDFS_TRY(check_chunks(s, q, body));
  body.path = q.path;
  body.size = q.size;
  body.crc32c = crc_value(q.crc32c);
  body.mtime = q.mtime_ms.value_or(c.wall_ms);
  body.mode = q.mode;
  body.replication = q.replication == 0 ? c.replication : q.replication;
  body.owner = owner_of(q.by);
  body.group = group_of(q.by);
  body.type = q.content_type;
  if (must_keep(s.access(), {body.owner, body.group, body.mode})) body.kept |= kept_access;
  if (body.parents > 0 && must_keep(s.access(), {body.owner, body.group, 0755})) {
    body.kept |= kept_parents;
  }
  if (must_keep(s.types(), body.type)) body.kept |= kept_type;
  return d;
}

}  // namespace ssdfs::meta
