// Client to datanode, and along the replica chain: chunks. string_view fields alias the frame.
#pragma once

#include "base/ids.hpp"
#include "ssdfs/limits.hpp"
#include "wire/opcodes.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <cstdint>
#include <string_view>
#include <vector>

namespace ssdfs::wire {

/// Largest chunk that travels in one write_chunk frame, and size of a write_piece.
inline constexpr std::uint32_t small_chunk_max = 256U << 10;
/// Largest chunk at all.
inline constexpr std::uint32_t chunk_max = max_chunk_size;

/// When a write is answered.
enum class ack_mode : std::uint8_t {
  all = 0,  ///< every replica of the chain has it
  one = 1,  ///< this replica has it; the chain goes on behind the answer
};
BOOST_DESCRIBE_ENUM(ack_mode, all, one)

struct write_reply {};
BOOST_DESCRIBE_STRUCT(write_reply, (), ())

/// Stores a chunk of at most small_chunk_max bytes, the frame's body. The receiver checks the CRC,
/// appends, and at the same time forwards it, as it is, to the member behind it in the chain.
struct write_chunk_request {
  static constexpr opcode code = opcode::write_chunk;
  using reply = write_reply;
  volume_id volume;
  generation_t generation = 0;
  chunk_key key = 0;
  std::uint32_t crc32c = 0;
  ack_mode ack = ack_mode::all;
  std::string_view chain;   ///< all members in order (wire/chain.hpp), the receiver among them
  std::string_view ticket;  ///< the grant's; from one member to the next the member's own
};
BOOST_DESCRIBE_STRUCT(write_chunk_request, (),
                      (volume, generation, key, crc32c, ack, chain, ticket))

/// Reserves room for a longer chunk on the whole chain.
struct write_begin_request {
  static constexpr opcode code = opcode::write_begin;
  using reply = write_reply;
  volume_id volume;
  generation_t generation = 0;
  chunk_key key = 0;
  std::uint32_t size = 0;
  std::uint32_t crc32c = 0;
  std::string_view chain;
  std::string_view ticket;
};
BOOST_DESCRIBE_STRUCT(write_begin_request, (),
                      (volume, generation, key, size, crc32c, chain, ticket))

/// Bytes [offset, offset + body) of a chunk that was begun; offset is a multiple of
/// small_chunk_max and only the last piece is shorter. Pieces may be in flight together. A chunk
/// that was begun may be finished, also when its ticket has become too old meanwhile.
struct write_piece_request {
  static constexpr opcode code = opcode::write_piece;
  using reply = write_reply;
  volume_id volume;
  generation_t generation = 0;
  chunk_key key = 0;
  std::uint32_t offset = 0;
  std::uint32_t crc32c = 0;  ///< of the body
  std::string_view chain;
  std::string_view ticket;
};
BOOST_DESCRIBE_STRUCT(write_piece_request, (),
                      (volume, generation, key, offset, crc32c, chain, ticket))

/// All pieces are answered: each replica verifies the whole CRC, writes the header and answers.
struct write_end_request {
  static constexpr opcode code = opcode::write_end;
  using reply = write_reply;
  volume_id volume;
  generation_t generation = 0;
  chunk_key key = 0;
  std::string_view chain;
  std::string_view ticket;
};
BOOST_DESCRIBE_STRUCT(write_end_request, (), (volume, generation, key, chain, ticket))

struct read_chunk_reply {
  std::uint32_t crc32c = 0;      ///< of the body
  std::uint32_t chunk_size = 0;  ///< of the whole chunk
};
BOOST_DESCRIBE_STRUCT(read_chunk_reply, (), (crc32c, chunk_size))
/// Bytes [offset, offset + length) of a chunk, as the reply's body, verified by the server. length
/// is at most max_body; the range must lie inside the chunk. expected_* bind the read to what the
/// namespace says: a replica with another chunk under this key answers errc::checksum.
struct read_chunk_request {
  static constexpr opcode code = opcode::read_chunk;
  using reply = read_chunk_reply;
  volume_id volume;
  chunk_key key = 0;
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
  std::uint32_t expected_size = 0;
  std::uint32_t expected_crc32c = 0;
  std::string_view token;
};
BOOST_DESCRIBE_STRUCT(read_chunk_request, (),
                      (volume, key, offset, length, expected_size, expected_crc32c, token))

/// One entry of a replica's index, or of the namespace's list of live chunks.
struct chunk_entry {
  chunk_key key = 0;
  std::uint32_t size = 0;
  std::uint32_t crc32c = 0;
};
BOOST_DESCRIBE_STRUCT(chunk_entry, (), (key, size, crc32c))
struct replica_chunks_reply {
  std::vector<chunk_entry> chunks;  ///< by key
  bool more = false;
  std::uint64_t removal_number =
      0;                        ///< batches up to it are applied in this list, perhaps later ones
  generation_t generation = 0;  ///< of the replica
};
BOOST_DESCRIBE_STRUCT(replica_chunks_reply, (), (chunks, more, removal_number, generation))
/// A page of a replica's index: keys from `from_key`, at most `limit` (1 to 16,384).
struct replica_chunks_request {
  static constexpr opcode code = opcode::replica_chunks;
  using reply = replica_chunks_reply;
  volume_id volume;
  chunk_key from_key = 0;
  std::uint32_t limit = 4096;
};
BOOST_DESCRIBE_STRUCT(replica_chunks_request, (), (volume, from_key, limit))

}  // namespace ssdfs::wire
