// The master's table of datanodes: who they are, whether they are heard, what their disks hold, and
// what they have heard of other masters.
#pragma once

#include "base/membership.hpp"
#include "base/orders.hpp"
#include "base/result.hpp"
#include "cluster/time.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::cluster {

/// How long a node has been silent, in steps that matter.
enum class node_state : std::uint8_t {
  live,   ///< heard within stale-after
  stale,  ///< silent: gets no grants, is read last
  dead,   ///< silent for dead-after: others copy its volumes
};
[[nodiscard]] std::string_view name_of(node_state state) noexcept;

/// What an operator wants of a node (NODE records of the log).
enum class node_wish : std::uint8_t {
  normal,
  leaving,      ///< gets nothing new, and its volumes move away
  maintenance,  ///< gets nothing new; its absence is expected and causes no copying
};

/// What the master knows of one node; a value for plans and reports. A node that is only known as a
/// member of a volume in the log has empty texts and counts as silent since the master's start.
struct node_view {
  node_id node;
  node_state state = node_state::stale;
  bool reported = false;  ///< registered in this epoch, and all pages of its report are in
  bool connected = false;
  bool stopping = false;  ///< said so with its last word: reads go elsewhere, writes must
  std::uint64_t incarnation = 0;
  std::string name;
  std::string rack;
  std::string address;
  std::string http_address;
  std::vector<disk_report> disks;
  time_ms last_heard = 0;
  node_wish wish = node_wish::normal;
  time_ms excused_until = 0;  ///< silence up to here, in maintenance, does not count
  bool emptied = false;       ///< it was to leave, and no volume needs it any more
  /// Its address means each machine itself, and there are nodes on other machines.
  bool apart = false;

  [[nodiscard]] std::uint64_t capacity_bytes() const noexcept;
  [[nodiscard]] std::uint64_t used_bytes() const noexcept;
  [[nodiscard]] std::uint64_t free_bytes() const noexcept;  ///< of the disks that have not failed
  [[nodiscard]] std::uint64_t largest_free_bytes() const noexcept;  ///< of one disk
  /// Live, connected and fully reported: its replicas can be read, ordered about and copied.
  [[nodiscard]] bool usable() const noexcept {
    return state == node_state::live && reported && connected;
  }
  /// May keep its replicas, and get new ones when it is usable.
  [[nodiscard]] bool stays() const noexcept { return wish == node_wish::normal && !apart; }
  /// May get new replicas and grants.
  [[nodiscard]] bool takes_data() const noexcept { return usable() && stays() && !stopping; }
};

/// The rack of a node that names none.
inline constexpr std::string_view default_rack = "/default";
/// How a rack is compared and shown: no name is the default one, slashes at the end do not count.
[[nodiscard]] std::string normal_rack(std::string_view rack);

/// As operators see it: live, stopping, stale, dead, decommissioning, decommissioned, maintenance
/// or unreachable (live, but apart).
[[nodiscard]] std::string_view standing_of(const node_view& node) noexcept;

using ssdfs::reign;

struct registry_settings {
  std::int64_t heartbeat_interval_ms = 1000;
  std::int64_t stale_after_ms = 5'000;
  std::int64_t dead_after_ms = 600'000;
  std::int64_t mass_silence_max_ms = 600'000;  ///< then silent nodes die all the same
  /// What was lost in epochs up to this one was accepted by an operator.
  epoch_t accepted_epoch;
};

/// Names a connection of a node: chosen by the master, ascending in the order in which connections
/// were accepted. What arrives on an older connection than the node's newest is refused.
using connection_number = std::uint64_t;

/// The node table.
///
/// Operation: register_node, page_received and heartbeat are called for each message of a node,
/// connection_closed when its connection ended, tick about once a heartbeat interval. States change
/// only in these calls; changes are collected for take_changed().
///
/// Incarnations: of two processes with one identity the one that came first keeps the place as long
/// as it is connected and not stale; the other is refused with errc::duplicate_node, and the detail
/// names both. A restarted node gets in as soon as its old connection is closed or stale.
///
/// Addresses: of two live nodes with one address the one that came first keeps it. A node whose
/// address is a loopback one can be reached from its own machine only: it is `apart` while there
/// are nodes with other addresses, gets nothing new, and hears why (notice_for).
///
/// Silence: after a gap between two ticks (this process was paused) all timers restart. When more
/// than a third of the nodes (and more than one) are silent at once, it is taken for a network
/// fault: none of them becomes dead until it passes, mass_silence_max_ms go by, or an operator ends
/// it with accept_silence().
///
/// Maintenance: a node in maintenance may be silent for long: it is stale, never dead, and does not
/// count for mass silence. When maintenance ends, dead-after begins anew.
///
/// Concurrency: one strand. Views and pointers are valid until the next non-const call.
class registry {
 public:
  /// `history` lists the reigns of the log in order; the last one is this master's.
  registry(const registry_settings& settings, std::vector<reign> history, time_ms now);

