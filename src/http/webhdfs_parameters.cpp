#include "http/webhdfs_parameters.hpp"

#include "http/exchange.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace ssdfs::http {
namespace {

using form = webhdfs_parameter::form;

constexpr std::array parameter_table = {
    webhdfs_parameter{"op", "*", form::text, ""},
    webhdfs_parameter{"user.name", "*", form::text, ""},
    // Compared with user.name by the caller of the check.
    webhdfs_parameter{"doas", "*", form::text, ""},
    webhdfs_parameter{"namenoderpcaddress", "*", form::text, ""},
    webhdfs_parameter{"buffersize", "*", form::positive, ""},
    // Of the library fsspec, for itself.
    webhdfs_parameter{"tempdir", "*", form::text, ""},
    webhdfs_parameter{"offset", "OPEN", form::number, "0"},
    webhdfs_parameter{"length", "OPEN", form::number, ""},
    webhdfs_parameter{"noredirect", "*", form::boolean, "false"},
    webhdfs_parameter{"excludedatanodes", "OPEN CREATE", form::text, ""},
    webhdfs_parameter{"overwrite", "CREATE MKDIRS", form::boolean, "false"},
    webhdfs_parameter{"blocksize", "CREATE", form::positive, ""},
    webhdfs_parameter{"replication", "CREATE SETREPLICATION", form::copies, ""},
    webhdfs_parameter{"permission", "CREATE MKDIRS SETPERMISSION", form::octal, ""},
    webhdfs_parameter{"unmaskedpermission", "CREATE MKDIRS", form::octal, ""},
    webhdfs_parameter{"data", "CREATE", form::boolean, "false"},
    webhdfs_parameter{"recursive", "DELETE", form::boolean, "false"},
    webhdfs_parameter{"skiptrash", "DELETE", form::boolean, "false"},
    webhdfs_parameter{"destination", "RENAME", form::text, ""},
    webhdfs_parameter{"renameoptions", "RENAME", form::renaming, "NONE"},
    webhdfs_parameter{"owner", "SETOWNER", form::text, ""},
    webhdfs_parameter{"group", "SETOWNER", form::text, ""},
    webhdfs_parameter{"modificationtime", "SETTIMES", form::milliseconds, "-1"},
    webhdfs_parameter{"accesstime", "SETTIMES", form::milliseconds, "-1"},
    webhdfs_parameter{"fsaction", "CHECKACCESS", form::action, ""},
    webhdfs_parameter{"startafter", "LISTSTATUS_BATCH", form::text, ""},
    // The ticket of a redirect.
    webhdfs_parameter{"expires", "OPEN CREATE", form::text, ""},
    webhdfs_parameter{"ticket", "OPEN CREATE", form::text, ""},
    // Not acted upon by anything here.
    webhdfs_parameter{"aclspec", "", form::text, ""},
    webhdfs_parameter{"allusers", "", form::text, "false"},
    webhdfs_parameter{"createflag", "", form::text, ""},
    webhdfs_parameter{"createparent", "", form::text, "true"},
    webhdfs_parameter{"delegation", "", form::text, ""},
    webhdfs_parameter{"ecpolicy", "", form::text, ""},
    webhdfs_parameter{"encoding", "", form::text, ""},
    webhdfs_parameter{"filter", "", form::text, ""},
    webhdfs_parameter{"flag", "", form::text, ""},
    webhdfs_parameter{"kind", "", form::text, ""},
    webhdfs_parameter{"namespacequota", "", form::text, ""},
    webhdfs_parameter{"newlength", "", form::text, ""},
    webhdfs_parameter{"oldsnapshotname", "", form::text, ""},
    webhdfs_parameter{"renewer", "", form::text, ""},
    webhdfs_parameter{"service", "", form::text, ""},
    webhdfs_parameter{"snapshotdiffindex", "", form::text, ""},
    webhdfs_parameter{"snapshotdiffstartpath", "", form::text, ""},
    webhdfs_parameter{"snapshotname", "", form::text, ""},
    webhdfs_parameter{"sources", "", form::text, ""},
    webhdfs_parameter{"storagepolicy", "", form::text, ""},
    webhdfs_parameter{"storagespacequota", "", form::text, ""},
    webhdfs_parameter{"storagetype", "", form::text, ""},
    webhdfs_parameter{"token", "", form::text, ""},
    webhdfs_parameter{"xattr.name", "", form::text, ""},
    webhdfs_parameter{"xattr.value", "", form::text, ""},
};

constexpr std::string_view illegal_argument = "java.lang.IllegalArgumentException";

const webhdfs_parameter* find_parameter(std::string_view name) {
  const auto* const at =
      std::find_if(parameter_table.begin(), parameter_table.end(),
                   [&](const webhdfs_parameter& p) { return iequal(p.name, name); });
  return at == parameter_table.end() ? nullptr : at;
}

bool acts_in(const webhdfs_parameter& p, std::string_view operation) {
  if (p.operations == "*") return true;
  for (std::string_view rest = p.operations; !rest.empty();) {
    const auto blank = rest.find(' ');
    if (rest.substr(0, blank) == operation) return true;
    rest.remove_prefix(blank == std::string_view::npos ? rest.size() : blank + 1);
  }
  return false;
}

// Null if the value has the form, else what it should be.
const char* unlike(form what, std::string_view value) {
  const auto number = parse_number(value);
  const bool fits = number && *number <= std::numeric_limits<std::int64_t>::max();
  switch (what) {
    case form::text: return nullptr;
    case form::boolean:
      return iequal(value, "true") || iequal(value, "false") ? nullptr : "true or false";
    case form::number: return fits ? nullptr : "a number, 0 or more";
    case form::positive: return fits && *number > 0 ? nullptr : "a number above 0";
    case form::copies: return fits && *number >= 1 && *number <= 3 ? nullptr : "1, 2 or 3";
    case form::milliseconds:
      return fits || value == "-1" ? nullptr : "milliseconds since 1970, or -1";
    case form::octal: return parse_permission(value) ? nullptr : "octal, 0 to 1777";
    case form::action:
      return value.size() == 3 && (value[0] == 'r' || value[0] == '-') &&
                     (value[1] == 'w' || value[1] == '-') && (value[2] == 'x' || value[2] == '-')
                 ? nullptr
                 : "of the form rwx, with - for what is not asked";
    case form::renaming:
      return value.empty() || iequal(value, "NONE") || iequal(value, "OVERWRITE")
                 ? nullptr
                 : "NONE or OVERWRITE";
  }
  return nullptr;
}

refused_parameter refused_value(std::string_view name, std::string_view value, const char* right) {
  return {400, illegal_argument,
          "Invalid value for webhdfs parameter \"" + std::string(name) + "\": \"" +
              std::string(value) + "\" is not " + right};
}

std::optional<refused_parameter> check_one(const webhdfs_parameter& p, std::string_view value,
                                           std::string_view operation) {
  if (acts_in(p, operation)) {
    const char* const right = unlike(p.what, value);
    if (right == nullptr) return {};
    return refused_value(p.name, value, right);
  }
  if (value.empty() || iequal(value, p.fallback)) return {};
  if (p.name == "delegation") {
    return refused_parameter{403, "org.apache.hadoop.security.token.SecretManager$InvalidToken",
                             "delegation: no tokens are given here, so this is none of them"};
  }
  return refused_parameter{400, "java.lang.UnsupportedOperationException",
                           std::string(p.name) + " is not supported by " + std::string(operation)};
}

}  // namespace

