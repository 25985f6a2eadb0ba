// WebHDFS: OPEN and CREATE, at the master (which sends the caller on) and at a datanode.
#include "http/signed_url.hpp"
#include "http/url.hpp"
#include "http/webhdfs.hpp"
#include "io/clock.hpp"

#include <cstdlib>

namespace ssdfs::http {
namespace {

constexpr std::int64_t ticket_seconds = 600;

std::uint16_t mode_of(const std::string& text, std::uint16_t usual) {
  if (text.empty()) return usual;
  return static_cast<std::uint16_t>(std::strtoul(text.c_str(), nullptr, 8) & 07777);
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
    const std::string node = choose_node(**nodes, holders);
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
  const std::uint64_t offset = parse_number(c->get("offset")).value_or(0);
  stat_options options;
  options.chunks = true;
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
          if (const auto n = parse_number(c->get(name))) {
            parameters += "&" + std::string(name) + "=" + std::to_string(*n);
          }
        }
        std::vector<std::string> holders;
        std::uint64_t begin = 0;
        for (const chunk_location& chunk : s.chunks) {
          if (offset < begin + chunk.size) {
            holders = chunk.nodes;
            break;
          }
          begin += chunk.size;
        }
        self->redirect_to(c, holders, parameters);
      });
}

void webhdfs::redirect_create(const call& c) {
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
    for (const char* name : {"permission", "replication"}) {
      if (const auto n = parse_number(c->get(name))) {
        parameters += "&" + std::string(name) + "=" + std::to_string(*n);
      }
    }
    self->redirect_to(c, {}, parameters);
  });
}

void webhdfs::open(const call& c) {
  if (files_->options().only_signed && !has_ticket(c)) {
    return respond_remote_exception(*c->e, 403, "org.apache.hadoop.security.AccessControlException",
                                    "ask the master, which gives the ticket that is needed");
  }
  const std::uint64_t offset = parse_number(c->get("offset")).value_or(0);
  files_->serve_part(c->e, c->path, offset, parse_number(c->get("length")));
}

void webhdfs::create(const call& c) {
  if (!files_->options().write && !has_ticket(c)) {
    return respond_remote_exception(*c->e, 403, "org.apache.hadoop.security.AccessControlException",
                                    "ask the master, which gives the ticket that is needed");
  }
  gateway::upload_options options;
  options.put.overwrite = c->flag("overwrite");
  options.put.mode = mode_of(c->get("permission"), 0644);
  options.put.user = c->user;
  const auto copies = parse_number(c->get("replication")).value_or(0);
  options.put.replication = static_cast<std::uint8_t>(copies > 3 ? 3 : copies);
  files_->upload(c->e, c->path, std::move(options),
                 [self = shared_from_this(), c](result<mutation_result> stored) {
                   self->files_->lookups().drop(c->path);
                   if (!stored) return respond_remote_exception(*c->e, stored.error(), c->path);
                   c->e->respond(201, "Location: /webhdfs/v1" + percent_encode(c->path) + "\r\n",
                                 {});
                 });
}

}  // namespace ssdfs::http
