// A datanode as far as a master can tell: registers, sends heartbeats as long polls, and says that
// every order is done (or, if it is deaf, nothing).
#pragma once

#include "io/clock.hpp"
#include "net/channel.hpp"
#include "wire/cluster_messages.hpp"

#include <boost/asio/io_context.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace ssdfs::test {

/// Callbacks run on threads of the io_context and keep the object alive until stop().
class fake_node : public std::enable_shared_from_this<fake_node> {
 public:
  static std::shared_ptr<fake_node> start(boost::asio::io_context& io, const std::string& master,
                                          bool deaf = false) {
    auto made = std::make_shared<fake_node>(io, master, deaf);
    made->register_node();
    return made;
  }
  fake_node(boost::asio::io_context& io, const std::string& master, bool deaf)
      : id_(io::random_uuid()), deaf_(deaf) {
    net::channel_options options;
    options.hello.role = wire::peer_role::datanode;
    options.hello.node = id_;
    options.hello.software = "test";
    channel_ = net::channel::make(io.get_executor(), master, options);
  }
  ~fake_node() { stop(); }

  /// Its connection ends.
  void stop() {
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
    }
    channel_->stop();
  }

  [[nodiscard]] node_id id() const noexcept { return id_; }
  [[nodiscard]] std::string address() const { return "node-" + to_string(id_) + ":1"; }

  /// Waits until an order of the kind was taken for the volume; false after ten seconds.
  bool wait_for(order_kind kind, volume_id volume) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(10), [&] {
      return std::any_of(taken_.begin(), taken_.end(),
                         [&](const order& o) { return o.kind == kind && o.volume == volume; });
    });
  }

  /// What tickets are checked by, and how often the root was told.
  [[nodiscard]] std::pair<ticket_terms, int> terms() {
    const std::lock_guard lock(mutex_);
    return {terms_, roots_told_};
  }

 private:
  void register_node() {
    wire::register_node_request q;
    q.registration.node = id_;
    q.registration.incarnation = 1;
    q.registration.name = "fake";
    q.registration.rack = "/r";
    q.registration.address = address();
    q.registration.disks = disks();
    call(q, [this](const wire::register_node_reply& reply) {
      epoch_ = reply.reign.epoch;
      take_terms(reply.tickets);
      wire::report_volumes_request pages;
      pages.epoch = epoch_;
      pages.page = {id_, 1, 0, true, {}};
      call(pages, [this](const wire::report_volumes_reply&) { beat({}, {}); });
    });
  }

  void beat(std::vector<replica_report> changed, std::vector<order_result> results) {
    wire::heartbeat_request q;
    q.heartbeat.node = id_;
    q.heartbeat.incarnation = 1;
    q.heartbeat.epoch = epoch_;
    q.heartbeat.number = ++number_;
    q.heartbeat.disks = disks();
    q.heartbeat.changed = std::move(changed);
    q.heartbeat.results = std::move(results);
    call(q, [this](const wire::heartbeat_reply& reply) {
      take_terms(reply.tickets);
      obey(reply.orders);
    });
  }

  void take_terms(const ticket_terms& told) {
    const std::lock_guard lock(mutex_);
    if (!told.secret.empty()) ++roots_told_;
    const std::string secret = told.secret.empty() ? terms_.secret : told.secret;
    terms_ = told;
    terms_.secret = secret;
  }

  void obey(const std::vector<order>& orders) {
    std::vector<replica_report> reports;
    std::vector<order_result> results;
    {
      const std::lock_guard lock(mutex_);
      for (const order& o : orders) {
        replica_report& replica = replicas_[o.volume];
        replica.id = o.volume;
        if (o.generation != 0) replica.generation = o.generation;
        if (o.kind == order_kind::create || o.kind == order_kind::reopen) {
          replica.state = replica_state::open;
        }
        if (o.kind == order_kind::seal) replica.state = replica_state::sealed;
        reports.push_back(replica);
        results.push_back({o.id, o.kind, o.volume, 0, {}});
        taken_.push_back(o);
      }
    }
    changed_.notify_all();
    if (deaf_) return beat({}, {});
    beat(std::move(reports), std::move(results));
  }

  // Goes on with `next(reply)`; whatever fails ends the talk, which the tests then notice.
  template <class Request, class Next>
  void call(const Request& request, Next next) {
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return;
    }
    channel_->call(request, {},
                   [self = shared_from_this(),
                    next = std::move(next)](result<net::response<typename Request::reply>> r) {
                     if (r) next(r->message);
                   });
  }

  static std::vector<disk_report> disks() {
    return {{"/disk", std::uint64_t{1} << 40, 0, std::uint64_t{1} << 40, false}};
  }

  const node_id id_;
  const bool deaf_;
  std::shared_ptr<net::channel> channel_;
  epoch_t epoch_;             // set before the first heartbeat
  std::uint64_t number_ = 0;  // one call at a time
  std::mutex mutex_;          // guards what follows
  std::condition_variable changed_;
  std::map<volume_id, replica_report> replicas_;
  std::vector<order> taken_;
  ticket_terms terms_;
  int roots_told_ = 0;
  bool stopped_ = false;
};

}  // namespace ssdfs::test
