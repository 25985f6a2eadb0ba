#include "http/http_errors.hpp"

#include "http/url.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

namespace ssdfs::http {
namespace {

struct mapping {
  errc code;
  unsigned status;
  std::string_view name;
};

constexpr mapping mappings[] = {
    {errc::not_found, 404, "not_found"},
    {errc::exists, 409, "exists"},
    {errc::not_directory, 409, "not_directory"},
    {errc::is_directory, 409, "is_directory"},
    {errc::not_empty, 409, "not_empty"},
    {errc::invalid_path, 400, "invalid_path"},
    {errc::name_too_long, 400, "name_too_long"},
    {errc::permission_denied, 403, "permission_denied"},
    {errc::quota_exceeded, 507, "quota_exceeded"},
    {errc::invalid_argument, 400, "invalid_argument"},
    {errc::unsupported, 501, "unsupported"},
    {errc::precondition, 412, "precondition"},
    {errc::into_itself, 409, "into_itself"},
    {errc::too_large, 413, "too_large"},
    {errc::no_space, 507, "no_space"},
    {errc::no_datanodes, 503, "no_datanodes"},
    {errc::busy, 503, "busy"},
    {errc::timed_out, 503, "timed_out"},
    {errc::connection, 503, "connection"},
    {errc::not_active, 503, "not_active"},
    {errc::starting, 503, "starting"},
    {errc::read_only, 503, "read_only"},
    {errc::regrant, 503, "regrant"},
    {errc::shutting_down, 503, "shutting_down"},
    {errc::checksum, 502, "checksum"},
    {errc::changed, 503, "changed"},
    {errc::unavailable, 503, "unavailable"},
    {errc::damaged, 500, "damaged"},  // a file with a lost chunk: asking again does not help
    {errc::expired_ticket, 503, "expired_ticket"},
    {errc::aborted, 503, "aborted"},
    {errc::cancelled, 503, "cancelled"},
};

const mapping* find(const boost::system::error_code& ec) noexcept {
  for (const mapping& m : mappings) {
    if (ec == m.code) return &m;
  }
  return nullptr;
}

}  // namespace

unsigned status_of(const failure& why) noexcept {
  if (const mapping* const m = find(why.code)) return m->status;
  return is_retryable(why.code) ? 503 : 500;
}

std::string_view name_of(const boost::system::error_code& ec) noexcept {
  const mapping* const m = find(ec);
  return m != nullptr ? m->name : "internal";
}

void respond_error(exchange& to, unsigned status, std::string_view name, std::string_view message,
                   std::string_view path, std::string_view fields) {
  boost::json::object body;
  body["error"] = name;
  body["message"] = printable_utf8(message);
  if (!path.empty()) body["path"] = printable_utf8(path);
  // A page that names what is not there is asked for by many at once: nginx in front may remember
  // it for a second, and looks at this before the line behind it.
  std::string lines(status == 404 ? "X-Accel-Expires: 1\r\n" : "");
  lines += "Content-Type: application/json\r\nCache-Control: no-store\r\n";
  if (status == 503) lines += "Retry-After: 1\r\n";
  lines += fields;
  to.respond(status, lines, boost::json::serialize(body) + "\n");
}

void respond_error(exchange& to, const failure& why, std::string_view path) {
  respond_error(to, status_of(why), name_of(why.code), why.message(), path);
}

}  // namespace ssdfs::http
