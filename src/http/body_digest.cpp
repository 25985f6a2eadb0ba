#include "http/body_digest.hpp"

#include "base/crc32c.hpp"
#include "http/exchange.hpp"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <optional>

namespace ssdfs::http {
namespace {

struct algorithm_name {
  std::string_view name;
  digest_algorithm algorithm;
  std::size_t size;
};
constexpr std::array algorithm_names = {
    algorithm_name{"crc32c", digest_algorithm::crc32c, 4},
    algorithm_name{"md5", digest_algorithm::md5, 16},
    algorithm_name{"sha-256", digest_algorithm::sha_256, 32},
    algorithm_name{"sha-512", digest_algorithm::sha_512, 64},
};

int base64_digit(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+') return 62;
  return c == '/' ? 63 : -1;
}

std::string_view without_blanks(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t')) s.remove_suffix(1);
  return s;
}

failure unreadable(std::string_view field) {
  return {errc::invalid_argument, std::string(field) + " cannot be read"};
}

const EVP_MD* evp_of(digest_algorithm algorithm) {
  switch (algorithm) {
    case digest_algorithm::crc32c: return nullptr;
    case digest_algorithm::md5: return EVP_md5();
    case digest_algorithm::sha_256: return EVP_sha256();
    case digest_algorithm::sha_512: return EVP_sha512();
  }
  return nullptr;
}

}  // namespace

std::optional<std::string> base64_decode(std::string_view text) {
  if (text.size() % 4 != 0) return {};
  std::size_t padding = 0;
  while (padding < 2 && text.ends_with('=')) {
    text.remove_suffix(1);
    ++padding;
  }
  std::string out;
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const int digit = base64_digit(c);
    if (digit < 0) return {};
    bits = (bits << 6) | static_cast<std::uint32_t>(digit);
    held += 6;
    if (held < 8) continue;
    held -= 8;
    out += static_cast<char>((bits >> held) & 0xff);
    bits &= (1U << held) - 1;
  }
  // What the padding stands for is zero: one text for each digest.
  if (bits != 0 || held != padding * 2) return {};
  return out;
}

result<void> read_digests(std::string_view field, std::string_view value, bool legacy,
                          expected_digests& to) {
  bool known = false;
  for (std::string_view rest = value; !rest.empty();) {
    const auto comma = rest.find(',');
    std::string_view item = without_blanks(rest.substr(0, comma));
    rest.remove_prefix(comma == std::string_view::npos ? rest.size() : comma + 1);
    if (item.empty()) continue;
    const auto equals = item.find('=');
    if (equals == std::string_view::npos || equals == 0) return unreadable(field);
    const std::string_view name = item.substr(0, equals);
    const auto* const at =
        std::find_if(algorithm_names.begin(), algorithm_names.end(),
                     [&](const algorithm_name& a) { return iequal(a.name, name); });
    if (at == algorithm_names.end()) continue;
    std::string_view text = without_blanks(item.substr(equals + 1));
    if (!legacy) {
      // A structured field's byte sequence, with parameters that mean nothing.
      const auto colon = text.find(':', 1);
      if (!text.starts_with(':') || colon == std::string_view::npos) return unreadable(field);
      text = text.substr(1, colon - 1);
    }
    auto bytes = base64_decode(text);
    if (!bytes || bytes->size() != at->size) return unreadable(field);
    to.push_back({at->algorithm, std::move(*bytes), std::string(field)});
    known = true;
  }
  if (known) return {};
  return failure(
      errc::invalid_argument,
      std::string(field) + " has nothing that is checked here: crc32c, md5, sha-256 or sha-512");
}

result<void> read_content_md5(std::string_view value, expected_digests& to) {
  auto bytes = base64_decode(without_blanks(value));
  if (!bytes || bytes->size() != 16) return unreadable("Content-MD5");
  to.push_back({digest_algorithm::md5, std::move(*bytes), "Content-MD5"});
  return {};
}

struct body_digest::running {
  explicit running(digest_algorithm of) : algorithm(of) {
    if (const EVP_MD* const kind = evp_of(of)) {
      context.reset(EVP_MD_CTX_new());
      works = context != nullptr && EVP_DigestInit_ex(context.get(), kind, nullptr) == 1;
    }
  }
  void update(bytes_view piece) {
    if (algorithm == digest_algorithm::crc32c) {
      crc = crc32c(piece, crc);
    } else {
      works = works && EVP_DigestUpdate(context.get(), piece.data(), piece.size()) == 1;
    }
  }
  // Empty if the machine's OpenSSL does not have the algorithm: then nothing is equal to it.
  std::string finish() {
    std::string out;
    if (algorithm == digest_algorithm::crc32c) {
      for (const int shift : {24, 16, 8, 0}) out += static_cast<char>((crc >> shift) & 0xff);
      return out;
    }
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
    unsigned size = 0;
    if (!works || EVP_DigestFinal_ex(context.get(), digest.data(), &size) != 1) return out;
    out.assign(reinterpret_cast<const char*>(digest.data()), size);
    return out;
  }

  struct deleter {
    void operator()(EVP_MD_CTX* done_with) const noexcept { EVP_MD_CTX_free(done_with); }
  };
  const digest_algorithm algorithm;
  std::unique_ptr<EVP_MD_CTX, deleter> context;
  std::uint32_t crc = 0;
  bool works = true;
};

body_digest::body_digest(expected_digests expected) : expected_(std::move(expected)) {
  for (const expected_digest& e : expected_) {
    const auto known = std::any_of(running_.begin(), running_.end(),
                                   [&](const auto& r) { return r->algorithm == e.algorithm; });
    if (!known) running_.push_back(std::make_unique<running>(e.algorithm));
  }
}

body_digest::~body_digest() = default;

void body_digest::update(bytes_view piece) {
  for (const auto& r : running_) r->update(piece);
}

result<void> body_digest::check() {
  for (const auto& r : running_) {
    const std::string found = r->finish();
    for (const expected_digest& e : expected_) {
      if (e.algorithm == r->algorithm && e.bytes != found) {
        return failure(errc::invalid_argument, "the body does not match " + e.field);
      }
    }
  }
  return {};
}

}  // namespace ssdfs::http
