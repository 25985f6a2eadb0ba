// The general path of the line parser: any valid JSON object with the right fields.
#include "meta/record_codec.hpp"
#include "meta/record_text.hpp"

#include <boost/json/parse.hpp>

namespace ssdfs::meta {
namespace {

using namespace text;
namespace json = boost::json;

std::string_view view(const json::string& s) { return {s.data(), s.size()}; }

template <class T>
bool read_decimal(const json::value& in, T& out) {
  const json::string* s = in.if_string();
  if (s == nullptr) return false;
  const auto [end, error] = std::from_chars(s->data(), s->data() + s->size(), out);
  return error == std::errc{} && end == s->data() + s->size();
}

template <class T>
bool read_number(const json::value& in, T& out) {
  boost::system::error_code error;
  if (!in.is_int64() && !in.is_uint64()) return false;
  out = in.to_number<T>(error);
  return !error;
}

template <class T>
bool read_strong(const json::value& in, T& out) {
  if constexpr (std::is_same_v<T, epoch_t>) {
    return read_number(in, out.value);
  } else if constexpr (std::is_same_v<typename T::value_type, uuid>) {
    const json::string* s = in.if_string();
    return s != nullptr && s->size() == 36 && get_uuid(s->data(), out.value);
  } else if constexpr (std::is_same_v<T, crc_value> || std::is_same_v<T, hash64>) {
    constexpr std::size_t digits = sizeof(out.value) * 2;
    const json::string* s = in.if_string();
    std::uint64_t v = 0;
    if (s == nullptr || s->size() != digits || !get_hex(s->data(), digits, v)) return false;
    out.value = static_cast<typename T::value_type>(v);
    return true;
  } else {
    return read_decimal(in, out.value);
  }
}

template <class T>
bool read_value(const json::value& in, T& out);

template <class T>
bool read_list(const json::value& in, T& out) {
  const json::array* items = in.if_array();
  if (items == nullptr) return false;
  for (const json::value& item : *items) {
    out.emplace_back();
    if (!read_value(item, out.back())) return false;
  }
  return true;
}

// Missing fields keep their defaults.
template <class T>
bool read_fields(const json::object& in, T& out) {
  bool ok = true;
  boost::mp11::mp_for_each<members_of<T>>([&](auto m) {
    const json::value* field = in.if_contains(m.name);
    if (ok && field != nullptr) ok = read_value(*field, out.*m.pointer);
  });
  return ok;
}

template <class T>
bool read_value(const json::value& in, T& out) {
  if constexpr (std::is_same_v<T, bool>) {
    const bool* b = in.if_bool();
    if (b != nullptr) out = *b;
    return b != nullptr;
  } else if constexpr (std::is_integral_v<T>) {
    return read_number(in, out);
  } else if constexpr (std::is_enum_v<T>) {
    const json::string* s = in.if_string();
    return s != nullptr && enum_of_name(view(*s), out);
  } else if constexpr (std::is_same_v<T, std::string_view>) {
    const json::string* s = in.if_string();
    if (s != nullptr) out = view(*s);
    return s != nullptr;
  } else if constexpr (is_strong<T>::value) {
    return read_strong(in, out);
  } else if constexpr (list_like<T>) {
    return read_list(in, out);
  } else {
    const json::object* object = in.if_object();
    return object != nullptr && read_fields(*object, out);
  }
}

template <class... Bodies>
bool read_kind(std::string_view op, const json::object& in, record& out, bool& known,
               std::variant<Bodies...>*) {
  bool ok = false;
  known = ((op == Bodies::op && (ok = read_fields(in, out.body.emplace<Bodies>()), true)) || ...);
  return ok;
}

// txid, op and time are in every record.
bool read_head(const json::object& in, record& out, std::string_view& op) {
  const json::value* id = in.if_contains("txid");
  const json::value* name = in.if_contains("op");
  const json::value* time = in.if_contains("time");
  if (id == nullptr || name == nullptr || time == nullptr) return false;
  if (!read_value(*id, out.txid) || !read_value(*name, op) || !read_value(*time, out.time_ms)) {
    return false;
  }
  const json::value* durable = in.if_contains("durable");
  if (durable != nullptr && !read_value(*durable, out.durable)) return false;
  const json::value* client = in.if_contains("client");
  if (client == nullptr) return true;
  const json::value* sequence = in.if_contains("seq");
  const json::value* low = in.if_contains("low");
  return sequence != nullptr && low != nullptr && read_value(*client, out.op.client) &&
         read_decimal(*sequence, out.op.sequence) && read_decimal(*low, out.op.lowest_unanswered);
}

}  // namespace

result<void> line_parser::parse_general(std::string_view line, record& out) {
  boost::system::error_code error;
  document_ = json::parse({line.data(), line.size()}, error);
  const json::object* object = error ? nullptr : document_.if_object();
  if (object == nullptr) return failure(errc::protocol, "not a JSON object");
  out = record{};
  std::string_view op;
  if (!read_head(*object, out, op)) {
    return failure(errc::protocol, "txid, op, time or operation missing or malformed");
  }
  bool known = false;
  if (!read_kind(op, *object, out, known, static_cast<record_body*>(nullptr))) {
    return failure(errc::protocol, known ? "a field of the record is malformed"
                                         : "unknown kind of record: " + std::string(op));
  }
  return {};
}

}  // namespace ssdfs::meta
