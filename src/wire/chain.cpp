#include "wire/chain.hpp"

#include <algorithm>

namespace ssdfs::wire {
namespace {

constexpr std::size_t uuid_length = 36;

failure bad_chain(const char* why) { return {errc::invalid_argument, why}; }

result<chain_member> parse_member(std::string_view text) {
  if (text.size() < uuid_length + 2 || text[uuid_length] != '@') {
    return bad_chain("a member of the chain is not UUID@HOST:PORT");
  }
  const auto node = parse_uuid(text.substr(0, uuid_length));
  if (!node || node->is_nil()) return bad_chain("a member of the chain has no uuid");
  return chain_member{node_id(*node), text.substr(uuid_length + 1)};
}

}  // namespace

std::string chain_text(std::span<const replica_address> members) {
  std::string out;
  for (const replica_address& m : members) {
    if (!out.empty()) out += ',';
    out += to_string(m.node);
    out += '@';
    out += m.address;
  }
  return out;
}

result<chain_members> parse_chain(std::string_view text) {
  chain_members out;
  for (;;) {
    const std::size_t comma = std::min(text.find(','), text.size());
    if (out.size() == max_chain) return bad_chain("the chain is too long");
    const auto member = parse_member(text.substr(0, comma));
    if (!member) return member.error();
    for (const chain_member& other : out) {
      if (other.node == member->node || other.address == member->address) {
        return bad_chain("the chain names a member twice");
      }
    }
    out.push_back(*member);
    if (comma == text.size()) return out;
    text.remove_prefix(comma + 1);
  }
}

}  // namespace ssdfs::wire
