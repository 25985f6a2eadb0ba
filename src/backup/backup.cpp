#include "backup/backup.hpp"

#include "backup/puller.hpp"
#include "backup/service.hpp"
#include "backup/uploader.hpp"
#include "base/log.hpp"
#include "http/common_metrics.hpp"
#include "io/clock.hpp"
#include "io/file.hpp"
#include "io/identity.hpp"
#include "net/address.hpp"
#include "net/starting_gate.hpp"

#include <mutex>

namespace ssdfs::backup {
namespace {

// Behind its master by more than this, a backup is not ready to take its place.
constexpr std::int64_t ready_lag_ms = 10'000;

class running final : public backup {
 public:
  running(boost::asio::io_context& io, backup_options options)
      : io_(io),
        options_(std::move(options)),
        fs_(options_.files != nullptr ? *options_.files : io::system_files()) {}
  ~running() override { stop(); }

  result<void> start() {
    if (options_.masters.empty()) {
      return failure(errc::invalid_argument, "a backup needs the address of its master");
    }
    SSDFS_TRY(fs_.make_directories(options_.data_dir));
    auto lock = fs_.lock(options_.data_dir);
    if (!lock) return lock.error();
    lock_ = std::move(*lock);
    SSDFS_TRY(find_identity());
    puller_ = std::make_shared<puller>(io_, fs_, pulling(), who_.cluster);
    service_ = std::make_unique<service>(*puller_, who_.node);
    net::server_options to;
    to.listen = options_.listen;
    to.max_connections = options_.max_connections;
    auto bound = net::server::listen(io_, gate_, std::move(to));
    if (!bound) return bound.error();
    server_ = std::move(*bound);
    server_->start();
    uploader_ = std::make_unique<uploader>(fs_, uploading());
    puller_->told(options_.advertise, server_->address());
    SSDFS_TRY(puller_->start());
    gate_.open(*service_);
    return {};
  }

  std::string address() const override { return server_->address(); }
  node_id node() const override { return who_.node; }
  void set_slow_op_ms(std::int64_t ms) override { static_cast<void>(ms); }

  readiness_state readiness() const override {
    const pull_status now = puller_->status();
    if (!now.connected) return {false, "no master is followed: " + now.problem};
    const auto copy = puller_->copy();
    const std::string trouble = copy ? copy->trouble() : std::string();
    if (!trouble.empty()) return {false, "the tree stands still: " + trouble};
    if (now.lag_ms > ready_lag_ms) {
      return {false, "the tree is " + std::to_string(now.lag_ms) + " ms behind the master's"};
    }
    return {true, {}};
  }

  void route(http::server& to) override {
    http::route_metrics(to, "backup", [this](http::metrics_text& text) {
      http::write_server_metrics(text, server_->metrics());
      const pull_status now = puller_->status();
      text.gauge("connected_masters", "Masters that are followed: 0 or 1.", now.connected ? 1 : 0);
      text.gauge("lag_seconds", "Since when something is missing in the tree.",
                 static_cast<double>(now.lag_ms) / 1000);
      text.gauge("master_durable_txid", "Last record that is durable at the master.",
                 now.master_durable.value);
      if (const auto copy = puller_->copy()) {
        text.gauge("durable_txid", "Last record that is durable here.", copy->durable().value);
        text.gauge("applied_txid", "Last record in the tree.", copy->applied().value);
        text.gauge("image_txid", "Last record in the newest image.", copy->image().value);
        text.gauge("edits_room", "1 while the disk of the log takes what is pulled.",
                   copy->room_problem().empty() ? 1 : 0);
        text.gauge("checkpoint_failed", "1 if the last checkpoint has failed; it is tried again.",
                   copy->checkpoint_failed() ? 1 : 0);
        text.gauge("standing_still", "1 while records cannot be read back from the log.",
                   copy->trouble().empty() ? 0 : 1);
      }
    });
  }

  void stop() override {
    const std::lock_guard lock(stop_mutex_);
    if (std::exchange(stopped_, true)) return;
    if (server_) server_->stop_accepting();
    if (uploader_) uploader_->stop();
    if (puller_) puller_->stop();
    if (server_) server_->stop();
  }

 private:
  // A master's directory becomes a backup's; a datanode's is refused.
  result<void> find_identity() {
    auto found = io::read_identity(fs_, options_.data_dir);
    if (!found) return found.error();
    if (!*found) {
      who_ = {"backup", node_id(io::random_uuid()), {}};
      return io::write_identity(fs_, options_.data_dir, who_);
    }
    who_ = **found;
    if (who_.role == "backup") return {};
    if (who_.role != "master") {
      return failure(errc::invalid_argument,
                     options_.data_dir + ": belongs to a " + who_.role + ", not to a backup");
    }
    SSDFS_LOG(warning) << options_.data_dir << ": was a master's directory and is a backup's now";
    who_.role = "backup";
    return io::write_identity(fs_, options_.data_dir, who_);
  }

  puller_options pulling() {
    puller_options to;
    to.copy = {options_.data_dir, options_.checkpoint_interval_ms, options_.checkpoint_txns,
               options_.checkpoint_rate, options_.checkpoint_retry_ms};
    to.masters = options_.masters;
    to.node = who_.node;
    to.incarnation = static_cast<std::uint64_t>(io::wall_ms()) * 1000;
    to.name = options_.name;
    to.http = options_.http_address;
    to.joined = [this](cluster_id cluster) {
      who_.cluster = cluster;
      return io::write_identity(fs_, options_.data_dir, who_);
    };
    to.on_image = [this](const journal::image_file& made) { uploader_->offer(made); };
    to.on_fatal = options_.on_fatal;
    to.on_progress = [this](int percent) {
      gate_.set_percent(percent);
      if (options_.on_progress) options_.on_progress(percent);
    };
    to.stop = options_.stop;
    return to;
  }

  uploader_options uploading() {
    uploader_options to;
    to.node = who_.node;
    to.rate = options_.upload_rate;
    to.connect = [this]() -> std::shared_ptr<net::channel> {
      const pull_status now = puller_->status();
      if (!now.connected) return nullptr;
      net::channel_options with;
      with.hello.role = wire::peer_role::backup;
      with.hello.cluster = puller_->cluster();
      with.hello.node = who_.node;
      with.hello.software = "ssdfs " SSDFS_VERSION;
      return net::channel::make(io_.get_executor(), now.master, with);
    };
    return to;
  }

  boost::asio::io_context& io_;
  const backup_options options_;
  io::file_system& fs_;
  std::unique_ptr<io::directory_lock> lock_;
  io::identity who_;
  std::shared_ptr<puller> puller_;  // shared with answers that are on their way
  std::unique_ptr<service> service_;
  std::unique_ptr<uploader> uploader_;
  net::starting_gate gate_;
  std::unique_ptr<net::server> server_;
  std::mutex stop_mutex_;
  bool stopped_ = false;
};

}  // namespace

result<std::unique_ptr<backup>> backup::start(boost::asio::io_context& io, backup_options options) {
  auto made = std::make_unique<running>(io, std::move(options));
  SSDFS_TRY(made->start());
  return std::unique_ptr<backup>(std::move(made));
}

}  // namespace ssdfs::backup
