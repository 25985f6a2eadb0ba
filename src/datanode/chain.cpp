#include "datanode/chain.hpp"

#include <utility>

namespace ssdfs::datanode {

const wire::chain_member* chain_place::find(std::string_view address) const noexcept {
  for (const wire::chain_member& m : members) {
    if (m.address == address) return &m;
  }
  return nullptr;
}

result<chain_place> find_place(std::string_view chain, node_id self) {
  auto members = wire::parse_chain(chain);
  if (!members) return std::move(members).error();
  chain_place out{std::move(*members), 0};
  while (out.here < out.members.size() && out.self().node != self) ++out.here;
  if (out.here == out.members.size()) {
    return failure(errc::wrong_node, "node " + to_string(self) + " is not in the chain");
  }
  return out;
}

failure chain::blame(failure why, std::string address) {
  if (why.hint.empty()) why.hint = std::move(address);
  return why;
}

bool member_failed(const failure& why) noexcept {
  for (const errc healthy :
       {errc::sealed, errc::stale_generation, errc::busy, errc::key_conflict, errc::checksum,
        errc::invalid_argument, errc::too_large, errc::cancelled, errc::aborted}) {
    if (why == healthy) return false;
  }
  return true;
}

}  // namespace ssdfs::datanode
