// Requests about the namespace. Reads look at the tree, mutations go through meta/commands.hpp.
#include "master/mutate.hpp"
#include "meta/queries.hpp"
#include "ssdfs/types.hpp"

namespace ssdfs::master {
namespace {

constexpr std::size_t list_bytes = 512 << 10;  // a page stays well below a frame's message

wire::entry_info info_of(const meta::entry_view& e) {
  wire::entry_info out;
  out.type = static_cast<std::uint8_t>(e.directory ? entry_type::directory : entry_type::file);
  out.size = e.size;
  out.crc32c = e.crc32c;
  out.mtime_ms = e.mtime_ms;
  out.owner = e.owner;
  out.group = e.group;
  out.mode = e.mode;
  out.replication = e.replication;
  out.content_type = e.content_type;
  return out;
}

meta::chunk_claim claim_of(const wire::chunk_ref& c) {
  return {c.volume, c.key, c.size, c.crc32c, c.generation};
}

bool is_new(const meta::state& s, const meta::operation& op) {
  const auto known = s.results().find(op);
  return known && *known == nullptr;
}

std::vector<meta::file_version> versions_of(const std::vector<wire::file_version>& from) {
  std::vector<meta::file_version> out;
  out.reserve(from.size());
  for (const auto& v : from) out.push_back({v.size, v.crc32c, v.mtime_ms});
  return out;
}

}  // namespace

meta::viewer service::viewer_of(std::string_view user) const {
  return {{user, {}}, core_.options().permissions};
}

void service::lookup(net::request r, const wire::lookup_request& q) {
  if (q.chunk_limit > wire::chunk_page) return r.fail(errc::protocol);
  const meta::state& s = core_.state();
  const auto found = meta::lookup(s, q.path, viewer_of(q.user));
  if (!found) return core_.refuse(std::move(r), found.error());
  wire::lookup_reply reply;
  reply.entry = info_of(*found);
  if (!found->directory) {
    reply.chunk_count = static_cast<std::uint32_t>(s.names().chunk_count(found->entry));
    if (q.chunk_limit > 0) {
      const auto page = meta::chunk_page_of(s, found->entry, q.offset, q.chunk_limit);
      reply.first_chunk = page.first;
      reply.first_offset = page.first_offset;
      reply.layout = page.layout;
      reply.chunks.reserve(page.chunks.size());
      for (const auto& c : page.chunks) {
        const generation_t mark = s.volumes().is_lost(c.volume, c.key) ? wire::chunk_lost : 0;
        reply.chunks.push_back({c.volume, c.key, c.size, c.crc32c.value, mark});
      }
    }
  }
  answer_read(std::move(r), std::move(reply));
}

void service::locate(net::request r, const wire::locate_request& q) {
  if (q.volumes.size() > wire::most_located) return r.fail(errc::protocol);
  wire::locate_reply reply;
  reply.cache_ms = core_.options().delete_grace_ms / 2;
  for (const volume_id volume : q.volumes) {
    if (!core_.state().volumes().contains(volume)) continue;
    wire::volume_location& where = reply.volumes.emplace_back();
    where.volume = volume;
    where.replicas = core_.nodes().readers(volume, &where.preferred);
  }
  answer_read(std::move(r), std::move(reply));
}

void service::list(net::request r, const wire::list_request& q) {
  if (q.limit == 0 || q.limit > max_list_entries) {
    return r.fail(
        failure(errc::invalid_argument, "limit must be 1 to " + std::to_string(max_list_entries)));
  }
  std::vector<meta::entry_view> page;
  const auto more = meta::list(core_.state(), q.path, q.after, q.limit, viewer_of(q.user), page);
  if (!more) return core_.refuse(std::move(r), more.error());
  wire::list_reply reply;
  reply.more = *more;
  std::size_t bytes = 0;
  for (const auto& e : page) {
    if (bytes > list_bytes) {
      reply.more = true;
      break;
    }
    reply.entries.push_back({std::string(e.name), info_of(e)});
    bytes += 80 + e.name.size() + e.owner.size() + e.group.size() + e.content_type.size();
  }
  answer_read(std::move(r), std::move(reply));
}

void service::summary(net::request r, const wire::summary_request& q) {
  const auto totals = meta::summarize(core_.state(), q.path, viewer_of(q.user));
  if (!totals) return core_.refuse(std::move(r), totals.error());
  answer_read(std::move(r), wire::summary_reply{totals->files, totals->directories, totals->bytes});
}

void service::commit_chunks(net::request r, const wire::commit_chunks_request& q) {
  if (q.op.sequence == 0 || q.op.client == client_id() || q.chunks.empty() ||
      q.chunks.size() > wire::chunk_page) {
    return r.fail(errc::protocol);
  }
  if (auto allowed = core_.may_change(); !allowed) return r.fail(allowed.error());
  if (q.op.client != r.from().peer().client) {
    return r.fail(failure(errc::permission_denied, "the operation is another client's"));
  }
  std::vector<meta::chunk_claim> page;
  page.reserve(q.chunks.size());
  for (const auto& k : q.chunks) page.push_back(claim_of(k));
  const auto kept =
      staged_.add(q.op.client, q.op.sequence, q.first_chunk, page, core::steady_now_ms());
  if (!kept) return r.fail(kept.error());
  r.reply(wire::commit_chunks_reply{});
}

void service::commit_file(net::request r, const wire::commit_file_request& q) {
  mutate(std::move(r), q,
         [&](const meta::operation& op, meta::context& c) -> result<meta::decision> {
           boost::container::small_vector<meta::chunk_claim, 4> chunks;
           if (q.chunks_before != 0) {
             const auto before = staged_.take(op.client, op.sequence);
             // A repeat has nothing left to name: the answer of the first is all that it wants.
             if (before.size() != q.chunks_before && is_new(core_.state(), op)) {
               return failure(errc::busy, "the chunks before these are not kept any more");
             }
             chunks.assign(before.begin(), before.end());
           }
           for (const auto& k : q.chunks) chunks.push_back(claim_of(k));
           meta::create_request to;
           to.op = op;
           to.session = op.client;
           to.path = q.path;
           to.overwrite = q.overwrite;
           to.size = q.size;
           to.crc32c = q.crc32c;
           if (q.mtime_ms != wire::no_mtime) to.mtime_ms = q.mtime_ms;
           to.mode = q.mode;
           to.replication = q.replication;
           to.by = meta::caller{q.user, q.group};
           to.content_type = q.content_type;
           to.chunks = {chunks.data(), chunks.size()};
           const auto expected = versions_of(q.expected);
           to.expected = expected;
           return meta::make_create(core_.state(), to, c);
         });
}

void service::make_directory(net::request r, const wire::make_directory_request& q) {
  mutate(std::move(r), q, [&](const meta::operation& op, meta::context& c) {
    return meta::make_directory(core_.state(),
                                {op, q.path, q.parents, q.mode, meta::caller{q.user, q.group}}, c);
  });
}

void service::rename(net::request r, const wire::rename_request& q) {
  mutate(std::move(r), q, [&](const meta::operation& op, meta::context& c) {
    return meta::make_rename(
        core_.state(), {op, q.from, q.to, q.overwrite, q.parents, meta::caller{q.user, {}}}, c);
  });
}

void service::remove(net::request r, const wire::remove_request& q) {
  mutate(std::move(r), q, [&](const meta::operation& op, meta::context& c) {
    const auto expected = versions_of(q.expected);
    return meta::make_remove(
        core_.state(), {op, q.path, q.recursive, q.skip_trash, meta::caller{q.user, {}}, expected},
        c);
  });
}

void service::set_attributes(net::request r, const wire::set_attributes_request& q) {
  mutate(std::move(r), q, [&](const meta::operation& op, meta::context& c) {
    meta::attributes_request to;
    to.op = op;
    to.path = q.path;
    // Only the protocol's own bits: what it has no field for cannot be set by it.
    to.mask = q.mask &
              (wire::attribute_mtime | wire::attribute_mode | wire::attribute_owner |
               wire::attribute_group | wire::attribute_replication | wire::attribute_content_type);
    to.mtime_ms = q.mtime_ms;
    to.mode = q.mode;
    to.owner = q.owner;
    to.group = q.group;
    to.replication = q.replication;
    // Looked at when a node asks for work: the change has been applied, or refused, by then.
    if ((q.mask & wire::attribute_replication) != 0) relocator_.wanted(std::string(q.path));
    to.content_type = q.content_type;
    to.by = meta::caller{q.user, {}};
    return meta::make_set_attributes(core_.state(), to, c);
  });
}

void service::set_quota(net::request r, const wire::set_quota_request& q) {
  mutate(std::move(r), q, [&](const meta::operation& op, meta::context& c) {
    meta::quota_request to;
    to.op = op;
    to.path = q.path;
    if ((q.mask & wire::quota_names) != 0) to.names = q.names;
    if ((q.mask & wire::quota_bytes) != 0) to.bytes = q.bytes;
    to.by = meta::caller{q.user, {}};
    return meta::make_quota(core_.state(), to, c);
  });
}

void service::get_quota(net::request r, const wire::get_quota_request& q) {
  const auto found = meta::quota_use_of(core_.state(), q.path, viewer_of(q.user));
  if (!found) return core_.refuse(std::move(r), found.error());
  answer_read(std::move(r), wire::get_quota_reply{found->limits.names, found->limits.bytes,
                                                  found->below.files + found->below.directories,
                                                  found->below.bytes});
}

void service::trash_empty(net::request r, const wire::trash_empty_request& q) {
  if (auto allowed = core_.may_change(); !allowed) return r.fail(allowed.error());
  const meta::context& c = core_.context();
  if (c.permissions && q.user != c.superuser) return r.fail(errc::permission_denied);
  wire::trash_empty_reply reply;
  reply.entries = meta::trash_totals(core_.state()).files;
  auto change = meta::make_trash_empty(core_.state(), c);
  if (change) {
    if (auto logged = core_.log(*change); !logged) return r.fail(logged.error());
  }
  answer_read(std::move(r), reply);
}

}  // namespace ssdfs::master
