// What stands between a cluster and full health, gathered from its master and its datanodes.
#pragma once

#include "base/result.hpp"
#include "cli/session.hpp"
#include "wire/admin_messages.hpp"
#include "wire/health_messages.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ssdfs::cli {

/// A replica as fsck sees it.
struct copy_health {
  node_id node;
  std::string name;  ///< of the node, for people
  std::string address;
  bool readable = false;       ///< there, on a node that answers
  bool good = false;           ///< known to hold all live chunks, but for `bad`
  std::vector<chunk_key> bad;  ///< chunks whose records are bad, ascending
};

struct volume_health {
  volume_info info;
  std::string reason;  ///< the master's name for the volume's condition
  std::vector<copy_health> copies;

  /// Copies that hold the chunk for sure.
  [[nodiscard]] std::size_t good_copies(chunk_key key) const;
  [[nodiscard]] bool is_bad_somewhere(chunk_key key) const;
  [[nodiscard]] bool whole() const;  ///< as many good copies as wanted, nothing bad
};

/// Chunks of a replica that no file owns and that were set aside.
struct orphan_health {
  replica_address at;
  wire::replica_trouble what;
};

struct cluster_health {
  std::map<volume_id, volume_health> troubled;  ///< volumes that are not whole
  std::vector<orphan_health> orphans;
  std::uint64_t volumes = 0;
  std::uint64_t one_rack = 0;       ///< volumes whose copies share a rack though others have room
  std::vector<std::string> doubts;  ///< why the picture may be wrong, one line each
};

/// Asks the master for all volumes and every live datanode for its bad records. A node that does
/// not answer is a doubt; a failure is the master's.
[[nodiscard]] result<cluster_health> gather_health(session& from);

}  // namespace ssdfs::cli
