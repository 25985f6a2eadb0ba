// async_..._many: a bounded number of operations in flight over a list.
#include "client/completion.hpp"
#include "client/operations.hpp"

#include <boost/asio/bind_executor.hpp>

#include <algorithm>
#include <functional>

namespace ssdfs::detail {
namespace {

/// Runs `count` child operations that each yield a T. The children are begun on the strand and
/// report back there.
template <class T>
class many_operation final : public operation {
 public:
  using handler_type = handler_for<std::vector<outcome<T>>>;
  /// Makes child `index`; its diagnostics and handler are given.
  using maker = std::function<operation_ptr(std::size_t index, diagnostics*, handler_for<T>)>;

  many_operation(const core_ptr& c, std::size_t count, const many_options& options, maker make,
                 handler_type handler)
      : operation(c, {}, options.timeout, nullptr),
        make_(std::move(make)),
        outcomes_(count),
        limit_(options.concurrency != 0 ? options.concurrency : c->config().batch_concurrency) {
    connect_cancellation(handler, *this);
    done_ = {*c, std::move(handler)};
  }

 private:
  void start() override { begin_more(); }

  void begin_more() {
    while (!stopped() && next_ < outcomes_.size() && running_.size() < limit_) {
      const std::size_t index = next_++;
      auto handler = boost::asio::bind_executor(
          owner().strand(),
          [self = boost::intrusive_ptr<many_operation>(this), index](
              boost::system::error_code ec, T value) { self->ended(index, ec, std::move(value)); });
      operation_ptr child = make_(index, &outcomes_[index].diag, std::move(handler));
      running_.push_back({index, child});
      child->begin();
    }
    if (running_.empty()) finish();
  }

  void ended(std::size_t index, boost::system::error_code ec, T value) {
    outcomes_[index].ec = ec;
    outcomes_[index].value = std::move(value);
    std::erase_if(running_, [&](const child_entry& c) { return c.index == index; });
    begin_more();
  }

  void finish() {
    if (std::exchange(finished_, true)) return;
    for (; next_ < outcomes_.size(); ++next_) {
      outcomes_[next_].ec = stop_failure().code;
      outcomes_[next_].diag.message = stop_failure().message();
    }
    boost::system::error_code first;
    for (const auto& o : outcomes_) {
      if (o.ec && !first) first = o.ec;
    }
    retire(nullptr);
    make_ = {};
    done_(first, std::move(outcomes_));
  }

  void on_stop() override {
    const auto running = running_;
    for (const child_entry& c : running) {
      c.op->stop(static_cast<errc>(stop_failure().code.value()));
    }
  }
  void fail(failure) override { finish(); }

  struct child_entry {
    std::size_t index = 0;
    operation_ptr op;
  };
  maker make_;
  std::vector<outcome<T>> outcomes_;
  std::size_t limit_;
  std::size_t next_ = 0;
  std::vector<child_entry> running_;
  bool finished_ = false;
  completion<boost::system::error_code, std::vector<outcome<T>>> done_;
};

template <class T>
void launch_many(const core_ptr& c, std::size_t count, const many_options& options,
                 typename many_operation<T>::maker make,
                 typename many_operation<T>::handler_type handler) {
  launch(new many_operation<T>(c, count, options, std::move(make), std::move(handler)));
}

}  // namespace

void start_put_many(const core_ptr& c, std::vector<put_item> items, many_options options,
                    handler_for<std::vector<outcome<mutation_result>>> handler) {
  const std::size_t count = items.size();
  launch_many<mutation_result>(
      c, count, options,
      [c, items = std::move(items), options](std::size_t i, diagnostics* diag,
                                             handler_for<mutation_result> done) {
        put_options each = items[i].options;
        each.timeout = options.timeout;
        each.diag = diag;
        return make_put(c, items[i].path, items[i].data, std::move(each), std::move(done));
      },
      std::move(handler));
}

void start_get_many(const core_ptr& c, std::vector<std::string> paths, many_options options,
                    handler_for<std::vector<outcome<file_content>>> handler) {
  const std::size_t count = paths.size();
  launch_many<file_content>(
      c, count, options,
      [c, paths = std::move(paths), options](std::size_t i, diagnostics* diag,
                                             handler_for<file_content> done) {
        get_options each;
        each.timeout = options.timeout;
        each.diag = diag;
        return make_get(c, paths[i], each, std::move(done));
      },
      std::move(handler));
}

void start_stat_many(const core_ptr& c, std::vector<std::string> paths, many_options options,
                     handler_for<std::vector<outcome<file_status>>> handler) {
  const std::size_t count = paths.size();
  launch_many<file_status>(
      c, count, options,
      [c, paths = std::move(paths), options](std::size_t i, diagnostics* diag,
                                             handler_for<file_status> done) {
        stat_options each;
        each.timeout = options.timeout;
        each.diag = diag;
        return make_stat(c, paths[i], each, std::move(done));
      },
      std::move(handler));
}

void start_remove_many(const core_ptr& c, std::vector<std::string> paths, remove_options each,
                       many_options options,
                       handler_for<std::vector<outcome<mutation_result>>> handler) {
  const std::size_t count = paths.size();
  launch_many<mutation_result>(
      c, count, options,
      [c, paths = std::move(paths), each, options](std::size_t i, diagnostics* diag,
                                                   handler_for<mutation_result> done) {
        remove_options this_one = each;
        this_one.timeout = options.timeout;
        this_one.diag = diag;
        return make_remove(c, paths[i], this_one, std::move(done));
      },
      std::move(handler));
}

}  // namespace ssdfs::detail
