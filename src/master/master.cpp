#include "master/master.hpp"

#include "base/log.hpp"
#include "io/clock.hpp"
#include "io/file.hpp"
#include "io/identity.hpp"
#include "master/service.hpp"
#include "net/server.hpp"

#include <boost/asio/post.hpp>

#include <filesystem>
#include <future>
#include <mutex>
#include <vector>

namespace ssdfs::master {
namespace {

// The directory and those above it that are missing, with their names durable: what a log syncs is
// worth nothing in a directory that a power cut takes away.
result<void> make_data_dir(io::file_system& files, const std::string& path) {
  std::vector<std::string> parents;  // of what has to be made
  for (std::filesystem::path at = path; !at.empty();) {
    if (!at.has_filename() && at.has_relative_path()) at = at.parent_path();  // "dir/"
    const auto listed = files.list(at.string());
    if (listed || !(listed.error() == errc::not_found) || !at.has_relative_path()) break;
    at = at.parent_path();
    parents.push_back(at.empty() ? "." : at.string());
  }
  SSDFS_TRY(files.make_directories(path));
  for (const auto& parent : parents) SSDFS_TRY(files.sync_directory(parent));
  return {};
}

class running final : public master {
 public:
  running(boost::asio::io_context& io, master_options options)
      : io_(io), options_(std::move(options)), core_(io, options_) {}
  ~running() override { stop(); }

  result<void> start() {
    io::file_system& files = options_.files != nullptr ? *options_.files : io::system_files();
    SSDFS_TRY(make_data_dir(files, options_.data_dir));
    auto lock = files.lock(options_.data_dir);
    if (!lock) return lock.error();
    lock_ = std::move(*lock);
    auto who = own_identity(files);
    if (!who) return who.error();
    SSDFS_TRY(core_.open(who->node, who->cluster));
    const cluster_id cluster = core_.state().cluster();
    if (who->cluster == cluster_id()) {
      who->cluster = cluster;
      SSDFS_TRY(io::write_identity(files, options_.data_dir, *who));
    }
    cluster_ = cluster;
    core_.begin();
    service_ = std::make_shared<service>(io_, core_);
    net::server_options to;
    to.listen = options_.listen;
    to.max_connections = options_.max_connections;
    auto bound = net::server::listen(io_, *service_, std::move(to));
    if (!bound) return bound.error();
    server_ = std::move(*bound);
    // The strand may run from here on, so the service's timer starts there.
    boost::asio::post(core_.strand(), [s = service_] { s->start(); });
    server_->start();
    SSDFS_LOG(info) << "master of cluster " << to_string(cluster) << ", epoch "
                    << core_.state().epoch().value;
    return {};
  }

  std::string address() const override { return server_->address(); }
  node_id node() const override { return core_.node(); }
  cluster_id cluster() const override { return cluster_; }

  readiness_state readiness() const override {
    const std::string reason = service_->not_ready();
    return {reason.empty(), reason};
  }

  void set_slow_op_ms(std::int64_t ms) override { service_->set_slow_op_ms(ms); }

  void stop() override {
    const std::lock_guard lock(stop_mutex_);
    if (std::exchange(stopped_, true)) return;
    if (server_) server_->stop_accepting();
    // What is queued is handled first; then the log's last batch answers what waits for it.
    if (service_) on_strand([&] { service_->shut_down(); });
    if (core_.has_log()) {
      const auto closed = core_.edits().stop();
      if (!closed) SSDFS_LOG(error) << "edits log: " << closed.error().message();
      // The answers of the last batch were queued before this; only a log that failed leaves any.
      on_strand([&] { core_.abandon_answers(); });
    }
    if (server_) server_->stop();
    // The ends of the connections were queued, too, and use what is destroyed next.
    if (service_) on_strand([] {});
  }

 private:
  // Runs `action` on the namespace strand, behind everything that is queued there, and waits.
  template <class Action>
  void on_strand(Action action) {
    std::promise<void> done;
    auto ended = done.get_future();
    // The promise moves along: we may go on before set_value() has returned.
    boost::asio::post(core_.strand(), [&action, done = std::move(done)]() mutable {
      action();
      done.set_value();
    });
    ended.wait();
  }

  result<io::identity> own_identity(io::file_system& files) {
    auto found = io::read_identity(files, options_.data_dir);
    if (!found) return found.error();
    if (*found) {
      if ((*found)->role != "master") {
        return failure(errc::invalid_argument, options_.data_dir + ": belongs to a " +
                                                   (*found)->role + ", not to a master");
      }
      return **found;
    }
    io::identity fresh{"master", node_id(io::random_uuid()), {}};
    SSDFS_TRY(io::write_identity(files, options_.data_dir, fresh));
    return fresh;
  }

  boost::asio::io_context& io_;
  master_options options_;
  std::unique_ptr<io::directory_lock> lock_;
  core core_;
  std::shared_ptr<service> service_;  // its timer's last handler may still be on the way
  std::unique_ptr<net::server> server_;
  cluster_id cluster_;
  std::mutex stop_mutex_;
  bool stopped_ = false;
};

}  // namespace

result<std::unique_ptr<master>> master::start(boost::asio::io_context& io, master_options options) {
  auto made = std::make_unique<running>(io, std::move(options));
  SSDFS_TRY(made->start());
  return std::unique_ptr<master>(std::move(made));
}

}  // namespace ssdfs::master
