// How far a checkpoint is, as a line on a terminal.
#pragma once

#include "wire/admin_messages.hpp"

#include <cstddef>
#include <cstdint>
#include <string>

namespace ssdfs::cli {

/// Remembers when a stage was seen first, and with how many bytes, for the rate.
class checkpoint_view {
 public:
  /// In at most `width` columns; `now` has a stage. `now_ms` is of a clock that goes on steadily.
  [[nodiscard]] std::string line(const wire::admin_checkpoint_reply& now, std::int64_t now_ms,
                                 std::size_t width);

 private:
  std::string stage_;
  std::int64_t since_ms_ = 0;
  std::uint64_t first_bytes_ = 0;
  std::uint64_t last_bytes_ = 0;
};

}  // namespace ssdfs::cli
