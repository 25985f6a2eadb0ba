#include "volume/needle.hpp"

#include "base/crc32c.hpp"
#include "volume/records.hpp"

#include <algorithm>

namespace ssdfs::volume {
namespace {

constexpr std::string_view superblock_magic = "SSDFSVOL";
constexpr std::uint32_t volume_version = 1;

// Kind, and what a header of this kind may say.
bool plausible(const record_header& h) noexcept {
  switch (h.kind) {
    case record_kind::data:
    case record_kind::reserved: return h.key != 0 && h.size != 0 && h.size <= max_chunk_size;
    case record_kind::removals:
    case record_kind::state:
    case record_kind::tombstone:
    case record_kind::revive: return h.key == 0 && h.size <= max_payload;
  }
  return false;
}

}  // namespace

superblock_bytes encode(const superblock& s) noexcept {
  superblock_bytes out{};
  std::copy_n(as_bytes(superblock_magic).begin(), 8, out.begin());
  store_le(out.data() + 8, volume_version);
  store_le(out.data() + 12, static_cast<std::uint32_t>(superblock_size));
  store_le(out.data() + 16, s.id.value);
  store_le(out.data() + 24, s.salt);
  std::memcpy(out.data() + 32, s.cluster.value.data, 16);
  store_le(out.data() + 48, s.moves);
  store_le(out.data() + 60, crc32c(bytes_view(out).first(60)));
  return out;
}

result<superblock> decode_superblock(bytes_view bytes) {
  if (bytes.size() < superblock_size ||
      !std::equal(superblock_magic.begin(), superblock_magic.end(),
                  as_chars(bytes.first(8)).begin())) {
    return failure(errc::damaged, "not a volume file: no superblock");
  }
  if (load_le<std::uint32_t>(bytes.data() + 60) != crc32c(bytes.first(60))) {
    return failure(errc::damaged, "superblock does not match its CRC");
  }
  const auto version = load_le<std::uint32_t>(bytes.data() + 8);
  if (version != volume_version) {
    return failure(errc::unsupported, "volume format " + std::to_string(version) +
                                          "; this program knows " + std::to_string(volume_version));
  }
  superblock s;
  s.id = volume_id(load_le<std::uint64_t>(bytes.data() + 16));
  s.salt = load_le<std::uint64_t>(bytes.data() + 24);
  std::memcpy(s.cluster.value.data, bytes.data() + 32, 16);
  s.moves = load_le<std::uint32_t>(bytes.data() + 48);
  return s;
}

header_seal::header_seal(const superblock& s) noexcept {
  std::array<std::byte, 16> identity;
  store_le(identity.data(), s.id.value);
  store_le(identity.data() + 8, s.salt);
  base_ = crc32c(identity);
}

void header_seal::encode(const record_header& h, std::uint64_t offset,
                         std::byte* out) const noexcept {
  store_le(out, record_magic);
  store_le(out + 4, h.key);
  store_le(out + 8, h.size);
  store_le(out + 12, h.data_crc);
  store_le(out + 16, static_cast<std::uint32_t>(h.kind));
  std::array<std::byte, 8> position;
  store_le(position.data(), offset);
  store_le(out + 20, crc32c({out, 20}, crc32c(position, base_)));
}

std::optional<record_header> header_seal::decode(const std::byte* at,
                                                 std::uint64_t offset) const noexcept {
  if (load_le<std::uint32_t>(at) != record_magic) return std::nullopt;
  std::array<std::byte, 8> position;
  store_le(position.data(), offset);
  if (load_le<std::uint32_t>(at + 20) != crc32c({at, 20}, crc32c(position, base_))) {
    return std::nullopt;
  }
  const auto kind = load_le<std::uint32_t>(at + 16);
  if (kind > 0xff) return std::nullopt;  // flags of a later format
  record_header h;
  h.kind = static_cast<record_kind>(kind);
  h.key = load_le<std::uint32_t>(at + 4);
  h.size = load_le<std::uint32_t>(at + 8);
  h.data_crc = load_le<std::uint32_t>(at + 12);
  if (!plausible(h)) return std::nullopt;
  return h;
}

}  // namespace ssdfs::volume
