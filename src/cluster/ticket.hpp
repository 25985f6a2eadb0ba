// Tickets: what a writer shows to a datanode to prove that a master has granted what it does.
//
// A ticket is good for one right, in one generation of one volume, for a range of keys and a number
// of bytes, along one chain, and for a time. It is made and checked with a secret, the ticket root,
// that masters and datanodes share and clients do not: for them it is 40 bytes to be handed on.
// Time is counted in slots, which the master numbers.
#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

struct evp_mac_ctx_st;  // OpenSSL's EVP_MAC_CTX

namespace ssdfs::cluster {

/// What a ticket allows. The values are part of the proof: one that has gone is not used again.
enum class ticket_right : std::uint8_t {
  write = 1,    ///< for a writer: to write at the first member of the chain
  forward = 2,  ///< for a member: to pass on to the one behind it what it was let write
};

/// What both sides know of each other without being told by the ticket.
struct ticket_scope {
  ticket_right right = ticket_right::write;
  cluster_id cluster;
  volume_id volume;
  generation_t generation = 0;
  std::span<const node_id> chain;  ///< 1 to ticket_chain_max members, in order
};

inline constexpr std::size_t ticket_chain_max = 3;
inline constexpr std::size_t ticket_secret_size = 32;
inline constexpr std::size_t ticket_mac_size = 16;

using ticket_secret = std::array<std::byte, ticket_secret_size>;
using ticket_mac = std::array<std::byte, ticket_mac_size>;

/// What it says itself.
struct ticket {
  std::uint32_t root = 0;  ///< number of the root that it was made with
  std::uint32_t slot = 0;  ///< when
  chunk_key first_key = 0;
  chunk_key last_key = 0;   ///< inclusive
  std::uint64_t bytes = 0;  ///< of content that may be written, all in all
  ticket_mac mac{};
  friend bool operator==(const ticket&, const ticket&) = default;
};

/// Its bytes in a message: the fields in their order, little-endian.
inline constexpr std::size_t ticket_size = 40;
using ticket_text = std::array<char, ticket_size>;
[[nodiscard]] ticket_text text_of(const ticket& t) noexcept;
/// Nothing if the text is of another length.
[[nodiscard]] std::optional<ticket> parse_ticket(std::string_view text) noexcept;
[[nodiscard]] inline std::string_view as_text(const ticket_text& text) noexcept {
  return {text.data(), text.size()};
}

/// The key of one slot: HKDF-SHA256 of the root. Immutable; copies share it. Thread-safe.
class ticket_key {
 public:
  ticket_key(const ticket_secret& root, std::uint32_t slot);
  [[nodiscard]] std::uint32_t slot() const noexcept { return slot_; }

  /// HMAC-SHA256 over scope and ticket (but for its mac), cut to 16 bytes. The chain is as long as
  /// it may be.
  [[nodiscard]] ticket_mac prove(const ticket_scope& scope, const ticket& what) const;
  /// Whether the ticket was made with this key for this scope. Takes as long for a wrong one.
  [[nodiscard]] bool proves(const ticket_scope& scope, const ticket& what) const;

 private:
  std::uint32_t slot_;
  std::shared_ptr<const evp_mac_ctx_st> keyed_;
};

/// Length of a slot. A ticket passes in its own slot and in two to either side: clocks that are
/// told each other need no more, and whoever gets one can use it for 20 minutes at least.
inline constexpr std::int64_t ticket_slot_ms = 600'000;
inline constexpr std::uint32_t ticket_slots_around = 2;

/// The slot at a time of the master's clock, which is not negative.
[[nodiscard]] constexpr std::uint32_t ticket_slot_at(std::int64_t clock_ms) noexcept {
  return clock_ms < 0 ? 0 : static_cast<std::uint32_t>(clock_ms / ticket_slot_ms);
}
[[nodiscard]] constexpr bool ticket_slot_passes(std::uint32_t made_in, std::uint32_t now) noexcept {
  return (made_in > now ? made_in - now : now - made_in) <= ticket_slots_around;
}

}  // namespace ssdfs::cluster
