// What a backup answers.
#pragma once

#include "backup/puller.hpp"
#include "net/router.hpp"
#include "net/server.hpp"

namespace ssdfs::backup {

/// log_status, and for what a master answers errc::not_active with the address of the one that is
/// followed. Thread-safe.
class service final : public net::service {
 public:
  service(puller& following, node_id node) : following_(following), node_(node) {}

  result<wire::hello_reply> hello(const wire::hello_request& caller) override;
  void handle(std::span<net::request> batch) override;

 private:
  void log_status(net::request r, const wire::log_status_request& m);

  using answers = net::routes<&service::log_status>;
  static_assert(net::answers_its_requests<wire::servers::backup, answers>());

  puller& following_;
  const node_id node_;
};

}  // namespace ssdfs::backup
