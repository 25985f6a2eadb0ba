// admin checkpoint.
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/session.hpp"
#include "client/tools.hpp"

#include <unistd.h>

#include <iostream>

namespace ssdfs::cli {

int run_admin_checkpoint(const std::vector<std::string>& arguments) {
  command_line line("admin checkpoint", "[--no-wait]",
                    "Has an image of the namespace made, by a backup if one is connected.", {0, 0});
  line.flag("no-wait", "do not wait until it is there");
  if (!line.parse(arguments)) return line.exit_code();
  const auto to = session::open(line);
  if (!to) return line.exit_code();
  constexpr unsigned poll_us = 200'000;
  wire::admin_checkpoint_request request{true};
  for (;;) {
    const auto now = detail::master_call(to->client(), request);
    if (!now) {
      to->error("", now.error());
      return to->exit_code();
    }
    if (!now->failure.empty()) {
      to->error("", now->failure);
      return to->exit_code();
    }
    if (now->wanted == txid() || line.has("no-wait")) {
      if (line.json()) {
        print_json({{"image", std::to_string(now->image.value)},
                    {"wanted", std::to_string(now->wanted.value)}});
      } else if (now->wanted != txid()) {
        std::cout << "an image at txid " << now->wanted << " or behind it is being made\n";
      } else {
        std::cout << "image at txid " << now->image << "\n";
      }
      return to->exit_code();
    }
    request.begin = false;
    ::usleep(poll_us);
  }
}

}  // namespace ssdfs::cli
