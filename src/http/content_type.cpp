#include "http/content_type.hpp"

#include "http/exchange.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace ssdfs::http {
namespace {

using entry = std::pair<std::string_view, std::string_view>;
constexpr std::array<entry, 42> types_by_extension = {{
    {"7z", "application/x-7z-compressed"},
    {"apng", "image/apng"},
    {"avif", "image/avif"},
    {"bmp", "image/bmp"},
    {"css", "text/css"},
    {"csv", "text/csv"},
    {"gif", "image/gif"},
    {"gz", "application/gzip"},
    {"heic", "image/heic"},
    {"heif", "image/heif"},
    {"htm", "text/html"},
    {"html", "text/html"},
    {"ico", "image/vnd.microsoft.icon"},
    {"jfif", "image/jpeg"},
    {"jpe", "image/jpeg"},
    {"jpeg", "image/jpeg"},
    {"jpg", "image/jpeg"},
    {"js", "text/javascript"},
    {"json", "application/json"},
    {"jxl", "image/jxl"},
    {"m4a", "audio/mp4"},
    {"mjs", "text/javascript"},
    {"mov", "video/quicktime"},
    {"mp3", "audio/mpeg"},
    {"mp4", "video/mp4"},
    {"ogg", "audio/ogg"},
    {"ogv", "video/ogg"},
    {"pdf", "application/pdf"},
    {"png", "image/png"},
    {"svg", "image/svg+xml"},
    {"tar", "application/x-tar"},
    {"tif", "image/tiff"},
    {"tiff", "image/tiff"},
    {"txt", "text/plain"},
    {"wav", "audio/wav"},
    {"webm", "video/webm"},
    {"webp", "image/webp"},
    {"woff", "font/woff"},
    {"woff2", "font/woff2"},
    {"xml", "application/xml"},
    {"yaml", "application/yaml"},
    {"zip", "application/zip"},
}};

}  // namespace

std::string_view content_type_of(std::string_view path) noexcept {
  const auto dot = path.rfind('.');
  const auto slash = path.rfind('/');
  if (dot != std::string_view::npos && (slash == std::string_view::npos || dot > slash)) {
    const std::string_view extension = path.substr(dot + 1);
    const auto* const at = std::find_if(types_by_extension.begin(), types_by_extension.end(),
                                        [&](const entry& e) { return iequal(e.first, extension); });
    if (at != types_by_extension.end()) return at->second;
  }
  return "application/octet-stream";
}

namespace {

constexpr std::array kept_parameters = {std::string_view("charset"), std::string_view("codecs"),
                                        std::string_view("profile")};
// What curl, browsers and libraries send of anything.
constexpr std::array empty_types = {std::string_view("application/octet-stream"),
                                    std::string_view("application/x-www-form-urlencoded"),
                                    std::string_view("binary/octet-stream")};

std::string lower_case(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

// Takes a media type apart from the left.
class media_type_scanner {
 public:
  explicit media_type_scanner(std::string_view text) : rest_(text) {}
  // Empty if there is none.
  std::string_view token() {
    std::size_t n = 0;
    while (n < rest_.size() && is_token_character(rest_[n])) ++n;
    return take(n);
  }
  // A token, or what stands between quotes, without them; nothing if it is neither.
  std::optional<std::string> value() {
    if (!rest_.starts_with('"')) {
      const std::string_view text = token();
      if (text.empty()) return {};
      return std::string(text);
    }
    std::string out;
    for (std::size_t i = 1; i < rest_.size(); ++i) {
      if (rest_[i] == '"') {
        take(i + 1);
        return out;
      }
      if (rest_[i] == '\\' && i + 1 < rest_.size()) ++i;
      if (rest_[i] < ' ' || rest_[i] > '~') return {};
      out += rest_[i];
    }
    return {};
  }
  bool skip(char c) {
    if (!rest_.starts_with(c)) return false;
    take(1);
    return true;
  }
  void skip_blanks() {
    while (skip(' ') || skip('\t')) {
    }
  }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  std::string_view take(std::size_t n) {
    const std::string_view out = rest_.substr(0, n);
    rest_.remove_prefix(n);
    return out;
  }
  std::string_view rest_;
};

// A parameter's value as it is written: in quotes unless it is a token.
std::string quoted_if_needed(const std::string& value) {
  if (!value.empty() && std::all_of(value.begin(), value.end(), is_token_character)) return value;
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

// Appends what is kept of the parameters; false if they are malformed.
bool append_parameters(media_type_scanner& in, std::string& to) {
  std::array<bool, kept_parameters.size()> seen{};
  for (;;) {
    in.skip_blanks();
    if (in.at_end()) return true;
    if (!in.skip(';')) return false;
    in.skip_blanks();
    if (in.at_end()) return true;
    const std::string name = lower_case(in.token());
    if (name.empty() || !in.skip('=')) return false;
    const auto value = in.value();
    if (!value) return false;
    const auto* const at = std::find(kept_parameters.begin(), kept_parameters.end(), name);
    if (at == kept_parameters.end()) continue;
    if (std::exchange(seen[static_cast<std::size_t>(at - kept_parameters.begin())], true)) {
      return false;
    }
    to += "; " + name + "=" + quoted_if_needed(name == "charset" ? lower_case(*value) : *value);
  }
}

}  // namespace

uploaded_type uploaded_type_of(std::string_view value) {
  using kind = uploaded_type::kind;
  media_type_scanner in(value);
  in.skip_blanks();
  if (in.at_end()) return {};
  const std::string type = lower_case(in.token());
  if (type.empty() || !in.skip('/')) return {kind::malformed, {}};
  const std::string subtype = lower_case(in.token());
  if (subtype.empty()) return {kind::malformed, {}};
  std::string text = type + "/" + subtype;
  const bool says_nothing =
      type == "*" || subtype == "*" ||
      std::find(empty_types.begin(), empty_types.end(), text) != empty_types.end();
  if (!append_parameters(in, text)) return {kind::malformed, {}};
  if (type == "multipart") return {kind::multipart, {}};
  if (says_nothing) return {};
  if (text.size() > longest_media_type) return {kind::malformed, {}};
  return {kind::type, std::move(text)};
}

}  // namespace ssdfs::http
