#include "datanode/datanode.hpp"

#include "base/assert.hpp"
#include "base/log.hpp"
#include "datanode/byte_budget.hpp"
#include "datanode/chain.hpp"
#include "datanode/chunk_mover.hpp"
#include "datanode/cluster_link.hpp"
#include "datanode/disk_balancer.hpp"
#include "datanode/hosted_volume.hpp"
#include "datanode/http_chunks.hpp"
#include "datanode/large_writes.hpp"
#include "datanode/membership.hpp"
#include "datanode/metrics.hpp"
#include "datanode/op_metrics.hpp"
#include "datanode/order_executor.hpp"
#include "datanode/repeating_timer.hpp"
#include "datanode/scrubber.hpp"
#include "datanode/service.hpp"
#include "datanode/ticket_checker.hpp"
#include "datanode/witness_file.hpp"
#include "http/common_metrics.hpp"
#include "io/clock.hpp"
#include "io/disk_pool.hpp"
#include "net/address.hpp"
#include "net/server.hpp"
#include "volume/volume_set.hpp"

#include <boost/asio/ip/host_name.hpp>

#include <algorithm>
#include <atomic>
#include <mutex>
#include <utility>

namespace ssdfs::datanode {
namespace {

constexpr std::size_t write_budget = 64U << 20;  // bytes, at each distance from a chain's end
constexpr std::int64_t report_interval_ms = 1000;
// More than the orders that the agent has running at a time and the jobs of the movers, so that
// witnesses never wait for them.
constexpr std::size_t background_threads = 11;

bool is_wildcard(const std::string& host) {
  return host.empty() || host == "*" || host == "0.0.0.0" || host == "::";
}

// `set` outlives the channels. Their cluster is asked for at each connect: a new node joins one
// later.
net::channel_options peer_options(const volume::volume_set& set) {
  net::channel_options out;
  out.hello.role = wire::peer_role::datanode;
  out.cluster = [&set] { return set.cluster(); };
  out.hello.node = set.node();
  out.hello.software = "ssdfs " SSDFS_VERSION;
  out.silence_ms = 2000;
  return out;
}

// A writer waits: a member that hangs is found out before the writer loses patience with this node,
// so that it learns which of the two it was.
net::channel_options chain_options(const volume::volume_set& set) {
  net::channel_options out = peer_options(set);
  out.connect_timeout_ms = 600;
  out.silence_ms = 600;
  return out;
}

result<std::unique_ptr<volume::volume_set>> open_volumes(const datanode_options& o) {
  volume::volume_set_options to;
  to.fs = o.files != nullptr ? o.files : &io::system_files();
  for (const data_dir& d : o.data_dirs) {
    volume::directory_options dir;
    dir.path = d.path;
    if (d.capacity_bytes > 0) dir.capacity = d.capacity_bytes;
    to.directories.push_back(std::move(dir));
  }
  if (o.reserved_percent > 0) {
    to.reserved_share = o.reserved_percent / 100;
  } else {
    to.reserved_bytes = o.reserved_bytes;
  }
  to.sync = o.sync;
  // How large volumes grow is decided by the grants of the master.
  to.max_volume_size = volume::max_file_size;
  return volume::volume_set::open(std::move(to));
}

std::vector<std::string> usable_directories(const volume::volume_set& set) {
  std::vector<std::string> out;
  for (const auto& d : set.status()) {
    if (d.problem.empty()) out.push_back(d.path);
  }
  return out;
}

// Composes the parts; what they do is theirs.
class node_impl final : public datanode, public cluster_link {
 public:
  node_impl(boost::asio::io_context& io, datanode_options o,
            std::unique_ptr<volume::volume_set> set)
      : io_(io),
        options_(std::move(o)),
        fs_(options_.files != nullptr ? *options_.files : io::system_files()),
        set_(std::move(set)),
        metrics_(options_.slow_op_ms),
        disk_({.threads = std::max<std::size_t>(1, options_.disk_threads), .queue_limit = 8192}),
        background_({.threads = background_threads, .queue_limit = 4096}),
        upkeep_({.threads = 1, .queue_limit = 8}),
        large_(disk_),
        down_(io.get_executor(), chain_options(*set_), options_.chain_timeout_ms),
        peers_(io.get_executor(), peer_options(*set_)),
        witnesses_(fs_, usable_directories(*set_)),
        orders_({*set_, volumes_, large_, background_, disk_, set_->node(), peers_,
                 [this] { return membership_ ? membership_->master() : nullptr; }}),
        scrubs_({fs_,
                 set_->primary_directory(),
                 volumes_,
                 {peers_, [this] { return membership_ ? membership_->master() : nullptr; },
                  set_->node()},
                 [this](volume_id v) { volume_changed(v); }}),
        service_({disk_, volumes_, large_, down_, budget_, metrics_, *this, flying_, scrubs_,
                  tickets_, set_->node(), [this] { return set_->cluster(); }}),
        sync_timer_(io, std::max<std::int64_t>(1, options_.sync_interval_ms), [this] { sync(); }),
        report_timer_(io, report_interval_ms, [this] { report(); }) {
    for (auto& v : set_->all()) {
      volumes_.insert(std::make_shared<hosted_volume>(std::move(v), disk_));
    }
  }
  ~node_impl() override { stop(); }

