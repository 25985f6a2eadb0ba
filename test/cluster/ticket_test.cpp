// What a ticket proves, and what it does not.
#include "cluster/ticket.hpp"

#include <boost/test/unit_test.hpp>

#include <limits>
#include <set>
#include <string>
#include <utility>
#include <vector>

using namespace ssdfs;
using namespace ssdfs::cluster;

namespace {

node_id numbered(std::uint8_t n) {
  uuid id{};
  for (std::uint8_t i = 0; i < 16; ++i) id.data[i] = static_cast<std::uint8_t>(16 * n + i);
  return node_id(id);
}

ticket_secret counting_secret() {
  ticket_secret out;
  for (std::size_t i = 0; i < out.size(); ++i) out[i] = static_cast<std::byte>(i);
  return out;
}

constexpr std::uint32_t slot = 2'958'000;

// A ticket and all that it is for; changed by tests one by one.
struct proven {
  cluster_id where{parse_uuid("6f1d2c3b-4a59-4687-9788-a9bacbdcedfe").value()};
  std::vector<node_id> chain{numbered(1), numbered(2)};
  ticket_right right = ticket_right::write;
  volume_id volume{(std::uint64_t{3} << 32) | 7};
  generation_t generation = 5;
  ticket what{
      .root = 9, .slot = slot, .first_key = 100, .last_key = 163, .bytes = 1 << 20, .mac = {}};

  [[nodiscard]] ticket_scope scope() const { return {right, where, volume, generation, chain}; }
  [[nodiscard]] bool holds(const ticket_key& key) const { return key.proves(scope(), what); }
};

std::string hex_of(bytes_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const std::byte b : bytes) {
    out += digits[std::to_integer<unsigned>(b) >> 4];
    out += digits[std::to_integer<unsigned>(b) & 15];
  }
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tickets)

// Computed by hand: HKDF (RFC 5869, no salt) and HMAC with another implementation of SHA-256.
BOOST_AUTO_TEST_CASE(its_bytes_are_those_of_the_description) {
  const ticket_key key(counting_secret(), slot);
  proven p;
  p.what.mac = key.prove(p.scope(), p.what);
  BOOST_TEST(hex_of(p.what.mac) == "4bd3e76a3c5a5f2a6ec3c9a65f36b6f7");
  BOOST_TEST(hex_of(as_bytes(as_text(text_of(p.what)))) ==
             "09000000b0222d0064000000a30000000000100000000000"
             "4bd3e76a3c5a5f2a6ec3c9a65f36b6f7");
  p.right = ticket_right::forward;
  BOOST_TEST(hex_of(key.prove(p.scope(), p.what)) == "6e3509eee4e718dde90382e128068e38");
}

BOOST_AUTO_TEST_CASE(its_text_is_read_back_and_no_other_is) {
  proven p;
  p.what.mac = ticket_key(counting_secret(), slot).prove(p.scope(), p.what);
  const ticket_text text = text_of(p.what);
  BOOST_TEST_REQUIRE(parse_ticket(as_text(text)).has_value());
  BOOST_TEST((parse_ticket(as_text(text)) == p.what));
  for (std::size_t n = 0; n < text.size(); ++n) {
    BOOST_TEST(!parse_ticket(as_text(text).substr(0, n)).has_value());
  }
  BOOST_TEST(!parse_ticket(std::string(as_text(text)) + "x").has_value());
}

BOOST_AUTO_TEST_CASE(it_proves_what_it_was_made_for_and_nothing_else) {
  const ticket_key key(counting_secret(), slot);
  proven p;
  p.what.mac = key.prove(p.scope(), p.what);
  BOOST_TEST(p.holds(key));
  const auto differs = [&](const char* in, auto change) {
    proven other = p;
    change(other);
    BOOST_TEST(!other.holds(key), in);
  };
  // Each bit of each field.
  for (std::size_t bit = 0; bit < 8 * ticket_size; ++bit) {
    std::string text(as_text(text_of(p.what)));
    text[bit / 8] = static_cast<char>(text[bit / 8] ^ (1 << (bit % 8)));
    differs("ticket", [&](proven& o) { o.what = parse_ticket(text).value(); });
  }
  for (int bit = 0; bit < 64; ++bit) {
    differs("volume", [&](proven& o) { o.volume.value ^= std::uint64_t{1} << bit; });
  }
  for (int bit = 0; bit < 32; ++bit) {
    differs("generation", [&](proven& o) { o.generation ^= generation_t{1} << bit; });
  }
  for (std::size_t bit = 0; bit < 128; ++bit) {
    const auto flip = [bit](uuid& id) {
      id.data[bit / 8] = static_cast<std::uint8_t>(id.data[bit / 8] ^ (1U << (bit % 8)));
    };
    differs("cluster", [&](proven& o) { flip(o.where.value); });
    differs("first member", [&](proven& o) { flip(o.chain[0].value); });
    differs("second member", [&](proven& o) { flip(o.chain[1].value); });
  }
  differs("right", [](proven& o) { o.right = ticket_right::forward; });
  differs("order", [](proven& o) { std::swap(o.chain[0], o.chain[1]); });
  differs("fewer", [](proven& o) { o.chain.pop_back(); });
  differs("more", [](proven& o) { o.chain.push_back(numbered(3)); });
  differs("nobody behind", [](proven& o) { o.chain.emplace_back(); });
}

BOOST_AUTO_TEST_CASE(each_root_and_each_slot_has_a_key_of_its_own) {
  proven p;
  std::set<ticket_mac> seen;
  ticket_secret secret = counting_secret();
  for (std::uint32_t s = 0; s < 100; ++s) {
    seen.insert(ticket_key(secret, s).prove(p.scope(), p.what));
  }
  for (std::size_t bit = 0; bit < 8 * secret.size(); ++bit) {
    secret = counting_secret();
    secret[bit / 8] ^= static_cast<std::byte>(1 << (bit % 8));
    seen.insert(ticket_key(secret, 0).prove(p.scope(), p.what));
  }
  BOOST_TEST(seen.size() == 100 + 8 * secret.size());
}

BOOST_AUTO_TEST_CASE(a_copy_of_a_key_is_the_same_key) {
  proven p;
  std::optional<ticket_key> first(std::in_place, counting_secret(), slot);
  const ticket_key second = *first;
  p.what.mac = first->prove(p.scope(), p.what);
  first.reset();
  BOOST_TEST(p.holds(second));
  BOOST_TEST(second.slot() == slot);
}

BOOST_AUTO_TEST_CASE(a_slot_passes_with_two_to_either_side) {
  for (const std::uint32_t now :
       {0U, 1U, 2U, 3U, slot, std::numeric_limits<std::uint32_t>::max()}) {
    for (std::int64_t apart = -4; apart <= 4; ++apart) {
      const std::int64_t made = std::int64_t{now} + apart;
      if (made < 0 || made > std::numeric_limits<std::uint32_t>::max()) continue;
      BOOST_TEST(ticket_slot_passes(static_cast<std::uint32_t>(made), now) ==
                 (apart >= -2 && apart <= 2));
    }
  }
  BOOST_TEST(!ticket_slot_passes(0, std::numeric_limits<std::uint32_t>::max()));
  BOOST_TEST(ticket_slot_at(-1) == 0U);
  BOOST_TEST(ticket_slot_at(0) == 0U);
  BOOST_TEST(ticket_slot_at(599'999) == 0U);
  BOOST_TEST(ticket_slot_at(600'000) == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
