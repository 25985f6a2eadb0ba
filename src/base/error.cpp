#include "ssdfs/error.hpp"

#include "base/assert.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"

#include <boost/system/system_error.hpp>
#include <boost/uuid/uuid_io.hpp>

#include <cerrno>
#include <cstdio>
#include <cstdlib>

namespace ssdfs {
namespace {

const char* text_of(errc e) noexcept {
  switch (e) {
    case errc::not_found: return "no such file or directory";
    case errc::exists: return "already exists";
    case errc::not_directory: return "not a directory";
    case errc::is_directory: return "is a directory";
    case errc::not_empty: return "directory not empty";
    case errc::invalid_path: return "invalid path";
    case errc::name_too_long: return "name too long";
    case errc::permission_denied: return "permission denied";
    case errc::quota_exceeded: return "quota exceeded";
    case errc::invalid_argument: return "invalid argument";
    case errc::unsupported: return "not supported";
    case errc::precondition: return "precondition failed";
    case errc::into_itself: return "cannot move a directory into itself";
    case errc::too_large: return "too large";
    case errc::no_space: return "no space left in the cluster";
    case errc::no_datanodes: return "too few live datanodes";
    case errc::busy: return "server busy";
    case errc::timed_out: return "timed out";
    case errc::connection: return "connection failed";
    case errc::not_active: return "this master does not lead";
    case errc::starting: return "server is starting";
    case errc::read_only: return "master is read-only";
    case errc::regrant: return "grant has ended";
    case errc::shutting_down: return "server is shutting down";
    case errc::checksum: return "checksum mismatch";
    case errc::changed: return "file changed while it was read";
    case errc::unavailable: return "no replica available";
    case errc::key_conflict: return "key already used";
    case errc::sealed: return "volume is sealed";
    case errc::stale_generation: return "stale volume generation";
    case errc::damaged: return "damaged";
    case errc::expired_ticket: return "ticket has expired";
    case errc::stale_epoch: return "stale epoch";
    case errc::wrong_cluster: return "peer belongs to another cluster";
    case errc::protocol: return "protocol error";
    case errc::version_mismatch: return "no common protocol version";
    case errc::duplicate_node: return "node identity already in use";
    case errc::unknown_node: return "node is not registered";
    case errc::wrong_node: return "another node answers at the address";
    case errc::cancelled: return "cancelled";
    case errc::aborted: return "aborted";
    case errc::io: return "input/output error";
    case errc::internal: return "internal error";
    case errc::locked: return "data directory is in use";
  }
  return "unknown error";
}

class category final : public boost::system::error_category {
 public:
  const char* name() const noexcept override { return "ssdfs"; }
  std::string message(int value) const override { return text_of(static_cast<errc>(value)); }

  boost::system::error_condition default_error_condition(int value) const noexcept override {
    namespace sys = boost::system::errc;
    switch (static_cast<errc>(value)) {
      case errc::not_found: return sys::make_error_condition(sys::no_such_file_or_directory);
      case errc::exists: return sys::make_error_condition(sys::file_exists);
      case errc::not_directory: return sys::make_error_condition(sys::not_a_directory);
      case errc::is_directory: return sys::make_error_condition(sys::is_a_directory);
      case errc::not_empty: return sys::make_error_condition(sys::directory_not_empty);
      case errc::name_too_long: return sys::make_error_condition(sys::filename_too_long);
      case errc::permission_denied: return sys::make_error_condition(sys::permission_denied);
      case errc::invalid_argument: return sys::make_error_condition(sys::invalid_argument);
      case errc::unsupported: return sys::make_error_condition(sys::not_supported);
      case errc::too_large: return sys::make_error_condition(sys::file_too_large);
      case errc::no_space: return sys::make_error_condition(sys::no_space_on_device);
      case errc::busy: return sys::make_error_condition(sys::device_or_resource_busy);
      case errc::timed_out: return sys::make_error_condition(sys::timed_out);
      case errc::cancelled: return sys::make_error_condition(sys::operation_canceled);
      case errc::io: return sys::make_error_condition(sys::io_error);
      default: return {value, *this};
    }
  }
};

}  // namespace

const boost::system::error_category& ssdfs_category() noexcept {
  static const category instance;
  return instance;
}

bool is_retryable(const boost::system::error_code& ec) noexcept {
  if (ec.category() != ssdfs_category()) {
    namespace sys = boost::system::errc;
    return ec == sys::connection_refused || ec == sys::connection_reset ||
           ec == sys::connection_aborted || ec == sys::broken_pipe || ec == sys::timed_out ||
           ec == sys::not_connected || ec == sys::network_unreachable ||
           ec == sys::host_unreachable;
  }
  switch (static_cast<errc>(ec.value())) {
    case errc::no_datanodes:
    case errc::busy:
    case errc::timed_out:
    case errc::connection:
    case errc::not_active:
    case errc::starting:
    case errc::regrant:
    case errc::shutting_down:
    case errc::unavailable:
    case errc::wrong_node: return true;
    default: return false;
  }
}

void throw_exception_from_error(const failure& f, const boost::source_location& where) {
  throw boost::system::system_error(f.code, f.message() + " at " + where.to_string());
}

failure errno_failure(int error_number, std::string what) {
  const boost::system::error_code ec(error_number, boost::system::system_category());
  errc e = errc::io;
  switch (error_number) {
    case ENOSPC:
    case EDQUOT: e = errc::no_space; break;
    // Nothing is wrong with what the call is about: it may be made again.
    case EMFILE:
    case ENFILE:
    case ENOMEM: e = errc::busy; break;
    default: break;
  }
  return {e, std::move(what) + ": " + ec.message()};
}

std::string to_string(const uuid& id) { return boost::uuids::to_string(id); }

result<uuid> parse_uuid(std::string_view text) {
  // xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx
  if (text.size() != 36) return failure(errc::invalid_argument, "not a uuid");
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  uuid id{};
  std::size_t at = 0;
  for (std::size_t i = 0; i < 16; ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) {
      if (text[at++] != '-') return failure(errc::invalid_argument, "not a uuid");
    }
    const int high = digit(text[at]);
    const int low = digit(text[at + 1]);
    if (high < 0 || low < 0) return failure(errc::invalid_argument, "not a uuid");
    id.data[i] = static_cast<std::uint8_t>(high * 16 + low);
    at += 2;
  }
  return id;
}

void assertion_failed(const char* expression, const char* file, int line) noexcept {
  std::fprintf(stderr, "ssdfs: assertion failed: %s (%s:%d)\n", expression, file, line);
  std::abort();
}

}  // namespace ssdfs
