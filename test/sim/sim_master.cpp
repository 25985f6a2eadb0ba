#include "sim/sim_master.hpp"

#include "meta/queries.hpp"
#include "meta/record_codec.hpp"
#include "sim/sim_node.hpp"

#include <algorithm>

namespace ssdfs::sim {

namespace {

constexpr std::int64_t tick_ms = 100;
constexpr std::int64_t upkeep_ms = 500;
constexpr std::int64_t session_ms = 4'000;
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

cluster::node_wish wish_of(meta::node_decision decision) {
  switch (decision) {
    case meta::node_decision::normal: return cluster::node_wish::normal;
    case meta::node_decision::decommission: return cluster::node_wish::leaving;
    case meta::node_decision::maintenance: return cluster::node_wish::maintenance;
  }
  return cluster::node_wish::normal;
}

}  // namespace

// ---- the state as the controller sees it --------------------------------------------------------

const volume_info* state_view::find(volume_id id) const {
  const meta::volume_entry* entry = state_.volumes().find(id);
  return entry == nullptr ? nullptr : &entry->info;
}

void state_view::for_each_volume(const std::function<void(const volume_info&)>& visit) const {
  for (std::uint32_t slot = 0; slot < state_.volumes().size(); ++slot) {
    visit(state_.volumes()[meta::volume_slot(slot)].info);
  }
}

std::size_t state_view::grants_outstanding(volume_id id) const {
  const meta::volume_entry* entry = state_.volumes().find(id);
  return entry == nullptr ? 0 : entry->grants.size();
}

std::uint64_t state_view::first_removal(volume_id id) const {
  const meta::volume_entry* entry = state_.volumes().find(id);
  return entry == nullptr || entry->removals.empty() ? 0 : entry->removals.front().number;
}

const cluster::removal_batch* state_view::removal(volume_id id, std::uint64_t number) const {
  const meta::volume_entry* entry = state_.volumes().find(id);
  if (entry == nullptr) return nullptr;
  for (const meta::removal_batch& batch : entry->removals) {
    if (batch.number != number) continue;
    shown_ = {.number = number, .keys = batch.keys, .logged = batch.txid};
    return &shown_;
  }
  return nullptr;
}

bool state_view::reclaim_due(volume_id id) const {
  const meta::volume_entry* entry = state_.volumes().find(id);
  return entry != nullptr && !entry->freed.empty() &&
         entry->oldest_freed_ms() + context_.delete_grace_ms <= context_.now_ms;
}

std::uint64_t state_view::freed_chunks(volume_id id) const {
  const meta::volume_entry* entry = state_.volumes().find(id);
  return entry == nullptr ? 0 : entry->freed.size();
}

std::uint64_t state_view::lost_chunks(volume_id id) const {
  const meta::volume_entry* entry = state_.volumes().find(id);
  return entry == nullptr ? 0 : entry->lost.size();
}

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
  return context_;
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
  committed_ = state_->last_txid();
  if (promotion) history_cut_ = state_->epoch();
  view_ = std::make_unique<state_view>(*state_, context_);
  controller_ = std::make_unique<cluster::controller>(
      settings_for(world_, *state_, world_.random64()), *view_, world_.now());
  controller_->committed(committed_, world_.now());
  for (std::uint32_t slot = 0; slot < state_->volumes().size(); ++slot) {
    for (const meta::grant_info& g : state_->volumes()[meta::volume_slot(slot)].grants) {
      touch(g.owner);
    }
  }
  for (const auto& [node, entry] : state_->nodes()) {
    controller_->decide_node(node, wish_of(entry.decision), world_.now());
  }
  const meta::rebalance_entry& rebalance = state_->rebalance();
  if (rebalance.active()) {
    controller_->start_rebalance(rebalance.threshold_permille / 1000.0,
                                 rebalance.phase == meta::rebalance_phase::paused, world_.now());
  }
  next_upkeep_ = world_.now();
  tick();
}

void master::decide(node_id node, meta::node_entry entry) {
  auto change = meta::make_node(*state_, node, entry, context());
  if (!change || !log(*change)) return;
  world_.note(address + " decides " + std::to_string(static_cast<int>(entry.decision)) +
              " about a node");
  controller_->decide_node(node, wish_of(entry.decision), world_.now());
  settle();
}

void master::rest(node_id node, std::int64_t for_ms) {
  decide(node, {meta::node_decision::maintenance, context().now_ms + for_ms});
}

bool master::log_rebalance(meta::rebalance_entry entry) {
  auto change = meta::make_rebalance(*state_, entry, context());
  if (!change || !log(*change)) return false;
  world_.note(address + " logs phase " + std::to_string(static_cast<int>(entry.phase)) +
              " of a rebalance");
  return true;
}

void master::start_rebalance(std::uint32_t threshold_permille) {
  if (!log_rebalance({meta::rebalance_phase::running, threshold_permille})) return;
  controller_->start_rebalance(threshold_permille / 1000.0, false, world_.now());
  settle();
}

void master::pause_rebalance(bool pause) {
  meta::rebalance_entry entry = state_->rebalance();
  entry.phase = pause ? meta::rebalance_phase::paused : meta::rebalance_phase::running;
  if (!controller_->rebalancing() || !log_rebalance(entry)) return;
  (void)controller_->pause_rebalance(pause, world_.now());
  settle();
}

