// What the master of the simulation answers to datanodes and clients.
#include "meta/queries.hpp"
#include "sim/sim_master.hpp"
#include "sim/sim_node.hpp"

#include <algorithm>

namespace ssdfs::sim {
namespace {

/// Longer than two masters can go on beside each other: a grace is to be longer than it takes until
/// the new one has compared what the old one has told nodes to set aside.
constexpr std::int64_t settled_wait_ms = 60'000;
constexpr std::uint32_t chunks_per_page = 5;  // of a list of live chunks
constexpr std::uint64_t bytes_per_grant = 8U << 10;

}  // namespace

// ---- datanodes ----------------------------------------------------------------------------------

void master::register_node(const node_registration& r, std::uint64_t connection,
                           const std::function<void(result<cluster::registration_answer>)>& reply) {
  held_.erase(r.node);  // it came on an earlier connection
  const auto done = controller_->register_node(r, connection, world_.now());
  if (!done) {
    reply(done.error());
  } else {
    reply(cluster::registration_answer{
        {state_->epoch(), id, commits_->committed()}, controller_->settings().announced, {}});
    world_.registered(r.address);
    if (this == &world_.active()) world_.heard(r.node);
  }
  settle();
}

void master::report_volumes(epoch_t epoch, const volume_page& page, std::uint64_t connection,
                            const std::function<void(result<void>)>& reply) {
  const auto done = controller_->report_volumes(epoch, page, connection, world_.now());
  if (done && this == &world_.active()) world_.heard(page.node);
  reply(done);
  settle();
}

void master::heartbeat(const node_heartbeat& beat, std::uint64_t connection,
                       heartbeat_reply reply) {
  const auto done = controller_->heartbeat(beat, connection, world_.now());
  if (!done) {
    reply(done.error());
  } else {
    if (this == &world_.active()) world_.heard(beat.node);
    answer_heartbeat(beat.node);
    held_[beat.node] = {std::move(reply), world_.now() + 500};
  }
  settle();
}

void master::answer_heartbeat(node_id node) {
  const auto at = held_.find(node);
  if (at == held_.end()) return;
  const heartbeat_reply reply = std::move(at->second.reply);
  held_.erase(at);
  cluster::heartbeat_answer answer;
  answer.reign = {state_->epoch(), id, commits_->committed()};
  answer.settings = controller_->settings().announced;
  answer.orders = controller_->take_orders(node, world_.now());
  for (const order& o : answer.orders) {
    world_.note(address + " orders " + std::to_string(static_cast<int>(o.kind)) + " (id " +
                std::to_string(o.id) + ") on volume " + std::to_string(o.volume.value) + " at " +
                controller_->nodes().find(node)->name);
  }
  reply(std::move(answer));
}

void master::connection_closed(node_id node, std::uint64_t connection) {
  if (!ready()) return;
  controller_->connection_closed(node, connection, world_.now());
  settle();
}

// ---- clients ------------------------------------------------------------------------------------

void master::touch(client_id from) {
  grants_->opened(from);
  grants_->closed(from, world_.now());
}

void master::ask_grant(client_id from, const std::vector<std::string>& exclude,
                       const std::function<void(result<grant>)>& reply) {
  touch(from);
  leader::grant_wish wish;
  wish.client = from;
  wish.bytes = bytes_per_grant;
  for (const std::string& a : exclude) wish.exclude_nodes.push_back(world_.node_at(a)->id);
  const leader::token asked = waiting_grants_.add(reply);
  if (const auto given = grants_->ask(asked, std::move(wish), world_.now())) {
    answer_grant(asked, *given);
  }
  settle();
}

void master::answer_grant(leader::token asked, const result<leader::granted>& given) {
  const auto reply = waiting_grants_.take(asked);
  if (!given) return reply(given.error());
  grant out{given->volume, given->generation, given->first, given->count, {}};
  for (const replica_address& r : given->replicas) out.replicas.push_back(r.address);
  commits_->show(waiting_.add([reply, out](const result<void>& known) {
    if (!known) return reply(known.error());
    reply(out);
  }),
                 world_.now());
}

void master::serve_waiting_grants() {
  grants_->serve_waiting(world_.now(),
                         [this](leader::token asked, const result<leader::granted>& given) {
                           answer_grant(asked, given);
                         });
}

void master::end_grant(client_id from, volume_id volume, chunk_key first) {
  world_.note(address + " ends grant " + std::to_string(first) + " of volume " +
              std::to_string(volume.value) + " of " + to_string(from).substr(0, 4));
  (void)grants_->end(from, volume, first, world_.now());
}

void master::commit(const meta::operation& op, const std::string& path,
                    const meta::chunk_claim& chunk,
                    const std::function<void(result<void>)>& reply) {
  touch(op.client);
  meta::create_request q;
  q.op = op;
  q.session = op.client;
  q.path = path;
  q.overwrite = true;
  q.size = chunk.size;
  q.crc32c = chunk.crc32c;
  q.chunks = {&chunk, 1};
  commits_->change(waiting_.add(reply), op, op.client, world_.now(),
                   [&](meta::context& c) { return meta::make_create(*state_, q, c); });
  settle();
}

void master::remove(const meta::operation& op, const std::string& path,
                    const std::function<void(result<void>)>& reply) {
  touch(op.client);
  meta::remove_request q;
  q.op = op;
  q.path = path;
  q.skip_trash = true;
  commits_->change(waiting_.add(reply), op, op.client, world_.now(),
                   [&](meta::context& c) { return meta::make_remove(*state_, q, c); });
  settle();
}

// ---- views --------------------------------------------------------------------------------------

std::map<std::string, std::vector<meta::chunk_record>> master::files() const {
  std::map<std::string, std::vector<meta::chunk_record>> all;
  std::string after;
  for (bool more = true; more;) {
    std::vector<meta::entry_view> page;
    const auto listed = meta::list(*state_, "/", after, 1'000, {}, page);
    if (!listed) break;
    more = *listed;
    for (const meta::entry_view& e : page) {
      after = e.name;
      if (!e.directory) meta::chunks_of(*state_, e.entry, all["/" + after]);
    }
  }
  return all;
}

std::map<chunk_key, content> master::in_files(volume_id volume) const {
  std::map<chunk_key, content> chunks;
  for (const auto& [path, list] : files()) {
    for (const meta::chunk_record& c : list) {
      if (c.volume != volume || state_->volumes().is_lost(volume, c.key)) continue;
      chunks[c.key] = {c.size, c.crc32c.value};
    }
  }
  return chunks;
}

std::map<chunk_key, content> master::expected(volume_id volume) const {
  std::map<chunk_key, content> chunks = in_files(volume);
  for (const meta::freed_chunk& f : state_->volumes().find(volume)->freed) {
    chunks[f.key] = {f.size, f.crc32c};
  }
  return chunks;
}

result<live_list> master::live_chunks(volume_id volume) {
  if (!ready()) return errc::connection;
  live_list list;
  list.settled_wait_ms = settled_wait_ms;
  wire::live_chunks_request q;
  q.volume = volume;
  q.limit = chunks_per_page;
  const epoch_t made(static_cast<std::uint32_t>(volume.value >> 32));
  for (bool more = true; more;) {
    const auto page = lists_->page(q, made >= history_cut_, world_.now());
    if (!page) {
      settle();  // the walk for it begins
      return page.error();
    }
    for (const auto& c : page->chunks) list.chunks[c.key] = {c.size, c.crc32c};
    for (const auto& c : page->lost) list.lost[c.key] = {c.size, c.crc32c};
    list.generation = page->generation;
    list.removal_number = page->removal_number;
    list.settled_end = page->settled_end;
    more = page->more;
    if (more) q.from_key = page->chunks.back().key + 1;
  }
  const bool detached = !state_->names().detached().empty();
  if (!detached && list.chunks != expected(volume)) {
    world_.fail("the list of live chunks is not what files and freed chunks say");
  }
  return list;
}

}  // namespace ssdfs::sim
