#include "master/observer.hpp"

#include "io/clock.hpp"
#include "master/admin_views.hpp"
#include "meta/queries.hpp"

#include <boost/asio/bind_executor.hpp>

#include <algorithm>
#include <chrono>

namespace ssdfs::master {
namespace {

constexpr std::int64_t hangs_after_ms = 20'000;

std::uint64_t count_of(const net::server_metrics& m, wire::opcode code) {
  const histogram* h = m.latency_us(static_cast<std::size_t>(code));
  return h == nullptr ? 0 : h->summary().count;
}

}  // namespace

observer::observer(boost::asio::io_context& io, core& of, sources from)
    : core_(of),
      from_(std::move(from)),
      timer_(io),
      started_ms_(io::wall_ms()),
      last_turn_ms_(io::steady_ms()) {}

void observer::start() {
  observe();
  arm();
}

void observer::stop() {
  stopped_ = true;
  timer_.cancel();  // its handler comes all the same
}

void observer::arm() {
  timer_.expires_after(std::chrono::milliseconds(interval_ms));
  timer_.async_wait(boost::asio::bind_executor(
      core_.strand(), [this, self = shared_from_this()](const boost::system::error_code& ec) {
        if (ec || stopped_) return;
        observe();
        arm();
      }));
}

std::shared_ptr<const snapshot> observer::latest() const {
  const std::lock_guard lock(mutex_);
  return latest_;
}

bool observer::alive() const {
  return io::steady_ms() - last_turn_ms_.load(std::memory_order_relaxed) < hangs_after_ms;
}

void observer::observe() {
  walk_volumes();
  const meta::state& s = core_.state();
  const auto& cluster = core_.nodes();
  auto next = std::make_shared<snapshot>();
  next->taken_ms = io::wall_ms();
  next->steady_ms = io::steady_ms();
  next->started_ms = started_ms_;
  next->cluster = s.cluster();
  next->epoch = s.epoch();
  next->last = s.last_txid();
  next->durable = core_.edits().durable();
  next->backlog_bytes = core_.edits().backlog();
  next->safe_mode = cluster.safe_mode();
  next->safe_mode_reason = cluster.safe_mode_reason();
  next->mass_silence = cluster.nodes().mass_silence();
  if (const auto allowed = core_.may_change(); !allowed) {
    next->not_ready = allowed.error().message();
  }
  const auto totals = s.names().totals(meta::root_directory);
  const auto trash = meta::trash_totals(s);
  next->files = totals.files - trash.files;
  next->directories = totals.directories + 1 - trash.directories;
  next->bytes = totals.bytes - trash.bytes;
  next->trash_files = trash.files;
  next->trash_bytes = trash.bytes;
  const auto& detached = s.names().detached_totals();
  next->detached_entries = detached.files + detached.directories;
  next->freed_chunks = s.volumes().freed_count();
  next->grants = s.volumes().grant_count();
  next->memory = s.names().memory();
  next->shared_access = s.access().used();
  next->shared_types = s.types().used();
  next->counts = cluster.counts();
  next->counts.missing += core_.state().volumes().lost_count();
  for (const auto& [id, node] : cluster.nodes().nodes()) {
    node_figures n;
    n.node = id;
    n.name = node.name;
    n.address = node.address;
    n.http = node.http_address;
    n.rack = node.rack;
    n.state = state_name(node, s);
    n.connected = node.connected;
    n.capacity_bytes = node.capacity_bytes();
    n.used_bytes = node.used_bytes();
    n.free_bytes = node.free_bytes();
    n.volumes = cluster.replicas_on(id);
    n.silent_ms = std::max<std::int64_t>(0, core::steady_now_ms() - node.last_heard);
    n.disks = static_cast<std::uint32_t>(node.disks.size());
    n.failed_disks = static_cast<std::uint32_t>(std::count_if(
        node.disks.begin(), node.disks.end(), [](const auto& d) { return d.failed; }));
    next->nodes.push_back(std::move(n));
  }
  next->backups = from_.backups();
  next->volumes = walked_;
  last_turn_ms_.store(next->steady_ms, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  history_.add(*next, traffic());
  latest_ = std::move(next);
}

void observer::walk_volumes() {
  const auto& volumes = core_.state().volumes();
  for (std::size_t done = 0; done < volumes_per_turn && cursor_ < volumes.size(); ++done) {
    look_at(volumes[meta::volume_slot(static_cast<std::uint32_t>(cursor_++))].info);
  }
  if (cursor_ < volumes.size()) return;
  walked_ = std::move(walking_);
  walking_ = {};
  cursor_ = 0;
}

void observer::look_at(const volume_info& info) {
  using condition = cluster::volume_condition;
  const auto report = core_.nodes().report(info.id);
  ++walking_.by_condition[static_cast<std::size_t>(report.condition)];
  walking_.live_bytes += info.digest.bytes;
  walking_.chunks += info.digest.count;
  const auto is = report.condition;
  if (is == condition::open || is == condition::opening || is == condition::healthy ||
      is == condition::waiting_for_log || is == condition::sealed_for_grants) {
    return;
  }
  ++walking_.repairing;
  if (walking_.repairs.size() >= volume_figures::most_repairs) return;
  repair_figures r;
  r.volume = info.id;
  r.condition = std::string(cluster::name_of(is));
  r.complete = report.complete;
  r.wanted = info.replication;
  r.bytes = info.length;
  for (const auto& replica : report.replicas) {
    if (replica.report.generation == 0 || replica.report.state != replica_state::recovering) {
      continue;
    }
    r.done_bytes = std::max(r.done_bytes, replica.report.length);
    const auto* node = core_.nodes().nodes().find(replica.node);
    r.onto.push_back(node == nullptr || node->name.empty() ? to_string(replica.node) : node->name);
  }
  walking_.repairs.push_back(std::move(r));
}

traffic_totals observer::traffic() const {
  using wire::opcode;
  traffic_totals out;
  out.lookups = count_of(from_.traffic, opcode::lookup);
  out.commits = count_of(from_.traffic, opcode::commit_file);
  for (const auto code : {opcode::list, opcode::summary, opcode::make_directory, opcode::rename,
                          opcode::remove, opcode::set_attributes}) {
    out.others += count_of(from_.traffic, code);
  }
  return out;
}

}  // namespace ssdfs::master
