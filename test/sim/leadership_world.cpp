#include "sim/leadership_world.hpp"

#include "sim/leadership_member.hpp"

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <utility>

namespace ssdfs::member_sim {

world::world(const world_settings& s)
    : settings(s),
      random_(s.seed * 0x9e3779b97f4a7c15ULL + 7),
      verbose_(std::getenv("SSDFS_SIM_TRACE") != nullptr) {
  // Clocks that differ by a little less than a tenth at most.
  const bool far = s.broken == broken_rule::clocks_differ_by_half;
  for (int i = 0; i < s.members; ++i) {
    const double step = static_cast<double>(between(0, 20)) / 20.0;
    const double rate = far ? (i % 2 == 0 ? 0.6 : 1.4) : 0.955 + 0.09 * step;
    const bool eligible = !(s.one_is_ineligible && i == s.members - 1);
    members.push_back(std::make_unique<member>(*this, i, rate, eligible));
  }
  // The register as `admin zookeeper-init` leaves it: the first member alone.
  cluster::register_value v;
  uuid cluster_uuid{};
  cluster_uuid.data[0] = 0xc1;
  v.cluster = cluster_id(cluster_uuid);
  v.epoch = epoch_t(256);
  v.leader = members[0]->address().node;
  v.insync = {members[0]->address()};
  v.writer = v.leader;
  v.nonce = 1;
  register_.push_back({0, cluster::encode_register(v)});
  members[0]->on_disk().log.push_back({epoch_t(256), v.leader, 0, 77});
  members[0]->on_disk().committed = 1;
}

world::~world() = default;

void world::at(time_ms when, std::function<void()> what) {
  events_.push({std::max(when, now_), ++order_, std::move(what)});
}

bool world::chance(double p) { return static_cast<double>(random_() >> 11U) * 0x1p-53 < p; }

std::int64_t world::between(std::int64_t low, std::int64_t high) {
  return low + static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(high - low + 1));
}

member* world::find(const std::string& address) {
  for (auto& m : members) {
    if (m->name() == address) return m.get();
  }
  return nullptr;
}

member& world::any() {
  return *members[static_cast<std::size_t>(between(0, settings.members - 1))];
}

member* world::leader() {
  for (auto& m : members) {
    if (m->up() && m->machine().role() != cluster::member_role::standby &&
        m->machine().role() != cluster::member_role::ended) {
      return m.get();
    }
  }
  return nullptr;
}

bool world::cut(const member& from, const member& to) const {
  const auto at = cut_until_.find({&from, &to});
  return at != cut_until_.end() && at->second > now_;
}

void world::send(const member& from, const member& to, std::function<void()> what) {
  if (cut(from, to)) return;
  if (!calm_ && chance(settings.loss)) return;
  const bool slow = !calm_ && (now_ < slow_until_ || chance(settings.slow));
  const auto delay = [&] { return slow ? between(20, 600) : between(1, 6); };
  if (!calm_ && chance(settings.loss)) after(delay(), what);
  after(delay(), std::move(what));
}

void world::note(const std::string& what) {
  if (verbose_) std::cerr << now_ - 1'000'000 << " " << what << "\n";
}

void world::fail(const std::string& what) {
  if (failure_.empty()) failure_ = std::to_string(now_ - 1'000'000) + " ms: " + what;
  note("FAILED: " + what);
}

// ---- the register ----

bool world::register_away(const member& m) const {
  if (now_ < register_away_until_) return true;
  const auto at = register_away_from_.find(&m);
  return at != register_away_from_.end() && at->second > now_;
}

std::string world::register_bytes() const { return register_.back().bytes; }

void world::read_register(member& from, std::uint64_t id) {
  member* m = &from;
  const std::uint64_t life = from.life();
  const bool away = register_away(from);
  after(away ? between(1, 900) : between(1, 8), [this, m, life, id, away] {
    if (away || register_away(*m)) {
      return m->deliver(life, [m, id] {
        m->machine().register_read(id, cluster::read_outcome::unreachable, 0, {}, m->clock());
      });
    }
    // A server that lags, but not behind what this session has seen.
    std::size_t back = chance(0.2) ? static_cast<std::size_t>(between(0, 2)) : 0;
    back = std::min(back, register_.size() - 1);
    while (back > 0 && register_[register_.size() - 1 - back].number < m->seen) --back;
    const version v = register_[register_.size() - 1 - back];
    m->seen = std::max(m->seen, v.number);
    m->deliver(life, [m, id, v] {
      m->machine().register_read(id, cluster::read_outcome::found, v.number, v.bytes, m->clock());
    });
  });
}

