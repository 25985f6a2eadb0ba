#include "http/signed_url.hpp"

#include "http/url.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <fstream>
#include <iterator>
#include <vector>

namespace ssdfs::http {
namespace {

std::string signature_of(std::string_view secret, std::string_view path, std::string_view expires) {
  std::string text = "GET\n";
  text.append(path).append("\n").append(expires);
  return hmac_hex(secret, text);
}

// A minute, where nobody has said how long: nginx asks again then, and sees a new picture.
constexpr std::int64_t kept_by_nginx_s = 60;

// The directives of a Cache-Control value, in lower case and without blanks around them.
std::vector<std::string> directives_of(std::string_view value) {
  std::vector<std::string> out;
  while (!value.empty()) {
    const auto end = value.find(',');
    std::string one;
    for (const char c : value.substr(0, end)) {
      if (c != ' ' && c != '\t') one += c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c;
    }
    if (!one.empty()) out.push_back(std::move(one));
    value.remove_prefix(end == std::string_view::npos ? value.size() : end + 1);
  }
  return out;
}

// Of a directive "name=seconds".
std::optional<std::int64_t> seconds_of(std::string_view directive, std::string_view name) {
  if (!directive.starts_with(name)) return {};
  const auto seconds = parse_number(directive.substr(name.size()));
  if (!seconds) return {};
  return static_cast<std::int64_t>(std::min<std::uint64_t>(*seconds, INT64_MAX));
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

std::optional<std::int64_t> seconds_left(std::string_view query, std::int64_t now_s) {
  if (!query_value(query, "signature")) return {};
  const auto end = parse_number(query_value(query, "expires").value_or(""));
  if (!end || *end <= static_cast<std::uint64_t>(now_s)) return 0;
  return static_cast<std::int64_t>(
      std::min<std::uint64_t>(*end - static_cast<std::uint64_t>(now_s), INT64_MAX));
}

std::string caching_of_link(std::string_view configured, std::int64_t left_s) {
  std::optional<std::int64_t> caller_s;
  std::optional<std::int64_t> shared_s;
  bool stored = true;
  std::string kept;  // what makes caching stricter
  for (const std::string& d : directives_of(configured)) {
    if (const auto s = seconds_of(d, "max-age=")) caller_s = s;
    if (const auto s = seconds_of(d, "s-maxage=")) shared_s = s;
    if (d == "no-store" || d == "private") stored = false;
    if (d == "no-cache") shared_s = caller_s = 0;
    if (d == "no-store" || d == "no-transform" || d == "must-revalidate") kept += ", " + d;
  }
  if (!shared_s) shared_s = caller_s.value_or(kept_by_nginx_s);
  std::string out = "X-Accel-Expires: ";
  out += std::to_string(stored ? std::min(*shared_s, left_s) : 0);
  // Behind X-Accel-Expires, which nginx would not look at if this had forbidden to store.
  out += "\r\nCache-Control: private";
  if (caller_s.value_or(0) > 0) {
    out += ", max-age=" + std::to_string(std::min(*caller_s, left_s));
  } else {
    out += ", no-cache";
  }
  return out + kept + "\r\n";
}

}  // namespace ssdfs::http
