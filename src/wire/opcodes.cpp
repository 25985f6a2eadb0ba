#include "wire/opcodes.hpp"

#include "wire/requests.hpp"

#include <boost/mp11/list.hpp>

#include <array>

namespace ssdfs::wire {
namespace {

struct named_opcode {
  opcode code;
  std::string_view name;
};

// A list by hand, because Boost.Describe ends at 52 enumerators.
#define SSDFS_OPCODE_NAME(code) \
  named_opcode { opcode::code, #code }
constexpr std::array named_opcodes{
    SSDFS_OPCODE_NAME(hello),
    SSDFS_OPCODE_NAME(ping),
    SSDFS_OPCODE_NAME(server_stats),
    SSDFS_OPCODE_NAME(lookup),
    SSDFS_OPCODE_NAME(locate),
    SSDFS_OPCODE_NAME(list),
    SSDFS_OPCODE_NAME(summary),
    SSDFS_OPCODE_NAME(commit_file),
    SSDFS_OPCODE_NAME(make_directory),
    SSDFS_OPCODE_NAME(rename),
    SSDFS_OPCODE_NAME(remove),
    SSDFS_OPCODE_NAME(set_attributes),
    SSDFS_OPCODE_NAME(set_quota),
    SSDFS_OPCODE_NAME(get_quota),
    SSDFS_OPCODE_NAME(commit_chunks),
    SSDFS_OPCODE_NAME(grant),
    SSDFS_OPCODE_NAME(end_grant),
    SSDFS_OPCODE_NAME(admin_report),
    SSDFS_OPCODE_NAME(admin_volumes),
    SSDFS_OPCODE_NAME(admin_seal),
    SSDFS_OPCODE_NAME(admin_config),
    SSDFS_OPCODE_NAME(admin_safemode),
    SSDFS_OPCODE_NAME(trash_empty),
    SSDFS_OPCODE_NAME(admin_checkpoint),
    SSDFS_OPCODE_NAME(admin_healing),
    SSDFS_OPCODE_NAME(admin_node),
    SSDFS_OPCODE_NAME(admin_rebalance),
    SSDFS_OPCODE_NAME(admin_accept_loss),
    SSDFS_OPCODE_NAME(fsck),
    SSDFS_OPCODE_NAME(register_node),
    SSDFS_OPCODE_NAME(report_volumes),
    SSDFS_OPCODE_NAME(heartbeat),
    SSDFS_OPCODE_NAME(live_chunks),
    SSDFS_OPCODE_NAME(take_relocations),
    SSDFS_OPCODE_NAME(report_relocations),
    SSDFS_OPCODE_NAME(pull_edits),
    SSDFS_OPCODE_NAME(ack_edits),
    SSDFS_OPCODE_NAME(fetch_image),
    SSDFS_OPCODE_NAME(upload_image),
    SSDFS_OPCODE_NAME(finish_image),
    SSDFS_OPCODE_NAME(promise),
    SSDFS_OPCODE_NAME(greet),
    SSDFS_OPCODE_NAME(match_log),
    SSDFS_OPCODE_NAME(log_status),
    SSDFS_OPCODE_NAME(write_chunk),
    SSDFS_OPCODE_NAME(write_begin),
    SSDFS_OPCODE_NAME(write_piece),
    SSDFS_OPCODE_NAME(write_end),
    SSDFS_OPCODE_NAME(read_chunk),
    SSDFS_OPCODE_NAME(replica_chunks),
    SSDFS_OPCODE_NAME(scrub),
    SSDFS_OPCODE_NAME(replica_health),
    SSDFS_OPCODE_NAME(bad_chunks),
    SSDFS_OPCODE_NAME(repair_replica),
};
#undef SSDFS_OPCODE_NAME

constexpr auto names_by_opcode = [] {
  std::array<std::string_view, opcode_limit> names;
  names.fill("unknown");
  for (const named_opcode& each : named_opcodes) {
    names[static_cast<std::size_t>(each.code)] = each.name;
  }
  return names;
}();

static_assert(named_opcodes.size() == boost::mp11::mp_size<request_table>::value,
              "an opcode has no name here, or no row in requests.hpp");

}  // namespace

std::string_view name_of(opcode code) noexcept {
  const auto number = static_cast<std::size_t>(code);
  return number < opcode_limit ? names_by_opcode[number] : "unknown";
}

}  // namespace ssdfs::wire
