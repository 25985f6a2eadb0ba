// The register as a node of ZooKeeper, by its C client. docs/coordination.md tells an operator what
// is kept where, and what each state means.
#pragma once

#include "coord/shared_register.hpp"
#include "coord/zookeeper_keeper.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <vector>

namespace ssdfs::coord {

/// See shared_register. A thread of its own does everything; two more of the library's belong to
/// each connection, and one closes connections.
///
/// Limits: digest authentication and ACLs, no SASL and no TLS (Debian's build of the client has
/// neither): keep ZooKeeper on a network of its own. The library's descriptors are not closed in a
/// child that is forked without closing them; io::child_process closes them.
class zookeeper_register final : public shared_register {
 public:
  /// Begins to connect.
  zookeeper_register(zookeeper_options options, boost::asio::any_io_executor executor);
  ~zookeeper_register() override;
  zookeeper_register(const zookeeper_register&) = delete;
  zookeeper_register& operator=(const zookeeper_register&) = delete;

  void async_read(std::int64_t within_ms, read_handler handler) override;
  void async_set(std::int64_t replaced, std::string content, std::int64_t within_ms,
                 set_handler handler) override;
  void async_create(std::string content, std::int64_t within_ms, set_handler handler) override;
  void observe(observer o) override;
  [[nodiscard]] register_view view() const override;
  void stop() override;

  /// Other servers of the same ZooKeeper, which is not asked for its members by itself. A
  /// connection to one that is not among them is left.
  void use_servers(std::vector<server_address> servers);

  /// In place of stop(), for a process that is about to end: returns at once, and leaves the
  /// library's threads and what they use as they are, for ever, because to close a connection to a
  /// server that hangs takes seconds. No handler and no observer is called any more.
  void abandon();

 private:
  class machine;

  machine* machine_;  // owned, unless it was abandoned
  bool abandoned_ = false;
};

}  // namespace ssdfs::coord
