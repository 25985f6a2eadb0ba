// stat, list, summary, quota, trash_empty: requests to the master that change nothing, or nothing
// that a repetition would change again.
#include "client/completion.hpp"
#include "client/entries.hpp"
#include "client/master_operation.hpp"
#include "client/operations.hpp"
#include "io/clock.hpp"
#include "wire/admin_messages.hpp"
#include "wire/namespace_messages.hpp"

#include <algorithm>

namespace ssdfs::detail {
namespace {

/// Common part: completion with a value of type T.
template <class T>
class query : public master_operation {
 public:
  query(const core_ptr& c, std::string path, std::chrono::milliseconds timeout, diagnostics* diag,
        handler_for<T> handler)
      : master_operation(c, std::move(path), timeout, diag) {
    connect_cancellation(handler, *this);
    done_ = {*c, std::move(handler)};
  }

 protected:
  template <class Request>
  void sign(Request& request) {
    request.user = owner().config().user;
    request.token = owner().config().token;
  }
  void succeed(T value) {
    retire(nullptr);
    done_({}, std::move(value));
  }
  void fail(failure why) final {
    retire(&why);
    done_(why.code, T{});
  }

 private:
  completion<boost::system::error_code, T> done_;
};

class stat_query final : public query<file_status>, public location_waiter {
 public:
  stat_query(const core_ptr& c, std::string path, const stat_options& options,
             handler_for<file_status> handler)
      : query(c, std::move(path), options.timeout, options.diag, std::move(handler)),
        with_chunks_(options.chunks),
        limit_(options.chunk_limit),
        at_(options.chunk_limit == 0 ? 0 : options.chunks_at) {}

 private:
  void send() override {
    wire::lookup_request request;
    request.path = path();
    request.offset = at_;
    request.chunk_limit = !with_chunks_ ? 0
                          : limit_ == 0 ? wire::chunk_page
                                        : std::min(limit_, wire::chunk_page);
    sign(request);
    ask(request, [this](net::response<wire::lookup_reply>& reply) { answered(reply.message); });
  }
  void answered(wire::lookup_reply& reply) {
    progress();
    const bool goes_on = !chunks_.empty();
    const bool same = reply.entry.size == status_.size && reply.entry.crc32c == status_.crc32c &&
                      reply.chunk_count == count_ && reply.layout == layout_ &&
                      reply.first_chunk == chunks_.size();
    if (goes_on && !same) return start_over(failure(errc::busy, "the file changes all the time"));
    if (!goes_on) {
      status_ = to_status(std::move(reply.entry));
      status_.path = path();
      status_.chunks_at = reply.first_offset;
      count_ = reply.chunk_count;
      layout_ = reply.layout;
    }
    if (limit_ == 0) {
      for (const wire::chunk_ref& c : reply.chunks) at_ += c.size;
    }
    chunks_.insert(chunks_.end(), reply.chunks.begin(), reply.chunks.end());
    if (!with_chunks_ || chunks_.empty()) return succeed(std::move(status_));
    // All are wanted, and this was not the last page.
    if (limit_ == 0 && !reply.chunks.empty() && chunks_.size() < count_) return send();
    locate_next();
  }
  void on_stop() override {
    if (locating_) {
      owner().locations().forget(*this);
      return fail(stop_failure());
    }
    query::on_stop();
  }

  /// Volume by volume: those of one request are known together, so this seldom asks twice.
  void locate_next() {
    locating_ = false;
    for (; next_ < chunks_.size(); ++next_) {
      const wire::chunk_ref& chunk = chunks_[next_];
      const auto* replicas = owner().locations().find(chunk.volume, io::steady_ns());
      if (replicas == nullptr && !asked_for_next_) {
        asked_for_next_ = true;
        locating_ = true;
        return owner().locations().locate(
            chunk.volume, call_timeout_ms(owner().config().master_timeout.count()), *this);
      }
      asked_for_next_ = false;
      chunk_location& out = status_.chunks.emplace_back();
      out.volume = chunk.volume.value;
      out.key = chunk.key;
      out.size = chunk.size;
      out.crc32c = chunk.crc32c;
      if (replicas == nullptr) continue;  // the master knows of none
      for (const server* s : replicas->replicas) out.nodes.push_back(s->address());
    }
    succeed(std::move(status_));
  }
  void on_located(result<void> outcome) override {
    const operation_ptr self(this);
    locating_ = false;
    if (outcome) return locate_next();
    start_over(std::move(outcome).error());
  }

