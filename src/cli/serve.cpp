#include "cli/serve.hpp"

#include "base/log.hpp"
#include "cli/local_file.hpp"
#include "cli/logging.hpp"
#include "cli/notify.hpp"
#include "cli/roles.hpp"
#include "cli/watchdog.hpp"
#include "cli/web.hpp"
#include "http/server.hpp"
#include "io/clock.hpp"
#include "io/file.hpp"
#include "net/address.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <exception>
#include <iostream>
#include <mutex>
#include <stop_token>
#include <thread>

namespace ssdfs::cli {
namespace {

namespace asio = boost::asio;

constexpr std::int64_t progress_interval_ms = 1000;  // of the log and the service manager

// A role with its HTTP server, stopped together.
struct part {
  std::unique_ptr<http::server> http;
  std::unique_ptr<running_role> role;
  std::shared_ptr<web> doors;  // null for a backup, and without HTTP
  std::string masters;         // that the front doors ask; empty: none are opened
  bool http_started = false;   // before the role is there

  /// What /readyz says. Any thread.
  std::string not_ready() {
    const std::lock_guard lock(mutex);
    if (stopping) return "stopping";
    return started ? role->not_ready() : progress;
  }
  void set_stopping() {
    const std::lock_guard lock(mutex);
    stopping = true;
  }
  void set_progress(std::string text) {
    const std::lock_guard lock(mutex);
    progress = std::move(text);
  }

  std::mutex mutex;
  std::string progress = "starting";  // guarded by mutex
  bool started = false;               // guarded by mutex: role is there
  bool stopping = false;              // guarded by mutex
};

class composition {
 public:
  composition(asio::io_context& io, const settings& options) : io_(io), options_(options) {}

  /// Blocks; ends early, with errc::shutting_down, when `stop` is requested.
  result<void> start(std::function<void(const failure&)> on_fatal, std::stop_token stop) {
    stop_ = std::move(stop);
    switch (options_.which()) {
      case role::master: return add_master(options_.text("data-dir"), std::move(on_fatal));
      case role::datanode:
        return add_datanode({options_.text("data-dir"), options_.text("listen"),
                             options_.text("http"), options_.text("master"),
                             options_.text("name")});
      case role::all: return start_all(std::move(on_fatal));
      case role::backup:
        return add_backup({options_.text("data-dir"), options_.text("listen"),
                           options_.text("http"), options_.text("master"), options_.text("name")},
                          std::move(on_fatal));
    }
    return {};
  }

  /// First those who send requests here learn that they should not, then what they have begun is
  /// answered, and only then the ports close: nobody waits for an answer that does not come.
  void stop() {
    for (auto& p : parts_) p->set_stopping();
    for (auto& p : parts_) {
      if (p->role) p->role->say_goodbye();
    }
    drain_http();
    for (auto& p : parts_) {
      if (p->doors) p->doors->stop();
      if (p->http) p->http->stop();
    }
    // Clients of the others first: datanodes before the master they talk to.
    for (auto at = parts_.rbegin(); at != parts_.rend(); ++at) {
      if ((*at)->role) (*at)->role->stop();
    }
  }

  [[nodiscard]] const part& first() const { return *parts_.front(); }
  /// False if a role hangs.
  [[nodiscard]] bool alive() const {
    return std::all_of(parts_.begin(), parts_.end(),
                       [](const auto& p) { return p->role->alive(); });
  }
  void set_slow_op_ms(std::int64_t ms) {
    for (auto& p : parts_) p->role->set_slow_op_ms(ms);
  }
  void set_rates(const settings& options) {
    for (auto& p : parts_) p->role->set_rates(options);
  }

 private:
  void drain_http() {
    // Proxies keep connections; each that is used within this time learns with its answer that it
    // ends, and is not found closed.
    constexpr std::int64_t grace_ms = 250;
    constexpr std::int64_t last_call_ms = 50;
    constexpr std::int64_t patience_ms = 5000;  // with answers that are being sent
    const std::int64_t begin = io::steady_ms();
    for (auto& p : parts_) {
      if (p->http) p->http->begin_drain();
    }
    for (auto& p : parts_) {
      if (p->http) p->http->wait_until_quiet(begin + grace_ms);
    }
    for (auto& p : parts_) {
      if (p->http) p->http->stop_listening();
    }
    // Who had just connected asks now.
    for (auto& p : parts_) {
      if (p->http) p->http->wait_until_quiet(begin + grace_ms + last_call_ms);
    }
    for (auto& p : parts_) {
      if (p->http) p->http->end_idle();
    }
    for (auto& p : parts_) {
      if (p->http) p->http->wait_until_quiet(begin + patience_ms);
    }
  }

