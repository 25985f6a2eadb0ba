// Messages that every role speaks: handshake, errors, statistics.
#pragma once

#include "base/ids.hpp"
#include "wire/opcodes.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <cstdint>
#include <string>

namespace ssdfs::wire {

inline constexpr std::uint16_t protocol_min = 1;  ///< oldest message protocol that we speak
inline constexpr std::uint16_t protocol_max = 1;  ///< newest

enum class peer_role : std::uint8_t { client = 1, master = 2, backup = 3, datanode = 4 };
BOOST_DESCRIBE_ENUM(peer_role, client, master, backup, datanode)

/// The message of every reply whose status is not 0.
struct error_reply {
  std::string detail;  ///< sentence for people, may be empty
  std::string hint;    ///< not_active: address of the leader; chain errors: the member
  std::uint32_t retry_after_ms = 0;
};
BOOST_DESCRIBE_STRUCT(error_reply, (), (detail, hint, retry_after_ms))

/// First request on every connection; anything else before it is answered with errc::protocol.
struct hello_reply {
  std::uint16_t protocol = 0;  ///< the version that both will speak
  peer_role role = peer_role::client;
  cluster_id cluster;  ///< nil if the server has not joined one yet
  node_id node;
  ssdfs::epoch_t epoch;          ///< master: its epoch
  std::string software;          ///< "ssdfs 0.1.0"
  std::uint32_t session_ms = 0;  ///< master: how long grants outlive a client's last connection
};
BOOST_DESCRIBE_STRUCT(hello_reply, (), (protocol, role, cluster, node, epoch, software, session_ms))

struct hello_request {
  static constexpr opcode code = opcode::hello;
  using reply = hello_reply;
  std::uint16_t protocol_min = wire::protocol_min;
  std::uint16_t protocol_max = wire::protocol_max;
  peer_role role = peer_role::client;
  cluster_id cluster;  ///< nil: the caller will take what the server says
  node_id node;        ///< nil for clients
  client_id client;    ///< nil for servers: names the session that grants belong to
  std::string software;
  node_id expected;  ///< who shall answer; nil: whoever does. Another node refuses.
};
BOOST_DESCRIBE_STRUCT(hello_request, (),
                      (protocol_min, protocol_max, role, cluster, node, client, software, expected))

struct ping_reply {};
BOOST_DESCRIBE_STRUCT(ping_reply, (), ())
struct ping_request {
  static constexpr opcode code = opcode::ping;
  using reply = ping_reply;
};
BOOST_DESCRIBE_STRUCT(ping_request, (), ())

struct server_stats_reply {
  std::uint64_t user_cpu_us = 0;    ///< of the whole process
  std::uint64_t system_cpu_us = 0;  ///< of the whole process
  std::uint64_t resident_bytes = 0;
  std::uint64_t process = 0;  ///< pid: roles that share a process are counted once
};
BOOST_DESCRIBE_STRUCT(server_stats_reply, (), (user_cpu_us, system_cpu_us, resident_bytes, process))
struct server_stats_request {
  static constexpr opcode code = opcode::server_stats;
  using reply = server_stats_reply;
};
BOOST_DESCRIBE_STRUCT(server_stats_request, (), ())

}  // namespace ssdfs::wire
