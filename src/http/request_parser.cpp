#include "http/request_parser.hpp"

#include <boost/beast/core/error.hpp>
#include <boost/beast/http/basic_parser.hpp>
#include <boost/beast/http/error.hpp>

#include <utility>
#include <vector>

namespace ssdfs::http {

namespace beast = boost::beast;
namespace bhttp = boost::beast::http;

namespace {

constexpr std::size_t most_fields = 128;
constexpr std::size_t most_blank = 8;  // bytes of empty lines before a request
constexpr int slots = static_cast<int>(field::count_);

std::string_view view(beast::string_view s) { return {s.data(), s.size()}; }

std::optional<field> slot_of(bhttp::field name) {
  switch (name) {
    case bhttp::field::host: return field::host;
    case bhttp::field::range: return field::range;
    case bhttp::field::if_range: return field::if_range;
    case bhttp::field::if_match: return field::if_match;
    case bhttp::field::if_none_match: return field::if_none_match;
    case bhttp::field::if_modified_since: return field::if_modified_since;
    case bhttp::field::if_unmodified_since: return field::if_unmodified_since;
    case bhttp::field::content_type: return field::content_type;
    case bhttp::field::content_range: return field::content_range;
    case bhttp::field::cache_control: return field::cache_control;
    case bhttp::field::pragma: return field::pragma;
    case bhttp::field::origin: return field::origin;
    default: return {};
  }
}

method method_of(bhttp::verb v) {
  switch (v) {
    case bhttp::verb::get: return method::get;
    case bhttp::verb::head: return method::head;
    case bhttp::verb::put: return method::put;
    case bhttp::verb::post: return method::post;
    case bhttp::verb::delete_: return method::del;
    case bhttp::verb::options: return method::options;
    default: return method::other;
  }
}

// "http://host/path" as "/path"; what proxies are sent is understood by every server.
std::string_view origin_form(std::string_view target) {
  const auto scheme = target.find("://");
  if (target.empty() || target.front() == '/' || scheme == std::string_view::npos) return target;
  const auto slash = target.find_first_of("/?", scheme + 3);
  return slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
}

}  // namespace

// What a request has brought so far.
struct request_parser::intake {
  request_head head;
  std::string text;    // the head's bytes, which its views point into
  std::string joined;  // values of fields that came in several lines
  std::string body;
  refusal why;
  std::size_t searched = 0;  // for the end of the head
  std::size_t blank = 0;     // bytes of empty lines before it
  bool head_done = false;
};

class request_parser::machine final : public bhttp::basic_parser<true> {
 public:
  explicit machine(intake& to) : to_(to) {
    header_limit(static_cast<std::uint32_t>(http::header_limit));
    body_limit(boost::none);
    eager(false);
  }
  bool saw_length = false;
  std::string_view transfer_encoding;
  std::string_view connection;
  std::string_view expect;

 private:
  using error_code = beast::error_code;

  void refuse(unsigned status, const char* why, error_code& ec) {
    to_.why = {status, why};
    ec = bhttp::error::bad_value;
  }
  // The value of a folded field is put together elsewhere.
  [[nodiscard]] bool in_text(std::string_view v) const {
    const std::string& t = to_.text;
    return v.empty() || (v.data() >= t.data() && v.data() + v.size() <= t.data() + t.size());
  }

  void on_request_impl(bhttp::verb verb, beast::string_view name, beast::string_view target,
                       int version, error_code& ec) override {
    request_head& head = to_.head;
    head.verb = method_of(verb);
    head.method_name = view(name);
    head.http_11 = version >= 11;
    if (version != 10 && version != 11) return refuse(505, "only HTTP/1.0 and 1.1 are spoken", ec);
    const std::string_view origin = origin_form(view(target));
    const auto question = origin.find('?');
    head.path = origin.substr(0, question);
    head.query =
        question == std::string_view::npos ? std::string_view() : origin.substr(question + 1);
    if (head.path.empty()) head.path = "/";
    if (origin.find('#') != std::string_view::npos)
      return refuse(400, "a fragment is asked for", ec);
  }
  void on_response_impl(int, beast::string_view, int, error_code&) override {}

