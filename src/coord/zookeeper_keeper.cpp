// The connection: finding a server, opening a link, watching it, replacing it.
#include "coord/zookeeper_keeper.hpp"

#include "base/log.hpp"
#include "coord/ask.hpp"
#include "io/clock.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace ssdfs::coord {
namespace {

namespace asio = boost::asio;

// A link that lived so long was a good one.
constexpr std::int64_t keeper_good_ms = 5'000;
// Links that are being closed, each of which has two threads and three descriptors.
constexpr int keeper_most_closing = 4;

// As the library takes it: an IPv6 address without brackets.
std::string numeric_text(const asio::ip::tcp::endpoint& at) {
  return at.address().to_string() + ":" + std::to_string(at.port());
}

}  // namespace

zookeeper_keeper::zookeeper_keeper(asio::io_context& io, asio::thread_pool& closer,
                                   const zookeeper_options& options,
                                   std::function<void(register_view)> show)
    : io_(io),
      closer_(closer),
      options_(options),
      path_(register_path(options.address)),
      parent_(parent_path(options.address)),
      show_(std::move(show)),
      servers_(options.address.servers),
      finder_(io, options.connect_ms),
      link_changed_(io),
      poll_(io),
      pause_(io) {}

asio::awaitable<void> zookeeper_keeper::run() {
  show(register_state::connecting, "connecting to ZooKeeper at " + to_string(options_.address));
  while (!stopping_) {
    bool good = false;
    if (co_await connect()) {
      const std::int64_t since = io::steady_ms();
      co_await stay_connected();
      good = io::steady_ms() - since >= keeper_good_ms;
    }
    failures_ = good ? 0 : failures_ + 1;
    if (!stopping_) co_await pause_.wait_for(pause_ms());
  }
}

void zookeeper_keeper::stop() {
  stopping_ = true;
  finder_.stop();
  for (const link_ptr& link : {opening_, link_}) {
    if (link != nullptr) link->abandon();
  }
  link_changed_.notify();
  poll_.notify();
  pause_.notify();
}

void zookeeper_keeper::use_servers(std::vector<server_address> servers) {
  const auto names = [&](const std::string& name) {
    return std::any_of(servers.begin(), servers.end(),
                       [&](const auto& s) { return to_string(s) == name; });
  };
  servers_changed_ = link_ != nullptr && !names(server_);
  servers_ = std::move(servers);
  poll_.notify();
  pause_.notify();
}

std::int64_t zookeeper_keeper::pause_ms() const {
  if (failures_ == 0) return 0;
  const int doublings = std::min(failures_ - 1, 16);
  const std::int64_t whole = std::min(options_.retry_first_ms << doublings, options_.retry_last_ms);
  const std::int64_t half = std::max<std::int64_t>(whole / 2, 1);
  return whole - half / 2 +
         static_cast<std::int64_t>(io::random_u64() % static_cast<std::uint64_t>(half));
}

// Tries every server that serves; false if none has opened a session.
asio::awaitable<bool> zookeeper_keeper::connect() {
  auth_refused_ = false;
  finder_.begin(servers_);
  std::vector<server_finder::candidate> last;
  while (!stopping_) {
    auto candidate = co_await finder_.next();
    if (candidate && candidate->server == left_) {
      last.push_back(std::move(*candidate));
      continue;
    }
    if (!candidate) {
      if (last.empty()) break;
      candidate = std::move(last.back());
      last.pop_back();
    }
    const std::string why = co_await open_link(*candidate);
    if (why.empty()) co_return true;
    finder_.rejected(*candidate, why);
  }
  if (!stopping_) {
    const std::string reasons = finder_.reasons();
    if (auth_refused_) {
      show(register_state::auth_failed,
           "ZooKeeper does not take digest authentication (" + reasons + ")");
    } else {
      show(register_state::away, "ZooKeeper does not answer (" + reasons + ")");
    }
  }
  co_return false;
}

// Empty, or why there is no session.
asio::awaitable<std::string> zookeeper_keeper::open_link(const server_finder::candidate& to) {
  if (closing_ >= keeper_most_closing) {
    co_return "too many connections to servers that hang are still being closed";
  }
  auto link = std::make_shared<zookeeper_link>(io_, options_.silence_ms,
                                               zookeeper_link::events{[this] {
                                                                        link_changed_.notify();
                                                                        poll_.notify();
                                                                      },
                                                                      [this] { poll_.notify(); }});
  opening_ = link;
  if (auto opened = link->open(numeric_text(to.endpoint), options_.session_ms); !opened) {
    co_return opened.error().message();
  }
  const std::int64_t until = io::steady_ms() + options_.connect_ms;
  while (!link->connected() && !link->lost() && !stopping_) {
    const std::int64_t left = until - io::steady_ms();
    if (left <= 0) break;
    co_await link_changed_.wait_for(left);
  }
  if (!link->connected() || stopping_) {
    retire(link);
    co_return "it opens no session in " + std::to_string(options_.connect_ms) + " ms";
  }
  if (options_.auth) {
    const node_answer answer = co_await ask(
        [&](auto h) { link->authenticate(*options_.auth, options_.silence_ms, std::move(h)); });
    if (answer.code != answer_code::ok || stopping_) {
      auth_refused_ = auth_refused_ || link->auth_failed();
      retire(link);
      co_return link->auth_failed() ? "it refuses the scheme" : "it ended the connection";
    }
  }
  link_ = std::exchange(opening_, nullptr);
  server_ = to.server;
  acl_ = {};
  co_return "";
}

// Until the link is lost, or another server shall be used.
asio::awaitable<void> zookeeper_keeper::stay_connected() {
  const link_ptr link = link_;
  while (!stopping_ && link->connected() && !servers_changed_) {
    const look_result seen = co_await look(link, options_.silence_ms);
    if (seen.code != answer_code::ok) break;
    while (!stopping_ && link->connected() && !servers_changed_) {
      // A caller's read is a look, too.
      const std::int64_t left = looked_ms_ + options_.poll_ms - io::steady_ms();
      if (left <= 0) break;
      const std::int64_t before = looked_ms_;
      const bool woken = co_await poll_.wait_for(left);
      if (woken && looked_ms_ == before) break;
    }
  }
  servers_changed_ = false;
  left_ = std::exchange(server_, {});
  link_.reset();
  retire(link);
  if (!stopping_) {
    show(register_state::connecting, "the connection to ZooKeeper at " + left_ + " was lost");
  }
}

void zookeeper_keeper::retire(const link_ptr& link) {
  link->abandon();
  ++closing_;
  // What keeps the link until its last callback has been posted, and handled.
  asio::post(closer_, [this, link, work = asio::make_work_guard(io_)]() mutable {
    link->close();
    asio::post(io_, [this, link = std::move(link)] { --closing_; });
  });
}

void zookeeper_keeper::show(register_state state, std::string problem,
                            std::optional<std::int64_t> version) {
  register_view view{state, std::move(problem), version, server_};
  if (view.state != shown_.state || view.problem != shown_.problem) {
    if (view.problem.empty()) {
      SSDFS_LOG(info) << "register: read at ZooKeeper's " << server_ << path_;
    } else {
      SSDFS_LOG(warning) << "register: " << view.problem;
    }
  }
  shown_ = view;
  show_(std::move(view));
}

}  // namespace ssdfs::coord
