// GET and HEAD: conditions, ranges, and where the bytes come from.
#include "http/conditions.hpp"
#include "http/file_body.hpp"
#include "http/gateway.hpp"
#include "http/http_errors.hpp"
#include "http/url.hpp"
#include "http/webhdfs.hpp"

#include <algorithm>

namespace ssdfs::http {
namespace {

// Up to here an answer is put together in memory; above it is sent piece by piece.
constexpr std::uint64_t inline_local = 256 << 10;
constexpr std::uint64_t inline_remote = 256 << 10;
// Each holds up to some MiB of read-ahead.
constexpr int most_streams = 256;

// Counts one large answer from elsewhere as long as it lives.
class counted_body final : public body_source {
 public:
  counted_body(std::unique_ptr<body_source> of, std::shared_ptr<std::atomic<int>> count)
      : of_(std::move(of)), count_(std::move(count)) {}
  ~counted_body() override { count_->fetch_sub(1); }
  void next(piece_handler done) override { of_->next(std::move(done)); }

 private:
  std::unique_ptr<body_source> of_;
  std::shared_ptr<std::atomic<int>> count_;
};

}  // namespace

// One answer with content.
struct gateway::reading {
  std::string path;
  file_info_ptr info;
  byte_range part;
  unsigned status = 200;
  std::string extra;  // Content-Range
  int lookups = 0;    // that were made for this request
  std::unique_ptr<local_chunk> chunk;
  bytes_span room;

