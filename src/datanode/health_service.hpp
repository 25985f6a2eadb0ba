// What operators ask a datanode: how healthy its replicas are, and to look again.
#pragma once

#include "datanode/hosted_volume.hpp"
#include "datanode/scrubber.hpp"
#include "net/request.hpp"
#include "wire/health_messages.hpp"

namespace ssdfs::datanode {

/// One function an RPC. Thread-safe, answers from memory; what has to be stored first is in the
/// disk pool.
class health_service {
 public:
  health_service(const volume_table& volumes, scrubber& scrubs, io::disk_pool& disk)
      : volumes_(volumes), scrubs_(scrubs), disk_(disk) {}

  void scrub(net::request r, const wire::scrub_request& m);
  void replica_health(net::request r, const wire::replica_health_request& m);
  void bad_chunks(net::request r, const wire::bad_chunks_request& m);
  void repair_replica(net::request r, const wire::repair_replica_request& m);

 private:
  const volume_table& volumes_;
  scrubber& scrubs_;
  io::disk_pool& disk_;
};

}  // namespace ssdfs::datanode
