#include "http/gateway.hpp"

#include "http/content_type.hpp"
#include "http/date.hpp"
#include "http/http_errors.hpp"
#include "http/signed_url.hpp"
#include "http/url.hpp"
#include "io/clock.hpp"

#include <algorithm>
#include <cstdio>

namespace ssdfs::http {
namespace {

constexpr std::string_view files_prefix = "/fs";

// The caller wants to hear what is true now, not a lookup of a moment ago.
bool wants_fresh(const request_head& head) {
  const std::string_view caching = head.get(field::cache_control);
  if (caching.empty()) return has_token(head.get(field::pragma), "no-cache");
  return has_token(caching, "no-cache") || has_token(caching, "max-age=0");
}

// A media type that cannot break out of its line.
bool is_printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c < 127; });
}

// "/image" and "/image/" are a directory's name, and not the beginning of "/images".
bool is_at_or_below(std::string_view path, std::string_view directory) {
  if (directory.ends_with('/')) directory.remove_suffix(1);
  return path.starts_with(directory) &&
         (path.size() == directory.size() || path[directory.size()] == '/');
}

// Takes the line of a field out of complete lines.
void drop_line(std::string& lines, std::string_view name) {
  const auto at = lines.find(name);
  if (at != std::string::npos) lines.erase(at, lines.find("\r\n", at) + 2 - at);
}

}  // namespace

gateway::gateway(boost::asio::any_io_executor executor, client_config config,
                 gateway_options options)
    : client_(std::move(executor), std::move(config)),
      options_(std::move(options)),
      lookups_(std::make_shared<lookup_cache>(
          client_, options_.lookup_ttl_ms,
          [this](file_status status) { return describe(std::move(status)); })),
      nodes_(std::make_shared<node_directory>(client_)) {}

void gateway::route(server& to) {
  const auto answer = [self = shared_from_this()](const exchange_ptr& e) { self->handle(e); };
  to.route_prefix(std::string(files_prefix), answer);
  // "OPTIONS *" asks about the server as a whole.
  to.route_prefix("*", answer);
}

void gateway::begin_stop() {
  client_.async_close([self = shared_from_this()] {});
}

std::string_view gateway::cache_control_of(std::string_view path) const {
  std::string_view best_prefix;
  std::string_view best;
  for (const auto& [prefix, value] : options_.cache_control) {
    if (is_at_or_below(path, prefix) && prefix.size() >= best_prefix.size()) {
      best_prefix = prefix;
      best = value;
    }
  }
  return best;
}

// The tag names the content (CRC and length) and, as contents that differ may have the same CRC,
// the time of its last change: all of them are the master's, so they are the same at every node.
file_info gateway::describe(file_status status) const {
  file_info info;
  char tag[64];
  const int n = std::snprintf(tag, sizeof tag, "\"%08x-%llx-%llx\"", status.crc32c,
                              static_cast<unsigned long long>(status.size),
                              static_cast<unsigned long long>(status.mtime_ms));
  info.etag.assign(tag, static_cast<std::size_t>(n));
  info.mtime_s = status.mtime_ms / 1000;
  // Never after Date, as the standard says: what was changed in the future was changed now.
  const std::int64_t now_s = io::wall_ms() / 1000;
  std::string& lines = info.fields_of_304;
  lines = "ETag: " + info.etag +
          "\r\nLast-Modified: " + http_date(std::clamp<std::int64_t>(info.mtime_s, 0, now_s)) +
          "\r\n";
  info.validators_size = lines.size();
  if (const auto caching = cache_control_of(status.path); !caching.empty()) {
    lines.append("Cache-Control: ").append(caching).append("\r\n");
  }
  const bool stored = !status.content_type.empty() && is_printable(status.content_type);
  info.fields = "Content-Type: ";
  info.fields.append(stored ? std::string_view(status.content_type) : content_type_of(status.path));
  // What it is was said: nobody is to guess something more dangerous from the bytes.
  info.fields.append("\r\nX-Content-Type-Options: nosniff\r\nAccept-Ranges: bytes\r\n");
  if (options_.sandbox) info.fields.append("Content-Security-Policy: sandbox\r\n");
  std::snprintf(tag, sizeof tag, "X-Ssdfs-Crc32c: %08x\r\n", status.crc32c);
  info.fields.append(tag).append(lines);
  info.status = std::move(status);
  return info;
}

