#include "member/leadership_runner.hpp"

#include "cluster/register_value.hpp"
#include "io/clock.hpp"
#include "net/await.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <limits>
#include <utility>
#include <variant>

namespace ssdfs::member {
namespace {

using cluster::time_ms;

constexpr std::int64_t register_call_ms = 1'000;
constexpr std::int64_t greeting_ms = 300;
// Shorter than the pause between two promises, so that each finds out anew whether the port
// refuses.
constexpr std::int64_t connect_pause_ms = 20;
constexpr time_ms nothing = std::numeric_limits<time_ms>::min();
// The low bits count the attempts to change the register.
constexpr std::uint64_t process_mask = ~std::uint64_t{0xffffff};

coord::register_judge judge_of(cluster_id own) {
  return [own](std::string_view content) -> result<void> {
    const auto value = cluster::decode_register(content);
    if (!value) return value.error();
    if (value->cluster != own) {
      return failure(errc::wrong_cluster,
                     "the register belongs to cluster " + to_string(value->cluster));
    }
    return {};
  };
}

// Why a promise has no answer. A process that has just started there has promised anew and leads
// nothing: the one that is looked for is gone.
cluster::promise_outcome outcome_of(const failure& why, bool refused) {
  if (refused || why == errc::starting) return cluster::promise_outcome::refused;
  if (why == errc::timed_out) return cluster::promise_outcome::silent;
  return cluster::promise_outcome::closed;
}

}  // namespace

leadership_runner::leadership_runner(runner_options options, register_maker make_register,
                                     leadership_host& host)
    : options_(std::move(options)),
      host_(host),
      work_(boost::asio::make_work_guard(io_)),
      timer_(io_),
      serve_until_(nothing),
      as_of_(nothing) {
  options_.config.process = io::random_u64() & process_mask;
  register_ = make_register(io_.get_executor(), judge_of(options_.config.cluster));
}

leadership_runner::~leadership_runner() { stop(); }

void leadership_runner::start(cluster::member_log log) {
  machine_.emplace(options_.config, std::move(log), io::boot_ms());
  register_->observe([this](const coord::register_view&) {
    if (stopped_) return;
    machine_->register_hint(io::boot_ms());
    settle();
  });
  report();
  boost::asio::post(io_, [this] { tick(); });
  thread_ = std::thread([this] { io_.run(); });
}

void leadership_runner::stop() {
  if (thread_.joinable()) {
    net::run_and_wait(io_.get_executor(), [this] {
      stopped_ = true;
      timer_.cancel();
      if (promises_) promises_->stop();
      for (const auto& [node, channel] : greetings_) channel->stop();
    });
  }
  // Nothing is asked of it any more; what is on its way ends on this thread.
  register_->stop();
  work_.reset();
  if (thread_.joinable()) thread_.join();
}

// ---- the machine --------------------------------------------------------------------------------

template <class Event>
void leadership_runner::on_thread(Event event) {
  boost::asio::post(io_, [this, event = std::move(event)]() mutable {
    if (stopped_) return;
    event(*machine_, io::boot_ms());
    settle();
  });
}

template <class Wish>
void leadership_runner::wish(Wish what, unique_function<void(result<void>)> done) {
  boost::asio::post(io_, [this, what = std::move(what), done = std::move(done)]() mutable {
    if (stopped_) return done(errc::shutting_down);
    auto granted = what(*machine_, io::boot_ms());
    settle();
    done(std::move(granted));
  });
}

void leadership_runner::tick() {
  if (stopped_) return;
  machine_->timer(io::boot_ms());
  settle();
  report();
  timer_.expires_after(std::chrono::milliseconds(cluster::leadership::tick_ms));
  timer_.async_wait([this](const boost::system::error_code& ec) {
    if (!ec) tick();
  });
}

// Performs everything before the next event; what an action leads to at once comes behind.
void leadership_runner::settle() {
  if (std::exchange(settling_, true)) return;
  // Other threads show no more than the machine allows, before anybody hears of a release.
  publish();
  for (;;) {
    const auto actions = machine_->take_actions();
    if (actions.empty()) break;
    for (const auto& action : actions) {
      std::visit([this](const auto& a) { perform(a); }, action);
    }
    publish();
  }
  settling_ = false;
}

void leadership_runner::publish() {
  const time_ms now = io::boot_ms();
  serve_until_.store(machine_->may_show(now) ? machine_->serve_until() : nothing,
                     std::memory_order_release);
  as_of_.store(machine_->stale_as_of().value_or(nothing), std::memory_order_release);
}

void leadership_runner::report() {
  auto fresh = machine_->report(io::boot_ms());
  const std::lock_guard lock(mutex_);
  report_ = std::move(fresh);
}

bool leadership_runner::may_show() const noexcept {
  return io::boot_ms() < serve_until_.load(std::memory_order_acquire);
}

std::optional<time_ms> leadership_runner::stale_as_of() const noexcept {
  const time_ms at = as_of_.load(std::memory_order_acquire);
  if (at == nothing) return std::nullopt;
  return at;
}

leadership_status leadership_runner::status() const {
  leadership_status out;
  out.reg = register_->view();
  const std::lock_guard lock(mutex_);
  out.machine = report_;
  return out;
}

// ---- the register -------------------------------------------------------------------------------

void leadership_runner::perform(const cluster::member_action::read_register& a) {
  register_->async_read(register_call_ms, [this, id = a.id](result<coord::register_value> found) {
    if (stopped_) return;
    using cluster::read_outcome;
    const bool missing = !found && found.error() == errc::not_found;
    const read_outcome what = found     ? read_outcome::found
                              : missing ? read_outcome::missing
                                        : read_outcome::unreachable;
    const std::string_view content = found ? std::string_view(found->content) : std::string_view();
    machine_->register_read(id, what, found ? found->version : 0, content, io::boot_ms());
    settle();
  });
}

void leadership_runner::perform(const cluster::member_action::change_register& a) {
  auto done = [this, id = a.id](const coord::set_result& said) {
    if (stopped_) return;
    using cluster::change_outcome;
    change_outcome what = change_outcome::unknown;
    switch (said.outcome) {
      case coord::set_outcome::done: what = change_outcome::done; break;
      case coord::set_outcome::refused: what = change_outcome::lost; break;
      case coord::set_outcome::not_made: what = change_outcome::not_sent; break;
      case coord::set_outcome::unknown: break;
    }
    machine_->register_changed(id, what, io::boot_ms());
    settle();
  };
  if (a.expected) {
    register_->async_set(*a.expected, a.bytes, register_call_ms, std::move(done));
  } else {
    register_->async_create(a.bytes, register_call_ms, std::move(done));
  }
}

// ---- asking other members -----------------------------------------------------------------------

net::channel_options leadership_runner::channel_to(node_id expected) const {
  net::channel_options to;
  to.hello.role = wire::peer_role::backup;
  to.hello.cluster = options_.config.cluster;
  to.hello.node = options_.config.self.node;
  to.hello.software = options_.software;
  to.hello.expected = expected;
  to.connect_timeout_ms = greeting_ms;
  to.backoff_min_ms = connect_pause_ms;
  to.backoff_max_ms = connect_pause_ms;
  return to;
}

std::shared_ptr<net::channel> leadership_runner::promise_channel(const std::string& address) {
  if (!promises_ || promises_->address() != address) {
    if (promises_) promises_->stop();
    // Whoever answers: a standby says who leads.
    promises_ = net::channel::make(io_.get_executor(), address, channel_to({}));
  }
  return promises_;
}

void leadership_runner::perform(const cluster::member_action::send_promise& a) {
  const auto channel = promise_channel(a.address);
  net::call_options call;
  call.timeout_ms = std::max<std::int64_t>(1, a.request.lease_ms / 2);
  channel->call(wire::promise_request{a.request}, std::move(call),
                [this, id = a.id,
                 by = std::weak_ptr(channel)](result<net::response<wire::promise_reply>> answer) {
                  if (stopped_) return;
                  const time_ms now = io::boot_ms();
                  if (answer) {
                    machine_->promise_answered(id, answer->message.said, now);
                  } else {
                    const auto asked = by.lock();
                    const bool refused = asked && asked->refused();
                    machine_->promise_failed(id, outcome_of(answer.error(), refused), now);
                  }
                  settle();
                });
}

void leadership_runner::perform(const cluster::member_action::send_greeting& a) {
  auto& channel = greetings_[a.to.node];
  if (!channel || channel->address() != a.to.address) {
    if (channel) channel->stop();
    channel = net::channel::make(io_.get_executor(), a.to.address, channel_to(a.to.node));
  }
  net::call_options call;
  call.timeout_ms = greeting_ms;
  channel->call(wire::greet_request{}, std::move(call),
                [this, id = a.id,
                 by = std::weak_ptr(channel)](result<net::response<wire::greet_reply>> answer) {
                  if (stopped_) return;
                  using cluster::greeting_outcome;
                  const auto asked = by.lock();
                  const greeting_outcome what = answer ? greeting_outcome::answered
                                                : asked && asked->refused()
                                                    ? greeting_outcome::refused
                                                    : greeting_outcome::silent;
                  machine_->greeted(id, what, answer ? answer->message.said : member_greeting{},
                                    io::boot_ms());
                  settle();
                });
  // Who left the set long ago is not kept for ever.
  constexpr std::size_t most_kept = 2 * cluster::max_members;
  for (auto at = greetings_.begin(); greetings_.size() > most_kept && at != greetings_.end();) {
    if (at->first == a.to.node || at->second->in_flight() > 0) {
      ++at;
      continue;
    }
    at->second->stop();
    at = greetings_.erase(at);
  }
}

// ---- answering them -----------------------------------------------------------------------------

bool leadership_runner::takes(wire::opcode code) noexcept {
  return code == wire::opcode::promise || code == wire::opcode::greet ||
         code == wire::opcode::match_log;
}

void leadership_runner::handle(net::request r, std::uint64_t connection) {
  boost::asio::post(io_, [this, r = std::move(r), connection]() mutable {
    if (stopped_) return r.fail(errc::shutting_down);
    switch (r.code()) {
      case wire::opcode::promise: return answer_promise(r, connection);
      case wire::opcode::greet: return r.reply(wire::greet_reply{machine_->greet()});
      case wire::opcode::match_log: return answer_match(r, connection);
      default: return r.fail(errc::unsupported);
    }
  });
}

void leadership_runner::answer_promise(net::request& r, std::uint64_t connection) {
  wire::promise_request q;
  if (!r.decode(q)) return r.fail(errc::protocol);
  wire::promise_reply reply{machine_->promised(q.said, connection, io::boot_ms())};
  settle();
  r.reply(reply);
}

void leadership_runner::answer_match(net::request& r, std::uint64_t connection) {
  wire::match_log_request q;
  if (!r.decode(q) || q.theirs.reigns.size() > max_history_reigns) return r.fail(errc::protocol);
  const auto answer = machine_->compare(q.theirs, connection, chain_check::not_yet, io::boot_ms());
  settle();
  if (answer.verdict != history_verdict::follow) return r.reply(wire::match_log_reply{answer});
  const log_place last = q.theirs.durable;
  host_.check_chain(last, [this, r = std::move(r), theirs = std::move(q.theirs),
                           connection](chain_result what) mutable {
    boost::asio::post(
        io_, [this, r = std::move(r), theirs = std::move(theirs), connection, what]() mutable {
          if (stopped_) return r.fail(errc::shutting_down);
          chain_checked(r, theirs, connection, what);
        });
  });
}

void leadership_runner::chain_checked(net::request& r, const log_history& theirs,
                                      std::uint64_t connection, chain_result what) {
  const time_ms now = io::boot_ms();
  // Meanwhile this log may have grown, another set be wanted, or this member have been replaced.
  const auto check = what == chain_result::same        ? chain_check::not_yet
                     : what == chain_result::different ? chain_check::wrong
                                                       : chain_check::unreachable;
  const history_answer answer = machine_->compare(theirs, connection, check, now);
  if (what == chain_result::same && answer.verdict == history_verdict::follow) {
    machine_->standby_matched(theirs.node, connection, theirs.durable.last, now);
  }
  settle();
  r.reply(wire::match_log_reply{answer});
}

void leadership_runner::closed(node_id node, std::uint64_t connection) {
  on_thread([=](auto& m, time_ms now) { m.standby_closed(node, connection, now); });
}

// ---- the host's events --------------------------------------------------------------------------

void leadership_runner::log_is(cluster::member_log log) {
  on_thread(
      [log = std::move(log)](auto& m, time_ms now) mutable { m.log_is(std::move(log), now); });
}

void leadership_runner::log_grew(const log_place& durable, txid committed, txid applied) {
  on_thread([=](auto& m, time_ms now) { m.log_grew(durable, committed, applied, now); });
}

void leadership_runner::alive(time_ms turned_at, time_ms unsynced_since) {
  on_thread([=](auto& m, time_ms) { m.alive(turned_at, unsynced_since); });
}

void leadership_runner::reluctant(bool yes) {
  on_thread([=](auto& m, time_ms) { m.reluctant(yes); });
}

void leadership_runner::standby_holds(node_id node, std::uint64_t connection, txid durable) {
  on_thread([=](auto& m, time_ms now) { m.standby_holds(node, connection, durable, now); });
}

void leadership_runner::ask_history(unique_function<void(log_history)> then) {
  on_thread([then = std::move(then)](auto& m, time_ms) mutable { then(m.history()); });
}

void leadership_runner::history_answered(const history_answer& answer) {
  on_thread([=](auto& m, time_ms now) { m.history_answered(answer, now); });
}

void leadership_runner::log_matched() {
  on_thread([](auto& m, time_ms now) { m.log_matched(now); });
}

void leadership_runner::hand_over(node_id to, unique_function<void(result<void>)> done) {
  wish([=](auto& m, time_ms now) { return m.hand_over(to, now); }, std::move(done));
}

void leadership_runner::keep_out(node_id node, bool out, unique_function<void(result<void>)> done) {
  wish([=](auto& m, time_ms now) { return m.keep_out(node, out, now); }, std::move(done));
}

void leadership_runner::force(unique_function<void(result<void>)> done) {
  wish([](auto& m, time_ms) { return m.force(); }, std::move(done));
}

void leadership_runner::requests_held(txid last) {
  on_thread([=](auto& m, time_ms now) { m.requests_held(last, now); });
}

void leadership_runner::serving_stopped() {
  on_thread([](auto& m, time_ms now) { m.serving_stopped(now); });
}

void leadership_runner::shut_down() {
  on_thread([](auto& m, time_ms now) { m.shutdown(now); });
}

}  // namespace ssdfs::member
