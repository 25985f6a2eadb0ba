#include "backup/uploader.hpp"

#include "base/crc32c.hpp"
#include "base/log.hpp"
#include "io/background.hpp"
#include "io/bulk.hpp"
#include "io/clock.hpp"
#include "net/await.hpp"
#include "wire/journal_messages.hpp"

#include <chrono>
#include <vector>

namespace ssdfs::backup {
namespace {

constexpr std::size_t upload_piece_bytes = std::size_t{1} << 20;
constexpr std::int64_t upload_piece_ms = 30'000;
constexpr std::int64_t finish_ms = 600'000;  // the master reads every byte of it
constexpr std::int64_t retry_ms = 1000;
constexpr std::int64_t longest_retry_ms = 30'000;

// Failures after which the same image need not be sent again.
bool is_final(const failure& why) {
  return why == errc::precondition || why == errc::unsupported || why == errc::too_large ||
         why == errc::not_found;
}

}  // namespace

uploader::uploader(io::file_system& fs, uploader_options options)
    : fs_(fs), options_(std::move(options)) {
  thread_ = std::thread([this] {
    io::run_in_background();
    run();
  });
}

uploader::~uploader() { stop(); }

void uploader::offer(const journal::image_file& image) {
  {
    const std::lock_guard lock(mutex_);
    next_ = image;
  }
  wake_.notify_all();
}

void uploader::stop() {
  std::shared_ptr<net::channel> open;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    open = open_;
  }
  wake_.notify_all();
  if (open) open->stop();
  if (thread_.joinable()) thread_.join();
}

// True unless stop() was called meanwhile.
bool uploader::pause(std::int64_t ms) {
  std::unique_lock lock(mutex_);
  wake_.wait_for(lock, std::chrono::milliseconds(ms), [&] { return stopping_; });
  return !stopping_;
}

bool uploader::superseded(const journal::image_file& image) {
  const std::lock_guard lock(mutex_);
  return stopping_ || (next_ && next_->txid != image.txid);
}

void uploader::run() {
  for (;;) {
    journal::image_file image;
    {
      std::unique_lock lock(mutex_);
      wake_.wait(lock, [&] { return stopping_ || next_; });
      if (stopping_) return;
      image = *next_;
      next_.reset();
    }
    // Until the master has it, does not want it, or there is a newer one.
    for (std::int64_t wait_ms = retry_ms; !superseded(image);
         wait_ms = std::min(2 * wait_ms, longest_retry_ms)) {
      const auto to = options_.connect();
      result<void> done = failure(errc::connection, "no master is followed");
      if (to) {
        {
          const std::lock_guard lock(mutex_);
          open_ = to;
          if (stopping_) return;
        }
        done = upload(*to, image);
        {
          const std::lock_guard lock(mutex_);
          open_ = nullptr;
        }
        to->stop();
      }
      if (done) break;
      SSDFS_LOG(warning) << "backup: image of txid " << image.txid
                         << " not uploaded: " << done.error().message();
      if (is_final(done.error())) break;
      if (!pause(wait_ms)) return;
    }
  }
}

result<std::uint64_t> uploader::send_piece(net::channel& to, const journal::image_file& image,
                                           std::uint64_t offset, bytes_view piece) {
  wire::upload_image_request q{options_.node, image.txid, image.bytes, offset, crc32c(piece)};
  net::call_options with;
  with.timeout_ms = upload_piece_ms;
  with.body = {piece, {}};
  auto answer = net::await_answer(to, q, std::move(with));
  if (!answer) return answer.error();
  if (answer->message.received > image.bytes) {
    return failure(errc::protocol, "the master has more of the image than there is");
  }
  return answer->message.received;
}

result<void> uploader::upload(net::channel& to, const journal::image_file& image) {
  auto file = fs_.open(image.path, io::open_mode::read);
  if (!file) return file.error();
  auto received = send_piece(to, image, 0, {});
  if (!received) return received.error();
  const std::uint64_t resumed = *received;
  const std::int64_t began_ms = io::steady_ms();
  std::vector<std::byte> block(upload_piece_bytes);
  while (*received < image.bytes) {
    if (superseded(image)) return {};
    const auto want = std::min<std::uint64_t>(block.size(), image.bytes - *received);
    auto got = (*file)->read(bytes_span(block).first(static_cast<std::size_t>(want)), *received);
    if (!got) return got.error();
    io::forget(**file, *received, *got);
    if (*got != want) return failure(errc::damaged, image.path + ": shorter than it was");
    received = send_piece(to, image, *received, bytes_view(block).first(*got));
    if (!received) return received.error();
    if (options_.rate > 0) {
      const auto due =
          began_ms + static_cast<std::int64_t>((*received - std::min(resumed, *received)) * 1000 /
                                               options_.rate);
      const std::int64_t ahead = due - io::steady_ms();
      if (ahead > 0 && !pause(ahead)) return errc::aborted;
    }
  }
  wire::finish_image_request q{options_.node, image.txid, image.bytes};
  net::call_options with;
  with.timeout_ms = finish_ms;
  auto adopted = net::await_answer(to, q, std::move(with));
  if (!adopted) return adopted.error();
  SSDFS_LOG(info) << "backup: the master has adopted the image of txid " << image.txid;
  return {};
}

}  // namespace ssdfs::backup
