#include "coord/server_finder.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>

#include <netdb.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <system_error>
#include <thread>
#include <utility>

namespace ssdfs::coord {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;

constexpr std::size_t most_addresses = 4;  // of one name
constexpr std::string_view no_answer_yet = "its name has not been found yet";

}  // namespace

struct server_finder::mailbox {
  std::mutex mutex;
  server_finder* finder = nullptr;  // under mutex
};

// Connects, asks, and tells the finder once, unless it was cancelled.
struct server_finder::asking : std::enable_shared_from_this<asking> {
  asking(asio::io_context& io, tcp::endpoint e) : socket(io), timer(io), endpoint(e) {}

  void begin(std::int64_t within_ms) {
    timer.expires_after(std::chrono::milliseconds(within_ms));
    timer.async_wait([self = shared_from_this(), within_ms](error_code ec) {
      if (!ec) self->finish("no answer in " + std::to_string(within_ms) + " ms");
    });
    socket.async_connect(endpoint, [self = shared_from_this()](error_code ec) {
      if (ec) return self->finish(ec.message());
      self->write();
    });
  }
  void write() {
    static constexpr std::string_view command = "srvr";
    asio::async_write(socket, asio::buffer(command),
                      [self = shared_from_this()](error_code ec, std::size_t) {
                        if (ec) return self->finish(ec.message());
                        self->read();
                      });
  }
  // The server closes when it has said everything; what is longer than the buffer says enough.
  void read() {
    asio::async_read(socket, asio::buffer(bytes),
                     [self = shared_from_this()](error_code, std::size_t n) {
                       self->finish(problem_in_answer({self->bytes.data(), n}));
                     });
  }
  void finish(const std::string& why) {
    cancel();
    if (auto tell = std::exchange(done, nullptr)) tell(why);
  }
  void cancel() {
    error_code ignored;  // it is given up in any case
    socket.close(ignored);
    timer.cancel();
  }

  tcp::socket socket;
  asio::steady_timer timer;
  const tcp::endpoint endpoint;
  std::array<char, 2048> bytes{};
  std::function<void(const std::string& why)> done;
};

std::string problem_in_answer(std::string_view answer) {
  if (answer.find("not currently serving") != std::string_view::npos) {
    return "it reaches no majority of ZooKeeper's servers";
  }
  if (answer.find("Mode: read-only") != std::string_view::npos) {
    return "it serves reads only, without a majority of ZooKeeper's servers";
  }
  return {};
}

server_finder::server_finder(asio::io_context& io, std::int64_t within_ms)
    : io_(io),
      within_ms_(within_ms),
      mailbox_(std::make_shared<mailbox>()),
      changed_(io),
      deadline_(io) {
  mailbox_->finder = this;
}

server_finder::~server_finder() { stop(); }

void server_finder::end_round() {
  ++round_;
  for (const auto& one : asked_) {
    if (const auto a = one.lock()) {
      a->done = nullptr;
      a->cancel();
    }
  }
  asked_.clear();
  ready_.clear();
  servers_.clear();
}

void server_finder::stop() {
  end_round();
  deadline_.cancel();
  changed_.notify();
  const std::lock_guard lock(mailbox_->mutex);
  mailbox_->finder = nullptr;
}

void server_finder::begin(const std::vector<server_address>& servers) {
  end_round();
  late_ = false;
  for (const server_address& server : servers) {
    const std::string name = to_string(server);
    error_code not_numeric;
    const auto address = asio::ip::make_address(server.host, not_numeric);
    servers_[name].why = no_answer_yet;
    if (!not_numeric) {
      ask(name, {tcp::endpoint(address, server.port)});
      continue;
    }
    if (const auto known = known_.find(name); known != known_.end()) ask(name, known->second);
    look_up(server);
  }
  deadline_.expires_after(std::chrono::milliseconds(within_ms_));
  deadline_.async_wait([this, round = round_](error_code ec) {
    if (ec || round != round_) return;
    late_ = true;
    changed_.notify();
  });
}

