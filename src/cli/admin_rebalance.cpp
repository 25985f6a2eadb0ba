// admin rebalance, and the forms of what goes on in the background.
#include "base/units.hpp"
#include "cli/admin_healing.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/session.hpp"
#include "client/tools.hpp"

#include <boost/json/array.hpp>

#include <unistd.h>

#include <chrono>
#include <cstdio>
#include <iostream>
#include <thread>

namespace ssdfs::cli {
namespace {

constexpr std::chrono::milliseconds rebalance_poll_interval{500};

std::string percent(std::uint32_t ppm) {
  char text[32];
  std::snprintf(text, sizeof text, "%.1f %%", ppm / 1e4);
  return text;
}

double share(std::uint32_t ppm) { return ppm / 1e6; }

boost::json::object plan_to_json(const wire::admin_rebalance_reply& r) {
  boost::json::array shares;
  for (const auto& s : r.shares) {
    shares.push_back({{"node", to_string(s.node)},
                      {"name", s.name},
                      {"share_before", share(s.before_ppm)},
                      {"share_after", share(s.after_ppm)}});
  }
  boost::json::array moves;
  for (const auto& m : r.moves) {
    moves.push_back({{"volume", std::to_string(m.volume.value)},
                     {"from", to_string(m.from)},
                     {"to", to_string(m.to)},
                     {"bytes", m.bytes}});
  }
  return {{"moves", r.planned_moves},
          {"bytes", r.planned_bytes},
          {"needed_bytes", r.needed_bytes},
          {"mean_share", share(r.mean_share_ppm)},
          {"within", r.within},
          {"nodes", std::move(shares)},
          {"plan", std::move(moves)}};
}

void print_plan(const wire::admin_rebalance_reply& r) {
  table nodes({"node", ">used", ">after"});
  for (const auto& s : r.shares) {
    nodes.add(
        {s.name.empty() ? to_string(s.node) : s.name, percent(s.before_ppm), percent(s.after_ppm)});
  }
  nodes.print();
  std::cout << "mean " << percent(r.mean_share_ppm) << "; " << r.planned_moves << " moves, "
            << format_size(r.planned_bytes) << " (no plan can do with less than "
            << format_size(r.needed_bytes) << ")"
            << (r.within ? "" : "; some node stays outside of the threshold") << "\n";
  if (r.moves.empty()) return;
  table moves({">volume", "from", "to", ">bytes"});
  const auto name = [&](node_id id) {
    for (const auto& s : r.shares) {
      if (s.node == id && !s.name.empty()) return s.name;
    }
    return to_string(id);
  };
  for (const auto& m : r.moves) {
    moves.add({std::to_string(m.volume.value), name(m.from), name(m.to), format_size(m.bytes)});
  }
  moves.print();
}

/// The master says so at the begin of its reason, as docs/protocol.md has it.
bool is_done(const wire::rebalance_state& s) { return s.reason.starts_with("done"); }

void print_state(const command_line& line, const wire::rebalance_state& s) {
  if (line.json()) return print_json(to_json(s));
  const char* how = s.paused     ? "paused: "
                    : s.running  ? "running: "
                    : is_done(s) ? ""
                                 : "not running: ";
  std::cout << how << s.reason;
  if (s.planned_bytes > 0) {
    std::cout << "; " << s.moved_volumes << " volumes, " << format_size(s.moved_bytes)
              << " moved of " << format_size(s.planned_bytes);
  }
  if (s.running) std::cout << "; " << describe(s.progress);
  std::cout << "\n";
}

std::optional<wire::admin_rebalance_reply> ask(session& to, std::string_view action,
                                               std::uint32_t threshold_permille = 100) {
  auto reply =
      detail::master_call(to.client(), wire::admin_rebalance_request{action, threshold_permille});
  if (reply) return std::move(*reply);
  to.error("", reply.error());
  return std::nullopt;
}

/// Waits until it has ended. Masters may come and go meanwhile: the next one goes on with it.
std::optional<wire::rebalance_state> wait(session& to, const command_line& line,
                                          wire::admin_rebalance_reply reply) {
  const bool shown = ::isatty(STDERR_FILENO) == 1 && !line.json();
  while (reply.state.running) {
    std::this_thread::sleep_for(rebalance_poll_interval);
    auto now = ask(to, "status");
    if (!now) return std::nullopt;
    reply = std::move(*now);
    if (shown) std::cerr << "\r\033[K" << describe(reply.state.progress) << std::flush;
  }
  if (shown) std::cerr << "\r\033[K";
  return reply.state;
}

}  // namespace

boost::json::object to_json(const wire::copy_status& c) {
  boost::json::value left = nullptr;
  if (c.time_left_ms >= 0) left = c.time_left_ms;
  return {{"volumes_running", c.volumes_running}, {"volumes_waiting", c.volumes_waiting},
          {"bytes_left", c.bytes_left},           {"bytes_done", c.bytes_done},
          {"bytes_per_s", c.bytes_per_s},         {"time_left_ms", std::move(left)}};
}

boost::json::object to_json(const wire::rebalance_state& s) {
  return {{"running", s.running},
          {"paused", s.paused},
          {"threshold_percent", s.threshold_permille / 10.0},
          {"planned_bytes", s.planned_bytes},
          {"needed_bytes", s.needed_bytes},
          {"moved_bytes", s.moved_bytes},
          {"moved_volumes", s.moved_volumes},
          {"reason", s.reason},
          {"progress", to_json(s.progress)}};
}

std::string describe(const wire::copy_status& c) {
  std::string text = counted(c.volumes_running, "volume") + " being copied, " +
                     std::to_string(c.volumes_waiting) + " waiting; " + format_size(c.bytes_left) +
                     " left, " + format_size(c.bytes_per_s) + "/s";
  if (c.time_left_ms > 0) text += ", " + format_duration_ms((c.time_left_ms + 999) / 1000 * 1000);
  return text;
}

int run_admin_rebalance(const std::vector<std::string>& arguments) {
  command_line line("admin rebalance",
                    "[--threshold PCT] [--dry-run] [--wait] | pause|resume|stop|status",
                    "Moves volumes until all nodes are about equally full.", {0, 1});
  line.value("threshold,t", "PCT", "percent of the mean share that a node may be off", "10")
      .flag("dry-run,n", "only show the plan")
      .flag("wait,w", "until it is done");
  if (!line.parse(arguments)) return line.exit_code();
  const std::string action = line.arguments().empty() ? "start" : line.arguments().front();
  const bool other =
      action == "pause" || action == "resume" || action == "stop" || action == "status";
  if (!other && !line.arguments().empty()) {
    return line.usage_error("'" + action + "' is none of pause, resume, stop and status");
  }
  if (other && (line.has("dry-run") || line.has("wait"))) {
    return line.usage_error(action + " takes neither --dry-run nor --wait");
  }
  const auto threshold = line.integer("threshold", 1, 100);
  if (!threshold) return line.exit_code();
  const auto permille = static_cast<std::uint32_t>(*threshold * 10);
  const auto to = session::open(line);
  if (!to) return line.exit_code();
  if (line.has("dry-run")) {
    const auto plan = ask(*to, "plan", permille);
    if (!plan) return to->exit_code();
    if (line.json()) {
      print_json(plan_to_json(*plan));
    } else {
      print_plan(*plan);
    }
    return to->exit_code();
  }
  const auto reply = ask(*to, action, permille);
  if (!reply) return to->exit_code();
  if (!line.has("wait")) {
    print_state(line, reply->state);
    return to->exit_code();
  }
  const auto end = wait(*to, line, *reply);
  if (!end) return to->exit_code();
  print_state(line, *end);
  if (!is_done(*end)) to->error("", end->reason);
  return to->exit_code();
}

}  // namespace ssdfs::cli
