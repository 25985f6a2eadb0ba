// url sign: links that end.
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/remote.hpp"
#include "http/signed_url.hpp"
#include "io/clock.hpp"

#include <boost/json/object.hpp>

#include <cstdlib>
#include <iostream>

namespace ssdfs::cli {

int run_url_sign(const argument_list& arguments) {
  command_line line("url sign", "PATH [--expires TIME] [--url-secret FILE] [--base URL]",
                    "Prints a link to a file that the datanodes and the master honour until it "
                    "expires. The file need not exist.",
                    {1, 1});
  line.value("expires", "TIME", "how long the link is good", "1h")
      .value("url-secret", "FILE", "the key, the same as the servers' (default: SSDFS_URL_SECRET)")
      .value("base", "URL", "what to put before the path: http://pictures.example.com");
  if (!line.parse(arguments)) return line.exit_code();
  const auto expires_ms = line.duration_ms("expires");
  if (!expires_ms) return line.exit_code();
  std::string file = line.text("url-secret");
  if (file.empty()) {
    const char* const from_environment = std::getenv("SSDFS_URL_SECRET");
    if (from_environment != nullptr) file = from_environment;
  }
  if (file.empty()) return line.usage_error("needs --url-secret FILE");
  const std::string path = trim_path(line.arguments().front());
  if (!path.starts_with('/')) return line.usage_error("'" + path + "' is not an absolute path");
  const auto secret = http::read_secret(file);
  if (!secret) {
    print_error(line.name(), path, secret.error().message());
    return exit_failed;
  }
  const std::int64_t until_s = (io::wall_ms() + *expires_ms) / 1000;
  const std::string url = line.text("base") + http::sign_url(*secret, path, until_s);
  if (line.json()) {
    boost::json::object out;
    out["path"] = path;
    out["url"] = url;
    out["expires"] = until_s;
    print_json(out);
  } else {
    std::cout << url << "\n";
  }
  return exit_done;
}

}  // namespace ssdfs::cli
