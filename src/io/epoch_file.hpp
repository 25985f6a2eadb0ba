// An epoch that a process must not forget, in a small file of its data directory.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "io/file.hpp"

#include <string>

namespace ssdfs::io {

/// What is lost in epochs up to the one in it was accepted by an operator. A master's.
inline constexpr const char* accepted_loss_file = "accepted_loss.json";
/// Records of epochs below the one in it may be missing from the log: it was cut, a loss was
/// accepted, a backup was promoted, or the directory was made from an image. A master's;
/// history_cut_now stands for the epoch that the next start begins.
inline constexpr const char* history_cut_file = "history_cut.json";
inline constexpr epoch_t history_cut_now{0xffff'ffff};
/// The highest epoch heard of. A backup's: a promotion must go beyond it.
inline constexpr const char* heard_epoch_file = "heard_epoch.json";

/// {"epoch":N}. 0 without a file; damaged if it is unreadable.
result<epoch_t> read_epoch_file(file_system& fs, const std::string& path);
/// Durable on success.
result<void> write_epoch_file(file_system& fs, const std::string& path, epoch_t epoch);

}  // namespace ssdfs::io
