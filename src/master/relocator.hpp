// Which chunks lie in volumes of another replication class than their file's, and who moves them.
#pragma once

#include "cluster/controller.hpp"
#include "meta/commands.hpp"
#include "meta/state.hpp"
#include "wire/relocate_messages.hpp"

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace ssdfs::master {

/// Operation: a walk over all files finds those with a chunk in a volume of another class; files
/// whose class is changed are named by wanted(). Chunks are handed out as work (take) with a key of
/// a volume of the right class; what was written is entered by a RELOCATE record (finish), a
/// compare-and-set: a file that was replaced, renamed or removed meanwhile stays as it is, and the
/// written chunk is an orphan. Nothing here is durable: a master that starts walks again.
///
/// Concurrency: the namespace strand.
class relocator {
 public:
  /// A right to write that the master holds itself.
  struct right {
    volume_id volume;
    generation_t generation = 0;
    chunk_key next_key = 0;
    chunk_key end_key = 0;
    chunk_key first_key = 0;
    std::uint64_t bytes_left = 0;
    std::vector<replica_address> replicas;
    std::string ticket;
    std::uint32_t in_flight = 0;
    std::int64_t used_ms = 0;
    bool spent = false;  ///< nothing more is written with it
  };
  /// What it needs of the master.
  struct actions {
    /// A grant for chunks of the class, `bytes` at least; nothing if there is none now.
    std::function<std::optional<right>(std::uint8_t replication, std::uint64_t bytes)> grant;
    std::function<void(const right&)> end_grant;
    /// Logs a RELOCATE: errc::changed or not_found if the file is another by now.
    std::function<result<void>(const meta::relocate_request&)> relocate;
    std::function<std::vector<replica_address>(volume_id)> readers;
  };

  relocator(const meta::state& state, actions a) : state_(state), do_(std::move(a)) {}

  /// The file's class has changed, or shall be looked at for another reason.
  void wanted(std::string path);
  /// Walks on; true while there is more to walk now.
  bool step();
  /// Chunks for a node to move, at most `limit`.
  [[nodiscard]] std::vector<wire::relocation> take(std::uint32_t limit, std::int64_t now_ms);
  /// A node has written the chunk, or could not.
  void finish(std::uint64_t id, bool written, std::int64_t now_ms);
  /// Gives up what nobody reported, and rights that nobody uses. Now and then.
  void upkeep(std::int64_t now_ms);

  /// Files that wait, and chunks under way.
  [[nodiscard]] std::uint64_t left() const noexcept { return files_.size() + jobs_.size(); }
  /// False while the walk may find more.
  [[nodiscard]] bool walked() const noexcept { return walked_; }

 private:
  struct job {
    std::string path;
    std::uint32_t index = 0;
    meta::chunk_record from;
    std::uint8_t replication = 0;
    std::size_t right = 0;  ///< key in rights_
    chunk_key key = 0;
    std::int64_t deadline_ms = 0;
  };
  void walk_again();
  bool hand_out(const std::string& path, std::uint32_t limit, std::int64_t now_ms,
                std::vector<wire::relocation>& out);
  [[nodiscard]] std::size_t right_for(std::uint8_t replication, std::uint64_t bytes,
                                      std::int64_t now_ms);
  void release(std::size_t which);

  const meta::state& state_;
  actions do_;
  std::deque<std::string> files_;
  std::map<std::uint64_t, job> jobs_;
  std::uint64_t last_job_ = 0;
  std::map<std::size_t, right> rights_;  ///< by a number of our own; 0 is none
  std::size_t last_right_ = 0;
  std::map<std::uint8_t, std::size_t> current_;  ///< by class: the right that is written with
  std::size_t next_slice_ = 0;
  bool walked_ = false;
  bool again_ = false;  ///< something was missed: walk once more
  std::int64_t not_before_ms_ = 0;
};

}  // namespace ssdfs::master