void server_finder::look_up(const server_address& server) {
  const std::string name = to_string(server);
  if (std::exchange(looking_[name], true)) return;
  const auto work = [box = mailbox_, server] {
    addrinfo hints{};
    hints.ai_socktype = SOCK_STREAM;
    addrinfo* list = nullptr;
    const int code = ::getaddrinfo(server.host.c_str(), nullptr, &hints, &list);
    endpoints found;
    for (const addrinfo* i = list; i != nullptr && found.size() < most_addresses; i = i->ai_next) {
      tcp::endpoint one;
      if (i->ai_addrlen > one.capacity()) continue;
      std::memcpy(one.data(), i->ai_addr, i->ai_addrlen);
      one.port(server.port);
      if (std::find(found.begin(), found.end(), one) == found.end()) found.push_back(one);
    }
    if (list != nullptr) ::freeaddrinfo(list);
    const std::string why = code == 0 ? "" : ::gai_strerror(code);
    const std::lock_guard lock(box->mutex);
    if (box->finder == nullptr) return;
    asio::post(box->finder->io_, [box, server, found, why] {
      server_finder* finder = nullptr;
      {
        const std::lock_guard inner(box->mutex);
        finder = box->finder;
      }
      if (finder != nullptr) finder->looked_up(server, found, why);
    });
  };
  try {
    std::thread(work).detach();
  } catch (const std::system_error& e) {
    looking_[name] = false;
    servers_[name].why = std::string("its name cannot be looked up: ") + e.what();
  }
}

void server_finder::looked_up(const server_address& server, endpoints found,
                              const std::string& why) {
  const std::string name = to_string(server);
  looking_[name] = false;
  const bool asked_already = known_.contains(name);
  if (!found.empty()) known_[name] = found;
  const auto status = servers_.find(name);
  if (status == servers_.end() || asked_already) return;  // the next round uses it
  if (found.empty()) {
    status->second.why = "its name is not found: " + (why.empty() ? "no address" : why);
  } else {
    ask(name, found);
  }
  changed_.notify();
}

void server_finder::ask(const std::string& server, const endpoints& at) {
  for (const tcp::endpoint& one : at) {
    const auto a = std::make_shared<asking>(io_, one);
    ++servers_[server].open;
    asked_.push_back(a);
    a->done = [this, server, one, round = round_](const std::string& why) {
      settled(server, round, one, why);
    };
    a->begin(within_ms_);
  }
}

void server_finder::settled(const std::string& server, std::uint64_t round, const tcp::endpoint& at,
                            const std::string& why) {
  if (round != round_) return;
  server_status& status = servers_[server];
  --status.open;
  status.why = why;
  if (why.empty()) ready_.push_back({server, at});
  changed_.notify();
}

asio::awaitable<std::optional<server_finder::candidate>> server_finder::next() {
  const std::uint64_t round = round_;
  while (round == round_) {
    if (!ready_.empty()) {
      candidate first = std::move(ready_.front());
      ready_.pop_front();
      co_return first;
    }
    const bool open = std::any_of(servers_.begin(), servers_.end(), [&](const auto& s) {
      return s.second.open > 0 || (!late_ && s.second.why == no_answer_yet);
    });
    if (!open) break;
    co_await changed_.wait_for(within_ms_);
  }
  co_return std::nullopt;
}

void server_finder::rejected(const candidate& who, const std::string& why) {
  if (const auto found = servers_.find(who.server); found != servers_.end()) {
    found->second.why = why;
  }
}

std::string server_finder::reasons() const {
  std::string out;
  for (const auto& [name, status] : servers_) {
    if (status.why.empty()) continue;
    if (!out.empty()) out += ", ";
    out += name + ": " + status.why;
  }
  return out;
}

}  // namespace ssdfs::coord
