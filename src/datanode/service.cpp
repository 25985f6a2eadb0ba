#include "datanode/service.hpp"

#include "base/crc32c.hpp"
#include "volume/needle.hpp"

#include <algorithm>
#include <type_traits>
#include <utility>

namespace ssdfs::datanode {

service::service(parts p)
    : parts_(std::move(p)),
      around_{parts_.budget, parts_.metrics, parts_.link, parts_.flying},
      reads_({parts_.disk, parts_.volumes, parts_.metrics, parts_.link, parts_.flying}),
      health_(parts_.volumes, parts_.scrubs, parts_.disk) {}

result<wire::hello_reply> service::hello(const wire::hello_request&) {
  wire::hello_reply reply;
  reply.role = wire::peer_role::datanode;
  reply.cluster = parts_.cluster();
  reply.node = parts_.node;
  reply.software = "ssdfs " SSDFS_VERSION;
  return reply;
}

std::size_t service::reply_bytes(const wire::frame_view& frame) noexcept {
  if (static_cast<wire::opcode>(frame.header.opcode) != wire::opcode::read_chunk) return 0;
  wire::read_chunk_request m;
  if (!wire::decode(frame.message, m)) return 0;
  return std::min(m.length, wire::max_body);
}

void service::handle(std::span<net::request> batch) {
  small_writes small{*this, {}};
  for (net::request& r : batch) {
    if (refusing_.load(std::memory_order_acquire)) {
      r.fail(errc::shutting_down);
    } else if (!answers::dispatch(r, *this, small, reads_, health_)) {
      net::refuse_unsupported(r, wire::peer_role::datanode);
    }
  }
  for (const auto& v : small.touched) v->kick();
}

void service::refuse_write(net::request& r, const op_subject& what, const failure& why) {
  parts_.metrics.finished(what, {.received = r.received_ns()}, &why);
  r.fail(why);
}

result<void> service::find_way(const hosted_volume& v, std::string_view chain,
                               write_task::description& d) {
  d.route = v.route();
  if (!d.route) {
    // This process has begun after the volume was opened, before the master saw it open: it cannot
    // be written here, so it has to be sealed.
    const replica_report now = v.store().report();
    if (now.state == replica_state::open) {
      parts_.link.chain_failed({now.id, now.generation, parts_.node}, "this node");
    }
    return failure(errc::sealed, "the volume's members are not known here");
  }
  if (d.route->generation() != d.generation) {
    return failure(errc::stale_generation, "generation " + std::to_string(d.generation) +
                                               "; writes here are of " +
                                               std::to_string(d.route->generation()));
  }
  auto place = d.route->check(chain);
  if (!place) return std::move(place).error();
  d.place = std::move(*place);
  return {};
}

template <class Message>
write_ref service::start(net::request& r, hosted_volume& v, Message& m, write_task::description d) {
  if (const auto way = find_way(v, m.chain, d); !way) {
    refuse_write(r, d.what, way.error());
    return nullptr;
  }
  constexpr bool begun = std::is_same_v<Message, wire::write_piece_request> ||
                         std::is_same_v<Message, wire::write_end_request>;
  // A writer begins at the first member: what begins in the middle would be on some of them only.
  using cluster::ticket_right;
  const auto ticket = parts_.tickets.admit(
      v.tickets(),
      {.scope = {.right = d.place.here == 0 ? ticket_right::write : ticket_right::forward,
                 .cluster = {},
                 .volume = m.volume,
                 .generation = m.generation,
                 .chain = d.route->nodes()},
       .key = m.key,
       .bytes = begun ? 0 : d.what.bytes,
       .begun = begun,
       .forwards = d.place.hops() > 0,
       .now_ms = r.received_ns() / 1'000'000},
      m.ticket);
  if (!ticket) {
    refuse_write(r, d.what, ticket.error());
    return nullptr;
  }
  m.ticket = cluster::as_text(*ticket);
  if (!parts_.budget.take(d.place.hops(), r.body().size())) {
    refuse_write(r, d.what, failure(errc::busy, "too many writes wait here"));
    return nullptr;
  }
  const shared_bytes body{r.body(), r.hold()};
  // The views of `m` alias the frame, which the task keeps from here on.
  write_ref task(new write_task(around_, std::move(r), d));
  if (d.place.hops() > 0) {
    parts_.down.forward(m, d.place, body,
                        [task](result<void> outcome) { task->finish_chain(std::move(outcome)); });
  }
  return task;
}

std::shared_ptr<hosted_volume> service::find(net::request& r, volume_id id) {
  auto v = parts_.volumes.find(id);
  if (!v) refuse_write(r, {r.code(), id, 0, 0}, failure(errc::not_found, "the volume is not here"));
  return v;
}

void service::small_writes::write_chunk(net::request r, wire::write_chunk_request& m) {
  const auto size = static_cast<std::uint32_t>(r.body().size());
  write_task::description d{.what = {r.code(), m.volume, m.key, size},
                            .generation = m.generation,
                            .crc = m.crc32c,
                            .ack = m.ack};
  if (size == 0 || size > wire::small_chunk_max) {
    return to.refuse_write(r, d.what, failure(errc::invalid_argument, "size of a small chunk"));
  }
  const bool known = !touched.empty() && touched.back()->store().id() == m.volume;
  const std::shared_ptr<hosted_volume> v = known ? touched.back() : to.find(r, m.volume);
  if (!v) return;
  // Longer contents are checked on the disk thread together with their blocks.
  if (size <= volume::block_size) {
    if (crc32c(r.body()) != m.crc32c) {
      return to.refuse_write(r, d.what,
                             failure(errc::checksum, "the chunk was damaged on its way"));
    }
    d.crc_verified = true;
  }
  // Whoever is behind answers when the rest has it, so that a failure is noticed here.
  m.ack = wire::ack_mode::all;
  const write_ref task = to.start(r, *v, m, d);
  if (!task) return;
  v->push(task);
  if (std::find(touched.begin(), touched.end(), v) == touched.end()) touched.push_back(v);
}

void service::write_begin(net::request r, wire::write_begin_request& m) {
  const write_task::description d{
      .what = {r.code(), m.volume, m.key, m.size}, .generation = m.generation, .crc = m.crc32c};
  if (m.size == 0 || m.size > wire::chunk_max) {
    return refuse_write(r, d.what, failure(errc::invalid_argument, "size of a chunk"));
  }
  const auto v = find(r, m.volume);
  if (!v) return;
  if (const write_ref task = start(r, *v, m, d)) parts_.large.begin(v, task);
}

void service::write_piece(net::request r, wire::write_piece_request& m) {
  const auto size = static_cast<std::uint32_t>(r.body().size());
  const write_task::description d{
      .what = {r.code(), m.volume, m.key, size}, .generation = m.generation, .crc = m.crc32c};
  if (size == 0 || size > wire::small_chunk_max || m.offset % wire::small_chunk_max != 0) {
    return refuse_write(r, d.what, failure(errc::invalid_argument, "place or size of a piece"));
  }
  const auto v = find(r, m.volume);
  if (!v) return;
  if (const write_ref task = start(r, *v, m, d)) parts_.large.piece(v, task, m.offset);
}

void service::write_end(net::request r, wire::write_end_request& m) {
  const write_task::description d{.what = {r.code(), m.volume, m.key, 0},
                                  .generation = m.generation};
  const auto v = find(r, m.volume);
  if (!v) return;
  if (const write_ref task = start(r, *v, m, d)) parts_.large.end(v, task);
}

}  // namespace ssdfs::datanode
