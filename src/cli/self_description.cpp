#include "cli/self_description.hpp"

#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/options.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace ssdfs::cli {
namespace {

std::string_view name_of(option_kind of) {
  switch (of) {
    case option_kind::text: return "text";
    case option_kind::size: return "size";
    case option_kind::duration: return "duration";
    case option_kind::integer: return "integer";
    case option_kind::choice: return "choice";
    case option_kind::flag: return "flag";
    case option_kind::amount: return "amount";
    case option_kind::repeated: return "repeated";
    case option_kind::address: return "address";
  }
  return "";
}

boost::json::object describe(const option_spec& spec) {
  boost::json::array roles;
  for (const role r : {role::master, role::backup, role::datanode, role::all}) {
    if ((spec.roles & static_cast<std::uint8_t>(r)) != 0) roles.emplace_back(name_of(r));
  }
  return {{"name", spec.name},        {"argument", spec.argument}, {"kind", name_of(spec.kind)},
          {"default", spec.fallback}, {"choices", spec.choices},   {"roles", std::move(roles)},
          {"help", spec.help}};
}

}  // namespace

std::string describe_program() {
  boost::json::array all;
  for (const command& c : commands()) all.push_back({{"name", c.name}, {"summary", c.summary}});
  boost::json::array options;
  for (const option_spec& spec : server_options()) options.push_back(describe(spec));
  return boost::json::serialize(boost::json::object{{"version", SSDFS_VERSION},
                                                    {"commands", std::move(all)},
                                                    {"options", std::move(options)}}) +
         "\n";
}

}  // namespace ssdfs::cli
