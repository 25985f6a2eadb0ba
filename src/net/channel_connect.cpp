// How a channel's link comes up: resolve, connect, shake hands.
#include "io/clock.hpp"
#include "net/address.hpp"
#include "net/channel_impl.hpp"
#include "net/socket.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>

namespace ssdfs::net {

// Under mutex_.
void channel_impl::open_link(std::int64_t now_ms) {
  link_ = std::make_shared<link>(executor_, now_ms);
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
  if (!not_numeric) {
    at->targets = {tcp::endpoint(numeric, where->port)};
    return connect_next(at);
  }
  const std::lock_guard lock(mutex_);
  if (at->lost) return;
  at->resolver.async_resolve(
      where->host, std::to_string(where->port), tcp::resolver::numeric_service,
      [self = self(), at](const error_code& ec, const tcp::resolver::results_type& found) {
        if (ec) return self->lose(at, self->connection_failure(ec.message()));
        for (const auto& entry : found) at->targets.push_back(entry.endpoint());
        self->connect_next(at);
      });
}

void channel_impl::connect_next(const link_ptr& at) {
  const std::lock_guard lock(mutex_);
  if (at->lost) return;
  error_code ignored;  // there is nothing to close at the first target
  at->socket.close(ignored);
  at->socket.async_connect(at->targets[at->next_target++],
                           [self = self(), at](const error_code& ec) { self->connected(at, ec); });
}

void channel_impl::connected(const link_ptr& at, const error_code& ec) {
  if (ec && at->next_target < at->targets.size()) return connect_next(at);
  if (ec) return lose(at, connection_failure(ec.message()));
  {
    const std::lock_guard lock(mutex_);
    if (at->lost) return;
    at->connected = true;
    at->waiting_ms = io::steady_ms();
    if (options_.silence_ms > 0) arm(at->waiting_ms + options_.silence_ms);
    error_code unknown;
    const auto local = at->socket.local_endpoint(unknown);
    if (!unknown) at->local = endpoint_text(local);
  }
  if (const error_code refused = prepare_socket(at->socket)) {
    return lose(at, connection_failure(refused.message()));
  }
  // The handshake goes by itself: calls that are queued leave when it is done.
  wire::frame_header header;
  header.opcode = static_cast<std::uint16_t>(wire::opcode::hello);
  wire::hello_request hello = options_.hello;
  if (options_.cluster) hello.cluster = options_.cluster();
  at->cluster = hello.cluster;
  header.cluster = hello.cluster;
  at->hello.resize(wire::frame_header_size);
  wire::encode(hello, at->hello);
  const bytes_view message = bytes_view(at->hello).subspan(wire::frame_header_size);
  header.message_length = static_cast<std::uint32_t>(message.size());
  wire::encode_header(header, message, at->hello.data());
  boost::asio::async_write(at->socket, boost::asio::buffer(at->hello),
                           [self = self(), at](const error_code& failed, std::size_t) {
                             if (failed)
                               return self->lose(at, self->connection_failure(failed.message()));
                             self->read(at);
                           });
}

// Reader, before the link is up. False if the link is lost; true also if hello is still incomplete.
bool channel_impl::greeted(const link_ptr& at) {
  const wire::decode_result first = at->in.next();
  if (first.status == wire::decode_status::incomplete) return true;
  const wire::frame_header& h = first.frame.header;
  const auto refuse = [&](failure why) {
    lose(at, std::move(why));
    return false;
  };
  if (first.status == wire::decode_status::bad_version) {
    return refuse({errc::version_mismatch, address_ + ": the server speaks another frame version"});
  }
  if (first.status != wire::decode_status::complete || !h.is_reply()) {
    return refuse(connection_failure("what answers there is not an SSDFS server"));
  }
  if (h.status != 0) {
    const error_code code(h.status, ssdfs_category());
    wire::error_reply why;
    if (!wire::decode(first.frame.message, why)) return refuse(failure(code));
    return refuse({code, address_ + ": " + (why.detail.empty() ? code.message() : why.detail),
                   std::move(why.hint)});
  }
  wire::hello_reply says;
  if (h.opcode != static_cast<std::uint16_t>(wire::opcode::hello) ||
      !wire::decode(first.frame.message, says)) {
    return refuse(connection_failure("malformed answer to hello"));
  }
  if (says.protocol < options_.hello.protocol_min || says.protocol > options_.hello.protocol_max) {
    return refuse({errc::version_mismatch,
                   address_ + ": the server chose protocol " + std::to_string(says.protocol)});
  }
  const cluster_id none;
  if (at->cluster != none && says.cluster != none && says.cluster != at->cluster) {
    return refuse({errc::wrong_cluster,
                   address_ + ": the server belongs to cluster " + to_string(says.cluster)});
  }
  if (const node_id expected = options_.hello.expected;
      expected != node_id() && says.node != expected) {
    return refuse({errc::wrong_node, address_ + ": node " + to_string(says.node) +
                                         " answers, not node " + to_string(expected)});
  }
  const std::lock_guard lock(mutex_);
  if (at->lost) return false;
  at->out.set_cluster(says.cluster);
  server_ = std::move(says);
  at->up = true;
  at->since_ms = at->heard_ms = io::steady_ms();
  arm(at->heard_ms + options_.ping_interval_ms);
  return true;
}

}  // namespace ssdfs::net