std::span<const webhdfs_parameter> webhdfs_parameters() noexcept { return parameter_table; }

std::optional<refused_parameter> check_webhdfs_parameters(const std::vector<query_parameter>& given,
                                                          std::string_view operation,
                                                          bool changes) {
  for (const query_parameter& g : given) {
    const webhdfs_parameter* const known = find_parameter(g.name);
    if (known == nullptr) {
      if (!changes) continue;
      return refused_parameter{400, illegal_argument,
                               "there is no webhdfs parameter \"" + g.name + "\""};
    }
    const auto other = std::find_if(given.begin(), given.end(), [&](const query_parameter& o) {
      return iequal(o.name, g.name) && o.value != g.value;
    });
    if (other != given.end()) {
      return refused_parameter{
          400, illegal_argument,
          "webhdfs parameter \"" + std::string(known->name) + "\" has two values"};
    }
    if (auto refused = check_one(*known, g.value, operation)) return refused;
  }
  return {};
}

std::optional<std::uint16_t> parse_permission(std::string_view text) noexcept {
  constexpr std::size_t most_digits = 5;
  constexpr unsigned highest = 01777;
  if (text.empty() || text.size() > most_digits) return {};
  unsigned mode = 0;
  for (const char c : text) {
    if (c < '0' || c > '7') return {};
    mode = mode * 8 + static_cast<unsigned>(c - '0');
  }
  if (mode > highest) return {};
  return static_cast<std::uint16_t>(mode);
}

}  // namespace ssdfs::http
