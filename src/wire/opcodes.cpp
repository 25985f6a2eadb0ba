#include "wire/opcodes.hpp"

namespace ssdfs::wire {

std::string_view name_of(opcode code) noexcept {
  switch (code) {
    case opcode::hello: return "hello";
    case opcode::ping: return "ping";
    case opcode::server_stats: return "server_stats";
    case opcode::lookup: return "lookup";
    case opcode::locate: return "locate";
    case opcode::list: return "list";
    case opcode::summary: return "summary";
    case opcode::commit_file: return "commit_file";
    case opcode::make_directory: return "make_directory";
    case opcode::rename: return "rename";
    case opcode::remove: return "remove";
    case opcode::set_attributes: return "set_attributes";
    case opcode::set_quota: return "set_quota";
    case opcode::get_quota: return "get_quota";
    case opcode::commit_chunks: return "commit_chunks";
    case opcode::grant: return "grant";
    case opcode::end_grant: return "end_grant";
    case opcode::admin_report: return "admin_report";
    case opcode::admin_volumes: return "admin_volumes";
    case opcode::admin_seal: return "admin_seal";
    case opcode::admin_config: return "admin_config";
    case opcode::admin_safemode: return "admin_safemode";
    case opcode::trash_empty: return "trash_empty";
    case opcode::admin_checkpoint: return "admin_checkpoint";
    case opcode::admin_healing: return "admin_healing";
    case opcode::admin_node: return "admin_node";
    case opcode::admin_rebalance: return "admin_rebalance";
    case opcode::admin_accept_loss: return "admin_accept_loss";
    case opcode::fsck: return "fsck";
    case opcode::register_node: return "register_node";
    case opcode::report_volumes: return "report_volumes";
    case opcode::heartbeat: return "heartbeat";
    case opcode::live_chunks: return "live_chunks";
    case opcode::take_relocations: return "take_relocations";
    case opcode::report_relocations: return "report_relocations";
    case opcode::pull_edits: return "pull_edits";
    case opcode::ack_edits: return "ack_edits";
    case opcode::fetch_image: return "fetch_image";
    case opcode::upload_image: return "upload_image";
    case opcode::finish_image: return "finish_image";
    case opcode::promise: return "promise";
    case opcode::greet: return "greet";
    case opcode::match_log: return "match_log";
    case opcode::log_status: return "log_status";
    case opcode::write_chunk: return "write_chunk";
    case opcode::write_begin: return "write_begin";
    case opcode::write_piece: return "write_piece";
    case opcode::write_end: return "write_end";
    case opcode::read_chunk: return "read_chunk";
    case opcode::replica_chunks: return "replica_chunks";
    case opcode::scrub: return "scrub";
    case opcode::replica_health: return "replica_health";
    case opcode::bad_chunks: return "bad_chunks";
    case opcode::repair_replica: return "repair_replica";
  }
  return "unknown";
}

}  // namespace ssdfs::wire