  result<void> start_all(std::function<void(const failure&)> on_fatal) {
    const std::string& base = options_.text("data-dir");
    SSDFS_TRY(add_master(base + "/master", on_fatal));
    const auto own = net::parse_host_port(options_.text("listen"));
    if (!own) return own.error();
    const bool any_port = own->port == 0;
    const std::string& master = parts_.front()->role->address();
    const bool http_off = options_.text("http") == "off";
    const auto at = [&](int port) {
      return net::format_host_port({own->host, static_cast<std::uint16_t>(any_port ? 0 : port)});
    };
    SSDFS_TRY(
        add_backup({base + "/backup", at(9620), http_off ? "off" : at(9621), master, "backup"},
                   std::move(on_fatal)));
    for (std::int64_t i = 0; i < options_.integer("datanodes"); ++i) {
      const auto port = static_cast<std::uint16_t>(any_port ? 0 : 9610 + 2 * i);
      const auto http_port = static_cast<std::uint16_t>(any_port ? 0 : port + 1);
      const std::string name = "datanode-" + std::to_string(i + 1);
      SSDFS_TRY(add_datanode({base + "/" + name, net::format_host_port({own->host, port}),
                              http_off ? "off" : net::format_host_port({own->host, http_port}),
                              master, name}));
    }
    return {};
  }

  result<void> add_master(const std::string& data_dir,
                          std::function<void(const failure&)> on_fatal) {
    auto& p = add_part();
    master_ = &p;
    SSDFS_TRY(add_http(p, options_.text("http")));
    auto started =
        start_master(io_, options_, {data_dir, options_.text("listen"), http_address(p), {}, {}},
                     loading(p, std::move(on_fatal)));
    return finish(p, std::move(started));
  }

  // Loading takes a while: what can be asked meanwhile is how far it is.
  start_hooks loading(part& p, std::function<void(const failure&)> on_fatal) {
    if (p.http) p.http->start();
    p.http_started = true;
    start_hooks hooks;
    hooks.on_fatal = std::move(on_fatal);
    hooks.stop = stop_;
    hooks.on_progress = [&p, told_ms = std::int64_t{0}](int percent) mutable {
      const std::string text = "starting, " + std::to_string(percent) + " %";
      p.set_progress(text);
      const std::int64_t now_ms = io::steady_ms();
      if (told_ms != 0 && now_ms - told_ms < progress_interval_ms) return;
      told_ms = now_ms;
      SSDFS_LOG(info) << text;
      notify_service_manager("STATUS=" + text + "\nEXTEND_TIMEOUT_USEC=60000000", true);
    };
    return hooks;
  }

  result<void> add_backup(role_place place, std::function<void(const failure&)> on_fatal) {
    auto& p = add_part();
    SSDFS_TRY(add_http(p, place.http));
    place.http = http_address(p);
    return finish(p, start_backup(io_, options_, place, loading(p, std::move(on_fatal))));
  }

  result<void> add_datanode(role_place place) {
    auto& p = add_part();
    SSDFS_TRY(add_http(p, place.http));
    place.http = http_address(p);
    p.masters = place.master;
    return finish(p, start_datanode(io_, options_, place));
  }

  part& add_part() { return *parts_.emplace_back(std::make_unique<part>()); }

  // HTTP is bound before the role starts, so that the role can tell others the port, and answers
  // once the role is there.
  result<void> add_http(part& p, const std::string& address) {
    if (address == "off") return {};
    auto bound = http::server::listen(io_, address);
    if (!bound) return bound.error();
    p.http = std::move(*bound);
    http::route_health(*p.http, [&p] { return p.not_ready(); });
    return {};
  }

  static std::string http_address(const part& p) { return p.http ? p.http->address() : ""; }

  result<void> finish(part& p, result<std::unique_ptr<running_role>> started) {
    if (!started) return started.error();
    p.role = std::move(*started);
    if (&p == master_) p.masters = p.role->address();
    if (p.http) {
      p.role->route(*p.http);
      SSDFS_TRY(open_doors(p));
    }
    {
      const std::lock_guard lock(p.mutex);
      p.started = true;
    }
    if (p.http && !p.http_started) p.http->start();
    return {};
  }

  result<void> open_doors(part& p) {
    if (p.masters.empty()) return {};
    web_options to;
    to.masters = split_list(p.masters);
    to.local = p.role->chunks();
    to.names = &p == master_;
    to.cluster = [role = p.role.get()] { return role->cluster(); };
    auto opened = open_web(io_, options_, *p.http, std::move(to));
    if (!opened) return opened.error();
    p.doors = std::move(*opened);
    return {};
  }

