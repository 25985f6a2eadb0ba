#include "client/grant_pool.hpp"

#include "base/assert.hpp"
#include "base/units.hpp"
#include "client/core.hpp"
#include "io/clock.hpp"
#include "wire/chain.hpp"

#include <algorithm>

namespace ssdfs::detail {
namespace {

constexpr std::uint64_t first_bytes = 1 * MiB;
constexpr std::uint64_t most_bytes = 64 * MiB;
constexpr std::uint32_t most_keys = 65536;
/// A grant that was used up faster than this makes the next one twice as large.
constexpr std::int64_t quick_ns = 5'000'000'000;
constexpr std::int64_t avoid_volume_ns = 30'000'000'000;

}  // namespace

grant::grant(grant_pool& pool, const wire::grant_reply& reply, std::vector<server*> chain)
    : pool_(pool),
      volume_(reply.volume),
      generation_(reply.generation),
      first_key_(reply.first_key),
      next_key_(reply.first_key),
      keys_left_(reply.key_count),
      bytes_(reply.bytes),
      bytes_left_(reply.bytes),
      chain_(std::move(chain)),
      chain_text_(wire::chain_text(reply.replicas)),
      ticket_(reply.ticket),
      received_ns_(io::steady_ns()),
      used_ns_(received_ns_) {
  ++pool_.living_;
}

grant::~grant() {
  --pool_.living_;
  pool_.ended(*this);
}

grant_pool::replication_class& grant_pool::of(std::uint8_t replication) {
  replication_class& c = classes_[std::min<std::size_t>(replication, classes_.size() - 1)];
  c.replication = replication;
  return c;
}

std::optional<write_right> grant_pool::acquire(std::uint8_t replication, std::uint32_t size,
                                               std::int64_t deadline_ns, grant_waiter& waiter) {
  SSDFS_ASSERT(!waiter.waiting_);
  replication_class& c = of(replication);
  // The mean decides how many keys to ask for; a shift keeps it cheap.
  const std::uint64_t cost = stored_size(size);
  c.used_bytes = c.used_bytes == 0 ? cost : c.used_bytes - c.used_bytes / 16 + cost / 16;
  if (c.waiters.empty()) {
    if (grant* const g = pick(c, size)) {
      write_right right = take(c, *g, size);
      consider_asking(c);
      return right;
    }
  }
  waiter.waiting_ = true;
  waiter.size_ = size;
  waiter.replication_ = replication;
  waiter.deadline_ns_ = deadline_ns;
  c.waiters.push_back(&waiter);
  if (!c.asking) ask(c);
  return std::nullopt;
}

void grant_pool::forget(grant_waiter& waiter) {
  if (!waiter.waiting_) return;
  waiter.waiting_ = false;
  of(waiter.replication_).waiters.remove(&waiter);
}

grant* grant_pool::pick(replication_class& c, std::uint32_t size) {
  const std::uint64_t cost = stored_size(size);
  for (std::size_t tried = 0; tried < c.active.size();) {
    grant& g = *c.active[c.turn++ % c.active.size()];
    if (g.keys_left_ > 0 && g.bytes_left_ >= cost) return &g;
    // Used up, unless only a large chunk is too much for it.
    const bool room_for_small = g.keys_left_ > 0 && g.bytes_left_ >= wire::small_chunk_max;
    if (room_for_small) {
      ++tried;
    } else {
      const bool quick = io::steady_ns() - g.received_ns_ < quick_ns;
      if (quick) c.next_bytes = std::min(std::max(c.next_bytes, g.bytes_) * 2, most_bytes);
      retire(c, g);
    }
  }
  return nullptr;
}

write_right grant_pool::take(replication_class& c, grant& g, std::uint32_t size) {
  g.bytes_left_ -= stored_size(size);
  --g.keys_left_;
  g.used_ns_ = io::steady_ns();
  ++c.recent;
  return {grant_ref(&g), g.next_key_++};
}

void grant_pool::consider_asking(replication_class& c) {
  if (c.asking) return;
  std::uint64_t left = 0;
  std::uint64_t given = 0;
  for (const grant_ref& g : c.active) {
    const bool few_keys = g->keys_left_ * std::max<std::uint64_t>(c.used_bytes, 1) < g->bytes_ / 4;
    left += few_keys ? std::min(g->bytes_left_, g->bytes_ / 4) : g->bytes_left_;
    given += g->bytes_;
  }
  // One volume is enough for somebody who writes one file now and then.
  constexpr std::size_t busy = 16;
  const bool wants_more_volumes =
      c.recent >= busy && c.active.size() < core_.config().parallel_grants;
  if (wants_more_volumes || left < given / 2) ask(c);
}

std::vector<volume_id> grant_pool::avoided_volumes(std::int64_t now_ns) {
  std::vector<volume_id> out;
  std::erase_if(avoided_volumes_, [&](const auto& entry) { return entry.second <= now_ns; });
  for (const auto& [volume, until] : avoided_volumes_) {
    if (out.size() < wire::most_avoided) out.push_back(volume);
  }
  return out;
}

void grant_pool::ask(replication_class& c) {
  c.asking = true;
  const std::int64_t now = io::steady_ns();
  std::uint64_t waiting = 0;
  std::int64_t patience_ns = 5'000'000'000;
  for (const grant_waiter* w : c.waiters) {
    waiting = std::min(waiting + stored_size(w->size_), 2 * most_bytes);
    patience_ns = std::min(patience_ns, w->deadline_ns_ - now);
  }
  wire::grant_request request;
  request.replication = c.replication;
  request.bytes = std::max({c.next_bytes, first_bytes, waiting});
  const std::uint64_t mean = std::max<std::uint64_t>(c.used_bytes, 32);
  const std::uint64_t keys = request.bytes / mean * 5 / 4 + 16;
  request.key_count = static_cast<std::uint32_t>(std::min<std::uint64_t>(keys, most_keys));
  if (!c.ignore_avoided) {
    request.exclude_volumes = avoided_volumes(now);
    request.exclude_nodes = core_.servers().avoided(now, wire::most_avoided);
  }
  request.user = core_.config().user;
  request.token = core_.config().token;
  server& asked = core_.masters().current();
  const std::int64_t timeout_ms = std::max<std::int64_t>(patience_ns / 1'000'000, 100);
  asked.channel().call(request, {.timeout_ms = timeout_ms},
                       [self = core_.shared_from_this(), this, &c, &asked](auto reply) {
                         if (reply) {
                           answered(c, reply->message);
                         } else {
                           refused(c, asked, std::move(reply).error());
                         }
                       });
}

void grant_pool::answered(replication_class& c, const wire::grant_reply& reply) {
  if (reply.replicas.empty() || reply.replicas.size() > wire::max_chain || reply.key_count == 0 ||
      reply.first_key == 0 || reply.key_count - 1 > UINT32_MAX - reply.first_key) {
    return refused(c, core_.masters().current(), failure(errc::protocol, "malformed grant"));
  }
  c.asking = false;
  c.failures = 0;
  c.ignore_avoided = false;
  c.recent = 0;
  core_.learn_chunk_size(reply.chunk_size);
  std::vector<server*> chain;
  for (const replica_address& r : reply.replicas) chain.push_back(&core_.servers().get(r));
  const grant_ref g(new grant(*this, reply, std::move(chain)));
  if (closed_) return;  // and gives it back
  c.active.push_back(g);
  core_.hold_session();
  watch_idle();
  const std::size_t waiting = c.waiters.size();
  serve(c);
  if (c.waiters.empty()) {
    c.short_answers = 0;
    return;
  }
  // A chunk needs more than the master gives at once: its volumes are about to be full.
  constexpr std::uint32_t most_short_answers = 8;
  if (c.waiters.size() == waiting && ++c.short_answers >= most_short_answers) {
    c.short_answers = 0;
    return fail_waiters(c, failure(errc::no_space, "no volume has room for a chunk"),
                        std::numeric_limits<std::int64_t>::max());
  }
  if (!c.asking) ask(c);
}

void grant_pool::refused(replication_class& c, server& by, failure why) {
  core_.masters().failed(by, why);
  const bool nobody_else = why == errc::no_datanodes || why == errc::no_space;
  const bool retry_with_all = nobody_else && !c.ignore_avoided;
  c.ignore_avoided = nobody_else;
  ++c.failures;
  const std::int64_t now = io::steady_ns();
  if (closed_ || (!is_retryable(why.code) && !retry_with_all)) {
    c.asking = false;
    return fail_waiters(c, why, std::numeric_limits<std::int64_t>::max());
  }
  // Waiters whose time is up by the next attempt are failed then, with what we know by then.
  constexpr std::int64_t first_ns = 10'000'000;
  const std::int64_t pause_ns = retry_with_all ? 0 : first_ns << std::min(c.failures, 6U);
  fail_waiters(c, why, now + pause_ns);
  if (c.waiters.empty()) {
    c.asking = false;
    return;
  }
  core_.waits().at(now + pause_ns, [self = core_.shared_from_this(), this, &c] {
    if (c.waiters.empty() || closed_) {
      c.asking = false;
    } else {
      ask(c);
    }
  });
}

void grant_pool::serve(replication_class& c) {
  while (!c.waiters.empty()) {
    grant_waiter* const w = c.waiters.front();
    grant* const g = pick(c, w->size_);
    if (g == nullptr) return;
    c.waiters.pop_front();
    w->waiting_ = false;
    w->on_grant(take(c, *g, w->size_));
  }
}

void grant_pool::fail_waiters(replication_class& c, const failure& why, std::int64_t until_ns) {
  std::vector<grant_waiter*> due;
  for (auto it = c.waiters.begin(); it != c.waiters.end();) {
    if ((*it)->deadline_ns_ <= until_ns) {
      (*it)->waiting_ = false;
      due.push_back(*it);
      it = c.waiters.erase(it);
    } else {
      ++it;
    }
  }
  for (grant_waiter* w : due) w->on_grant(why);
}

void grant_pool::failed(grant& g, const failure& why) {
  if (why == errc::busy) return;  // a pause will do
  if (why == errc::expired_ticket) {
    return retire_all([&](const grant& other) { return other.received_ns_ <= g.received_ns_; });
  }
  const std::int64_t now = io::steady_ns();
  if (why == errc::key_conflict || why == errc::permission_denied) {
    // Somebody else has written these keys, or they are not granted to us: nobody's fault who
    // serves them.
  } else if (!why.hint.empty()) {
    // A member of the chain names the one behind it that failed.
    for (server* s : g.chain_) {
      if (s->address() == why.hint) core_.distrust(*s, why);
    }
  } else if (blames_server(why)) {
    core_.distrust(g.first(), why);
  }
  avoided_volumes_[g.volume_] = now + avoid_volume_ns;
  retire_all([&](const grant& other) {
    return &other == &g || std::any_of(other.chain_.begin(), other.chain_.end(),
                                       [&](server* s) { return s->avoided(now); });
  });
}

template <class Condition>
void grant_pool::retire_all(Condition which) {
  for (replication_class& c : classes_) {
    for (std::size_t i = c.active.size(); i-- > 0;) {
      if (which(*c.active[i])) retire(c, *c.active[i]);
    }
  }
}

void grant_pool::retire(replication_class& c, grant& g) {
  std::erase_if(c.active, [&](const grant_ref& r) { return r.get() == &g; });
}

void grant_pool::ended(const grant& g) {
  wire::end_grant_request request;
  request.volume = g.volume_;
  request.generation = g.generation_;
  request.first_key = g.first_key_;
  // The last reference may go with the core itself.
  if (core_.weak_from_this().expired()) return;
  ++ending_;
  send_end(request, 1);
}

void grant_pool::send_end(const wire::end_grant_request& request, std::uint32_t attempt) {
  constexpr std::int64_t timeout_ms = 3000;
  constexpr std::uint32_t most_attempts = 4;
  server& asked = core_.masters().current();
  asked.channel().call(
      request, {.timeout_ms = timeout_ms},
      [self = core_.shared_from_this(), this, &asked, request, attempt](auto reply) {
        if (!reply) {
          core_.masters().failed(asked, reply.error());
          // A lost one costs little: the grant ends with the session.
          if (is_retryable(reply.error().code) && attempt < most_attempts && !closed_) {
            const std::int64_t pause_ns = std::int64_t{200'000'000} << attempt;
            core_.waits().at(io::steady_ns() + pause_ns,
                             [self, this, request, attempt] { send_end(request, attempt + 1); });
            return;
          }
        }
        --ending_;
        check_closed();
      });
}

void grant_pool::watch_idle() {
  if (watching_idle_ || closed_) return;
  watching_idle_ = true;
  const std::int64_t idle_ns = std::chrono::nanoseconds(core_.config().grant_idle).count();
  const std::int64_t step_ns = std::max<std::int64_t>(idle_ns / 2, 10'000'000);
  core_.waits().at(io::steady_ns() + step_ns, [weak = core_.weak_from_this(), this, idle_ns] {
    const auto self = weak.lock();
    if (!self) return;
    watching_idle_ = false;
    const std::int64_t now = io::steady_ns();
    bool left = false;
    for (replication_class& c : classes_) {
      c.recent = 0;
      for (std::size_t i = c.active.size(); i-- > 0;) {
        if (now - c.active[i]->used_ns_ >= idle_ns) {
          c.next_bytes = first_bytes;
          retire(c, *c.active[i]);
        }
      }
      left = left || !c.active.empty();
    }
    if (left) watch_idle();
  });
}

void grant_pool::close(unique_function<void()> done) {
  closed_ = true;
  when_closed_ = std::move(done);
  for (replication_class& c : classes_) std::exchange(c.active, {}).clear();
  check_closed();
}

void grant_pool::check_closed() {
  if (!closed_ || living_ != 0 || ending_ != 0 || !when_closed_) return;
  auto done = std::move(when_closed_);
  when_closed_.reset();
  done();
}

}  // namespace ssdfs::detail
