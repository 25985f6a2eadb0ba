// SSDFS: the errors that the client library and the protocol speak.
#pragma once

#include <boost/system/error_category.hpp>
#include <boost/system/error_code.hpp>
#include <boost/system/error_condition.hpp>

#include <cstdint>
#include <type_traits>

namespace ssdfs {

/// Why an operation failed. The numeric values are part of the protocol (a reply's status) and of
/// the edits log (a recorded result): they are never reused. 0 is success and has no name here.
enum class errc : std::uint16_t {
  // The caller's request, as it stands, cannot succeed.
  not_found = 1,          ///< no such file or directory
  exists = 2,             ///< the target exists and overwriting was not asked for
  not_directory = 3,      ///< a path component, or the target, is a file
  is_directory = 4,       ///< the target is a directory where a file is needed
  not_empty = 5,          ///< a directory with entries, without recursion
  invalid_path = 6,       ///< not absolute, "." or "..", NUL, invalid UTF-8
  name_too_long = 7,      ///< a component over 255 bytes or a path over 4096
  permission_denied = 8,  ///< mode, owner or token forbid it
  quota_exceeded = 9,     ///< a directory's limit of names or bytes
  invalid_argument = 10,  ///< a field out of its range
  unsupported = 11,       ///< the server knows the request but not how to do it
  precondition = 12,      ///< a condition of the caller does not hold (If-Match and its like)
  into_itself = 13,       ///< a directory moved below itself
  too_large = 14,         ///< over a documented limit

  // The cluster cannot now; the same request may succeed later.
  no_space = 20,       ///< no datanode has room, or the master's log disk is at its reserve
  no_datanodes = 21,   ///< fewer live datanodes than min-replication
  busy = 22,           ///< a bounded queue is full; try again after a pause
  timed_out = 23,      ///< no answer before the deadline; the outcome is unknown
  connection = 24,     ///< the connection failed or was refused; the outcome may be unknown
  not_active = 25,     ///< this master does not lead; the reply may name the one that does
  starting = 26,       ///< the server is still loading its state
  read_only = 27,      ///< the master serves reads only (see the detail for why)
  regrant = 28,        ///< the volume of a grant is closed: write the chunk again under a new grant
  shutting_down = 29,  ///< the server is stopping

  // Data.
  checksum = 40,          ///< bytes do not match their CRC
  changed = 41,           ///< the file was replaced while it was being read
  unavailable = 42,       ///< no replica could serve the chunk
  key_conflict = 43,      ///< a replica holds the key with other content, or it is burnt
  sealed = 44,            ///< the replica takes no more appends
  stale_generation = 45,  ///< grant or replica of an older generation of the volume
  damaged = 46,           ///< on-disk state is damaged; never repaired silently
  expired_ticket = 47,    ///< the ticket of a request is too old: ask for another

  // Peers and protocol.
  stale_epoch = 60,       ///< the sender follows an older master
  wrong_cluster = 61,     ///< the peer belongs to another cluster
  protocol = 62,          ///< malformed frame or message
  version_mismatch = 63,  ///< no protocol version in common
  duplicate_node = 64,    ///< two live processes use one node identity
  unknown_node = 65,      ///< the node must register first
  wrong_node = 66,        ///< another node answers at the address

  // Local.
  cancelled = 80,  ///< cancelled by the caller
  aborted = 81,    ///< the operation was given up (writer destroyed, client stopped)
  io = 82,         ///< the operating system refused a file operation
  internal = 83,   ///< a defect: please report it
  locked = 84,     ///< the data directory is in use by another process
};

/// The category of errc; its name is "ssdfs".
[[nodiscard]] const boost::system::error_category& ssdfs_category() noexcept;

/// Makes errc usable wherever an error_code is expected.
[[nodiscard]] inline boost::system::error_code make_error_code(errc e) noexcept {
  return {static_cast<int>(e), ssdfs_category()};
}

/// Exact comparison, so that `ec == ssdfs::errc::exists` is not ambiguous between the comparisons
/// of error codes that C++20's rewriting offers.
[[nodiscard]] inline bool operator==(const boost::system::error_code& ec, errc e) noexcept {
  return ec == make_error_code(e);
}

/// True if the same request, sent again after a pause, may succeed without the caller changing
/// anything. Errors of other categories (the operating system's) are retryable when they speak of
/// a connection.
[[nodiscard]] bool is_retryable(const boost::system::error_code& ec) noexcept;

}  // namespace ssdfs

template <>
struct boost::system::is_error_code_enum<ssdfs::errc> : std::true_type {};