  result<void> run() {
    if (witnesses_.unreadable()) return *witnesses_.unreadable();
    auto listening = net::server::listen(
        io_, service_, {.listen = options_.listen, .max_connections = options_.max_connections});
    if (!listening) return std::move(listening).error();
    server_ = std::move(*listening);
    const auto bound = net::parse_host_port(server_->address());
    if (!bound) return bound.error();
    membership_ = std::make_shared<membership>(
        io_, membership_settings(*bound),
        membership::parts{*set_, volumes_, orders_, witnesses_, tickets_, background_});
    server_->start();
    scrubs_.start();  // before the first report, which has what is known to be bad
    membership_->start();
    sync_timer_.start();
    report_timer_.start();
    return {};
  }

  std::string address() const override { return server_->address(); }
  node_id node() const override { return set_->node(); }
  cluster_id cluster() const override { return set_->cluster(); }
  http::local_chunks& chunks() override { return http_chunks_; }

  readiness_state readiness() const override {
    for (const auto& q : set_->status()) {
      if (!q.problem.empty()) continue;
      if (!membership_->registered()) {
        return {false, "not registered: " + membership_->problem()};
      }
      std::string notice = membership_->notice();
      return {notice.empty(), std::move(notice)};
    }
    return {false, "no data directory can be used"};
  }

  datanode_stats stats() const override {
    datanode_stats out;
    for (const auto& d : set_->status()) {
      out.volumes += d.volumes;
      out.used_bytes += d.used;
      out.free_bytes += d.available;
      if (!d.problem.empty()) ++out.failed_disks;
    }
    out.operations = metrics_.summary();
    return out;
  }

  void route(http::server& to) override {
    http::route_metrics(to, "datanode", [this](http::metrics_text& text) {
      http::write_server_metrics(text, server_->metrics());
      write_metrics(text, *set_,
                    {membership_->registered(), disk_.pending(), background_.pending(),
                     budget_.used(), scrubs_.state(), &orders_.reconciled(), disks_.moved(),
                     !membership_->witness_problem().empty(), tickets_.refused()});
    });
  }

  void set_slow_op_ms(std::int64_t ms) override { metrics_.set_slow_op_ms(ms); }

  void say_goodbye() override {
    constexpr std::int64_t patience_ms = 500;
    membership_->say_goodbye(patience_ms);
  }

