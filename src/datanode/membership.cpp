#include "datanode/membership.hpp"

#include "base/log.hpp"
#include "io/clock.hpp"
#include "net/address.hpp"
#include "net/await.hpp"
#include "wire/cluster_messages.hpp"

#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <utility>
#include <variant>

namespace ssdfs::datanode {
namespace {

// True if the connection is at fault, not what was said over it.
bool is_loss(const failure& why) {
  return why == errc::connection || why == errc::timed_out || why == errc::aborted ||
         why == errc::cancelled || why == errc::wrong_cluster || why == errc::version_mismatch ||
         why == errc::protocol || why.code.category() != ssdfs_category();
}

}  // namespace

membership::membership(boost::asio::io_context& io, membership_options options, const parts& p)
    : options_(std::move(options)),
      parts_(p),
      strand_(boost::asio::make_strand(io)),
      timer_(strand_),
      address_(options_.agent.address) {
  if (!options_.agent.masters.empty()) agent_.emplace(options_.agent, p.witnesses.highest());
}

template <class Function>
void membership::on_strand(Function f) {
  boost::asio::post(strand_, [self = shared_from_this(), f = std::move(f)]() mutable {
    if (self->stopped_ || !self->agent_) return;
    f(*self);
    self->pump();
  });
}

void membership::start() {
  if (options_.agent.masters.empty()) return set_problem("no master is configured");
  on_strand([](membership& m) {
    for (const replica_report& report : m.parts_.set.reports()) {
      m.told_[report.id] = report;
      m.agent_->replica_changed(report, io::steady_ms());
    }
    m.report_disks();
    m.agent_->start(io::steady_ms());
  });
}

void membership::stop() {
  net::run_and_wait(strand_, [this] {
    stopped_ = true;
    timer_.cancel();
    close_channel();
  });
}

void membership::say_goodbye(std::int64_t timeout_ms) {
  on_strand([](membership& m) { m.agent_->stopping(io::steady_ms()); });
  std::unique_lock lock(mutex_);
  goodbye_.wait_for(lock, std::chrono::milliseconds(timeout_ms),
                    [this] { return goodbye_heard_ || !registered_; });
}

void membership::leave(std::string why) {
  on_strand([why = std::move(why)](membership& m) mutable {
    if (std::exchange(m.away_, true)) return;
    SSDFS_LOG(error) << "leaving the cluster: " << why;
    m.close_channel();
    m.agent_->connection_lost(io::steady_ms());
    const std::lock_guard lock(m.mutex_);
    m.problem_ = std::move(why);
  });
}

void membership::come_back() {
  on_strand([](membership& m) {
    if (std::exchange(m.away_, false)) SSDFS_LOG(warning) << "joining the cluster again";
  });
}

bool membership::registered() const {
  const std::lock_guard lock(mutex_);
  return registered_;
}

std::string membership::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

std::string membership::notice() const {
  const std::lock_guard lock(mutex_);
  return notice_;
}

std::shared_ptr<net::channel> membership::master() const {
  const std::lock_guard lock(mutex_);
  return channel_;
}

std::string membership::advertised_address() const {
  const std::lock_guard lock(mutex_);
  return address_;
}

// ---- events from the node ----

void membership::chain_failed(const chain_failure& what, std::string_view address) {
  // Every write in flight says the same; people need to read it once.
  constexpr std::size_t remembered = 1024;
  bool is_new = false;
  {
    const std::lock_guard lock(mutex_);
    if (failures_logged_.size() >= remembered) failures_logged_.clear();
    is_new = failures_logged_.emplace(what.volume, what.generation, what.node).second;
  }
  if (is_new) {
    SSDFS_LOG(warning) << "volume " << what.volume << ": chain member " << address << " ("
                       << to_string(what.node) << ") failed an append";
  }
  on_strand([what](membership& m) { m.agent_->chain_failed(what, io::steady_ms()); });
}

void membership::volume_changed(volume_id volume) {
  {
    const std::lock_guard lock(mutex_);
    if (!changed_.insert(volume).second) return;  // will be reported anyway
  }
  on_strand([volume](membership& m) {
    {
      const std::lock_guard lock(m.mutex_);
      m.changed_.erase(volume);
    }
    m.report_volume(volume);
  });
}

void membership::refresh() {
  on_strand([](membership& m) {
    for (const auto& v : m.parts_.volumes.all()) {
      const replica_report report = v->store().report();
      auto& told = m.told_[report.id];
      if (told == report) continue;
      told = report;
      m.agent_->replica_changed(report, io::steady_ms());
    }
    m.report_disks();
  });
}

void membership::report_volume(volume_id id) {
  replica_report report{.id = id, .state = replica_state::damaged};
  if (const auto v = parts_.volumes.find(id)) {
    report = v->store().report();
  } else if (!parts_.set.is_quarantined(id)) {
    return;
  }
  told_[id] = report;
  agent_->replica_changed(report, io::steady_ms());
}

void membership::report_disks() {
  std::vector<disk_report> disks;
  for (const auto& d : parts_.set.status()) {
    disks.push_back({d.path, d.capacity, d.used, d.available, !d.problem.empty()});
  }
  if (disks == told_disks_) return;
  told_disks_ = disks;
  agent_->disks_changed(std::move(disks), io::steady_ms());
}

// ---- actions of the agent ----

void membership::pump() {
  // An action may lead to further ones at once.
  for (auto actions = agent_->take_actions(); !actions.empty(); actions = agent_->take_actions()) {
    for (auto& a : actions) std::visit([this](auto& one) { perform(one); }, a);
  }
  {
    const std::lock_guard lock(mutex_);
    registered_ = agent_->state() == cluster::agent_state::live;
    if (registered_) problem_.clear();
    goodbye_heard_ = agent_->stopping_is_known();
  }
  goodbye_.notify_all();
  arm_timer();
}

void membership::arm_timer() {
  const cluster::time_ms due = agent_->next_deadline();
  if (due == cluster::never || away_) {
    timer_.cancel();
    return;
  }
  const std::int64_t wait_ms = std::max<std::int64_t>(0, due - io::steady_ms());
  timer_.expires_after(std::chrono::milliseconds(wait_ms));
  timer_.async_wait([self = shared_from_this()](boost::system::error_code ec) {
    if (ec || self->stopped_) return;
    self->agent_->timer(io::steady_ms());
    self->pump();
  });
}

net::channel_options membership::channel_options() const {
  net::channel_options out;
  out.hello.role = wire::peer_role::datanode;
  out.hello.cluster = parts_.set.cluster();
  out.hello.node = options_.agent.node;
  out.hello.software = "ssdfs " SSDFS_VERSION;
  return out;
}

void membership::perform(cluster::action::connect& a) {
  close_channel();
  master_address_ = a.master;
  {
    const std::lock_guard lock(mutex_);
    channel_ = net::channel::make(strand_, a.master, channel_options());
  }
  greet();
}

// The channel connects with its first call.
void membership::greet() {
  call(wire::ping_request{}, [](membership& m, auto answer) {
    if (!answer) return m.lost(answer.error());
    m.learn_address();
    m.agent_->connected(io::steady_ms());
  });
}

// A wildcard listener is told to others by the address that the master sees.
void membership::learn_address() {
  if (!options_.agent.address.empty()) return;
  const auto local = net::parse_host_port(master()->local_address());
  const std::lock_guard lock(mutex_);
  if (local) address_ = net::format_host_port({local->host, options_.port});
}

void membership::perform(cluster::action::disconnect&) { close_channel(); }

void membership::close_channel() {
  ++connection_;
  std::shared_ptr<net::channel> old;
  {
    const std::lock_guard lock(mutex_);
    old = std::exchange(channel_, nullptr);
  }
  if (old) old->stop();
}

void membership::lost(const failure& why) {
  std::string text = why.message();
  // Some say themselves whom they are about.
  if (!text.starts_with(master_address_ + ":")) text.insert(0, master_address_ + ": ");
  set_problem(std::move(text));
  close_channel();
  agent_->connection_lost(io::steady_ms());
}

void membership::set_problem(std::string text) {
  const std::lock_guard lock(mutex_);
  if (text == problem_) return;
  SSDFS_LOG(warning) << "not registered: " << text;
  problem_ = std::move(text);
}

void membership::set_notice(std::string text) {
  const std::lock_guard lock(mutex_);
  if (text == notice_) return;
  if (!text.empty()) SSDFS_LOG(warning) << text;
  if (text.empty()) SSDFS_LOG(info) << "no more: " << notice_;
  notice_ = std::move(text);
}

template <class Request, class Handler>
void membership::call(const Request& message, Handler handler) {
  std::shared_ptr<net::channel> to = master();
  if (!to) return;
  net::call_options options;
  // The agent has its own deadlines; this one only bounds what it has forgotten.
  options.timeout_ms = heartbeat_interval_ms_ + 2 * options_.agent.reply_timeout_ms;
  to->call(message, std::move(options),
           [self = shared_from_this(), connection = connection_,
            handler = std::move(handler)](auto answer) mutable {
             if (self->stopped_ || self->connection_ != connection) return;
             if (!answer && is_loss(answer.error())) {
               self->lost(answer.error());
             } else {
               handler(*self, std::move(answer));
             }
             self->pump();
           });
}

void membership::perform(cluster::action::send_registration& a) {
  wire::register_node_request m{std::move(a.registration)};
  if (m.registration.address.empty()) m.registration.address = advertised_address();
  call(m, [connection = connection_](membership& self, auto answer) {
    if (!answer) {
      self.set_problem(self.master_address_ + ": " + answer.error().message());
      return self.agent_->register_answered(answer.error(), io::steady_ms());
    }
    self.set_notice(std::move(answer->message.notice));
    wire::register_node_reply& r = answer->message;
    self.join(connection, r.cluster, {r.reign, r.settings, std::move(r.tickets)});
  });
}

void membership::join(std::uint64_t connection, cluster_id cluster,
                      cluster::registration_answer answer) {
  const auto finish = [connection, answer = std::move(answer)](membership& m,
                                                               const result<void>& joined) {
    if (m.connection_ != connection) return;
    if (joined) return m.agent_->register_answered(answer, io::steady_ms());
    m.set_problem(m.master_address_ + ": " + joined.error().message());
    m.agent_->register_answered(joined.error(), io::steady_ms());
  };
  if (parts_.set.cluster() == cluster) return finish(*this, {});
  auto queued = parts_.background.submit([self = shared_from_this(), cluster, finish] {
    self->on_strand([finish, joined = self->parts_.set.bind_cluster(cluster)](membership& m) {
      finish(m, joined);
    });
  });
  if (!queued) finish(*this, queued);
}

void membership::perform(cluster::action::send_page& a) {
  call(wire::report_volumes_request{a.epoch, std::move(a.page)}, [](membership& m, auto answer) {
    const auto outcome = answer ? result<void>() : result<void>(answer.error());
    m.agent_->page_answered(outcome, io::steady_ms());
  });
}

void membership::perform(cluster::action::send_heartbeat& a) {
  const std::uint64_t number = a.heartbeat.number;
  call(wire::heartbeat_request{std::move(a.heartbeat)}, [number](membership& m, auto answer) {
    if (!answer) return m.agent_->heartbeat_answered(number, answer.error(), io::steady_ms());
    wire::heartbeat_reply& r = answer->message;
    m.set_notice(std::move(r.notice));
    m.agent_->heartbeat_answered(
        number,
        cluster::heartbeat_answer{r.reign, r.settings, std::move(r.orders), std::move(r.tickets)},
        io::steady_ms());
  });
}

void membership::perform(cluster::action::persist_witness& a) {
  auto queued = parts_.background.submit([self = shared_from_this(), value = a.value] {
    self->on_strand([value, stored = self->parts_.witnesses.remember(value)](membership& m) {
      m.stored(value, stored);
    });
  });
  if (!queued) stored(a.value, queued);
}

// While the witness cannot be stored, orders that remove something wait and nothing else does.
void membership::stored(const witness& value, const result<void>& outcome) {
  std::string problem = outcome ? std::string() : outcome.error().message();
  if (outcome) {
    agent_->witness_persisted(value, io::steady_ms());
  } else {
    agent_->witness_failed(io::steady_ms());
  }
  const std::lock_guard lock(mutex_);
  if (problem == witness_problem_) return;
  witness_problem_ = std::move(problem);
  if (witness_problem_.empty()) {
    SSDFS_LOG(info) << "the witness is stored again";
  } else {
    SSDFS_LOG(error) << "the witness was not stored, nothing is removed meanwhile: "
                     << witness_problem_;
  }
}

std::string membership::witness_problem() const {
  const std::lock_guard lock(mutex_);
  return witness_problem_;
}

void membership::perform(cluster::action::apply_settings& a) {
  heartbeat_interval_ms_ = a.settings.heartbeat_interval_ms;
  parts_.orders.set_rate(a.settings.repair_rate);
  if (options_.apply_settings) options_.apply_settings(a.settings);
}

void membership::perform(cluster::action::take_tickets& a) {
  parts_.tickets.learn(parts_.set.cluster(), a.told, io::steady_ms());
}

void membership::perform(cluster::action::execute& a) {
  parts_.orders.execute(std::move(a.what), [self = shared_from_this()](order_outcome outcome) {
    self->on_strand([outcome = std::move(outcome)](membership& m) {
      const std::int64_t now = io::steady_ms();
      if (outcome.report) {
        m.told_[outcome.report->id] = *outcome.report;
        m.agent_->replica_changed(*outcome.report, now);
      } else if (outcome.gone) {
        m.told_.erase(outcome.result.volume);
        m.agent_->replica_gone(outcome.result.volume, now);
      }
      m.report_disks();
      m.agent_->order_finished(outcome.result, now);
    });
  });
}

void membership::perform(cluster::action::cancel& a) { parts_.orders.cancel(a.order_id); }

void membership::perform(cluster::action::complain& a) {
  set_problem(master_address_ + ": " + a.why.message());
}

}  // namespace ssdfs::datanode
