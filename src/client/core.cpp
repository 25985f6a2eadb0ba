#include "client/core.hpp"

#include "client/operation.hpp"
#include "io/clock.hpp"

#include <boost/asio/post.hpp>

#include <pwd.h>
#include <unistd.h>

#include <algorithm>

namespace ssdfs::detail {
namespace {

std::string system_user() {
  std::array<char, 4096> space{};
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::geteuid(), &entry, space.data(), space.size(), &found) == 0 &&
      found != nullptr) {
    return found->pw_name;
  }
  return std::to_string(::geteuid());
}

client_config completed(client_config config) {
  if (config.masters.empty()) config.masters = client_config().masters;
  if (config.user.empty()) config.user = system_user();
  if (config.group.empty()) config.group = config.user;
  config.connections_per_server = std::max<std::size_t>(config.connections_per_server, 1);
  config.parallel_grants = std::clamp<std::size_t>(config.parallel_grants, 1, 16);
  config.chunks_in_flight = std::clamp<std::size_t>(config.chunks_in_flight, 1, 64);
  config.batch_concurrency = std::max<std::size_t>(config.batch_concurrency, 1);
  if (config.chunk_size != 0) {
    config.chunk_size = std::clamp(config.chunk_size, min_chunk_size, max_chunk_size);
  }
  return config;
}

net::channel_options channel_options_of(const client_config& config, client_id id) {
  net::channel_options out;
  out.hello.role = wire::peer_role::client;
  out.hello.client = id;
  out.hello.software = "ssdfs " SSDFS_VERSION;
  out.connect_timeout_ms = config.connect_timeout.count();
  // Operations pause by themselves; a server that is back should not be kept waiting for long.
  out.backoff_min_ms = 10;
  out.backoff_max_ms = 100;
  out.silence_ms = config.silence_timeout.count();
  return out;
}

}  // namespace

core::core(boost::asio::any_io_executor executor, client_config config)
    : config_(completed(std::move(config))),
      user_executor_(std::move(executor)),
      completion_executor_(user_executor_),
      strand_(user_executor_),
      client_id_(io::random_uuid()),
      timers_(std::make_shared<timers>(strand_)),
      pool_(strand_, channel_options_of(config_, client_id_), config_.connections_per_server),
      servers_(pool_, config_.connections_per_server == 1),
      masters_(servers_, config_.masters),
      ids_(client_id_),
      read_ahead_(config_.read_ahead_bytes),
      write_behind_(config_.write_behind_bytes),
      grants_(*this),
      locations_(*this),
      hedges_(*this),
      random_state_(io::random_u64() | 1),
      chunk_size_(config_.chunk_size) {}

core::~core() {
  for (task* t = intake_first_; t != nullptr;) {
    task* const next = t->next_;
    t->discard();
    t = next;
  }
}

void core::submit(task& t) {
  bool wake = false;
  {
    const std::lock_guard lock(intake_mutex_);
    (intake_last_ != nullptr ? intake_last_->next_ : intake_first_) = &t;
    intake_last_ = &t;
    wake = !std::exchange(draining_, true);
  }
  if (wake) boost::asio::post(strand_, [self = shared_from_this()] { self->drain(); });
}

void core::drain() {
  task* t = nullptr;
  {
    const std::lock_guard lock(intake_mutex_);
    t = std::exchange(intake_first_, nullptr);
    intake_last_ = nullptr;
    draining_ = false;
  }
  while (t != nullptr) {
    task* const next = std::exchange(t->next_, nullptr);
    t->run();
    t = next;
  }
}

void core::learn_chunk_size(std::uint32_t size) noexcept {
  if (config_.chunk_size != 0) return;
  chunk_size_ = size == 0 ? default_chunk_size : std::clamp(size, min_chunk_size, max_chunk_size);
}

