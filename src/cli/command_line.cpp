#include "cli/command_line.hpp"

#include "base/assert.hpp"
#include "base/units.hpp"
#include "cli/command.hpp"
#include "cli/help_text.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <boost/program_options/options_description.hpp>
#include <boost/program_options/parsers.hpp>
#include <boost/program_options/positional_options.hpp>

#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <iostream>

namespace ssdfs::cli {

namespace po = boost::program_options;

namespace {

constexpr std::array common_options = {"master", "timeout", "user", "json", "help", "version"};

bool is_common(const std::string& long_name) {
  return std::find(common_options.begin(), common_options.end(), long_name) != common_options.end();
}

// Commands on local files, which ask no server: what says which one and for whom is taken, as
// everywhere, but means nothing.
bool is_offline(const std::string& command) {
  const std::string group = command.substr(0, command.find(' '));
  return group == "image" || group == "edits" || group == "volume" || group == "url";
}

}  // namespace

command_line::command_line(std::string name, std::string synopsis, std::string summary,
                           limits arguments)
    : name_(std::move(name)),
      synopsis_(std::move(synopsis)),
      summary_(std::move(summary)),
      limits_(arguments) {
  value("master", "HOST:PORT[,...]", "masters of the cluster (SSDFS_MASTER)", "127.0.0.1:9600");
  value("timeout", "TIME", "give up after so long without progress (SSDFS_TIMEOUT)", "30s");
  value("user", "NAME", "on whose behalf (SSDFS_USER; default: the system's user)");
  flag("json", "print JSON");
  flag("help", "this text");
  flag("version", "which version this is");
}

void command_line::add(const std::string& name, const std::string& argument,
                       const std::string& help, const std::string& fallback) {
  const auto comma = name.find(',');
  options_.push_back({name.substr(0, comma),
                      comma == std::string::npos ? "" : name.substr(comma + 1), argument, help,
                      fallback});
}

command_line& command_line::flag(const std::string& name, const std::string& help) {
  add(name, "", help, "");
  return *this;
}

command_line& command_line::value(const std::string& name, const std::string& argument,
                                  const std::string& help, const std::string& fallback) {
  add(name, argument, help, fallback);
  return *this;
}

const command_line::option* command_line::find(const std::string& name) const {
  const auto at = std::find_if(options_.begin(), options_.end(), [&](const option& o) {
    return o.long_name == name || (o.long_name.empty() && o.short_name == name);
  });
  return at == options_.end() ? nullptr : &*at;
}

bool command_line::parse(const std::vector<std::string>& arguments) {
  po::options_description described;
  for (const option& o : options_) {
    const std::string name = o.short_name.empty() ? o.long_name : o.long_name + "," + o.short_name;
    if (o.argument.empty()) {
      described.add_options()(name.c_str(), "");
    } else {
      described.add_options()(name.c_str(), po::value<std::string>());
    }
  }
  described.add_options()("ssdfs-positional", po::value<std::vector<std::string>>());
  po::positional_options_description positions;
  positions.add("ssdfs-positional", -1);
  try {
    const auto parsed =
        po::command_line_parser(arguments)
            .options(described)
            .positional(positions)
            .style(po::command_line_style::unix_style & ~po::command_line_style::allow_guessing)
            .run();
    for (const auto& item : parsed.options) {
      if (item.string_key == "ssdfs-positional") {
        if (item.position_key < 0) throw po::unknown_option("--ssdfs-positional");
        positional_.insert(positional_.end(), item.value.begin(), item.value.end());
        continue;
      }
      // A short-only option comes with its dash.
      std::string key = item.string_key;
      if (key.starts_with("-")) key.erase(0, key.find_first_not_of('-'));
      values_[key] = item.value.empty() ? "" : item.value.front();
    }
  } catch (const po::unknown_option& e) {
    usage_error(usage_text(e) + " (try 'ssdfs " + name_ + " --help')");
    return false;
  } catch (const po::error& e) {
    usage_error(usage_text(e));
    return false;
  }
  if (has("help")) {
    std::cout << (json() ? help_json() : help_text());
    return false;
  }
  if (has("version")) {
    std::cout << "ssdfs " << SSDFS_VERSION << "\n";
    return false;
  }
  for (const char* name : {"master", "timeout", "user"}) {
    if (values_.contains(name)) continue;
    std::string variable = std::string("SSDFS_") + name;
    std::transform(variable.begin(), variable.end(), variable.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    const char* text = std::getenv(variable.c_str());
    if (text != nullptr && *text != '\0') values_[name] = text;
  }
  if (positional_.size() < limits_.least) {
    usage_error("too few arguments: ssdfs " + name_ + " " + synopsis_);
    return false;
  }
  if (positional_.size() > limits_.most) {
    usage_error("too many arguments: ssdfs " + name_ + " " + synopsis_);
    return false;
  }
  return true;
}

bool command_line::has(const std::string& name) const { return values_.contains(name); }

std::string command_line::text(const std::string& name) const {
  const auto at = values_.find(name);
  if (at != values_.end()) return at->second;
  const option* o = find(name);
  SSDFS_ASSERT(o != nullptr);
  return o->fallback;
}

std::optional<std::int64_t> command_line::integer(const std::string& name, std::int64_t least,
                                                  std::int64_t most) {
  const std::string digits = text(name);
  std::int64_t number = 0;
  const char* end = digits.data() + digits.size();
  const auto [at, ec] = std::from_chars(digits.data(), end, number);
  if (ec != std::errc() || at != end || number < least || number > most) {
    usage_error("option " + name + ": '" + digits + "' is not a number from " +
                std::to_string(least) + " to " + std::to_string(most));
    return std::nullopt;
  }
  return number;
}

std::optional<std::uint64_t> command_line::size(const std::string& name) {
  const auto bytes = parse_size(text(name));
  if (bytes) return *bytes;
  usage_error("option " + name + ": " + bytes.error().message());
  return std::nullopt;
}

std::optional<std::int64_t> command_line::duration_ms(const std::string& name) {
  const auto ms = parse_duration_ms(text(name));
  if (ms) return *ms;
  usage_error("option " + name + ": " + ms.error().message());
  return std::nullopt;
}

int command_line::usage_error(const std::string& why) {
  std::cerr << "ssdfs: " << name_ << ": " << why << "\n";
  exit_code_ = exit_usage;
  return exit_code_;
}

std::vector<const command_line::option*> command_line::described(bool common) const {
  std::vector<const option*> out;
  for (const option& o : options_) {
    if (is_common(o.long_name) != common) continue;
    const bool of_server =
        o.long_name == "master" || o.long_name == "timeout" || o.long_name == "user";
    if (!of_server || !is_offline(name_)) out.push_back(&o);
  }
  return out;
}

std::string command_line::help_json() const {
  boost::json::array options;
  for (const bool common : {false, true}) {
    for (const option* o : described(common)) {
      options.push_back({{"name", o->long_name},
                         {"short", o->short_name},
                         {"argument", o->argument},
                         {"default", o->fallback},
                         {"help", o->help}});
    }
  }
  return boost::json::serialize(boost::json::object{{"name", name_},
                                                    {"synopsis", synopsis_},
                                                    {"summary", summary_},
                                                    {"options", std::move(options)}}) +
         "\n";
}

std::string command_line::help_text() const {
  const std::size_t width = std::min<std::size_t>(terminal_width(STDOUT_FILENO, 80), 100);
  std::string out =
      wrapped("Usage: ssdfs " + name_ + (synopsis_.empty() ? "" : " ") + synopsis_, 0, 4, width) +
      wrapped(summary_, 0, 0, width);
  for (const bool common : {false, true}) {
    const auto options = described(common);
    if (options.empty()) continue;
    out += common ? "\nOptions of every command:\n" : "\nOptions:\n";
    for (const option* o : options) {
      std::string left = o->short_name.empty() ? "      " : "  -" + o->short_name;
      if (!o->long_name.empty()) left += (o->short_name.empty() ? "--" : ", --") + o->long_name;
      if (!o->argument.empty()) left += " " + o->argument;
      out += option_lines(
          left, o->help + (o->fallback.empty() ? "" : " (default " + o->fallback + ")"), width);
    }
  }
  return out;
}

}  // namespace ssdfs::cli