  [[nodiscard]] std::string fields() const { return extra + info->fields; }
};

void gateway::serve(const exchange_ptr& e, std::string_view path, const file_info_ptr& found,
                    int lookups) {
  const request_head& head = e->request();
  const bool by_link = !options_.secret.empty() && !head.query.empty();
  const file_info_ptr info = by_link ? shown_by_link(found, head.query) : found;
  if (info->status.type == entry_type::directory) {
    if (options_.list) return list(e, std::string(path));
    return respond_error(*e, 404, "is_directory", "this is a directory", path);
  }
  if (names_directory(head.path)) {
    return respond_error(*e, 404, "not_directory", "this is a file: without a slash", path);
  }
  const validators now{true, info->etag, info->mtime_s};
  switch (check_conditions(head, now)) {
    case verdict::not_modified: return e->respond_head(304, info->fields_of_304, {});
    case verdict::failed:
      return respond_error(*e, 412, "precondition", "a condition does not hold", path,
                           info->validators());
    case verdict::malformed:
    case verdict::proceed: break;
  }
  if (!head.query.empty()) {
    const std::string wanted = query_value(head.query, "redirect").value_or("0");
    if (wanted == "1") return redirect(e, std::string(path), info);
    if (wanted != "0") {
      return respond_error(*e, 400, "invalid_argument", "redirect is 0 or 1", path);
    }
  }
  const std::uint64_t size = info->status.size;
  const range_request wanted = wanted_range(head, size, now);
  if (wanted.what == range_request::kind::unsatisfiable) {
    return respond_error(*e, 416, "range", "the range is not inside the file", path,
                         content_range({}, size).append(info->validators()));
  }
  if (head.verb == method::head) return e->respond_head(200, info->fields, size);
  if (size == 0) return e->respond(200, info->fields, {});
  const bool part = wanted.what == range_request::kind::part;
  // The quick way, without anything to keep: one chunk, here, in memory.
  const auto& chunks = info->status.chunks;
  if (!part && chunks.size() == 1 && size <= inline_local && options_.local != nullptr) {
    if (const auto here = options_.local->find(chunks.front())) {
      const bytes_span room = e->begin(200, info->fields, size);
      if (here->read_cached(0, room)) return e->finish();
      e->cancel();
    }
  }
  auto r = std::make_shared<reading>();
  r->path = path;
  r->info = info;
  r->part = part ? wanted.part : byte_range{0, size};
  r->status = part ? 206 : 200;
  if (part) r->extra = content_range(wanted.part, size);
  r->lookups = lookups;
  send_content(e, r);
}

void gateway::send_content(const exchange_ptr& e, const std::shared_ptr<reading>& r) {
  if (send_local(e, r)) return;
  if (r->part.length <= inline_remote && !begins_here(*r)) return send_remote(e, r);
  send_stream(e, r);
}

// True if the first byte is in a volume of this process.
bool gateway::begins_here(const reading& r) const {
  if (options_.local == nullptr) return false;
  const auto [chunk, begin] = chunk_at(r.info->status, r.part.offset);
  return chunk != nullptr && options_.local->find(*chunk) != nullptr;
}

// A small piece of one chunk that is here; false if it is not.
bool gateway::send_local(const exchange_ptr& e, const std::shared_ptr<reading>& r) {
  if (options_.local == nullptr || r->part.length > inline_local) return false;
  const auto [chunk, begin] = chunk_at(r->info->status, r->part.offset);
  if (chunk == nullptr) return false;
  const std::uint64_t offset = r->part.offset - begin;
  if (offset + r->part.length > chunk->size) return false;
  r->chunk = options_.local->find(*chunk);
  if (!r->chunk) return false;
  r->room = e->begin(r->status, r->fields(), r->part.length);
  const auto at = static_cast<std::uint32_t>(offset);
  auto cached = r->chunk->read_cached(at, r->room);
  if (cached) {
    e->finish();
    return true;
  }
  if (!(cached.error() == errc::busy)) {
    e->cancel();
    return false;
  }
  r->chunk->read(at, r->room, [self = shared_from_this(), e, r](result<void> done) {
    if (done) return e->finish();
    e->cancel();
    self->send_remote(e, r);  // another node has a good copy
  });
  return true;
}

void gateway::send_remote(const exchange_ptr& e, const std::shared_ptr<reading>& r) {
  auto diag = std::make_shared<diagnostics>();
  get_options options;
  options.offset = r->part.offset;
  options.length = r->part.length;
  options.diag = diag.get();
  client_.async_get(
      r->path, options,
      [self = shared_from_this(), e, r, diag](boost::system::error_code ec, file_content content) {
        if (ec) return self->begin_anew(e, r, failure(ec, diag->message));
        if (!same_content(content.status(), r->info->status) || content.size() != r->part.length) {
          return self->begin_anew(e, r, errc::changed);
        }
        const bytes_span room = e->begin(r->status, r->fields(), content.size());
        std::copy(content.bytes().begin(), content.bytes().end(), room.begin());
        e->finish();
      });
}

void gateway::send_stream(const exchange_ptr& e, const std::shared_ptr<reading>& r) {
  file_body::settings s{r->path, r->info, r->part.offset, r->part.offset + r->part.length};
  if (begins_here(*r)) {
    return e->respond_stream(r->status, r->fields(), r->part.length,
                             std::make_unique<file_body>(client_, options_.local, std::move(s)));
  }
  if (streams_->fetch_add(1) >= most_streams) {
    streams_->fetch_sub(1);
    return respond_error(*e, failure(errc::busy, "too many large files are being sent"), r->path);
  }
  // Opened before the answer begins: a file that is gone is still a 404.
  auto diag = std::make_shared<diagnostics>();
  get_options options;
  options.offset = r->part.offset;
  client_.async_open_read(
      r->path, options,
      [self = shared_from_this(), e, r, s = std::move(s)](boost::system::error_code ec,
                                                          file_reader reader) mutable {
        const auto count = self->streams_;
        if (ec || !same_content(reader.status(), r->info->status)) {
          count->fetch_sub(1);
          return self->begin_anew(e, r, ec ? failure(ec) : failure(errc::changed));
        }
        auto body = std::make_unique<file_body>(self->client_, nullptr, std::move(s));
        body->adopt(std::move(reader));
        e->respond_stream(r->status, r->fields(), r->part.length,
                          std::make_unique<counted_body>(std::move(body), count));
      });
}

// The lookup was no good any more: from the start with a new one. A file that is replaced all the
// time may be another one by the time that it is read, again and again.
void gateway::begin_anew(const exchange_ptr& e, const std::shared_ptr<reading>& r,
                         const failure& why) {
  lookups_->drop(r->path);
  constexpr int most_lookups = 8;
  const int worth = why == errc::changed ? most_lookups : 1;
  if (r->lookups >= worth) return respond_error(*e, why, r->path);
  lookups_->get(r->path, [self = shared_from_this(), e, r](result<file_info_ptr> info) {
    if (!info) return respond_error(*e, info.error(), r->path);
    self->serve(e, r->path, *info, r->lookups + 1);
  });
}

void gateway::serve_part(const exchange_ptr& e, const std::string& path, std::uint64_t offset,
                         std::optional<std::uint64_t> length) {
  lookups_->drop(path);
  lookups_->get(path,
                [self = shared_from_this(), e, path, offset, length](result<file_info_ptr> info) {
                  if (!info) return respond_remote_exception(*e, info.error(), path);
                  const file_status& file = (*info)->status;
                  if (file.type == entry_type::directory || offset > file.size) {
                    return respond_remote_exception(*e, 404, "java.io.FileNotFoundException",
                                                    "Path is not a file, or shorter: " + path);
                  }
                  const std::uint64_t n = std::min(length.value_or(file.size), file.size - offset);
                  if (n == 0) return e->respond(200, (*info)->fields, {});
                  auto r = std::make_shared<reading>();
                  r->path = path;
                  r->info = *info;
                  r->part = {offset, n};
                  r->lookups = 1;
                  self->send_content(e, r);
                });
}

void gateway::redirect(const exchange_ptr& e, const std::string& path, const file_info_ptr& info) {
  nodes_->get([self = shared_from_this(), e, path,
               info](result<std::shared_ptr<const http_nodes>> nodes) {
    if (!nodes) return respond_error(*e, nodes.error(), path);
    const auto& chunks = info->status.chunks;
    const std::string to =
        choose_node(**nodes, chunks.empty() ? std::vector<std::string>() : chunks.front().nodes);
    if (to.empty()) {
      return respond_error(*e, failure(errc::no_datanodes, "no datanode answers HTTP"), path);
    }
    std::string query;
    // A signature holds there, too.
    for (const char* name : {"expires", "signature"}) {
      if (const auto value = query_value(e->request().query, name)) {
        query.append(query.empty() ? "?" : "&").append(name).append("=");
        query.append(percent_encode(*value));
      }
    }
    e->respond(307,
               "Location: http://" + to + "/fs" + percent_encode(path) + query +
                   "\r\nCache-Control: no-store\r\n",
               {});
  });
}

}  // namespace ssdfs::http