void master::stop_rebalance() {
  meta::rebalance_entry entry = state_->rebalance();
  entry.phase = meta::rebalance_phase::stopped;
  if (!controller_->rebalancing() || !log_rebalance(entry)) return;
  controller_->stop_rebalance(world_.now());
  settle();
}

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
  waiting_.clear();
  sessions_.clear();
  controller_.reset();
  view_.reset();
  state_.reset();
  for (const auto& node : world_.nodes_) {
    world_.send(*this, *node, [n = node.get(), a = address] { n->master_gone(a); });
  }
}

// ---- the log ------------------------------------------------------------------------------------

result<txid> master::log(meta::record& change) {
  meta::text_buffer text;
  const std::uint32_t crc = meta::encode_line(change, state_->chain(), text);
  pending_lines_.push_back({std::string(text.view()), change.txid});
  const auto applied = state_->apply(change, crc);
  if (!applied) {
    world_.fail("a record cannot be applied: " + applied.error().message());
    return applied.error();
  }
  sync_log();
  return change.txid;
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
  committed_ = upto;
  controller_->committed(upto, world_.now());
  std::vector<waiting_answer> ready;
  std::erase_if(waiting_, [&](waiting_answer& w) {
    if (w.after > upto) return false;
    ready.push_back(std::move(w));
    return true;
  });
  for (const waiting_answer& w : ready) w.answer();
  sync_log();
  settle();
}

void master::when_durable(std::function<void()> answer) {
  if (state_->last_txid() <= committed_) return answer();
  waiting_.push_back({state_->last_txid(), std::move(answer)});
}

void master::log_request(const cluster::log_request& q) {
  using kind = cluster::log_request::kind;
  const meta::context& c = context();
  result<meta::record> change = errc::internal;
  switch (q.what) {
    case kind::add: change = meta::make_add_volume(*state_, q.members, q.replication, c); break;
    case kind::seal: change = meta::make_seal(*state_, q.volume, q.reason, c); break;
    case kind::close: change = meta::make_close(*state_, q.volume, q.length, c); break;
    case kind::reopen: {
      const meta::volume_slot slot = state_->volumes().slot_of(q.volume);
      state_->confirm_removals(slot, controller_->removals_settled(q.volume));
      change = meta::make_reopen(*state_, q.volume, c);
      break;
    }
    case kind::members: change = meta::make_members(*state_, q.volume, q.members, c); break;
    case kind::lost: {
      const auto live = in_files(q.volume);
      std::vector<meta::stored_chunk> chunks;
      for (const chunk_content& lost : q.chunks) {
        const auto at = live.find(lost.key);
        if (at == live.end() || at->second != content{lost.size, lost.crc32c}) continue;
        chunks.push_back({lost.key, lost.size, meta::crc_value(lost.crc32c)});
      }
      change = meta::make_lost(*state_, q.volume, chunks, c);
      break;
    }
    case kind::found: {
      std::vector<meta::stored_chunk> chunks;
      for (const chunk_content& f : q.chunks) {
        chunks.push_back({f.key, f.size, meta::crc_value(f.crc32c)});
      }
      change = meta::make_found(*state_, q.volume, chunks, c);
      break;
    }
  }
  bool applied = change.has_value();
  volume_id volume = q.volume;
  if (applied) {
    if (q.what == kind::add) volume = std::get<meta::add_volume_record>(change->body).volume;
    world_.note(address + " logs " + std::string(meta::kind_name(change->body)) + " volume " +
                std::to_string(volume.value) + " gen " + std::to_string(q.generation));
    applied = log(*change).has_value();
  }
  if (applied) {
    const volume_info& info = *view_->find(volume);
    world_.members_are(volume, info.members, info.replication);
    controller_->volume_changed(volume, change->txid, world_.now());
  }
  controller_->request_done(q.ticket, applied, world_.now());
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
  for (auto requests = controller_->take_log_requests(); !requests.empty();
       requests = controller_->take_log_requests()) {
    for (const cluster::log_request& q : requests) log_request(q);
  }
  const meta::rebalance_entry& rebalance = state_->rebalance();
  if (rebalance.phase == meta::rebalance_phase::running && !controller_->rebalancing()) {
    (void)log_rebalance({meta::rebalance_phase::done, rebalance.threshold_permille});
  }
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
  if (world_.now() >= next_upkeep_) {
    next_upkeep_ = world_.now() + upkeep_ms;
    upkeep();
  }
  settle();
  if (up_) after(tick_ms, [this] { tick(); });
}

void master::upkeep() {
  std::vector<client_id> gone;
  for (const auto& [owner, last] : sessions_) {
    if (last + session_ms < world_.now()) gone.push_back(owner);
  }
  for (const client_id owner : gone) {
    sessions_.erase(owner);
    end_grants_of(owner);
  }
  while (state_->reclaim_step(1'000)) {
  }
  std::vector<node_id> over;
  for (const auto& [node, entry] : state_->nodes()) {
    const bool resting = entry.decision == meta::node_decision::maintenance;
    if (resting && entry.until_ms <= context().now_ms) over.push_back(node);
  }
  for (const node_id node : over) decide(node, {});
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

void master::end_grants_of(client_id owner) {
  for (std::uint32_t i = 0; i < state_->volumes().size(); ++i) {
    const meta::volume_entry& entry = state_->volumes()[meta::volume_slot(i)];
    std::vector<chunk_key> firsts;
    for (const meta::grant_info& g : entry.grants) {
      if (g.owner == owner) firsts.push_back(g.first);
    }
    const volume_id volume = entry.info.id;
    for (const chunk_key first : firsts) end_grant(owner, volume, first);
  }
}

}  // namespace ssdfs::sim
