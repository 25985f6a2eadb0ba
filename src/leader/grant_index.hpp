// Outstanding grants by their owner, so that the end of a session finds them.
#pragma once

#include "base/ids.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <utility>
#include <vector>

namespace ssdfs::leader {

/// Follows the GRANT records that are applied. On the strand of the namespace only.
class grant_index {
 public:
  struct entry {
    volume_id volume;
    chunk_key first = 0;
    friend bool operator==(const entry&, const entry&) = default;
  };

  void add(client_id owner, entry grant) { by_owner_[owner].push_back(grant); }
  void remove(client_id owner, entry grant) {
    const auto at = by_owner_.find(owner);
    if (at == by_owner_.end()) return;
    std::erase(at->second, grant);
    if (at->second.empty()) by_owner_.erase(at);
  }
  /// A copy: ending grants changes the index.
  [[nodiscard]] std::vector<entry> of(client_id owner) const {
    const auto at = by_owner_.find(owner);
    return at == by_owner_.end() ? std::vector<entry>() : at->second;
  }
  [[nodiscard]] std::vector<client_id> owners() const {
    std::vector<client_id> out;
    for (const auto& item : by_owner_) out.push_back(item.first);
    return out;
  }

 private:
  boost::unordered_flat_map<client_id, std::vector<entry>> by_owner_;
};

}  // namespace ssdfs::leader
