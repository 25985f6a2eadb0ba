#include "master/service.hpp"

#include "base/log.hpp"
#include "io/clock.hpp"

#include <boost/asio/post.hpp>

namespace ssdfs::master {

service::service(boost::asio::io_context& io, core& shared, checkpointer& checkpoints)
    : core_(shared),
      checkpoints_(checkpoints),
      timer_(io),
      live_lists_(shared.state()),
      cluster_(shared.state(), shared.nodes(), shared, live_lists_),
      decisions_(shared.state(), shared.nodes(), shared),
      mover_(io::random_uuid()),
      relocator_(shared.state(), relocator_actions()) {
  core_.slow_op_ms = shared.options().slow_op_ms;
  core_.on_committed = [this] { settle(); };
}

result<wire::hello_reply> service::hello(const wire::hello_request&) {
  wire::hello_reply reply;
  reply.role = wire::peer_role::master;
  // Constant from open() on, so it may be read on any thread.
  reply.cluster = core_.state().cluster();
  reply.node = core_.node();
  reply.epoch = core_.state().epoch();
  reply.software = std::string("ssdfs ") + SSDFS_VERSION;
  reply.session_ms = static_cast<std::uint32_t>(core_.options().session_ms);
  return reply;
}

void service::opened(net::connection& from) {
  from.attachment = next_connection_.fetch_add(1);
  if (from.peer().role == wire::peer_role::client) {
    enqueue(event([this, client = from.peer().client] { core_.grants().opened(client); }));
  }
}

void service::handle(std::span<net::request> batch) {
  bool post = false;
  {
    const std::lock_guard lock(queue_mutex_);
    for (net::request& r : batch) {
      if (journal_service::takes(r.code())) {
        backups_->handle(std::move(r));
      } else {
        queue_.emplace_back(std::move(r));
      }
    }
    post = !std::exchange(draining_, true);
  }
  if (post) boost::asio::post(core_.strand(), [this] { drain(); });
}

void service::closed(net::connection& from) {
  const auto number = std::any_cast<std::uint64_t>(&from.attachment);
  if (number == nullptr) return;
  enqueue(event([this, peer = from.peer(), number = *number] { connection_ended(peer, number); }));
}

void service::enqueue(item next) {
  bool post = false;
  {
    const std::lock_guard lock(queue_mutex_);
    queue_.push_back(std::move(next));
    post = !std::exchange(draining_, true);
  }
  if (post) boost::asio::post(core_.strand(), [this] { drain(); });
}

void service::drain() {
  {
    const std::lock_guard lock(queue_mutex_);
    turn_.swap(queue_);
    draining_ = false;
  }
  core_.context();  // the clocks of this turn
  for (item& next : turn_) {
    if (auto* call = std::get_if<event>(&next)) {
      (*call)();
    } else {
      dispatch(std::get<net::request>(next));
    }
  }
  turn_.clear();
  settle();
}

void service::dispatch(net::request& r) {
  if (stopped_) return r.fail(errc::shutting_down);
  const auto code = r.code();
  const std::int64_t began_ns = io::steady_ns();
  const std::int64_t received_ns = r.received_ns();
  if (!answers::dispatch(r, *this)) {
    return net::refuse_unsupported(r, wire::peer_role::master);
  }
  const std::int64_t now_ns = io::steady_ns();
  const std::int64_t slow_ms = core_.slow_op_ms.load(std::memory_order_relaxed);
  if (slow_ms > 0 && now_ns - received_ns > slow_ms * 1'000'000) {
    SSDFS_LOG(warning) << "slow " << wire::name_of(code) << ": " << (began_ns - received_ns) / 1000
                       << " us queued, " << (now_ns - began_ns) / 1000 << " us handled";
  }
}

void service::start() {
  started_ms_ = core::steady_now_ms();
  adopt_decisions();
  core_.grants().opened(mover_);
  arm_tick();
}

void service::shut_down() {
  stopped_ = true;
  timer_.cancel();  // its handler comes all the same
  core_.on_committed.reset();
  core_.grants().give_up();
  requests_.drain([](net::request r) { r.fail(errc::shutting_down); });
  for (auto& [node, held] : held_) held.request.fail(errc::shutting_down);
  held_.clear();
}

}  // namespace ssdfs::master
