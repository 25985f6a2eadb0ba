#include "datanode/order_executor.hpp"

#include "base/log.hpp"
#include "datanode/copy_order.hpp"
#include "datanode/reconcile_order.hpp"
#include "io/clock.hpp"

#include <boost/describe/enum_to_string.hpp>

#include <utility>

namespace ssdfs::datanode {
namespace {

std::string_view name_of(order_kind kind) {
  return boost::describe::enum_to_string(kind, "unknown");
}

result<void> without_value(result<replica_report> r) {
  if (!r) return std::move(r).error();
  return {};
}

}  // namespace

void order_executor::execute(order what, done_function done) {
  auto job = std::make_shared<order_job>(std::move(what), rate_.load(std::memory_order_relaxed));
  {
    const std::lock_guard lock(mutex_);
    if (stopping_) job->cancel();
    running_[job->what().id] = job;
  }
  // Shared, so that it is still there if the pool refuses the job.
  auto callback = std::make_shared<done_function>(std::move(done));
  auto queued = parts_.background.submit([this, job, callback] {
    order_outcome outcome = run(*job);
    {
      const std::lock_guard lock(mutex_);
      running_.erase(job->what().id);
    }
    (*callback)(std::move(outcome));
  });
  if (queued) return;
  {
    const std::lock_guard lock(mutex_);
    running_.erase(job->what().id);
  }
  const order& o = job->what();
  const auto status = static_cast<std::uint16_t>(queued.error().code.value());
  order_outcome refused;
  refused.result.id = o.id;
  refused.result.kind = o.kind;
  refused.result.volume = o.volume;
  refused.result.status = status;
  refused.result.detail = queued.error().message();
  (*callback)(std::move(refused));
}

void order_executor::cancel(std::uint64_t order_id) {
  const std::lock_guard lock(mutex_);
  const auto found = running_.find(order_id);
  if (found != running_.end()) found->second->cancel();
}

void order_executor::stop() {
  const std::lock_guard lock(mutex_);
  stopping_ = true;
  for (auto& [id, job] : running_) job->cancel();
}

order_outcome order_executor::run(order_job& job) {
  const order& what = job.what();
  const std::int64_t began = io::steady_ms();
  const auto done = job.cancelled() ? result<void>(errc::cancelled) : dispatch(job);
  order_outcome out;
  out.result.id = what.id;
  out.result.kind = what.kind;
  out.result.volume = what.volume;
  out.result.absent = std::move(job.absent);
  out.result.found = std::move(job.found);
  if (!done) {
    const failure why = done.error();
    const bool own = why.code.category() == ssdfs_category();
    out.result.status = static_cast<std::uint16_t>(own ? why.code.value() : int(errc::io));
    out.result.detail = why.message();
    SSDFS_LOG(warning) << "order " << name_of(what.kind) << " volume " << what.volume
                       << " failed: " << why.message();
  } else {
    SSDFS_LOG(debug) << "order " << name_of(what.kind) << " volume " << what.volume << " done in "
                     << io::steady_ms() - began << " ms";
  }
  if (const auto v = parts_.volumes.find(what.volume)) {
    out.report = v->store().report();
    return out;
  }
  for (const auto& q : parts_.set.quarantined()) {
    if (q.id != what.volume) continue;
    out.report = replica_report{.id = q.id, .state = replica_state::damaged};
    return out;
  }
  out.gone = true;
  return out;
}

result<void> order_executor::dispatch(order_job& job) {
  const order& what = job.what();
  switch (what.kind) {
    case order_kind::create: return create(what);
    case order_kind::drop: return drop(what);
    case order_kind::copy: return copy(job);
    case order_kind::cancel: return {};  // the agent turns these into cancel()
    default: break;
  }
  const auto found = hosted(what.volume);
  if (!found) return found.error();
  volume::volume& v = (*found)->store();
  switch (what.kind) {
    case order_kind::seal: return without_value(v.seal(what.generation));
    case order_kind::reopen: return reopen(what);
    case order_kind::set_generation: return without_value(v.set_generation(what.generation));
    case order_kind::remove_keys: return v.remove_keys(what.removal_number, what.keys);
    case order_kind::compact: return compact(job);
    case order_kind::reconcile: return reconcile(job);
    default: return failure(errc::unsupported, "an order of an unknown kind");
  }
}

result<std::shared_ptr<hosted_volume>> order_executor::hosted(volume_id id) const {
  auto v = parts_.volumes.find(id);
  if (!v) return failure(errc::not_found, "the volume is not here");
  return v;
}

// An order may be given again after it was done: what it asks for is then there already, but for
// the members' addresses, which may be others by now. The way is known before the first write can
// come.
result<void> order_executor::create(const order& what) {
  auto route = volume_route::make(what.generation, what.sources, parts_.node);
  if (!route) return std::move(route).error();
  if (const auto here = parts_.volumes.find(what.volume)) {
    const replica_report report = here->store().report();
    if (report.generation != what.generation || report.state != replica_state::open) {
      return failure(errc::exists, "the volume is here already, in another state");
    }
    here->set_route(std::move(*route));
    return {};
  }
  auto made = parts_.set.create({.id = what.volume, .generation = what.generation});
  if (!made) return std::move(made).error();
  auto hosted = std::make_shared<hosted_volume>(std::move(*made), parts_.disk);
  hosted->set_route(std::move(*route));
  parts_.volumes.insert(std::move(hosted));
  return {};
}

result<void> order_executor::reopen(const order& what) {
  const auto found = hosted(what.volume);
  if (!found) return found.error();
  auto route = volume_route::make(what.generation, what.sources, parts_.node);
  if (!route) return std::move(route).error();
  volume::volume& v = (*found)->store();
  const replica_report now = v.report();
  if (now.generation <= what.generation) (*found)->set_route(std::move(*route));
  if (now.state == replica_state::open && now.generation == what.generation) return {};
  SSDFS_TRY(v.reopen(what.generation, what.first_key));
  return {};
}

result<void> order_executor::drop(const order& what) {
  parts_.volumes.erase(what.volume);
  parts_.large.forget(what.volume);
  auto dropped = parts_.set.drop(what.volume);
  parts_.volumes.erase(what.volume);  // as a move between disks has put it there meanwhile
  if (!dropped && dropped.error() == errc::not_found) return {};
  if (!dropped) {
    // Still here, as far as it can be said: it goes back into service and the order comes again.
    if (auto v = parts_.set.find(what.volume)) {
      parts_.volumes.insert(std::make_shared<hosted_volume>(std::move(v), parts_.disk));
    }
  }
  return dropped;
}

result<void> order_executor::compact(order_job& job) {
  const auto found = hosted(job.what().volume);
  if (!found) return found.error();
  volume::volume& v = (*found)->store();
  volume::compaction_options options;
  options.now_ms = io::wall_ms();
  options.tombstone_ms = v.tombstone_age_ms();
  options.go_on = [&job](std::uint64_t bytes) { return job.moved(bytes).has_value(); };
  const auto done = v.compact(std::move(options));
  if (!done) return done.error();
  SSDFS_LOG(info) << "volume " << v.id() << " compacted from " << done->old_length << " to "
                  << done->new_length << " bytes";
  return {};
}

result<void> order_executor::copy(order_job& job) {
  const volume_id id = job.what().volume;
  const auto here = parts_.volumes.find(id);
  if (here) {
    const replica_report now = here->store().report();
    if (now.state == replica_state::sealed && now.generation == job.what().generation) return {};
    const bool usable = now.state == replica_state::open || now.state == replica_state::sealed;
    if (usable) return failure(errc::exists, "another replica is here already");
  }
  auto copied =
      copy_volume(parts_.set, parts_.peers, job, [this](std::shared_ptr<volume::volume> v) {
        parts_.volumes.insert(std::make_shared<hosted_volume>(std::move(v), parts_.disk));
      });
  if (!copied && !parts_.set.find(id)) parts_.volumes.erase(id);
  return copied;
}

result<void> order_executor::reconcile(order_job& job) {
  const auto found = hosted(job.what().volume);
  if (!found) return found.error();
  const auto master = parts_.master();
  if (!master) return failure(errc::connection, "no master to ask");
  return reconcile_volume((*found)->store(), *master, parts_.peers, job, reconciled_);
}

}  // namespace ssdfs::datanode
