// One connection of the HTTP server.
#pragma once

#include "http/exchange.hpp"
#include "http/handoff.hpp"
#include "http/output_buffer.hpp"
#include "http/request_parser.hpp"
#include "http/route_table.hpp"
#include "http/server_stats.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ssdfs::http {

inline constexpr std::int64_t second_ns = 1'000'000'000;

class connection;

/// What connections need of their server, outliving it while they end.
struct server_state {
  route_table routes;
  server_stats stats;
  std::mutex mutex;
  std::condition_variable idle;
  std::set<connection*> open;         // guarded by mutex; each removes itself in its destructor
  bool stopping = false;              // guarded by mutex
  std::atomic<bool> draining{false};  // each answer is the last one of its connection
};

/// Operation: reads a request, has it handled, writes the answer, and begins anew; requests that
/// came together are answered in order, and small answers to them leave together. Whoever has the
/// connection's turn (the thread that runs a handler of the socket, or that gives an answer) does
/// all that can be done without waiting, and never more than some pieces in one go.
/// Concurrency: at any time one thread at most has the turn, so nothing is locked. cut() and
/// deadline_ns() are for any thread.
/// Bounds: header_limit of head, one piece of body, the answers of one read and one piece. A head
/// must arrive within 30 s, bodies and answers must move 1 KiB/s on average after the first 30 s,
/// an idle connection lasts 75 s.
class connection final : public exchange, public std::enable_shared_from_this<connection> {
 public:
  connection(boost::asio::ip::tcp::socket socket, std::shared_ptr<server_state> state);
  ~connection();
  connection(const connection&) = delete;
  connection& operator=(const connection&) = delete;

  void run();
  /// Ends it: whatever it waits for fails at once.
  void cut() noexcept;
  /// Tells the other side that it ends, unless something has been asked.
  void end_if_idle() noexcept;
  /// When it is too slow, by io::steady_ns().
  [[nodiscard]] std::int64_t deadline_ns() const noexcept {
    return deadline_ns_.load(std::memory_order_relaxed);
  }
  /// True while no complete request is there, and when its last answer has been sent.
  [[nodiscard]] bool waits_for_request() const noexcept {
    return waits_.load(std::memory_order_relaxed);
  }

  // exchange:
  const request_head& request() const noexcept override { return parser_.head(); }
  boost::asio::any_io_executor get_executor() const override { return executor_; }
  void add_fields(std::string_view fields) override { added_fields_.append(fields); }
  void respond(unsigned status, std::string_view fields, std::string_view body) override;
  void respond_head(unsigned status, std::string_view fields,
                    std::optional<std::uint64_t> size) override;
  void respond_stream(unsigned status, std::string_view fields, std::uint64_t size,
                      std::unique_ptr<body_source> body) override;
  bytes_span begin(unsigned status, std::string_view fields, std::size_t size) override;
  void finish() override;
  void cancel() override;
  void read_body(unique_function<void(result<bytes_view>)> done) override;

 private:
  enum class phase { head, answer, body, piece, sending, done, draining, closing, lingering, over };
  using error_code = boost::system::error_code;
  static constexpr std::int64_t head_limit_s = 30;
  static constexpr std::int64_t idle_limit_s = 75;

  // Each returns true if go() may go on at once; else somebody else has the turn.
  void go();
  bool step();
  bool read_head();
  bool start_handler();
  bool flush(int flags = 0);
  [[nodiscard]] std::optional<std::size_t> count_sent(ssize_t n);
  bool begin_body();
  bool next_piece();
  bool send_piece();
  bool end_of_exchange();
  bool drain();
  bool close_gently();

  void answered();
  void refuse();
  void write_head(unsigned status, std::string_view fields, std::optional<std::uint64_t> size);
  void wait_for_bytes();
  void wait_for_room();
  void wait_for_body();
  [[nodiscard]] std::size_t body_room() const noexcept;
  [[nodiscard]] bool continue_is_due() const noexcept;
  [[nodiscard]] bool deliver_body();
  void end_body(result<bytes_view> with);
  void lose();
  /// What has come in and was not parsed.
  [[nodiscard]] std::string_view input() const {
    return {in_.data() + in_begin_, in_end_ - in_begin_};
  }
  void consume(std::size_t n) { in_begin_ += n; }
  [[nodiscard]] boost::asio::mutable_buffer room(std::size_t least);
  void next_request();
  void limit(std::int64_t seconds) noexcept;
  void limit_head() noexcept { limit(in_begin_ < in_end_ ? head_limit_s : idle_limit_s); }
  void begin_wait() noexcept;
  void end_wait() noexcept;

  boost::asio::ip::tcp::socket socket_;
  const boost::asio::any_io_executor executor_;
  const std::shared_ptr<server_state> state_;
  const int fd_;

  request_parser parser_;
  std::vector<char> in_;
  std::size_t in_begin_ = 0;
  std::size_t in_end_ = 0;
  output_buffer out_;
  phase phase_ = phase::head;
  handoff join_;

  // The exchange under way:
  std::int64_t started_ns_ = 0;
  std::size_t before_ = 0;  // out_ as it was before begin()
  unsigned status_ = 0;
  std::string added_fields_;
  bool head_only_ = false;
  bool close_after_ = false;
  bool continue_sent_ = false;
  std::unique_ptr<body_source> source_;
  std::uint64_t source_left_ = 0;
  std::string source_fields_;
  std::uint64_t source_size_ = 0;
  bool head_written_ = false;
  result<body_source::piece> piece_;
  std::size_t piece_sent_ = 0;
  unique_function<void(result<bytes_view>)> body_wanted_;

  // Of a body or an answer; what this side needs for itself does not count.
  std::int64_t wait_from_ns_ = 0;
  std::int64_t waited_ns_ = 0;
  std::uint64_t transferred_ = 0;
  std::size_t discarded_ = 0;
  std::atomic<std::int64_t> deadline_ns_{0};
  std::atomic<bool> waits_{true};
  std::atomic<bool> idle_{true};  // not a byte of the next request has come
};

}  // namespace ssdfs::http
