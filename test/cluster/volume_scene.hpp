// One volume and what is known of it, for the tests of the decision about a volume.
#pragma once

#include "cluster/fixtures.hpp"
#include "cluster/volume_life.hpp"

#include <vector>

namespace ssdfs::cluster::test {

/// A volume with two members, and knobs.
struct scene {
  scene() {
    info.id = volume(1);
    info.members = {node(1), node(2)};
    info.digest = {3, 300, 77};
    info.next_key = 10;
    replicas = {member(1), member(2)};
    settings.volume_size = 1'000'000;
    settings.min_grant_bytes = 10'000;
  }
  [[nodiscard]] replica_view member(std::uint8_t number) const {
    replica_view r;
    r.node = node(number);
    r.state = node_state::live;
    r.usable = true;
    return r;
  }
  void report(std::size_t at, replica_state state, generation_t generation) {
    replica_report r;
    r.id = info.id;
    r.generation = generation;
    r.state = state;
    r.length = 1'000;
    r.removal_number = info.removal_number;
    r.digest = info.digest;
    replicas[at].report = r;
  }
  void silent(std::size_t at, node_state state) {
    replicas[at].state = state;
    replicas[at].usable = false;
  }
  volume_decision run() {
    in.info = &info;
    in.replicas = replicas;
    return decide(in, settings);
  }
  /// All members as an untroubled volume of this state has them.
  void quiet(volume_state state) {
    info.state = state;
    for (std::size_t i = 0; i < info.members.size(); ++i) {
      report(i, state == volume_state::open ? replica_state::open : replica_state::sealed,
             info.generation);
    }
    in.was_ready = state == volume_state::open;
  }
  [[nodiscard]] static const wanted_order* find(const volume_decision& d, std::uint8_t number,
                                                order_kind what) {
    for (const wanted_order& o : d.orders) {
      if (o.node == node(number) && o.kind == what) return &o;
    }
    return nullptr;
  }
  volume_info info;
  std::vector<replica_view> replicas;
  volume_situation in;
  life_settings settings;
};

}  // namespace ssdfs::cluster::test
