// async_get and async_get_into: a file, or a range of it, into memory.
#include "client/completion.hpp"
#include "client/content_read.hpp"
#include "client/operations.hpp"

#include <algorithm>
#include <cstring>
#include <new>

namespace ssdfs::detail {
namespace {

/// Common part: the range, and blocks in order into memory.
class ranged_read : public content_read {
 public:
  ranged_read(const core_ptr& c, std::string path, const get_options& options)
      : content_read(c, std::move(path), options.timeout, options.diag), options_(options) {}

 protected:
  /// Room for the `size` bytes (not 0) that are about to come.
  virtual result<std::byte*> prepare(std::size_t size) = 0;
  /// Offers the whole range in the memory that it was received in; false: it is copied instead.
  virtual bool take_frame(bytes_view body, const buffer_ref& hold) = 0;
  /// Everything is where prepare() or take_frame() put it.
  virtual void succeed(std::size_t size) = 0;

 private:
  void on_opened() override {
    const std::uint64_t size = status().size;
    from_ = std::min(options_.offset, size);
    const std::uint64_t to = from_ + std::min(options_.length, size - from_);
    total_ = static_cast<std::size_t>(to - from_);
    copied_ = 0;
    into_ = nullptr;
    if (total_ == 0) return succeed(0);
    read({.from = from_, .to = to});
  }

  void on_ready() override {
    while (const block* const b = front()) {
      if (b->length != total_ || !take_frame(b->read.body(), b->read.hold())) {
        if (into_ == nullptr) {
          auto room = prepare(total_);
          if (!room) return give_up(std::move(room).error());
          into_ = *room;
        }
        std::memcpy(into_ + (b->offset - from_), b->read.body().data(), b->length);
      }
      copied_ += b->length;
      if (!pop()) {
        return reread(failure(errc::checksum, "a chunk does not match its checksum"));
      }
    }
    if (copied_ == total_) return succeed(total_);
    pump();
  }

  get_options options_;
  std::uint64_t from_ = 0;
  std::size_t total_ = 0;
  std::size_t copied_ = 0;
  std::byte* into_ = nullptr;
};

void release_buffer(void* owner) noexcept {
  buffer_ref(static_cast<buffer*>(owner), false).reset();
}

class get_operation final : public ranged_read {
 public:
  get_operation(const core_ptr& c, std::string path, const get_options& options,
                handler_for<file_content> handler)
      : ranged_read(c, std::move(path), options) {
    connect_cancellation(handler, *this);
    done_ = {*c, std::move(handler)};
  }

 private:
  result<std::byte*> prepare(std::size_t size) override {
    try {
      memory_ = buffer::make(size);
    } catch (const std::bad_alloc&) {
      return failure(errc::too_large, "not enough memory for the file");
    }
    body_ = {memory_->data(), size};
    return memory_->data();
  }
  bool take_frame(bytes_view body, const buffer_ref& hold) override {
    // Small frames share a receive buffer: a caller that keeps one would keep them all.
    constexpr std::size_t worth_it = 32U << 10;
    if (body.size() < worth_it) return false;
    body_ = body;
    memory_ = hold;
    return true;
  }
  void succeed(std::size_t size) override {
    retire(nullptr);
    if (size == 0) return done_({}, file_content({}, nullptr, nullptr, take_status()));
    done_({}, file_content(body_, memory_.detach(), &release_buffer, take_status()));
  }
  void on_failed(failure why) override { done_(why.code, {}); }

  bytes_view body_;
  buffer_ref memory_;
  completion<boost::system::error_code, file_content> done_;
};

class get_into_operation final : public ranged_read {
 public:
  get_into_operation(const core_ptr& c, std::string path, boost::asio::mutable_buffer into,
                     const get_options& options, handler_for<std::size_t> handler)
      : ranged_read(c, std::move(path), options), into_(into) {
    connect_cancellation(handler, *this);
    done_ = {*c, std::move(handler)};
  }

 private:
  result<std::byte*> prepare(std::size_t size) override {
    if (size > into_.size()) {
      return failure(errc::too_large, "the file does not fit into the buffer");
    }
    return static_cast<std::byte*>(into_.data());
  }
  bool take_frame(bytes_view, const buffer_ref&) override { return false; }
  void succeed(std::size_t size) override {
    retire(nullptr);
    done_({}, size);
  }
  void on_failed(failure why) override { done_(why.code, 0); }

  boost::asio::mutable_buffer into_;
  completion<boost::system::error_code, std::size_t> done_;
};

}  // namespace

operation_ptr make_get(const core_ptr& c, std::string path, get_options options,
                       handler_for<file_content> handler) {
  return new get_operation(c, std::move(path), options, std::move(handler));
}

void start_get(const core_ptr& c, std::string path, get_options options,
               handler_for<file_content> handler) {
  launch(make_get(c, std::move(path), options, std::move(handler)));
}

void start_get_into(const core_ptr& c, std::string path, boost::asio::mutable_buffer into,
                    get_options options, handler_for<std::size_t> handler) {
  launch(new get_into_operation(c, std::move(path), into, options, std::move(handler)));
}

}  // namespace ssdfs::detail
