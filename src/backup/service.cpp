#include "backup/service.hpp"

namespace ssdfs::backup {

result<wire::hello_reply> service::hello(const wire::hello_request&) {
  wire::hello_reply reply;
  reply.role = wire::peer_role::backup;
  reply.cluster = following_.cluster();
  reply.node = node_;
  reply.epoch = following_.epoch();
  reply.software = std::string("ssdfs ") + SSDFS_VERSION;
  return reply;
}

void service::handle(std::span<net::request> batch) {
  for (net::request& r : batch) {
    if (answers::dispatch(r, *this)) continue;
    const pull_status now = following_.status();
    // Only a master that answers is worth a hint.
    net::refuse_not_leading(r, wire::peer_role::backup, now.connected ? now.master : "");
  }
}

void service::log_status(net::request r, const wire::log_status_request&) {
  const auto copy = following_.copy();
  if (!copy) return r.fail(failure(errc::busy, "the copy is being replaced"));
  const pull_status now = following_.status();
  wire::log_status_reply reply;
  reply.role = "backup";
  reply.cluster = following_.cluster();
  reply.node = node_;
  reply.epoch = following_.epoch();
  reply.durable = copy->durable();
  reply.last = std::max(reply.durable, now.master_durable);
  reply.lag_ms = now.connected ? now.lag_ms : -1;
  reply.image = copy->image();
  reply.master = now.master;
  reply.problem = now.problem;
  // The request moves into the answer, which the copy gives at once or not at all.
  auto waiting = std::make_shared<net::request>(std::move(r));
  const auto asked = copy->ask([waiting, reply](const tree_status* tree) mutable {
    if (tree == nullptr) return waiting->fail(failure(errc::busy, "the copy is being replaced"));
    reply.applied = tree->applied;
    reply.committed = tree->applied;
    reply.digest = tree->digest;
    reply.files = tree->files;
    reply.directories = tree->directories;
    waiting->reply(reply);
  });
  if (!asked) waiting->fail(asked.error());
}

}  // namespace ssdfs::backup
