// A controller with its log and a few datanodes that do at once what they are told.
#pragma once

#include "cluster/fixtures.hpp"

#include <functional>
#include <map>
#include <string>
#include <vector>

namespace ssdfs::cluster::test {

/// Everything happens in step(): time passes, what the controller asks for is logged and committed,
/// and the nodes that are up take their orders, do them, and tell of it.
class small_cluster {
 public:
  explicit small_cluster(const controller_settings& settings, fake_state initial = {})
      : state(std::move(initial)), brain(settings, state, 0) {}

  /// The node registers, with what is on its disk.
  void join(std::uint8_t number) {
    member& m = nodes[number];
    m.up = true;
    m.connection = ++connections_;
    m.beats = 0;
    std::vector<replica_report> replicas;
    for (const auto& [id, report] : m.disk) replicas.push_back(report);
    node_registration r = registration(number, 1, m.rack);
    if (!m.address.empty()) r.address = m.address;
    r.volume_count = replicas.size();
    for (disk_report& disk : r.disks) disk.failed = m.disk_failed;
    m.refused = {};
    if (const auto done = brain.register_node(r, m.connection, now); !done) {
      m.refused = done.error();
      m.up = false;
      return;
    }
    (void)brain.report_volumes({}, last_page(number, 1, replicas), m.connection, now);
    settle();
  }

  /// Its connection ends; nothing more is heard of it.
  void leave(std::uint8_t number) {
    nodes[number].up = false;
    brain.connection_closed(node(number), nodes[number].connection, now);
    settle();
  }

  void step(std::int64_t ms) {
    now += ms;
    brain.tick(now);
    settle();
    for (auto& [number, m] : nodes) {
      if (m.up) beat(number, m);
    }
  }

  /// Orders of that kind that were given so far.
  [[nodiscard]] std::size_t given(order_kind kind) const {
    const auto at = given_.find(kind);
    return at == given_.end() ? 0 : at->second;
  }

  struct member {
    bool up = false;
    bool stopping = false;     ///< says so with each heartbeat
    bool disk_failed = false;  ///< likewise
    connection_number connection = 0;
    std::uint64_t beats = 0;
    std::map<volume_id, replica_report> disk;
    std::string rack = "/default";
    std::string address;  ///< if it is not the usual one
    failure refused;      ///< its last registration
  };
  /// Called when a node has done what an order says: may say more in the result, or something else.
  std::function<void(std::uint8_t node, const order& o, order_result& result)> on_order;

  fake_state state;
  controller brain;
  time_ms now = 0;
  std::map<std::uint8_t, member> nodes;

 private:
  void settle() {
    for (auto requests = brain.take_log_requests(); !requests.empty();
         requests = brain.take_log_requests()) {
      for (const log_request& q : requests) {
        const volume_id id = state.apply(q);
        brain.volume_changed(id, txid{state.last}, now);
        brain.request_done(q.ticket, true, now);
      }
      brain.committed(txid{state.last}, now);
    }
  }

  void beat(std::uint8_t number, member& m) {
    const auto send = [&](node_heartbeat message) {
      message.node = node(number);
      message.incarnation = 1;
      message.number = ++m.beats;
      message.disks = registration(number).disks;
      for (disk_report& disk : message.disks) disk.failed = m.disk_failed;
      message.stopping = m.stopping;
      (void)brain.heartbeat(message, m.connection, now);
      settle();
    };
    send({});
    node_heartbeat done;
    for (const order& o : brain.take_orders(node(number), now)) {
      ++given_[o.kind];
      perform(o, m);
      order_result result;
      result.id = o.id;
      result.kind = o.kind;
      result.volume = o.volume;
      if (on_order) on_order(number, o, result);
      done.results.push_back(std::move(result));
      const auto at = m.disk.find(o.volume);
      if (at == m.disk.end()) {
        done.gone.push_back(o.volume);
      } else {
        done.changed.push_back(at->second);
      }
    }
    if (!done.results.empty()) send(std::move(done));
  }

  void perform(const order& o, member& m) {
    if (o.kind == order_kind::drop) {
      m.disk.erase(o.volume);
      return;
    }
    replica_report& r = m.disk[o.volume];
    r.id = o.volume;
    r.generation = o.generation;
    switch (o.kind) {
      case order_kind::create:
      case order_kind::reopen: r.state = replica_state::open; break;
      case order_kind::copy: {
        const volume_info& info = state.volumes.at(o.volume);
        r.length = info.length;
        r.digest = info.digest;
        r.removal_number = info.removal_number;
        r.state = replica_state::sealed;
        break;
      }
      default: r.state = replica_state::sealed; break;
    }
  }

  connection_number connections_ = 0;
  std::map<order_kind, std::size_t> given_;
};

}  // namespace ssdfs::cluster::test
