// ZooKeeper's servers, as Debian installs them, on loopback and in directories of their own.
#pragma once

#include "util/free_port.hpp"
#include "util/temp_dir.hpp"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

extern char** environ;  // NOLINT(readability-redundant-declaration)

namespace ssdfs::test {

/// One that serves alone, or several that are one ZooKeeper. Every process is killed by the
/// destructor, by its pid. Ticks are of 200 ms, so sessions may be as short as 400 ms.
class zookeeper_servers {
 public:
  static constexpr const char* jar = "/usr/share/java/zookeeper.jar";
  /// Empty, or what is missing.
  [[nodiscard]] static std::string missing() {
    if (!std::filesystem::exists(jar)) return "Debian's package zookeeper is not installed";
    std::istringstream path(std::getenv("PATH") == nullptr ? "" : std::getenv("PATH"));
    for (std::string folder; std::getline(path, folder, ':');) {
      if (::access((folder + "/java").c_str(), X_OK) == 0) return {};
    }
    return "there is no java";
  }

  /// Starts them; wait_serving() waits. `java_options` are for each.
  explicit zookeeper_servers(std::size_t count, std::vector<std::string> java_options = {})
      : java_options_(std::move(java_options)) {
    for (std::size_t i = 0; i < count; ++i) servers_.push_back(std::make_unique<server>());
    for (std::size_t i = 0; i < count; ++i) {
      make_directory(i);
      start(i);
    }
  }
  ~zookeeper_servers() {
    for (std::size_t i = 0; i < servers_.size(); ++i) kill(i);
  }
  zookeeper_servers(const zookeeper_servers&) = delete;
  zookeeper_servers& operator=(const zookeeper_servers&) = delete;

  [[nodiscard]] std::size_t size() const noexcept { return servers_.size(); }
  [[nodiscard]] std::uint16_t port(std::size_t i) const { return servers_[i]->client.number(); }
  [[nodiscard]] std::string address(std::size_t i) const { return servers_[i]->client.address(); }
  [[nodiscard]] std::string addresses() const {
    std::string out;
    for (const auto& s : servers_) out += (out.empty() ? "" : ",") + s->client.address();
    return out;
  }

  void start(std::size_t i) {
    server& s = *servers_[i];
    if (s.pid > 0) return;
    // Ends with the test, however that ends.
    std::vector<std::string> words = {"setpriv",
                                      "--pdeathsig",
                                      "KILL",
                                      "java",
                                      "-Xmx96m",
                                      "-XX:+UseSerialGC",
                                      "-XX:TieredStopAtLevel=1",
                                      "-Dzookeeper.jmx.log4j.disable=true",
                                      "-Dzookeeper.fastleader.maxNotificationInterval=400",
                                      "-Dzookeeper.forceSync=no",
                                      "-Dzookeeper.preAllocSize=64"};
    words.insert(words.end(), java_options_.begin(), java_options_.end());
    for (const char* word : {"-cp", jar, "org.apache.zookeeper.server.quorum.QuorumPeerMain"}) {
      words.emplace_back(word);
    }
    words.push_back(directory(i) + "/zoo.cfg");
    std::vector<char*> arguments;
    for (std::string& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t files;
    posix_spawn_file_actions_init(&files);
    const std::string log = directory(i) + "/log";
    posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    posix_spawn_file_actions_adddup2(&files, 1, 2);
    posix_spawn_file_actions_addclosefrom_np(&files, 3);
    const int code = ::posix_spawnp(&s.pid, "setpriv", &files, nullptr, arguments.data(), environ);
    posix_spawn_file_actions_destroy(&files);
    if (code != 0) throw std::runtime_error("setpriv cannot be started");
  }
  void kill(std::size_t i) {
    server& s = *servers_[i];
    if (s.pid <= 0) return;
    ::kill(s.pid, SIGKILL);
    ::waitpid(s.pid, nullptr, 0);
    s.pid = 0;
  }
  void pause(std::size_t i) { ::kill(servers_[i]->pid, SIGSTOP); }
  void go_on(std::size_t i) { ::kill(servers_[i]->pid, SIGCONT); }
  /// Of one that is not running: everything that it has stored.
  void lose_data(std::size_t i) {
    std::filesystem::remove_all(directory(i));
    make_directory(i);
  }

  /// True once it serves.
  bool wait_serving(std::size_t i, std::chrono::seconds most = std::chrono::seconds(60)) const {
    const auto until = std::chrono::steady_clock::now() + most;
    while (std::chrono::steady_clock::now() < until) {
      if (answer(i).find("Mode:") != std::string::npos) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(30));
    }
    return false;
  }
  bool wait_all_serving() const {
    for (std::size_t i = 0; i < servers_.size(); ++i) {
      if (!wait_serving(i)) return false;
    }
    return true;
  }
  /// To the command srvr; empty if there is none.
  [[nodiscard]] std::string answer(std::size_t i) const {
    using boost::asio::ip::tcp;
    boost::asio::io_context io;
    tcp::socket socket(io);
    boost::system::error_code ec;
    socket.connect({boost::asio::ip::address_v4::loopback(), port(i)}, ec);
    if (ec) return {};
    boost::asio::write(socket, boost::asio::buffer("srvr", 4), ec);
    std::string text(2'000, '\0');
    std::size_t length = 0;
    boost::asio::async_read(socket, boost::asio::buffer(text),
                            [&](boost::system::error_code, std::size_t n) { length = n; });
    // One that is just starting accepts connections and may forget about them.
    io.run_for(std::chrono::seconds(1));
    text.resize(length);
    return text;
  }

 private:
  struct server {
    free_port client, peer, election;
    pid_t pid = 0;
  };

  [[nodiscard]] std::string directory(std::size_t i) const {
    return files_.path() + "/" + std::to_string(i);
  }
  void make_directory(std::size_t i) const {
    std::filesystem::create_directories(directory(i) + "/data");
    std::ofstream(directory(i) + "/data/myid") << i + 1 << '\n';
    std::ofstream config(directory(i) + "/zoo.cfg");
    config << "tickTime=200\ninitLimit=50\nsyncLimit=25\nadmin.enableServer=false\n"
           << "maxClientCnxns=0\nclientPortAddress=127.0.0.1\n"
           << "dataDir=" << directory(i) << "/data\nclientPort=" << port(i) << '\n';
    for (std::size_t n = 0; servers_.size() > 1 && n < servers_.size(); ++n) {
      config << "server." << n + 1 << "=127.0.0.1:" << servers_[n]->peer.text() << ':'
             << servers_[n]->election.text() << '\n';
    }
  }

  temp_dir files_;
  const std::vector<std::string> java_options_;
  std::vector<std::unique_ptr<server>> servers_;
};

}  // namespace ssdfs::test
