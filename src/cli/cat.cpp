// cat and head.
#include "base/units.hpp"
#include "cli/commands.hpp"
#include "cli/local_file.hpp"
#include "cli/remote.hpp"
#include "cli/transfer_limits.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <functional>

namespace ssdfs::cli {
namespace {

/// Streams [offset, offset + length) of a file to `sink`, which returns false to stop early. False
/// if an error was printed.
bool stream_file(session& from, const std::string& path, std::uint64_t offset, std::uint64_t length,
                 const std::function<bool(bytes_view)>& sink) {
  diagnostics diag;
  get_options options;
  options.diag = &diag;
  options.offset = offset;
  auto reader = from.client().open_read(path, options);
  if (!reader) {
    from.error(path, reader.error(), &diag);
    return false;
  }
  std::vector<std::byte> buffer(stream_piece);
  while (length > 0) {
    const std::size_t wanted = std::min<std::uint64_t>(buffer.size(), length);
    const auto n = reader->read(boost::asio::buffer(buffer.data(), wanted));
    if (!n) {
      from.error(path, n.error(), &diag);
      return false;
    }
    if (*n == 0 || !sink({buffer.data(), *n})) return true;
    length -= *n;
    if (*n < wanted) return true;
  }
  return true;
}

// False when nobody reads any more: the command then ends quietly.
bool to_stdout(session& from, bytes_view bytes) {
  const auto written = write_full(STDOUT_FILENO, bytes);
  if (written) return true;
  if (written.error().code != boost::system::errc::broken_pipe) {
    from.error("standard output", written.error().message());
  }
  return false;
}

struct range {
  std::uint64_t offset = 0;
  std::uint64_t length = std::numeric_limits<std::uint64_t>::max();
};

// "A-B" (both included), "A-" and "-N" (the last N), as HTTP has them. For the last, the size is
// needed: `suffix` says so.
struct parsed_range {
  range bytes;
  bool suffix = false;
};

std::optional<parsed_range> parse_range(const std::string& text) {
  const auto dash = text.find('-');
  if (dash == std::string::npos || text.size() == 1) return std::nullopt;
  const auto number = [](const std::string& digits, std::uint64_t& out) {
    const auto [end, ec] = std::from_chars(digits.data(), digits.data() + digits.size(), out);
    return ec == std::errc() && end == digits.data() + digits.size();
  };
  parsed_range out;
  const std::string first = text.substr(0, dash);
  const std::string last = text.substr(dash + 1);
  if (first.empty()) {
    out.suffix = true;
    if (!number(last, out.bytes.length)) return std::nullopt;
    return out;
  }
  if (!number(first, out.bytes.offset)) return std::nullopt;
  if (last.empty()) return out;
  std::uint64_t end = 0;
  if (!number(last, end) || end < out.bytes.offset) return std::nullopt;
  out.bytes.length = end - out.bytes.offset;
  if (out.bytes.length != std::numeric_limits<std::uint64_t>::max()) ++out.bytes.length;
  return out;
}

}  // namespace

int run_cat(const std::vector<std::string>& arguments) {
  command_line line("cat", "[--range A-B] PATH...", "Writes files to standard output.", {1});
  line.value("range", "A-B", "bytes A to B, both included; A- to the end; -N the last N");
  // "--range -5": the value begins with a dash, so it is joined to its option.
  std::vector<std::string> joined = arguments;
  for (std::size_t i = 0; i + 1 < joined.size(); ++i) {
    if (joined[i] == "--range") {
      joined[i] += "=" + joined[i + 1];
      joined.erase(joined.begin() + static_cast<std::ptrdiff_t>(i) + 1);
    }
  }
  if (!line.parse(joined)) return line.exit_code();
  std::optional<parsed_range> wanted = parsed_range();
  if (line.has("range")) wanted = parse_range(line.text("range"));
  if (!wanted)
    return line.usage_error("option range: '" + line.text("range") + "' is none of A-B, A- and -N");
  std::signal(SIGPIPE, SIG_IGN);
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  bool open = true;
  for (const auto& argument : line.arguments()) {
    if (!open) break;
    const auto path = source_path(*from, argument);
    if (!path) continue;
    range bytes = wanted->bytes;
    if (wanted->suffix) {
      const auto status = stat_or_report(*from, *path);
      if (!status) continue;
      bytes.offset = status->size - std::min(status->size, bytes.length);
    }
    stream_file(*from, *path, bytes.offset, bytes.length,
                [&](bytes_view b) { return open = to_stdout(*from, b); });
  }
  return from->exit_code();
}

int run_head(const std::vector<std::string>& arguments) {
  command_line line("head", "[-n LINES | -c BYTES] PATH...", "Writes the beginning of files.", {1});
  line.value("lines,n", "N", "lines", "10").value("bytes,c", "SIZE", "bytes instead of lines");
  if (!line.parse(arguments)) return line.exit_code();
  const auto lines = line.integer("lines", 0, std::numeric_limits<std::int64_t>::max());
  if (!lines) return line.exit_code();
  range bytes;
  if (line.has("bytes")) {
    const auto size = line.size("bytes");
    if (!size) return line.exit_code();
    bytes.length = *size;
  }
  std::signal(SIGPIPE, SIG_IGN);
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  bool open = true;
  for (const auto& argument : line.arguments()) {
    if (!open) break;
    const auto path = source_path(*from, argument);
    if (!path) continue;
    std::int64_t left = *lines;
    stream_file(*from, *path, 0, bytes.length, [&](bytes_view b) {
      if (line.has("bytes")) return open = to_stdout(*from, b);
      const std::string_view text = as_chars(b);
      std::size_t end = 0;
      while (left > 0 && end < text.size()) {
        const auto newline = text.find('\n', end);
        end = newline == std::string_view::npos ? text.size() : newline + 1;
        if (newline != std::string_view::npos) --left;
      }
      open = to_stdout(*from, b.first(end));
      return open && left > 0;
    });
  }
  return from->exit_code();
}

}  // namespace ssdfs::cli
