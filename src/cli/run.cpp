#include "cli/run.hpp"

#include "cli/command.hpp"
#include "cli/options.hpp"
#include "cli/process_setup.hpp"
#include "cli/self_description.hpp"
#include "cli/serve.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <exception>
#include <iostream>

namespace ssdfs::cli {
namespace {

// The commands whose names begin so, each with a line about it.
void list_commands(std::ostream& out, std::string_view begin) {
  out << "Commands:\n";
  for (const command& c : commands()) {
    if (!c.name.starts_with(begin)) continue;
    std::string name(c.name);
    name.resize(std::max<std::size_t>(name.size() + 2, 22), ' ');
    out << "  " << name << c.summary << "\n";
  }
}

void print_help(std::ostream& out) {
  out << "Usage: ssdfs COMMAND [options] [arguments]\n"
         "       ssdfs --role=master|backup|datanode|all [options]\n\n";
  list_commands(out, "");
  out << "\n'ssdfs COMMAND --help' tells more; 'ssdfs --role=all --help' lists the options of the "
         "servers.\n";
}

int usage(const std::string& why) {
  std::cerr << "ssdfs: " << why << " (try 'ssdfs --help')\n";
  return exit_usage;
}

// What standard output did not take is an error, but for a pipe that nobody reads any more.
int flushed(int code) {
  errno = 0;
  std::cout.flush();
  const int why = errno;
  if (std::cout) return code;
  if (why != EPIPE) std::cerr << "ssdfs: standard output: " << std::strerror(why) << "\n";
  return code == exit_done ? exit_failed : code;
}

// Commands of two words ("admin report") are tried first.
int run_command(const std::vector<std::string>& arguments) {
  for (const std::size_t words : {std::size_t{2}, std::size_t{1}}) {
    if (arguments.size() < words) continue;
    const std::string name = words == 2 ? arguments[0] + " " + arguments[1] : arguments[0];
    for (const auto table : {commands(), internal_commands()}) {
      for (const command& c : table) {
        if (c.name != name) continue;
        return flushed(
            c.run({arguments.begin() + static_cast<std::ptrdiff_t>(words), arguments.end()}));
      }
    }
  }
  const std::string group = arguments.front() + " ";
  std::string members;
  for (const command& c : commands()) {
    if (c.name.starts_with(group)) {
      members += (members.empty() ? "" : ", ") + std::string(c.name.substr(group.size()));
    }
  }
  if (!members.empty() && arguments.size() > 1 && arguments[1] == "--help") {
    std::cout << "Usage: ssdfs " << group << "COMMAND [options] [arguments]\n\n";
    list_commands(std::cout, group);
    std::cout << "\n'ssdfs " << group << "COMMAND --help' tells more.\n";
    return flushed(exit_done);
  }
  if (!members.empty()) {
    const bool other = arguments.size() > 1 && !arguments[1].starts_with("-");
    return usage((other ? "unknown command " + arguments[0] + " " + arguments[1] : arguments[0]) +
                 ": one of " + members + " is needed");
  }
  return usage("unknown command " + arguments.front());
}

int run_checked(int argc, char** argv) {
  const std::vector<std::string> arguments(argv + std::min(argc, 1), argv + argc);
  if (arguments.empty()) return usage("a command or --role is needed");
  if (arguments.front() == "--help" || arguments.front() == "help") {
    // "help put" is "put --help".
    std::vector<std::string> asked(arguments.begin() + 1, arguments.end());
    if (!asked.empty() && !asked.front().starts_with("-")) {
      asked.emplace_back("--help");
      return run_command(asked);
    }
    if (std::find(arguments.begin(), arguments.end(), "--json") != arguments.end()) {
      std::cout << describe_program();
    } else {
      print_help(std::cout);
    }
    return flushed(exit_done);
  }
  if (!arguments.front().starts_with("-")) return run_command(arguments);
  if (std::find(arguments.begin(), arguments.end(), "--version") != arguments.end()) {
    std::cout << "ssdfs " << SSDFS_VERSION << "\n";
    return flushed(exit_done);
  }

  std::vector<std::string> environment;
  for (char** at = environ; *at != nullptr; ++at) environment.emplace_back(*at);
  const auto options = settings::read(arguments, environment);
  if (!options) return usage(options.error().message());
  if (options->help()) {
    std::cout << server_help();
    return exit_done;
  }
  return serve(*options, arguments, environment);
}

}  // namespace

int run(int argc, char** argv) {
  prepare_process();
  try {
    return run_checked(argc, argv);
  } catch (const std::exception& e) {
    std::cerr << "ssdfs: " << e.what() << "\n";
    return exit_failed;
  }
}

}  // namespace ssdfs::cli
