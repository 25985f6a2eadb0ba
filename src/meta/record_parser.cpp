#include "base/crc32c.hpp"
#include "meta/record_codec.hpp"
#include "meta/record_text.hpp"

#include <limits>

namespace ssdfs::meta {
namespace {

using namespace text;

// Takes values in exactly the encoder's form from the front of a line.
class cursor {
 public:
  explicit cursor(std::string_view s) : at_(s.data()), end_(s.data() + s.size()) {}

  [[nodiscard]] bool empty() const noexcept { return at_ == end_; }

  [[nodiscard]] bool literal(std::string_view s) noexcept {
    if (left() < s.size() || std::memcmp(at_, s.data(), s.size()) != 0) return false;
    at_ += s.size();
    return true;
  }
  [[nodiscard]] bool character(char c) noexcept {
    if (at_ == end_ || *at_ != c) return false;
    ++at_;
    return true;
  }

  // Up to the closing quote, which is taken; false if something in between is escaped.
  [[nodiscard]] bool plain_text(std::string_view& out) noexcept {
    const std::size_t n = plain_prefix({at_, left()});
    if (n == left() || at_[n] != '"') return false;
    out = {at_, n};
    at_ += n + 1;
    return true;
  }

  template <class T>
    requires std::is_integral_v<T>
  [[nodiscard]] bool number(T& out) noexcept {
    const bool negative = std::is_signed_v<T> && character('-');
    const char* const begin = at_;
    std::uint64_t value = 0;
    while (at_ != end_ && static_cast<unsigned char>(*at_ - '0') < 10) {
      if (at_ - begin == 19) return false;  // longer ones: the general parser decides
      value = value * 10 + static_cast<unsigned char>(*at_ - '0');
      ++at_;
    }
    if (at_ == begin || (*begin == '0' && at_ - begin > 1)) return false;
    if (value > static_cast<std::uint64_t>(std::numeric_limits<T>::max())) return false;
    out = static_cast<T>(negative ? -static_cast<std::int64_t>(value)
                                  : static_cast<std::int64_t>(value));
    return true;
  }

  [[nodiscard]] bool hex(int digits, std::uint64_t& out) noexcept {
    const auto n = static_cast<std::size_t>(digits);
    if (left() < n || !get_hex(at_, digits, out)) return false;
    at_ += n;
    return true;
  }
  [[nodiscard]] bool uuid_text(uuid& out) noexcept {
    if (left() < 36 || !get_uuid(at_, out)) return false;
    at_ += 36;
    return true;
  }

  template <class T>
  [[nodiscard]] bool value(T& out) {
    if constexpr (std::is_same_v<T, bool>) {
      out = literal("true");
      return out || literal("false");
    } else if constexpr (std::is_integral_v<T>) {
      return number(out);
    } else if constexpr (std::is_enum_v<T>) {
      std::string_view name;
      return character('"') && plain_text(name) && enum_of_name(name, out);
    } else if constexpr (std::is_same_v<T, std::string_view>) {
      return character('"') && plain_text(out);
    } else if constexpr (std::is_same_v<T, epoch_t>) {
      return number(out.value);
    } else if constexpr (is_strong<T>::value) {
      return character('"') && strong_value(out) && character('"');
    } else if constexpr (list_like<T>) {
      return list_value(out);
    } else {
      return object(out);
    }
  }

 private:
  [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end_ - at_); }

  template <class T>
  [[nodiscard]] bool strong_value(T& out) noexcept {
    if constexpr (std::is_same_v<typename T::value_type, uuid>) {
      return uuid_text(out.value);
    } else if constexpr (std::is_same_v<T, crc_value> || std::is_same_v<T, hash64>) {
      std::uint64_t v = 0;
      if (!hex(sizeof(out.value) * 2, v)) return false;
      out.value = static_cast<typename T::value_type>(v);
      return true;
    } else {
      return number(out.value);
    }
  }
  template <class T>
  [[nodiscard]] bool list_value(T& out) {
    if (!character('[')) return false;
    out.clear();
    if (character(']')) return true;
    do {
      out.emplace_back();
      if (!value(out.back())) return false;
    } while (character(','));
    return character(']');
  }
  template <class T>
  [[nodiscard]] bool object(T& out) {
    bool ok = character('{');
    bool first = true;
    boost::mp11::mp_for_each<members_of<T>>([&](auto m) {
      using name = field_name<decltype(m)>;
      ok = ok && literal(first ? name::without_comma : name::with_comma) && value(out.*m.pointer);
      first = false;
    });
    return ok && character('}');
  }