std::string_view gateway::methods() const noexcept {
  return options_.write ? "GET, HEAD, PUT, DELETE, OPTIONS" : "GET, HEAD, OPTIONS";
}

// Also asked by browsers, on behalf of a page that would like to send a request.
void gateway::answer_options(const exchange_ptr& e) {
  const request_head& head = e->request();
  std::string fields = "Allow: " + std::string(methods()) + "\r\n";
  if (options_.cors.active() && cors_policy::is_preflight(head)) {
    const std::string more = options_.cors.preflight_fields(head, methods());
    if (more.empty()) {
      return respond_error(*e, 403, "cors", "a page of this origin may not ask this", {}, fields);
    }
    fields += more;
  }
  e->respond_head(204, fields, {});
}

file_info_ptr gateway::shown_by_link(const file_info_ptr& info, std::string_view query) const {
  const auto left_s = seconds_left(query, io::wall_ms() / 1000);
  if (!left_s) return info;
  auto out = std::make_shared<file_info>(*info);
  const std::string caching = caching_of_link(cache_control_of(info->status.path), *left_s);
  for (std::string* lines : {&out->fields, &out->fields_of_304}) {
    drop_line(*lines, "Cache-Control: ");
    lines->append(caching);
  }
  return out;
}

void gateway::handle(const exchange_ptr& e) {
  const request_head& head = e->request();
  if (options_.cors.active()) e->add_fields(options_.cors.fields(head.get(field::origin)));
  // "/fsx" is somebody else's.
  const bool below =
      head.path.size() > files_prefix.size() && head.path[files_prefix.size()] == '/';
  if (head.path != files_prefix && head.path != "*" && !below) {
    return respond_error(*e, 404, "not_found", "no such page", {});
  }
  if (head.verb == method::options) return answer_options(e);
  auto path = store_path(head.path, files_prefix);
  if (!path) {
    return respond_error(*e, 400, "invalid_path", "the path is not percent-encoded properly", {});
  }
  const bool reads = head.verb == method::get || head.verb == method::head;
  if (reads && !options_.secret.empty()) {
    const auto now_s = io::wall_ms() / 1000;
    const signature s = check_signature(options_.secret, *path, head.query, now_s);
    if (s == signature::expired) {
      return respond_error(*e, 403, "expired", "the link has expired", *path);
    }
    if (s == signature::bad || (s == signature::none && options_.only_signed)) {
      return respond_error(*e, 403, "signature", "a valid signature is needed", *path);
    }
  }
  if (reads) return serve_file(e, std::move(*path));
  const bool writes = head.verb == method::put || head.verb == method::del;
  if (!writes || !options_.write) {
    return respond_error(*e, 405, "method", std::string(methods()) + " are possible here", *path,
                         "Allow: " + std::string(methods()) + "\r\n");
  }
  if (head.verb == method::put) return put(e, *path);
  remove(e, *path);
}

void gateway::serve_file(const exchange_ptr& e, std::string path) {
  if (wants_fresh(e->request())) {
    lookups_->drop(path);
  } else if (const auto known = lookups_->find(path)) {
    return serve(e, path, known, 0);
  }
  lookups_->get(path, [self = shared_from_this(), e, path](result<file_info_ptr> info) {
    if (!info) return respond_error(*e, info.error(), path);
    self->serve(e, path, *info, 1);
  });
}

}  // namespace ssdfs::http
