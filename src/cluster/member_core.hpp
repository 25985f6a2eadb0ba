// What both sides of a member, leader and standby, work on.
#pragma once

#include "cluster/lineage.hpp"
#include "cluster/register_editor.hpp"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace ssdfs::cluster {

struct leadership_config {
  cluster_id cluster;
  member_address self;
  /// Chosen at random by each process; one more is added for each attempt to change the register.
  std::uint64_t process = 0;
  /// It may lead and be waited for. Off: it follows, and answers stale reads.
  bool eligible = true;
  /// The register is made, with this member alone, if there is none and the log is empty.
  bool new_cluster = false;
  /// member_action::remember_loss of an earlier process: it does not lead before it has matched.
  bool lost_history = false;
  /// Where to ask as long as no leader is known.
  std::vector<std::string> seeds;
  member_timing timing;
  std::size_t min_sync = 0;  ///< members of the in-sync set that have to hold a change
};

/// The log of this member, as it is on its disk.
struct member_log {
  log_place durable;
  txid committed;             ///< known as committed; kept with the records, so never above durable
  txid applied;               ///< in the tree
  std::vector<reign> reigns;  ///< all of its START records, in order
  epoch_t accepted;           ///< the loss of what was logged up to here was accepted
  bool reluctant = false;     ///< the tree is more than a second behind, or the disk nearly full
};

struct member_core {
  explicit member_core(leadership_config c, member_log l)
      : config(std::move(c)),
        log(std::move(l)),
        timing(config.timing),
        editor(config.cluster, config.self.node, config.process),
        heard(log.durable.epoch) {}

  [[nodiscard]] node_id self() const noexcept { return config.self.node; }
  void act(leadership_action what) {
    move_register_actions();
    actions.push_back(std::move(what));
  }
  void move_register_actions() {
    for (auto& a : editor.take_actions()) actions.push_back(std::move(a));
  }
  void hear(epoch_t epoch) { heard = std::max(heard, epoch); }
  /// Members that others told of, besides those in the register. Bounded by max_members.
  void know(const member_address& m) {
    if (m.node == self() || m.address.empty() || m.address.size() > max_address_length) return;
    for (auto& k : known) {
      if (k.node == m.node) {
        k.address = m.address;
        return;
      }
    }
    if (known.size() < max_members) known.push_back(m);
  }
  void set_problem(std::string text) { problem = std::move(text); }

  leadership_config config;
  member_log log;
  member_timing timing;  ///< the leader's, once one was heard
  register_editor editor;
  epoch_t heard;  ///< highest of the log, the register and everybody's messages
  std::vector<member_address> known;
  bool lost_history = false;
  std::string problem;  ///< for people; empty if there is none
  std::vector<leadership_action> actions;
};

}  // namespace ssdfs::cluster
