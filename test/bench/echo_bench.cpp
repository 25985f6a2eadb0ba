// What the machine itself charges for many connections: the same messages as a get (a small request
// and answer to one server, a small request and a large answer to one of two others), sent by bare
// Asio programs without a protocol, checks, a namespace or files. One client thread, three servers
// with two threads each. Prints, for several numbers of connections to each server with one
// operation in flight on each, the rate and the CPU time of all four processes, as one JSON object
// a line.
//
//   bench_echo [SECONDS_PER_LINE] [CONNECTIONS...]
#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using error_code = boost::system::error_code;

constexpr std::size_t request_length = 128;
constexpr std::size_t small_answer = 256;
constexpr std::size_t large_answer = 4096;
constexpr std::size_t slab = 16U << 10;  // a connection's receive buffer

[[noreturn]] void die(const char* what) {
  std::fprintf(stderr, "bench_echo: %s\n", what);
  std::exit(1);
}

// One accepted connection: every request_length bytes are answered with the length that they name.
class answering : public std::enable_shared_from_this<answering> {
 public:
  explicit answering(tcp::socket socket) : socket_(std::move(socket)) {
    socket_.set_option(tcp::no_delay(true));
    socket_.non_blocking(true);
  }
  void read() {
    socket_.async_read_some(asio::buffer(in_.data() + have_, in_.size() - have_),
                            [self = shared_from_this()](const error_code& ec, std::size_t n) {
                              if (!ec) self->received(n);
                            });
  }

 private:
  void received(std::size_t n) {
    have_ += n;
    if (have_ < request_length) return read();
    std::uint32_t length = 0;
    std::memcpy(&length, in_.data(), sizeof length);
    have_ = 0;
    error_code ec;
    // One operation is in flight on a connection, so the answer always fits.
    if (socket_.write_some(asio::buffer(out_.data(), length), ec) != length) die("short answer");
    read();
  }

  tcp::socket socket_;
  std::size_t have_ = 0;
  std::vector<std::byte> in_ = std::vector<std::byte>(slab);
  std::array<std::byte, large_answer> out_{};
};

void accept_all(tcp::acceptor& from) {
  from.async_accept([&from](const error_code& ec, tcp::socket socket) {
    if (!ec) std::make_shared<answering>(std::move(socket))->read();
    accept_all(from);
  });
}

// Serves until it is killed; writes its port into `to`.
[[noreturn]] void serve(int to) {
  asio::io_context io(2);
  tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
  const std::uint16_t port = acceptor.local_endpoint().port();
  if (::write(to, &port, sizeof port) != sizeof port) std::exit(1);
  ::close(to);
  accept_all(acceptor);
  std::thread second([&] { io.run(); });
  io.run();
  std::exit(0);
}

struct server {
  pid_t process = 0;
  tcp::endpoint at;

  static server start() {
    int ends[2];
    if (::pipe(ends) != 0) die("pipe");
    server out;
    out.process = ::fork();
    if (out.process < 0) die("fork");
    if (out.process == 0) {
      ::close(ends[0]);
      serve(ends[1]);
    }
    ::close(ends[1]);
    std::uint16_t port = 0;
    if (::read(ends[0], &port, sizeof port) != sizeof port) die("a server did not start");
    ::close(ends[0]);
    out.at = {asio::ip::address_v4::loopback(), port};
    return out;
  }
  void stop() const {
    ::kill(process, SIGKILL);
    ::waitpid(process, nullptr, 0);
  }
  [[nodiscard]] double cpu_seconds() const {
    clockid_t clock{};
    timespec t{};
    if (::clock_getcpuclockid(process, &clock) != 0 || ::clock_gettime(clock, &t) != 0)
      die("clock");
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
  }
};

struct progress {
  std::uint64_t done = 0;
  std::size_t running = 0;
  bool over = false;
};

