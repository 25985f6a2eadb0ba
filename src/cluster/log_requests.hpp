// Records that the controller wants in the log: what is still to be taken by the master, and what
// was taken and has no answer yet.
#pragma once

#include "base/digest.hpp"
#include "base/ids.hpp"
#include "base/orders.hpp"
#include "base/volume_info.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace ssdfs::cluster {

/// A record that the master should append, after checking it against the state as every command.
struct log_request {
  enum class kind : std::uint8_t { add, seal, close, reopen, members, lost, found };
  std::uint64_t ticket = 0;  ///< for request_done
  kind what = kind::add;
  volume_id volume;                        ///< all but add, whose id the log takes
  seal_reason reason = seal_reason::none;  ///< seal
  generation_t generation = 0;             ///< reopen, members: the new; seal, close: the current
  std::uint8_t replication = 0;            ///< add
  std::uint64_t length = 0;                ///< close, reopen: the volume's length from here on
  std::vector<node_id> members;            ///< add, members
  /// lost: no replica has them, if they are still live; found: a replica has them, if they are
  /// lost.
  std::vector<chunk_content> chunks;
};

/// The requests of one controller, by ticket.
///
/// Invariant: a ticket is given once, and is in flight from ask() to the one done() that ends it.
class log_requests {
 public:
  /// What has to be known of a request when its answer comes.
  struct in_flight {
    volume_id volume;              ///< nil for an add
    std::uint8_t replication = 0;  ///< add
    std::vector<node_id> members;  ///< add
  };

  /// Gives the request a ticket, which is returned, and keeps it for take().
  std::uint64_t ask(log_request request) {
    request.ticket = ++last_ticket_;
    in_flight& entry = in_flight_[request.ticket];
    entry.volume = request.volume;
    if (request.what == log_request::kind::add) {
      entry.replication = request.replication;
      entry.members = request.members;
    }
    asked_.push_back(std::move(request));
    return last_ticket_;
  }

  /// What was asked since the last call, in that order.
  [[nodiscard]] std::vector<log_request> take() { return std::exchange(asked_, {}); }

  /// The answer has come. Nothing for a ticket that is not in flight.
  [[nodiscard]] std::optional<in_flight> done(std::uint64_t ticket) {
    const auto at = in_flight_.find(ticket);
    if (at == in_flight_.end()) return std::nullopt;
    in_flight entry = std::move(at->second);
    in_flight_.erase(at);
    return entry;
  }

 private:
  std::uint64_t last_ticket_ = 0;
  std::vector<log_request> asked_;
  std::map<std::uint64_t, in_flight> in_flight_;
};

}  // namespace ssdfs::cluster
