// WebHDFS: OPEN and CREATE, at the master (which sends the caller on) and at a datanode.
#include "http/change_fields.hpp"
#include "http/signed_url.hpp"
#include "http/url.hpp"
#include "http/webhdfs.hpp"
#include "io/clock.hpp"

#include <cstdio>
#include <sstream>

namespace ssdfs::http {
namespace {

constexpr std::int64_t ticket_seconds = 600;

// What is made has content, so it is no directory.
void refuse_slash(const webhdfs_call& c) {
  respond_remote_exception(*c.e, 400, "org.apache.hadoop.fs.InvalidPathException",
                           c.path + "/: a file's path has no slash at its end");
}

// Those of a list, separated by commas.
std::vector<std::string> excluded_nodes(const webhdfs_call& c) {
  std::vector<std::string> out;
  std::istringstream parts(c.get("excludedatanodes"));
  for (std::string part; std::getline(parts, part, ',');) {
    if (!part.empty()) out.push_back(part);
  }
  return out;
}

}  // namespace

std::string webhdfs::ticket_of(const call& c, std::string_view expires) const {
  std::string text = c->op + "\n" + c->path + "\n" + c->user + "\n";
  return hmac_hex(options_.ticket_key(), text.append(expires));
}

bool webhdfs::has_ticket(const call& c) const {
  const std::string expires = c->get("expires");
  const auto until = parse_number(expires);
  return until && static_cast<std::int64_t>(*until) >= io::wall_ms() / 1000 &&
         same_digest(c->get("ticket"), ticket_of(c, expires));
}

void webhdfs::redirect_to(const call& c, const std::vector<std::string>& holders,
                          const std::string& parameters) {
  files_->nodes().get([self = shared_from_this(), c, holders,
                       parameters](result<std::shared_ptr<const http_nodes>> nodes) {
    if (!nodes) return respond_remote_exception(*c->e, nodes.error(), c->path);
    const std::string node = seen_by_caller(choose_node(**nodes, holders, excluded_nodes(*c)),
                                            c->e->request().get(field::host));
    if (node.empty()) {
      return respond_remote_exception(
          *c->e, failure(errc::no_datanodes, "no datanode answers HTTP"), c->path);
    }
    const std::string expires = std::to_string(io::wall_ms() / 1000 + ticket_seconds);
    const std::string to = "http://" + node + "/webhdfs/v1" + percent_encode(c->path) +
                           "?op=" + c->op + "&user.name=" + percent_encode(c->user) + parameters +
                           "&expires=" + expires + "&ticket=" + self->ticket_of(c, expires);
    if (c->flag("noredirect")) return respond_json(*c->e, "{\"Location\":\"" + to + "\"}");
    c->e->respond(307, "Location: " + to + "\r\nContent-Type: application/octet-stream\r\n", {});
  });
}

void webhdfs::redirect_open(const call& c) {
  const std::uint64_t offset = c->number("offset").value_or(0);
  stat_options options;
  options.chunks = true;
  options.chunk_limit = 1;  // the one that is read first
  options.chunks_at = offset;
  c->as->async_stat(
      c->path, options,
      [self = shared_from_this(), c, offset](boost::system::error_code ec, const file_status& s) {
        if (ec == errc::not_found) {
          return respond_remote_exception(*c->e, failure(errc::not_found, "File does not exist"),
                                          c->path);
        }
        if (ec) return respond_remote_exception(*c->e, failure(ec), c->path);
        if (s.type == entry_type::directory) {
          return respond_remote_exception(*c->e, 404, "java.io.FileNotFoundException",
                                          "Path is not a file: " + c->path);
        }
        if (offset > s.size || (offset == s.size && s.size > 0)) {
          return respond_remote_exception(*c->e, 403, "java.io.IOException",
                                          "Offset=" + std::to_string(offset) +
                                              " out of the range [0, " + std::to_string(s.size) +
                                              "); OPEN, path=" + c->path);
        }
        std::string parameters;
        for (const char* name : {"offset", "length"}) {
          if (const auto n = c->number(name)) {
            parameters += "&" + std::string(name) + "=" + std::to_string(*n);
          }
        }
        self->redirect_to(c, s.chunks.empty() ? std::vector<std::string>() : s.chunks.front().nodes,
                          parameters);
      });
}

void webhdfs::redirect_create(const call& c) {
  if (names_directory(c->e->request().path)) return refuse_slash(*c);
  const bool overwrite = c->flag("overwrite");
  c->as->async_stat(c->path, [self = shared_from_this(), c, overwrite](boost::system::error_code ec,
                                                                       const file_status& s) {
    if (ec && !(ec == errc::not_found)) {
      return respond_remote_exception(*c->e, failure(ec), c->path);
    }
    if (!ec && (!overwrite || s.type == entry_type::directory)) {
      return respond_remote_exception(*c->e, failure(errc::exists, "already exists"), c->path);
    }
    std::string parameters = overwrite ? "&overwrite=true" : "&overwrite=false";
    if (const auto mode = c->permission()) {
      char text[32];
      std::snprintf(text, sizeof text, "&permission=%o", static_cast<unsigned>(*mode));
      parameters += text;
    }
    if (const auto n = c->number("replication")) {
      parameters += "&replication=" + std::to_string(*n);
    }
    self->redirect_to(c, {}, parameters);
  });
}

void webhdfs::open(const call& c) {
  if (files_->options().only_signed && !has_ticket(c)) {
    return respond_remote_exception(*c->e, 403, "org.apache.hadoop.security.AccessControlException",
                                    "ask the master, which gives the ticket that is needed");
  }
  files_->serve_part(c->e, c->path, c->number("offset").value_or(0), c->number("length"));
}

void webhdfs::create(const call& c) {
  if (!files_->options().write && !has_ticket(c)) {
    return respond_remote_exception(*c->e, 403, "org.apache.hadoop.security.AccessControlException",
                                    "ask the master, which gives the ticket that is needed");
  }
  if (names_directory(c->e->request().path)) return refuse_slash(*c);
  upload_fields fields;
  if (const auto field = read_upload_fields(c->e->request(), fields)) {
    return respond_refused_field(*c->e, *field);
  }
  gateway::upload_options options;
  options.put.content_type = std::move(fields.content_type);
  options.digests = std::move(fields.digests);
  options.size = fields.size;
  options.put.overwrite = c->flag("overwrite");
  options.put.mode = c->permission().value_or(0644);
  options.put.user = c->user;
  options.put.replication = static_cast<std::uint8_t>(c->number("replication").value_or(0));
  files_->upload(c->e, c->path, std::move(options),
                 [self = shared_from_this(), c](result<mutation_result> stored) {
                   self->files_->lookups().drop(c->path);
                   if (!stored) return respond_remote_exception(*c->e, stored.error(), c->path);
                   c->e->respond(201, "Location: /webhdfs/v1" + percent_encode(c->path) + "\r\n",
                                 {});
                 });
}

}  // namespace ssdfs::http
