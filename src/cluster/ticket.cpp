#include "cluster/ticket.hpp"

#include "base/assert.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>

#include <algorithm>
#include <cstring>
#include <string>

namespace ssdfs::cluster {
namespace {

constexpr std::string_view key_label = "ssdfs ticket key 1";
constexpr std::string_view proof_label = "ssdfs-t1";
constexpr std::size_t digest_size = 32;

// What is proved: fields of fixed width, so that no two of them can be taken for others.
constexpr std::size_t proof_size =
    proof_label.size() + 16 + 1 + 1 + 8 + 4 + 4 + 4 + 4 + 4 + 8 + 16 * ticket_chain_max;

class proof_writer {
 public:
  template <class T>
  void put(T value) noexcept {
    store_le(bytes_.data() + used_, value);
    used_ += sizeof value;
  }
  void put_bytes(const void* from, std::size_t size) noexcept {
    std::memcpy(bytes_.data() + used_, from, size);
    used_ += size;
  }
  [[nodiscard]] const std::array<std::byte, proof_size>& whole() const noexcept {
    SSDFS_ASSERT(used_ == bytes_.size());
    return bytes_;
  }

 private:
  std::array<std::byte, proof_size> bytes_{};
  std::size_t used_ = 0;
};

std::array<std::byte, proof_size> proved_bytes(const ticket_scope& scope, const ticket& t) {
  SSDFS_ASSERT(!scope.chain.empty() && scope.chain.size() <= ticket_chain_max);
  proof_writer w;
  w.put_bytes(proof_label.data(), proof_label.size());
  w.put_bytes(scope.cluster.value.data, 16);
  w.put(static_cast<std::uint8_t>(scope.right));
  w.put(static_cast<std::uint8_t>(scope.chain.size()));
  w.put(scope.volume.value);
  w.put(scope.generation);
  w.put(t.root);
  w.put(t.slot);
  w.put(t.first_key);
  w.put(t.last_key);
  w.put(t.bytes);
  const uuid nobody{};
  for (std::size_t i = 0; i < ticket_chain_max; ++i) {
    const uuid& member = i < scope.chain.size() ? scope.chain[i].value : nobody;
    w.put_bytes(member.data, 16);
  }
  return w.whole();
}

// OpenSSL takes what it only reads by pointers to what could be changed.
OSSL_PARAM octets(const char* name, const void* from, std::size_t size) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<void*>(from), size);
}
OSSL_PARAM sha256(const char* name) {
  static char algorithm[] = "SHA256";
  return OSSL_PARAM_construct_utf8_string(name, algorithm, 0);
}

// The algorithms are built in and their arguments are our own, so what fails here is the memory.
std::array<std::byte, digest_size> derived_key(const ticket_secret& root, std::uint32_t slot) {
  std::array<std::byte, key_label.size() + sizeof slot> info;
  std::memcpy(info.data(), key_label.data(), key_label.size());
  store_le(info.data() + key_label.size(), slot);
  const std::array<OSSL_PARAM, 4> params = {
      sha256(OSSL_KDF_PARAM_DIGEST), octets(OSSL_KDF_PARAM_KEY, root.data(), root.size()),
      octets(OSSL_KDF_PARAM_INFO, info.data(), info.size()), OSSL_PARAM_construct_end()};
  std::array<std::byte, digest_size> out;
  EVP_KDF* const kdf = EVP_KDF_fetch(nullptr, "HKDF", nullptr);
  SSDFS_ASSERT(kdf != nullptr);
  EVP_KDF_CTX* const context = EVP_KDF_CTX_new(kdf);
  SSDFS_ASSERT(context != nullptr);
  SSDFS_ASSERT(EVP_KDF_derive(context, reinterpret_cast<unsigned char*>(out.data()), out.size(),
                              params.data()) == 1);
  EVP_KDF_CTX_free(context);
  EVP_KDF_free(kdf);
  return out;
}

std::shared_ptr<const EVP_MAC_CTX> keyed_hmac(bytes_view key) {
  EVP_MAC* const mac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  SSDFS_ASSERT(mac != nullptr);
  std::shared_ptr<EVP_MAC_CTX> context(EVP_MAC_CTX_new(mac), &EVP_MAC_CTX_free);
  SSDFS_ASSERT(context != nullptr);
  EVP_MAC_free(mac);  // the context has it
  const std::array<OSSL_PARAM, 2> params = {sha256(OSSL_MAC_PARAM_DIGEST),
                                            OSSL_PARAM_construct_end()};
  SSDFS_ASSERT(EVP_MAC_init(context.get(), reinterpret_cast<const unsigned char*>(key.data()),
                            key.size(), params.data()) == 1);
  return context;
}

}  // namespace

ticket_text text_of(const ticket& t) noexcept {
  std::array<std::byte, ticket_size> bytes;
  store_le(bytes.data(), t.root);
  store_le(bytes.data() + 4, t.slot);
  store_le(bytes.data() + 8, t.first_key);
  store_le(bytes.data() + 12, t.last_key);
  store_le(bytes.data() + 16, t.bytes);
  std::copy(t.mac.begin(), t.mac.end(), bytes.begin() + 24);
  ticket_text out;
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

std::optional<ticket> parse_ticket(std::string_view text) noexcept {
  if (text.size() != ticket_size) return std::nullopt;
  const std::byte* const from = as_bytes(text).data();
  ticket t;
  t.root = load_le<std::uint32_t>(from);
  t.slot = load_le<std::uint32_t>(from + 4);
  t.first_key = load_le<chunk_key>(from + 8);
  t.last_key = load_le<chunk_key>(from + 12);
  t.bytes = load_le<std::uint64_t>(from + 16);
  std::memcpy(t.mac.data(), from + 24, ticket_mac_size);
  return t;
}

ticket_key::ticket_key(const ticket_secret& root, std::uint32_t slot)
    : slot_(slot), keyed_(keyed_hmac(derived_key(root, slot))) {}

ticket_mac ticket_key::prove(const ticket_scope& scope, const ticket& what) const {
  const auto message = proved_bytes(scope, what);
  EVP_MAC_CTX* const context = EVP_MAC_CTX_dup(keyed_.get());
  SSDFS_ASSERT(context != nullptr);
  std::array<unsigned char, digest_size> digest;
  std::size_t length = 0;
  SSDFS_ASSERT(EVP_MAC_update(context, reinterpret_cast<const unsigned char*>(message.data()),
                              message.size()) == 1);
  SSDFS_ASSERT(EVP_MAC_final(context, digest.data(), &length, digest.size()) == 1);
  SSDFS_ASSERT(length == digest_size);
  EVP_MAC_CTX_free(context);
  ticket_mac out;
  std::memcpy(out.data(), digest.data(), out.size());
  return out;
}

bool ticket_key::proves(const ticket_scope& scope, const ticket& what) const {
  const ticket_mac right = prove(scope, what);
  return CRYPTO_memcmp(right.data(), what.mac.data(), right.size()) == 0;
}

}  // namespace ssdfs::cluster
