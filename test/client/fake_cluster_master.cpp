// The part of the fake cluster that is a master.
#include "client/fake_cluster.hpp"

#include <algorithm>

namespace ssdfs::test {

fake_cluster::answer fake_cluster::master_request(const net::request& r) {
  switch (r.code()) {
    case wire::opcode::lookup: {
      wire::lookup_request q;
      if (!r.decode(q)) return refused(errc::protocol);
      wire::lookup_reply reply;
      const auto found = files_.find(std::string(q.path));
      if (found != files_.end()) {
        reply.entry = found->second.entry;
        page_of(found->second.chunks, q, reply);
      } else if (directories_.contains(std::string(q.path))) {
        reply.entry.type = 2;
      } else {
        return refused(errc::not_found);
      }
      return said(std::move(reply));
    }
    case wire::opcode::commit_chunks: {
      wire::commit_chunks_request q;
      if (!r.decode(q)) return refused(errc::protocol);
      auto& list = staged_[{q.op.client.value, q.op.sequence}];
      if (list.size() < q.first_chunk) {
        staged_.erase({q.op.client.value, q.op.sequence});
        return refused(errc::busy);
      }
      list.resize(q.first_chunk);
      list.insert(list.end(), q.chunks.begin(), q.chunks.end());
      return said(wire::commit_chunks_reply{});
    }
    case wire::opcode::locate: return locate(r);
    case wire::opcode::list: return list(r);
    case wire::opcode::summary: return summary(r);
    case wire::opcode::grant: return grant(r);
    case wire::opcode::end_grant: {
      wire::end_grant_request q;
      if (!r.decode(q)) return refused(errc::protocol);
      grants_.erase({q.volume, q.first_key});
      return said(wire::end_grant_reply{});
    }
    case wire::opcode::trash_empty: return said(wire::trash_empty_reply{7});
    case wire::opcode::admin_report: {
      wire::admin_report_reply reply;
      reply.files = files_.size();
      for (const auto& n : nodes_) {
        wire::node_status& s = reply.nodes.emplace_back();
        s.address = n->listener->address();
        s.node = n->id;
        s.state = "live";
      }
      return said(std::move(reply));
    }
    default: return change(r);
  }
}

void fake_cluster::page_of(const std::vector<wire::chunk_ref>& all, const wire::lookup_request& q,
                           wire::lookup_reply& reply) const {
  reply.chunk_count = static_cast<std::uint32_t>(all.size());
  const std::size_t limit = std::min(q.chunk_limit, options_.chunk_page);
  if (limit == 0) return;
  std::uint64_t begin = 0;
  std::size_t first = 0;
  for (; first < all.size(); first += limit) {
    std::uint64_t end = begin;
    for (std::size_t i = first; i < std::min(first + limit, all.size()); ++i) end += all[i].size;
    if (q.offset < end) break;
    begin = end;
  }
  first = std::min(first, all.size());
  reply.first_chunk = static_cast<std::uint32_t>(first);
  reply.first_offset = begin;
  for (std::size_t i = 0; i < all.size(); ++i) {
    reply.layout = reply.layout * 31 + all[i].size * std::uint64_t{7919} + all[i].crc32c;
    if (i >= first && i < first + limit) reply.chunks.push_back(all[i]);
  }
}

template <class Request, class Apply>
fake_cluster::answer fake_cluster::once(const net::request& r, Apply apply) {
  Request q;
  if (!r.decode(q)) return refused(errc::protocol);
  const std::pair<uuid, std::uint64_t> id{q.op.client.value, q.op.sequence};
  auto found = results_.find(id);
  if (found != results_.end()) {
    ++repetitions_;
  } else {
    result<wire::mutation_reply> outcome = apply(q);
    // As the real one: what changed nothing is not remembered.
    if (!outcome) return refused(outcome.error());
    outcome->txid = txid(++last_txid_);
    found = results_.emplace(id, std::move(outcome)).first;
  }
  return said(*found->second);
}

fake_cluster::answer fake_cluster::change(const net::request& r) {
  using reply = result<wire::mutation_reply>;
  switch (r.code()) {
    case wire::opcode::commit_file:
      return once<wire::commit_file_request>(r, [&](const auto& q) { return commit(q); });
    case wire::opcode::rename:
      return once<wire::rename_request>(r, [&](const auto& q) { return move(q); });
    case wire::opcode::remove:
      return once<wire::remove_request>(r, [&](const auto& q) { return remove(q); });
    case wire::opcode::make_directory:
      return once<wire::make_directory_request>(r, [&](const auto& q) -> reply {
        const bool made = directories_.insert(std::string(q.path)).second;
        if (!made && !q.parents) return errc::exists;
        return wire::mutation_reply{};
      });
    case wire::opcode::set_attributes:
      return once<wire::set_attributes_request>(r, [&](const auto& q) -> reply {
        const auto found = files_.find(std::string(q.path));
        if (found == files_.end()) return errc::not_found;
        wire::entry_info& e = found->second.entry;
        if ((q.mask & wire::attribute_mtime) != 0) e.mtime_ms = q.mtime_ms;
        if ((q.mask & wire::attribute_mode) != 0) e.mode = q.mode;
        if ((q.mask & wire::attribute_owner) != 0) e.owner = q.owner;
        if ((q.mask & wire::attribute_group) != 0) e.group = q.group;
        return wire::mutation_reply{};
      });
    default: return refused(errc::unsupported);
  }
}

bool fake_cluster::is_expected(const std::string& path,
                               const std::vector<wire::file_version>& expected) const {
  if (expected.empty()) return true;
  const auto at = files_.find(path);
  if (at == files_.end()) return false;
  const wire::entry_info& now = at->second.entry;
  return std::any_of(expected.begin(), expected.end(), [&](const wire::file_version& v) {
    return v.size == now.size && v.crc32c == now.crc32c && v.mtime_ms == now.mtime_ms;
  });
}

result<wire::mutation_reply> fake_cluster::commit(const wire::commit_file_request& q) {
  const std::string path(q.path);
  if (path.empty() || path[0] != '/') return errc::invalid_path;
  if (directories_.contains(path)) return errc::is_directory;
  std::vector<wire::chunk_ref> chunks;
  if (const auto at = staged_.find({q.op.client.value, q.op.sequence}); at != staged_.end()) {
    chunks = std::move(at->second);
    staged_.erase(at);
  }
  if (chunks.size() != q.chunks_before) return errc::busy;
  chunks.insert(chunks.end(), q.chunks.begin(), q.chunks.end());
  wire::mutation_reply reply;
  reply.replaced = files_.contains(path);
  if (reply.replaced && !q.overwrite) return errc::exists;
  if (!is_expected(path, q.expected)) return errc::precondition;
  for (const wire::chunk_ref& c : chunks) {
    if (volumes_[c.volume].closed) {
      return failure(make_error_code(errc::regrant), "", std::to_string(c.volume.value));
    }
    for (const std::size_t m : volumes_[c.volume].members) {
      const auto held = nodes_[m]->chunks.find({c.volume, c.key});
      if (held == nodes_[m]->chunks.end() || held->second.view.size() != c.size) {
        return failure(errc::internal, "committed before it was stored");
      }
    }
  }
  file& f = files_[path];
  f.chunks = std::move(chunks);
  f.entry.type = 1;
  f.entry.size = q.size;
  f.entry.crc32c = q.crc32c;
  f.entry.mtime_ms = q.mtime_ms == wire::no_mtime ? 0 : q.mtime_ms;
  f.entry.mode = q.mode;
  f.entry.owner = q.user;
  f.entry.group = q.group;
  f.entry.replication = q.replication;
  f.entry.content_type = q.content_type;
  return reply;
}

result<wire::mutation_reply> fake_cluster::move(const wire::rename_request& q) {
  const auto from = files_.find(std::string(q.from));
  if (from == files_.end()) return errc::not_found;
  wire::mutation_reply reply;
  reply.replaced = files_.contains(std::string(q.to));
  if (reply.replaced && !q.overwrite) return errc::exists;
  files_[std::string(q.to)] = from->second;
  files_.erase(std::string(q.from));
  return reply;
}

result<wire::mutation_reply> fake_cluster::remove(const wire::remove_request& q) {
  const std::string path(q.path);
  if (!files_.contains(path)) return errc::not_found;
  if (!is_expected(path, q.expected)) return errc::precondition;
  files_.erase(path);
  wire::mutation_reply reply;
  if (!q.skip_trash) reply.path = "/.trash" + path;
  return reply;
}

fake_cluster::answer fake_cluster::grant(const net::request& r) {
  wire::grant_request q;
  if (!r.decode(q)) return refused(errc::protocol);
  for (const node_id n : q.exclude_nodes) ++exclusions_[n];
  // Open volumes of two members, first members in turn; closed and excluded ones are left out.
  std::vector<volume_id> usable;
  for (const auto& [id, v] : volumes_) {
    const bool excluded = std::find(q.exclude_volumes.begin(), q.exclude_volumes.end(), id) !=
                          q.exclude_volumes.end();
    bool avoided = false;
    for (const std::size_t m : v.members) {
      for (const node_id n : q.exclude_nodes) avoided = avoided || n == nodes_[m]->id;
    }
    if (!v.closed && !excluded && !avoided) usable.push_back(id);
  }
  if (usable.size() < options_.volumes) {
    std::vector<std::size_t> members;
    for (std::size_t i = 0; i < nodes_.size() && members.size() < 2; ++i) {
      const std::size_t m = (turn_ + i) % nodes_.size();
      bool avoided = false;
      for (const node_id n : q.exclude_nodes) avoided = avoided || n == nodes_[m]->id;
      if (!avoided) members.push_back(m);
    }
    if (members.empty()) return refused(errc::no_datanodes);
    const volume_id id(std::uint64_t{1} << 32 | next_volume_++);
    volumes_[id].members = std::move(members);
    usable.push_back(id);
  }
  const volume_id id = usable[turn_++ % usable.size()];
  fake_volume& v = volumes_[id];
  wire::grant_reply reply;
  reply.volume = id;
  reply.generation = 1;
  reply.first_key = v.next_key;
  reply.key_count = std::max<std::uint32_t>(q.key_count, 1);
  if (options_.grant_keys != 0) reply.key_count = std::min(reply.key_count, options_.grant_keys);
  reply.bytes = options_.grant_bytes != 0 ? std::min(q.bytes, options_.grant_bytes) : q.bytes;
  for (const std::size_t m : v.members) reply.replicas.push_back({nodes_[m]->id, node(m)});
  reply.idle_ms = options_.session_ms;
  reply.chunk_size = options_.chunk_size;
  reply.ticket = std::to_string(++tickets_) + ' ' + std::to_string(id.value) + ' ' +
                 std::to_string(reply.first_key) + ' ' + std::to_string(reply.key_count);
  v.next_key += reply.key_count;
  grants_.insert({id, reply.first_key});
  return said(std::move(reply));
}

fake_cluster::answer fake_cluster::locate(const net::request& r) {
  wire::locate_request q;
  if (!r.decode(q)) return refused(errc::protocol);
  wire::locate_reply reply;
  reply.cache_ms = options_.cache_ms;
  for (const volume_id id : q.volumes) {
    const auto found = volumes_.find(id);
    if (found == volumes_.end()) continue;
    wire::volume_location& where = reply.volumes.emplace_back();
    where.volume = id;
    where.preferred = options_.preferred;
    for (const std::size_t m : found->second.members) {
      where.replicas.push_back({nodes_[m]->id, node(m)});
    }
  }
  return said(std::move(reply));
}

fake_cluster::answer fake_cluster::list(const net::request& r) {
  wire::list_request q;
  if (!r.decode(q)) return refused(errc::protocol);
  const std::string prefix = q.path == "/" ? "/" : std::string(q.path) + "/";
  wire::list_reply reply;
  for (const auto& [path, f] : files_) {
    if (!path.starts_with(prefix) || path.find('/', prefix.size()) != std::string::npos) continue;
    const std::string name = path.substr(prefix.size());
    if (name <= q.after) continue;
    if (reply.entries.size() == q.limit) {
      reply.more = true;
      break;
    }
    reply.entries.push_back({name, f.entry});
  }
  return said(std::move(reply));
}

fake_cluster::answer fake_cluster::summary(const net::request& r) {
  wire::summary_request q;
  if (!r.decode(q)) return refused(errc::protocol);
  wire::summary_reply reply;
  for (const auto& [path, f] : files_) {
    if (!path.starts_with(q.path)) continue;
    ++reply.files;
    reply.bytes += f.entry.size;
  }
  return said(reply);
}

}  // namespace ssdfs::test