  const char* at_;
  const char* end_;
};

template <class Body>
bool take_body(cursor& in, record& out) {
  Body& body = out.body.emplace<Body>();
  bool ok = true;
  boost::mp11::mp_for_each<members_of<Body>>([&](auto m) {
    if (ok && in.literal(field_name<decltype(m)>::with_comma)) ok = in.value(body.*m.pointer);
  });
  return ok && in.empty();
}

template <class... Bodies>
bool take_kind(std::string_view op, cursor& in, record& out, std::variant<Bodies...>*) {
  bool ok = false;
  static_cast<void>(((op == Bodies::op && (ok = take_body<Bodies>(in, out), true)) || ...));
  return ok;
}

}  // namespace

std::optional<std::uint32_t> stated_crc(std::string_view line) noexcept {
  std::uint64_t crc = 0;
  if (line.size() < crc_field_size + line_begin.size()) return std::nullopt;
  const std::string_view field = line.substr(line.size() - crc_field_size);
  if (!field.starts_with(",\"crc\":\"") || !field.ends_with("\"}")) return std::nullopt;
  if (!get_hex(field.data() + 8, 8, crc)) return std::nullopt;
  return static_cast<std::uint32_t>(crc);
}

std::uint32_t computed_crc(std::string_view line, std::uint32_t seed) noexcept {
  return crc32c(as_bytes(line.substr(0, line.size() - crc_field_size)), seed);
}

ssdfs::txid leading_txid(std::string_view line) noexcept {
  cursor in(line);
  ssdfs::txid id;
  if (!in.literal(line_begin) || !in.number(id.value) || !in.character('"')) return {};
  return id;
}

bool line_parser::parse_fast(std::string_view line, record& out) {
  cursor in(line.substr(0, line.size() - crc_field_size));
  std::string_view op;
  if (!in.literal(line_begin) || !in.number(out.txid.value)) return false;
  if (!in.literal("\",\"op\":\"") || !in.plain_text(op)) return false;
  if (!in.literal(",\"time\":") || !in.number(out.time_ms)) return false;
  out.durable = {};
  if (in.literal(",\"durable\":\"") && !(in.number(out.durable.value) && in.character('"'))) {
    return false;
  }
  out.op = {};
  if (in.literal(",\"client\":\"")) {
    if (!in.uuid_text(out.op.client.value)) return false;
    if (!in.literal("\",\"seq\":\"") || !in.number(out.op.sequence)) return false;
    if (!in.literal("\",\"low\":\"") || !in.number(out.op.lowest_unanswered)) return false;
    if (!in.character('"')) return false;
  }
  return take_kind(op, in, out, static_cast<record_body*>(nullptr));
}

result<std::uint32_t> line_parser::parse(std::string_view line, std::uint32_t seed, record& out) {
  const auto stated = stated_crc(line);
  if (!stated) return failure(errc::checksum, "no CRC at the end of the line");
  if (*stated != computed_crc(line, seed)) {
    return failure(errc::checksum, "the CRC does not continue the chain");
  }
  SSDFS_TRY(parse_unchecked(line, out));
  return *stated;
}

result<void> line_parser::parse_unchecked(std::string_view line, record& out) {
  if (line.size() > max_line_bytes || !stated_crc(line)) {
    return failure(errc::protocol, "not a record");
  }
  if (parse_fast(line, out)) return {};
  return parse_general(line, out);
}

}  // namespace ssdfs::meta
