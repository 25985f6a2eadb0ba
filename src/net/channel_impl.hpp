// The implementation of a channel.
#pragma once

#include "net/channel.hpp"
#include "net/idle_set.hpp"
#include "net/input.hpp"
#include "net/output.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <limits>
#include <mutex>
#include <optional>

namespace ssdfs::net {

/// Calls in flight by id. An id is the slot's index (low 32 bits) and how often it was used, so a
/// late answer to a call that was given up finds nobody. Not thread-safe.
class call_table {
 public:
  struct call {
    channel::raw_handler handler;
    std::int64_t deadline_ms = 0;
    bool borrowed = false;  ///< a body without a hold: its owner waits for the handler
  };
  [[nodiscard]] std::uint64_t add(call c);
  [[nodiscard]] bool contains(std::uint64_t id) const noexcept;
  /// Removes it.
  [[nodiscard]] std::optional<call> take(std::uint64_t id);
  [[nodiscard]] std::vector<call> take_all();
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool borrowed(std::uint64_t id) const noexcept;
  /// Ids that are due, and the earliest deadline of the others (max of the type if there is none).
  [[nodiscard]] std::vector<std::uint64_t> due(std::int64_t now_ms, std::int64_t& earliest) const;

 private:
  static constexpr std::uint32_t none = std::numeric_limits<std::uint32_t>::max();
  struct slot {
    call what;
    std::uint32_t uses = 0;
    std::uint32_t next_free = none;
    bool used = false;
  };
  [[nodiscard]] call release(std::uint32_t index);

  std::vector<slot> slots_;
  std::uint32_t free_ = none;
  std::size_t size_ = 0;
};

/// Operation: a *link* is a connection from its first attempt to its loss; a call without a link
/// makes one, unless a back-off runs. The server's name may have several addresses, and those that
/// come first may be the ones that do not answer: each is tried with a *path* of its own, a moment
/// behind the one before, and the first over which the server has greeted becomes the link's. Calls
/// are encoded into the link's output at once, also while it connects; they leave when the
/// handshake is done. Per link there is one reader and at most one flusher, as in a session. One
/// timer serves deadlines, connecting and keep-alive: it is set to the earliest of them and moved
/// only when an earlier one appears.
///
/// Concurrency: one mutex guards everything but the reader's input and the sending side of the
/// output. Handlers are called without it, on the executor.
class channel_impl final : public channel {
 public:
  channel_impl(boost::asio::any_io_executor executor, std::string address, channel_options options,
               idle_mark idle = {});

  void cancel(std::uint64_t id) override;
  void stop() override;
  const std::string& address() const noexcept override { return address_; }
  boost::asio::any_io_executor executor() const override { return executor_; }
  std::size_t in_flight() const noexcept override {
    return in_flight_.load(std::memory_order_relaxed);
  }
  std::string local_address() const override;
  bool refused() const override;
  wire::hello_reply server() const override;

 private:
  using error_code = boost::system::error_code;
  using tcp = boost::asio::ip::tcp;
  static constexpr std::int64_t never = std::numeric_limits<std::int64_t>::max();

  struct answered {
    raw_handler handler;
    wire::frame_view frame;
  };
  // One TCP connection. Of a link that is not up yet there may be several.
  struct path {
    explicit path(const boost::asio::any_io_executor& executor) : socket(executor) {}
    tcp::socket socket;
    tcp::endpoint target;
    bool connected = false;  // the socket belongs to reader and flusher: shut it down only
    bool over = false;       // failed, or given up for another one
    std::string local;
    input in;  // reader only
  };
  using path_ptr = std::shared_ptr<path>;
  struct link {
    link(const boost::asio::any_io_executor& executor, std::int64_t now_ms)
        : resolver(executor), since_ms(now_ms), heard_ms(now_ms) {}
    tcp::resolver resolver;
    output out;
    std::vector<tcp::endpoint> targets;
    std::size_t next_target = 0;
    std::int64_t next_try_ms = never;  // when the next target is tried beside those under way
    std::vector<path_ptr> tries;       // until the link is up
    failure why_not;                   // what the tries that failed say
    bool all_refused = true;           // every try that failed met a machine without a listener
    path_ptr way;                      // once it is up
    std::vector<std::byte> hello;      // the frame
    bool connected = false;            // one of the tries is: it waits for the answer to hello
    bool up = false;                   // the handshake is done
    bool lost = false;
    bool corked = false;  // the reader calls handlers: what they queue leaves together
    bool flushing = false;
    bool pinging = false;
    bool served = false;          // a call was: whoever is there does its job
    bool silent = false;          // lost for its silence
    std::int64_t since_ms;        // begin of connecting, later of being up
    std::int64_t heard_ms;        // last bytes from the server
    std::int64_t waiting_ms = 0;  // since when calls have been in flight without a pause
    cluster_id cluster;           // ours, as told in hello
    std::vector<answered> batch;  // reader only
  };
  using link_ptr = std::shared_ptr<link>;

