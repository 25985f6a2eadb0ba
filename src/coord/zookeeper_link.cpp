#include "coord/zookeeper_link.hpp"

#include "base/assert.hpp"
#include "coord/shared_register.hpp"

#include <boost/asio/post.hpp>
#include <zookeeper/zookeeper.h>

#include <cerrno>
#include <chrono>
#include <limits>
#include <utility>

namespace ssdfs::coord {
namespace {

namespace asio = boost::asio;

// What the library has to say is told better by the states and their reasons; and its threads may
// outlive what a process logs to, see zookeeper_register::abandon().
void discard_library_log(const char*) {}

void fill_from(const Stat* stat, node_answer& out) {
  if (stat == nullptr) return;
  out.version = stat->version;
  out.created = stat->czxid;
  out.acl_version = stat->aversion;
}

}  // namespace

answer_code answer_of(int library_code) noexcept {
  switch (library_code) {
    case ZOK: return answer_code::ok;
    case ZNONODE: return answer_code::no_node;
    case ZNODEEXISTS: return answer_code::exists;
    case ZBADVERSION: return answer_code::bad_version;
    case ZNOAUTH: return answer_code::no_auth;
    case ZAUTHFAILED: return answer_code::auth_failed;
    case ZSESSIONMOVED:
    case ZINVALIDACL:
    case ZNOCHILDRENFOREPHEMERALS: return answer_code::refused;
    default: return answer_code::lost;
  }
}

// The library's threads. None of these may block, or call the library.
struct zookeeper_link::callbacks {
  static void on_session(zhandle_t*, int type, int library_state, const char*, void* context) {
    // May run before zookeeper_init2() has returned.
    auto* link = static_cast<zookeeper_link*>(context);
    if (type != ZOO_SESSION_EVENT) return;
    asio::post(link->owner_, [link, library_state] { link->session_is(library_state); });
  }
  static void on_node(zhandle_t*, int type, int, const char*, void* context) {
    auto* link = static_cast<zookeeper_link*>(context);
    if (type == ZOO_SESSION_EVENT) return;  // comes to every watcher
    asio::post(link->owner_, [link] {
      if (link->connected() && link->events_.hint) link->events_.hint();
    });
  }
  static void on_void(int code, const void* data) { deliver(data, answer_with(code)); }
  static void on_text(int code, const char*, const void* data) { deliver(data, answer_with(code)); }
  static void on_stat(int code, const Stat* stat, const void* data) {
    node_answer answer = answer_with(code);
    if (code == ZOK) fill_from(stat, answer);
    deliver(data, std::move(answer));
  }
  static void on_data(int code, const char* value, int length, const Stat* stat, const void* data) {
    node_answer answer = answer_with(code);
    if (code == ZOK) {
      fill_from(stat, answer);
      // Of a node without data the length is -1.
      if (length > 0 && static_cast<std::size_t>(length) > max_register_bytes) {
        answer.too_long = true;
      } else if (length > 0) {
        answer.data.assign(value, static_cast<std::size_t>(length));
      }
    }
    deliver(data, std::move(answer));
  }
  static void on_acl(int code, ACL_vector* acl, Stat* stat, const void* data) {
    constexpr int most = 64;
    node_answer answer = answer_with(code);
    if (code == ZOK) {
      fill_from(stat, answer);
      for (int i = 0; acl != nullptr && i < acl->count && i < most; ++i) {
        const ACL& one = acl->data[i];
        answer.acl.push_back({one.id.scheme == nullptr ? "" : one.id.scheme,
                              one.id.id == nullptr ? "" : one.id.id, one.perms});
      }
    }
    deliver(data, std::move(answer));
  }
  static node_answer answer_with(int code) {
    node_answer answer;
    answer.code = answer_of(code);
    return answer;
  }
  static void deliver(const void* data, node_answer answer) {
    static_cast<const token*>(data)->link->arrived(data, std::move(answer));
  }
};

zookeeper_link::zookeeper_link(asio::io_context& owner, std::int64_t silence_ms, events e)
    : owner_(owner), silence_ms_(silence_ms), events_(std::move(e)) {}

zookeeper_link::~zookeeper_link() { SSDFS_ASSERT(handle_ == nullptr); }

result<void> zookeeper_link::open(const std::string& numeric_address, std::int64_t session_ms) {
  // Its messages are made in one buffer for all handles, so it shall not even make them.
  zoo_set_debug_level(static_cast<ZooLogLevel>(0));
  handle_ =
      zookeeper_init2(numeric_address.c_str(), &callbacks::on_session, static_cast<int>(session_ms),
                      nullptr, this, ZOO_NO_LOG_CLIENTENV, &discard_library_log);
  if (handle_ == nullptr) {
    const int error = errno;
    state_ = state::lost;
    return failure(errc::busy, "ZooKeeper's client could not be started: " +
                                   errno_failure(error, numeric_address).message());
  }
  // The address is numeric: there is nothing to be looked up again.
  zoo_set_servers_resolution_delay(handle_, -1);
  return {};
}

void zookeeper_link::session_is(int library_state) {
  if (state_ == state::lost) return;
  if (library_state == ZOO_CONNECTED_STATE) {
    state_ = state::connected;
    if (events_.changed) events_.changed();
    return;
  }
  // Not yet, if it never was; everything else is the end.
  const bool ended = library_state == ZOO_EXPIRED_SESSION_STATE ||
                     library_state == ZOO_AUTH_FAILED_STATE || state_ == state::connected;
  auth_failed_ = auth_failed_ || library_state == ZOO_AUTH_FAILED_STATE;
  if (ended) lose();
}

void zookeeper_link::lose() {
  if (state_ == state::lost) return;
  abandon();
  if (events_.changed) events_.changed();
}

std::map<std::uint64_t, zookeeper_link::pending> zookeeper_link::take_all() {
  return std::exchange(pending_, {});
}

void zookeeper_link::abandon() {
  state_ = state::lost;
  for (auto& [call, waiting] : take_all()) {
    if (!waiting.done) continue;
    asio::post(owner_, [done = std::move(waiting.done)]() mutable { done(node_answer{}); });
  }
}

void zookeeper_link::close() {
  if (handle_ != nullptr) zookeeper_close(handle_);
  handle_ = nullptr;
  const std::lock_guard lock(mutex_);
  tokens_.clear();
}

void zookeeper_link::arrived(const void* data, node_answer answer) {
  std::uint64_t call = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto found = tokens_.find(data);
    SSDFS_ASSERT(found != tokens_.end());
    call = found->second->call;
    tokens_.erase(found);
  }
  asio::post(owner_, [this, call, answer = std::move(answer)]() mutable {
    complete(call, std::move(answer));
  });
}

