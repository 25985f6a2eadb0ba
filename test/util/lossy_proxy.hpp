// A proxy that understands frames and loses some answers on their way to the client.
#pragma once

#include "wire/frame.hpp"
#include "wire/opcodes.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace ssdfs::test {

/// Forwards to `port` on loopback. Of the answers (but those of the handshake) every `every`-th is
/// dropped: the server has done what was asked, and the client never hears of it. Lives as long as
/// its io_context runs it; stop() first.
class lossy_proxy {
 public:
  using tcp = boost::asio::ip::tcp;

  lossy_proxy(boost::asio::io_context& io, std::uint16_t port, std::uint64_t every)
      : state_(std::make_shared<shared>(io, port, every)) {
    accept(state_);
  }
  ~lossy_proxy() {
    boost::asio::post(state_->acceptor.get_executor(), [s = state_] {
      boost::system::error_code ignored;
      s->acceptor.close(ignored);
    });
  }

  [[nodiscard]] std::string address() const {
    return "127.0.0.1:" + std::to_string(state_->acceptor.local_endpoint().port());
  }
  [[nodiscard]] std::uint64_t dropped() const { return state_->dropped; }

 private:
  struct shared {
    shared(boost::asio::io_context& context, std::uint16_t to, std::uint64_t n)
        : io(context),
          acceptor(boost::asio::make_strand(context),
                   tcp::endpoint(boost::asio::ip::address_v4::loopback(), 0)),
          port(to),
          every(n) {}
    boost::asio::io_context& io;
    tcp::acceptor acceptor;
    std::uint16_t port;
    std::uint64_t every;
    std::atomic<std::uint64_t> answers{0};
    std::atomic<std::uint64_t> dropped{0};
  };

  // One connection and its twin; both on one strand.
  struct link : std::enable_shared_from_this<link> {
    link(tcp::socket c, tcp::socket s, std::shared_ptr<shared> o)
        : client(std::move(c)), server(std::move(s)), of(std::move(o)) {}

    void close() {
      boost::system::error_code ignored;
      client.close(ignored);
      server.close(ignored);
    }
    void forward_requests() {
      client.async_read_some(
          boost::asio::buffer(up), [self = shared_from_this()](auto ec, std::size_t n) {
            if (ec) return self->close();
            boost::asio::async_write(self->server, boost::asio::buffer(self->up.data(), n),
                                     [self](auto failed, std::size_t) {
                                       if (failed) return self->close();
                                       self->forward_requests();
                                     });
          });
    }
    void forward_answers() {
      server.async_read_some(
          boost::asio::buffer(down), [self = shared_from_this()](auto ec, std::size_t n) {
            if (ec) return self->close();
            self->received.insert(self->received.end(), self->down.begin(),
                                  self->down.begin() + static_cast<std::ptrdiff_t>(n));
            self->take_frames();
            boost::asio::async_write(self->client, boost::asio::buffer(self->kept),
                                     [self](auto failed, std::size_t) {
                                       if (failed) return self->close();
                                       self->kept.clear();
                                       self->forward_answers();
                                     });
          });
    }
    void take_frames() {
      std::size_t at = 0;
      for (;;) {
        const auto found = wire::decode_frame(bytes_view(received).subspan(at));
        if (found.status != wire::decode_status::complete) break;
        const auto code = static_cast<wire::opcode>(found.frame.header.opcode);
        const bool handshake = code == wire::opcode::hello || code == wire::opcode::ping;
        if (!handshake && ++of->answers % of->every == 0) {
          ++of->dropped;
        } else {
          kept.insert(kept.end(), received.begin() + static_cast<std::ptrdiff_t>(at),
                      received.begin() + static_cast<std::ptrdiff_t>(at + found.length));
        }
        at += found.length;
      }
      received.erase(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(at));
    }

    tcp::socket client;
    tcp::socket server;
    std::shared_ptr<shared> of;
    std::array<std::byte, 65536> up;
    std::array<std::byte, 65536> down;
    std::vector<std::byte> received;  // from the server, not yet whole frames
    std::vector<std::byte> kept;      // on its way to the client
  };

  static void accept(std::shared_ptr<shared> s) {
    const auto strand = boost::asio::make_strand(s->io);
    s->acceptor.async_accept(strand, [s, strand](boost::system::error_code ec, tcp::socket client) {
      if (ec) return;  // closed
      tcp::socket server(strand);
      boost::system::error_code failed;
      server.connect({boost::asio::ip::address_v4::loopback(), s->port}, failed);
      if (!failed) {
        const auto l = std::make_shared<link>(std::move(client), std::move(server), s);
        boost::asio::post(strand, [l] {
          l->forward_requests();
          l->forward_answers();
        });
      }
      accept(s);
    });
  }

  std::shared_ptr<shared> state_;
};

}  // namespace ssdfs::test