void world::change_register(member& from, std::uint64_t id,
                            std::optional<cluster::register_version> expected, std::string bytes) {
  member* m = &from;
  const std::uint64_t life = from.life();
  const auto tell = [this, m, life, id](std::int64_t ms, cluster::change_outcome what) {
    after(ms, [m, life, id, what] {
      m->deliver(life, [m, id, what] { m->machine().register_changed(id, what, m->clock()); });
    });
  };
  if (register_away(from) && chance(0.8)) return tell(0, cluster::change_outcome::not_sent);
  // The deadline; the answer may have come before.
  auto told = std::make_shared<bool>(false);
  after(1'000, [this, m, life, id, told] {
    if (std::exchange(*told, true)) return;
    const auto what = settings.broken == broken_rule::unknown_is_lost
                          ? cluster::change_outcome::lost
                          : cluster::change_outcome::unknown;
    m->deliver(life, [m, id, what] { m->machine().register_changed(id, what, m->clock()); });
  });
  if (!calm_ && chance(0.05)) return;  // it never arrives
  const bool late = !calm_ && (chance(0.1) || register_away(from));
  after(late ? between(100, 4'000) : between(1, 8),
        [this, m, life, id, expected, bytes = std::move(bytes), told] {
          apply(*m, life, id, expected, bytes, told);
        });
}

void world::apply(member& from, std::uint64_t life, std::uint64_t id,
                  std::optional<cluster::register_version> expected, const std::string& bytes,
                  std::shared_ptr<bool> told) {
  const bool right = expected && *expected == register_.back().number;
  if (right) {
    register_.push_back({*expected + 1, bytes});
    note("register: " + bytes.substr(bytes.find("\"epoch\"")));
  }
  if ((!calm_ && chance(0.1)) || register_away(from)) return;  // the answer is lost
  member* m = &from;
  after(between(1, 8), [m, life, id, right, told, this] {
    if (std::exchange(*told, true)) return;
    if (right) m->seen = std::max(m->seen, register_.back().number);
    const auto what = right ? cluster::change_outcome::done : cluster::change_outcome::lost;
    m->deliver(life, [m, id, what] { m->machine().register_changed(id, what, m->clock()); });
  });
}

// ---- the run ----

void world::step_until(time_ms end) {
  while (!events_.empty() && events_.top().when <= end && failure_.empty()) {
    const event e = events_.top();
    events_.pop();
    now_ = e.when;
    e.what();
    check_now();
  }
  now_ = std::max(now_, end);
}

// Users of all members, all the time: whoever answers must be right.
void world::use() {
  for (auto& m : members) {
    if (chance(0.7)) m->write();
    m->read();
  }
  after(between(5, 40), [this] { use(); });
}

std::string world::run() {
  for (auto& m : members) after(between(0, 300), [m = m.get()] { m->start(); });
  use();
  step_until(now_ + 4'000);
  const time_ms end = now_ + settings.storm_ms;
  while (now_ < end && failure_.empty()) {
    fault();
    step_until(now_ + between(1, settings.fault_pause_ms));
  }
  if (failure_.empty()) begin_calm();
  const time_ms begun = now_;
  step_until(now_ + settings.calm_ms);
  not_served_ms = served_at_ == 0 ? settings.calm_ms : std::max<time_ms>(0, served_at_ - begun);
  if (failure_.empty()) check_end();
  return failure_;
}

void world::begin_calm() {
  note("calm");
  calm_ = true;
  served_at_ = 0;
  register_away_until_ = 0;
  register_away_from_.clear();
  cut_until_.clear();
  slow_until_ = 0;
  for (auto& m : members) {
    m->stuck_until = m->disk_hangs_until = 0;
    if (m->paused()) m->resume();
    if (!m->up()) m->start();
  }
}

}  // namespace ssdfs::member_sim