  /// From the first page, after a pause: the chunks may be elsewhere by then.
  void start_over(failure why) {
    status_ = {};
    if (limit_ == 0) at_ = 0;
    chunks_.clear();
    next_ = 0;
    asked_for_next_ = false;
    failed(owner().masters().current(), std::move(why));
  }

  bool with_chunks_;
  std::uint32_t limit_;  // of one page that is wanted; 0: all are
  std::uint64_t at_;     // the page with this byte is asked for
  std::uint32_t count_ = 0;
  std::uint64_t layout_ = 0;
  bool locating_ = false;
  bool asked_for_next_ = false;
  std::size_t next_ = 0;
  file_status status_;
  std::vector<wire::chunk_ref> chunks_;
};

class list_query final : public query<list_page> {
 public:
  list_query(const core_ptr& c, std::string path, list_options options,
             handler_for<list_page> handler)
      : query(c, std::move(path), options.timeout, options.diag, std::move(handler)),
        options_(std::move(options)) {}

 private:
  void send() override {
    wire::list_request request;
    request.path = path();
    request.after = options_.after;
    request.limit = options_.limit;
    sign(request);
    ask(request, [this](net::response<wire::list_reply>& reply) {
      list_page page;
      page.more = reply.message.more;
      page.entries.reserve(reply.message.entries.size());
      const std::string prefix = path().ends_with('/') ? path() : path() + '/';
      if (!reply.message.entries.empty()) page.next = reply.message.entries.back().name;
      for (wire::list_entry& entry : reply.message.entries) {
        page.entries.push_back(to_status(std::move(entry.entry)));
        page.entries.back().path = prefix + entry.name;
      }
      succeed(std::move(page));
    });
  }
  list_options options_;
};

class summary_query final : public query<content_summary> {
 public:
  using query::query;

 private:
  void send() override {
    wire::summary_request request;
    request.path = path();
    sign(request);
    ask(request, [this](net::response<wire::summary_reply>& reply) {
      succeed({reply.message.files, reply.message.directories, reply.message.bytes});
    });
  }
};

class quota_query final : public query<quota_status> {
 public:
  using query::query;

 private:
  void send() override {
    wire::get_quota_request request;
    request.path = path();
    sign(request);
    ask(request, [this](net::response<wire::get_quota_reply>& reply) {
      const wire::get_quota_reply& m = reply.message;
      succeed({m.names_limit, m.bytes_limit, m.names_used, m.bytes_used});
    });
  }
};

class trash_empty_query final : public query<std::uint64_t> {
 public:
  using query::query;

 private:
  void send() override {
    wire::trash_empty_request request;
    sign(request);
    ask(request,
        [this](net::response<wire::trash_empty_reply>& reply) { succeed(reply.message.entries); });
  }
};

}  // namespace

operation_ptr make_stat(const core_ptr& c, std::string path, stat_options options,
                        handler_for<file_status> handler) {
  return new stat_query(c, std::move(path), options, std::move(handler));
}

void start_stat(const core_ptr& c, std::string path, stat_options options,
                handler_for<file_status> handler) {
  launch(make_stat(c, std::move(path), options, std::move(handler)));
}

void start_list(const core_ptr& c, std::string path, list_options options,
                handler_for<list_page> handler) {
  launch(new list_query(c, std::move(path), std::move(options), std::move(handler)));
}

void start_summary(const core_ptr& c, std::string path, call_settings settings,
                   handler_for<content_summary> handler) {
  launch(
      new summary_query(c, std::move(path), settings.timeout, settings.diag, std::move(handler)));
}

void start_quota(const core_ptr& c, std::string path, call_settings settings,
                 handler_for<quota_status> handler) {
  launch(new quota_query(c, std::move(path), settings.timeout, settings.diag, std::move(handler)));
}

void start_trash_empty(const core_ptr& c, call_settings settings,
                       handler_for<std::uint64_t> handler) {
  launch(new trash_empty_query(c, "/.trash", settings.timeout, settings.diag, std::move(handler)));
}

}  // namespace ssdfs::detail
