#include "sim/leadership_member.hpp"

#include <algorithm>
#include <cmath>
#include <utility>

namespace ssdfs::member_sim {
namespace {

node_id node_of(int number) {
  uuid id{};
  id.data[0] = 0x5d;
  id.data[15] = static_cast<std::uint8_t>(number + 1);
  return node_id(id);
}

}  // namespace

member::member(world& w, int number, double rate, bool eligible)
    : world_(w),
      address_{node_of(number), "m" + std::to_string(number)},
      rate_(rate),
      eligible_(eligible) {}

time_ms member::clock() const {
  return static_cast<time_ms>(std::floor(static_cast<double>(world_.now()) * rate_));
}

// ---- the process ----

void member::start() {
  if (up() || world_.find(name()) != this) return;
  ++life_;
  paused_ = ending_ = holding_ = serving_ = syncing_ = false;
  following_.clear();
  matched_.clear();
  connections_.clear();
  backlog_.clear();
  unsynced_since_ = cluster::never;
  seen = 0;
  cluster::leadership_config c;
  uuid cluster_uuid{};
  cluster_uuid.data[0] = 0xc1;
  c.cluster = cluster_id(cluster_uuid);
  c.self = address_;
  c.process = world_.random64() >> 8U << 24U;
  c.eligible = eligible_;
  c.lost_history = disk_.lost_history;
  if (world_.settings.hasty) {
    c.timing.lease_ms = 2'500;
    c.timing.failover_after_ms = 700;
  }
  for (const auto& m : world_.members) c.seeds.push_back(m->name());
  disk_.synced = disk_.log.size();  // recovery syncs what it has read
  machine_ = std::make_unique<cluster::leadership>(std::move(c), log_of_disk(), clock());
  world_.note(name() + " starts, " + std::to_string(disk_.log.size()) + " records");
  tick();
}

void member::kill(bool power) {
  if (!up()) return;
  world_.note(name() + (power ? " loses its power" : " dies"));
  machine_.reset();
  ++life_;
  paused_ = false;
  backlog_.clear();
  if (power) {
    disk_.log.resize(disk_.synced);
    disk_.committed = std::min(disk_.committed, disk_.log.size());
  }
  for (auto& m : world_.members) {
    if (m.get() != this && m->up() && !power && !world_.cut(*this, *m)) m->peer_died(*this);
  }
}

void member::resume() {
  paused_ = false;
  auto waiting = std::exchange(backlog_, {});
  for (auto& w : waiting) {
    if (up()) w();
  }
}

void member::shut_down() {
  if (!up()) return;
  machine_->shutdown(clock());
  perform();
}

void member::end(std::int64_t back_ms) {
  if (ending_) return;
  ending_ = true;
  const std::uint64_t life = life_;
  world_.after(1, [this, life] {
    if (life_ == life) kill(false);
  });
  world_.after(back_ms, [this] { start(); });
}

void member::deliver(std::uint64_t life, std::function<void()> what) {
  if (!up() || life != life_) return;
  if (paused_) {
    backlog_.push_back([this, life, what = std::move(what)] {
      if (up() && life == life_) {
        what();
        perform();
      }
    });
    return;
  }
  what();
  perform();
}

void member::later(std::int64_t ms, std::function<void()> what) {
  world_.after(ms, [this, life = life_, what = std::move(what)]() mutable {
    deliver(life, std::move(what));
  });
}

void member::tick() {
  if (stuck_until <= world_.now()) machine_->alive(clock(), unsynced_since_);
  machine_->timer(clock());
  if (!following_.empty() && world_.now() - pulled_at_ > 300) pull(true);
  // At ticks of its own: a paused process has none, not many at once afterwards.
  later(cluster::leadership::tick_ms, [this] { tick(); });
}

// ---- actions ----

void member::perform() {
  if (performing_) return;
  performing_ = true;
  const std::uint64_t life = life_;
  while (up() && life == life_) {
    const auto actions = machine_->take_actions();
    if (actions.empty()) break;
    for (const auto& a : actions) {
      const bool often = std::holds_alternative<cluster::member_action::read_register>(a) ||
                         std::holds_alternative<cluster::member_action::send_promise>(a) ||
                         std::holds_alternative<cluster::member_action::committed>(a);
      const bool dies =
          !world_.calm() && world_.settings.crash_at_steps && world_.chance(often ? 0.00003 : 0.01);
      const bool before = world_.chance(0.5);
      if (!dies || !before) perform_one(a);
      if (dies && up()) {
        world_.after(world_.between(50, 3'000), [this] { start(); });
        kill(world_.chance(0.3));
      }
      if (!up() || life != life_) break;
    }
  }
  performing_ = false;
}

void member::perform_one(const cluster::leadership_action& a) {
  namespace act = cluster::member_action;
  if (const auto* reading = std::get_if<act::read_register>(&a)) {
    world_.read_register(*this, reading->id);
  } else if (const auto* change = std::get_if<act::change_register>(&a)) {
    world_.change_register(*this, change->id, change->expected, change->bytes);
  } else if (const auto* promise = std::get_if<act::send_promise>(&a)) {
    send_promise(*promise);
  } else if (const auto* greeting = std::get_if<act::send_greeting>(&a)) {
    send_greeting(*greeting);
  } else if (const auto* leader = std::get_if<act::follow>(&a)) {
    follow(*leader);
  } else if (const auto* cut = std::get_if<act::cut_log>(&a)) {
    cut_log(cut->to.value);
  } else if (std::get_if<act::fetch_image>(&a) != nullptr) {
    cut_log(0);
  } else if (const auto* reign = std::get_if<act::begin_reign>(&a)) {
    world_.note(name() + " has won epoch " + std::to_string(reign->epoch.value));
    begin_reign(reign->epoch);
  } else if (std::get_if<act::start_serving>(&a) != nullptr) {
    serving_ = true;
    world_.begins(*this);
  } else if (std::get_if<act::hold_requests>(&a) != nullptr) {
    holding_ = true;
    later(world_.between(1, 20),
          [this] { machine_->requests_held(txid(disk_.log.size()), clock()); });
  } else if (std::get_if<act::stop_serving>(&a) != nullptr) {
    holding_ = true;
    later(world_.between(1, 20), [this] { machine_->serving_stopped(clock()); });
  } else if (std::get_if<act::resume_serving>(&a) != nullptr) {
    holding_ = false;
  } else if (const auto* upto = std::get_if<act::committed>(&a)) {
    disk_.committed = std::max<std::size_t>(disk_.committed, upto->upto.value);
    world_.committed(*this, upto->upto.value);
  } else if (const auto* end_of = std::get_if<act::step_down>(&a)) {
    world_.note(name() + " steps down: " + end_of->why);
    end(world_.between(100, 800));
  } else if (const auto* loss = std::get_if<act::remember_loss>(&a)) {
    disk_.lost_history = loss->lost;
  } else if (const auto* only = std::get_if<act::serve_reads_only>(&a)) {
    world_.note(name() + " serves reads only: " + only->why);
    serving_ = false;
  } else if (std::get_if<act::may_exit>(&a) != nullptr) {
    end(world_.between(200, 1'500));
  }
}

// Answers come once, or the deadline does.
void member::send_promise(const cluster::member_action::send_promise& a) {
  member* to = world_.find(a.address);
  const std::uint64_t id = a.id;
  later(500,
        [this, id] { machine_->promise_failed(id, cluster::promise_outcome::silent, clock()); });
  if (to == nullptr || to == this) return;
  world_.send(*this, *to, [this, to, life = life_, id, q = a.request] {
    to->answer_promise(*this, life, id, q);
  });
}

void member::answer_promise(member& from, std::uint64_t life, std::uint64_t id,
                            const promise_request& q) {
  member* asker = &from;
  if (!up()) {
    return world_.send(*this, from, [asker, life, id] {
      asker->deliver(life, [asker, id] {
        asker->machine_->promise_failed(id, cluster::promise_outcome::refused, asker->clock());
      });
    });
  }
  deliver(life_, [this, asker, life, id, q] {
    // The connection is named by the process that made it.
    connections_[asker].insert(life);
    const promise_reply r = machine_->promised(q, life, clock());
    world_.send(*this, *asker, [asker, life, id, r] {
      asker->deliver(life,
                     [asker, id, r] { asker->machine_->promise_answered(id, r, asker->clock()); });
    });
  });
}

void member::send_greeting(const cluster::member_action::send_greeting& a) {
  const std::uint64_t id = a.id;
  later(300, [this, id] { machine_->greeted(id, cluster::greeting_outcome::silent, {}, clock()); });
  member* to = world_.find(a.to.address);
  if (to == nullptr) return;
  world_.send(*this, *to, [this, to, life = life_, id] { to->answer_greeting(*this, life, id); });
}

void member::answer_greeting(member& from, std::uint64_t life, std::uint64_t id) {
  member* asker = &from;
  const auto reply = [this, asker, life, id](cluster::greeting_outcome what,
                                             const member_greeting& g) {
    world_.send(*this, *asker, [asker, life, id, what, g] {
      asker->deliver(
          life, [asker, id, what, g] { asker->machine_->greeted(id, what, g, asker->clock()); });
    });
  };
  if (!up()) return reply(cluster::greeting_outcome::refused, {});
  deliver(life_, [this, reply] { reply(cluster::greeting_outcome::answered, machine_->greet()); });
}

void member::peer_died(member& peer) {
  member* gone = &peer;
  const auto connections = connections_[gone];
  connections_[gone].clear();
  later(world_.between(1, 5), [this, gone, connections] {
    for (const std::uint64_t c : connections) {
      machine_->standby_closed(gone->address().node, c, clock());
    }
  });
  if (following_ == peer.name()) pulled_at_ = 0;
}

// ---- the log ----

cluster::member_log member::log_of_disk() const {
  cluster::member_log l;
  l.durable = place();
  l.committed = txid(std::min(disk_.committed, disk_.synced));
  l.applied = l.committed;
  for (std::size_t i = 0; i < disk_.synced; ++i) {
    const record& r = disk_.log[i];
    if (r.id == 0) l.reigns.push_back({r.epoch, r.leader, txid(i + 1)});
  }
  return l;
}

log_place member::place() const {
  if (disk_.synced == 0) return {};
  const record& last = disk_.log[disk_.synced - 1];
  return {txid(disk_.synced), last.epoch, last.chain};
}

void member::tell_log(bool whole) {
  if (whole) {
    machine_->log_is(log_of_disk(), clock());
  } else {
    const txid known(std::min(disk_.committed, disk_.synced));
    machine_->log_grew(place(), known, known, clock());
  }
}

void member::append(const record& r) {
  disk_.log.push_back(r);
  record& added = disk_.log.back();
  const std::uint32_t before = disk_.log.size() < 2 ? 0 : disk_.log[disk_.log.size() - 2].chain;
  if (added.chain == 0)
    added.chain = before * 2'654'435'761U ^
                  (added.epoch.value * 40'503U + static_cast<std::uint32_t>(added.id) * 97U + 1U);
  if (unsynced_since_ == cluster::never) unsynced_since_ = clock();
  sync();
}

void member::sync() {
  if (syncing_ || disk_.synced == disk_.log.size()) return;
  syncing_ = true;
  const std::size_t upto = disk_.log.size();
  const std::int64_t hang = std::max<std::int64_t>(0, disk_hangs_until - world_.now());
  later(hang + world_.between(1, 8), [this, upto] {
    syncing_ = false;
    const std::size_t before = disk_.synced;
    disk_.synced = std::min(upto, disk_.log.size());
    unsynced_since_ = disk_.synced == disk_.log.size() ? cluster::never : clock();
    bool starts = false;
    for (std::size_t i = before; i < disk_.synced; ++i) starts = starts || disk_.log[i].id == 0;
    tell_log(starts);
    if (!following_.empty()) pull(pulled_at_ == 0);
    sync();
  });
}

void member::begin_reign(epoch_t epoch) {
  following_.clear();
  append({epoch, address_.node, 0});
  ++world_.changes_of_leader;
}

void member::cut_log(std::size_t to) {
  world_.note(name() + " cuts its log to " + std::to_string(to));
  world_.gives_up(*this, to);
  disk_.log.resize(std::min(to, disk_.log.size()));
  disk_.synced = disk_.log.size();
  disk_.committed = std::min(disk_.committed, disk_.synced);
  tell_log(true);
  pull(true);
}

// ---- pulling ----

void member::follow(const cluster::member_action::follow& a) {
  following_ = a.leader.address;
  pulled_at_ = 0;
  if (!following_.empty()) pull(true);
}

void member::pull(bool first) {
  member* to = world_.find(following_);
  if (to == nullptr || to == this) return;
  if (first && disk_.synced < disk_.log.size()) return;  // where the log ends is not known yet
  if (first) {
    pull_ = world_.next_number();
    pulled_at_ = world_.now();
  }
  const log_history h = machine_->history();
  const std::uint64_t number = ++pulls_;
  world_.send(*this, *to, [this, to, life = life_, pull = pull_, number, first, h] {
    if (to->up()) to->answer_pull(*this, life, {pull, number}, first, h);
  });
}

void member::answer_pull(member& from, std::uint64_t life, pull_number asked, bool first,
                         const log_history& h) {
  member* asker = &from;
  deliver(life_, [this, asker, life, asked, first, h] {
    const std::uint64_t pull = asked.connection;
    std::optional<history_answer> answer;
    const auto key = std::pair<const member*, std::uint64_t>(asker, pull);
    connections_[asker].insert(pull);
    if (first && !matched_.contains(key)) {
      answer = machine_->compare(h, pull, chain_check::not_yet, clock());
      if (answer->verdict == history_verdict::follow) {
        const std::size_t last = h.durable.last.value;
        if (last == 0 || disk_.log[last - 1].chain == h.durable.chain) {
          matched_.insert(key);
          machine_->standby_matched(h.node, pull, h.durable.last, clock());
        } else {
          answer = machine_->compare(h, pull, chain_check::wrong, clock());
        }
      }
    } else if (matched_.contains(key)) {
      machine_->standby_holds(h.node, pull, h.durable.last, clock());
    } else {
      return;
    }
    std::vector<record> lines;
    const std::size_t begin = h.durable.last.value;
    if (matched_.contains(key)) {
      const std::size_t end = std::min<std::size_t>(disk_.synced, begin + 20);
      for (std::size_t i = begin; i < end; ++i) lines.push_back(disk_.log[i]);
    }
    // A long poll: empty answers wait a little.
    const std::int64_t hold = lines.empty() ? 30 : 0;
    const std::size_t known = machine_->committed().value;
    world_.after(hold, [this, asker, life, asked, begin, lines, known, answer] {
      world_.send(*this, *asker, [asker, life, asked, begin, lines, known, answer] {
        asker->deliver(life, [asker, asked, begin, lines, known, answer] {
          asker->pulled(asked, begin, lines, known, answer ? &*answer : nullptr);
        });
      });
    });
  });
}

void member::pulled(pull_number asked, std::size_t from, const std::vector<record>& lines,
                    std::size_t known, const history_answer* answer) {
  if (asked.connection != pull_ || asked.number != pulls_ || following_.empty()) return;
  if (answer != nullptr && answer->verdict != history_verdict::follow) {
    machine_->history_answered(*answer, clock());
    return;
  }
  pulled_at_ = world_.now();
  if (from == disk_.log.size()) {
    for (const record& r : lines) append(r);
  }
  disk_.committed = std::max(disk_.committed, std::min(known, disk_.log.size()));
  machine_->log_matched(clock());
  tell_log(false);
  if (disk_.synced == disk_.log.size()) pull(false);
}

// ---- its users ----

bool member::may_show() const {
  return up() && !paused_ && serving_ && machine_->may_show(clock());
}

void member::write() {
  if (!up() || paused_ || !serving_ || holding_ || ending_) return;
  if (machine_->role() != cluster::member_role::leader) return;
  append({machine_->report(clock()).epoch, address_.node, world_.next_number()});
  if (world_.settings.broken == broken_rule::committed_too_early) {
    world_.committed(*this, disk_.synced);
  }
  perform();
}

void member::read() {
  if (may_show() && !holding_) world_.shown(*this, shown());
}

}  // namespace ssdfs::member_sim
