// A master of the simulation: the machines of src/leader over the production controller and the
// replayed state, with a log whose tail may be lost in a crash.
#pragma once

#include "base/result.hpp"
#include "cluster/agent.hpp"
#include "cluster/controller.hpp"
#include "leader/cluster_desk.hpp"
#include "leader/commit_desk.hpp"
#include "leader/decisions.hpp"
#include "leader/durable_view.hpp"
#include "leader/edits.hpp"
#include "leader/grant_desk.hpp"
#include "leader/live_lists.hpp"
#include "meta/commands.hpp"
#include "meta/log_clock.hpp"
#include "meta/state.hpp"
#include "sim/world.hpp"

#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ssdfs::sim {

struct grant {
  volume_id volume;
  generation_t generation = 0;
  chunk_key first = 0;
  std::uint32_t count = 0;
  std::vector<std::string> replicas;
};

/// What should be in a closed volume, and for which state of it that is right.
struct live_list {
  std::map<chunk_key, content> chunks;
  generation_t generation = 0;
  std::uint64_t removal_number = 0;
  std::map<chunk_key, content> lost;
  chunk_key settled_from = 0;
  chunk_key settled_end = 0;
  std::int64_t settled_wait_ms = 0;
};

class master : public process, private leader::edits, private leader::answers {
 public:
  master(world& w, int index);
  ~master() override;

  void start(bool promotion = false);
  /// Loses what the log has not synced; a torn batch may keep its beginning.
  void crash();
  /// Takes over what the other has on disk.
  void take_log(const master& other) { durable_lines_ = other.durable_lines_; }

  // ---- from operators ----
  void decide(node_id node, meta::node_entry entry);
  /// Maintenance.
  void rest(node_id node, std::int64_t for_ms);
  void start_rebalance(std::uint32_t threshold_permille);
  /// Does nothing if none runs.
  void pause_rebalance(bool pause);
  void stop_rebalance();

  // ---- from datanodes ----
  using heartbeat_reply = std::function<void(result<cluster::heartbeat_answer>)>;
  void register_node(const node_registration& r, std::uint64_t connection,
                     const std::function<void(result<cluster::registration_answer>)>& reply);
  void report_volumes(epoch_t epoch, const volume_page& page, std::uint64_t connection,
                      const std::function<void(result<void>)>& reply);
  void heartbeat(const node_heartbeat& beat, std::uint64_t connection, heartbeat_reply reply);
  void connection_closed(node_id node, std::uint64_t connection);
  /// What should be in a closed volume.
  [[nodiscard]] result<live_list> live_chunks(volume_id volume);

  // ---- from clients ----
  void ask_grant(client_id from, const std::vector<std::string>& exclude,
                 const std::function<void(result<grant>)>& reply);
  void end_grant(client_id from, volume_id volume, chunk_key first);
  void commit(const meta::operation& op, const std::string& path, const meta::chunk_claim& chunk,
              const std::function<void(result<void>)>& reply);
  void remove(const meta::operation& op, const std::string& path,
              const std::function<void(result<void>)>& reply);

  [[nodiscard]] const meta::state& state() const { return *state_; }
  [[nodiscard]] cluster::controller& controller() { return *controller_; }
  [[nodiscard]] bool ready() const { return up_ && controller_ != nullptr; }
  /// Files of the namespace with their chunks.
  [[nodiscard]] std::map<std::string, std::vector<meta::chunk_record>> files() const;
  /// Chunks that should be in a volume: live and not lost, or not yet reclaimed.
  [[nodiscard]] std::map<chunk_key, content> expected(volume_id volume) const;
  /// Of these, what files hold.
  [[nodiscard]] std::map<chunk_key, content> in_files(volume_id volume) const;

  std::string address;
  node_id id;

 private:
  struct line {
    std::string text;
    txid id;
  };
  struct held_heartbeat {
    heartbeat_reply reply;
    time_ms deadline;
  };
  // leader::edits
  [[nodiscard]] result<void> log(meta::record& change) override;
  meta::context& context() override;
  [[nodiscard]] result<void> may_change() const override;

  // leader::answers
  void changed(leader::token asked, const meta::outcome& what) override;
  void refused(leader::token asked, const failure& why) override;
  void shown(leader::token asked) override;
  void given_up(leader::token asked, doubt why) override;

  void sync_log();
  void synced(txid upto);
  void settle();
  void tick();
  void note_logged(const cluster::log_request& request, const result<meta::record>& change);
  void rebalance(leader::rebalance_action action, std::uint32_t threshold_permille = 0);
  void walk_lists();
  void kept(leader::token asked, const result<void>& answer);
  void answer_heartbeat(node_id node);
  void upkeep();
  /// A request of the client came: on a connection of its own, which ends with it.
  void touch(client_id from);
  void answer_grant(leader::token asked, const result<leader::granted>& given);
  void serve_waiting_grants();

  std::vector<line> durable_lines_;
  epoch_t history_cut_;  ///< kept on the disk: records of epochs below it may be missing
  std::deque<line> pending_lines_;
  bool syncing_ = false;
  std::unique_ptr<meta::state> state_;
  meta::context context_;
  std::optional<meta::log_clock> clock_;
  std::optional<leader::durable_view> view_;
  std::unique_ptr<cluster::controller> controller_;
  std::optional<leader::live_lists> lists_;
  std::optional<leader::cluster_desk> cluster_;
  std::optional<leader::decisions> decisions_;
  std::optional<leader::grant_desk> grants_;
  bool walking_ = false;  ///< a step of lists_ is under way
  std::optional<leader::commit_desk> commits_;
  leader::token_slab<std::function<void(result<void>)>> waiting_;  ///< at commits_
  std::map<node_id, held_heartbeat> held_;
  leader::token_slab<std::function<void(result<grant>)>> waiting_grants_;
  time_ms next_upkeep_ = 0;
};

}  // namespace ssdfs::sim