  void on_field_impl(bhttp::field name, beast::string_view name_text, beast::string_view value_text,
                     error_code& ec) override {
    if (to_.head_done) return;  // trailers
    const std::string_view value = view(value_text);
    if (!in_text(value)) return refuse(400, "a field is folded over lines", ec);
    if (to_.head.lines.size() >= most_fields) return refuse(431, "too many fields", ec);
    to_.head.lines.push_back({view(name_text), value});
    switch (name) {
      case bhttp::field::content_length:
        if (std::exchange(saw_length, true) ||
            value.find_first_not_of("0123456789") != std::string_view::npos) {
          return refuse(400, "several lengths", ec);
        }
        return;
      case bhttp::field::transfer_encoding:
        if (!transfer_encoding.empty()) return refuse(400, "several transfer encodings", ec);
        if (!iequal(value, "chunked"))
          return refuse(501, "a transfer encoding other than chunked", ec);
        transfer_encoding = value;
        return;
      case bhttp::field::connection:
        if (has_token(value, "close")) to_.head.keep_alive = false;
        if (has_token(value, "keep-alive")) asked_to_keep_ = true;
        return;
      case bhttp::field::expect: expect = value; return;
      default: break;
    }
    if (name == bhttp::field::host && value.find_first_of(" \t,/?#@\\\"<>") != value.npos) {
      return refuse(400, "the Host is not one", ec);
    }
    if (const auto slot = slot_of(name)) keep(*slot, value, ec);
  }

  void keep(field slot, std::string_view value, error_code& ec) {
    std::string_view& to = to_.head.known[static_cast<std::size_t>(slot)];
    const bool tags = slot == field::if_match || slot == field::if_none_match;
    const bool is_list = tags || slot == field::cache_control || slot == field::pragma;
    // A list that names no tag is not the same as no list.
    if (tags && value.empty()) value = ",";
    const bool seen = (seen_ & (1U << static_cast<unsigned>(slot))) != 0;
    seen_ |= 1U << static_cast<unsigned>(slot);
    if (!seen) {
      to = value;
      return;
    }
    if (!is_list) {
      return refuse(400, "a field that may come once came twice", ec);
    }
    // Sized once: what was joined before is pointed into.
    if (to_.joined.capacity() < 4 * http::header_limit) to_.joined.reserve(4 * http::header_limit);
    const std::size_t at = to_.joined.size();
    if (at + to.size() + value.size() + 2 > to_.joined.capacity()) {
      return refuse(431, "lists are too long", ec);
    }
    to_.joined.append(to).append(", ").append(value);
    to = std::string_view(to_.joined).substr(at);
  }

  void on_header_impl(error_code& ec) override {
    request_head& head = to_.head;
    if (!head.http_11) {
      if (!transfer_encoding.empty()) return refuse(400, "chunks in HTTP/1.0", ec);
      head.keep_alive = head.keep_alive && asked_to_keep_;
    } else if ((seen_ & (1U << static_cast<unsigned>(field::host))) == 0) {
      return refuse(400, "no Host", ec);
    }
    if (saw_length && !transfer_encoding.empty()) return refuse(400, "a length and chunks", ec);
    head.chunked = !transfer_encoding.empty();
    if (saw_length) head.content_length = content_length().value_or(0);
    if (!expect.empty() && head.http_11) {
      if (!iequal(expect, "100-continue")) return refuse(417, "an unknown expectation", ec);
      head.expects_continue = true;
    }
  }
  void on_body_init_impl(boost::optional<std::uint64_t> const&, error_code&) override {}
  std::size_t on_body_impl(beast::string_view body, error_code&) override {
    to_.body.append(body.data(), body.size());
    return body.size();
  }
  void on_chunk_header_impl(std::uint64_t, beast::string_view extension, error_code& ec) override {
    // Between quotes the parser lets line ends pass, which for others end the line.
    if (view(extension).find_first_of("\r\n") != std::string_view::npos) {
      refuse(400, "a line end in a chunk's extension", ec);
    }
  }
  std::size_t on_chunk_body_impl(std::uint64_t, beast::string_view body, error_code&) override {
    to_.body.append(body.data(), body.size());
    return body.size();
  }
  void on_finish_impl(error_code&) override {}

