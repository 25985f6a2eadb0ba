// async_open_write and file_writer: a file of unknown length.
#include "base/units.hpp"
#include "client/chunk_fetch.hpp"
#include "client/completion.hpp"
#include "client/operations.hpp"
#include "client/upload.hpp"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <limits>

namespace ssdfs::detail {

/// The stream behind a file_writer: an upload whose bytes arrive in pieces. It lives until the
/// commit, a failure, or the writer's destruction. Writes and the commit come as tasks, one at a
/// time. A chunk is sent when it is full; its memory is freed when it is stored, so if it has to be
/// stored again in another volume it is fetched back from where it is.
class writer_operation final : public upload, private chunk_fetch_owner {
 public:
  writer_operation(const core_ptr& c, std::string path, put_options options,
                   handler_for<file_writer> handler)
      : upload(c, std::move(path), std::move(options)), step_(*this), fetch_(*this, *this) {
    connect_cancellation(handler, *this);
    opened_ = {*c, std::move(handler)};
  }

  /// From any thread.
  void submit_write(std::shared_ptr<writer_state> writer, const_buffers from, io_handler handler);
  void submit_commit(std::shared_ptr<writer_state> writer, commit_handler handler);

 private:
  struct step_task final : task {
    explicit step_task(writer_operation& of) : stream(of) {}
    void run() override { stream.begin_step(); }
    void discard() noexcept override { writer.reset(); }
    writer_operation& stream;
    std::shared_ptr<writer_state> writer;
    const_buffers from;
    completion<boost::system::error_code, std::size_t> wrote;
    completion<boost::system::error_code, mutation_result> committed;
  };

  void start() override {
    if (auto fits = check_size(options().size.value_or(0)); !fits) {
      return fail(std::move(fits).error());
    }
    if (options().overwrite || options().expected) return learn_chunk_size();
    check_target();
  }
  void on_target_free() override { learn_chunk_size(); }
  void on_chunk_size(std::uint32_t size) override;
  void on_stop() override;

  void begin_step();
  void go_on();
  void take_bytes();
  [[nodiscard]] std::size_t copy_in();
  void send_chunk();
  void finish_write(boost::system::error_code ec, std::size_t n);
  void end_step();
  [[nodiscard]] bool has_room() const;

  void on_chunk_written(std::size_t index) override;
  void rewrite(std::size_t index) override;
  void fetch_next();
  void drop_fetches();
  void on_fetched(shared_bytes bytes) override;
  void on_fetch_failed(failure why) override;
  void on_committed(mutation_result outcome) override;
  void on_failed(failure why) override;
  bool caller_waits() const noexcept override {
    return opened_.pending() || wrote_.pending() || committed_.pending();
  }

