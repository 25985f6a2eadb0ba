#include "datanode/chain.hpp"

namespace ssdfs::datanode {

result<chain_route> parse_route(std::string_view next) {
  chain_route route;
  if (next.empty()) return route;
  const std::size_t comma = next.find(',');
  route.next = next.substr(0, comma);
  route.rest = comma == std::string_view::npos ? std::string_view{} : next.substr(comma + 1);
  route.hops = 1;
  for (std::size_t i = 0; i < next.size(); ++i) {
    if (next[i] != ',') continue;
    ++route.hops;
    if (i == 0 || i + 1 == next.size() || next[i + 1] == ',') {
      return failure(errc::invalid_argument, "an empty address in the chain");
    }
  }
  if (route.hops >= max_chain) return failure(errc::invalid_argument, "the chain is too long");
  return route;
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
