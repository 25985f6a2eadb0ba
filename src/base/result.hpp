// The outcome of an operation that can fail: a value, or an error code with its diagnostics.
#pragma once

#include "ssdfs/error.hpp"

#include <boost/system/result.hpp>

#include <string>
#include <utility>

namespace ssdfs {

/// Why something failed: a code to act on and a sentence for people ("edits_...log: offset 812:
/// ..."). An empty detail means that the code's own message says it all.
struct failure {
  boost::system::error_code code;
  std::string detail;
  std::string hint;  ///< an address to act on: the leader to ask instead, the member that failed

  failure() = default;
  failure(errc e) : code(make_error_code(e)) {}
  failure(errc e, std::string text) : code(make_error_code(e)), detail(std::move(text)) {}
  failure(boost::system::error_code ec) : code(ec) {}
  failure(boost::system::error_code ec, std::string text, std::string address = {})
      : code(ec), detail(std::move(text)), hint(std::move(address)) {}

  /// The detail, or the code's message if there is none.
  [[nodiscard]] std::string message() const { return detail.empty() ? code.message() : detail; }
};

/// True if the failure carries exactly this errc.
[[nodiscard]] inline bool operator==(const failure& f, errc e) noexcept {
  return f.code == make_error_code(e);
}

/// Raised only where a result is read as a value although it holds a failure (a defect).
[[noreturn]] void throw_exception_from_error(const failure& f, const boost::source_location& where);

/// A value or a failure. Never dropped silently.
template <class T>
class [[nodiscard]] result : public boost::system::result<T, failure> {
  using base = boost::system::result<T, failure>;

 public:
  using base::base;
  result(errc e) : base(boost::system::in_place_error, e) {}
  result(failure f) : base(boost::system::in_place_error, std::move(f)) {}
};

template <>
class [[nodiscard]] result<void> : public boost::system::result<void, failure> {
  using base = boost::system::result<void, failure>;

 public:
  using base::base;
  result() : base(boost::system::in_place_value) {}
  result(errc e) : base(boost::system::in_place_error, e) {}
  result(failure f) : base(boost::system::in_place_error, std::move(f)) {}
};

/// A failure from errno after a system call.
[[nodiscard]] failure errno_failure(int error_number, std::string what);

}  // namespace ssdfs

/// Returns the failure of `expr` (a result) from the enclosing function, or goes on.
#define SSDFS_TRY(expr)                                     \
  do {                                                      \
    if (auto ssdfs_try_ = (expr); ssdfs_try_.has_error()) { \
      return std::move(ssdfs_try_).error();                 \
    }                                                       \
  } while (false)
