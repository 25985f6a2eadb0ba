// async_open_read and file_reader: a file as a stream.
#include "client/completion.hpp"
#include "client/content_read.hpp"
#include "client/operations.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <atomic>
#include <cstring>

namespace ssdfs::detail {

/// The stream behind a file_reader: an operation that lives from the opening until the reader is
/// destroyed. Reads come as tasks, one at a time.
class reader_operation final : public content_read {
 public:
  reader_operation(const core_ptr& c, std::string path, const get_options& options,
                   handler_for<file_reader> handler)
      : content_read(c, std::move(path), options.timeout, options.diag),
        next_read_(*this),
        position_(options.offset) {
    connect_cancellation(handler, *this);
    opened_ = {*c, std::move(handler)};
  }

  /// From any thread.
  void submit_read(std::shared_ptr<reader_state> reader, mutable_buffers into, io_handler handler);

 private:
  struct read_task final : task {
    explicit read_task(reader_operation& of) : stream(of) {}
    void run() override { stream.begin_read(); }
    void discard() noexcept override { reader.reset(); }
    reader_operation& stream;
    std::shared_ptr<reader_state> reader;
    mutable_buffers into;
    completion<boost::system::error_code, std::size_t> done;
  };

  // Reading ahead begins small after a jump, so that somebody who reads here and there does not
  // fetch megabytes for nothing, and doubles while reading goes on in order.
  static constexpr std::uint32_t first_block = 256U << 10;
  static constexpr std::uint32_t later_block = 1U << 20;
  static constexpr std::size_t most_blocks = 8;

  void on_opened() override;
  void on_ready() override {
    if (done_.pending()) serve();
  }
  void on_failed(failure why) override;
  bool caller_waits() const noexcept override { return opened_.pending() || done_.pending(); }

  void begin_read();
  void jump(std::uint64_t position);
  [[nodiscard]] result<std::size_t> copy_out();
  void serve();
  void finish_read(boost::system::error_code ec, std::size_t n);

  completion<boost::system::error_code, file_reader> opened_;
  read_task next_read_;  // written by the caller's side between two reads, taken by begin_read()
  // The read under way:
  std::shared_ptr<reader_state> reader_;  // keeps the stream alive
  mutable_buffers into_;
  completion<boost::system::error_code, std::size_t> done_;

