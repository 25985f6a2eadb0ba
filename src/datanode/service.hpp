// The datanode's side of the protocol: one function an RPC.
#pragma once

#include "datanode/chain.hpp"
#include "datanode/health_service.hpp"
#include "datanode/hosted_volume.hpp"
#include "datanode/large_writes.hpp"
#include "datanode/read_path.hpp"
#include "datanode/ticket_checker.hpp"
#include "datanode/write_task.hpp"
#include "net/router.hpp"
#include "net/server.hpp"

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <vector>

namespace ssdfs::datanode {

/// Operation: a write goes to its volume's queue and, at the same time and without a copy of its
/// bytes, down the chain; all small writes of one batch reach their volumes' queues before those
/// are started. Reads are answered at once where the page cache allows.
/// Concurrency: as net::service; never blocks on a disk.
/// Lifetime: the parts outlive it.
class service final : public net::service {
 public:
  struct parts {
    io::disk_pool& disk;
    const volume_table& volumes;
    large_writes& large;
    chain& down;
    byte_budget& budget;
    op_metrics& metrics;
    cluster_link& link;
    in_flight& flying;
    scrubber& scrubs;
    ticket_checker& tickets;
    node_id node;
    std::function<cluster_id()> cluster;  ///< nil before the node has joined one
  };
  explicit service(parts p);

  /// From now on every request is refused with errc::shutting_down.
  void refuse() noexcept { refusing_.store(true, std::memory_order_release); }

  result<wire::hello_reply> hello(const wire::hello_request& caller) override;
  void handle(std::span<net::request> batch) override;
  [[nodiscard]] std::size_t reply_bytes(const wire::frame_view& frame) noexcept override;

 private:
  /// The small writes of one batch: their volumes are started when all of them are queued.
  struct small_writes {
    service& to;
    std::vector<std::shared_ptr<hosted_volume>> touched;
    void write_chunk(net::request r, wire::write_chunk_request& m);
  };
  void write_begin(net::request r, wire::write_begin_request& m);
  void write_piece(net::request r, wire::write_piece_request& m);
  void write_end(net::request r, wire::write_end_request& m);

  using answers =
      net::routes<&read_path::read_chunk, &read_path::replica_chunks, &small_writes::write_chunk,
                  &service::write_begin, &service::write_piece, &service::write_end,
                  &health_service::scrub, &health_service::replica_health,
                  &health_service::bad_chunks, &health_service::repair_replica>;
  static_assert(net::answers_its_requests<wire::servers::datanode, answers>());

  /// What the four writes have in common: checks, budget, the half down the chain. Returns null if
  /// the request was refused (and answered). `m` is what is forwarded, with a ticket of our own.
  template <class Message>
  write_ref start(net::request& r, hosted_volume& v, Message& m, write_task::description d);
  /// Where this node stands on the way of a write, with the way: d.place and d.route.
  [[nodiscard]] result<void> find_way(const hosted_volume& v, std::string_view chain,
                                      write_task::description& d);
  [[nodiscard]] std::shared_ptr<hosted_volume> find(net::request& r, volume_id id);
  void refuse_write(net::request& r, const op_subject& what, const failure& why);

  const parts parts_;
  const write_surroundings around_;
  read_path reads_;
  health_service health_;
  std::atomic<bool> refusing_{false};
};

}  // namespace ssdfs::datanode
