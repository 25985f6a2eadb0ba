// Requests about the namespace. Reads look at the tree, mutations go through meta/commands.hpp.
#include "master/mutate.hpp"

#include "meta/path.hpp"
#include "ssdfs/types.hpp"

namespace ssdfs::master {
namespace {

constexpr std::uint32_t list_limit = 4096;
constexpr std::size_t list_bytes = 512 << 10;  // a page stays well below a frame's message
constexpr std::size_t locate_limit = 1024;
constexpr std::size_t wire_chunk_limit = 40'000;  // chunks of a lookup that fit a message

wire::entry_info info_of(const meta::state& s, meta::inode entry) {
  wire::entry_info out;
  std::uint16_t access = 0;
  if (s.names().is_directory(entry)) {
    const auto a = s.names().attributes(s.names().directory_of(entry));
    out.type = static_cast<std::uint8_t>(entry_type::directory);
    out.mtime_ms = a.mtime_ms;
    access = a.access;
  } else {
    const auto a = s.names().attributes(entry);
    out.type = static_cast<std::uint8_t>(entry_type::file);
    out.size = a.size;
    out.crc32c = a.crc32c;
    out.mtime_ms = a.mtime_ms;
    out.replication = a.replication;
    out.content_type = s.types().text(a.content_type);
    access = a.access;
  }
  out.owner = s.access().owner(access);
  out.group = s.access().group(access);
  out.mode = s.access().mode(access);
  return out;
}

// Paths of reads are checked as those of mutations are, so that both give the same errors.
result<meta::inode> resolve(const meta::state& s, std::string_view path) {
  SSDFS_TRY(meta::check_path(path));
  return s.names().lookup(path);
}

}  // namespace

meta::caller service::caller_of(std::string_view user, std::string_view group) const {
  return {user, group};
}

void service::lookup(net::request r) {
  wire::lookup_request q;
  if (!r.decode(q)) return r.fail(errc::protocol);
  const meta::state& s = core_.state();
  const auto entry = resolve(s, q.path);
  if (!entry) return core_.refuse(std::move(r), entry.error());
  wire::lookup_reply reply;
  reply.entry = info_of(s, *entry);
  if (!s.names().is_directory(*entry)) {
    if (s.names().chunk_count(*entry) > wire_chunk_limit) {
      return r.fail(failure(errc::too_large, "the file has too many chunks for one answer"));
    }
    std::vector<meta::chunk_ref> chunks;
    s.names().chunks(*entry, chunks);
    reply.chunks.reserve(chunks.size());
    for (const auto& c : chunks) {
      reply.chunks.push_back(
          {s.volumes()[c.at.volume].info.id, c.at.key, c.size, c.crc32c, 0});
    }
  }
  answer_read(std::move(r), std::move(reply));
}

void service::locate(net::request r) {
  wire::locate_request q;
  if (!r.decode(q) || q.volumes.size() > locate_limit) return r.fail(errc::protocol);
  wire::locate_reply reply;
  reply.cache_ms = core_.options().delete_grace_ms / 2;
  for (const volume_id volume : q.volumes) {
    if (!core_.state().volumes().contains(volume)) continue;
    reply.volumes.push_back({volume, core_.nodes().readers(volume)});
  }
  answer_read(std::move(r), std::move(reply));
}

void service::list(net::request r) {
  wire::list_request q;
  if (!r.decode(q)) return r.fail(errc::protocol);
  if (q.limit == 0 || q.limit > list_limit) {
    return r.fail(failure(errc::invalid_argument, "limit must be 1 to 4096"));
  }
  const meta::state& s = core_.state();
  const auto entry = resolve(s, q.path);
  if (!entry) return core_.refuse(std::move(r), entry.error());
  if (!s.names().is_directory(*entry)) return core_.refuse(std::move(r), errc::not_directory);
  const meta::directory_id directory = s.names().directory_of(*entry);
  const bool at_root = directory == meta::root_directory;
  std::vector<meta::inode> page(q.limit + 1);  // one more tells whether there is more
  const std::size_t found = s.names().list(directory, q.after, page);
  wire::list_reply reply;
  reply.more = found > q.limit;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(found, q.limit); ++i) {
    const std::string_view name = s.names().name(page[i]);
    if (at_root && name == meta::trash_path.substr(1)) continue;  // hidden
    if (bytes > list_bytes) {
      reply.more = true;
      break;
    }
    reply.entries.push_back({std::string(name), info_of(s, page[i])});
    const auto& info = reply.entries.back().entry;
    bytes += 80 + name.size() + info.owner.size() + info.group.size() + info.content_type.size();
  }
  answer_read(std::move(r), std::move(reply));
}

