#include "cli/help_text.hpp"

#include <sys/ioctl.h>

#include <algorithm>

namespace ssdfs::cli {
namespace {

namespace po = boost::program_options;
constexpr std::size_t help_column = 32;

}  // namespace

std::size_t terminal_width(int fd, std::size_t otherwise) {
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return otherwise;
  return std::max<std::size_t>(size.ws_col, 40);
}

std::string wrapped(std::string_view text, std::size_t used, std::size_t indent,
                    std::size_t width) {
  std::string out;
  std::size_t column = used;
  bool first = true;
  while (!text.empty()) {
    std::size_t end = text.find(' ');
    // What follows with a dash stays on the line of the word before it.
    while (end != std::string_view::npos && text.substr(end + 1).starts_with('-')) {
      end = text.find(' ', end + 1);
    }
    const std::string_view word = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 1);
    if (!first && column + 1 + word.size() > width) {
      out += "\n" + std::string(indent, ' ');
      column = indent;
    } else if (!first) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    first = false;
  }
  return out + "\n";
}

std::string option_lines(const std::string& left, std::string_view help, std::size_t width) {
  if (left.size() + 2 > help_column) {
    return left + "\n" + std::string(help_column, ' ') +
           wrapped(help, help_column, help_column, width);
  }
  return left + std::string(help_column - left.size(), ' ') +
         wrapped(help, help_column, help_column, width);
}

std::string usage_text(const po::error& e) {
  if (const auto* unknown = dynamic_cast<const po::unknown_option*>(&e)) {
    return "unknown option " + unknown->get_option_name();
  }
  if (const auto* line = dynamic_cast<const po::invalid_config_file_syntax*>(&e)) {
    return "line '" + line->tokens() + "' is not NAME = VALUE";
  }
  if (const auto* bad = dynamic_cast<const po::invalid_syntax*>(&e)) {
    std::string name = bad->get_option_name();
    name.erase(0, name.find_first_not_of('-'));
    switch (bad->kind()) {
      case po::invalid_syntax::missing_parameter:
      case po::invalid_syntax::empty_adjacent_parameter:
        return "option " + name + ": needs a value";
      case po::invalid_syntax::extra_parameter: return "option " + name + ": takes no value";
      default: break;
    }
  }
  return e.what();
}

}  // namespace ssdfs::cli
