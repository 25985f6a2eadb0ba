// Numbers of the requests. What belongs to each, who sends it and who answers is in requests.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace ssdfs::wire {

enum class opcode : std::uint16_t {
  // every role
  hello = 1,
  ping = 2,
  server_stats = 3,
  // client to master: namespace
  lookup = 16,
  locate = 17,
  list = 18,
  summary = 19,
  commit_file = 20,
  make_directory = 21,
  rename = 22,
  remove = 23,
  set_attributes = 24,
  set_quota = 25,
  get_quota = 26,
  commit_chunks = 27,
  // client to master: grants
  grant = 32,
  end_grant = 33,
  // operator to master
  admin_report = 48,
  admin_volumes = 49,
  admin_seal = 50,
  admin_config = 51,
  admin_safemode = 52,
  trash_empty = 53,
  admin_checkpoint = 54,
  admin_healing = 59,
  admin_node = 60,
  admin_rebalance = 61,
  admin_accept_loss = 62,
  fsck = 63,
  // datanode to master
  register_node = 64,
  report_volumes = 65,
  heartbeat = 66,
  live_chunks = 67,
  take_relocations = 68,
  report_relocations = 69,
  // backup to master
  pull_edits = 96,
  ack_edits = 97,
  fetch_image = 98,
  upload_image = 99,
  finish_image = 100,
  // member to member of a master set
  promise = 104,
  greet = 105,
  match_log = 106,
  // operator to master or backup
  log_status = 101,
  // client or datanode to datanode
  write_chunk = 80,
  write_begin = 81,
  write_piece = 82,
  write_end = 83,
  read_chunk = 84,
  replica_chunks = 85,
  // operator to datanode
  scrub = 86,
  replica_health = 87,
  bad_chunks = 88,
  repair_replica = 89,
};

/// Opcodes are smaller: tables are indexed by them. requests.hpp checks it.
inline constexpr std::size_t opcode_limit = 128;

/// The enumerator's name, "unknown" for a number without one.
[[nodiscard]] std::string_view name_of(opcode code) noexcept;

}  // namespace ssdfs::wire
