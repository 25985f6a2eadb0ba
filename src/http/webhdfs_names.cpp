// WebHDFS: operations on names and attributes.
#include "http/url.hpp"
#include "http/webhdfs.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <charconv>
#include <cstdio>

namespace ssdfs::http {
namespace {

namespace json = boost::json;

constexpr std::uint64_t block_size = 8 << 20;
// What one answer may hold; larger directories are listed in batches.
constexpr std::size_t longest_listing = 64 << 20;

std::string octal(std::uint16_t mode) {
  char text[8];
  const auto end = std::to_chars(text, text + sizeof text, mode, 8).ptr;
  return {text, end};
}

json::object status_json(const file_status& s, std::string_view suffix) {
  const bool directory = s.type == entry_type::directory;
  json::object o;
  o["accessTime"] = directory ? 0 : s.mtime_ms;
  o["blockSize"] = directory ? 0 : block_size;
  o["childrenNum"] = 0;
  o["fileId"] = 0;
  o["group"] = s.group;
  o["length"] = s.size;
  o["modificationTime"] = s.mtime_ms;
  o["owner"] = s.owner;
  o["pathSuffix"] = suffix;
  o["permission"] = octal(s.mode);
  o["replication"] = s.replication;
  o["storagePolicy"] = 0;
  o["type"] = directory ? "DIRECTORY" : "FILE";
  return o;
}

std::string name_of_entry(const file_status& s) { return s.path.substr(s.path.rfind('/') + 1); }

std::string boolean(bool value) { return value ? "{\"boolean\":true}" : "{\"boolean\":false}"; }

void append_entries(std::string& to, const list_page& page) {
  for (const file_status& s : page.entries) {
    if (!to.empty() && to.back() == '}') to += ',';
    to += json::serialize(status_json(s, name_of_entry(s)));
  }
}

// Limits as Hadoop says them: -1 is none.
std::int64_t limit_of(std::uint64_t n) { return n == 0 ? -1 : static_cast<std::int64_t>(n); }

bool may(const file_status& s, const std::string& user, std::string_view wanted) {
  if (user == "root") return true;
  const unsigned shift = user == s.owner ? 6 : user == s.group ? 3 : 0;
  const unsigned bits = static_cast<unsigned>(s.mode) >> shift;
  return std::all_of(wanted.begin(), wanted.end(), [&](char c) {
    return c == '-' || (c == 'r' && (bits & 4) != 0) || (c == 'w' && (bits & 2) != 0) ||
           (c == 'x' && (bits & 1) != 0);
  });
}

// What every completion here does first; true if it was a failure and is answered.
bool refused(const webhdfs_call& c, boost::system::error_code ec, const diagnostics& diag) {
  if (!ec) return false;
  const std::string text = ec == errc::not_found ? "File does not exist" : diag.message;
  respond_remote_exception(*c.e, failure(ec, text), c.path);
  return true;
}

}  // namespace

void webhdfs::get_file_status(const call& c) {
  auto diag = std::make_shared<diagnostics>();
  c->as->async_stat(c->path, {.diag = diag.get()},
                    [c, diag](boost::system::error_code ec, const file_status& s) {
                      if (refused(*c, ec, *diag)) return;
                      json::object body;
                      body["FileStatus"] = status_json(s, "");
                      respond_json(*c->e, json::serialize(body));
                    });
}

void webhdfs::list_status(const call& c) {
  auto diag = std::make_shared<diagnostics>();
  c->as->async_stat(
      c->path, {.diag = diag.get()},
      [self = shared_from_this(), c, diag](boost::system::error_code ec, const file_status& s) {
        if (refused(*c, ec, *diag)) return;
        if (s.type == entry_type::directory) {
          return self->list_page_of(c, {}, std::make_shared<std::string>());
        }
        respond_json(*c->e, "{\"FileStatuses\":{\"FileStatus\":[" +
                                json::serialize(status_json(s, "")) + "]}}");
      });
}

void webhdfs::list_page_of(const call& c, const std::string& after,
                           std::shared_ptr<std::string> so_far) {
  list_options options;
  options.after = after;
  options.limit = max_list_entries;
  auto diag = std::make_shared<diagnostics>();
  options.diag = diag.get();
  c->as->async_list(c->path, options,
                    [self = shared_from_this(), c, diag, so_far](boost::system::error_code ec,
                                                                 const list_page& page) {
                      if (refused(*c, ec, *diag)) return;
                      append_entries(*so_far, page);
                      if (so_far->size() > longest_listing) {
                        return respond_remote_exception(
                            *c->e, 403, "java.io.IOException",
                            c->path + ": too many entries, use LISTSTATUS_BATCH");
                      }
                      if (page.more) return self->list_page_of(c, page.next, so_far);
                      respond_json(*c->e, "{\"FileStatuses\":{\"FileStatus\":[" + *so_far + "]}}");
                    });
}

void webhdfs::list_status_batch(const call& c) {
  list_options options;
  options.after = c->get("startAfter");
  options.limit = 1000;
  auto diag = std::make_shared<diagnostics>();
  options.diag = diag.get();
  c->as->async_list(
      c->path, options, [c, diag](boost::system::error_code ec, const list_page& page) {
        if (refused(*c, ec, *diag)) return;
        std::string entries;
        append_entries(entries, page);
        respond_json(
            *c->e, "{\"DirectoryListing\":{\"partialListing\":{\"FileStatuses\":{\"FileStatus\":[" +
                       entries + "]}},\"remainingEntries\":" + (page.more ? "1" : "0") + "}}");
      });
}

void webhdfs::get_content_summary(const call& c) {
  auto diag = std::make_shared<diagnostics>();
  c->as->async_summary(c->path, {.diag = diag.get()},
                       [c, diag](boost::system::error_code ec, const content_summary& s) {
                         if (refused(*c, ec, *diag)) return;
                         json::object o;
                         o["directoryCount"] = s.directories;
                         o["ecPolicy"] = "Replicated";
                         o["fileCount"] = s.files;
                         o["length"] = s.bytes;
                         o["quota"] = -1;
                         o["spaceConsumed"] = s.bytes;
                         o["spaceQuota"] = -1;
                         o["typeQuota"] = json::object();
                         json::object body;
                         body["ContentSummary"] = std::move(o);
                         respond_json(*c->e, json::serialize(body));
                       });
}

void webhdfs::get_quota_usage(const call& c) {
  auto diag = std::make_shared<diagnostics>();
  c->as->async_quota(c->path, {.diag = diag.get()},
                     [c, diag](boost::system::error_code ec, const quota_status& q) {
                       if (refused(*c, ec, *diag)) return;
                       json::object o;
                       o["fileAndDirectoryCount"] = q.names_used;
                       o["quota"] = limit_of(q.names_limit);
                       o["spaceConsumed"] = q.bytes_used;
                       o["spaceQuota"] = limit_of(q.bytes_limit);
                       o["typeQuota"] = json::object();
                       json::object body;
                       body["QuotaUsage"] = std::move(o);
                       respond_json(*c->e, json::serialize(body));
                     });
}

void webhdfs::get_file_checksum(const call& c) {
  auto diag = std::make_shared<diagnostics>();
  c->as->async_stat(c->path, {.diag = diag.get()},
                    [c, diag](boost::system::error_code ec, const file_status& s) {
                      if (refused(*c, ec, *diag)) return;
                      if (s.type == entry_type::directory) {
                        return respond_remote_exception(*c->e, 404, "java.io.FileNotFoundException",
                                                        "Path is not a file: " + c->path);
                      }
                      char bytes[16];
                      std::snprintf(bytes, sizeof bytes, "%08x", s.crc32c);
                      json::object o;
                      o["algorithm"] = "COMPOSITE-CRC32C";
                      o["bytes"] = bytes;
                      o["length"] = 4;
                      json::object body;
                      body["FileChecksum"] = std::move(o);
                      respond_json(*c->e, json::serialize(body));
                    });
}

void webhdfs::check_access(const call& c) {
  const std::string wanted = c->get("fsaction");
  if (wanted.empty()) {
    return respond_remote_exception(*c->e, 400, "java.lang.IllegalArgumentException",
                                    "fsaction is missing");
  }
  auto diag = std::make_shared<diagnostics>();
  c->as->async_stat(c->path, {.diag = diag.get()},
                    [c, diag, wanted, checked = options_.permissions](boost::system::error_code ec,
                                                                      const file_status& s) {
                      if (refused(*c, ec, *diag)) return;
                      if (checked && !may(s, c->user, wanted)) {
                        return respond_remote_exception(
                            *c->e,
                            failure(errc::permission_denied,
                                    "Permission denied: user=" + c->user + ", access=" + wanted),
                            c->path);
                      }
                      c->e->respond(200, {}, {});
                    });
}

void webhdfs::make_directories(const call& c) {
  mkdir_options options;
  options.parents = true;
  if (const auto mode = c->permission()) options.mode = *mode;
  auto diag = std::make_shared<diagnostics>();
  options.diag = diag.get();
  c->as->async_mkdir(c->path, options,
                     [c, diag](boost::system::error_code ec, const mutation_result&) {
                       if (refused(*c, ec, *diag)) return;
                       respond_json(*c->e, boolean(true));
                     });
}

// Hadoop's rename moves into a directory that is there, and says false instead of failing.
void webhdfs::rename(const call& c) {
  std::string to = c->get("destination");
  const bool into_directory = to.ends_with('/');
  while (to.size() > 1 && to.ends_with('/')) to.pop_back();
  if (!to.starts_with('/')) {
    return respond_remote_exception(*c->e, 400, "java.lang.IllegalArgumentException",
                                    "destination is not an absolute path");
  }
  const std::string flags = c->get("renameoptions");
  c->as->async_stat(to, [self = shared_from_this(), c, to, flags, into_directory](
                            boost::system::error_code ec, const file_status& there) mutable {
    if (into_directory && (ec == errc::not_found || (!ec && there.type == entry_type::file))) {
      if (flags.empty()) return respond_json(*c->e, boolean(false));
      return respond_remote_exception(*c->e, failure(errc::not_found, "there is no such directory"),
                                      to);
    }
    if (flags.empty() && !ec && there.type == entry_type::directory) {
      to += (to.ends_with('/') ? "" : "/") + c->path.substr(c->path.rfind('/') + 1);
    }
    rename_options options;
    options.overwrite = iequal(flags, "OVERWRITE");
    auto diag = std::make_shared<diagnostics>();
    options.diag = diag.get();
    c->as->async_rename(
        c->path, to, options,
        [self, c, to, diag, flags](boost::system::error_code failed, const mutation_result&) {
          self->files_->lookups().drop(c->path);
          self->files_->lookups().drop(to);
          if (!flags.empty()) {
            if (refused(*c, failed, *diag)) return;
            return c->e->respond(200, {}, {});
          }
          if (failed == errc::not_found || failed == errc::exists || failed == errc::into_itself ||
              failed == errc::not_directory || failed == errc::is_directory) {
            return respond_json(*c->e, boolean(false));
          }
          if (refused(*c, failed, *diag)) return;
          respond_json(*c->e, boolean(true));
        });
  });
}

void webhdfs::remove(const call& c) {
  remove_options options;
  options.recursive = c->flag("recursive");
  options.skip_trash = c->flag("skiptrash");
  auto diag = std::make_shared<diagnostics>();
  options.diag = diag.get();
  c->as->async_remove(
      c->path, options,
      [self = shared_from_this(), c, diag](boost::system::error_code ec, const mutation_result&) {
        self->files_->lookups().drop(c->path);
        if (ec == errc::not_found) return respond_json(*c->e, boolean(false));
        if (refused(*c, ec, *diag)) return;
        respond_json(*c->e, boolean(true));
      });
}

void webhdfs::get_home_directory(const call& c) {
  respond_json(*c->e, "{\"Path\":\"/user/" + c->user + "\"}");
}

void webhdfs::get_trash_root(const call& c) { respond_json(*c->e, "{\"Path\":\"/.trash\"}"); }

void webhdfs::set_permission(const call& c) {
  attribute_changes changes;
  changes.mode = c->permission().value_or(0755);
  set_attributes(c, std::move(changes), false);
}

void webhdfs::set_owner(const call& c) {
  attribute_changes changes;
  if (const auto owner = c->get("owner"); !owner.empty()) changes.owner = owner;
  if (const auto group = c->get("group"); !group.empty()) changes.group = group;
  if (!changes.owner && !changes.group) {
    return respond_remote_exception(*c->e, 400, "java.lang.IllegalArgumentException",
                                    "Both owner and group are empty.");
  }
  set_attributes(c, std::move(changes), false);
}

// -1, which is no number here, leaves a time as it is.
void webhdfs::set_times(const call& c) {
  const auto modified = c->number("modificationtime");
  // What is shown as the time of access is that of the last change.
  if (const auto accessed = c->number("accesstime"); accessed && accessed != modified) {
    return respond_remote_exception(*c->e, 400, "java.lang.UnsupportedOperationException",
                                    "accesstime: access times are not kept");
  }
  attribute_changes changes;
  if (modified) changes.mtime_ms = static_cast<std::int64_t>(*modified);
  set_attributes(c, std::move(changes), false);
}

void webhdfs::set_replication(const call& c) {
  const auto copies = c->number("replication");
  if (!copies) {
    return respond_remote_exception(*c->e, 400, "java.lang.IllegalArgumentException",
                                    "replication is missing");
  }
  attribute_changes changes;
  changes.replication = static_cast<std::uint8_t>(*copies);
  set_attributes(c, std::move(changes), true);
}

// `tells`: answers with a boolean, which is false for directories.
void webhdfs::set_attributes(const call& c, attribute_changes changes, bool tells) {
  auto diag = std::make_shared<diagnostics>();
  c->as->async_set_attributes(c->path, std::move(changes), {.diag = diag.get()},
                              [self = shared_from_this(), c, diag, tells](
                                  boost::system::error_code ec, const mutation_result&) {
                                self->files_->lookups().drop(c->path);
                                const bool no_file =
                                    ec == errc::is_directory || ec == errc::invalid_argument;
                                if (tells && (no_file || ec == errc::not_found))
                                  return respond_json(*c->e, boolean(false));
                                if (refused(*c, ec, *diag)) return;
                                if (tells) return respond_json(*c->e, boolean(true));
                                c->e->respond(200, {}, {});
                              });
}

}  // namespace ssdfs::http