  intake& to_;
  unsigned seen_ = 0;
  bool asked_to_keep_ = false;
};

struct request_parser::state : intake {
  std::optional<machine> parser;
};

request_parser::request_parser() : state_(std::make_unique<state>()) { reset(); }
request_parser::~request_parser() = default;

void request_parser::reset() {
  static_assert(slots <= 32);
  state& s = *state_;
  s.parser.reset();
  auto lines = std::move(s.head.lines);
  lines.clear();
  s.head = request_head();
  s.head.lines = std::move(lines);
  s.joined.clear();
  s.body.clear();
  s.why = {};
  s.searched = 0;
  s.blank = 0;
  s.head_done = false;
}

namespace {

unsigned status_of(const beast::error_code& ec) {
  if (ec == bhttp::error::header_limit) return 431;
  if (ec == bhttp::error::bad_version) return 505;
  return 400;
}

// True for the head of a chunk in which a quote begins and does not end: the parser would wait for
// its end beyond the line's.
bool has_open_quote(std::string_view input) {
  if (input.starts_with("\r\n")) input.remove_prefix(2);
  const auto end = input.find("\r\n");
  if (end == std::string_view::npos) return false;
  bool open = false;
  for (std::size_t i = 0; i < end; ++i) {
    if (input[i] == '"') open = !open;
    if (open && input[i] == '\\') ++i;
  }
  return open;
}

}  // namespace

// A head is looked at when it is there as a whole; what cannot become one is refused before.
std::optional<std::size_t> request_parser::find_head(std::string_view input) {
  state& s = *state_;
  // Empty lines before a request are allowed and mean nothing; endless ones are no request.
  std::size_t blank = 0;
  while (s.blank + blank <= most_blank && input.substr(blank).starts_with("\r\n")) blank += 2;
  s.blank += blank;
  if (s.blank > most_blank) {
    s.why = {400, "nothing but empty lines"};
    return {};
  }
  if (blank > 0) return blank;
  if (input.empty() || input == "\r") return 0;
  const auto line_end = input.find('\n');
  const bool line_is_good = line_end == std::string_view::npos ||
                            (line_end > 0 && input[line_end - 1] == '\r' &&
                             input.substr(0, line_end).find(" HTTP/") != std::string_view::npos);
  if (input.front() < 'A' || input.front() > 'Z' || !line_is_good) {
    s.why = {400, "this is not HTTP"};
    return {};
  }
  const std::size_t from = s.searched > 3 ? s.searched - 3 : 0;
  const auto end = input.find("\r\n\r\n", from);
  if (end == std::string_view::npos ? input.size() >= header_limit : end + 4 > header_limit) {
    const bool target = line_end == std::string_view::npos || line_end >= header_limit;
    s.why = {target ? 414U : 431U, "the head of the request is too long"};
    return {};
  }
  s.searched = input.size();
  if (end == std::string_view::npos) return 0;
  return parse_head(input.substr(0, end + 4));
}

std::optional<std::size_t> request_parser::parse_head(std::string_view input) {
  state& s = *state_;
  // Memory of its own: the caller's input moves on while the views are used.
  s.text.assign(input);
  s.parser.emplace(s);
  beast::error_code ec;
  const std::size_t n = s.parser->put(boost::asio::const_buffer(s.text.data(), s.text.size()), ec);
  if (!ec && !s.parser->is_header_done()) ec = bhttp::error::bad_field;
  if (ec) {
    if (s.why.why.empty()) s.why = {status_of(ec), ec.message()};
    return {};
  }
  s.head_done = true;
  s.parser->eager(true);
  return n;
}

std::optional<std::size_t> request_parser::put(std::string_view input) {
  state& s = *state_;
  if (!s.head_done) return find_head(input);
  if (s.parser->is_done() || input.empty()) return 0;
  // The parser wants the last chunk whole, and no body in chunks ends with less than "0", CRLF,
  // CRLF.
  constexpr std::size_t last_chunk_bytes = 5;
  if (s.head.chunked && input.size() < last_chunk_bytes) return 0;
  beast::error_code ec;
  const std::size_t n = s.parser->put(boost::asio::const_buffer(input.data(), input.size()), ec);
  const bool stuck = n == 0 && s.head.chunked && has_open_quote(input);
  if (stuck || (ec && ec != bhttp::error::need_more)) {
    s.why = {400, stuck ? "a chunk's extension does not end" : ec.message()};
    return {};
  }
  return n;
}

bool request_parser::head_done() const noexcept { return state_->head_done; }
bool request_parser::done() const noexcept {
  return state_->head_done && state_->parser->is_done();
}
const request_head& request_parser::head() const noexcept { return state_->head; }
std::string& request_parser::body() noexcept { return state_->body; }
const request_parser::refusal& request_parser::refused() const noexcept { return state_->why; }

}  // namespace ssdfs::http
