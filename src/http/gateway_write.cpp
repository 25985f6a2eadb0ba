// PUT and DELETE.
#include "http/change_fields.hpp"
#include "http/conditions.hpp"
#include "http/gateway.hpp"
#include "http/http_errors.hpp"
#include "http/url.hpp"

namespace ssdfs::http {
namespace {

bool is_conditional(const request_head& head) {
  return !head.get(field::if_match).empty() || !head.get(field::if_none_match).empty() ||
         !head.get(field::if_unmodified_since).empty();
}

file_version version_of(const file_info& info) {
  return {info.status.size, info.status.crc32c, info.status.mtime_ms};
}

failure wrong_expected_size() {
  return {errc::invalid_argument, "the body is not as long as X-Expected-Entity-Length says"};
}

// A body that is said to be this long at most is collected and stored with one call. It costs a
// third of a stream, which has a chunk's memory and a turn of the client for each of its steps.
constexpr std::uint64_t whole_body_limit = 64 << 10;

// A short request body on its way into the store. Keeps itself alive through what it waits for.
class short_upload : public std::enable_shared_from_this<short_upload> {
 public:
  short_upload(client& to, exchange_ptr e, std::string path, gateway::upload_options options,
               gateway::upload_handler done)
      : client_(to),
        e_(std::move(e)),
        path_(std::move(path)),
        options_(std::move(options)),
        done_(std::move(done)) {}

  void read() {
    e_->read_body([self = shared_from_this()](result<bytes_view> piece) {
      if (!piece) return self->finish(piece.error());
      if (piece->empty()) return self->store(self->collected_);
      const bool all = piece->size() == self->e_->request().content_length;
      if (all) return self->store(*piece);  // valid until the answer: nothing more is read
      self->collected_.insert(self->collected_.end(), piece->begin(), piece->end());
      self->read();
    });
  }

 private:
  void store(bytes_view body) {
    if (body.size() != e_->request().content_length) {
      return finish(failure(errc::protocol, "the body is not as long as it was said to be"));
    }
    if (options_.size && *options_.size != body.size()) return finish(wrong_expected_size());
    body_digest digest(options_.digests);
    digest.update(body);
    if (auto right = digest.check(); !right) return finish(right.error());
    options_.put.diag = &diag_;
    client_.async_put(
        std::move(path_), boost::asio::buffer(body.data(), body.size()), std::move(options_.put),
        [self = shared_from_this()](boost::system::error_code ec, mutation_result result) {
          if (ec) return self->finish(failure(ec, self->diag_.message));
          self->finish(std::move(result));
        });
  }
  void finish(result<mutation_result> outcome) {
    auto done = std::move(done_);
    done(std::move(outcome));
  }

  client& client_;
  const exchange_ptr e_;
  std::string path_;
  gateway::upload_options options_;
  gateway::upload_handler done_;
  diagnostics diag_;
  std::vector<std::byte> collected_;
};

// A long request body, or one of unknown length, as a stream. Keeps itself alive through what it
// waits for; when it goes without a commit, the writer gives the upload up and nothing was ever
// visible.
class upload_task : public std::enable_shared_from_this<upload_task> {
 public:
  upload_task(client& to, exchange_ptr e, std::uint64_t most,
              const gateway::upload_options& expected, gateway::upload_handler done)
      : client_(to),
        e_(std::move(e)),
        most_(most),
        digest_(expected.digests),
        expected_size_(expected.size),
        done_(std::move(done)) {}

  void start(std::string path, put_options options) {
    options.diag = &diag_;
    client_.async_open_write(
        std::move(path), std::move(options),
        [self = shared_from_this()](boost::system::error_code ec, file_writer writer) {
          if (ec) return self->finish(self->failed(ec));
          self->writer_ = std::move(writer);
          self->read();
        });
  }

 private:
  [[nodiscard]] failure failed(boost::system::error_code ec) const { return {ec, diag_.message}; }
  void finish(result<mutation_result> outcome) {
    writer_ = file_writer();
    auto done = std::move(done_);
    done(std::move(outcome));
  }

  void read() {
    e_->read_body([self = shared_from_this()](result<bytes_view> piece) {
      if (!piece) return self->finish(piece.error());
      if (piece->empty()) return self->commit();
      self->size_ += piece->size();
      if (self->size_ > self->most_) return self->finish(errc::too_large);
      self->digest_.update(*piece);
      self->rest_ = *piece;
      self->write();
    });
  }
  void write() {
    writer_.async_write_some(
        boost::asio::buffer(rest_.data(), rest_.size()),
        [self = shared_from_this()](boost::system::error_code ec, std::size_t n) {
          if (ec) return self->finish(self->failed(ec));
          self->rest_ = self->rest_.subspan(n);
          if (self->rest_.empty()) return self->read();
          self->write();
        });
  }
  void commit() {
    if (expected_size_ && *expected_size_ != size_) {
      return finish(wrong_expected_size());
    }
    if (auto right = digest_.check(); !right) return finish(right.error());
    writer_.async_commit(
        [self = shared_from_this()](boost::system::error_code ec, mutation_result result) {
          if (ec) return self->finish(self->failed(ec));
          self->finish(std::move(result));
        });
  }