void service::summary(net::request r) {
  wire::summary_request q;
  if (!r.decode(q)) return r.fail(errc::protocol);
  const meta::state& s = core_.state();
  const auto entry = resolve(s, q.path);
  if (!entry) return core_.refuse(std::move(r), entry.error());
  wire::summary_reply reply;
  if (!s.names().is_directory(*entry)) {
    reply.files = 1;
    reply.bytes = s.names().attributes(*entry).size;
    return answer_read(std::move(r), reply);
  }
  const meta::directory_id directory = s.names().directory_of(*entry);
  const auto totals = s.names().totals(directory);
  reply.files = totals.files;
  reply.directories = totals.directories + 1;
  reply.bytes = totals.bytes;
  if (directory == meta::root_directory) {
    if (const auto trash = s.names().lookup(meta::trash_path)) {
      const auto hidden = s.names().totals(s.names().directory_of(*trash));
      reply.files -= hidden.files;
      reply.directories -= hidden.directories + 1;
      reply.bytes -= hidden.bytes;
    }
  }
  answer_read(std::move(r), reply);
}

void service::commit_file(net::request r) {
  mutate<wire::commit_file_request>(
      std::move(r), [this](const auto& q, const meta::operation& op, meta::context& c) {
        boost::container::small_vector<meta::chunk_claim, 4> chunks;
        for (const auto& k : q.chunks) {
          chunks.push_back({k.volume, k.key, k.size, k.crc32c, k.generation});
        }
        meta::create_request to;
        to.op = op;
        to.path = q.path;
        to.overwrite = q.overwrite;
        to.size = q.size;
        to.crc32c = q.crc32c;
        to.mtime_ms = q.mtime_ms;
        to.mode = q.mode;
        to.replication = q.replication;
        to.by = caller_of(q.user, q.group);
        to.content_type = q.content_type;
        to.chunks = {chunks.data(), chunks.size()};
        return meta::make_create(core_.state(), to, c);
      });
}

void service::make_directory(net::request r) {
  mutate<wire::make_directory_request>(
      std::move(r), [this](const auto& q, const meta::operation& op, meta::context& c) {
        return meta::make_directory(core_.state(),
                                    {op, q.path, q.parents, q.mode, caller_of(q.user, q.group)}, c);
      });
}

void service::rename(net::request r) {
  mutate<wire::rename_request>(
      std::move(r), [this](const auto& q, const meta::operation& op, meta::context& c) {
        return meta::make_rename(
            core_.state(), {op, q.from, q.to, q.overwrite, q.parents, caller_of(q.user, {})}, c);
      });
}

void service::remove(net::request r) {
  mutate<wire::remove_request>(
      std::move(r), [this](const auto& q, const meta::operation& op, meta::context& c) {
        return meta::make_remove(
            core_.state(), {op, q.path, q.recursive, q.skip_trash, caller_of(q.user, {})}, c);
      });
}

void service::set_attributes(net::request r) {
  mutate<wire::set_attributes_request>(
      std::move(r), [this](const auto& q, const meta::operation& op, meta::context& c) {
        meta::attributes_request to;
        to.op = op;
        to.path = q.path;
        // Only the protocol's own bits: what it has no field for cannot be set by it.
        to.mask = q.mask & (wire::attribute_mtime | wire::attribute_mode | wire::attribute_owner |
                            wire::attribute_group);
        to.mtime_ms = q.mtime_ms;
        to.mode = q.mode;
        to.owner = q.owner;
        to.group = q.group;
        to.by = caller_of(q.user, {});
        return meta::make_set_attributes(core_.state(), to, c);
      });
}

void service::trash_empty(net::request r) {
  wire::trash_empty_request q;
  if (!r.decode(q)) return r.fail(errc::protocol);
  if (auto allowed = core_.may_change(); !allowed) return r.fail(allowed.error());
  const meta::context& c = core_.context();
  if (c.permissions && q.user != c.superuser) return r.fail(errc::permission_denied);
  wire::trash_empty_reply reply;
  if (const auto trash = core_.state().names().lookup(meta::trash_path)) {
    reply.entries =
        core_.state().names().totals(core_.state().names().directory_of(*trash)).files;
  }
  auto change = meta::make_trash_empty(core_.state(), c);
  if (change) {
    if (auto logged = core_.log(*change); !logged) return r.fail(logged.error());
  }
  answer_read(std::move(r), reply);
}

}  // namespace ssdfs::master
