// mkdir, rename, remove, set_attributes, set_quota: one request each, with an operation id.
#include "client/mutation.hpp"
#include "client/operations.hpp"

namespace ssdfs::detail {
namespace {

/// Common part: id, result, completion.
class change : public master_operation {
 public:
  change(const core_ptr& c, std::string path, std::chrono::milliseconds timeout, diagnostics* diag,
         handler_for<mutation_result> handler)
      : master_operation(c, std::move(path), timeout, diag) {
    connect_cancellation(handler, *this);
    done_ = {*c, std::move(handler)};
  }

 protected:
  /// Fills in who asks and which change it is, and sends.
  template <class Request>
  void ask_for(Request& request) {
    request.op = id_.get(owner().ids());
    request.user = owner().config().user;
    request.token = owner().config().token;
    ask(request, [this](net::response<wire::mutation_reply>& reply) {
      id_.end(owner().ids());
      retire(nullptr);
      done_({}, to_result(reply.message));
    });
  }

  void fail(failure why) final {
    id_.end(owner().ids());
    retire(&why);
    done_(why.code, {});
  }

 private:
  change_id id_;
  completion<boost::system::error_code, mutation_result> done_;
};

class mkdir_change final : public change {
 public:
  mkdir_change(const core_ptr& c, std::string path, const mkdir_options& options,
               handler_for<mutation_result> handler)
      : change(c, std::move(path), options.timeout, options.diag, std::move(handler)),
        options_(options) {}

 private:
  void send() override {
    wire::make_directory_request request;
    request.path = path();
    request.parents = options_.parents;
    request.mode = options_.mode;
    request.group = owner().config().group;
    ask_for(request);
  }
  mkdir_options options_;
};

class rename_change final : public change {
 public:
  rename_change(const core_ptr& c, std::string from, std::string to, const rename_options& options,
                handler_for<mutation_result> handler)
      : change(c, std::move(from), options.timeout, options.diag, std::move(handler)),
        to_(std::move(to)),
        options_(options) {}

 private:
  void send() override {
    wire::rename_request request;
    request.from = path();
    request.to = to_;
    request.overwrite = options_.overwrite;
    request.parents = options_.parents;
    ask_for(request);
  }
  std::string to_;
  rename_options options_;
};

class remove_change final : public change {
 public:
  remove_change(const core_ptr& c, std::string path, const remove_options& options,
                handler_for<mutation_result> handler)
      : change(c, std::move(path), options.timeout, options.diag, std::move(handler)),
        options_(options) {}

 private:
  void send() override {
    wire::remove_request request;
    request.path = path();
    request.recursive = options_.recursive;
    request.skip_trash = options_.skip_trash;
    if (options_.expected) request.expected.push_back(to_wire(*options_.expected));
    ask_for(request);
  }
  remove_options options_;
};

class attributes_change final : public change {
 public:
  attributes_change(const core_ptr& c, std::string path, attribute_changes changes,
                    const call_settings& settings, handler_for<mutation_result> handler)
      : change(c, std::move(path), settings.timeout, settings.diag, std::move(handler)),
        changes_(std::move(changes)) {}

 private:
  void send() override {
    wire::set_attributes_request request;
    request.path = path();
    if (changes_.mtime_ms) {
      request.mask |= wire::attribute_mtime;
      request.mtime_ms = *changes_.mtime_ms;
    }
    if (changes_.mode) {
      request.mask |= wire::attribute_mode;
      request.mode = *changes_.mode;
    }
    if (changes_.owner) {
      request.mask |= wire::attribute_owner;
      request.owner = *changes_.owner;
    }
    if (changes_.group) {
      request.mask |= wire::attribute_group;
      request.group = *changes_.group;
    }
    if (changes_.replication) {
      request.mask |= wire::attribute_replication;
      request.replication = *changes_.replication;
    }
    if (changes_.content_type) {
      request.mask |= wire::attribute_content_type;
      request.content_type = *changes_.content_type;
    }
    ask_for(request);
  }
  attribute_changes changes_;
};

class quota_change final : public change {
 public:
  quota_change(const core_ptr& c, std::string path, quota_changes changes,
               const call_settings& settings, handler_for<mutation_result> handler)
      : change(c, std::move(path), settings.timeout, settings.diag, std::move(handler)),
        changes_(changes) {}

 private:
  void send() override {
    wire::set_quota_request request;
    request.path = path();
    if (changes_.names) {
      request.mask |= wire::quota_names;
      request.names = *changes_.names;
    }
    if (changes_.bytes) {
      request.mask |= wire::quota_bytes;
      request.bytes = *changes_.bytes;
    }
    ask_for(request);
  }
  quota_changes changes_;
};

}  // namespace

operation_ptr make_remove(const core_ptr& c, std::string path, remove_options options,
                          handler_for<mutation_result> handler) {
  return new remove_change(c, std::move(path), options, std::move(handler));
}

void start_mkdir(const core_ptr& c, std::string path, mkdir_options options,
                 handler_for<mutation_result> handler) {
  launch(new mkdir_change(c, std::move(path), options, std::move(handler)));
}

void start_rename(const core_ptr& c, std::string from, std::string to, rename_options options,
                  handler_for<mutation_result> handler) {
  launch(new rename_change(c, std::move(from), std::move(to), options, std::move(handler)));
}

void start_remove(const core_ptr& c, std::string path, remove_options options,
                  handler_for<mutation_result> handler) {
  launch(make_remove(c, std::move(path), options, std::move(handler)));
}

void start_set_attributes(const core_ptr& c, std::string path, attribute_changes changes,
                          call_settings settings, handler_for<mutation_result> handler) {
  launch(
      new attributes_change(c, std::move(path), std::move(changes), settings, std::move(handler)));
}

void start_set_quota(const core_ptr& c, std::string path, quota_changes changes,
                     call_settings settings, handler_for<mutation_result> handler) {
  launch(new quota_change(c, std::move(path), changes, settings, std::move(handler)));
}

}  // namespace ssdfs::detail
