// Requests of datanodes, and the log's side of what the controller decides.
#include "base/host_kind.hpp"
#include "base/log.hpp"
#include "master/journal_service.hpp"
#include "master/mutate.hpp"

#include <boost/asio/post.hpp>

namespace ssdfs::master {
namespace {

// Whether what the node tells others can be their way to it, as far as its own way here shows.
result<void> check_told_address(const node_registration& told, const std::string& comes_from) {
  const auto refuse = [&](const std::string& why) {
    return failure(errc::invalid_argument, "node " + told.name + " says that it is at " +
                                               told.address + ", " + why +
                                               ": start it with --advertise HOST:PORT");
  };
  switch (kind_of_host(told.address)) {
    case host_kind::ordinary: return {};
    case host_kind::wildcard: return refuse("which is no address to connect to");
    case host_kind::link_local:
      return refuse("which means nothing without an interface of the caller");
    case host_kind::loopback:
      if (kind_of_host(comes_from) == host_kind::loopback) return {};
      return refuse("a loopback address, but comes from " + comes_from);
  }
  return {};
}

}  // namespace

void service::register_node(net::request r, const wire::register_node_request& q) {
  const node_id node = q.registration.node;
  if (node != r.from().peer().node) {
    return r.fail(failure(errc::invalid_argument, "the hello named another node"));
  }
  auto done = check_told_address(q.registration, r.from().remote_address());
  if (done) {
    done = core_.nodes().register_node(q.registration, connection_of(r), core::steady_now_ms());
  }
  check_standing();
  if (!done) {
    note_refusal(node, done.error());
    return r.fail(done.error());
  }
  refusals_.erase(node);
  // What the node's former connection waits for would take its orders to nowhere.
  drop_heartbeat(node);
  SSDFS_LOG(info) << "datanode " << q.registration.name << " (" << to_string(node) << ") at "
                  << q.registration.address << " registers " << q.registration.volume_count
                  << " volumes";
  // A reign that is announced must be durable, which the START record is; its txid moves on.
  wire::register_node_reply reply;
  reply.cluster = core_.state().cluster();
  reply.reign = core_.reign();
  reply.settings = core_.nodes().settings().announced;
  reply.notice = core_.nodes().nodes().notice_for(node);
  reply.tickets = core_.grants().tickets().terms(core_.context().now_ms, true);
  r.reply(reply);
}

// A node that is refused comes again every few seconds: people need to read it once.
void service::note_refusal(node_id node, const failure& why) {
  constexpr std::size_t remembered = 1'024;
  const auto at = refusals_.find(node);
  std::string text = why.message();
  // What changes by itself, such as the seconds of a silence, is no news.
  const auto essence = [](std::string s) {
    std::erase_if(s, [](char c) { return c >= '0' && c <= '9'; });
    return s;
  };
  if (at != refusals_.end() && at->second == essence(text)) return;
  if (refusals_.size() >= remembered) refusals_.clear();
  refusals_[node] = essence(text);
  SSDFS_LOG(warning) << "a datanode is refused: " << text;
}

void service::report_volumes(net::request r, const wire::report_volumes_request& q) {
  const auto done =
      core_.nodes().report_volumes(q.epoch, q.page, connection_of(r), core::steady_now_ms());
  if (!done) return r.fail(done.error());
  r.reply(wire::report_volumes_reply{});
}

void service::heartbeat(net::request r, const wire::heartbeat_request& q) {
  const node_id node = q.heartbeat.node;
  const auto now = core::steady_now_ms();
  const auto done = core_.nodes().heartbeat(q.heartbeat, connection_of(r), now);
  check_standing();
  if (!done) return r.fail(done.error());
  release_heartbeat(node);  // a newer one ends the wait of the one before
  // Orders that came up while no heartbeat was held leave at once, and so does the answer to one
  // that is about to end.
  auto orders = core_.nodes().take_orders(node, now);
  const bool waits = orders.empty() && !q.heartbeat.stopping;
  if (!waits) return answer_heartbeat(std::move(r), std::move(orders));
  held_.emplace(node, held_heartbeat{std::move(r), now + core_.options().heartbeat_interval_ms});
}

void service::answer_heartbeat(net::request r, std::vector<order> orders) {
  wire::heartbeat_reply reply;
  reply.notice = core_.nodes().nodes().notice_for(r.from().peer().node);
  reply.reign = core_.reign();
  reply.settings = core_.nodes().settings().announced;
  reply.orders = std::move(orders);
  reply.tickets = core_.grants().tickets().terms(core_.context().now_ms, false);
  r.reply(reply);
}

// Answers the heartbeat that is held for the node, if there is one.
void service::release_heartbeat(node_id node) {
  const auto held = held_.find(node);
  if (held == held_.end()) return;
  net::request r = std::move(held->second.request);
  held_.erase(held);
  answer_heartbeat(std::move(r), core_.nodes().take_orders(node, core::steady_now_ms()));
}

// Ends the wait of a heartbeat whose connection is gone or is not the node's any more.
void service::drop_heartbeat(node_id node) {
  const auto held = held_.find(node);
  if (held == held_.end()) return;
  held->second.request.fail(errc::unknown_node);
  held_.erase(held);
}

void service::connection_ended(const wire::hello_request& peer, std::uint64_t number) {
  const auto now = core::steady_now_ms();
  if (peer.role == wire::peer_role::client) core_.grants().closed(peer.client, now);
  if (peer.role == wire::peer_role::backup) backups_->closed(peer.node, number);
  if (peer.role != wire::peer_role::datanode) return;
  const auto held = held_.find(peer.node);
  if (held != held_.end() && connection_of(held->second.request) == number) {
    drop_heartbeat(peer.node);
  }
  core_.nodes().connection_closed(peer.node, number, now);
}

void service::live_chunks(net::request r, const wire::live_chunks_request& q) {
  auto page = live_lists_.page(q, core_.knows_all_of(q.volume), core::steady_now_ms());
  if (!page) {
    walk_lists();
    return r.fail(page.error());
  }
  wire::live_chunks_reply& reply = *page;
  reply.settled_wait_ms = core_.options().delete_grace_ms;
  answer_read(std::move(r), std::move(reply));
}

void service::settle() {
  if (stopped_) return core_.flush();
  // What is logged may make volumes ready, and grants may ask for more volumes: until it is quiet.
  const auto now = core::steady_now_ms();
  for (bool again = true; again;) {
    again = cluster_.settle(now, &service::note_logged);
    if (core_.nodes().take_ready_changed() && core_.grants().waiting()) {
      again = true;
      serve_waiting_grants();
    }
  }
  if (decisions_.end_rebalance()) {
    SSDFS_LOG(info) << "rebalance: " << core_.nodes().rebalance().reason;
  }
  if (live_lists_.unfinished()) walk_lists();
  for (const node_id node : core_.nodes().take_nodes_with_orders()) release_heartbeat(node);
  core_.flush();
}

void service::note_lost(const meta::record& change) {
  if (const auto* lost = std::get_if<meta::lost_record>(&change.body)) {
    SSDFS_LOG(error) << "volume " << lost->volume << ": " << lost->chunks.size()
                     << " chunks are lost, no replica has them; fsck names the files";
  } else if (const auto* found = std::get_if<meta::found_record>(&change.body)) {
    SSDFS_LOG(warning) << "volume " << found->volume << ": " << found->chunks.size()
                       << " chunks that were lost have turned up";
  }
}

// What the cluster's side asked for was logged, or refused by the state as it is by now.
void service::note_logged(const cluster::log_request& request, const result<meta::record>& change) {
  if (!change) {
    SSDFS_LOG(debug) << "not logged: " << change.error().message();
    return;
  }
  const auto* added = std::get_if<meta::add_volume_record>(&change->body);
  SSDFS_LOG(debug) << meta::kind_name(change->body) << " volume "
                   << (added != nullptr ? added->volume : request.volume);
  note_lost(*change);
}

}  // namespace ssdfs::master
