// What the tests of this room share: ids from small numbers, and a durable state in a few maps.
#pragma once

#include "cluster/controller.hpp"

#include <map>
#include <set>
#include <string>
#include <vector>

namespace ssdfs::cluster::test {

[[nodiscard]] inline node_id node(std::uint8_t number) {
  uuid id{};
  id.data[15] = number;
  return node_id(id);
}

[[nodiscard]] inline volume_id volume(std::uint64_t number) { return volume_id(number); }

[[nodiscard]] inline node_registration registration(std::uint8_t number,
                                                    std::uint64_t incarnation = 1,
                                                    const std::string& rack = "/default") {
  node_registration r;
  r.node = node(number);
  r.incarnation = incarnation;
  r.name = "n" + std::to_string(number);
  r.rack = rack;
  r.address = "host" + std::to_string(number) + ":9610";
  r.disks = {{"/d", 1'000'000'000, 0, 1'000'000'000, false}};
  return r;
}

[[nodiscard]] inline volume_page last_page(std::uint8_t number, std::uint64_t incarnation,
                                           std::vector<replica_report> replicas = {}) {
  return {.node = node(number),
          .incarnation = incarnation,
          .page = 0,
          .last = true,
          .replicas = std::move(replicas)};
}

/// A durable state that takes what the controller asks for at once.
class fake_state : public durable_state {
 public:
  const volume_info* find(volume_id id) const override {
    const auto at = volumes.find(id);
    return at == volumes.end() ? nullptr : &at->second;
  }
  void for_each_volume(const std::function<void(const volume_info&)>& visit) const override {
    for (const auto& [id, info] : volumes) visit(info);
  }
  std::size_t grants_outstanding(volume_id id) const override {
    const auto at = grants.find(id);
    return at == grants.end() ? 0 : at->second;
  }
  std::uint64_t first_removal(volume_id id) const override {
    const auto at = removals.find(id);
    return at == removals.end() || at->second.empty() ? 0 : at->second.begin()->first;
  }
  const removal_batch* removal(volume_id id, std::uint64_t number) const override {
    const auto at = removals.find(id);
    if (at == removals.end()) return nullptr;
    const auto batch = at->second.find(number);
    return batch == at->second.end() ? nullptr : &batch->second;
  }
  bool reclaim_due(volume_id id) const override { return due.contains(id); }
  std::uint64_t freed_chunks(volume_id id) const override {
    const auto at = freed.find(id);
    return at == freed.end() ? 0 : at->second;
  }

  std::uint64_t lost_chunks(volume_id id) const override {
    const auto at = lost.find(id);
    return at == lost.end() ? 0 : at->second.size();
  }

  /// What the log makes of a request; the id of the volume.
  volume_id apply(const log_request& q) {
    using kind = log_request::kind;
    ++last;
    if (q.what == kind::add) {
      volume_info info;
      info.id = volume_id(++counter);
      info.replication = q.replication;
      info.members = q.members;
      volumes[info.id] = info;
      return info.id;
    }
    volume_info& info = volumes.at(q.volume);
    switch (q.what) {
      case kind::add: break;
      case kind::seal:
        info.state = volume_state::sealed;
        info.reason = q.reason;
        break;
      case kind::close:
        info.state = volume_state::closed;
        info.length = info.granted_bytes = q.length;
        break;
      case kind::reopen:
        info.state = volume_state::open;
        info.generation = q.generation;
        break;
      case kind::members:
        info.members = q.members;
        info.generation = q.generation;
        break;
      case kind::lost:
        for (const chunk_content& c : q.chunks) {
          info.digest.remove(c.key, c.size, c.crc32c);
          lost[q.volume].insert(c);
        }
        break;
      case kind::found:
        for (const chunk_content& c : q.chunks) {
          if (lost[q.volume].erase(c) != 0) info.digest.add(c.key, c.size, c.crc32c);
        }
        break;
    }
    return q.volume;
  }

  std::map<volume_id, volume_info> volumes;
  std::map<volume_id, std::size_t> grants;
  std::map<volume_id, std::map<std::uint64_t, removal_batch>> removals;
  std::set<volume_id> due;
  std::map<volume_id, std::uint64_t> freed;
  std::map<volume_id, std::set<chunk_content>> lost;
  std::uint64_t counter = 0;
  std::uint64_t last = 0;  ///< txid
};

}  // namespace ssdfs::cluster::test
