// What --zookeeper and the file of --zookeeper-auth say: refused, or within bounds and the same
// when it is written as text again.
#include "coord/digest_file.hpp"
#include "coord/zookeeper_address.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace ssdfs;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto credentials = coord::digest_credentials::parse(text)) {
    if (credentials->user().empty() || credentials->secret() != text) std::abort();
  }
  const auto address = coord::parse_zookeeper_address(text);
  if (!address) {
    if (!(address.error() == errc::invalid_argument)) std::abort();
    return 0;
  }
  if (address->servers.empty() || address->servers.size() > coord::max_zookeeper_servers) {
    std::abort();
  }
  const auto again = coord::parse_zookeeper_address(coord::to_string(*address));
  if (!again || *again != *address) std::abort();
  return 0;
}
