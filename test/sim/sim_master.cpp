#include "sim/sim_master.hpp"

#include "meta/queries.hpp"
#include "meta/record_codec.hpp"
#include "sim/sim_node.hpp"

#include <algorithm>

namespace ssdfs::sim {

namespace {

constexpr std::int64_t tick_ms = 100;
constexpr std::int64_t upkeep_ms = 500;
constexpr std::int64_t delete_grace_ms = 1'500;
constexpr std::int64_t log_epoch_ms = 1'700'000'000'000;

cluster::controller_settings settings_for(const world& w, const meta::state& state,
                                          std::uint64_t seed) {
  cluster::controller_settings s;
  s.nodes.heartbeat_interval_ms = 500;
  s.nodes.stale_after_ms = 1'500;
  s.nodes.dead_after_ms = w.options.dead_after_ms;
  s.nodes.mass_silence_max_ms = 8'000;
  s.life.volume_size = 48U << 10;
  s.life.min_grant_bytes = 4U << 10;
  s.life.reclaim_seal_age_ms = 3'000;
  s.life.compact_min_bytes = 4U << 10;
  s.announced.heartbeat_interval_ms = 500;
  s.announced.volume_size = s.life.volume_size;
  s.replication = w.options.replication;
  s.min_replication = 1;
  s.safemode_max_ms = 6'000;
  s.ready_per_node = 2;
  s.degraded_wait_ms = 1'000;
  s.order_resend_ms = 1'000;
  s.random_seed = seed;
  for (const meta::epoch_entry& e : state.epochs())
    s.history.push_back({e.epoch, e.leader, e.first});
  return s;
}

// Small ones, so that their ends are common.
leader::grant_settings granting() {
  leader::grant_settings s;
  s.session_ms = 4'000;
  s.wait_ms = 400;
  s.most_waiting = 3;
  s.least_bytes = 4U << 10;
  s.most_bytes = 8U << 10;
  s.keys.least = s.keys.most = 6;
  return s;
}

}  // namespace

// ---- life ---------------------------------------------------------------------------------------

master::master(world& w, int index) : process(w), address("m" + std::to_string(index)) {
  id = node_id(w.random_uuid());
}
master::~master() = default;

meta::context& master::context() {
  context_.replication = world_.options.replication;
  context_.delete_grace_ms = delete_grace_ms;
  context_.max_reclaim_keys = 8;
  context_.wall_ms = log_epoch_ms + world_.now() + world_.clock_offset_ms();
  context_.now_ms = clock_->tick(context_.wall_ms, world_.now());
  if (view_) view_->set_log_time(context_.now_ms);
  return context_;
}

result<void> master::may_change() const {
  if (controller_->read_only_reason()) return errc::read_only;
  return {};
}

void master::start(bool promotion) {
  if (up_) return;
  up_ = true;
  ++life_;
  state_ = std::make_unique<meta::state>();
  meta::line_parser parser;
  for (const line& l : durable_lines_) {
    meta::record r;
    const auto crc =
        parser.parse(std::string_view(l.text).substr(0, l.text.size() - 1), state_->chain(), r);
    if (!crc || !state_->apply(r, *crc)) return world_.fail("the log cannot be replayed");
  }
  clock_.emplace(state_->log_time_ms(), log_epoch_ms + world_.now() + world_.clock_offset_ms(),
                 world_.now());
  cluster_id cluster = state_->cluster();
  if (cluster == cluster_id{}) cluster = cluster_id(world_.random_uuid());
  auto begun = meta::make_start(*state_, {id, cluster, promotion}, context());
  if (!begun || !log(*begun)) return world_.fail("no START");
  // The START record is durable before anything is served.
  for (line& l : pending_lines_) durable_lines_.push_back(std::move(l));
  pending_lines_.clear();
  leader::edits& edits = *this;
  leader::answers& answers = *this;
  commits_.emplace(*state_, edits, answers);
  commits_->committed(state_->last_txid());
  if (promotion) history_cut_ = state_->epoch();
  view_.emplace(*state_, delete_grace_ms);
  context();
  controller_ = std::make_unique<cluster::controller>(
      settings_for(world_, *state_, world_.random64()), *view_, world_.now());
  controller_->committed(commits_->committed(), world_.now());
  lists_.emplace(*state_);
  cluster_.emplace(*state_, *controller_, edits, *lists_);
  decisions_.emplace(*state_, *controller_, edits);
  grants_.emplace(*state_, *controller_, edits, granting(), world_.now());
  walking_ = false;
  decisions_->adopt(world_.now());
  next_upkeep_ = world_.now();
  tick();
}

void master::decide(node_id node, meta::node_entry entry) {
  if (!decisions_->decide_node(node, entry, world_.now())) return;
  world_.note(address + " decides " + std::to_string(static_cast<int>(entry.decision)) +
              " about a node");
  settle();
}

void master::rest(node_id node, std::int64_t for_ms) {
  decide(node, {meta::node_decision::maintenance, context().now_ms + for_ms});
}

void master::rebalance(leader::rebalance_action action, std::uint32_t threshold_permille) {
  if (!decisions_->decide_rebalance(action, threshold_permille, world_.now())) return;
  world_.note(address + " is told " + std::to_string(static_cast<int>(action)) + " of a rebalance");
  settle();
}

void master::start_rebalance(std::uint32_t threshold_permille) {
  rebalance(leader::rebalance_action::start, threshold_permille);
}

void master::pause_rebalance(bool pause) {
  rebalance(pause ? leader::rebalance_action::pause : leader::rebalance_action::resume);
}

void master::stop_rebalance() { rebalance(leader::rebalance_action::stop); }

void master::crash() {
  if (!up_) return;
  // The kernel may have written a part of the batch that was on its way.
  std::size_t kept =
      static_cast<std::size_t>(world_.between(0, static_cast<std::int64_t>(pending_lines_.size())));
  for (; kept > 0; --kept) {
    durable_lines_.push_back(std::move(pending_lines_.front()));
    pending_lines_.pop_front();
  }
  pending_lines_.clear();
  up_ = false;
  paused_ = false;
  ++life_;
  backlog_.clear();
  syncing_ = false;
  held_.clear();
  waiting_ = {};
  commits_.reset();
  waiting_grants_ = {};
  grants_.reset();
  decisions_.reset();
  cluster_.reset();
  lists_.reset();
  controller_.reset();
  view_.reset();
  state_.reset();
  for (const auto& node : world_.nodes_) {
    world_.send(*this, *node, [n = node.get(), a = address] { n->master_gone(a); });
  }
}

// ---- the log ------------------------------------------------------------------------------------

result<void> master::log(meta::record& change) {
  meta::text_buffer text;
  const std::uint32_t crc = meta::encode_line(change, state_->chain(), text);
  pending_lines_.push_back({std::string(text.view()), change.txid});
  if (grants_) grants_->about_to_apply(change);
  const auto applied = state_->apply(change, crc);
  if (!applied) {
    world_.fail("a record cannot be applied: " + applied.error().message());
    return applied.error();
  }
  sync_log();
  return {};
}

void master::sync_log() {
  if (syncing_ || pending_lines_.empty() || !controller_) return;
  syncing_ = true;
  const txid upto = pending_lines_.back().id;
  after(world_.between(1, world_.chance(0.05) ? 400 : 12), [this, upto] { synced(upto); });
}

void master::synced(txid upto) {
  syncing_ = false;
  while (!pending_lines_.empty() && pending_lines_.front().id <= upto) {
    durable_lines_.push_back(std::move(pending_lines_.front()));
    pending_lines_.pop_front();
  }
  commits_->committed(upto);
  controller_->committed(upto, world_.now());
  sync_log();
  settle();
}

void master::changed(leader::token asked, const meta::outcome&) { kept(asked, {}); }
void master::refused(leader::token asked, const failure& why) { kept(asked, why); }
void master::shown(leader::token asked) { kept(asked, {}); }
void master::given_up(leader::token asked, doubt) { kept(asked, errc::timed_out); }

void master::kept(leader::token asked, const result<void>& answer) { waiting_.take(asked)(answer); }

void master::note_logged(const cluster::log_request& request, const result<meta::record>& change) {
  if (!change) {
    world_.refused();
    return world_.note(address + " logs nothing for volume " +
                       std::to_string(request.volume.value) + ": " + change.error().message());
  }
  const auto* added = std::get_if<meta::add_volume_record>(&change->body);
  const volume_id volume = added != nullptr ? added->volume : request.volume;
  world_.note(address + " logs " + std::string(meta::kind_name(change->body)) + " volume " +
              std::to_string(volume.value) + " gen " + std::to_string(request.generation));
  const volume_info& info = *view_->find(volume);
  world_.members_are(volume, info.members, info.replication);
}

// One step at a time, as the strand of a master has other work between two of them.
void master::walk_lists() {
  if (std::exchange(walking_, true)) return;
  after(world_.between(1, 20), [this] {
    walking_ = false;
    if (lists_->step(world_.now())) walk_lists();
  });
}

void master::settle() {
  if (!ready()) return;
  if (controller_->deposed_by()) {
    world_.note(address + " is deposed");
    return crash();
  }
  if (controller_->read_only_reason()) {
    // The old master went on after the promotion: an operator knows and accepts.
    if (!world_.promoted()) return world_.fail("read only: " + *controller_->read_only_reason());
    controller_->accept_loss(world_.now());
    history_cut_ = state_->epoch();
  }
  for (bool again = true; again;) {
    again = cluster_->settle(
        world_.now(), [this](const cluster::log_request& request,
                             const result<meta::record>& change) { note_logged(request, change); });
    if (controller_->take_ready_changed() && grants_->waiting()) {
      again = true;
      serve_waiting_grants();
    }
  }
  (void)decisions_->end_rebalance();
  if (lists_->unfinished()) walk_lists();
  for (const node_id node : controller_->take_nodes_with_orders()) answer_heartbeat(node);
}

void master::tick() {
  context();
  if (this == &world_.active()) world_.listening();
  controller_->tick(world_.now());
  std::vector<node_id> due;
  for (const auto& [node, held] : held_) {
    if (held.deadline <= world_.now()) due.push_back(node);
  }
  for (const node_id node : due) answer_heartbeat(node);
  for (const client_id owner : grants_->expire(world_.now())) {
    world_.note(address + " ends the session of " + to_string(owner).substr(0, 4));
  }
  if (world_.now() >= next_upkeep_) {
    next_upkeep_ = world_.now() + upkeep_ms;
    upkeep();
  }
  settle();
  if (up_) after(tick_ms, [this] { tick(); });
}

void master::upkeep() {
  serve_waiting_grants();
  while (state_->reclaim_step(1'000)) {
  }
  lists_->forget_unused(world_.now());
  for ([[maybe_unused]] const node_id node : decisions_->end_maintenance(world_.now())) {
    world_.note(address + " ends the maintenance of a node");
  }
  if (controller_->safe_mode()) return;
  for (std::uint32_t i = 0; i < state_->volumes().size(); ++i) {
    const meta::volume_slot slot(i);
    const volume_id volume = state_->volumes()[slot].info.id;
    state_->confirm_removals(slot, controller_->removals_settled(volume));
    if (!view_->reclaim_due(volume)) continue;
    auto change = meta::make_reclaim(*state_, volume, context());
    if (change && *change && log(**change)) {
      controller_->volume_changed(volume, (*change)->txid, world_.now());
    } else {
      controller_->grants_changed(volume, world_.now());
    }
  }
}

}  // namespace ssdfs::sim
