#include "datanode/chain.hpp"

#include <algorithm>
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

result<std::shared_ptr<const volume_route>> volume_route::make(
    generation_t generation, std::span<const replica_address> members, node_id self) {
  std::shared_ptr<volume_route> out(new volume_route());
  out->generation_ = generation;
  out->text_ = wire::chain_text(members);
  auto place = find_place(out->text_, self);
  if (!place) return std::move(place).error();
  out->place_ = std::move(*place);
  for (const wire::chain_member& m : out->place_.members) out->nodes_.push_back(m.node);
  return std::shared_ptr<const volume_route>(std::move(out));
}

result<chain_place> volume_route::check(std::string_view chain) const {
  if (chain == text_) return place_;
  // An address may have changed since the writer's grant was given.
  const auto named = wire::parse_chain(chain);
  if (!named) return named.error();
  const bool same =
      std::equal(named->begin(), named->end(), place_.members.begin(), place_.members.end(),
                 [](const auto& a, const auto& b) { return a.node == b.node; });
  if (!same)
    return failure(errc::stale_generation, "the chain is not that of the volume's members");
  return place_;
}

failure chain::blame(failure why, std::string address) {
  if (why.hint.empty()) why.hint = std::move(address);
  return why;
}

bool member_failed(const failure& why) noexcept {
  for (const errc healthy :
       {errc::sealed, errc::stale_generation, errc::busy, errc::key_conflict, errc::checksum,
        errc::invalid_argument, errc::too_large, errc::cancelled, errc::aborted,
        errc::permission_denied, errc::expired_ticket}) {
    if (why == healthy) return false;
  }
  return true;
}

}  // namespace ssdfs::datanode
