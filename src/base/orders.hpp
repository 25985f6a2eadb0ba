// What masters and datanodes tell each other about nodes and volumes: plain described values, used
// by the state machines of both sides (cluster) and carried by the protocol (wire).
#pragma once

#include "base/ids.hpp"
#include "base/volume_info.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace ssdfs {

/// A node and where it answers ("HOST:PORT").
struct replica_address {
  node_id node;
  std::string address;
  friend bool operator==(const replica_address&, const replica_address&) = default;
};
BOOST_DESCRIBE_STRUCT(replica_address, (), (node, address))

/// The highest master state that a node has heard of; persisted by datanodes before any
/// destructive order, so that a master with an older history can be told apart.
struct witness {
  epoch_t epoch;
  node_id leader;
  ssdfs::txid durable;  ///< last durable txid that the leader had announced
  friend bool operator==(const witness&, const witness&) = default;
};
BOOST_DESCRIBE_STRUCT(witness, (), (epoch, leader, durable))

enum class order_kind : std::uint8_t {
  create = 1,          ///< make an empty replica (volume, generation)
  seal = 2,            ///< persist a seal at this generation, stop appends
  reopen = 3,          ///< a sealed replica takes appends again at the new generation
  set_generation = 4,  ///< a sealed replica that stays a member adopts a new generation
  remove_keys = 5,     ///< apply removal batch `removal_number` (keys)
  drop = 6,            ///< delete the replica
  copy = 7,            ///< fetch the whole volume from one of `sources`
  compact = 8,         ///< rewrite without dead records
  reconcile = 9,       ///< compare the index with the master's list of live keys
  cancel = 10,         ///< stop the copy, reconcile or compaction of this id
};
BOOST_DESCRIBE_ENUM(order_kind, create, seal, reopen, set_generation, remove_keys, drop, copy,
                    compact, reconcile, cancel)

/// One thing that a datanode shall do. Orders are derived from state each time, so a lost one is
/// given again, and doing one twice must be harmless.
struct order {
  std::uint64_t id = 0;  ///< unique in the epoch; echoed in the result
  order_kind kind = order_kind::create;
  volume_id volume;
  generation_t generation = 0;
  std::uint64_t removal_number = 0;  ///< remove_keys
  std::vector<chunk_key> keys;       ///< remove_keys
  txid justified_by;                 ///< record that makes a destructive order right
  /// copy, reconcile: where complete copies are; create, reopen: all members in the order of the
  /// chain, the only way that writes of that generation may take.
  std::vector<replica_address> sources;
  std::uint64_t rate_bytes_per_s = 0;  ///< copy: upper bound, 0 for none
  chunk_key first_key = 0;             ///< reopen: the first that was never granted
  friend bool operator==(const order&, const order&) = default;
};
BOOST_DESCRIBE_STRUCT(order, (),
                      (id, kind, volume, generation, removal_number, keys, justified_by, sources,
                       rate_bytes_per_s, first_key))

/// A chunk of a volume, by what it should be.
struct chunk_content {
  chunk_key key = 0;
  std::uint32_t size = 0;
  std::uint32_t crc32c = 0;
  friend bool operator==(const chunk_content&, const chunk_content&) = default;
  friend auto operator<=>(const chunk_content&, const chunk_content&) = default;
};
BOOST_DESCRIBE_STRUCT(chunk_content, (), (key, size, crc32c))

/// Chunks of each list of one order_result, at most; those with the lowest keys.
inline constexpr std::size_t max_result_chunks = 256;

/// Outcome of an order; `status` is an errc value, 0 for success.
struct order_result {
  std::uint64_t id = 0;
  order_kind kind = order_kind::create;
  volume_id volume;
  std::uint16_t status = 0;
  std::string detail;
  /// reconcile: live chunks that neither the replica nor any source has, all of which answered.
  std::vector<chunk_content> absent;
  std::vector<chunk_content> found;  ///< reconcile: lost chunks that are here, and good
  friend bool operator==(const order_result&, const order_result&) = default;
};
BOOST_DESCRIBE_STRUCT(order_result, (), (id, kind, volume, status, detail, absent, found))