  void stop() override {
    const std::lock_guard lock(stop_mutex_);
    if (std::exchange(stopped_, true)) return;
    if (server_) server_->stop_accepting();
    service_.refuse();
    if (!flying_.wait_idle(options_.stop_timeout_ms)) {
      SSDFS_LOG(warning) << "stopping with requests unanswered";
    }
    sync_timer_.stop();
    report_timer_.stop();
    orders_.stop();
    mover_.stop();
    disks_.stop();
    if (membership_) membership_->stop();
    down_.stop();
    peers_.stop();
    scrubs_.stop();
    background_.stop();
    upkeep_.stop();
    disk_.stop();
    if (server_) server_->stop();
    // No request comes any more, every disk job is done and every call down a chain has failed or
    // is failing: the tasks end now.
    SSDFS_ASSERT(flying_.wait_idle(60'000));
    set_->stop();
  }

  // ---- cluster_link: handed on to the membership, which comes after the service ----

  void chain_failed(const chain_failure& what, std::string_view address) override {
    membership_->chain_failed(what, address);
  }
  void volume_changed(volume_id volume) override { membership_->volume_changed(volume); }
  void records_bad(volume_id volume) override {
    scrubs_.records_bad(volume);
    volume_changed(volume);
  }

 private:
  membership_options membership_settings(const net::host_port& bound) {
    membership_options m;
    cluster::agent_config& a = m.agent;
    a.node = set_->node();
    a.incarnation = static_cast<std::uint64_t>(io::wall_ms()) * 1000;
    boost::system::error_code ec;
    const std::string host = boost::asio::ip::host_name(ec);
    a.name = !options_.name.empty() ? options_.name
                                    : (ec ? bound.host : host) + ":" + std::to_string(bound.port);
    a.rack = options_.rack;
    if (!options_.advertise.empty()) {
      a.address = options_.advertise;
    } else if (!is_wildcard(bound.host)) {
      a.address = net::format_host_port(bound);
    }
    a.http_address = options_.http_address;
    a.masters = options_.masters;
    m.port = bound.port;
    m.apply_settings = [this](const cluster_settings& s) {
      scrubs_.set_rate(s.scrub_rate, s.repair_rate);
      set_->set_volume_size(s.volume_size);
      // Every byte is read twice and written once, and nothing is in danger.
      disks_.set_rate(s.repair_rate / 2);
    };
    return m;
  }

  void sync() {
    if (syncing_.exchange(true)) return;  // the last one is still at it
    const auto queued = upkeep_.submit([this] {
      const std::size_t failed = set_->sync_dirty();
      set_->open_again([this](const std::shared_ptr<volume::volume>& v) {
        volumes_.insert(std::make_shared<hosted_volume>(v, disk_));
        volume_changed(v->id());
      });
      syncing_ = false;
      if (failed > 0) membership_->refresh();
      leave_if_useless();
    });
    if (!queued) syncing_ = false;
  }

  // Without a disk the node has nothing to give: once the master has heard what is damaged it takes
  // the node for dead, and has its volumes copied elsewhere. With a disk that works again the node
  // comes back.
  void leave_if_useless() {
    constexpr std::int64_t farewell_ms = 10'000;
    const std::int64_t now = io::steady_ms();
    if (set_->any_usable()) {
      if (std::exchange(useless_since_ms_, 0) != 0) membership_->come_back();
      return;
    }
    if (useless_since_ms_ == 0) useless_since_ms_ = now;
    if (now - useless_since_ms_ < farewell_ms) return;
    membership_->leave("no data directory can be used any more");
  }

  void report() {
    membership_->refresh();
    mover_.poll();
    disks_.poll();
    large_.expire(io::steady_ms());
  }

  boost::asio::io_context& io_;
  const datanode_options options_;
  io::file_system& fs_;
  const std::unique_ptr<volume::volume_set> set_;
  volume_table volumes_;
  byte_budget budget_{write_budget};
  op_metrics metrics_;
  in_flight flying_;
  io::disk_pool disk_;        // appends and reads
  io::disk_pool background_;  // orders
  io::disk_pool upkeep_;      // syncs and checkpoints
  large_writes large_;
  ticket_checker tickets_;
  chain down_;
  net::channel_pool peers_;  // for copies
  witness_file witnesses_;
  order_executor orders_;
  chunk_mover mover_{
      {peers_, background_, [this] { return membership_ ? membership_->master() : nullptr; }}};
  disk_balancer disks_{
      {*set_, volumes_, background_, disk_, [this](volume_id v) { volume_changed(v); }}};
  scrubber scrubs_;
  std::shared_ptr<membership> membership_;  // set before the server starts
  service service_;
  http_chunks http_chunks_{{disk_, volumes_, *this, flying_}};
  std::unique_ptr<net::server> server_;
  std::atomic<bool> syncing_{false};
  std::int64_t useless_since_ms_ = 0;  // of the upkeep's one thread
  repeating_timer sync_timer_;
  repeating_timer report_timer_;
  std::mutex stop_mutex_;
  bool stopped_ = false;  // under stop_mutex_
};

}  // namespace

result<std::unique_ptr<datanode>> datanode::start(boost::asio::io_context& io,
                                                  datanode_options options) {
  auto set = open_volumes(options);
  if (!set) return std::move(set).error();
  auto node = std::make_unique<node_impl>(io, std::move(options), std::move(*set));
  SSDFS_TRY(node->run());
  return std::unique_ptr<datanode>(std::move(node));
}

}  // namespace ssdfs::datanode
