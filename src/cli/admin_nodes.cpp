// admin decommission, recommission and maintenance.
#include "base/units.hpp"
#include "cli/admin_healing.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/session.hpp"
#include "client/tools.hpp"

#include <unistd.h>

#include <chrono>
#include <iostream>
#include <thread>

namespace ssdfs::cli {
namespace {

constexpr std::chrono::milliseconds nodes_poll_interval{500};
/// Without any progress for so long the reason is printed.
constexpr std::chrono::seconds moves_patience{3};

std::string name_of(const wire::decided_node& n) {
  return n.name.empty() ? to_string(n.node) : n.name;
}

void print(const command_line& line, const wire::decided_node& n) {
  if (line.json()) return print_json(to_json(n));
  std::cout << name_of(n);
  // A node that this master has only read of has none.
  if (!n.address.empty()) std::cout << " (" << n.address << ")";
  std::cout << (n.state == "maintenance" ? " is in " : " is ") << n.state;
  if (n.state == "decommissioning") {
    std::cout << ": " << counted(n.volumes_left, "volume") << ", " << format_size(n.bytes_left)
              << " left";
    if (!n.waiting.empty()) std::cout << "; waiting: " << n.waiting;
  }
  if (n.state == "decommissioned") std::cout << ": it can be switched off";
  if (n.maintenance_left_ms > 0) {
    std::cout << " for " << format_duration_ms((n.maintenance_left_ms + 999) / 1000 * 1000);
  }
  std::cout << "\n";
}

/// Sends the decision; nothing if it was refused, which has been printed then.
std::optional<wire::decided_node> decide(session& to, const std::string& node,
                                         std::string_view action, std::int64_t for_ms = 0) {
  const auto reply =
      detail::master_call(to.client(), wire::admin_node_request{node, action, for_ms});
  if (reply) return reply->node;
  to.error(node, reply.error());
  return std::nullopt;
}

/// Waits until the node is empty. False if that failed, or somebody took the decision back.
bool wait_until_empty(session& to, const command_line& line, wire::decided_node& node) {
  const bool shown = ::isatty(STDERR_FILENO) == 1 && !line.json();
  const std::string id = to_string(node.node);
  std::string told;  // the last reason that was printed
  auto moved = std::chrono::steady_clock::now();
  while (node.state != "decommissioned") {
    std::this_thread::sleep_for(nodes_poll_interval);
    const auto now = decide(to, id, "show");
    if (!now) return false;
    const bool progress =
        now->volumes_left != node.volumes_left || now->bytes_left != node.bytes_left;
    if (progress) moved = std::chrono::steady_clock::now();
    node = *now;
    if (node.state == "live" || node.state == "maintenance") {
      to.error(name_of(node), "the decision was taken back");
      return false;
    }
    if (std::chrono::steady_clock::now() - moved >= moves_patience && !node.waiting.empty() &&
        node.waiting != told) {
      told = node.waiting;
      if (shown) std::cerr << "\r\033[K";
      std::cerr << "waiting: " << told << "\n";
    }
    if (shown) {
      std::cerr << "\r\033[K" << node.volumes_left << " volumes, " << format_size(node.bytes_left)
                << " left" << std::flush;
    }
  }
  if (shown) std::cerr << "\r\033[K";
  return true;
}

}  // namespace

boost::json::object to_json(const wire::decided_node& n) {
  return {{"node", to_string(n.node)},
          {"name", n.name},
          {"address", n.address},
          {"state", n.state},
          {"volumes_left", n.volumes_left},
          {"bytes_left", n.bytes_left},
          {"volumes_stuck", n.volumes_stuck},
          {"maintenance_left_ms", n.maintenance_left_ms},
          {"waiting", n.waiting}};
}

int run_admin_decommission(const std::vector<std::string>& arguments) {
  command_line line("admin decommission", "NODE [--wait]",
                    "Moves everything away from a datanode, so that it can be switched off.",
                    {1, 1});
  line.flag("wait,w", "until it is empty");
  if (!line.parse(arguments)) return line.exit_code();
  const auto to = session::open(line);
  if (!to) return line.exit_code();
  auto node = decide(*to, line.arguments().front(), "decommission");
  if (!node) return to->exit_code();
  if (line.has("wait") && !wait_until_empty(*to, line, *node)) return to->exit_code();
  print(line, *node);
  return to->exit_code();
}

int run_admin_recommission(const std::vector<std::string>& arguments) {
  command_line line("admin recommission", "NODE",
                    "Takes back a decommission, or ends maintenance early.", {1, 1});
  if (!line.parse(arguments)) return line.exit_code();
  const auto to = session::open(line);
  if (!to) return line.exit_code();
  const auto node = decide(*to, line.arguments().front(), "recommission");
  if (node) print(line, *node);
  return to->exit_code();
}

int run_admin_maintenance(const std::vector<std::string>& arguments) {
  command_line line("admin maintenance", "NODE --for TIME",
                    "For so long the absence of a datanode causes no copying.", {1, 1});
  line.value("for", "TIME", "30m, 2h; ends by itself");
  if (!line.parse(arguments)) return line.exit_code();
  if (!line.has("for")) return line.usage_error("--for TIME is missing");
  const auto time = line.duration_ms("for");
  if (!time) return line.exit_code();
  if (*time <= 0) return line.usage_error("--for takes a time above 0");
  const auto to = session::open(line);
  if (!to) return line.exit_code();
  const auto node = decide(*to, line.arguments().front(), "maintenance", *time);
  if (node) print(line, *node);
  return to->exit_code();
}

}  // namespace ssdfs::cli
