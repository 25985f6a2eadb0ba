// admin checkpoint.
#include "cli/checkpoint_view.hpp"
#include "cli/commands.hpp"
#include "cli/help_text.hpp"
#include "cli/output.hpp"
#include "cli/session.hpp"
#include "client/tools.hpp"
#include "io/clock.hpp"

#include <unistd.h>

#include <iostream>

namespace ssdfs::cli {

int run_admin_checkpoint(const argument_list& arguments) {
  command_line line("admin checkpoint", "[--no-wait]",
                    "Has an image of the namespace made, by a backup if one is connected.", {0, 0});
  line.flag("no-wait", "do not wait until it is there");
  if (!line.parse(arguments)) return line.exit_code();
  const auto to = session::open(line);
  if (!to) return line.exit_code();
  constexpr unsigned poll_us = 200'000;
  const bool shown = ::isatty(STDERR_FILENO) == 1 && !line.json();
  checkpoint_view view;
  wire::admin_checkpoint_request request{true};
  for (;;) {
    const auto now = detail::master_call(to->client(), request);
    const bool over = !now || !now->failure.empty() || now->wanted == txid() || line.has("no-wait");
    if (shown) std::cerr << "\r\033[K";
    if (!over) {
      if (shown && !now->stage.empty()) {
        std::cerr << view.line(*now, io::steady_ms(), terminal_width(STDERR_FILENO, 80) - 1)
                  << std::flush;
      }
      request.begin = false;
      ::usleep(poll_us);
      continue;
    }
    if (!now) {
      to->error("", now.error());
    } else if (!now->failure.empty()) {
      to->error("", now->failure);
    } else if (line.json()) {
      print_json({{"image", std::to_string(now->image.value)},
                  {"wanted", std::to_string(now->wanted.value)}});
    } else if (now->wanted != txid()) {
      std::cout << "an image at txid " << now->wanted << " or behind it is being made\n";
    } else {
      std::cout << "image at txid " << now->image << "\n";
    }
    return to->exit_code();
  }
}

}  // namespace ssdfs::cli
