// The heart of a client: its strand, its servers, and what operations share.
#pragma once

#include "client/budget.hpp"
#include "client/grant_pool.hpp"
#include "client/hedging.hpp"
#include "client/location_cache.hpp"
#include "client/master_link.hpp"
#include "client/operation_ids.hpp"
#include "client/servers.hpp"
#include "client/timers.hpp"
#include "ssdfs/client.hpp"

#include <boost/asio/any_completion_executor.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/strand.hpp>

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

namespace ssdfs::detail {

class operation;

/// Something to run on the client's strand, queued without an allocation.
class task {
 public:
  /// On the strand, once.
  virtual void run() = 0;
  /// Instead of run(), if the client goes before the strand got to it.
  virtual void discard() noexcept = 0;

 protected:
  ~task() = default;

 private:
  friend class core;
  task* next_ = nullptr;
};

/// Shared by the client object and its operations. submit() and the executors may be used from any
/// thread; everything else belongs to the strand.
class core : public std::enable_shared_from_this<core> {
 public:
  using strand_type = boost::asio::strand<boost::asio::any_io_executor>;

  core(boost::asio::any_io_executor executor, client_config config);
  ~core();
  core(const core&) = delete;
  core& operator=(const core&) = delete;

  /// Queues a task for the strand; all that are queued by then run in one turn, in order.
  void submit(task& t);

  [[nodiscard]] const client_config& config() const noexcept { return config_; }
  [[nodiscard]] const boost::asio::any_io_executor& user_executor() const noexcept {
    return user_executor_;
  }
  /// Where handlers without an executor of their own run.
  [[nodiscard]] const boost::asio::any_completion_executor& completion_executor() const noexcept {
    return completion_executor_;
  }
  [[nodiscard]] const strand_type& strand() const noexcept { return strand_; }

  /// From any thread.
  [[nodiscard]] net::channel_pool& channels() noexcept { return pool_; }

  // On the strand:

  [[nodiscard]] server_table& servers() noexcept { return servers_; }
  [[nodiscard]] master_link& masters() noexcept { return masters_; }
  [[nodiscard]] operation_ids& ids() noexcept { return ids_; }
  [[nodiscard]] grant_pool& grants() noexcept { return grants_; }
  [[nodiscard]] location_cache& locations() noexcept { return locations_; }
  [[nodiscard]] hedging& hedges() noexcept { return hedges_; }
  /// A call to a datanode failed in a way that speaks of the node. One that did not answer at all
  /// is avoided until it answers a ping, of which it is sent one now and then.
  void distrust(server& s, const failure& why);
  [[nodiscard]] timers& waits() noexcept { return *timers_; }
  [[nodiscard]] budget& read_ahead() noexcept { return read_ahead_; }
  [[nodiscard]] budget& write_behind() noexcept { return write_behind_; }

  /// Length of the chunks that files are cut into; 0 while it is not known (no grant yet).
  [[nodiscard]] std::uint32_t chunk_size() const noexcept { return chunk_size_; }
  /// From a grant; ignored if the configuration sets it.
  void learn_chunk_size(std::uint32_t size) noexcept;

  [[nodiscard]] std::uint64_t random() noexcept;
  [[nodiscard]] bool closed() const noexcept { return closed_; }

  /// The list of running operations. An operation holds the core, not the core the operation.
  void add(operation& op);
  void remove(operation& op);
  /// Keeps a connection to the master while there are grants: they end with the session.
  void hold_session();
  /// Stops all operations, ends the grants, disconnects; calls `done` (if any) on the strand when
  /// that is over. From any thread.
  void close(unique_function<void()> done);

 private:
  void drain();
  void close_on_strand();
  void disconnect();
  void keep_session();
  void probe(server& s, std::uint32_t attempt);

  client_config config_;
  boost::asio::any_io_executor user_executor_;
  boost::asio::any_completion_executor completion_executor_;
  strand_type strand_;

  std::mutex intake_mutex_;
  task* intake_first_ = nullptr;  // under intake_mutex_, like the next two
  task* intake_last_ = nullptr;
  bool draining_ = false;

  client_id client_id_;
  std::shared_ptr<timers> timers_;
  net::channel_pool pool_;
  server_table servers_;
  master_link masters_;
  operation_ids ids_;
  budget read_ahead_;
  budget write_behind_;
  grant_pool grants_;
  location_cache locations_;
  hedging hedges_;
  std::uint64_t random_state_;
  std::uint32_t chunk_size_ = 0;
  bool closed_ = false;
  bool disconnected_ = false;
  bool keeping_session_ = false;
  std::vector<unique_function<void()>> when_closed_;
  operation* running_ = nullptr;  // head of the list of running operations
};

}  // namespace ssdfs::detail
