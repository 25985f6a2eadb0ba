#include "http/signed_url.hpp"

#include "http/url.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <sys/stat.h>

#include <array>
#include <fstream>
#include <iterator>

namespace ssdfs::http {
namespace {

std::string signature_of(std::string_view secret, std::string_view path, std::string_view expires) {
  std::string text = "GET\n";
  text.append(path).append("\n").append(expires);
  return hmac_hex(secret, text);
}

}  // namespace

std::string hmac_hex(std::string_view secret, std::string_view text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned length = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), digest.data(), &length);
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  for (unsigned i = 0; i < length; ++i) {
    out += digits[digest[i] >> 4];
    out += digits[digest[i] & 15];
  }
  return out;
}

bool same_digest(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

result<std::string> read_secret(const std::string& file) {
  struct stat about {};
  std::ifstream in(file, std::ios::binary);
  if (!in || ::stat(file.c_str(), &about) != 0) {
    return failure(errc::invalid_argument, "secret " + file + ": cannot be read");
  }
  if ((about.st_mode & S_IROTH) != 0) {
    return failure(errc::invalid_argument,
                   "secret " + file + ": everybody may read it (chmod 640)");
  }
  if (about.st_size > 4096) {
    return failure(errc::invalid_argument, "secret " + file + ": is longer than 4 KiB");
  }
  std::string text{std::istreambuf_iterator<char>(in), {}};
  constexpr const char* blanks = " \t\r\n";
  text.erase(text.find_last_not_of(blanks) + 1);
  text.erase(0, text.find_first_not_of(blanks));
  if (text.size() < 16) {
    return failure(errc::invalid_argument, "secret " + file + ": is shorter than 16 bytes");
  }
  return text;
}

std::string sign_url(std::string_view secret, std::string_view path, std::int64_t expires_s) {
  const std::string expires = std::to_string(expires_s);
  return "/fs" + percent_encode(path) + "?expires=" + expires +
         "&signature=" + signature_of(secret, path, expires);
}

signature check_signature(std::string_view secret, std::string_view path, std::string_view query,
                          std::int64_t now_s) {
  const auto given = query_value(query, "signature");
  if (!given) return signature::none;
  const auto expires = query_value(query, "expires");
  const auto seconds = parse_number(expires.value_or(""));
  if (!seconds || !same_digest(*given, signature_of(secret, path, *expires))) return signature::bad;
  return *seconds < static_cast<std::uint64_t>(now_s) ? signature::expired : signature::good;
}

}  // namespace ssdfs::http
