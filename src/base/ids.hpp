// The ids of the system. Each is taken from the edits log or from a data directory, never from the
// highest that somebody reports.
#pragma once

#include "base/result.hpp"
#include "base/strong.hpp"

#include <boost/uuid/uuid.hpp>
#include <boost/uuid/uuid_hash.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace ssdfs {

using uuid = boost::uuids::uuid;

/// Number of a record in the edits log; 1 is the first, 0 means "none".
using txid = strong<struct txid_tag, std::uint64_t>;
/// Number of a master's reign; every start of a master is a new one.
using epoch_t = strong<struct epoch_tag, std::uint32_t>;
/// Volume id: the epoch that created it in the high 32 bits, a counter in the low 32.
using volume_id = strong<struct volume_tag, std::uint64_t>;
/// Sequence number of a chunk in its volume; never used twice there. 0 is never granted.
using chunk_key = std::uint32_t;
/// Generation of a volume's membership.
using generation_t = std::uint32_t;
/// Identity of a node (datanode, master, backup), kept in its data directory.
using node_id = strong<struct node_tag, uuid>;
/// Identity of a cluster, made when its first master starts.
using cluster_id = strong<struct cluster_tag, uuid>;
/// Identity of one client object's life; half of an operation id.
using client_id = strong<struct client_tag, uuid>;

/// The 36-character form.
[[nodiscard]] std::string to_string(const uuid& id);
template <class Tag>
[[nodiscard]] std::string to_string(const strong<Tag, uuid>& id) {
  return to_string(id.value);
}
/// Parses the 36-character form; errc::invalid_argument otherwise.
[[nodiscard]] result<uuid> parse_uuid(std::string_view text);

}  // namespace ssdfs

template <class Tag>
struct std::hash<ssdfs::strong<Tag, boost::uuids::uuid>> {
  std::size_t operator()(const ssdfs::strong<Tag, boost::uuids::uuid>& s) const noexcept {
    return boost::uuids::hash_value(s.value);
  }
};
namespace ssdfs {
template <class Tag>
std::size_t hash_value(const strong<Tag, boost::uuids::uuid>& s) noexcept {
  return boost::uuids::hash_value(s.value);
}
}  // namespace ssdfs
