// The state of a picture shop that never was: for sizing a master before buying it.
#pragma once

#include "base/result.hpp"
#include "meta/state.hpp"

#include <cstdint>
#include <functional>
#include <string>

namespace ssdfs::meta {

struct synth_options {
  std::uint64_t files = 0;                   ///< at least 1
  std::uint64_t files_per_directory = 1000;  ///< at least 1
  std::uint64_t seed = 1;
  std::function<std::uint32_t(std::uint64_t index)> size_of;  ///< bytes of a file, at least 1
};

/// Fills an empty state: two levels of directories, files with names of 20 bytes, stored one after
/// the other into closed volumes of 1 GiB with two copies on eight nodes. The same options give the
/// same state. Returns the path of one of the files. too_large.
result<std::string> synthesize(const synth_options& options, state& target);

}  // namespace ssdfs::meta
