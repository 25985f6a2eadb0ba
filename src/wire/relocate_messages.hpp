// Datanode to master: chunks of files whose replication class has changed, to be written again into
// volumes of the new class.
#pragma once

#include "base/orders.hpp"
#include "wire/opcodes.hpp"

#include <boost/describe/class.hpp>

#include <cstdint>
#include <string>
#include <vector>

namespace ssdfs::wire {

/// Read a chunk from one of `sources`, write it under the new key to the members of `chain`, and
/// say so.
struct relocation {
  std::uint64_t id = 0;
  volume_id from_volume;
  chunk_key from_key = 0;
  std::uint32_t size = 0;
  std::uint32_t crc32c = 0;
  std::vector<replica_address> sources;
  volume_id volume;
  generation_t generation = 0;
  chunk_key key = 0;
  std::vector<replica_address> chain;  ///< in order, not empty
  std::string ticket;                  ///< for the writes
};
BOOST_DESCRIBE_STRUCT(relocation, (),
                      (id, from_volume, from_key, size, crc32c, sources, volume, generation, key,
                       chain, ticket))

struct take_relocations_reply {
  std::vector<relocation> relocations;  ///< empty: there is nothing to do now
  std::uint64_t rate_bytes_per_s = 0;   ///< upper bound; 0: none
};
BOOST_DESCRIBE_STRUCT(take_relocations_reply, (), (relocations, rate_bytes_per_s))
/// Work for a node that has nothing better to do, at most `limit` (1 to 256) chunks. What is not
/// reported within two minutes is given to others.
struct take_relocations_request {
  static constexpr opcode code = opcode::take_relocations;
  using reply = take_relocations_reply;
  std::uint32_t limit = 64;
};
BOOST_DESCRIBE_STRUCT(take_relocations_request, (), (limit))

struct relocation_result {
  std::uint64_t id = 0;
  std::uint16_t status = 0;  ///< an errc value, 0 for success
};
BOOST_DESCRIBE_STRUCT(relocation_result, (), (id, status))
struct report_relocations_reply {};
BOOST_DESCRIBE_STRUCT(report_relocations_reply, (), ())
struct report_relocations_request {
  static constexpr opcode code = opcode::report_relocations;
  using reply = report_relocations_reply;
  std::vector<relocation_result> results;
};
BOOST_DESCRIBE_STRUCT(report_relocations_request, (), (results))

}  // namespace ssdfs::wire