/// A chain says that one of its members failed an append.
struct chain_failure {
  volume_id volume;
  generation_t generation = 0;
  node_id node;  ///< the member that failed
  friend bool operator==(const chain_failure&, const chain_failure&) = default;
};
BOOST_DESCRIBE_STRUCT(chain_failure, (), (volume, generation, node))

/// Use of one data directory of a datanode.
struct disk_report {
  std::string path;
  std::uint64_t capacity_bytes = 0;  ///< what SSDFS may use there
  std::uint64_t used_bytes = 0;      ///< own volumes and indexes
  std::uint64_t free_bytes = 0;      ///< what may still be granted: reserves are already off
  bool failed = false;
  friend bool operator==(const disk_report&, const disk_report&) = default;
};
BOOST_DESCRIBE_STRUCT(disk_report, (), (path, capacity_bytes, used_bytes, free_bytes, failed))

/// A datanode introduces itself. Its volumes follow in pages (volume_page).
struct node_registration {
  node_id node;
  std::uint64_t incarnation = 0;  ///< start time in microseconds: the later process is greater
  std::string name;
  std::string rack;
  std::string address;       ///< binary protocol, HOST:PORT
  std::string http_address;  ///< empty if HTTP is off
  std::vector<disk_report> disks;
  witness highest;
  std::uint64_t volume_count = 0;  ///< replicas that the pages will list
  friend bool operator==(const node_registration&, const node_registration&) = default;
};
BOOST_DESCRIBE_STRUCT(node_registration, (),
                      (node, incarnation, name, rack, address, http_address, disks, highest,
                       volume_count))

/// A part of a full report of a node's replicas; the node counts as registered with the last.
struct volume_page {
  node_id node;
  std::uint64_t incarnation = 0;
  std::uint32_t page = 0;  ///< 0, 1, ... in order
  bool last = false;
  std::vector<replica_report> replicas;  ///< at most 4,096
  friend bool operator==(const volume_page&, const volume_page&) = default;
};
BOOST_DESCRIBE_STRUCT(volume_page, (), (node, incarnation, page, last, replicas))

/// What changed on a node since its heartbeat `number - 1`.
struct node_heartbeat {
  node_id node;
  std::uint64_t incarnation = 0;
  ssdfs::epoch_t epoch;      ///< of the registration that this heartbeat continues
  std::uint64_t number = 0;  ///< 1, 2, ... since the registration; a gap asks for a full report
  std::vector<disk_report> disks;
  std::vector<replica_report> changed;
  std::vector<volume_id> gone;  ///< replicas that are no longer there
  std::vector<order_result> results;
  std::vector<chain_failure> failures;
  bool stopping = false;  ///< the node is about to end: nothing new is to be sent to it
  friend bool operator==(const node_heartbeat&, const node_heartbeat&) = default;
};
BOOST_DESCRIBE_STRUCT(node_heartbeat, (),
                      (node, incarnation, epoch, number, disks, changed, gone, results, failures,
                       stopping))

/// What the master decides for datanodes, told at registration and with each heartbeat.
struct cluster_settings {
  std::int64_t heartbeat_interval_ms = 1000;
  std::uint64_t volume_size = std::uint64_t{1} << 30;
  std::uint64_t repair_rate = 200ULL << 20;  ///< bytes per second and node
  std::uint64_t scrub_rate = 20ULL << 20;    ///< bytes per second and node
  friend bool operator==(const cluster_settings&, const cluster_settings&) = default;
};
BOOST_DESCRIBE_STRUCT(cluster_settings, (),
                      (heartbeat_interval_ms, volume_size, repair_rate, scrub_rate))

/// By which root, and at which time, the master makes its tickets (cluster/ticket.hpp), told to
/// datanodes at registration and with each heartbeat.
struct ticket_terms {
  std::uint32_t root = 0;     ///< number of the root; 0: no tickets are made
  std::string secret;         ///< the root; empty: it is known
  std::int64_t clock_ms = 0;  ///< the master's time, by which slots are counted
  friend bool operator==(const ticket_terms&, const ticket_terms&) = default;
};
BOOST_DESCRIBE_STRUCT(ticket_terms, (), (root, secret, clock_ms))

}  // namespace ssdfs
