// The state that a data directory holds: its newest image and the records behind it.
#pragma once

#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "io/file.hpp"
#include "journal/image_store.hpp"
#include "journal/recovery.hpp"

#include <memory>
#include <string>
#include <vector>

namespace ssdfs::journal {

struct restore_options {
  std::string directory;
  load_hooks hooks;  ///< progress is that of image and log together
  /// Called behind every record that was applied; may be empty.
  unique_function<void(const meta::record&, const meta::state&)> on_record;
};

/// What restore has found.
struct restored {
  std::unique_ptr<meta::state> state;
  ssdfs::txid image;                   ///< of the image that it began with; 0 if there was none
  std::uint64_t digest = 0;            ///< of the state in that image
  std::uint32_t chain = 0;             ///< of that image
  recovery_report log;                 ///< of the records behind it
  std::vector<image_refusal> refused;  ///< newer images that could not be used
};

/// Loads the newest image that can be read and replays the records behind it, as recover() does,
/// repairs included. A damaged image gives way to the one before, and the last one to the log's
/// beginning, if the segments reach from there to what the damaged one held; else nothing is
/// changed and the failure says what to do: damaged. Also: unsupported (an image or a log of a
/// newer program), shutting_down (hooks.stop said so), the disk's failures.
result<restored> restore(io::file_system& fs, restore_options options);

/// Applies the records behind `s` up to `upto`, which must be durable, to it, changing no file:
/// another process may be writing the log. not_found: the log does not reach.
result<void> replay_to(io::file_system& fs, const std::string& directory, ssdfs::txid upto,
                       meta::state& s, unique_function<bool()> stop);

}  // namespace ssdfs::journal