std::uint64_t core::random() noexcept {
  // xorshift64*: for choices that need no more than to be spread.
  random_state_ ^= random_state_ >> 12;
  random_state_ ^= random_state_ << 25;
  random_state_ ^= random_state_ >> 27;
  return (random_state_ * 0x2545f4914f6cdd1dULL) >> 16;
}

void core::distrust(server& s, const failure& why) {
  if (s.failed(io::steady_ns(), is_silence(why))) probe(s, 0);
}

void core::probe(server& s, std::uint32_t attempt) {
  constexpr std::int64_t first_ns = 500'000'000;
  constexpr std::uint32_t most_doublings = 5;
  constexpr std::uint32_t most_attempts = 40;  // about ten minutes; then it is tried like any other
  const std::int64_t pause_ns = first_ns << std::min(attempt, most_doublings);
  timers_->at(io::steady_ns() + pause_ns, [weak = weak_from_this(), &s, attempt] {
    const auto self = weak.lock();
    if (!self || self->closed_ || !s.mute()) return;
    if (attempt >= most_attempts) return s.succeeded();
    constexpr std::int64_t timeout_ms = 1000;
    s.channel().call(wire::ping_request{}, {.timeout_ms = timeout_ms},
                     [weak, &s, attempt](auto reply) {
                       const auto alive = weak.lock();
                       if (!alive || !s.mute()) return;
                       if (reply) return s.succeeded();
                       alive->probe(s, attempt + 1);
                     });
  });
}

void core::add(operation& op) {
  op.next_running_ = running_;
  if (running_ != nullptr) running_->previous_running_ = &op;
  running_ = &op;
}

void core::remove(operation& op) {
  if (op.next_running_ != nullptr) op.next_running_->previous_running_ = op.previous_running_;
  (op.previous_running_ != nullptr ? op.previous_running_->next_running_ : running_) =
      op.next_running_;
  op.previous_running_ = op.next_running_ = nullptr;
}

void core::close(unique_function<void()> done) {
  boost::asio::post(strand_, [self = shared_from_this(), done = std::move(done)]() mutable {
    if (done && self->disconnected_) return done();
    if (done) self->when_closed_.push_back(std::move(done));
    self->close_on_strand();
  });
}

void core::close_on_strand() {
  if (std::exchange(closed_, true)) return;
  std::vector<operation_ptr> running;
  for (operation* op = running_; op != nullptr; op = op->next_running_) running.emplace_back(op);
  for (const operation_ptr& op : running) op->stop(errc::aborted);
  constexpr std::int64_t patience_ns = 1'000'000'000;
  const auto self = shared_from_this();
  timers_->at(io::steady_ns() + patience_ns, [self] { self->disconnect(); });
  grants_.close([self] { self->disconnect(); });
}

void core::disconnect() {
  if (std::exchange(disconnected_, true)) return;
  timers_->stop();
  pool_.stop();
  for (auto& done : std::exchange(when_closed_, {})) done();
}

void core::keep_session() {
  if (closed_ || !grants_.any()) {
    keeping_session_ = false;
    return;
  }
  // A third of the time that grants outlive the connection, so that a lost connection is noticed
  // and made anew in time, also while every source pauses.
  constexpr std::int64_t usual_ms = 30000;
  net::channel& channel = masters_.current().channel();
  const std::int64_t session_ms = channel.server().session_ms;
  const std::int64_t interval_ms =
      std::max<std::int64_t>(100, (session_ms > 0 ? std::min(session_ms, usual_ms) : usual_ms) / 3);
  server& asked = masters_.current();
  channel.call(wire::ping_request{}, {.timeout_ms = interval_ms},
               [self = shared_from_this(), &asked](auto reply) {
                 if (!reply) self->masters_.failed(asked, reply.error());
               });
  timers_->at(io::steady_ns() + interval_ms * 1'000'000, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->keep_session();
  });
}

void core::hold_session() {
  if (std::exchange(keeping_session_, true)) return;
  keep_session();
}

}  // namespace ssdfs::detail