// One operation after the other, over connections of its own.
class slot {
 public:
  slot(asio::io_context& io, const std::array<server, 3>& servers, progress& count)
      : count_(count), sockets_{tcp::socket(io), tcp::socket(io), tcp::socket(io)} {
    for (std::size_t i = 0; i < servers.size(); ++i) {
      sockets_[i].connect(servers[i].at);
      sockets_[i].set_option(tcp::no_delay(true));
      sockets_[i].non_blocking(true);
    }
  }
  void next() {
    if (count_.over) {
      --count_.running;
      return;
    }
    ask(0, small_answer);
  }

 private:
  void ask(std::size_t server, std::uint32_t length) {
    std::memcpy(request_.data(), &length, sizeof length);
    have_ = 0;
    error_code ec;
    if (sockets_[server].write_some(asio::buffer(request_), ec) != request_length)
      die("short write");
    read(server, length);
  }
  void read(std::size_t server, std::size_t length) {
    sockets_[server].async_read_some(asio::buffer(in_.data() + have_, in_.size() - have_),
                                     [this, server, length](const error_code& ec, std::size_t n) {
                                       if (ec) die("read");
                                       have_ += n;
                                       if (have_ < length) return read(server, length);
                                       if (server == 0) {
                                         seed_ =
                                             seed_ * 6364136223846793005U + 1442695040888963407U;
                                         return ask(1 + (seed_ >> 63), large_answer);
                                       }
                                       ++count_.done;
                                       next();
                                     });
  }

  progress& count_;
  std::array<tcp::socket, 3> sockets_;
  std::array<std::byte, request_length> request_{};
  std::vector<std::byte> in_ = std::vector<std::byte>(slab);
  std::size_t have_ = 0;
  std::uint64_t seed_ = reinterpret_cast<std::uintptr_t>(this);
};

double own_cpu_seconds() {
  timespec t{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

void measure(std::size_t connections, double seconds) {
  using steady = std::chrono::steady_clock;
  const std::array<server, 3> servers = {server::start(), server::start(), server::start()};
  {
    asio::io_context io(1);
    progress count;
    std::vector<std::unique_ptr<slot>> slots;
    for (std::size_t i = 0; i < connections; ++i) {
      slots.push_back(std::make_unique<slot>(io, servers, count));
    }
    const auto cpu = [&] {
      double sum = own_cpu_seconds();
      for (const server& s : servers) sum += s.cpu_seconds();
      return sum;
    };
    const auto run_for = [&](double length) {
      const auto until = steady::now() + std::chrono::duration<double>(length);
      while (steady::now() < until) io.run_one();
    };
    count.running = slots.size();
    for (const auto& s : slots) s->next();
    run_for(seconds / 4);  // until all is warm
    const std::uint64_t done_before = count.done;
    const double cpu_before = cpu();
    const auto began = steady::now();
    run_for(seconds);
    const auto n = static_cast<double>(count.done - done_before);
    const double took = std::chrono::duration<double>(steady::now() - began).count();
    const double busy = cpu() - cpu_before;
    std::printf(
        "{\"op\":\"bare echo, %zu connections\",\"count\":%.0f,\"seconds\":%.3f,\"per_s\":%.0f,"
        "\"cpu_seconds\":%.3f,\"per_cpu_s\":%.0f}\n",
        connections, n, took, n / took, busy, n / busy);
    std::fflush(stdout);
    count.over = true;
    while (count.running > 0) io.run_one();
  }
  for (const server& s : servers) s.stop();
}

}  // namespace

int main(int argc, char** argv) {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
  const double seconds = argc > 1 ? std::atof(argv[1]) : 2.0;
  std::vector<std::size_t> counts = {64, 1000};
  if (argc > 2) counts.clear();
  for (int i = 2; i < argc; ++i) counts.push_back(std::strtoul(argv[i], nullptr, 10));
  for (const std::size_t n : counts) measure(n, seconds);
  return 0;
}
