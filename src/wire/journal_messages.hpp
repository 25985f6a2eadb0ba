// Backup to master: the edits log and images. And how a copy of the log stands, which masters and
// backups tell.
#pragma once

#include "base/log_place.hpp"
#include "wire/opcodes.hpp"

#include <boost/describe/class.hpp>
#include <boost/describe/enum.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace ssdfs::wire {

/// What a backup has to do.
enum class pull_advice : std::uint8_t {
  append = 1,       ///< append the lines of the body, if there are any, and pull on
  truncate = 2,     ///< give up everything behind `truncate_to`: this log does not have it
  fetch_image = 3,  ///< the log does not reach back that far: begin with the newest image
};
BOOST_DESCRIBE_ENUM(pull_advice, append, truncate, fetch_image)

/// The body: whole lines of the log from `first` to `last`, all durable at the master. Both are 0
/// where there are none.
struct pull_edits_reply {
  pull_advice advice = pull_advice::append;
  ssdfs::epoch_t epoch;  ///< of the master that answers
  node_id leader;
  txid first;
  txid last;
  txid durable;            ///< at the master
  txid committed;          ///< may be applied up to here
  txid truncate_to;        ///< truncate
  txid checkpoint;         ///< an image at or behind this MARK is wanted; 0: none
  std::uint32_t rest = 0;  ///< bytes of `first` behind the body: a line longer than a body
};
BOOST_DESCRIBE_STRUCT(pull_edits_reply, (),
                      (advice, epoch, leader, first, last, durable, committed, truncate_to,
                       checkpoint, rest))
/// A long poll: answered when there are lines, when more is committed than the last answer told,
/// when a checkpoint is wanted, or after `wait_ms`. Acknowledges `durable`.
struct pull_edits_request {
  static constexpr opcode code = opcode::pull_edits;
  using reply = pull_edits_reply;
  node_id node;
  std::uint64_t incarnation = 0;  ///< start time in microseconds
  ssdfs::epoch_t epoch;           ///< highest that the backup has heard of
  log_place durable;              ///< what it holds durably
  txid from;     ///< first record wanted; beyond durable.last + 1 while lines are on their way
  txid applied;  ///< last record in its tree
  std::uint32_t max_bytes = 0;
  std::uint32_t wait_ms = 0;
  bool want_mark = false;  ///< a checkpoint is due: log a MARK at which it can be made
  std::string_view name;
  std::string_view address;  ///< where it listens
  std::string_view http;
  std::uint32_t offset = 0;  ///< bytes of record `from` that the backup has: where a rest goes on
};
BOOST_DESCRIBE_STRUCT(pull_edits_request, (),
                      (node, incarnation, epoch, durable, from, applied, max_bytes, wait_ms,
                       want_mark, name, address, http, offset))

struct ack_edits_reply {
  txid committed;
};
BOOST_DESCRIBE_STRUCT(ack_edits_reply, (), (committed))
/// `durable` is on the backup's disk. Counts only after a pull on this connection has matched.
struct ack_edits_request {
  static constexpr opcode code = opcode::ack_edits;
  using reply = ack_edits_reply;
  node_id node;
  std::uint64_t incarnation = 0;
  ssdfs::epoch_t epoch;  ///< of the master that the lines came from
  txid durable;
  txid applied;
};
BOOST_DESCRIBE_STRUCT(ack_edits_request, (), (node, incarnation, epoch, durable, applied))

/// The body: bytes of the image from the request's offset on; none at its end.
struct fetch_image_reply {
  txid image;
  std::uint64_t size = 0;  ///< of the whole image
};
BOOST_DESCRIBE_STRUCT(fetch_image_reply, (), (image, size))
/// errc::not_found: there is no such image (any more).
struct fetch_image_request {
  static constexpr opcode code = opcode::fetch_image;
  using reply = fetch_image_reply;
  txid image;  ///< 0: the newest
  std::uint64_t offset = 0;
  std::uint32_t length = 0;  ///< at most 1 MiB
};
BOOST_DESCRIBE_STRUCT(fetch_image_request, (), (image, offset, length))

struct upload_image_reply {
  std::uint64_t received = 0;  ///< bytes of this image that the master has: where to go on
};
BOOST_DESCRIBE_STRUCT(upload_image_reply, (), (received))
/// The body: bytes of the image at `offset`, which must be where the master's copy ends; without a
/// body it only asks. errc::busy: the offset is another (ask again).
struct upload_image_request {
  static constexpr opcode code = opcode::upload_image;
  using reply = upload_image_reply;
  node_id node;
  txid image;
  std::uint64_t size = 0;  ///< of the whole image
  std::uint64_t offset = 0;
  std::uint32_t crc32c = 0;  ///< of the body
};
BOOST_DESCRIBE_STRUCT(upload_image_request, (), (node, image, size, offset, crc32c))

struct finish_image_reply {
  txid image;  ///< adopted
};
BOOST_DESCRIBE_STRUCT(finish_image_reply, (), (image))
/// All bytes are there: the master verifies and adopts it. After errc::damaged what was uploaded
/// is gone. errc::precondition: it stands at no MARK of the master's log, or a
/// newer one is there.
struct finish_image_request {
  static constexpr opcode code = opcode::finish_image;
  using reply = finish_image_reply;
  node_id node;
  txid image;
  std::uint64_t size = 0;
};
BOOST_DESCRIBE_STRUCT(finish_image_request, (), (node, image, size))

/// How the log and the tree of the server that is asked stand.
struct log_status_reply {
  std::string role;  ///< "master" or "backup"
  cluster_id cluster;
  node_id node;
  ssdfs::epoch_t epoch;  ///< of the last record
  txid last;             ///< taken into the log
  txid durable;
  txid committed;            ///< as far as it knows
  txid applied;              ///< last record in the tree
  std::uint64_t digest = 0;  ///< of the tree at `applied`
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
  std::int64_t lag_ms = 0;  ///< backup: since when the first record that it lacks is there; -1: it
                            ///< has no connection
  txid image;               ///< last record in its newest image; 0: none
  std::string master;       ///< backup: the address that it follows
  std::string problem;      ///< why it cannot do its job; empty if it can
};
BOOST_DESCRIBE_STRUCT(log_status_reply, (),
                      (role, cluster, node, epoch, last, durable, committed, applied, digest, files,
                       directories, lag_ms, image, master, problem))
struct log_status_request {
  static constexpr opcode code = opcode::log_status;
  using reply = log_status_reply;
};
BOOST_DESCRIBE_STRUCT(log_status_request, (), ())

}  // namespace ssdfs::wire
