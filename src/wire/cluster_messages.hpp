// Datanode to master: registration, heartbeats, reconcile lists.
#pragma once

#include "base/orders.hpp"
#include "wire/chunk_messages.hpp"
#include "wire/opcodes.hpp"

#include <boost/describe/class.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace ssdfs::wire {

struct register_node_reply {
  cluster_id cluster;  ///< a node without a cluster adopts and persists it
  witness reign;       ///< epoch, leader and durable txid of the master that answers
  cluster_settings settings;
  std::string notice;    ///< what is wrong with the node as others see it, for people; or empty
  ticket_terms tickets;  ///< with the root
};
BOOST_DESCRIBE_STRUCT(register_node_reply, (), (cluster, reign, settings, notice, tickets))
struct register_node_request {
  static constexpr opcode code = opcode::register_node;
  using reply = register_node_reply;
  node_registration registration;
};
BOOST_DESCRIBE_STRUCT(register_node_request, (), (registration))

struct report_volumes_reply {};
BOOST_DESCRIBE_STRUCT(report_volumes_reply, (), ())
struct report_volumes_request {
  static constexpr opcode code = opcode::report_volumes;
  using reply = report_volumes_reply;
  ssdfs::epoch_t epoch;
  volume_page page;
};
BOOST_DESCRIBE_STRUCT(report_volumes_request, (), (epoch, page))

/// A long poll: the master may keep it for settings.heartbeat_interval_ms and answers early if it
/// has orders or a newer heartbeat of the node arrives. errc::unknown_node asks to register.
struct heartbeat_reply {
  witness reign;
  cluster_settings settings;
  std::vector<order> orders;
  std::string notice;  ///< as in register_node_reply, as of now
  ticket_terms tickets;
};
BOOST_DESCRIBE_STRUCT(heartbeat_reply, (), (reign, settings, orders, notice, tickets))
struct heartbeat_request {
  static constexpr opcode code = opcode::heartbeat;
  using reply = heartbeat_reply;
  node_heartbeat heartbeat;
};
BOOST_DESCRIBE_STRUCT(heartbeat_request, (), (heartbeat))

struct live_chunks_reply {
  std::vector<chunk_entry> chunks;  ///< sorted by key
  bool more = false;
  std::uint64_t removal_number = 0;  ///< the list is right at this removal number
  generation_t generation = 0;
  /// A key from here on and below settled_end that is neither listed nor lost can never be: such
  /// chunks may go settled_wait_ms from now on. Others may be what lost history knew.
  chunk_key settled_from = 0;
  chunk_key settled_end = 0;
  std::int64_t settled_wait_ms = 0;
  std::vector<chunk_entry> lost;  ///< that files name and no replica had; keys of the same page
};
BOOST_DESCRIBE_STRUCT(live_chunks_reply, (),
                      (chunks, more, removal_number, generation, settled_from, settled_end,
                       settled_wait_ms, lost))
/// What should be in a closed volume: keys from `from_key`, at most `limit`.
struct live_chunks_request {
  static constexpr opcode code = opcode::live_chunks;
  using reply = live_chunks_reply;
  volume_id volume;
  chunk_key from_key = 0;
  std::uint32_t limit = 4096;
};
BOOST_DESCRIBE_STRUCT(live_chunks_request, (), (volume, from_key, limit))

}  // namespace ssdfs::wire
