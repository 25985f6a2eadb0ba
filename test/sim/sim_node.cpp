#include "sim/sim_node.hpp"

#include <algorithm>

namespace ssdfs::sim {

namespace {

constexpr std::int64_t sync_interval_ms = 1'000;
constexpr std::int64_t chain_timeout_ms = 400;
constexpr std::uint64_t disk_capacity = 4U << 20;

template <class Map>
std::uint64_t bytes_of(const Map& chunks) {
  std::uint64_t sum = 0;
  for (const auto& [key, c] : chunks) {
    if constexpr (requires { c.what.size; }) {
      sum += c.what.size + needle_overhead;
    } else {
      sum += c.size + needle_overhead;
    }
  }
  return sum;
}

}  // namespace

replica_report replica::report(volume_id id) const {
  replica_report r;
  r.id = id;
  r.generation = generation;
  r.state = state;
  r.length = bytes_of(live) + bytes_of(tombstones) + dead_bytes;
  r.removal_number = removal_number;
  r.dead_bytes = dead_bytes;
  for (const auto& [key, c] : live) r.digest.add(key, c.what.size, c.what.crc);
  return r;
}

void replica::sync() {
  for (const chunk_key key : unsynced) {
    const auto at = live.find(key);
    if (at != live.end()) at->second.synced = true;
  }
  unsynced.clear();
}

void replica::compact(time_ms now) {
  std::erase_if(settled, [&](const auto& s) {
    const auto& [key, when] = s;
    if (now < when) return false;
    const auto t = tombstones.find(key);
    dead_bytes += t->second.size + needle_overhead;
    tombstones.erase(t);
    return true;
  });
}

datanode::datanode(world& w, int index) : process(w), address("n" + std::to_string(index)) {
  id = node_id(w.random_uuid());
  rack = "/r" + std::to_string(index % std::max(w.options.racks, 1));
}

void datanode::start() {
  if (up_ || off) return;
  up_ = true;
  ++life_;
  timer_at_ = cluster::never;
  cluster::agent_config config;
  config.node = id;
  config.incarnation = life_ * 1'000'000 + static_cast<std::uint64_t>(world_.now());
  config.name = address;
  config.rack = rack;
  config.address = address;
  for (const auto& m : world_.masters_) config.masters.push_back(m->address);
  config.reply_timeout_ms = 1'000;
  config.page_size = 4;
  agent_ = std::make_unique<cluster::agent>(config, persisted);
  for (const auto& [volume, r] : disk) agent_->replica_changed(r.report(volume), world_.now());
  report_disks();
  agent_->start(world_.now());
  pump();
  after(sync_interval_ms, [this] { sync_all(); });
}

void datanode::crash() {
  if (!up_) return;
  world_.note(address + " crashes");
  // The kernel closes the connection; when the machine itself dies nobody hears of it.
  if (world_.chance(0.8)) close_link();
  link_ = 0;
  up_ = false;
  paused_ = false;
  ++life_;
  backlog_.clear();
  agent_.reset();
  copies_running = 0;
  cancelled_.clear();
}

void datanode::lose_power() {
  crash();
  for (auto& [volume, r] : disk) {
    const auto cut =
        static_cast<std::size_t>(world_.between(0, static_cast<std::int64_t>(r.unsynced.size())));
    if (cut < r.unsynced.size())
      world_.note(address + " loses the tail of volume " + std::to_string(volume.value));
    for (std::size_t i = cut; i < r.unsynced.size(); ++i) r.live.erase(r.unsynced[i]);
    r.sync();
  }
}

void datanode::lose_disk() {
  crash();
  world_.note(address + " loses its disk");
  disk.clear();
  persisted = {};
}

void datanode::roll_back(std::map<volume_id, replica> old, const witness& seen) {
  crash();
  world_.note(address + " gets an older disk");
  disk = std::move(old);
  for (auto& [volume, r] : disk) r.sync();
  persisted = seen;
}

void datanode::break_link() {
  if (link_ == 0 || !agent_) return;
  close_link();
  agent_->connection_lost(world_.now());
  pump();
}

bool datanode::registered() const {
  return agent_ && agent_->state() == cluster::agent_state::live;
}

void datanode::sync_all() {
  for (auto& [volume, r] : disk) r.sync();
  report_disks();
  for (const auto& [volume, r] : disk) {
    if (r.state == replica_state::open) changed(volume);
  }
  pump();
  after(sync_interval_ms, [this] { sync_all(); });
}

void datanode::changed(volume_id volume) {
  const auto at = disk.find(volume);
  if (at == disk.end()) {
    agent_->replica_gone(volume, world_.now());
  } else {
    agent_->replica_changed(at->second.report(volume), world_.now());
  }
}

void datanode::report_disks() {
  std::uint64_t used = 0;
  for (const auto& [volume, r] : disk) used += r.report(volume).length;
  const std::uint64_t free = used < disk_capacity ? disk_capacity - used : 0;
  agent_->disks_changed({{address + ":/d", disk_capacity, used, free, false}}, world_.now());
}

// ---- writes -------------------------------------------------------------------------------------

void datanode::write(const write_request& q, const write_reply& reply) {
  const auto at = disk.find(q.volume);
  if (at == disk.end()) return reply(errc::not_found);
  replica& r = at->second;
  if (const auto known = r.live.find(q.key); known != r.live.end()) {
    if (known->second.what != q.what) return reply(errc::key_conflict);
  } else if (r.state != replica_state::open) {
    return reply(errc::sealed);
  } else if (r.generation != q.generation) {
    return reply(errc::stale_generation);
  } else {
    r.live[q.key] = {q.what, world_.options.sync_always};
    if (!world_.options.sync_always) r.unsynced.push_back(q.key);
    world_.stored(q.volume, q.key, q.what);
  }
  if (q.next.empty()) return reply({});
  write_request rest = q;
  const std::string next = rest.next.front();
  rest.next.erase(rest.next.begin());
  datanode* to = world_.node_at(next);
  auto settled = std::make_shared<bool>(false);
  const auto failed = [this, settled, reply, q, to](const failure& why) {
    if (*settled) return;
    *settled = true;
    const bool told = why == errc::sealed || why == errc::stale_generation;
    if (!told) agent_->chain_failed({q.volume, q.generation, to->id}, world_.now());
    reply(why);
    pump();
  };
  world_.send(*this, *to, [this, to, rest, settled, reply, failed, life = life_] {
    to->write(rest, [this, to, settled, reply, failed, life](const result<void>& done) {
      world_.send(*to, *this, [this, settled, reply, failed, done, life] {
        if (life != life_ || *settled) return;
        if (!done) return failed(done.error());
        *settled = true;
        reply({});
      });
    });
  });
  after(chain_timeout_ms, [failed] { failed(errc::timed_out); });
}

// ---- the agent's actions ------------------------------------------------------------------------

void datanode::pump() {
  if (!agent_) return;
  for (auto actions = agent_->take_actions(); !actions.empty(); actions = agent_->take_actions()) {
    for (auto& a : actions) std::visit([this](auto& one) { perform(one); }, a);
  }
  arm_timer();
}

void datanode::arm_timer() {
  const time_ms due = agent_->next_deadline();
  if (due == cluster::never || (timer_at_ <= due && timer_at_ > world_.now())) return;
  timer_at_ = std::max(due, world_.now());
  after(timer_at_ - world_.now(), [this, armed = timer_at_] {
    if (armed != timer_at_) return;
    timer_at_ = cluster::never;
    agent_->timer(world_.now());
    pump();
  });
}

void datanode::close_link() {
  ++attempt_;
  if (link_ == 0) return;
  world_.send(*this, *linked_to_,
              [m = linked_to_, node = id, link = link_] { m->connection_closed(node, link); });
  link_ = 0;
}

void datanode::perform(cluster::action::connect& a) {
  close_link();
  linked_to_ = world_.master_at(a.master);
  master* to = linked_to_;
  if (!to->ready() || world_.cut(*this, *to)) {
    after(50, [this, attempt = attempt_] {
      if (attempt != attempt_) return;
      agent_->connection_lost(world_.now());
      pump();
    });
    return;
  }
  world_.send(*this, *to, [this, to, attempt = attempt_, life = life_] {
    const std::uint64_t link = world_.next_connection();
    world_.send(*to, *this, [this, attempt, link, life] {
      if (life == life_) link_accepted(attempt, link);
    });
  });
}

void datanode::link_accepted(std::uint64_t attempt, std::uint64_t link) {
  if (attempt != attempt_) return;
  link_ = link;
  agent_->connected(world_.now());
  pump();
}

void datanode::master_gone(const std::string& master_address) {
  if (link_ == 0 || linked_to_->address != master_address) return;
  link_ = 0;
  agent_->connection_lost(world_.now());
  pump();
}

void datanode::perform(cluster::action::disconnect&) { close_link(); }

void datanode::to_master(std::function<void(master&, std::uint64_t)> what) {
  if (link_ == 0) return;
  world_.send(*this, *linked_to_, [m = linked_to_, link = link_, what = std::move(what)] {
    if (m->ready()) what(*m, link);
  });
}

void datanode::perform(cluster::action::send_registration& a) {
  to_master([this, r = a.registration](master& m, std::uint64_t link) {
    m.register_node(r, link, [this, &m, link](const result<cluster::registration_answer>& done) {
      world_.send(m, *this, [this, link, done] {
        answer(link, [&](cluster::agent& g) { g.register_answered(done, world_.now()); });
      });
    });
  });
}

void datanode::perform(cluster::action::send_page& a) {
  to_master([this, epoch = a.epoch, page = a.page](master& m, std::uint64_t link) {
    m.report_volumes(epoch, page, link, [this, &m, link](const result<void>& done) {
      world_.send(m, *this, [this, link, done] {
        answer(link, [&](cluster::agent& g) { g.page_answered(done, world_.now()); });
      });
    });
  });
}

void datanode::perform(cluster::action::send_heartbeat& a) {
  to_master([this, beat = a.heartbeat](master& m, std::uint64_t link) {
    const std::uint64_t number = beat.number;
    m.heartbeat(
        beat, link, [this, &m, link, number](const result<cluster::heartbeat_answer>& done) {
          world_.send(m, *this, [this, link, number, done] {
            answer(link,
                   [&](cluster::agent& g) { g.heartbeat_answered(number, done, world_.now()); });
          });
        });
  });
}

void datanode::perform(cluster::action::persist_witness& a) {
  after(world_.between(1, 10), [this, value = a.value] {
    if (world_.chance(0.1)) {  // a full disk, say
      agent_->witness_failed(world_.now());
      return pump();
    }
    persisted = value;
    agent_->witness_persisted(value, world_.now());
    pump();
  });
}

void datanode::perform(cluster::action::apply_settings&) {}
void datanode::perform(cluster::action::take_tickets&) {}
void datanode::perform(cluster::action::cancel& a) { cancelled_.insert(a.order_id); }
void datanode::perform(cluster::action::complain& a) {
  world_.note(address + " complains: " + a.why.message());
}

}  // namespace ssdfs::sim