  asio::io_context& io_;
  const settings& options_;
  std::stop_token stop_;
  part* master_ = nullptr;
  std::vector<std::unique_ptr<part>> parts_;  // in order of their start
};

result<void> write_ready_file(const settings& options, const part& first) {
  const std::string& path = options.text("ready-file");
  if (path.empty()) return {};
  boost::json::object object;
  object["role"] = std::string(name_of(options.which()));
  object["pid"] = ::getpid();
  object["listen"] = first.role->address();
  if (first.http) {
    object["http"] = first.http->address();
  } else {
    object["http"] = nullptr;
  }
  object["node"] = to_string(first.role->node());
  const std::string text = boost::json::serialize(object) + "\n";
  const auto target = replaceable_path(path);
  if (!target) return failure(target.error().code, path + ": " + target.error().message());
  return io::replace_file(io::system_files(), *target, as_bytes(text));
}

// Runs the io_context on its threads until it is stopped.
class thread_group {
 public:
  thread_group(asio::io_context& io, std::size_t count)
      : io_(io), work_(asio::make_work_guard(io)) {
    for (std::size_t i = 0; i < count; ++i) threads_.emplace_back([this] { io_.run(); });
  }
  ~thread_group() {
    work_.reset();
    io_.stop();
    for (auto& t : threads_) t.join();
  }
  thread_group(const thread_group&) = delete;
  thread_group& operator=(const thread_group&) = delete;

 private:
  asio::io_context& io_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::vector<std::thread> threads_;
};

std::size_t thread_count(const settings& options) {
  const auto wanted = options.integer("threads");
  if (wanted > 0) return static_cast<std::size_t>(wanted);
  return std::clamp<std::size_t>(std::thread::hardware_concurrency(), 1, 4);
}

// Starts the roles on a thread of its own, so that a signal can end that early.
result<void> start_until_signal(composition& roles,
                                const std::function<void(const failure&)>& on_fatal,
                                sigset_t signals, std::stop_source& stop) {
  constexpr int started_signal = SIGUSR1;  // blocked in every thread, like the others
  sigaddset(&signals, started_signal);
  result<void> started;
  std::thread starter([&] {
    try {
      started = roles.start(on_fatal, stop.get_token());
    } catch (const std::exception& e) {
      // What the roles set up before anything can be answered: memory and threads.
      started = failure(errc::io, e.what());
    }
    ::kill(::getpid(), started_signal);
  });
  for (int signal = 0; sigwait(&signals, &signal) == 0 && signal != started_signal;) {
    if (signal != SIGHUP) stop.request_stop();
  }
  starter.join();
  return started;
}

int report(const failure& why) {
  std::cerr << "ssdfs: " << why.message() << "\n";
  return why.code == make_error_code(errc::invalid_argument) ? 2 : 1;
}

}  // namespace

int serve(const settings& options, const std::vector<std::string>& arguments,
          const std::vector<std::string>& environment) {
  // Signals are waited for on the main thread; all others are created with them blocked.
  sigset_t signals;
  sigemptyset(&signals);
  sigset_t blocked;
  sigemptyset(&blocked);
  for (const int s : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, s);
  for (const int s : {SIGTERM, SIGINT, SIGHUP, SIGUSR1}) sigaddset(&blocked, s);
  pthread_sigmask(SIG_BLOCK, &blocked, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  // Scripts that rotate logs send it, as they do SIGUSR1: there is no log file to open again.
  std::signal(SIGUSR2, SIG_IGN);
  const log_output log(options.text("log-level"), options.text("log-format"));

  asio::io_context io(static_cast<int>(thread_count(options)));
  std::atomic<bool> fatal = false;
  composition roles(io, options);
  thread_group threads(io, thread_count(options));
  std::stop_source stop;
  const auto on_fatal = [&fatal](const failure& why) {
    SSDFS_LOG(error) << why.message() << "; stopping";
    fatal = true;
    ::kill(::getpid(), SIGTERM);
  };
  auto started = start_until_signal(roles, on_fatal, signals, stop);
  if (started && !stop.stop_requested()) started = write_ready_file(options, roles.first());
  if (!started || stop.stop_requested()) {
    roles.stop();
    if (stop.stop_requested()) return fatal ? 1 : 0;
    return report(started.error());
  }
  SSDFS_LOG(info) << "ssdfs " << SSDFS_VERSION << " " << name_of(options.which()) << " ready on "
                  << roles.first().role->address();
  notify_service_manager("READY=1\nSTATUS=serving");

  watchdog dog(io, [&roles] { return roles.alive(); });
  for (;;) {
    const int signal = wait_for_signal(signals, dog);
    if (signal != SIGHUP) break;
    notify_service_manager("RELOADING=1");
    const auto again = settings::read(arguments, environment);
    if (!again) {
      SSDFS_LOG(error) << "configuration not read again: " << again.error().message();
      notify_service_manager("READY=1");
      continue;
    }
    set_log_level(again->text("log-level"));
    roles.set_slow_op_ms(again->duration_ms("slow-op"));
    roles.set_rates(*again);
    SSDFS_LOG(info) << "configuration read again";
    notify_service_manager("READY=1");
  }
  notify_service_manager("STOPPING=1");
  SSDFS_LOG(info) << "stopping";
  roles.stop();
  return fatal ? 1 : 0;
}

}  // namespace ssdfs::cli
