#include "http/cors.hpp"

#include <algorithm>

namespace ssdfs::http {
namespace {

constexpr std::string_view exposed =
    "Access-Control-Expose-Headers: Accept-Ranges, Content-Range, ETag, Location, Retry-After, "
    "X-Ssdfs-Crc32c\r\n";

// What follows the scheme is a host with an optional port and nothing else.
bool is_origin(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!text.starts_with(scheme)) continue;
    const std::string_view authority = text.substr(scheme.size());
    return !authority.empty() && std::all_of(authority.begin(), authority.end(), [](char c) {
      return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == ':' ||
             c == '[' || c == ']' || c == '_';
    });
  }
  return false;
}

// A list of names of fields, each a token: it can be repeated in an answer.
bool is_list_of_names(std::string_view list) {
  return std::all_of(list.begin(), list.end(), [](char c) {
    return is_token_character(c) || c == ',' || c == ' ' || c == '\t';
  });
}

}  // namespace

result<cors_policy> cors_policy::parse(const std::vector<std::string>& origins) {
  cors_policy out;
  for (std::string text : origins) {
    if (text == "*") {
      out.any_ = true;
      continue;
    }
    std::transform(text.begin(), text.end(), text.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (!is_origin(text)) {
      return failure(errc::invalid_argument,
                     "'" + text + "' is neither * nor http[s]://HOST[:PORT] without a path");
    }
    out.origins_.push_back(std::move(text));
  }
  return out;
}

bool cors_policy::lets_in(std::string_view origin) const noexcept {
  if (origin.empty()) return false;
  return any_ || std::any_of(origins_.begin(), origins_.end(),
                             [&](const std::string& known) { return iequal(known, origin); });
}

std::string cors_policy::fields(std::string_view origin) const {
  if (!active()) return {};
  // For everybody the same: caches may keep one answer.
  if (any_) return "Access-Control-Allow-Origin: *\r\n" + std::string(exposed);
  std::string out = "Vary: Origin\r\n";
  if (lets_in(origin)) {
    out.append("Access-Control-Allow-Origin: ").append(origin).append("\r\n").append(exposed);
  }
  return out;
}

bool cors_policy::is_preflight(const request_head& head) noexcept {
  return head.verb == method::options && !head.get(field::origin).empty() &&
         !head.find("Access-Control-Request-Method").empty();
}

std::string cors_policy::preflight_fields(const request_head& head,
                                          std::string_view methods) const {
  const std::string_view wanted = head.find("Access-Control-Request-Method");
  const std::string_view names = head.find("Access-Control-Request-Headers");
  if (!lets_in(head.get(field::origin)) || !has_token(methods, wanted) ||
      !is_list_of_names(names)) {
    return {};
  }
  std::string out = "Access-Control-Allow-Methods: " + std::string(methods) + "\r\n";
  // What a field asks for is decided when it is sent; that a page sends one harms nobody.
  if (!names.empty()) {
    out.append("Access-Control-Allow-Headers: ").append(names).append("\r\n");
  }
  return out + "Access-Control-Max-Age: 600\r\n";
}

}  // namespace ssdfs::http
