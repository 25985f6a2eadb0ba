// Messages: the first byte chooses one, the rest is decoded as it. What decodes can be encoded, and
// decodes to the same again.
#include "base/assert.hpp"
#include "util/all_messages.hpp"

#include <cstdint>

using namespace ssdfs;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const bytes_view in(reinterpret_cast<const std::byte*>(data + 1), size - 1);
  std::uint8_t number = 0;
  test::for_each_message([&](const std::string&, auto m) {
    if (number++ != data[0]) return;
    using message = decltype(m);
    if (!wire::decode(in, m)) return;
    const auto bytes = test::encoded(m);
    SSDFS_ASSERT(bytes.size() == wire::encoded_fields_size(m));
    message again;
    SSDFS_ASSERT(wire::decode(bytes, again));
    SSDFS_ASSERT(test::encoded(again) == bytes);
  });
  return 0;
}
