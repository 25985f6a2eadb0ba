// Changes of the namespace: requests with an operation id.
#pragma once

#include "client/completion.hpp"
#include "client/master_operation.hpp"
#include "wire/namespace_messages.hpp"

#include <cstdint>

namespace ssdfs::detail {

/// The operation id of one change: taken at the first attempt, the same for all, given back when no
/// further attempt will be made.
class change_id {
 public:
  /// On the strand.
  [[nodiscard]] wire::operation get(operation_ids& ids) {
    if (sequence_ == 0) sequence_ = ids.begin();
    return ids.id(sequence_);
  }
  void end(operation_ids& ids) {
    if (sequence_ != 0) ids.end(sequence_);
    sequence_ = 0;
  }

 private:
  std::uint64_t sequence_ = 0;
};

[[nodiscard]] inline wire::file_version to_wire(const file_version& v) {
  return {v.size, v.crc32c, v.mtime_ms};
}

/// What the public result shows of the master's answer.
[[nodiscard]] inline mutation_result to_result(wire::mutation_reply& reply) {
  return {reply.txid.value, reply.replaced, std::move(reply.path)};
}

}  // namespace ssdfs::detail
