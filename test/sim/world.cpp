#include "sim/world.hpp"

#include "sim/sim_client.hpp"
#include "sim/sim_master.hpp"
#include "sim/sim_node.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>

namespace ssdfs::sim {

namespace {

constexpr std::int64_t check_interval_ms = 500;

}  // namespace

// ---- processes ----------------------------------------------------------------------------------

void process::deliver(std::uint64_t life, std::function<void()> what) {
  if (!up_ || life != life_) return;
  if (paused_) {
    backlog_.emplace_back(life, std::move(what));
  } else {
    what();
  }
}

void process::resume() {
  if (!paused_) return;
  paused_ = false;
  auto backlog = std::move(backlog_);
  backlog_.clear();
  for (auto& [life, what] : backlog) deliver(life, std::move(what));
}

void process::after(std::int64_t delay_ms, std::function<void()> what) {
  world_.at(world_.now() + delay_ms, [this, life = life_, what = std::move(what)]() mutable {
    deliver(life, std::move(what));
  });
}

// ---- the world ----------------------------------------------------------------------------------

world::world(const world_options& o) : options(o), random_(o.seed) {
  verbose_ = std::getenv("SSDFS_SIM_TRACE") != nullptr;
  for (int i = 0; i < (o.two_masters ? 2 : 1); ++i) {
    masters_.push_back(std::make_unique<master>(*this, i));
  }
  for (int i = 0; i < o.nodes; ++i) nodes_.push_back(std::make_unique<datanode>(*this, i));
  for (int i = 0; i < o.clients; ++i) clients_.push_back(std::make_unique<client>(*this, i));
}
world::~world() = default;

void world::at(time_ms when, std::function<void()> what) {
  events_.push({std::max(when, now_), ++order_, std::move(what)});
}

bool world::chance(double p) { return std::generate_canonical<double, 32>(random_) < p; }

std::int64_t world::between(std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(high - low + 1));
}

uuid world::random_uuid() {
  uuid id;
  for (auto& byte : id) byte = static_cast<std::uint8_t>(random_());
  return id;
}

bool world::cut(const process& a, const process& b) const {
  return isolated_.contains(&a) != isolated_.contains(&b);
}

void world::send(const process& from, process& to, std::function<void()> what) {
  if (cut(from, to)) return;
  const int copies = calm_ ? 1 : chance(options.loss) ? 0 : chance(options.duplication) ? 2 : 1;
  for (int i = 0; i < copies; ++i) {
    const bool slow = from.slow_until > now_ || to.slow_until > now_ || chance(options.slow);
    const std::int64_t delay = !calm_ && slow ? between(50, 900) : between(1, 8);
    at(now_ + delay, [&to, life = to.life(), what] { to.deliver(life, what); });
  }
}

void world::fail(std::string what) {
  if (failure_.empty()) failure_ = "at " + std::to_string(now_) + " ms: " + std::move(what);
}

void world::note(const std::string& what) {
  if (verbose_) std::cerr << now_ << " " << what << "\n";
}

datanode* world::node_at(const std::string& address) {
  for (const auto& n : nodes_) {
    if (n->address == address) return n.get();
  }
  for (const auto& n : clones_) {
    if (n->address == address) return n.get();
  }
  return nullptr;
}

master* world::master_at(const std::string& address) {
  for (const auto& m : masters_) {
    if (m->address == address) return m.get();
  }
  return nullptr;
}

void world::stored(volume_id volume, chunk_key key, const content& what) {
  const auto [at, added] = contents_.try_emplace({volume, key}, what);
  if (!added && at->second != what) fail("a key has two contents");
}

void world::acknowledged(const std::string& path, const content& what) {
  acknowledged_[path] = what;
}

void world::removed(const std::string& path) {
  acknowledged_.erase(path);
  removed_.insert(path);
}

// ---- running ------------------------------------------------------------------------------------

void world::step_until(time_ms end) {
  while (!failed() && !events_.empty() && events_.top().when <= end) {
    // The queue's top is constant; the event is moved out right before it is removed.
    event next = std::move(const_cast<event&>(events_.top()));
    events_.pop();
    now_ = next.when;
    next.what();
  }
  now_ = std::max(now_, end);
}

std::string world::run() {
  masters_[0]->start();
  for (const auto& n : nodes_) n->start();
  for (const auto& c : clients_) c->start();
  at(now_ + 1'500, [this] { fault(); });
  const time_ms storm_end = now_ + options.storm_ms;
  while (!failed() && now_ < storm_end) {
    step_until(std::min(storm_end, now_ + check_interval_ms));
    check_sources();
  }
  if (!failed()) begin_calm();
  const time_ms end = now_ + options.calm_ms;
  while (!failed() && now_ < end) {
    step_until(std::min(end, now_ + 4 * check_interval_ms));
    check_sources();
  }
  if (!failed()) check_end();
  note(std::to_string(acknowledged_.size()) + " files, " + std::to_string(removed_.size()) +
       " removed, " + std::to_string(contents_.size()) + " chunks stored, " +
       std::to_string(order_) + " events, " + std::to_string(copies_) + " copies");
  return failure_;
}

}  // namespace ssdfs::sim