  void begin_call() override;
  std::vector<std::byte>& call_bytes() override;
  std::uint64_t finish_call(std::uint16_t code, call_options options, raw_handler handler) override;
  [[nodiscard]] std::optional<failure> refusal(const call_options& options) const;

  // Connecting. Each step starts the next under mutex_, unless the link is lost meanwhile.
  void open_link(std::int64_t now_ms);
  void resolve(const link_ptr& at);
  void resolved(const link_ptr& at, std::vector<tcp::endpoint> targets);
  void try_next(const link_ptr& at);  // under mutex_
  void connected(const link_ptr& at, const path_ptr& by, const error_code& ec);
  void make_hello(link& at);  // under mutex_
  void wait_for_greeting(const link_ptr& at, const path_ptr& by);
  void greeting_came(const link_ptr& at, const path_ptr& by, const error_code& ec, std::size_t n);
  [[nodiscard]] result<wire::hello_reply> check_greeting(const link& at,
                                                         const wire::decode_result& first) const;
  void try_failed(const link_ptr& at, const path_ptr& by, failure why, bool nobody_listens = false);
  static void drop_path(path& by) noexcept;  // under mutex_

  // Running.
  void read(const link_ptr& at);
  void on_read(const link_ptr& at, const error_code& ec, std::size_t n);
  void take_in(const link_ptr& at);
  [[nodiscard]] bool collect(const link_ptr& at);
  void deliver(const link_ptr& at);
  [[nodiscard]] bool start_flush(link& at) noexcept;  // under mutex_; true: call or post flush()
  void post_flush(link_ptr at);
  void flush(const link_ptr& at);

  // The end of a link: detach() is called under mutex_ and returns the calls that it leaves; they
  // may be answered once the output is dropped.
  [[nodiscard]] std::vector<call_table::call> detach(const link_ptr& at, const failure& why);
  void lose(const link_ptr& at, failure why);

  // Time.
  void arm(std::int64_t at_ms);  // under mutex_
  void tick();
  void ping(const link_ptr& at, std::int64_t timeout_ms);  // under mutex_
  /// Judges the link's silence; when to look again, or `never`. Under mutex_.
  [[nodiscard]] std::int64_t watch_silence(std::int64_t now_ms, bool late);
  void give_up(std::uint64_t id, const failure& why);
  [[nodiscard]] std::optional<call_table::call> withdraw(std::uint64_t id);
  void count_calls() noexcept;  // under mutex_, whenever calls_ has changed

  [[nodiscard]] std::shared_ptr<channel_impl> self() {
    return std::static_pointer_cast<channel_impl>(shared_from_this());
  }
  [[nodiscard]] failure connection_failure(const std::string& what) const {
    return {errc::connection, address_ + ": " + what};
  }

  const boost::asio::any_io_executor executor_;
  const std::string address_;
  const channel_options options_;
  const idle_mark idle_;
  std::atomic<std::size_t> in_flight_{0};

  mutable std::mutex mutex_;
  link_ptr link_;  // null: none, or lost
  call_table calls_;
  std::vector<std::byte> scratch_;  // takes the message of a call that will be refused
  bool stopped_ = false;
  std::int64_t backoff_ms_ = 0;
  std::int64_t retry_at_ms_ = 0;  // calls fail at once until then,
  failure last_failure_;          // with this
  bool refused_ = false;          // what refused() says
  tcp::endpoint last_target_;     // of the last link that was up: tried first
  wire::hello_reply server_;
  boost::asio::steady_timer timer_;
  std::int64_t armed_ms_ = never;
};

}  // namespace ssdfs::net
