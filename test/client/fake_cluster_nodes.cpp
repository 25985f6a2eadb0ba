// The part of the fake cluster that is its datanodes.
#include "base/crc32c.hpp"
#include "client/fake_cluster.hpp"
#include "wire/chain.hpp"

#include <cstring>
#include <sstream>

namespace ssdfs::test {

fake_cluster::role* fake_cluster::node_named(node_id id) {
  for (const auto& n : nodes_) {
    if (n->id == id) return n.get();
  }
  return nullptr;
}

result<void> fake_cluster::store(role& first, std::string_view chain, chunk_id id,
                                 shared_bytes bytes) {
  const auto named = wire::parse_chain(chain);
  if (!named) return named.error();
  std::vector<role*> members;
  for (const wire::chain_member& m : *named) {
    members.push_back(node_named(m.node));
    if (members.back() == nullptr || members.back()->listener->address() != m.address) {
      return failure(errc::internal, "no such member");
    }
  }
  if (members.front() != &first) return failure(errc::internal, "not the first member");
  for (role* n : members) {
    if (!n->chunks.emplace(id, bytes).second) {
      ++rewritten_keys_;
      return errc::key_conflict;
    }
  }
  return {};
}

result<void> fake_cluster::check_ticket(volume_id volume, chunk_key key, std::string_view shown,
                                        bool begun) {
  std::istringstream text{std::string(shown)};
  std::uint64_t number = 0;
  std::uint64_t of = 0;
  chunk_key first = 0;
  std::uint32_t count = 0;
  text >> number >> of >> first >> count;
  if (!text || number > tickets_ || of != volume.value || key < first || key - first >= count) {
    return errc::permission_denied;
  }
  if (begun || number > expired_before_) return {};
  ++expired_writes_;
  return errc::expired_ticket;
}

fake_cluster::answer fake_cluster::write(role& at, const net::request& r) {
  if (r.code() == wire::opcode::write_chunk) {
    wire::write_chunk_request q;
    if (!r.decode(q) || r.body().size() > wire::small_chunk_max) return refused(errc::protocol);
    if (auto let = check_ticket(q.volume, q.key, q.ticket, false); !let) {
      return refused(let.error());
    }
    if (crc32c(r.body()) != q.crc32c) return refused(errc::checksum);
    auto stored = store(at, q.chain, {q.volume, q.key}, copy_bytes(r.body()));
    return stored ? said(wire::write_reply{}) : refused(stored.error());
  }
  if (r.code() == wire::opcode::write_begin) {
    wire::write_begin_request q;
    if (!r.decode(q) || q.size <= wire::small_chunk_max) return refused(errc::protocol);
    if (auto let = check_ticket(q.volume, q.key, q.ticket, false); !let) {
      return refused(let.error());
    }
    const buffer_ref room = buffer::make(q.size);
    at.begun[{q.volume, q.key}] = {q.crc32c, {{room->data(), q.size}, room}};
    return said(wire::write_reply{});
  }
  if (r.code() == wire::opcode::write_piece) {
    wire::write_piece_request q;
    if (!r.decode(q)) return refused(errc::protocol);
    if (auto let = check_ticket(q.volume, q.key, q.ticket, true); !let) return refused(let.error());
    const auto found = at.begun.find({q.volume, q.key});
    if (found == at.begun.end()) return refused(errc::invalid_argument);
    const shared_bytes& room = found->second.second;
    if (q.offset % wire::small_chunk_max != 0 || q.offset + r.body().size() > room.view.size() ||
        crc32c(r.body()) != q.crc32c) {
      return refused(errc::checksum);
    }
    std::memcpy(room.hold->data() + q.offset, r.body().data(), r.body().size());
    return said(wire::write_reply{});
  }
  wire::write_end_request q;
  if (!r.decode(q)) return refused(errc::unsupported);
  if (auto let = check_ticket(q.volume, q.key, q.ticket, true); !let) return refused(let.error());
  const auto found = at.begun.find({q.volume, q.key});
  if (found == at.begun.end()) return refused(errc::invalid_argument);
  const auto [crc, bytes] = found->second;
  at.begun.erase(found);
  if (crc32c(bytes.view) != crc) return refused(errc::checksum);
  auto stored = store(at, q.chain, {q.volume, q.key}, bytes);
  return stored ? said(wire::write_reply{}) : refused(stored.error());
}

fake_cluster::answer fake_cluster::read(role& at, const net::request& r, bool corrupt) {
  wire::read_chunk_request q;
  if (!r.decode(q) || q.length > wire::max_body) return refused(errc::protocol);
  const auto found = at.chunks.find({q.volume, q.key});
  if (found == at.chunks.end()) return refused(errc::not_found);
  const shared_bytes& chunk = found->second;
  if (std::uint64_t{q.offset} + q.length > chunk.view.size())
    return refused(errc::invalid_argument);
  shared_bytes body{chunk.view.subspan(q.offset, q.length), chunk.hold};
  const wire::read_chunk_reply reply{crc32c(body.view),
                                     static_cast<std::uint32_t>(chunk.view.size())};
  if (corrupt) {
    body = copy_bytes(body.view);
    body.hold->data()[body.view.size() / 2] ^= std::byte{1};
  }
  return [reply, body](net::request& out) { out.reply(reply, body); };
}

}  // namespace ssdfs::test
