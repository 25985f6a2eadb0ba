// How help is laid out, and how Boost's complaints about a command line are worded.
#pragma once

#include <boost/program_options/errors.hpp>

#include <cstddef>
#include <string>
#include <string_view>

namespace ssdfs::cli {

/// Columns of the terminal on `fd`, at least 40; `otherwise` where it is none.
[[nodiscard]] std::size_t terminal_width(int fd, std::size_t otherwise);

/// `text` in lines of at most `width` columns, each but the first behind `indent` blanks and the
/// first taken to begin at column `used`; ends with a line's end. A word that is longer has a line
/// of its own, and no line begins with a dash, which would look like an option.
[[nodiscard]] std::string wrapped(std::string_view text, std::size_t used, std::size_t indent,
                                  std::size_t width);

/// The lines about one option: names and argument on the left, `help` beside or below.
[[nodiscard]] std::string option_lines(const std::string& left, std::string_view help,
                                       std::size_t width);

/// "option jobs: needs a value", "unknown option --frob".
[[nodiscard]] std::string usage_text(const boost::program_options::error& e);

}  // namespace ssdfs::cli
