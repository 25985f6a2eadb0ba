#include "sim/sim_client.hpp"

#include "sim/sim_node.hpp"

#include <iterator>

namespace ssdfs::sim {

namespace {

constexpr std::int64_t answer_timeout_ms = 600;
constexpr std::int64_t write_timeout_ms = 1'000;
constexpr std::int64_t pause_ms = 20;

}  // namespace

client::client(world& w, int index) : process(w), index_(index) {}

void client::start() {
  if (up_) return;
  up_ = true;
  ++life_;
  id_ = client_id(world_.random_uuid());
  sequence_ = 0;
  idle_ = false;
  grant_.reset();
  exclude_.clear();
  next();
}

void client::crash() {
  up_ = false;
  paused_ = false;
  ++life_;
  backlog_.clear();
  idle_ = true;
  if (doing_.empty()) return;
  mine_.erase(doing_);
  world_.uncertain(doing_);
  doing_.clear();
}

template <class Answer>
void client::call(std::function<void(master&, std::function<void(Answer)>)> request,
                  std::function<void(Answer)> done, std::function<void()> retry) {
  auto settled = std::make_shared<bool>(false);
  master* to = &world_.active();
  const auto reply = [this, to, settled, done, life = life_](Answer a) {
    world_.send(*to, *this, [this, to, settled, done, a, life] {
      if (*settled || life != life_ || to != &world_.active()) return;
      *settled = true;
      done(a);
    });
  };
  world_.send(*this, *to, [this, to, request, reply] {
    if (to->ready() && to == &world_.active()) request(*to, reply);
  });
  after(answer_timeout_ms, [settled, retry] {
    if (*settled) return;
    *settled = true;
    retry();
  });
}

/// One deed at a time: remove now and then, else write a chunk and commit it as a file.
void client::next() {
  doing_.clear();
  if (stopping_) {
    give_up_grant();
    idle_ = true;
    return;
  }
  after(world_.between(1, pause_ms), [this] {
    if (!mine_.empty() && world_.chance(0.25)) {
      auto at = mine_.begin();
      std::advance(at, world_.between(0, static_cast<std::int64_t>(mine_.size()) - 1));
      const std::string path = *at;
      ++sequence_;
      doing_ = path;
      return remove(path);
    }
    if (!grant_) return take_grant();
    write_chunk();
  });
}

void client::take_grant() {
  if (stopping_) return next();
  std::vector<std::string> exclude = exclude_;
  if (world_.chance(0.1)) exclude_.clear();
  call<result<grant>>(
      [from = id_, exclude](master& m, std::function<void(result<grant>)> reply) {
        m.ask_grant(from, exclude, reply);
      },
      [this](const result<grant>& given) {
        if (!given) return after(world_.between(20, 200), [this] { take_grant(); });
        grant_ = *given;
        next_key_ = grant_->first;
        next();
      },
      [this] { take_grant(); });
}

void client::give_up_grant() {
  if (!grant_) return;
  world_.send(*this, world_.active(),
              [m = &world_.active(), from = id_, volume = grant_->volume, first = grant_->first] {
                if (m->ready()) m->end_grant(from, volume, first);
              });
  grant_.reset();
}

void client::write_chunk() {
  if (next_key_ >= grant_->first + grant_->count) {
    if (world_.chance(0.7)) give_up_grant();  // else it ends with the session
    grant_.reset();
    return next();
  }
  const chunk_key key = next_key_++;
  const content what{static_cast<std::uint32_t>(world_.between(1, 1'200)),
                     static_cast<std::uint32_t>(world_.random64())};
  if (world_.options.unwritten && world_.chance(0.03)) {
    ++sequence_;
    doing_ = "/u" + std::to_string(index_) + "_" + std::to_string(++files_);
    return commit(doing_, key, what);
  }
  datanode::write_request q{grant_->volume, grant_->generation, key, what, grant_->replicas};
  const std::string first = q.next.front();
  q.next.erase(q.next.begin());
  datanode* to = world_.node_at(first);
  auto settled = std::make_shared<bool>(false);
  const auto failed = [this, settled, first] {
    if (*settled) return;
    *settled = true;
    if (world_.chance(0.5)) exclude_ = {first};
    give_up_grant();
    next();
  };
  world_.send(*this, *to, [this, to, q, settled, failed, key, what, life = life_] {
    to->write(q, [this, to, settled, failed, key, what, life](const result<void>& done) {
      world_.send(*to, *this, [this, settled, failed, key, what, done, life] {
        if (life != life_ || *settled) return;
        if (!done) return failed();
        *settled = true;
        // An abandoned upload leaves an orphan.
        if (world_.chance(0.05)) return next();
        const bool overwrite = !mine_.empty() && world_.chance(0.2);
        const std::string path =
            overwrite ? *mine_.begin()
                      : "/c" + std::to_string(index_) + "_" + std::to_string(++files_);
        ++sequence_;
        doing_ = path;
        commit(path, key, what);
      });
    });
  });
  after(write_timeout_ms, failed);
}

void client::commit(const std::string& path, chunk_key key, const content& what) {
  const meta::operation op{id_, sequence_, sequence_};
  const meta::chunk_claim claim{grant_->volume, key, what.size, what.crc, grant_->generation};
  call<result<void>>(
      [op, path, claim](master& m, std::function<void(result<void>)> reply) {
        m.commit(op, path, claim, reply);
      },
      [this, path, what](const result<void>& done) {
        if (done) {
          mine_.insert(path);
          world_.acknowledged(path, what);
        } else if (done.error() == errc::regrant) {
          grant_.reset();
        } else {
          return world_.fail("commit of " + path + ": " + done.error().message());
        }
        next();
      },
      [this, path, key, what] { commit(path, key, what); });
}

void client::remove(const std::string& path) {
  const meta::operation op{id_, sequence_, sequence_};
  call<result<void>>(
      [op, path](master& m, std::function<void(result<void>)> reply) { m.remove(op, path, reply); },
      [this, path](const result<void>& done) {
        if (!done) return world_.fail("remove of " + path + ": " + done.error().message());
        mine_.erase(path);
        world_.removed(path);
        next();
      },
      [this, path] { remove(path); });
}

}  // namespace ssdfs::sim
