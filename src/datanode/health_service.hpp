// What operators ask a datanode: how healthy its replicas are, and to look again.
#pragma once

#include "datanode/hosted_volume.hpp"
#include "datanode/scrubber.hpp"
#include "net/request.hpp"

namespace ssdfs::datanode {

/// One function an RPC. Thread-safe, answers from memory; what has to be stored first is in the
/// disk pool.
class health_service {
 public:
  health_service(const volume_table& volumes, scrubber& scrubs, io::disk_pool& disk)
      : volumes_(volumes), scrubs_(scrubs), disk_(disk) {}

  void scrub(net::request r);
  void replica_health(net::request r);
  void bad_chunks(net::request r);
  void repair_replica(net::request r);

 private:
  const volume_table& volumes_;
  scrubber& scrubs_;
  io::disk_pool& disk_;
};

}  // namespace ssdfs::datanode