void zookeeper_link::complete(std::uint64_t call, node_answer answer) {
  const auto found = pending_.find(call);
  if (found == pending_.end()) return;  // was late, or the link has ended
  handler done = std::move(found->second.done);
  pending_.erase(found);
  if (answer.code == answer_code::auth_failed) auth_failed_ = true;
  if (!done) return;
  asio::post(owner_, [done = std::move(done), answer = std::move(answer)]() mutable {
    done(std::move(answer));
  });
}

// `call` starts the library's call with the token as its data and returns the library's code.
template <class Call>
void zookeeper_link::start(std::int64_t within_ms, handler h, Call call) {
  const std::uint64_t id = next_call_++;
  if (!connected()) {
    if (!h) return;
    node_answer answer;
    answer.code = answer_code::not_sent;
    asio::post(owner_, [h = std::move(h), answer]() mutable { h(answer); });
    return;
  }
  auto made = std::make_unique<token>(token{this, id});
  const token* const data = made.get();
  {
    const std::lock_guard lock(mutex_);
    tokens_.emplace(data, std::move(made));
  }
  auto timer = std::make_unique<asio::steady_timer>(owner_, std::chrono::milliseconds(within_ms));
  timer->async_wait([this, id, silent = within_ms >= silence_ms_](boost::system::error_code ec) {
    if (ec || !pending_.contains(id)) return;
    node_answer answer;
    answer.code = answer_code::late;
    complete(id, std::move(answer));
    if (silent) lose();
  });
  pending_.emplace(id, pending{std::move(h), std::move(timer)});

  const int code = call(static_cast<const void*>(data));
  if (code == ZOK) return;
  // These two come before the library has put anything into its queues; after any other it may
  // still call back, and has perhaps sent something.
  if (code == ZINVALIDSTATE || code == ZBADARGUMENTS) {
    const std::lock_guard lock(mutex_);
    tokens_.erase(data);
    node_answer answer;
    answer.code = answer_code::not_sent;
    complete(id, std::move(answer));
  }
}

void zookeeper_link::authenticate(const digest_credentials& who, std::int64_t within_ms,
                                  handler h) {
  start(within_ms, std::move(h), [&](const void* data) {
    return zoo_add_auth(handle_, "digest", who.secret().data(),
                        static_cast<int>(who.secret().size()), &callbacks::on_void, data);
  });
}

void zookeeper_link::sync(const std::string& path, std::int64_t within_ms, handler h) {
  start(within_ms, std::move(h), [&](const void* data) {
    return zoo_async(handle_, path.c_str(), &callbacks::on_text, data);
  });
}

void zookeeper_link::get(const std::string& path, std::int64_t within_ms, handler h) {
  start(within_ms, std::move(h), [&](const void* data) {
    return zoo_awget(handle_, path.c_str(), &callbacks::on_node, this, &callbacks::on_data, data);
  });
}

void zookeeper_link::exists(const std::string& path, std::int64_t within_ms, handler h) {
  start(within_ms, std::move(h), [&](const void* data) {
    return zoo_aexists(handle_, path.c_str(), 0, &callbacks::on_stat, data);
  });
}

void zookeeper_link::get_acl(const std::string& path, std::int64_t within_ms, handler h) {
  start(within_ms, std::move(h), [&](const void* data) {
    return zoo_aget_acl(handle_, path.c_str(), &callbacks::on_acl, data);
  });
}

void zookeeper_link::create(const std::string& path, const std::string& data_of_node,
                            bool for_creator_only, std::int64_t within_ms, handler h) {
  start(within_ms, std::move(h), [&](const void* data) {
    const ACL_vector* acl = for_creator_only ? &ZOO_CREATOR_ALL_ACL : &ZOO_OPEN_ACL_UNSAFE;
    return zoo_acreate(handle_, path.c_str(), data_of_node.data(),
                       static_cast<int>(data_of_node.size()), acl, 0, &callbacks::on_text, data);
  });
}

void zookeeper_link::set(const std::string& path, const std::string& data_of_node,
                         std::int64_t version, std::int64_t within_ms, handler h) {
  // -1 would mean any version.
  SSDFS_ASSERT(version >= 0 && version <= std::numeric_limits<std::int32_t>::max());
  start(within_ms, std::move(h), [&](const void* data) {
    return zoo_aset(handle_, path.c_str(), data_of_node.data(),
                    static_cast<int>(data_of_node.size()), static_cast<int>(version),
                    &callbacks::on_stat, data);
  });
}

}  // namespace ssdfs::coord
