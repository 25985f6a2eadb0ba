// Whether a text can be the value of a server's option.
#pragma once

#include "base/result.hpp"
#include "cli/options.hpp"

#include <string>
#include <string_view>

namespace ssdfs::cli {

/// errc::invalid_argument, "option NAME: WHY".
[[nodiscard]] failure bad_value(std::string_view name, const std::string& why);

/// Nothing if `text` fits the option's kind, words and range; else bad_value().
[[nodiscard]] result<void> check_value(const option_spec& spec, const std::string& text);

}  // namespace ssdfs::cli
