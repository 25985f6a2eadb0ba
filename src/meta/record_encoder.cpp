#include "base/crc32c.hpp"
#include "meta/record_codec.hpp"
#include "meta/record_text.hpp"

namespace ssdfs::meta {
namespace {

using namespace text;

// Characters that a value takes at most.
template <class T>
constexpr std::size_t bound(const T& value) {
  if constexpr (std::is_same_v<T, std::string_view>) {
    return value.size() * 6 + 2;
  } else if constexpr (list_like<T>) {
    std::size_t sum = 2;
    for (const auto& item : value) sum += bound(item) + 1;
    return sum;
  } else if constexpr (described_struct<T>) {
    std::size_t sum = 2;
    boost::mp11::mp_for_each<members_of<T>>([&](auto m) {
      sum += field_name<decltype(m)>::with_comma.size() + bound(value.*m.pointer);
    });
    return sum;
  } else {
    return 40;  // a uuid in quotes
  }
}

char* put_text(char* out, std::string_view s) {
  *out++ = '"';
  while (true) {
    const std::size_t n = plain_prefix(s);
    out = put_literal(out, s.substr(0, n));
    if (n == s.size()) break;
    const char c = s[n];
    if (c == '"' || c == '\\') {
      *out++ = '\\';
      *out++ = c;
    } else {
      out = put_hex(put_literal(out, "\\u00"), static_cast<unsigned char>(c), 2);
    }
    s.remove_prefix(n + 1);
  }
  *out++ = '"';
  return out;
}

template <class T>
char* put_value(char* out, const T& value) {
  if constexpr (std::is_same_v<T, bool>) {
    return put_literal(out, value ? "true" : "false");
  } else if constexpr (std::is_integral_v<T>) {
    return put_number(out, value);
  } else if constexpr (std::is_enum_v<T>) {
    return put_text(out, boost::describe::enum_to_string(value, "?"));
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    return put_text(out, value);
  } else if constexpr (std::is_same_v<T, epoch_t>) {
    return put_number(out, value.value);
  } else if constexpr (is_strong<T>::value) {
    *out++ = '"';
    if constexpr (std::is_same_v<typename T::value_type, uuid>) {
      out = put_uuid(out, value.value);
    } else if constexpr (std::is_same_v<T, crc_value> || std::is_same_v<T, hash64>) {
      out = put_hex(out, value.value, sizeof(value.value) * 2);
    } else {
      out = put_number(out, value.value);
    }
    *out++ = '"';
    return out;
  } else if constexpr (list_like<T>) {
    *out++ = '[';
    bool first = true;
    for (const auto& item : value) {
      if (!first) *out++ = ',';
      first = false;
      out = put_value(out, item);
    }
    *out++ = ']';
    return out;
  } else {
    static_assert(described_struct<T>);
    *out++ = '{';
    bool first = true;
    boost::mp11::mp_for_each<members_of<T>>([&](auto m) {
      using name = field_name<decltype(m)>;
      out = put_literal(out, first ? name::without_comma : name::with_comma);
      first = false;
      out = put_value(out, value.*m.pointer);
    });
    *out++ = '}';
    return out;
  }
}

template <class T>
bool is_default(const T& value, const T& fallback) {
  if constexpr (list_like<T>) {
    return value.empty();
  } else {
    return value == fallback;
  }
}

template <class Body>
char* put_body(char* out, const Body& body) {
  [[maybe_unused]] static const Body defaults{};
  boost::mp11::mp_for_each<members_of<Body>>([&](auto m) {
    const auto& value = body.*m.pointer;
    if (is_default(value, defaults.*m.pointer)) return;
    out = put_literal(out, field_name<decltype(m)>::with_comma);
    out = put_value(out, value);
  });
  return out;
}

template <class Body>
std::size_t body_bound(const Body& body) {
  std::size_t sum = 0;
  boost::mp11::mp_for_each<members_of<Body>>(
      [&](auto m) { sum += field_name<decltype(m)>::with_comma.size() + bound(body.*m.pointer); });
  return sum;
}

// Everything of a line but the body and the CRC field.
constexpr std::size_t frame_bound = 320;

char* put_head(char* out, const record& r, std::string_view op) {
  out = put_number(put_literal(out, line_begin), r.txid.value);
  out = put_literal(put_literal(out, "\",\"op\":\""), op);
  out = put_number(put_literal(out, "\",\"time\":"), r.time_ms);
  if (r.durable.value != 0) {
    out = put_number(put_literal(out, ",\"durable\":\""), r.durable.value);
    *out++ = '"';
  }
  if (r.op.sequence != 0) {
    out = put_uuid(put_literal(out, ",\"client\":\""), r.op.client.value);
    out = put_number(put_literal(out, "\",\"seq\":\""), r.op.sequence);
    out = put_number(put_literal(out, "\",\"low\":\""), r.op.lowest_unanswered);
    *out++ = '"';
  }
  return out;
}

}  // namespace

std::uint32_t encode_line(const record& r, std::uint32_t seed, text_buffer& out) {
  return std::visit(
      [&](const auto& body) {
        char* const begin = out.room(frame_bound + body_bound(body));
        char* end = put_body(put_head(begin, r, body.op), body);
        const std::string_view checked(begin, static_cast<std::size_t>(end - begin));
        const std::uint32_t crc = crc32c(as_bytes(checked), seed);
        end = put_hex(put_literal(end, ",\"crc\":\""), crc, 8);
        end = put_literal(end, "\"}\n");
        out.commit(static_cast<std::size_t>(end - begin));
        return crc;
      },
      r.body);
}

std::string_view kind_name(const record_body& body) {
  return std::visit([](const auto& b) { return b.op; }, body);
}

}  // namespace ssdfs::meta
