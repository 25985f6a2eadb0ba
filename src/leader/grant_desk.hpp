// Grants: rights to write, given out of volumes that the cluster's side keeps ready, and the
// sessions of the clients that hold them.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/units.hpp"
#include "cluster/controller.hpp"
#include "leader/edits.hpp"
#include "leader/grant_index.hpp"
#include "leader/sessions.hpp"
#include "leader/ticket_maker.hpp"
#include "leader/tokens.hpp"
#include "meta/records.hpp"
#include "meta/state.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ssdfs::leader {

/// How many keys a grant has: enough for what its bytes hold; unused ones are burnt with it.
struct key_share {
  std::uint64_t bytes_per_key = 1 * KiB;  ///< of small files
  std::uint32_t least = 64;
  std::uint32_t most = 65'536;
};

struct grant_settings {
  std::int64_t session_ms = 10'000;  ///< a session lasts so long after its last connection
  std::int64_t wait_ms = 8'000;      ///< for a volume to become ready
  std::size_t most_waiting = 4'096;  ///< requests; those beyond are refused at once
  std::uint64_t least_bytes = 1 * MiB;
  std::uint64_t most_bytes = 64 * MiB;
  key_share keys;
  cluster::ticket_secret root{};  ///< random, of this leader alone: its tickets are made with it
};

/// What a client asks for.
struct grant_wish {
  client_id client;              ///< not nil
  std::uint8_t replication = 0;  ///< 0: the default class
  std::uint64_t bytes = 0;       ///< at least, where a volume has the room
  std::uint32_t key_count = 0;   ///< at least
  std::vector<volume_id> exclude_volumes;
  std::vector<node_id> exclude_nodes;  ///< that failed for the client
};

/// A grant that is logged; whether it is durable is not known yet.
struct granted {
  volume_id volume;
  generation_t generation = 0;
  chunk_key first = 0;
  std::uint32_t count = 0;
  std::uint64_t bytes = 0;
  std::vector<replica_address> replicas;  ///< in the order of the chain
  std::string ticket;                     ///< shown to the datanodes; proves the grant to them
};

/// Gives grants to clients and ends them with their sessions.
///
/// Invariant: each outstanding grant of the state has an owner whose session is known here, so a
/// grant ends at the latest with that session. No grant is given and none ended while the leader
/// may not change anything: its log may lack what others have seen.
/// Concurrency: the strand of the namespace; nothing blocks. All parts outlive the machine.
class grant_desk {
 public:
  /// Called with the answer to a request that has waited.
  using answer = std::function<void(token, result<granted>)>;

  /// The grants of the state outlive a change of leaders: their owners get the time of a session to
  /// come back.
  grant_desk(const meta::state& state, cluster::controller& nodes, edits& log,
             const grant_settings& settings, cluster::time_ms now);

  // ---- sessions -------------------------------------------------------------------------------

  /// A connection of the client begins or ends.
  void opened(client_id client) { sessions_.opened(client); }
  void closed(client_id client, cluster::time_ms now) { sessions_.closed(client, now); }
  /// Clients whose session is over. Their grants end; a client for whose grants the log has no room
  /// now gets a further session, so that a later call ends them.
  [[nodiscard]] std::vector<client_id> expire(cluster::time_ms now);

  // ---- grants ---------------------------------------------------------------------------------

  /// nullopt: no volume is ready, and the request waits until serve_waiting() answers its token.
  /// Refused: errc::no_datanodes, no_space, busy (too many wait), and as may_change().
  [[nodiscard]] std::optional<result<granted>> ask(token request, grant_wish wish,
                                                   cluster::time_ms now);
  /// The same for what the leader itself has written, which does not wait: nullopt if there is no
  /// grant now. It is of wish.bytes where the volume has the room, and of `keys`.
  [[nodiscard]] std::optional<granted> ask_for_own(const grant_wish& wish, const key_share& keys,
                                                   cluster::time_ms now);
  /// Tries each request that waits once more, in their order, and refuses those that have waited
  /// too long (errc::busy).
  void serve_waiting(cluster::time_ms now, const answer& to);
  [[nodiscard]] bool waiting() const noexcept { return !waiting_.empty(); }
  /// Forgets those that wait; the caller refuses them.
  void give_up() { waiting_.clear(); }

  /// Ends the client's grant from `first` on; one that has ended already, or is another's, is left
  /// alone. False if that cannot be logged now.
  [[nodiscard]] bool end(client_id client, volume_id volume, chunk_key first, cluster::time_ms now);

  /// What proves the grants: datanodes are told its terms.
  [[nodiscard]] const ticket_maker& tickets() const noexcept { return tickets_; }

  /// A record is about to be applied: before the state forgets whose a grant was. From the log.
  void about_to_apply(const meta::record& change);

 private:
  struct waiting_grant {
    token request{};
    cluster::time_ms deadline = 0;
    grant_wish wish;
  };
  [[nodiscard]] std::optional<result<granted>> try_one(const grant_wish& wish,
                                                       cluster::time_ms now);
  /// `bytes` and the keys for them, from the volume that was chosen.
  [[nodiscard]] result<granted> give(const grant_wish& wish, const cluster::volume_choice& from,
                                     std::uint64_t bytes, const key_share& keys,
                                     cluster::time_ms now);

  const meta::state& state_;
  cluster::controller& nodes_;
  edits& log_;
  grant_settings settings_;
  sessions sessions_;
  grant_index index_;
  ticket_maker tickets_;
  std::deque<waiting_grant> waiting_;
};

}  // namespace ssdfs::leader
