// What one RPC costs: a client and a server process over loopback, one thread each. Prints, for
// several kinds of requests and numbers in flight, the rate and the CPU time of both sides, as one
// JSON object a line.
//
//   bench_net [SECONDS_PER_LINE]
#include "io/clock.hpp"
#include "net/channel.hpp"
#include "net/server.hpp"
#include "wire/chunk_messages.hpp"

#include <boost/asio/io_context.hpp>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

using namespace ssdfs;

// Answers a read with `length` bytes and a write with an empty message.
class bench_service final : public net::service {
 public:
  result<wire::hello_reply> hello(const wire::hello_request&) override {
    return wire::hello_reply{};
  }
  void handle(std::span<net::request> batch) override {
    for (net::request& r : batch) {
      if (wire::write_chunk_request write; r.decode(write)) {
        r.reply(wire::write_reply{});
        continue;
      }
      wire::read_chunk_request read;
      if (!r.decode(read) || read.length > page_->capacity()) {
        r.fail(errc::protocol);
        continue;
      }
      r.reply(wire::read_chunk_reply{}, {{page_->data(), read.length}, page_});
    }
  }

 private:
  buffer_ref page_ = buffer::make(1U << 20);
};

// Serves until it is killed; writes its address into `to`.
[[noreturn]] void serve(int to) {
  boost::asio::io_context io(1);
  bench_service service;
  auto server = net::server::listen(io, service, {.listen = "127.0.0.1:0"});
  if (!server) std::exit(1);
  (*server)->start();
  const std::string address = (*server)->address();
  if (::write(to, address.data(), address.size()) < 0) std::exit(1);
  ::close(to);
  io.run();
  std::exit(0);
}

struct load {
  const char* name;
  std::uint32_t up = 0;    // body bytes of the request
  std::uint32_t down = 0;  // of the answer
  int in_flight = 1;
};

class client {
 public:
  client(boost::asio::io_context& io, const std::string& address)
      : io_(io), channel_(net::channel::make(io.get_executor(), address, {})) {
    body_.resize(1U << 20);
  }

  void run(const load& what, double seconds) {
    what_ = what;
    const auto server_before = server_cpu_us();
    const auto before = own_cpu_us();
    const std::int64_t start_ns = io::steady_ns();
    until_ns_ = start_ns + static_cast<std::int64_t>(seconds * 1e9);
    done_ = 0;
    running_ = what.in_flight;
    for (int i = 0; i < what.in_flight; ++i) next();
    while (running_ > 0) io_.run_one();
    const double took = static_cast<double>(io::steady_ns() - start_ns) / 1e9;
    const auto own = own_cpu_us() - before;
    const auto server = server_cpu_us() - server_before;
    const auto n = static_cast<double>(done_);
    std::printf(
        "{\"op\":\"RPC, %s, %d in flight\",\"count\":%.0f,\"seconds\":%.3f,\"per_s\":%.0f,"
        "\"cpu_seconds\":%.3f,\"per_cpu_s\":%.0f}\n",
        what.name, what.in_flight, n, took, n / took, static_cast<double>(own + server) / 1e6,
        n * 1e6 / static_cast<double>(own + server));
    std::fflush(stdout);
  }

 private:
  void next() {
    if (what_.up > 0) {
      wire::write_chunk_request m;
      m.volume = volume_id(1);
      m.key = static_cast<chunk_key>(done_);
      m.chain = "0a0b0c0d-0e0f-4011-9213-141516171819@127.0.0.1:9612";
      call(m, {.body = {bytes_view(body_).first(what_.up), {}}});
    } else {
      wire::read_chunk_request m;
      m.volume = volume_id(1);
      m.length = what_.down;
      call(m, {});
    }
  }
  template <class Request>
  void call(const Request& m, net::call_options options) {
    channel_->call(m, std::move(options),
                   [this](result<net::response<typename Request::reply>> answer) {
                     if (!answer) {
                       std::fprintf(stderr, "%s\n", answer.error().message().c_str());
                       std::exit(1);
                     }
                     ++done_;
                     if ((done_ & 63) == 0) now_ns_ = io::steady_ns();
                     if (what_.in_flight < 64) now_ns_ = io::steady_ns();
                     if (now_ns_ < until_ns_) {
                       next();
                     } else {
                       --running_;
                     }
                   });
  }
  static std::uint64_t own_cpu_us() {
    rusage u{};
    getrusage(RUSAGE_SELF, &u);
    return static_cast<std::uint64_t>((u.ru_utime.tv_sec + u.ru_stime.tv_sec) * 1'000'000 +
                                      u.ru_utime.tv_usec + u.ru_stime.tv_usec);
  }
  std::uint64_t server_cpu_us() {
    std::uint64_t out = 0;
    bool answered = false;
    channel_->call(wire::server_stats_request{}, {},
                   [&](result<net::response<wire::server_stats_reply>> r) {
                     answered = true;
                     if (r) out = r->message.user_cpu_us + r->message.system_cpu_us;
                   });
    while (!answered) io_.run_one();
    return out;
  }

  boost::asio::io_context& io_;
  std::shared_ptr<net::channel> channel_;
  std::vector<std::byte> body_;
  load what_{};
  std::uint64_t done_ = 0;
  int running_ = 0;
  std::int64_t until_ns_ = 0;
  std::int64_t now_ns_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  const double seconds = argc > 1 ? std::atof(argv[1]) : 2.0;
  int ends[2];
  if (::pipe(ends) != 0) return 1;
  const pid_t child = ::fork();
  if (child < 0) return 1;
  if (child == 0) {
    ::close(ends[0]);
    serve(ends[1]);
  }
  ::close(ends[1]);
  char text[64];
  const ssize_t n = ::read(ends[0], text, sizeof text);
  if (n <= 0) return 1;
  {
    boost::asio::io_context io(1);
    client c(io, std::string(text, static_cast<std::size_t>(n)));
    constexpr std::uint32_t picture = 4096;
    constexpr std::uint32_t piece = 256U << 10;
    for (const load& l : {load{"empty", 0, 0, 1}, load{"empty", 0, 0, 64}, load{"empty", 0, 0, 256},
                          load{"send 4 KiB", picture, 0, 1}, load{"send 4 KiB", picture, 0, 64},
                          load{"send 4 KiB", picture, 0, 256}, load{"get 4 KiB", 0, picture, 64},
                          load{"get 4 KiB", 0, picture, 256}, load{"send 256 KiB", piece, 0, 8},
                          load{"get 256 KiB", 0, piece, 8}, load{"get 1 MiB", 0, 1U << 20, 4}}) {
      c.run(l, seconds);
    }
  }
  ::kill(child, SIGTERM);
  ::waitpid(child, nullptr, 0);
  return 0;
}
