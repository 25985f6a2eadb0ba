#include "coord/zookeeper_register.hpp"

#include "base/assert.hpp"
#include "coord/view_board.hpp"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/thread_pool.hpp>

#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>

namespace ssdfs::coord {
namespace {

namespace asio = boost::asio;

// A caller's handler: posted to its executor, whose work is counted until then.
template <class Handler, class Answer>
class posted_answer {
 public:
  posted_answer(asio::any_io_executor executor, Handler handler)
      : work_(std::move(executor)), handler_(std::move(handler)) {}
  void operator()(Answer answer) {
    asio::post(work_.get_executor(),
               [handler = std::move(handler_), answer = std::move(answer)]() mutable {
                 handler(std::move(answer));
               });
    work_.reset();
  }

 private:
  asio::executor_work_guard<asio::any_io_executor> work_;
  Handler handler_;
};

using read_answer = posted_answer<shared_register::read_handler, result<register_value>>;
using set_answer = posted_answer<shared_register::set_handler, set_result>;

set_result stopped_call() {
  return {set_outcome::not_made, -1, failure_of(register_state::stopped, "stopped")};
}

}  // namespace

// The threads and what they share.
class zookeeper_register::machine {
 public:
  machine(zookeeper_options options, asio::any_io_executor executor)
      : options_(std::move(options)),
        executor_(std::move(executor)),
        board_(std::make_shared<view_board>(executor_)),
        closer_(1),
        io_(1),
        work_(io_.get_executor()),
        keeper_(io_, closer_, options_,
                [board = board_](register_view v) { board->show(std::move(v)); }),
        thread_([this] {
          asio::co_spawn(io_, keeper_.run(), asio::detached);
          io_.run();
        }) {}
  ~machine() { stop(); }

  // `call` makes the keeper's awaitable; runs on its thread. What is refused here never starts.
  template <class Answer, class Call>
  void perform(Answer answer, Call call) {
    if (stopping_) return answer(give<Answer>(stopped_call()));
    if (calls_.fetch_add(1) >= max_register_calls) {
      --calls_;
      return answer(give<Answer>(
          {set_outcome::not_made, -1, {errc::busy, "too many calls of the register at a time"}}));
    }
    asio::co_spawn(
        io_,
        [this, call = std::move(call),
         answer = std::make_shared<Answer>(std::move(answer))]() mutable -> asio::awaitable<void> {
          auto got = co_await call(keeper_);
          --calls_;
          (*answer)(std::move(got));
        },
        asio::detached);
  }

  void use_servers(std::vector<server_address> servers) {
    asio::post(io_, [this, servers = std::move(servers)]() mutable {
      keeper_.use_servers(std::move(servers));
    });
  }
  void stop() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    board_->stop();
    asio::post(io_, [this] {
      keeper_.stop();
      work_.reset();
    });
    thread_.join();
    closer_.join();
  }
  // Nothing happens any more; calls that are on their way stay where they are.
  void halt() {
    if (!thread_.joinable()) return;
    stopping_ = true;
    board_->stop();
    io_.stop();
    thread_.join();
  }

  [[nodiscard]] const asio::any_io_executor& executor() const noexcept { return executor_; }
  [[nodiscard]] view_board& board() noexcept { return *board_; }

 private:
  template <class Answer>
  static auto give(set_result r) {
    if constexpr (std::is_same_v<Answer, read_answer>) {
      return result<register_value>(std::move(r.why));
    } else {
      return r;
    }
  }

  const zookeeper_options options_;
  const asio::any_io_executor executor_;
  const std::shared_ptr<view_board> board_;
  std::atomic<bool> stopping_{false};
  std::atomic<int> calls_{0};
  asio::thread_pool closer_;
  asio::io_context io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;  // reset on the thread
  zookeeper_keeper keeper_;                                          // on the thread
  std::thread thread_;
};

zookeeper_register::zookeeper_register(zookeeper_options options, asio::any_io_executor executor)
    : machine_(nullptr) {
  SSDFS_ASSERT(options.judge && !options.address.servers.empty());
  machine_ = new machine(std::move(options), std::move(executor));
}

zookeeper_register::~zookeeper_register() {
  if (!abandoned_) delete machine_;
}

void zookeeper_register::async_read(std::int64_t within_ms, read_handler handler) {
  machine_->perform(read_answer(machine_->executor(), std::move(handler)),
                    [within_ms](zookeeper_keeper& k) { return k.read(within_ms); });
}

void zookeeper_register::async_set(std::int64_t replaced, std::string content,
                                   std::int64_t within_ms, set_handler handler) {
  SSDFS_ASSERT(replaced >= 0);
  machine_->perform(
      set_answer(machine_->executor(), std::move(handler)),
      [replaced, within_ms, content = std::move(content)](zookeeper_keeper& k) mutable {
        return k.set(replaced, std::move(content), within_ms);
      });
}

void zookeeper_register::async_create(std::string content, std::int64_t within_ms,
                                      set_handler handler) {
  machine_->perform(set_answer(machine_->executor(), std::move(handler)),
                    [within_ms, content = std::move(content)](zookeeper_keeper& k) mutable {
                      return k.create(std::move(content), within_ms);
                    });
}

void zookeeper_register::observe(observer o) { machine_->board().observe(std::move(o)); }

register_view zookeeper_register::view() const { return machine_->board().view(); }

void zookeeper_register::stop() { machine_->stop(); }

void zookeeper_register::use_servers(std::vector<server_address> servers) {
  machine_->use_servers(std::move(servers));
}

void zookeeper_register::abandon() {
  machine_->halt();
  abandoned_ = true;
}

}  // namespace ssdfs::coord