  /// A node that the log names: it counts as silent from now on if it does not register.
  void expect(node_id node, time_ms now);

  /// What an operator wants of it; such a node is expected, too.
  void set_wish(node_id node, node_wish wish, time_ms now);
  /// Whether anything is left on a node that leaves; only for reports.
  void set_emptied(node_id node, bool emptied);

  /// Takes a registration; the node is live but not `reported` until its last page is in.
  /// errc::duplicate_node: the identity, or the address, is that of another live process;
  /// errc::invalid_argument for a nil identity or too long texts;
  /// errc::connection if the node has a newer connection.
  [[nodiscard]] result<void> register_node(const node_registration& registration,
                                           connection_number connection, time_ms now);
  /// A page of the report was taken. errc::unknown_node if the node, its incarnation or the page's
  /// number is not the one expected (it must register again). True if it was the last page.
  [[nodiscard]] result<bool> page_received(const volume_page& page, connection_number connection,
                                           time_ms now);
  /// What a heartbeat is for the table.
  enum class beat : std::uint8_t {
    fresh,      ///< the next number: apply its content
    duplicate,  ///< its content was applied already
  };
  /// errc::unknown_node if it is of another epoch or incarnation, came on another connection than
  /// the registration, is of a node that has not reported, or leaves a gap in the numbers: the node
  /// must register again (on a new connection).
  [[nodiscard]] result<beat> heartbeat(const node_heartbeat& message, connection_number connection,
                                       time_ms now);
  /// The connection ended. Nothing happens if the node uses another one by now.
  void connection_closed(node_id node, connection_number connection);

  void tick(time_ms now);
  /// Nodes whose state, connection or report changed since the last call.
  [[nodiscard]] std::vector<node_id> take_changed();

  [[nodiscard]] const node_view* find(node_id node) const;
  /// Another node that was last heard of at this address; the one heard last, if there are several.
  [[nodiscard]] const node_view* other_at(std::string_view address, node_id than) const;
  /// What is wrong with the node as others see it, for its log and its readiness; or empty.
  [[nodiscard]] std::string notice_for(node_id node) const;
  [[nodiscard]] const std::map<node_id, node_view>& nodes() const noexcept { return nodes_; }
  /// Nodes that take new data.
  [[nodiscard]] std::size_t usable_count() const noexcept;
  /// Nodes that do, or will when they are heard again: not dead, and wanted to stay.
  [[nodiscard]] std::size_t staying_count() const noexcept;

  [[nodiscard]] bool mass_silence() const noexcept { return mass_silence_since_.has_value(); }
  /// An operator says that the silent nodes are gone indeed.
  void accept_silence() noexcept { silence_accepted_ = true; }

  /// Last durable txid of this master, for the comparison with witnesses.
  void set_committed(txid durable) noexcept { committed_ = durable; }
  /// Why this master may only serve reads: a node has seen a history that its log does not hold.
  [[nodiscard]] const std::optional<std::string>& read_only_reason() const noexcept {
    return read_only_reason_;
  }
  /// A higher epoch that a node has heard of: another master leads, this one must stop.
  [[nodiscard]] const std::optional<witness>& deposed_by() const noexcept { return deposed_by_; }
  /// The same, seen by somebody else than a datanode: a backup holds what this log does not.
  void distrust(std::string why);
  /// The operator accepts that what the witnesses saw is lost.
  void accept_loss() noexcept;

 private:
  struct session {
    connection_number connection = 0;
    std::uint32_t next_page = 0;
    std::uint64_t next_heartbeat = 1;
    bool registered = false;
  };
  void check_witness(const node_view& from, const witness& seen);
  void mark_heard(node_view& node, time_ms now);
  void set_state(node_view& node, node_state state);
  void update_silence(time_ms now);
  void restart_timers(time_ms now);
  void update_apart();

  registry_settings settings_;
  std::vector<reign> history_;
  std::map<node_id, node_view> nodes_;
  std::map<node_id, session> sessions_;
  std::vector<node_id> changed_;
  time_ms last_tick_;
  std::optional<time_ms> mass_silence_since_;
  bool silence_accepted_ = false;
  bool loss_accepted_ = false;
  txid committed_;
  std::optional<std::string> read_only_reason_;
  std::optional<witness> deposed_by_;
};

}  // namespace ssdfs::cluster