  completion<boost::system::error_code, file_writer> opened_;
  step_task step_;  // written by the caller's side between two steps, taken over by begin_step()
  // The step under way:
  std::shared_ptr<writer_state> writer_;  // keeps the stream alive
  const_buffers from_;
  completion<boost::system::error_code, std::size_t> wrote_;
  completion<boost::system::error_code, mutation_result> committed_;
  boost::system::error_code error_;  // for steps after the end
  std::uint32_t chunk_size_ = 0;
  buffer_ref filling_;  // the chunk that is being collected
  std::uint32_t filled_ = 0;
  chunk_fetch fetch_;
  static constexpr std::size_t none = std::numeric_limits<std::size_t>::max();
  std::size_t fetching_ = none;        // chunk that is being fetched
  std::vector<std::size_t> to_fetch_;  // further ones
};

/// What file_writer holds: the stream, and what the caller's side may look at at any time.
class writer_state {
 public:
  explicit writer_state(boost::intrusive_ptr<writer_operation> op) : stream(std::move(op)) {}
  void close() {
    boost::asio::post(stream->owner().strand(), [op = stream] { op->stop(errc::aborted); });
  }
  const boost::intrusive_ptr<writer_operation> stream;
  std::atomic<std::uint64_t> position{0};
};

void writer_operation::on_chunk_size(std::uint32_t size) {
  chunk_size_ = chunk_size_for(options().size.value_or(0), size);
  opened_({}, file_writer(
                  std::make_shared<writer_state>(boost::intrusive_ptr<writer_operation>(this))));
}

void writer_operation::on_stop() {
  upload::on_stop();
  fetch_.stop();
}

// --- steps ------------------------------------------------------------------------------------

void writer_operation::submit_write(std::shared_ptr<writer_state> writer, const_buffers from,
                                    io_handler handler) {
  connect_cancellation(handler, *this);
  step_.writer = std::move(writer);
  step_.from = from;
  step_.wrote = {owner(), std::move(handler)};
  owner().submit(step_);
}

void writer_operation::submit_commit(std::shared_ptr<writer_state> writer, commit_handler handler) {
  connect_cancellation(handler, *this);
  step_.writer = std::move(writer);
  step_.committed = {owner(), std::move(handler)};
  owner().submit(step_);
}

void writer_operation::begin_step() {
  const operation_ptr keep(this);
  writer_ = std::move(step_.writer);
  from_ = step_.from;
  wrote_ = std::move(step_.wrote);
  committed_ = std::move(step_.committed);
  if (error_) {
    publish_diagnostics();
    return end_step();
  }
  progress();  // the source may have paused for long
  go_on();
}

void writer_operation::go_on() {
  if (wrote_.pending()) return take_bytes();
  if (filled_ > 0 && has_room()) send_chunk();
  if (!given_up() && filled_ == 0 && writes_in_flight() == 0) commit();
}

bool writer_operation::has_room() const {
  return writes_in_flight() < owner().config().chunks_in_flight && !is_throttled();
}

void writer_operation::take_bytes() {
  const std::size_t n = copy_in();
  const bool nothing_to_take = from_.count == 0;
  if (!given_up() && (n > 0 || nothing_to_take)) finish_write({}, n);
}

std::size_t writer_operation::copy_in() {
  std::size_t n = 0;
  for (std::size_t i = 0; i < from_.count; ++i) {
    boost::asio::const_buffer from = from_.items[i];
    while (from.size() > 0 && !given_up()) {
      if (!filling_) {
        if (!has_room()) return n;
        filling_ = buffer::make(chunk_size_);
      }
      const std::size_t step = std::min<std::size_t>(from.size(), chunk_size_ - filled_);
      std::memcpy(filling_->data() + filled_, from.data(), step);
      filled_ += static_cast<std::uint32_t>(step);
      from += step;
      n += step;
      if (filled_ == chunk_size_) send_chunk();
    }
  }
  return n;
}

void writer_operation::send_chunk() {
  const std::size_t index = slots().size();
  if (index == max_file_chunks) {
    return give_up(
        failure(errc::too_large, "a file whose length is not known beforehand has at most " +
                                     std::to_string(max_file_chunks) + " chunks of " +
                                     format_size(chunk_size_)));
  }
  slots().emplace_back();
  const bytes_view bytes(filling_->data(), std::exchange(filled_, 0));
  write(index, {bytes, std::move(filling_)});
  filling_.reset();
}

void writer_operation::finish_write(boost::system::error_code ec, std::size_t n) {
  const operation_ptr keep(this);  // the last reference may be the writer's
  if (const auto writer = std::move(writer_)) {
    writer->position.fetch_add(n, std::memory_order_relaxed);
  }
  wrote_(ec, n);
}

// --- chunks -----------------------------------------------------------------------------------

void writer_operation::on_chunk_written(std::size_t) {
  if (wrote_.pending() || committed_.pending()) go_on();
}

void writer_operation::rewrite(std::size_t index) {
  add_work();
  to_fetch_.push_back(index);
  fetch_next();
}

void writer_operation::fetch_next() {
  if (fetching_ != none || to_fetch_.empty() || given_up()) return;
  fetching_ = to_fetch_.back();
  to_fetch_.pop_back();
  const slot& s = slots()[fetching_];
  wire::chunk_ref chunk;
  chunk.volume = s.right.under->volume();
  chunk.key = s.right.key;
  chunk.size = s.size;
  chunk.crc32c = s.crc;
  fetch_.start(chunk);
}

void writer_operation::on_fetched(shared_bytes bytes) {
  if (given_up()) return drop_fetches();
  write(std::exchange(fetching_, none), std::move(bytes));
  end_work();
  fetch_next();
}

void writer_operation::on_fetch_failed(failure why) {
  const operation_ptr keep(this);
  if (!given_up()) give_up(std::move(why));
  drop_fetches();
}

void writer_operation::drop_fetches() {
  const operation_ptr keep(this);
  std::size_t count = std::exchange(to_fetch_, {}).size();
  if (std::exchange(fetching_, none) != none) ++count;
  for (; count > 0; --count) end_work();
}

// --- the end ----------------------------------------------------------------------------------

void writer_operation::on_committed(mutation_result outcome) {
  const operation_ptr keep(this);
  error_ = make_error_code(errc::invalid_argument);  // nothing more can be asked of it
  writer_.reset();
  committed_({}, std::move(outcome));
}

void writer_operation::on_failed(failure why) {
  const operation_ptr keep(this);
  error_ = why.code;
  filling_.reset();
  if (opened_.pending()) return opened_(error_, file_writer());
  end_step();
}

// Completes the step under way, if there is one, with error_.
void writer_operation::end_step() {
  if (wrote_.pending()) return finish_write(error_, 0);
  writer_.reset();
  if (committed_.pending()) committed_(error_, {});
}

void start_open_write(const core_ptr& c, std::string path, put_options options,
                      handler_for<file_writer> handler) {
  launch(new writer_operation(c, std::move(path), std::move(options), std::move(handler)));
}

void writer_write(const std::shared_ptr<writer_state>& state, const_buffers from,
                  io_handler handler) {
  state->stream->submit_write(state, from, std::move(handler));
}

void writer_commit(const std::shared_ptr<writer_state>& state, commit_handler handler) {
  state->stream->submit_commit(state, std::move(handler));
}

}  // namespace ssdfs::detail

namespace ssdfs {

file_writer::file_writer() noexcept = default;
file_writer::file_writer(std::shared_ptr<detail::writer_state> state) noexcept
    : state_(std::move(state)) {}
file_writer::file_writer(file_writer&&) noexcept = default;

file_writer& file_writer::operator=(file_writer&& other) noexcept {
  if (this != &other) {
    if (state_) state_->close();
    state_ = std::move(other.state_);
  }
  return *this;
}

file_writer::~file_writer() {
  if (state_) state_->close();
}

file_writer::executor_type file_writer::get_executor() const noexcept {
  return state_->stream->owner().user_executor();
}
std::uint64_t file_writer::position() const noexcept {
  return state_->position.load(std::memory_order_relaxed);
}

}  // namespace ssdfs
