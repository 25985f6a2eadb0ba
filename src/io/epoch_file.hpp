// An epoch that a process must not forget, in a small file of its data directory.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "io/file.hpp"

#include <string>

namespace ssdfs::io {

/// What is lost in epochs up to the one in it was accepted by an operator. A master's.
inline constexpr const char* accepted_loss_file = "accepted_loss.json";
/// The highest epoch heard of. A backup's: a promotion must go beyond it.
inline constexpr const char* heard_epoch_file = "heard_epoch.json";

/// {"epoch":N}. 0 without a file; damaged if it is unreadable.
result<epoch_t> read_epoch_file(file_system& fs, const std::string& path);
/// Durable on success.
result<void> write_epoch_file(file_system& fs, const std::string& path, epoch_t epoch);

}  // namespace ssdfs::io
