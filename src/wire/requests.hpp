// The table of requests: for each its messages, who may send it and who answers it.
//
// A new request is an enumerator in opcodes.hpp, two messages, and a row here. What depends on it
// follows: a role that is to answer it does not compile without a handler (net/router.hpp), and
// tests name what is missing in messages.golden, the corpus of the fuzzer and docs/protocol.md.
#pragma once

#include "wire/admin_messages.hpp"
#include "wire/chunk_messages.hpp"
#include "wire/cluster_messages.hpp"
#include "wire/common_messages.hpp"
#include "wire/healing_messages.hpp"
#include "wire/health_messages.hpp"
#include "wire/journal_messages.hpp"
#include "wire/member_messages.hpp"
#include "wire/namespace_messages.hpp"
#include "wire/opcodes.hpp"
#include "wire/relocate_messages.hpp"

#include <boost/mp11/algorithm.hpp>
#include <boost/mp11/list.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace ssdfs::wire {

/// Who sends a request, a set of bits. An operator's commands connect as clients do
/// (peer_role::client); what tells them apart is the right to what they ask for.
enum class callers : std::uint8_t {
  nobody = 0,
  clients = 1,
  operators = 2,
  datanodes = 4,
  backups = 8,
  anybody = 15,
};
/// Which role answers a request, a set of bits.
enum class servers : std::uint8_t {
  nobody = 0,
  master = 1,  ///< the one that leads
  backup = 2,  ///< whether or not it hears a master
  datanode = 4,
  every_session = 8,  ///< net::session, for every role
  member = 16,        ///< of a master set, whether or not it leads (member/leadership_runner.hpp)
};

template <class Set>
concept set_of_bits = std::is_same_v<Set, callers> || std::is_same_v<Set, servers>;
template <set_of_bits Set>
[[nodiscard]] constexpr Set operator|(Set a, Set b) noexcept {
  return static_cast<Set>(static_cast<std::uint8_t>(a) | static_cast<std::uint8_t>(b));
}
/// Whether `all` has one of `some`.
template <set_of_bits Set>
[[nodiscard]] constexpr bool has(Set all, Set some) noexcept {
  return (static_cast<std::uint8_t>(all) & static_cast<std::uint8_t>(some)) != 0;
}

/// One request. `Request::code` is its opcode, `Request::reply` the message of a successful answer.
template <class Request, callers From, servers To>
struct request_row {
  using request = Request;
  static constexpr callers from = From;
  static constexpr servers to = To;
};

// clang-format off
using request_table = boost::mp11::mp_list<
    // every connection
    request_row<hello_request, callers::anybody, servers::every_session>,
    request_row<ping_request, callers::anybody, servers::every_session>,
    request_row<server_stats_request, callers::anybody, servers::every_session>,
    // the namespace
    request_row<lookup_request, callers::clients, servers::master>,
    request_row<locate_request, callers::clients, servers::master>,
    request_row<list_request, callers::clients, servers::master>,
    request_row<summary_request, callers::clients, servers::master>,
    request_row<commit_file_request, callers::clients, servers::master>,
    request_row<commit_chunks_request, callers::clients, servers::master>,
    request_row<make_directory_request, callers::clients, servers::master>,
    request_row<rename_request, callers::clients, servers::master>,
    request_row<remove_request, callers::clients, servers::master>,
    request_row<set_attributes_request, callers::clients, servers::master>,
    request_row<set_quota_request, callers::clients, servers::master>,
    request_row<get_quota_request, callers::clients, servers::master>,
    request_row<trash_empty_request, callers::clients, servers::master>,
    // grants
    request_row<grant_request, callers::clients, servers::master>,
    request_row<end_grant_request, callers::clients, servers::master>,
    // the cluster, for its operators
    request_row<admin_report_request, callers::clients | callers::operators, servers::master>,
    request_row<admin_volumes_request, callers::operators, servers::master>,
    request_row<admin_seal_request, callers::operators, servers::master>,
    request_row<admin_config_request, callers::operators, servers::master>,
    request_row<admin_safemode_request, callers::operators, servers::master>,
    request_row<admin_checkpoint_request, callers::operators, servers::master>,
    request_row<admin_healing_request, callers::operators, servers::master>,
    request_row<admin_node_request, callers::operators, servers::master>,
    request_row<admin_rebalance_request, callers::operators, servers::master>,
    request_row<admin_accept_loss_request, callers::operators, servers::master>,
    request_row<fsck_request, callers::operators, servers::master>,
    request_row<log_status_request, callers::operators, servers::master | servers::backup>,
    // datanodes
    request_row<register_node_request, callers::datanodes, servers::master>,
    request_row<report_volumes_request, callers::datanodes, servers::master>,
    request_row<heartbeat_request, callers::datanodes, servers::master>,
    request_row<live_chunks_request, callers::datanodes, servers::master>,
    request_row<take_relocations_request, callers::datanodes, servers::master>,
    request_row<report_relocations_request, callers::datanodes, servers::master>,
    // backups
    request_row<pull_edits_request, callers::backups, servers::master>,
    request_row<ack_edits_request, callers::backups, servers::master>,
    request_row<fetch_image_request, callers::backups, servers::master>,
    request_row<upload_image_request, callers::backups, servers::master>,
    request_row<finish_image_request, callers::backups, servers::master>,
    // members of a master set
    request_row<promise_request, callers::backups, servers::member>,
    request_row<greet_request, callers::backups, servers::member>,
    request_row<match_log_request, callers::backups, servers::member>,
    // chunks
    request_row<write_chunk_request, callers::clients | callers::datanodes, servers::datanode>,
    request_row<write_begin_request, callers::clients | callers::datanodes, servers::datanode>,
    request_row<write_piece_request, callers::clients | callers::datanodes, servers::datanode>,
    request_row<write_end_request, callers::clients | callers::datanodes, servers::datanode>,
    request_row<read_chunk_request, callers::clients | callers::datanodes, servers::datanode>,
    request_row<replica_chunks_request, callers::datanodes | callers::operators, servers::datanode>,
    // the health of replicas
    request_row<scrub_request, callers::operators, servers::datanode>,
    request_row<replica_health_request, callers::operators, servers::datanode>,
    request_row<bad_chunks_request, callers::operators, servers::datanode>,
    request_row<repair_replica_request, callers::operators, servers::datanode>>;
// clang-format on

template <class Row>
using request_of = typename Row::request;
using all_requests = boost::mp11::mp_transform<request_of, request_table>;

/// What the table says of a request where only its opcode is known.
struct request_rules {
  callers from = callers::nobody;
  servers to = servers::nobody;
};

namespace detail {

constexpr auto rules_by_opcode = [] {
  std::array<request_rules, opcode_limit> rules{};
  boost::mp11::mp_for_each<request_table>([&](auto row) {
    using type = decltype(row);
    rules[static_cast<std::size_t>(type::request::code)] = {type::from, type::to};
  });
  return rules;
}();

constexpr std::size_t opcodes_with_a_row = [] {
  std::size_t count = 0;
  for (const request_rules& each : rules_by_opcode) count += each.to != servers::nobody ? 1 : 0;
  return count;
}();
static_assert(opcodes_with_a_row == boost::mp11::mp_size<request_table>::value,
              "two requests have one opcode, or one is answered by nobody");

}  // namespace detail

/// Nobody and nobody for a number that is no request.
[[nodiscard]] constexpr request_rules rules_of(opcode code) noexcept {
  const auto number = static_cast<std::size_t>(code);
  return number < opcode_limit ? detail::rules_by_opcode[number] : request_rules{};
}

}  // namespace ssdfs::wire
