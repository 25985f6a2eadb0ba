// The register's value: whatever is there, it is refused, or within its bounds and the same after
// it was written and read back.
#include "cluster/register_value.hpp"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

using namespace ssdfs;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto value =
      cluster::decode_register(std::string_view(reinterpret_cast<const char*>(data), size));
  if (!value) {
    if (!(value.error() == errc::damaged || value.error() == errc::version_mismatch)) std::abort();
    return 0;
  }
  if (size > cluster::max_register_bytes) std::abort();
  if (value->insync.empty() || value->insync.size() > cluster::max_members) std::abort();
  if (!cluster::names(value->insync, value->leader)) std::abort();
  const auto again = cluster::decode_register(cluster::encode_register(*value));
  if (!again || *again != *value) std::abort();
  return 0;
}
