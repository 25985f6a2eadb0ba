// Fetches a whole volume from another datanode.
#pragma once

#include "base/result.hpp"
#include "datanode/order_job.hpp"
#include "net/channel.hpp"
#include "volume/volume_set.hpp"

#include <functional>
#include <memory>

namespace ssdfs::datanode {

using put_in_service = std::function<void(std::shared_ptr<volume::volume>)>;

/// Makes a recovering replica, fills it with the live chunks of one of the order's sources, each
/// verified, and seals it at the order's generation. A recovering replica that an earlier try left
/// behind is continued; a damaged one is dropped once a source has answered. `serve` is called with
/// the replica before its first chunk.
///
/// Blocks. On failure what came is kept for the next try, unless it turned out to be wrong.
result<void> copy_volume(volume::volume_set& set, net::channel_pool& peers, order_job& job,
                         const put_in_service& serve);

}  // namespace ssdfs::datanode
