// What the data path tells the membership.
#pragma once

#include "base/ids.hpp"
#include "base/orders.hpp"

#include <string_view>

namespace ssdfs::datanode {

/// Thread-safe; calls never block and never come back into the caller.
class cluster_link {
 public:
  virtual ~cluster_link() = default;
  /// A member of a chain, which may be this node, failed an append: the volume has to be sealed.
  /// `address` is the member's, for people.
  virtual void chain_failed(const chain_failure& what, std::string_view address) = 0;
  /// The replica's report has changed in a way that the master should hear of soon.
  virtual void volume_changed(volume_id volume) = 0;
  /// A read met bad bytes: they are to be replaced at once.
  virtual void records_bad(volume_id volume) = 0;
};

}  // namespace ssdfs::datanode
