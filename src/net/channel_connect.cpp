// How a channel's link comes up: resolve, connect, shake hands; over several addresses if need be.
#include "io/clock.hpp"
#include "net/address.hpp"
#include "net/channel_impl.hpp"
#include "net/socket.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

#include <sys/socket.h>

#include <algorithm>

namespace ssdfs::net {
namespace {

/// An address that has not greeted for so long gets company by the next one.
constexpr std::int64_t next_address_ms = 250;
constexpr std::size_t most_targets = 16;

using endpoint_list = std::vector<boost::asio::ip::tcp::endpoint>;

/// The order in which the addresses of a name are tried: the one that worked last, then the
/// resolver's, with the families in turn, as it is whole families that do not work.
endpoint_list in_order_of_trial(const endpoint_list& found,
                                const boost::asio::ip::tcp::endpoint& worked_last) {
  endpoint_list left;
  endpoint_list out;
  for (const auto& e : found) {
    if (std::find(left.begin(), left.end(), e) == left.end()) left.push_back(e);
  }
  const auto take = [&](auto at) {
    out.push_back(*at);
    left.erase(at);
  };
  if (const auto known = std::find(left.begin(), left.end(), worked_last); known != left.end()) {
    take(known);
  }
  while (!left.empty() && out.size() < most_targets) {
    auto next = left.begin();
    if (!out.empty()) {
      const bool was_v6 = out.back().address().is_v6();
      next = std::find_if(left.begin(), left.end(),
                          [&](const auto& e) { return e.address().is_v6() != was_v6; });
    }
    take(next == left.end() ? left.begin() : next);
  }
  return out;
}

}  // namespace

// Under mutex_.
void channel_impl::open_link(std::int64_t now_ms) {
  link_ = std::make_shared<link>(executor_, now_ms);
  refused_ = false;
  arm(now_ms + options_.connect_timeout_ms);
  // Not from here: a step that fails at once calls handlers.
  boost::asio::post(executor_, [self = self(), at = link_] { self->resolve(at); });
}

void channel_impl::resolve(const link_ptr& at) {
  const result<host_port> where = parse_host_port(address_);
  if (!where || where->host.empty() || where->port == 0) {
    return lose(at, failure(errc::invalid_argument, "'" + address_ + "' is not an address"));
  }
  error_code not_numeric;
  const auto numeric = boost::asio::ip::make_address(where->host, not_numeric);
  if (!not_numeric) return resolved(at, {tcp::endpoint(numeric, where->port)});
  const std::lock_guard lock(mutex_);
  if (at->lost) return;
  at->resolver.async_resolve(
      where->host, std::to_string(where->port), tcp::resolver::numeric_service,
      [self = self(), at](const error_code& ec, const tcp::resolver::results_type& found) {
        if (ec) return self->lose(at, self->connection_failure(ec.message()));
        std::vector<tcp::endpoint> targets;
        for (const auto& entry : found) targets.push_back(entry.endpoint());
        self->resolved(at, std::move(targets));
      });
}

void channel_impl::resolved(const link_ptr& at, std::vector<tcp::endpoint> targets) {
  {
    const std::lock_guard lock(mutex_);
    if (at->lost) return;
    make_hello(*at);
    at->targets = in_order_of_trial(targets, last_target_);
    if (!at->targets.empty()) return try_next(at);
  }
  lose(at, connection_failure("the name has no address"));
}

void channel_impl::make_hello(link& at) {
  wire::frame_header header;
  header.opcode = static_cast<std::uint16_t>(wire::opcode::hello);
  wire::hello_request hello = options_.hello;
  if (options_.cluster) hello.cluster = options_.cluster();
  at.cluster = hello.cluster;
  header.cluster = hello.cluster;
  at.hello.resize(wire::frame_header_size);
  wire::encode(hello, at.hello);
  const bytes_view message = bytes_view(at.hello).subspan(wire::frame_header_size);
  header.message_length = static_cast<std::uint32_t>(message.size());
  wire::encode_header(header, message, at.hello.data());
}

void channel_impl::try_next(const link_ptr& at) {
  const path_ptr by = std::make_shared<path>(executor_);
  by->target = at->targets[at->next_target++];
  at->tries.push_back(by);
  at->next_try_ms = never;
  if (at->next_target < at->targets.size()) {
    at->next_try_ms = io::steady_ms() + next_address_ms;
    arm(at->next_try_ms);
  }
  by->socket.async_connect(
      by->target, [self = self(), at, by](const error_code& ec) { self->connected(at, by, ec); });
}

void channel_impl::connected(const link_ptr& at, const path_ptr& by, const error_code& ec) {
  if (ec) {
    const bool nobody_listens = ec == boost::asio::error::connection_refused;
    return try_failed(at, by, connection_failure(ec.message()), nobody_listens);
  }
  {
    const std::lock_guard lock(mutex_);
    if (by->over) return;
    by->connected = at->connected = true;
    at->waiting_ms = io::steady_ms();
    if (options_.silence_ms > 0) arm(at->waiting_ms + options_.silence_ms);
    error_code unknown;
    const auto local = by->socket.local_endpoint(unknown);
    if (!unknown) by->local = endpoint_text(local);
  }
  if (const error_code refused = prepare_socket(by->socket)) {
    return try_failed(at, by, connection_failure(refused.message()));
  }
  // The handshake goes by itself: calls that are queued leave when it is done.
  boost::asio::async_write(by->socket, boost::asio::buffer(at->hello),
                           [self = self(), at, by](const error_code& failed, std::size_t) {
                             if (!failed) return self->wait_for_greeting(at, by);
                             self->try_failed(at, by, self->connection_failure(failed.message()));
                           });
}

void channel_impl::wait_for_greeting(const link_ptr& at, const path_ptr& by) {
  const bytes_span room = by->in.space();
  by->socket.async_read_some(boost::asio::buffer(room.data(), room.size()),
                             [self = self(), at, by](const error_code& ec, std::size_t n) {
                               self->greeting_came(at, by, ec, n);
                             });
}

void channel_impl::greeting_came(const link_ptr& at, const path_ptr& by, const error_code& ec,
                                 std::size_t n) {
  if (ec) {
    const bool closed = ec == boost::asio::error::eof;
    return try_failed(
        at, by, connection_failure(closed ? "the server closed the connection" : ec.message()));
  }
  by->in.received(n);
  const wire::decode_result first = by->in.next();
  if (first.status == wire::decode_status::incomplete) return wait_for_greeting(at, by);
  auto says = check_greeting(*at, first);
  if (!says) return try_failed(at, by, std::move(says).error());
  {
    const std::lock_guard lock(mutex_);
    if (by->over) return;
    at->out.set_cluster(says->cluster);
    server_ = std::move(*says);
    at->way = by;
    for (const path_ptr& other : at->tries) {
      if (other != by) drop_path(*other);
    }
    at->tries.clear();
    at->next_try_ms = never;
    last_target_ = by->target;
    at->up = true;
    at->since_ms = at->heard_ms = io::steady_ms();
    arm(at->heard_ms + options_.ping_interval_ms);
  }
  take_in(at);  // nothing but the greeting can have come: this lets the calls go that wait
}

result<wire::hello_reply> channel_impl::check_greeting(const link& at,
                                                       const wire::decode_result& first) const {
  const wire::frame_header& h = first.frame.header;
  if (first.status == wire::decode_status::bad_version) {
    return failure(errc::version_mismatch, address_ + ": the server speaks another frame version");
  }
  if (first.status != wire::decode_status::complete || !h.is_reply()) {
    return connection_failure("what answers there is not an SSDFS server");
  }
  if (h.status != 0) {
    const error_code code(h.status, ssdfs_category());
    wire::error_reply why;
    if (!wire::decode(first.frame.message, why)) return failure(code);
    return failure(code, address_ + ": " + (why.detail.empty() ? code.message() : why.detail),
                   std::move(why.hint));
  }
  wire::hello_reply says;
  if (h.opcode != static_cast<std::uint16_t>(wire::opcode::hello) ||
      !wire::decode(first.frame.message, says)) {
    return connection_failure("malformed answer to hello");
  }
  if (says.protocol < options_.hello.protocol_min || says.protocol > options_.hello.protocol_max) {
    return failure(errc::version_mismatch,
                   address_ + ": the server chose protocol " + std::to_string(says.protocol));
  }
  const cluster_id none;
  if (at.cluster != none && says.cluster != none && says.cluster != at.cluster) {
    return failure(errc::wrong_cluster,
                   address_ + ": the server belongs to cluster " + to_string(says.cluster));
  }
  if (const node_id expected = options_.hello.expected;
      expected != node_id() && says.node != expected) {
    return failure(errc::wrong_node, address_ + ": node " + to_string(says.node) +
                                         " answers, not node " + to_string(expected));
  }
  return says;
}

/// The next address is tried at once. The link is lost with the last of them, for the reason that
/// tells most: what a server says weighs more than that one was not there.
void channel_impl::try_failed(const link_ptr& at, const path_ptr& by, failure why,
                              bool nobody_listens) {
  failure all;
  {
    const std::lock_guard lock(mutex_);
    if (by->over) return;
    drop_path(*by);
    std::erase(at->tries, by);
    at->all_refused = at->all_refused && nobody_listens;
    if (!at->why_not.code || at->why_not == errc::connection) at->why_not = std::move(why);
    if (at->next_target < at->targets.size()) return try_next(at);
    if (!at->tries.empty()) return;
    refused_ = at->all_refused;
    all = at->why_not;
  }
  lose(at, std::move(all));
}

/// Reader and flusher hold what is connected; its socket is closed with the last of them.
void channel_impl::drop_path(path& by) noexcept {
  by.over = true;
  if (by.connected) {
    ::shutdown(by.socket.native_handle(), SHUT_RDWR);
  } else {
    error_code ignored;
    by.socket.close(ignored);
  }
}

}  // namespace ssdfs::net
