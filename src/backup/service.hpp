// What a backup answers.
#pragma once

#include "backup/puller.hpp"
#include "net/server.hpp"

namespace ssdfs::backup {

/// log_status, and for everything else errc::not_active with the address of the master that is
/// followed. Thread-safe.
class service final : public net::service {
 public:
  service(puller& following, node_id node) : following_(following), node_(node) {}

  result<wire::hello_reply> hello(const wire::hello_request& caller,
                                  net::connection& from) override;
  void handle(std::span<net::request> batch) override;
  void closed(net::connection& from) override { static_cast<void>(from); }

 private:
  void log_status(net::request r);

  puller& following_;
  const node_id node_;
};

}  // namespace ssdfs::backup