  client& client_;
  const exchange_ptr e_;
  const std::uint64_t most_;
  body_digest digest_;
  const std::optional<std::uint64_t> expected_size_;
  gateway::upload_handler done_;
  diagnostics diag_;
  file_writer writer_;
  bytes_view rest_;
  std::uint64_t size_ = 0;
};

}  // namespace

void gateway::upload(const exchange_ptr& e, std::string path, upload_options options,
                     upload_handler done) {
  if (e->request().content_length.value_or(0) > options_.max_body) {
    return done(failure(errc::too_large, "the body is longer than what is taken here"));
  }
  options.put.size = options.size ? options.size : e->request().content_length;
  if (e->request().content_length.value_or(whole_body_limit + 1) <= whole_body_limit) {
    return std::make_shared<short_upload>(client_, e, std::move(path), std::move(options),
                                          std::move(done))
        ->read();
  }
  auto task =
      std::make_shared<upload_task>(client_, e, options_.max_body, options, std::move(done));
  task->start(std::move(path), std::move(options.put));
}

// Conditions are looked at before a body is read, by a lookup of this moment; the commit then takes
// nothing but what was found here.
void gateway::check_then(const exchange_ptr& e, const std::string& path,
                         unique_function<void(file_info_ptr)> go_on) {
  lookups_->drop(path);
  lookups_->get(path, [e, path, go_on = std::move(go_on)](result<file_info_ptr> info) mutable {
    // A file is not what a path with a slash at its end names.
    if (info && (*info)->status.type == entry_type::file && names_directory(e->request().path)) {
      info = failure(errc::not_found, "this is a file: without a slash");
    }
    if (!info && !(info.error() == errc::not_found)) return respond_error(*e, info.error(), path);
    validators now{false, {}, 0};
    if (info) now = {true, (*info)->etag, (*info)->mtime_s};
    const verdict holds = check_conditions(e->request(), now);
    if (holds == verdict::malformed) {
      return respond_error(*e, 400, "invalid_argument", "If-None-Match is no list of tags", path);
    }
    if (holds != verdict::proceed) {
      return respond_error(*e, 412, "precondition", "a condition does not hold", path,
                           info ? (*info)->validators() : std::string_view());
    }
    go_on(info ? *info : nullptr);
  });
}

// Somebody else was quicker. By what is there now the request's conditions do not hold, or it may
// be sent again.
void gateway::overtaken(const exchange_ptr& e, const std::string& path) {
  check_then(e, path, [e, path](const file_info_ptr&) {
    respond_error(*e, failure(errc::changed, "the file was changed meanwhile"), path);
  });
}

// Refuses what the request's words ask for beyond what is done here.
bool gateway::refuses(const exchange_ptr& e, const std::string& path,
                      const std::optional<refused_field>& field) {
  if (field) {
    respond_error(*e, field->status, field->error, field->why, path, field->fields);
    return true;
  }
  // Nothing of a change is said by parameters: others' (?append, ?partNumber=) are not passed over.
  const std::string_view query = e->request().query;
  if (query.empty()) return false;
  const std::string first(query.substr(0, query.find_first_of("=&")));
  respond_error(*e, 400, "invalid_argument", "a change has no parameters here: " + first, path);
  return true;
}

void gateway::put(const exchange_ptr& e, const std::string& path) {
  const request_head& head = e->request();
  if (refuses(e, path, check_change_fields(head, true))) return;
  if (names_directory(head.path)) {
    return respond_error(*e, 400, "invalid_path", "a file's path has no slash at its end", path);
  }
  upload_fields fields;
  if (refuses(e, path, read_upload_fields(head, fields))) return;
  upload_options options;
  options.put.content_type = std::move(fields.content_type);
  options.digests = std::move(fields.digests);
  options.size = fields.size;
  if (!is_conditional(head)) {
    options.put.overwrite = true;
    return store(e, path, std::move(options));
  }
  check_then(e, path,
             [self = shared_from_this(), e, path,
              options = std::move(options)](const file_info_ptr& found) mutable {
               if (found) options.put.expected = version_of(*found);
               self->store(e, path, std::move(options));
             });
}

void gateway::store(const exchange_ptr& e, const std::string& path, upload_options options) {
  const bool conditional = !options.put.overwrite;
  upload(e, path, std::move(options),
         [self = shared_from_this(), e, path, conditional](result<mutation_result> stored) {
           self->lookups_->drop(path);
           if (stored) {
             if (stored->replaced) return e->respond_head(204, {}, {});
             return e->respond(201, "Location: /fs" + percent_encode(path) + "\r\n", {});
           }
           const failure& why = stored.error();
           if (conditional && (why == errc::exists || why == errc::precondition)) {
             return self->overtaken(e, path);
           }
           if (why == errc::protocol)
             return respond_error(*e, 400, "protocol", why.message(), path);
           respond_error(*e, why, path);
         });
}

void gateway::remove(const exchange_ptr& e, const std::string& path) {
  if (refuses(e, path, check_change_fields(e->request(), true))) return;
  const bool conditional = is_conditional(e->request());
  check_then(
      e, path, [self = shared_from_this(), e, path, conditional](const file_info_ptr& found) {
        if (found && found->status.type == entry_type::directory) {
          return respond_error(*e, failure(errc::is_directory, "this is a directory"), path);
        }
        // What comes there from now on was not meant: the conditions may not hold for it.
        if (!found && (conditional || names_directory(e->request().path))) {
          return respond_error(*e, errc::not_found, path);
        }
        auto diag = std::make_shared<diagnostics>();
        remove_options options;
        options.diag = diag.get();
        if (conditional) options.expected = version_of(*found);
        self->client_.async_remove(path, options,
                                   [self, e, path, diag, conditional](boost::system::error_code ec,
                                                                      const mutation_result&) {
                                     self->lookups_->drop(path);
                                     if (conditional && ec == errc::precondition)
                                       return self->overtaken(e, path);
                                     if (ec)
                                       return respond_error(*e, failure(ec, diag->message), path);
                                     e->respond_head(204, {}, {});
                                   });
      });
}

}  // namespace ssdfs::http
