// A backup that is played by hand.
#pragma once

#include "base/crc32c.hpp"
#include "base/log_place.hpp"
#include "master/master_fixture.hpp"
#include "meta/record_codec.hpp"
#include "net/await.hpp"
#include "wire/frame.hpp"
#include "wire/journal_messages.hpp"

#include <boost/test/unit_test.hpp>

#include <functional>
#include <memory>
#include <string>

namespace ssdfs::test {

/// Keeps the end of its log, and no more; calls wait.
class hand_backup {
 public:
  hand_backup(master_fixture& at, node_id node)
      : hand_backup(at.threads.context(), at.server->address(), node) {}
  hand_backup(boost::asio::io_context& io, const std::string& address, node_id node) : node_(node) {
    net::channel_options options;
    options.hello.role = wire::peer_role::backup;
    options.hello.node = node;
    channel_ = net::channel::make(io.get_executor(), address, options);
  }
  ~hand_backup() { channel_->stop(); }

  /// Ends calls that wait, from another thread.
  void stop() { channel_->stop(); }

  template <class Request>
  result<net::response<typename Request::reply>> call(const Request& q, bytes_view body = {}) {
    return net::awaited<Request>(*channel_, q, 20'000, {body, {}}).wait();
  }

  wire::pull_edits_request next_pull(std::uint32_t wait_ms = 0) const {
    wire::pull_edits_request q;
    q.node = node_;
    q.incarnation = 1;
    q.epoch = place.epoch;
    q.durable = place;
    q.from = place.last.next();
    q.applied = place.last;
    q.max_bytes = 1U << 20;
    q.wait_ms = wait_ms;
    return q;
  }
  // Pulls once, and holds durably what came.
  wire::pull_edits_reply pull(std::uint32_t wait_ms = 0) {
    auto answer = call(next_pull(wait_ms));
    BOOST_REQUIRE_MESSAGE(answer.has_value(), (answer ? "" : answer.error().message()));
    take(as_chars(answer->body));
    return answer->message;
  }
  // Everything there is.
  void follow() {
    while (pull().first != txid()) {
    }
  }
  result<void> ack(txid durable) {
    auto answer = call(wire::ack_edits_request{node_, 1, place.epoch, durable, durable});
    if (!answer) return answer.error();
    return {};
  }
  result<std::uint64_t> upload(txid image, std::uint64_t size, std::uint64_t offset,
                               bytes_view piece, std::uint32_t wrong = 0) {
    auto answer =
        call(wire::upload_image_request{node_, image, size, offset, crc32c(piece) + wrong}, piece);
    if (!answer) return answer.error();
    return answer->message.received;
  }
  auto finish(txid image, std::uint64_t size) {
    return call(wire::finish_image_request{node_, image, size});
  }

  /// The lines of an answer.
  void take(std::string_view text) {
    while (!text.empty()) {
      const std::string_view line = text.substr(0, text.find('\n'));
      meta::record r;
      const auto crc = parser.parse(line, place.chain, r);
      BOOST_REQUIRE_MESSAGE(crc.has_value(), "the line continues the chain");
      BOOST_REQUIRE(r.txid == place.last.next());
      if (const auto* start = std::get_if<meta::start_record>(&r.body)) place.epoch = start->epoch;
      place.last = r.txid;
      place.chain = *crc;
      if (on_record) on_record(r, *crc);
      text.remove_prefix(line.size() + 1);
    }
  }

  log_place place;
  meta::line_parser parser;
  /// Sees every record that comes, with the CRC of its line.
  std::function<void(const meta::record&, std::uint32_t)> on_record;

 private:
  node_id node_;
  std::shared_ptr<net::channel> channel_;
};

inline node_id some_node(std::uint8_t n) {
  uuid id{};
  id.data[15] = n;
  return node_id(id);
}

inline result<void> make_directory(caller& by, const std::string& path) {
  wire::make_directory_request q;
  q.op = by.next_operation();
  q.path = path;
  auto done = by.call(q);
  if (!done) return done.error();
  return {};
}

}  // namespace ssdfs::test
