// Operator to master.
#pragma once

#include "base/orders.hpp"
#include "wire/opcodes.hpp"

#include <boost/describe/class.hpp>

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::wire {

struct node_status {
  node_id node;
  std::string name;
  std::string address;
  std::string http;
  std::string rack;
  std::string state;  ///< live, stopping, stale, dead, decommissioning, decommissioned, maintenance
  std::uint64_t capacity_bytes = 0;
  std::uint64_t used_bytes = 0;
  std::uint64_t volumes = 0;
  std::int64_t last_heartbeat_ms = 0;  ///< age
  std::vector<disk_report> disks;
};
BOOST_DESCRIBE_STRUCT(node_status, (),
                      (node, name, address, http, rack, state, capacity_bytes, used_bytes, volumes,
                       last_heartbeat_ms, disks))

/// A backup that this master has heard of since its start.
struct backup_status {
  node_id node;
  std::string name;
  std::string address;
  std::string http;
  std::string state;  ///< synced, catching up, diverged, without the log's begin, silent
  ssdfs::txid durable;
  ssdfs::txid applied;
  std::int64_t lag_ms = 0;         ///< age of the oldest record that is not in its tree; 0: none
  std::int64_t lag_median_us = 0;  ///< median of that age over its last reports
  std::int64_t last_heard_ms = 0;  ///< age
};
BOOST_DESCRIBE_STRUCT(backup_status, (),
                      (node, name, address, http, state, durable, applied, lag_ms, lag_median_us,
                       last_heard_ms))

struct admin_report_reply {
  cluster_id cluster;
  ssdfs::epoch_t epoch;
  ssdfs::txid txid;
  bool safemode = false;
  std::string safemode_reason;
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
  std::uint64_t bytes = 0;
  std::uint64_t volumes_open = 0;
  std::uint64_t volumes_sealed = 0;  ///< sealed and closed
  std::uint64_t under_replicated = 0;
  std::uint64_t over_replicated = 0;
  std::uint64_t missing = 0;
  std::uint64_t corrupt = 0;
  std::vector<node_status> nodes;
  std::uint64_t pending_reclaim = 0;  ///< chunks that wait for the delete grace
  std::uint64_t trash_files = 0;
  std::uint64_t trash_bytes = 0;
  std::vector<backup_status> backups;
  std::uint32_t min_sync_backups = 0;
  ssdfs::txid committed;  ///< what answers show
  std::string problem;    ///< why the master cannot do its job, or copies are held back; or empty
};
BOOST_DESCRIBE_STRUCT(admin_report_reply, (),
                      (cluster, epoch, txid, safemode, safemode_reason, files, directories, bytes,
                       volumes_open, volumes_sealed, under_replicated, over_replicated, missing,
                       corrupt, nodes, pending_reclaim, trash_files, trash_bytes, backups,
                       min_sync_backups, committed, problem))
struct admin_report_request {
  static constexpr opcode code = opcode::admin_report;
  using reply = admin_report_reply;
};
BOOST_DESCRIBE_STRUCT(admin_report_request, (), ())

struct volume_replica {
  node_id node;
  std::string address;
  std::string node_name;
  std::string state;  ///< complete, or the named reason why it does not count
  replica_report report;
};
BOOST_DESCRIBE_STRUCT(volume_replica, (), (node, address, node_name, state, report))
struct volume_status {
  volume_info info;
  std::string reason;  ///< why it is not open, or not healthy, in words
  std::uint32_t complete = 0;
  std::uint32_t grants = 0;
  std::vector<volume_replica> replicas;
};
BOOST_DESCRIBE_STRUCT(volume_status, (), (info, reason, complete, grants, replicas))
struct admin_volumes_reply {
  std::vector<volume_status> volumes;
  bool more = false;
};
BOOST_DESCRIBE_STRUCT(admin_volumes_reply, (), (volumes, more))
/// Volumes by id from `from`, at most `limit` (1 to 1,000).
struct admin_volumes_request {
  static constexpr opcode code = opcode::admin_volumes;
  using reply = admin_volumes_reply;
  volume_id from;
  std::uint32_t limit = 1000;
};
BOOST_DESCRIBE_STRUCT(admin_volumes_request, (), (from, limit))

struct admin_seal_reply {};
BOOST_DESCRIBE_STRUCT(admin_seal_reply, (), ())
struct admin_seal_request {
  static constexpr opcode code = opcode::admin_seal;
  using reply = admin_seal_reply;
  volume_id volume;
};
BOOST_DESCRIBE_STRUCT(admin_seal_request, (), (volume))

struct config_entry {
  std::string name;
  std::string value;
  std::string source;  ///< default, file, environment, command line
};
BOOST_DESCRIBE_STRUCT(config_entry, (), (name, value, source))
struct admin_config_reply {
  std::vector<config_entry> entries;
};
BOOST_DESCRIBE_STRUCT(admin_config_reply, (), (entries))
struct admin_config_request {
  static constexpr opcode code = opcode::admin_config;
  using reply = admin_config_reply;
};
BOOST_DESCRIBE_STRUCT(admin_config_request, (), ())

struct admin_safemode_reply {
  bool on = false;
  std::string reason;
};
BOOST_DESCRIBE_STRUCT(admin_safemode_reply, (), (on, reason))
struct admin_safemode_request {
  static constexpr opcode code = opcode::admin_safemode;
  using reply = admin_safemode_reply;
  std::string_view action;  ///< get, enter, leave
};
BOOST_DESCRIBE_STRUCT(admin_safemode_request, (), (action))

struct admin_accept_loss_reply {
  std::string accepted;  ///< what had been missed; empty if nothing was
};
BOOST_DESCRIBE_STRUCT(admin_accept_loss_reply, (), (accepted))
/// The operator accepts that history which datanodes or backups have seen is lost.
struct admin_accept_loss_request {
  static constexpr opcode code = opcode::admin_accept_loss;
  using reply = admin_accept_loss_reply;
};
BOOST_DESCRIBE_STRUCT(admin_accept_loss_request, (), ())

struct admin_checkpoint_reply {
  ssdfs::txid image;    ///< last record in the newest image; 0: there is none
  ssdfs::txid wanted;   ///< an image at or behind this record is being made; 0: none is
  std::string failure;  ///< why the last one could not be made; empty if it could
  std::string stage;    ///< writing, sending, checking; empty: nothing is being done
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_total = 0;  ///< 0: not known, as while it is written
};
BOOST_DESCRIBE_STRUCT(admin_checkpoint_reply, (),
                      (image, wanted, failure, stage, bytes_done, bytes_total))
/// Has an image made (`begin`), or asks how it stands. Beginning twice makes one.
struct admin_checkpoint_request {
  static constexpr opcode code = opcode::admin_checkpoint;
  using reply = admin_checkpoint_reply;
  bool begin = false;
};
BOOST_DESCRIBE_STRUCT(admin_checkpoint_request, (), (begin))

struct trash_empty_reply {
  std::uint64_t entries = 0;
};
BOOST_DESCRIBE_STRUCT(trash_empty_reply, (), (entries))
/// Removes everything in the trash for good.
struct trash_empty_request {
  static constexpr opcode code = opcode::trash_empty;
  using reply = trash_empty_reply;
  std::string_view user;
  std::string_view token;
};
BOOST_DESCRIBE_STRUCT(trash_empty_request, (), (user, token))

}  // namespace ssdfs::wire
