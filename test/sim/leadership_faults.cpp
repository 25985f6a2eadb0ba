// What goes wrong in the simulated master set, and what must hold all the same.
#include "sim/leadership_member.hpp"
#include "sim/leadership_world.hpp"

#include <algorithm>

namespace ssdfs::member_sim {

void world::fault() {
  member* boss = leader();
  member& m = boss != nullptr && chance(0.5) ? *boss : any();
  const std::int64_t kind = between(0, 9);
  if (kind < 4) return fault_process(m);
  if (kind < 6) return fault_lines(m);
  if (kind < 8) return fault_register(m);
  if (kind == 8) return operate(m);
  if (settings.rollback) roll_back(m);
}

void world::fault_process(member& m) {
  member* p = &m;
  switch (between(0, 5)) {
    case 0:
    case 1:
      m.kill(false);
      after(between(50, 5'000), [p] { p->start(); });
      return;
    case 2:
      m.kill(true);
      after(between(500, 8'000), [p] { p->start(); });
      return;
    case 3:
    case 4: {
      if (!m.up() || m.paused()) return;
      const std::uint64_t life = m.life();
      note(m.name() + " is stopped");
      m.pause();
      after(between(50, 6'000), [p, life] {
        if (p->life() == life && p->paused()) p->resume();
      });
      return;
    }
    default:
      if (chance(0.5)) {
        note(m.name() + "'s strand is stuck");
        m.stuck_until = now_ + between(500, 8'000);
      } else {
        note(m.name() + "'s disk hangs");
        m.disk_hangs_until = now_ + between(500, 8'000);
      }
      return;
  }
}

void world::fault_lines(member& m) {
  if (chance(0.2)) {
    slow_until_ = now_ + between(500, 5'000);
    note("the network is slow");
    return;
  }
  const bool all = chance(0.4);
  const bool both = chance(0.6);
  const time_ms until = now_ + between(200, 6'000);
  member& other = any();
  note(m.name() + " is cut off from " + (all ? "all" : other.name()) + (both ? "" : ", one way"));
  for (auto& o : members) {
    if (o.get() == &m || (!all && o.get() != &other)) continue;
    cut_until_[{&m, o.get()}] = until;
    if (both) cut_until_[{o.get(), &m}] = until;
  }
}

void world::fault_register(member& m) {
  const time_ms until = now_ + between(200, 8'000);
  if (chance(0.4)) {
    note("the register is away");
    register_away_until_ = until;
  } else {
    note("the register is away from " + m.name());
    register_away_from_[&m] = until;
  }
}

void world::operate(member& m) {
  member* boss = leader();
  if (chance(0.4)) {
    note(m.name() + " shall end");
    return m.shut_down();
  }
  if (boss == nullptr || boss->paused()) return;
  if (chance(0.6)) {
    note(boss->name() + " shall hand over");
    boss->deliver(boss->life(), [boss] {
      const auto ignored = boss->machine().hand_over({}, boss->clock());
      static_cast<void>(ignored);
    });
    return;
  }
  // Out, and in again a little later, by whoever leads then.
  const node_id node = m.address().node;
  note(m.name() + " is kept out");
  for (const std::int64_t ms : {std::int64_t{0}, between(500, 4'000)}) {
    after(ms, [this, node, out = ms == 0] {
      for (auto& o : members) {
        if (!o->up() || o->machine().role() == cluster::member_role::standby) continue;
        o->deliver(o->life(), [l = o.get(), node, out] {
          const auto ignored = l->machine().keep_out(node, out, l->clock());
          static_cast<void>(ignored);
        });
      }
    });
  }
}

// The disk of a member is put back to what it was a while ago, once in a run.
void world::roll_back(member& m) {
  if (rolled_back_) return;
  if (!m.backup) {
    m.backup = m.on_disk();
    return;
  }
  note(m.name() + " goes back to an older disk");
  rolled_back_ = true;
  m.kill(true);
  m.on_disk() = *m.backup;
  member* p = &m;
  after(between(50, 2'000), [p] { p->start(); });
}

// ---- checks ----

void world::check_now() {
  const member* serving = nullptr;
  for (const auto& m : members) {
    if (!m->may_show()) continue;
    if (serving != nullptr) {
      return fail("both " + serving->name() + " and " + m->name() + " may show state");
    }
    serving = m.get();
  }
  if (serving != nullptr && calm_ && served_at_ == 0) served_at_ = now_;
}

void world::committed(const member& by, std::size_t upto) {
  const auto& log = by.on_disk().log;
  if (upto > log.size()) return fail(by.name() + " commits what it does not hold");
  for (std::size_t i = 0; i < upto; ++i) {
    if (i < truth_.size()) {
      if (truth_[i] == log[i]) continue;
      if (rolled_back_) {
        truth_.resize(i);  // an old disk may have led: what is checked then is that nothing is cut
      } else {
        return fail(by.name() + " commits another record " + std::to_string(i + 1));
      }
    }
    truth_.push_back(log[i]);
    if (log[i].id != 0) {
      seen_.insert(log[i].id);
      ++answered;
    }
  }
}

void world::shown(const member& by, std::size_t upto) {
  if (rolled_back_) return;
  if (upto < truth_.size()) {
    return fail(by.name() + " shows " + std::to_string(upto) + " of " +
                std::to_string(truth_.size()) + " records that were answered or shown");
  }
  committed(by, upto);
}

// Of earlier reigns: one that was replaced meanwhile may learn late that its START was committed.
void world::begins(const member& by) {
  if (rolled_back_) return;
  const auto& log = by.on_disk().log;
  const epoch_t own = log.back().epoch;
  for (std::size_t i = 0; i < truth_.size() && truth_[i].epoch < own; ++i) {
    if (i >= log.size() || log[i] != truth_[i]) {
      return fail(by.name() + " leads without everything that was committed");
    }
  }
}

void world::gives_up(const member& by, std::size_t to) {
  const auto& log = by.on_disk().log;
  for (std::size_t i = to; i < log.size(); ++i) {
    if (!seen_.contains(log[i].id)) continue;
    const bool elsewhere = std::any_of(members.begin(), members.end(), [&](const auto& m) {
      const auto& other = m->on_disk().log;
      return m.get() != &by && std::find(other.begin(), other.end(), log[i]) != other.end();
    });
    if (!elsewhere) {
      return fail(by.name() + " gives up the last copy of change " + std::to_string(log[i].id));
    }
  }
}

void world::check_end() {
  std::string all;
  std::size_t serving = 0;
  for (const auto& m : members) {
    serving += m->may_show() ? 1 : 0;
    const auto r = m->machine().report(m->clock());
    all += "\n  " + m->name() + ": role " + std::to_string(static_cast<int>(r.role)) + ", epoch " +
           std::to_string(r.epoch.value) + ", " + std::to_string(r.insync.size()) +
           " in the set, " + std::to_string(m->on_disk().log.size()) + " records, " + r.problem;
  }
  if (rolled_back_) return;
  if (serving != 1)
    return fail("nobody serves although all is well:" + all + "\n  " + register_bytes());
  const auto value = cluster::decode_register(register_bytes());
  std::size_t able = members.size() - (settings.one_is_ineligible ? 1 : 0);
  // One that was slow rests; how long depends on the leader's clock.
  for (const auto& m : members) {
    for (const auto& s : m->may_show() ? m->machine().report(m->clock()).standbys
                                       : std::vector<cluster::standby_report>{}) {
      if (!s.in_sync && s.welcome_at + 12'000 > m->clock()) --able;
    }
  }
  if (value->insync.size() < able) {
    return fail("not all are in the set although all is well:" + all + "\n  " + register_bytes());
  }
  for (const auto& m : members) {
    if (m->on_disk().log.size() + 200 < truth_.size()) fail(m->name() + " is behind:" + all);
  }
  if (served_at_ == 0) fail("nobody served in the calm");
}

}  // namespace ssdfs::member_sim
