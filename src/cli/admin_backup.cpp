// admin status and accept-loss.
#include "cli/admin_backup.hpp"

#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/session.hpp"
#include "client/tools.hpp"
#include "wire/journal_messages.hpp"

#include <boost/json/array.hpp>

#include <array>
#include <cstdio>
#include <iostream>

namespace ssdfs::cli {
namespace {

std::string hex16(std::uint64_t value) {
  std::array<char, 17> text{};
  std::snprintf(text.data(), text.size(), "%016llx", static_cast<unsigned long long>(value));
  return text.data();
}

std::string describe_lag(std::int64_t lag_ms) {
  if (lag_ms < 0) return "not connected";
  return lag_ms == 0 ? "none" : format_age(lag_ms);
}

boost::json::object log_status_json(const wire::log_status_reply& s) {
  return {{"role", s.role},
          {"cluster", to_string(s.cluster)},
          {"node", to_string(s.node)},
          {"epoch", s.epoch.value},
          {"txid", std::to_string(s.last.value)},
          {"durable", std::to_string(s.durable.value)},
          {"committed", std::to_string(s.committed.value)},
          {"applied", std::to_string(s.applied.value)},
          {"digest", hex16(s.digest)},
          {"files", s.files},
          {"directories", s.directories},
          {"lag_ms", s.lag_ms},
          {"image", std::to_string(s.image.value)},
          {"master", s.master.empty() ? boost::json::value(nullptr) : boost::json::value(s.master)},
          {"problem", s.problem}};
}

void print_status(const wire::log_status_reply& s) {
  std::cout << s.role << " " << to_string(s.node) << " of cluster " << to_string(s.cluster)
            << ", epoch " << s.epoch.value << "\n"
            << "log: txid " << s.last.value << ", durable here " << s.durable.value
            << ", committed " << s.committed.value << "\n"
            << "tree: txid " << s.applied.value << ", digest " << hex16(s.digest) << ", "
            << counted(s.files, "file") << ", "
            << counted(s.directories, "directory", "directories") << "\n"
            << "newest image: "
            << (s.image.value == 0 ? "none" : "txid " + std::to_string(s.image.value)) << "\n";
  if (s.role == "backup") {
    std::cout << "follows " << s.master << ", lag " << describe_lag(s.lag_ms) << "\n";
  }
  if (!s.problem.empty()) std::cout << "problem: " << s.problem << "\n";
}

}  // namespace

void add_backups(boost::json::object& to, const wire::admin_report_reply& report) {
  boost::json::array backups;
  for (const auto& b : report.backups) {
    backups.push_back(
        {{"node", to_string(b.node)},
         {"name", b.name},
         {"address", b.address},
         {"http", b.http.empty() ? boost::json::value(nullptr) : boost::json::value(b.http)},
         {"state", b.state},
         {"durable", std::to_string(b.durable.value)},
         {"applied", std::to_string(b.applied.value)},
         {"lag_ms", b.lag_ms},
         {"lag_median_us", b.lag_median_us},
         {"last_heard_ms", b.last_heard_ms}});
  }
  to["backups"] = std::move(backups);
  to["min_sync_backups"] = report.min_sync_backups;
  to["committed"] = std::to_string(report.committed.value);
  to["problem"] = report.problem;
}

void print_backups(const wire::admin_report_reply& report) {
  if (!report.problem.empty()) std::cout << "\nproblem: " << report.problem << "\n";
  if (report.backups.empty()) return;
  std::cout << "\n";
  table rows({"backup", "address", "state", ">durable", ">applied", ">lag", ">heard"});
  for (const auto& b : report.backups) {
    rows.add({b.name.empty() ? to_string(b.node) : b.name, b.address, b.state,
              std::to_string(b.durable.value), std::to_string(b.applied.value),
              format_age(b.lag_ms), format_age(b.last_heard_ms)});
  }
  rows.print();
}

int run_admin_status(const argument_list& arguments) {
  command_line line("admin status", "", "Log and tree of the master or backup that --master names.",
                    {0, 0});
  if (!line.parse(arguments)) return line.exit_code();
  const auto to = session::open(line);
  if (!to) return line.exit_code();
  const auto status = detail::master_call(to->client(), wire::log_status_request{});
  if (!status) {
    to->error("", status.error());
  } else if (line.json()) {
    print_json(log_status_json(*status));
  } else {
    print_status(*status);
  }
  return to->exit_code();
}

int run_admin_accept_loss(const argument_list& arguments) {
  command_line line("admin accept-loss", "",
                    "Lets a master go on that has lost history which others have seen.", {0, 0});
  if (!line.parse(arguments)) return line.exit_code();
  const auto to = session::open(line);
  if (!to) return line.exit_code();
  const auto done = detail::master_call(to->client(), wire::admin_accept_loss_request{});
  if (!done) {
    to->error("", done.error());
  } else if (line.json()) {
    print_json({{"accepted", done->accepted}});
  } else {
    std::cout << (done->accepted.empty() ? "nothing is missed" : "accepted: " + done->accepted)
              << "\n";
  }
  return to->exit_code();
}

}  // namespace ssdfs::cli
