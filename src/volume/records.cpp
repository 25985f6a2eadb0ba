#include "volume/records.hpp"

namespace ssdfs::volume {

void encode(const replica_status& s, std::byte* out) noexcept {
  store_le(out, static_cast<std::uint32_t>(s.state));
  store_le(out + 4, s.generation);
  store_le(out + 8, s.removal_number);
  store_le(out + 16, s.highest_key);
  store_le(out + 20, std::uint32_t{0});
  store_le(out + 24, s.digest.count);
  store_le(out + 32, s.digest.bytes);
  store_le(out + 40, s.digest.sum);
}

std::optional<replica_status> decode_status(bytes_view payload) noexcept {
  if (payload.size() != status_size) return std::nullopt;
  const std::byte* at = payload.data();
  const auto state = static_cast<replica_state>(load_le<std::uint32_t>(at));
  if (state != replica_state::open && state != replica_state::sealed &&
      state != replica_state::recovering) {
    return std::nullopt;
  }
  replica_status s;
  s.state = state;
  s.generation = load_le<std::uint32_t>(at + 4);
  s.removal_number = load_le<std::uint64_t>(at + 8);
  s.highest_key = load_le<std::uint32_t>(at + 16);
  s.digest.count = load_le<std::uint64_t>(at + 24);
  s.digest.bytes = load_le<std::uint64_t>(at + 32);
  s.digest.sum = load_le<std::uint64_t>(at + 40);
  return s;
}

std::vector<std::byte> encode_keys(std::uint64_t number, std::span<const chunk_key> keys) {
  std::vector<std::byte> out(16 + 4 * keys.size());
  store_le(out.data(), number);
  store_le(out.data() + 8, static_cast<std::uint32_t>(keys.size()));
  std::byte* at = out.data() + 16;
  for (const chunk_key key : keys) {
    store_le(at, key);
    at += 4;
  }
  return out;
}

std::optional<key_batch> decode_keys(bytes_view payload) {
  if (payload.size() < 16) return std::nullopt;
  const auto count = load_le<std::uint32_t>(payload.data() + 8);
  if (count > max_batch_keys || payload.size() != 16 + 4 * std::size_t{count}) return std::nullopt;
  key_batch batch;
  batch.number = load_le<std::uint64_t>(payload.data());
  batch.keys.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    batch.keys.push_back(load_le<std::uint32_t>(payload.data() + 16 + 4 * i));
  }
  return batch;
}

}  // namespace ssdfs::volume