  bool positioned_ = false;
  std::uint64_t position_;  // of the next byte to hand over
  std::size_t taken_ = 0;   // bytes of the front block that were handed over
  std::size_t window_ = 1;
  boost::system::error_code error_;  // once it has failed
};

/// What file_reader holds: the stream, and what the caller's side may look at at any time.
class reader_state {
 public:
  reader_state(boost::intrusive_ptr<reader_operation> op, file_status s, std::uint64_t from)
      : stream(std::move(op)), status(std::move(s)), position(from) {}
  void close() {
    boost::asio::post(stream->owner().strand(), [op = stream] { op->stop(errc::aborted); });
  }
  const boost::intrusive_ptr<reader_operation> stream;
  const file_status status;
  std::atomic<std::uint64_t> position;
};

void reader_operation::on_opened() {
  note_delivery();  // the caller knows the size from here on
  file_status status = content_read::status();
  status.path = path();
  opened_({}, file_reader(std::make_shared<reader_state>(
                  boost::intrusive_ptr<reader_operation>(this), std::move(status), position_)));
}

void reader_operation::on_failed(failure why) {
  error_ = why.code;
  if (opened_.pending()) {
    opened_(error_, file_reader());
  } else if (done_.pending()) {
    finish_read(error_, 0);
  }
}

void reader_operation::submit_read(std::shared_ptr<reader_state> reader, mutable_buffers into,
                                   io_handler handler) {
  connect_cancellation(handler, *this);
  next_read_.reader = std::move(reader);
  next_read_.into = into;
  next_read_.done = {owner(), std::move(handler)};
  owner().submit(next_read_);
}

void reader_operation::begin_read() {
  const operation_ptr keep(this);
  reader_ = std::move(next_read_.reader);
  into_ = next_read_.into;
  done_ = std::move(next_read_.done);
  if (error_) {
    publish_diagnostics();
    return finish_read(error_, 0);
  }
  if (into_.count == 0) return finish_read({}, 0);
  progress();
  const std::uint64_t wanted = reader_->position.load(std::memory_order_relaxed);
  if (!positioned_ || wanted != position_) jump(wanted);
  if (done_.pending()) serve();
}

void reader_operation::jump(std::uint64_t position) {
  const block* const here = positioned_ ? front() : nullptr;
  positioned_ = true;
  position_ = position;
  if (here != nullptr && position >= here->offset && position < here->offset + here->length) {
    taken_ = static_cast<std::size_t>(position - here->offset);
    return;
  }
  taken_ = 0;
  window_ = 1;
  read({.from = std::min(position, status().size),
        .to = status().size,
        .window = window_,
        .block_length = first_block});
}

// Copies what is ready into the caller's buffers; how much.
result<std::size_t> reader_operation::copy_out() {
  std::size_t n = 0;
  for (std::size_t i = 0; i < into_.count; ++i) {
    boost::asio::mutable_buffer to = into_.items[i];
    while (to.size() > 0) {
      const block* const b = front();
      if (b == nullptr) return n;
      const bytes_view rest = b->read.body().subspan(taken_);
      const std::size_t step = std::min(to.size(), rest.size());
      std::memcpy(to.data(), rest.data(), step);
      to += step;
      n += step;
      taken_ += step;
      if (step < rest.size()) continue;
      taken_ = 0;
      if (!pop()) return failure(errc::checksum, "a chunk does not match its checksum");
      window_ = std::min(window_ * 2, most_blocks);
      widen(window_, later_block);
    }
  }
  return n;
}

void reader_operation::serve() {
  const result<std::size_t> copied = copy_out();
  if (!copied) return give_up(copied.error());
  if (*copied == 0 && drained()) return finish_read(boost::asio::error::eof, 0);
  pump();
  if (*copied == 0 || !done_.pending()) return;
  position_ += *copied;
  reader_->position.store(position_, std::memory_order_relaxed);
  finish_read({}, *copied);
}

void reader_operation::finish_read(boost::system::error_code ec, std::size_t n) {
  // The last reference to us may be the reader's.
  const operation_ptr keep(this);
  reader_.reset();
  done_(ec, n);
}

void start_open_read(const core_ptr& c, std::string path, get_options options,
                     handler_for<file_reader> handler) {
  launch(new reader_operation(c, std::move(path), options, std::move(handler)));
}

void reader_read(const std::shared_ptr<reader_state>& state, mutable_buffers into,
                 io_handler handler) {
  state->stream->submit_read(state, into, std::move(handler));
}

}  // namespace ssdfs::detail

namespace ssdfs {

file_reader::file_reader() noexcept = default;
file_reader::file_reader(std::shared_ptr<detail::reader_state> state) noexcept
    : state_(std::move(state)) {}
file_reader::file_reader(file_reader&&) noexcept = default;

file_reader& file_reader::operator=(file_reader&& other) noexcept {
  if (this != &other) {
    if (state_) state_->close();
    state_ = std::move(other.state_);
  }
  return *this;
}

file_reader::~file_reader() {
  if (state_) state_->close();
}

file_reader::executor_type file_reader::get_executor() const noexcept {
  return state_->stream->owner().user_executor();
}
const file_status& file_reader::status() const noexcept { return state_->status; }
std::uint64_t file_reader::size() const noexcept { return state_->status.size; }
std::uint64_t file_reader::position() const noexcept {
  return state_->position.load(std::memory_order_relaxed);
}
void file_reader::seek(std::uint64_t position) noexcept {
  state_->position.store(position, std::memory_order_relaxed);
}

}  // namespace ssdfs
