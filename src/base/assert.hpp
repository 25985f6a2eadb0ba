// Assertions that stay on: a broken invariant must stop the process before it reaches a disk.
#pragma once

namespace ssdfs {

/// Writes the expression and its place to standard error and aborts.
[[noreturn]] void assertion_failed(const char* expression, const char* file, int line) noexcept;

}  // namespace ssdfs

#define SSDFS_ASSERT(expr) \
  (static_cast<bool>(expr) ? void(0) : ::ssdfs::assertion_failed(#expr, __FILE__, __LINE__))
