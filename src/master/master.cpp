#include "master/master.hpp"

#include "base/log.hpp"
#include "http/common_metrics.hpp"
#include "http/dashboard.hpp"
#include "io/clock.hpp"
#include "io/epoch_file.hpp"
#include "io/file.hpp"
#include "io/identity.hpp"
#include "master/browser.hpp"
#include "master/checkpointer.hpp"
#include "master/journal_service.hpp"
#include "master/observer.hpp"
#include "master/peer_watch.hpp"
#include "master/service.hpp"
#include "master/status.hpp"
#include "net/await.hpp"
#include "net/server.hpp"
#include "net/starting_gate.hpp"

#include <boost/asio/post.hpp>

#include <atomic>
#include <filesystem>
#include <mutex>
#include <vector>

namespace ssdfs::master {
namespace {

constexpr std::int64_t ask_wait_ms = 1500;   // for other masters, at the start
constexpr std::int64_t stop_wait_ms = 3000;  // for backups, at the end

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
      : io_(io), options_(with_gate(std::move(options))), core_(io, options_) {}
  ~running() override { stop(); }

  result<void> start() {
    io::file_system& files = options_.files != nullptr ? *options_.files : io::system_files();
    SSDFS_TRY(make_data_dir(files, options_.data_dir));
    auto lock = files.lock(options_.data_dir);
    if (!lock) return lock.error();
    lock_ = std::move(*lock);
    auto who = own_identity(files);
    if (!who) return who.error();
    net::server_options to;
    to.listen = options_.listen;
    to.max_connections = options_.max_connections;
    auto bound = net::server::listen(io_, gate_, std::move(to));
    if (!bound) return bound.error();
    server_ = std::move(*bound);
    server_->start();
    core_.on_log_durable = [this](txid upto) {
      if (journal_service* backups = backups_raw_) backups->log_durable(upto);
    };
    // A backup may have heard of masters of whose log it got nothing: a promotion goes beyond them.
    const auto heard = io::read_epoch_file(files, options_.data_dir + "/" + io::heard_epoch_file);
    if (!heard) return heard.error();
    // What the old master had and this one has not may be acknowledged.
    const std::string cut_path = options_.data_dir + "/" + io::history_cut_file;
    if (promoting_) SSDFS_TRY(io::write_epoch_file(files, cut_path, io::history_cut_now));
    const core::beginning begin{who->node, who->cluster, options_.promote, *heard, !promoting_};
    SSDFS_TRY(core_.open(begin));
    const cluster_id cluster = core_.state().cluster();
    if (who->cluster == cluster_id() || promoting_) {
      // A promotion is complete with this: the epoch that it began is in the log.
      who->cluster = cluster;
      who->role = "master";
      SSDFS_TRY(io::write_identity(files, options_.data_dir, *who));
    }
    cluster_ = cluster;
    SSDFS_TRY(look_for_newer_master());
    const auto accepted =
        io::read_epoch_file(files, options_.data_dir + "/" + io::accepted_loss_file);
    if (!accepted) return accepted.error();
    core_.set_accepted_loss(*accepted);
    auto cut = io::read_epoch_file(files, cut_path);
    if (!cut) return cut.error();
    if (*cut == io::history_cut_now) {
      cut = core_.state().epoch();
      SSDFS_TRY(io::write_epoch_file(files, cut_path, *cut));
    }
    core_.set_history_cut(*cut);
    core_.begin();
    checkpoints_ = std::make_unique<checkpointer>(core_);
    service_ = std::make_shared<service>(io_, core_, *checkpoints_);
    serve_backups(*accepted);
    checkpoints_->start();
    // The strand may run from here on, so the service's timer starts there.
    observer_ = std::make_shared<observer>(
        io_, core_, observer::sources{server_->metrics(), [this] { return backups_->backups(); }});
    boost::asio::post(core_.strand(), [s = service_, o = observer_] {
      s->start();
      o->start();
    });
    gate_.open(*service_);
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
  void set_rates(std::uint64_t repair, std::uint64_t scrub, std::uint64_t rebalance) override {
    service_->set_rates(repair, scrub, rebalance);
  }
  bool alive() const override { return observer_->alive(); }

  void route(http::server& to) override {
    route_status(to, *observer_);
    route_browser(to, core_);
    http::route_dashboard(to);
    http::route_metrics(to, "master", [this](http::metrics_text& text) {
      http::write_server_metrics(text, server_->metrics());
      text.histogram("edits_sync_seconds", "Time to write and sync a batch of the edits log.");
      text.sample_seconds(core_.edits().sync_us());
      text.gauge("edits_room", "1 while the disk of the edits log takes changes.",
                 core_.edits().has_room() ? 1 : 0);
      text.gauge("checkpoint_failed", "1 if the last checkpoint has failed; it is tried again.",
                 checkpoints_->status().failure.empty() ? 0 : 1);
      if (const auto latest = observer_->latest()) write_metrics(text, *latest);
    });
  }

  void stop() override {
    const std::lock_guard lock(stop_mutex_);
    if (std::exchange(stopped_, true)) return;
    if (server_) server_->stop_accepting();
    // What is queued is handled first; then the log's last batch answers what waits for it.
    if (service_)
      on_strand([&] {
        checkpoints_->prepare_stop();
        service_->shut_down();
      });
    if (checkpoints_) checkpoints_->stop();
    if (observer_) on_strand([&] { observer_->stop(); });
    bool log_closed = false;
    if (core_.has_log()) {
      const auto closed = core_.edits().stop();
      log_closed = closed.has_value();
      // So that a backup that takes over has all that was answered, and more.
      if (backups_) backups_->wait_for_backups(stop_wait_ms);
      if (!closed) SSDFS_LOG(error) << "edits log: " << closed.error().message();
      // The answers of the last batch were queued before this; only a log that failed leaves any.
      on_strand([&] { core_.abandon_answers(); });
    }
    if (watch_) watch_->stop();
    if (backups_) backups_->stop();
    if (server_) server_->stop();
    // The ends of the connections were queued, too, and use what is destroyed next.
    if (service_) on_strand([] {});
    if (!log_closed || !checkpoints_) return;
    if (auto saved = checkpoints_->save_at_stop(); !saved) {
      SSDFS_LOG(error) << "no image: " << saved.error().message();
    }
  }

 private:
  master_options with_gate(master_options options) {
    options.on_progress = [this, next = std::move(options.on_progress)](int percent) {
      gate_.set_percent(percent);
      if (next) next(percent);
    };
    return options;
  }

  // Of the masters in the list only one may lead; a promotion has given it a higher epoch.
  result<void> look_for_newer_master() {
    if (options_.masters.empty()) return {};
    watch_ = std::make_shared<peer_watch>(
        io_, peer_watch_options{options_.masters, core_.node(), cluster_, core_.state().epoch()});
    const auto found = watch_->ask_once(ask_wait_ms);
    if (!found) return {};
    // Should an operator want this one to lead all the same, it has to go beyond that epoch.
    SSDFS_TRY(io::write_epoch_file(core_.files(), options_.data_dir + "/" + io::heard_epoch_file,
                                   found->epoch));
    return failure(errc::stale_epoch, replaced_by(*found));
  }

  [[nodiscard]] std::string replaced_by(const newer_master& other) {
    return "the master at " + other.address + " leads in epoch " +
           std::to_string(other.epoch.value) + ", this one is epoch " +
           std::to_string(core_.state().epoch().value) +
           "; with --role=backup this directory can follow it";
  }

  void serve_backups(epoch_t accepted_loss) {
    journal_hooks hooks;
    hooks.replaced = [this](epoch_t newer) {
      service_->replaced(newer, "a backup has followed a master of epoch " +
                                    std::to_string(newer.value) + ", this one is epoch " +
                                    std::to_string(core_.state().epoch().value));
    };
    hooks.lost_history = [this](const std::string& why) {
      SSDFS_LOG(error) << why << "; nothing is changed until `ssdfs admin accept-loss`";
      core_.nodes().distrust(why);
    };
    hooks.sync_problem = [this](std::string why) { core_.set_sync_problem(std::move(why)); };
    backups_ = std::make_shared<journal_service>(io_, core_, *checkpoints_, std::move(hooks));
    checkpoints_->ask_backup = [b = backups_.get()](txid mark) { return b->ask_checkpoint(mark); };
    checkpoints_->has_backup = [b = backups_.get()] { return b->connected(); };
    service_->serve_backups(backups_);
    backups_->accept_loss(accepted_loss);
    backups_->start();
    backups_raw_ = backups_.get();
    if (!watch_) return;
    watch_->start([this](const newer_master& other) {
      boost::asio::post(core_.strand(), [s = service_, epoch = other.epoch,
                                         why = replaced_by(other)] { s->replaced(epoch, why); });
    });
  }

  // Runs `action` on the namespace strand, behind everything that is queued there, and waits.
  template <class Action>
  void on_strand(Action action) {
    net::run_and_wait(core_.strand(), std::move(action));
  }

  result<io::identity> own_identity(io::file_system& files) {
    auto found = io::read_identity(files, options_.data_dir);
    if (!found) return found.error();
    if (*found) {
      promoting_ = options_.promote && (*found)->role == "backup";
      if (options_.promote && (*found)->role == "master") {
        SSDFS_LOG(warning)
            << options_.data_dir
            << ": is a master's already; only if it was replaced is it promoted again";
      }
      if (!promoting_ && (*found)->role == "backup") {
        return failure(
            errc::invalid_argument,
            options_.data_dir + ": belongs to a backup; --promote makes it the master's");
      }
      if (!promoting_ && (*found)->role != "master") {
        return failure(errc::invalid_argument, options_.data_dir + ": belongs to a " +
                                                   (*found)->role + ", not to a master");
      }
      return **found;
    }
    if (options_.promote) {
      return failure(errc::invalid_argument, options_.data_dir + ": no backup to promote is there");
    }
    io::identity fresh{"master", node_id(io::random_uuid()), {}};
    SSDFS_TRY(io::write_identity(files, options_.data_dir, fresh));
    return fresh;
  }

  boost::asio::io_context& io_;
  net::starting_gate gate_;  // outlives the server
  master_options options_;
  std::unique_ptr<io::directory_lock> lock_;
  core core_;
  std::unique_ptr<checkpointer> checkpoints_;
  std::shared_ptr<journal_service> backups_;
  std::atomic<journal_service*> backups_raw_ = nullptr;  // for the log's thread
  std::shared_ptr<peer_watch> watch_;
  bool promoting_ = false;
  std::shared_ptr<service> service_;    // its timer's last handler may still be on the way
  std::shared_ptr<observer> observer_;  // likewise
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
