#include "cli/options.hpp"

#include "base/assert.hpp"
#include "base/units.hpp"
#include "cli/help_text.hpp"
#include "cli/option_check.hpp"
#include "ssdfs/limits.hpp"

#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/variables_map.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <fstream>
#include <limits>
#include <set>

namespace ssdfs::cli {
namespace {

namespace po = boost::program_options;
using kind = option_kind;

constexpr std::uint8_t in_master = 1 | 8;
constexpr std::uint8_t in_backup = 2;
constexpr std::uint8_t in_datanode = 4 | 8;
constexpr std::uint8_t in_front = in_master | in_datanode;
constexpr std::uint8_t in_all = 8;
constexpr std::uint8_t in_every = 1 | 2 | 4 | 8;
constexpr auto max_int = std::numeric_limits<std::int64_t>::max();

constexpr std::array option_table = {
    option_spec{"role", kind::choice, "ROLE", "", in_every, "master|backup|datanode|all", 0, 0,
                "what this process is"},
    option_spec{"config", kind::text, "FILE", "", in_every, "", 0, 0,
                "configuration file (default /etc/ssdfs/ssdfs.conf if it is there)"},
    option_spec{"data-dir", kind::text, "DIR", "", in_every, "", 0, 0,
                "where data is kept (default /var/lib/ssdfs/ROLE); a datanode takes several, "
                "separated by commas, each DIR[:CAPACITY]"},
    option_spec{"listen", kind::address, "HOST:PORT", "", in_every, "", 0, 0,
                "address of the binary protocol (default port: master 9600, backup 9620, datanode "
                "9610)"},
    option_spec{"http", kind::address, "HOST:PORT|off", "", in_every, "off", 0, 0,
                "address of HTTP (default port: master 9601, backup 9621, datanode 9611)"},
    option_spec{"advertise", kind::address, "HOST:PORT", "", in_every, "told", 0, 0,
                "address that others are told (default: what it listens on)"},
    option_spec{"advertise-http", kind::address, "HOST:PORT", "", in_every, "told", 0, 0,
                "HTTP address that others are told (default: what it listens on)"},
    option_spec{"master", kind::address, "HOST:PORT[,...]", "127.0.0.1:9600",
                in_backup | in_datanode | 1, "list", 0, 0, "all masters of the cluster"},
    option_spec{"name", kind::text, "NAME", "", in_every, "", 0, 0,
                "name for people (default: host name and port)"},
    option_spec{"rack", kind::text, "/NAME", "/default", in_every, "", 0, 0,
                "rack of the machine; copies are spread over racks"},
    option_spec{"datanodes", kind::integer, "N", "3", in_all, "", 1, 64,
                "datanodes inside --role=all"},
    option_spec{"replication", kind::integer, "N", "2", in_master, "", 1, 3, "copies wanted"},
    option_spec{"min-replication", kind::integer, "N", "1", in_master, "", 1, 3,
                "copies that must be possible, else a write is refused"},
    option_spec{"volume-size", kind::size, "SIZE", "1GiB", in_master, "", 1 << 20, 32LL << 30,
                "size of a volume"},
    option_spec{"chunk-size", kind::size, "SIZE", "8MiB", in_master, "", min_chunk_size,
                max_chunk_size, "large files are cut into chunks of this size"},
    option_spec{"sync", kind::choice, "none|interval|always", "interval", in_datanode,
                "none|interval|always", 0, 0, "when appended data is synced to the disk"},
    option_spec{"sync-interval", kind::duration, "TIME", "1s", in_datanode, "", 10, 3600000,
                "longest time between syncs with --sync=interval"},
    option_spec{"min-sync-backups", kind::integer, "N", "0", in_master, "", 0, 16,
                "backups that must hold a change durably before it is answered"},
    option_spec{"heartbeat-interval", kind::duration, "TIME", "1s", in_master, "", 10, 3600000,
                "pause between heartbeats of a datanode"},
    option_spec{"stale-after", kind::duration, "TIME", "5s", in_master, "", 10, max_int,
                "silence after which a datanode gets no new data"},
    option_spec{"dead-after", kind::duration, "TIME", "10m", in_master, "", 10, max_int,
                "silence after which a datanode's volumes are copied"},
    option_spec{"checkpoint-interval", kind::duration, "TIME", "1h", in_master | in_backup, "",
                1000, max_int, "longest time between checkpoints"},
    option_spec{"checkpoint-txns", kind::integer, "N", "1000000", in_master | in_backup, "", 1,
                max_int, "most changes between checkpoints"},
    option_spec{"trash-expiry", kind::duration, "TIME", "24h", in_master, "", 0, max_int,
                "how long removed files stay in the trash"},
    option_spec{"delete-grace", kind::duration, "TIME", "5m", in_master, "", 0, max_int,
                "how long chunks of deleted files can still be read"},
    option_spec{"safemode-max", kind::duration, "TIME", "", in_master, "", 0, max_int,
                "longest safe mode after a start (default 4 x dead-after)"},
    option_spec{"reserved", kind::amount, "SIZE", "2%", in_datanode, "", 0, max_int,
                "kept free on each disk"},
    option_spec{"repair-rate", kind::size, "SIZE", "200MiB", in_master, "", 1 << 16, max_int,
                "upper bound of repair traffic, bytes a second and node"},
    option_spec{"scrub-rate", kind::size, "SIZE", "20MiB", in_master, "", 0, max_int,
                "upper bound of scrubbing, bytes a second and node"},
    option_spec{"rebalance-rate", kind::size, "SIZE", "100MiB", in_master, "", 1 << 16, max_int,
                "upper bound of rebalancing, bytes a second and node"},
    option_spec{"http-write", kind::choice, "on|off", "off", in_front, "on|off", 0, 0,
                "PUT and DELETE over HTTP"},
    option_spec{"http-list", kind::choice, "on|off", "off", in_front, "on|off", 0, 0,
                "directory listings over HTTP"},
    option_spec{"http-cache-control", kind::repeated, "PREFIX=VALUE", "", in_front, "", 0, 0,
                "Cache-Control of files below a path; may be repeated"},
    option_spec{"http-cors", kind::repeated, "ORIGIN", "", in_front, "", 0, 0,
                "origin (https://shop.example, or *) whose pages may use files over HTTP; may be "
                "repeated"},
    option_spec{"http-lookup-ttl", kind::duration, "TIME", "1s", in_front, "", 0, 3600000,
                "how long HTTP may use a lookup again"},
    option_spec{"url-secret", kind::text, "FILE", "", in_front, "", 0, 0,
                "file with the key of signed URLs"},
    option_spec{"url-signing", kind::choice, "optional|required", "optional", in_front,
                "optional|required", 0, 0,
                "whether files are given without a signed URL; required needs url-secret"},
    option_spec{"http-max-body", kind::size, "SIZE", "1GiB", in_front, "", 1, max_int,
                "longest file that HTTP takes"},
    option_spec{"permissions", kind::choice, "on|off", "off", in_master, "on|off", 0, 0,
                "check owner, group and mode"},
    option_spec{"slow-op", kind::duration, "TIME", "500ms", in_every, "", 0, max_int,
                "operations that take longer are logged"},
    option_spec{"promote", kind::flag, "", "false", 1, "", 0, 0,
                "become master on a backup's data directory"},
    option_spec{"ready-file", kind::text, "FILE", "", in_every, "", 0, 0,
                "written when the process listens and answers"},
    option_spec{"threads", kind::integer, "N", "0", in_every, "", 0, 256,
                "threads for sockets (0: as many as there are cores, at most 4)"},
    option_spec{"log-level", kind::choice, "debug|info|warning|error", "info", in_every,
                "debug|info|warning|error", 0, 0, "least severe messages that are written"},
    option_spec{"log-format", kind::choice, "text|json", "text", in_every, "text|json", 0, 0,
                "form of the log, on standard error"},
};

const option_spec* find_spec(std::string_view name) {
  const auto* at = std::find_if(option_table.begin(), option_table.end(),
                                [&](const option_spec& s) { return s.name == name; });
  return at == option_table.end() ? nullptr : at;
}

po::options_description describe() {
  po::options_description all;
  for (const option_spec& spec : option_table) {
    const std::string name(spec.name);
    if (spec.kind == kind::flag) {
      all.add_options()(
          name.c_str(),
          po::value<std::vector<std::string>>()->implicit_value({"true"}, "true")->zero_tokens());
    } else {
      all.add_options()(name.c_str(), po::value<std::vector<std::string>>()->composing());
    }
  }
  return all;
}

// Some editors begin a UTF-8 file with it.
void skip_byte_order_mark(std::istream& in) {
  constexpr std::string_view mark = "\xef\xbb\xbf";
  std::array<char, mark.size()> begin{};
  in.read(begin.data(), begin.size());
  if (in && std::string_view(begin.data(), begin.size()) == mark) return;
  in.clear();
  in.seekg(0);
}

failure usage_failure(const po::error& e) { return {errc::invalid_argument, usage_text(e)}; }

std::string default_of(const option_spec& spec, role r) {
  if (!spec.fallback.empty()) return std::string(spec.fallback);
  const bool local = r == role::all;
  const std::string host = local ? "127.0.0.1" : "";
  if (spec.name == "data-dir") return "/var/lib/ssdfs/" + std::string(name_of(r));
  int port = r == role::backup ? 9620 : r == role::datanode ? 9610 : 9600;
  if (spec.name == "listen") return host + ":" + std::to_string(port);
  if (spec.name == "http") return host + ":" + std::to_string(port + 1);
  return {};
}

}  // namespace

result<role> parse_role(std::string_view text) {
  for (const role r : {role::master, role::backup, role::datanode, role::all}) {
    if (name_of(r) == text) return r;
  }
  return failure(errc::invalid_argument,
                 "option role: '" + std::string(text) + "' is none of master|backup|datanode|all");
}

std::string_view name_of(role r) noexcept {
  switch (r) {
    case role::master: return "master";
    case role::backup: return "backup";
    case role::datanode: return "datanode";
    case role::all: return "all";
  }
  return "";
}

std::string_view name_of(source s) noexcept {
  switch (s) {
    case source::fallback: return "default";
    case source::file: return "file";
    case source::environment: return "environment";
    case source::command_line: return "command line";
  }
  return "";
}

std::span<const option_spec> server_options() { return option_table; }

result<void> settings::set(std::string_view name, std::vector<std::string> texts, source from) {
  const option_spec* spec = find_spec(name);
  if (spec == nullptr)
    return failure(errc::invalid_argument, "unknown option " + std::string(name));
  if (texts.empty()) return bad_value(name, "needs a value");
  if (spec->kind != kind::repeated) {
    if (texts.size() > 1) return bad_value(name, "given more than once");
  }
  for (const std::string& text : texts) SSDFS_TRY(check_value(*spec, text));
  const auto old = values_.find(name);
  if (old == values_.end() || old->second.from <= from) {
    values_[std::string(name)] = {std::move(texts), from};
  }
  return {};
}

result<void> settings::read_file() {
  std::string path = "/etc/ssdfs/ssdfs.conf";
  const auto named = values_.find("config");
  if (named != values_.end()) path = named->second.texts.front();
  std::ifstream in(path);
  if (!in) {
    if (named == values_.end()) return {};
    return bad_value("config", path + ": cannot be read");
  }
  skip_byte_order_mark(in);
  try {
    const auto description = describe();
    const auto parsed = po::parse_config_file(in, description, false);
    std::set<std::string> seen;
    for (const auto& option : parsed.options) {
      if (option.string_key == "config") return bad_value("config", "not allowed inside a file");
      const option_spec* spec = find_spec(option.string_key);
      if (spec != nullptr && spec->kind != kind::repeated &&
          !seen.insert(option.string_key).second) {
        return failure(errc::invalid_argument,
                       path + ": option " + option.string_key + ": given more than once");
      }
      if (auto done = set(option.string_key, option.value, source::file); !done) {
        return failure(errc::invalid_argument, path + ": " + done.error().message());
      }
    }
  } catch (const po::error& e) {
    return failure(errc::invalid_argument, path + ": " + usage_failure(e).message());
  }
  return {};
}

void settings::fill_defaults() {
  for (const option_spec& spec : option_table) {
    const auto [at, inserted] = values_.try_emplace(std::string(spec.name));
    if (!inserted) continue;
    const std::string text = default_of(spec, role_);
    if (spec.kind != kind::repeated) at->second.texts.push_back(text);
  }
  auto& limit = values_.find("safemode-max")->second;
  if (limit.texts.front().empty()) {
    limit.texts.front() =
        std::to_string(std::min(duration_ms("dead-after"), max_int / 4) * 4) + "ms";
  }
}

result<settings> settings::read(std::span<const std::string> arguments,
                                std::span<const std::string> environment) {
  settings out;
  try {
    auto description = describe();
    description.add_options()("help", "")("version", "");
    // Taken so that the message can name what is too much.
    description.add_options()("ssdfs-positional", po::value<std::vector<std::string>>());
    po::positional_options_description positions;
    positions.add("ssdfs-positional", -1);
    const auto parsed =
        po::command_line_parser(std::vector<std::string>(arguments.begin(), arguments.end()))
            .options(description)
            .positional(positions)
            .style(po::command_line_style::unix_style & ~po::command_line_style::allow_guessing)
            .run();
    for (const auto& option : parsed.options) {
      if (option.string_key == "ssdfs-positional") {
        if (option.position_key < 0) throw po::unknown_option("--ssdfs-positional");
        return failure(errc::invalid_argument, "unexpected argument '" + option.value.front() +
                                                   "': a server takes options only");
      }
      if (option.string_key == "help") {
        out.help_ = true;
        continue;
      }
      auto texts = option.value;
      const option_spec* spec = find_spec(option.string_key);
      if (spec != nullptr && spec->kind == kind::flag) texts = {"true"};
      const auto old = out.values_.find(option.string_key);
      if (old != out.values_.end() && spec != nullptr) {
        if (spec->kind != kind::repeated)
          return bad_value(option.string_key, "given more than once");
        texts.insert(texts.begin(), old->second.texts.begin(), old->second.texts.end());
      }
      SSDFS_TRY(out.set(option.string_key, std::move(texts), source::command_line));
    }
  } catch (const po::error& e) {
    return usage_failure(e);
  }
  for (const std::string& variable : environment) {
    const auto equals = variable.find('=');
    if (!variable.starts_with("SSDFS_") || equals == std::string::npos) continue;
    if (equals + 1 == variable.size()) continue;  // empty is as if it were not set
    std::string name = variable.substr(6, equals - 6);
    std::transform(name.begin(), name.end(), name.begin(), [](char c) {
      return c == '_' ? '-' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    });
    if (find_spec(name) == nullptr) continue;  // a client's variable, or somebody else's
    if (auto done = out.set(name, {variable.substr(equals + 1)}, source::environment); !done) {
      return failure(errc::invalid_argument,
                     variable.substr(0, equals) + ": " + done.error().message());
    }
  }
  SSDFS_TRY(out.read_file());
  if (out.help_) return out;
  const auto which = out.values_.find("role");
  if (which == out.values_.end()) {
    return failure(errc::invalid_argument, "option role is missing: master|backup|datanode|all");
  }
  auto parsed_role = parse_role(which->second.texts.front());
  if (!parsed_role) return parsed_role.error();
  out.role_ = *parsed_role;
  for (const auto& [name, value] : out.values_) {
    const option_spec* spec = find_spec(name);
    const bool ours = (spec->roles & static_cast<std::uint8_t>(out.role_)) != 0;
    if (!ours && value.from == source::command_line) {
      return bad_value(name, "is not an option of --role=" + std::string(name_of(out.role_)));
    }
  }
  out.fill_defaults();
  if (out.integer("min-replication") > out.integer("replication")) {
    return bad_value("min-replication", "is above replication");
  }
  return out;
}

const std::vector<std::string>& settings::texts(std::string_view name) const {
  const auto at = values_.find(name);
  SSDFS_ASSERT(at != values_.end());
  return at->second.texts;
}

const std::string& settings::text(std::string_view name) const { return texts(name).front(); }

std::uint64_t settings::size(std::string_view name) const { return parse_size(text(name)).value(); }

std::int64_t settings::duration_ms(std::string_view name) const {
  return parse_duration_ms(text(name)).value();
}

std::int64_t settings::integer(std::string_view name) const {
  std::int64_t number = 0;
  const std::string& digits = text(name);
  std::from_chars(digits.data(), digits.data() + digits.size(), number);
  return number;
}

bool settings::flag(std::string_view name) const {
  return text(name) == "true" || text(name) == "on";
}

bool settings::given(std::string_view name) const {
  const auto at = values_.find(name);
  return at != values_.end() && at->second.from != source::fallback;
}

std::string server_help() {
  const std::size_t width = std::min<std::size_t>(terminal_width(STDOUT_FILENO, 80), 100);
  std::string out =
      "Usage: ssdfs --role=master|backup|datanode|all [--config FILE] [options]\n\nOptions:\n";
  for (const option_spec& spec : option_table) {
    std::string left = "  --" + std::string(spec.name);
    if (spec.kind != kind::flag) left += " " + std::string(spec.argument);
    std::string help(spec.help);
    if (!spec.fallback.empty() && spec.kind != kind::flag) {
      help += " (default " + std::string(spec.fallback) + ")";
    }
    out += option_lines(left, help, width);
  }
  out += "\n" + wrapped(
                    "Sizes take KiB, MiB, GiB, TiB; times ms, s, m, h. The configuration file "
                    "has the same names (key = value, # comments). The command line wins over "
                    "SSDFS_* variables, those over the file.",
                    0, 0, width);
  return out;
}

}  // namespace ssdfs::cli
