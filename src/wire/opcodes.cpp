#include "wire/opcodes.hpp"

#include <boost/describe/enumerators.hpp>
#include <boost/mp11/algorithm.hpp>

#include <array>

namespace ssdfs::wire {
namespace {

constexpr auto names_of_opcodes = [] {
  std::array<std::string_view, opcode_limit> names;
  names.fill("unknown");
  boost::mp11::mp_for_each<boost::describe::describe_enumerators<opcode>>(
      [&](auto each) { names[static_cast<std::size_t>(each.value)] = each.name; });
  return names;
}();

}  // namespace

std::string_view name_of(opcode code) noexcept {
  const auto number = static_cast<std::size_t>(code);
  return number < opcode_limit ? names_of_opcodes[number] : "unknown";
}

}  // namespace ssdfs::wire
