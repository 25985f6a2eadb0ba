// admin scrub: the datanodes read everything they store, now.
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "cli/session.hpp"
#include "client/node_call.hpp"
#include "client/tools.hpp"
#include "wire/health_messages.hpp"

#include <chrono>
#include <iostream>
#include <thread>

namespace ssdfs::cli {
namespace {

struct scrubbed_node {
  std::string name;
  replica_address at;
  std::uint64_t pass = 0;  // that was begun
  wire::scrub_reply now;
  bool over = false;
  bool lost = false;
};

void look(session& to, scrubbed_node& n) {
  const auto state = detail::node_call(to.client(), n.at, wire::scrub_request{});
  if (!state) {
    n.lost = true;
    return to.error(n.name, state.error());
  }
  n.now = *state;
  n.over = state->pass > n.pass;
}

// Until every node's pass is over and what it found is replaced, or cannot be.
void wait_for_all(session& to, std::vector<scrubbed_node>& nodes) {
  progress shown("scrub");
  constexpr int patience = 50;  // looks at bad records that do not get fewer
  int idle_looks = 0;
  std::uint64_t left_before = 0;
  for (bool busy = true; busy;) {
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    busy = false;
    std::uint64_t done = 0;
    std::uint64_t total = 0;
    std::uint64_t left = 0;
    for (scrubbed_node& n : nodes) {
      if (n.lost) continue;
      look(to, n);
      busy = busy || (!n.over && !n.lost);
      done += n.over ? n.now.bytes_total : n.now.bytes_done;
      total += n.now.bytes_total;
      left += n.now.unrepaired;
    }
    shown.bytes = done;
    shown.total_bytes = total;
    shown.totals_known = true;
    if (busy || left == 0) continue;
    idle_looks = left == left_before ? idle_looks + 1 : 0;
    left_before = left;
    busy = idle_looks < patience;
  }
}

}  // namespace

int run_admin_scrub(const std::vector<std::string>& arguments) {
  command_line line("admin scrub", "[--wait]",
                    "Every datanode reads and checks all it stores, at --scrub-rate, and replaces "
                    "what is bad.",
                    {0, 0});
  line.flag("wait", "until all is read; exit code 1 if something bad could not be replaced");
  if (!line.parse(arguments)) return line.exit_code();
  const auto to = session::open(line);
  if (!to) return line.exit_code();
  const auto report = detail::master_call(to->client(), wire::admin_report_request{});
  if (!report) {
    to->error("", report.error());
    return to->exit_code();
  }
  std::vector<scrubbed_node> nodes;
  for (const auto& node : report->nodes) {
    if (node.state == "dead" || node.address.empty()) continue;
    scrubbed_node n{node.name, {node.node, node.address}, 0, {}, false, false};
    const auto begun = detail::node_call(to->client(), n.at, wire::scrub_request{true});
    if (!begun) {
      to->error(n.name, begun.error());
      continue;
    }
    n.now = *begun;
    n.pass = begun->pass;
    nodes.push_back(std::move(n));
  }
  if (line.has("wait")) wait_for_all(*to, nodes);
  std::uint64_t left = 0;
  table rows({"node", ">pass", ">bytes", ">found bad", ">replaced", ">still bad"});
  for (const auto& n : nodes) {
    left += n.now.unrepaired;
    if (line.json()) {
      print_json({{"node", n.name},
                  {"address", n.at.address},
                  {"pass", n.pass},
                  {"over", n.over},
                  {"bytes", n.now.bytes_total},
                  {"bad", n.now.bad},
                  {"repaired", n.now.repaired},
                  {"unrepaired", n.now.unrepaired}});
      continue;
    }
    rows.add({n.name, std::to_string(n.pass), std::to_string(n.now.bytes_total),
              std::to_string(n.now.bad), std::to_string(n.now.repaired),
              std::to_string(n.now.unrepaired)});
  }
  if (!line.json()) rows.print();
  if (!line.has("wait")) return to->exit_code();
  // What was bad everywhere is not bad any more, but lost.
  const auto after = detail::master_call(to->client(), wire::admin_report_request{});
  const bool lost = after && after->missing > report->missing;
  return left > 0 || lost ? 1 : to->exit_code();
}

}  // namespace ssdfs::cli
