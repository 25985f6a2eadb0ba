// What the master's service has to do with backups: the rest is in journal_service.
#include "base/log.hpp"
#include "io/epoch_file.hpp"
#include "master/journal_service.hpp"
#include "master/mutate.hpp"

namespace ssdfs::master {

void service::serve_backups(std::shared_ptr<journal_service> backups) {
  backups_ = std::move(backups);
}

void service::replaced(epoch_t newer, const std::string& why) {
  if (std::exchange(stopped_, true)) return;
  // Should an operator want this one to lead all the same, it has to go beyond that epoch.
  backups_->in_background([this, newer] {
    const auto kept = io::write_epoch_file(
        core_.files(), core_.options().data_dir + "/" + io::heard_epoch_file, newer);
    if (!kept) SSDFS_LOG(warning) << kept.error().message();
  });
  if (core_.options().on_fatal) core_.options().on_fatal(failure(errc::stale_epoch, why));
}

void service::log_status(net::request r, const wire::log_status_request&) {
  const meta::state& s = core_.state();
  const auto totals = s.names().totals(meta::root_directory);
  wire::log_status_reply reply;
  reply.role = "master";
  reply.cluster = s.cluster();
  reply.node = core_.node();
  reply.epoch = s.epoch();
  reply.last = reply.applied = s.last_txid();
  reply.durable = core_.edits().durable();
  reply.committed = core_.committed();
  reply.digest = s.digest();
  reply.files = totals.files;
  reply.directories = totals.directories;
  reply.image = checkpoints_.status().image;
  reply.problem = not_ready();
  r.reply(reply);
}

void service::admin_accept_loss(net::request r, const wire::admin_accept_loss_request&) {
  const auto reason = core_.nodes().read_only_reason();
  if (!reason) return r.reply(wire::admin_accept_loss_reply{});
  // It has to be known after a restart, too, before anything is built on it.
  auto waiting = std::make_shared<net::request>(std::move(r));
  backups_->in_background([this, waiting, reason = *reason, epoch = core_.state().epoch()] {
    const std::string& directory = core_.options().data_dir;
    auto kept = io::write_epoch_file(core_.files(), directory + "/" + io::history_cut_file, epoch);
    if (kept) {
      kept = io::write_epoch_file(core_.files(), directory + "/" + io::accepted_loss_file, epoch);
    }
    boost::asio::post(core_.strand(), [this, waiting, reason, epoch, kept] {
      if (!kept) return waiting->fail(kept.error());
      if (stopped_) return waiting->fail(errc::shutting_down);
      SSDFS_LOG(warning) << "an operator accepts the loss: " << reason;
      core_.set_history_cut(epoch);
      core_.nodes().accept_loss(core::steady_now_ms());
      backups_->accept_loss(epoch);
      settle();
      waiting->reply(wire::admin_accept_loss_reply{reason});
    });
  });
}

}  // namespace ssdfs::master
