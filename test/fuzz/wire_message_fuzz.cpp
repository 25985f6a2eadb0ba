// Messages: the first bytes name one, the rest is decoded as it. What decodes can be encoded, and
// decodes to the same again.
#include "base/assert.hpp"
#include "util/all_messages.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

using namespace ssdfs;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const bytes_view in(reinterpret_cast<const std::byte*>(data), size);
  test::with_message_of_seed(in, [&](const std::string&, auto m) {
    using message = decltype(m);
    if (!wire::decode(in.subspan(test::seed_head_size), m)) return;
    const auto bytes = test::encoded(m);
    SSDFS_ASSERT(bytes.size() == wire::encoded_fields_size(m));
    message again;
    SSDFS_ASSERT(wire::decode(bytes, again));
    SSDFS_ASSERT(test::encoded(again) == bytes);
  });
  return 0;
}
