// find.
#include "base/units.hpp"
#include "cli/commands.hpp"
#include "cli/output.hpp"
#include "cli/remote.hpp"

#include <fnmatch.h>

#include <charconv>
#include <chrono>
#include <iostream>

namespace ssdfs::cli {
namespace {

constexpr std::int64_t day_ms = 24LL * 3600 * 1000;

// "+N" is more than N, "-N" less, "N" exactly.
struct comparison {
  int direction = 0;  // -1 less, 0 equal, 1 more
  std::int64_t value = 0;

  [[nodiscard]] bool holds(std::int64_t x) const {
    return direction < 0 ? x < value : direction > 0 ? x > value : x == value;
  }
};

template <class Parse>
std::optional<comparison> parse_comparison(std::string text, Parse parse) {
  comparison out;
  if (text.starts_with('+') || text.starts_with('-')) {
    out.direction = text.front() == '+' ? 1 : -1;
    text.erase(0, 1);
  }
  const auto value = parse(text);
  if (!value) return std::nullopt;
  out.value = static_cast<std::int64_t>(*value);
  return out;
}

struct filter {
  std::string glob;
  std::string type;
  std::optional<comparison> size;
  std::optional<comparison> age_ms;
  std::optional<comparison> age_days;  // whole ones
  std::int64_t now_ms = 0;

  [[nodiscard]] bool accepts(const file_status& e) const {
    const bool file = e.type == entry_type::file;
    if (!type.empty() && (type == "f") != file) return false;
    if (!glob.empty() && ::fnmatch(glob.c_str(), base_name(e.path).c_str(), 0) != 0) return false;
    if (size && (!file || !size->holds(static_cast<std::int64_t>(e.size)))) return false;
    const std::int64_t age = now_ms - e.mtime_ms;
    if (age_days && !age_days->holds(age / day_ms)) return false;
    return !age_ms || age_ms->holds(age);
  }
};

result<std::int64_t> parse_days(const std::string& text) {
  std::int64_t days = 0;
  const char* end = text.data() + text.size();
  const auto [at, ec] = std::from_chars(text.data(), end, days);
  if (ec != std::errc() || at != end || days < 0) return errc::invalid_argument;
  return days;
}

// Long options with one dash, as find(1) has them, beside the usual two.
std::vector<std::string> with_two_dashes(std::vector<std::string> arguments) {
  for (auto& a : arguments) {
    for (const char* name : {"-name", "-type", "-size", "-mtime", "-print0"}) {
      if (a == name) a.insert(0, "-");
    }
  }
  // "-size -10KiB": the value begins with a dash, so it is joined to its option.
  for (std::size_t i = 0; i + 1 < arguments.size(); ++i) {
    if (arguments[i] == "--size" || arguments[i] == "--mtime" || arguments[i] == "--name") {
      arguments[i] += "=" + arguments[i + 1];
      arguments.erase(arguments.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    }
  }
  return arguments;
}

}  // namespace

int run_find(const std::vector<std::string>& arguments) {
  command_line line("find",
                    "PATH [-name GLOB] [-type f|d] [-size [+|-]SIZE] [-mtime [+|-]TIME] [-print0]",
                    "PATH and what is below it, as far as it fits. Options may have one dash or "
                    "two. A TIME is an "
                    "age: -1h is younger, +24h older; without a unit it counts whole days.",
                    {1, 1});
  line.value("name", "GLOB", "last component matches")
      .value("type", "f|d", "files or directories")
      .value("size", "[+|-]SIZE", "files of more, less or exactly SIZE bytes")
      .value("mtime", "[+|-]TIME", "modified longer or less long ago")
      .flag("print0", "end paths with NUL");
  if (!line.parse(with_two_dashes(arguments))) return line.exit_code();
  filter f;
  f.glob = line.text("name");
  f.type = line.text("type");
  if (!f.type.empty() && f.type != "f" && f.type != "d") {
    return line.usage_error("option type: '" + f.type + "' is none of f and d");
  }
  if (line.has("size")) {
    f.size =
        parse_comparison(line.text("size"), [](const std::string& t) { return parse_size(t); });
    if (!f.size)
      return line.usage_error("option size: '" + line.text("size") +
                              "' is not a size such as 4096, -10KiB or +1MiB");
  }
  if (line.has("mtime")) {
    f.age_days = parse_comparison(line.text("mtime"), parse_days);
    if (!f.age_days) {
      f.age_ms = parse_comparison(line.text("mtime"),
                                  [](const std::string& t) { return parse_duration_ms(t); });
    }
    if (!f.age_days && !f.age_ms)
      return line.usage_error("option mtime: '" + line.text("mtime") +
                              "' is not an age such as 2, -1h or +24h");
  }
  f.now_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                 std::chrono::system_clock::now().time_since_epoch())
                 .count();
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  const auto top = stat_or_report(*from, line.arguments().front());
  if (!top) return from->exit_code();
  walk(*from, *top, [&](const file_status& e, std::size_t) {
    if (!f.accepts(e)) return true;
    if (line.json()) {
      print_json(to_json(e, false));
    } else if (line.has("print0")) {
      std::cout << e.path << '\0';
    } else {
      std::cout << shown_name(e.path) << "\n";
    }
    return true;
  });
  return from->exit_code();
}

}  // namespace ssdfs::cli
