// Reads everything in the background, and puts right what is bad.
#pragma once

#include "base/ids.hpp"
#include "datanode/byte_rate.hpp"
#include "datanode/hosted_volume.hpp"
#include "datanode/record_repair.hpp"
#include "datanode/scrub_position.hpp"
#include "datanode/scrub_suspects.hpp"
#include "io/file.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

namespace ssdfs::datanode {

/// How far the scrubber is.
struct scrub_state {
  std::uint64_t pass = 0;        ///< under way, or the next
  bool running = false;          ///< false: it waits for the next pass
  std::uint64_t bytes_done = 0;  ///< of this pass
  std::uint64_t bytes_total = 0;
  std::int64_t last_full_ms = 0;  ///< end of the last whole pass, wall clock; 0: none yet
  std::uint64_t bad = 0;          ///< records found bad since the directory was made
  std::uint64_t repaired = 0;     ///< of them, replaced
  std::uint64_t unrepaired = 0;   ///< known to be bad now
};

/// Operation: one thread goes through the volumes in the order of their ids, a piece at a time, at
/// no more than the rate; a pass over everything begins ten minutes after the last one at the
/// earliest, or when an operator asks. Records that turn out bad (here, or at a user's read) are
/// replaced at once, before the scrubbing goes on; what cannot be replaced yet is tried again,
/// later and later. The position is written down twice a minute and at the end.
///
/// So is what is known to be bad (docs/formats/scrub.md), when it changes, not more often than once
/// a second. After a restart those records are read again before anything else, whatever the rate
/// is; of so much that it is kept by volume only, the volumes, at the rate. What is bad then is
/// known and repaired as if it had just been found, without being counted in `bad` once more. What
/// is good then, or not there any more, is no suspect any longer.
///
/// Concurrency: public functions are thread-safe and do not block, but for start() and stop().
class scrubber {
 public:
  struct parts {
    io::file_system& fs;
    std::string directory;  ///< for the position and the suspects
    volume_table& volumes;
    repair_sources sources;
    std::function<void(volume_id)> changed;  ///< the replica's report is another now
  };
  explicit scrubber(parts p);
  ~scrubber() { stop(); }

  /// Waits until the suspects of the last run are read again, so that the node's first report has
  /// them, but for a second at most.
  void start();
  /// Ends what is under way and joins.
  void stop();

  /// Bytes per second; 0: nothing is read in the background, but repairs and passes that were asked
  /// for go on.
  void set_rate(std::uint64_t scrub_bytes_per_s, std::uint64_t repair_bytes_per_s);
  /// A read has found a bad record of the volume: it is repaired soon, but one that is known
  /// already is not tried before its next turn.
  void records_bad(volume_id id);
  /// Somebody asks for the repair of what is known to be bad in the volume: tried now.
  void repair_soon(volume_id id);
  /// Begins a whole pass now. Returns its number: it is over when state().pass is higher.
  std::uint64_t begin_pass();
  [[nodiscard]] scrub_state state() const;

 private:
  struct retry {
    std::int64_t at_ms = 0;
    std::int64_t pause_ms = 0;
    std::size_t known = 0;  // bad records that are counted
  };
  using lock_type = std::unique_lock<std::mutex>;

  void run();
  /// When there is something to do next, steady clock; sets `repair` to the volume if it is that.
  [[nodiscard]] std::int64_t next_work(std::int64_t now_ms, volume_id& repair) const;
  void count_found();
  void repair(lock_type& lock, volume_id id);
  void read_suspects_again(lock_type& lock);
  void step(lock_type& lock);
  void end_pass();
  /// When something is to be written down next, steady clock.
  [[nodiscard]] std::int64_t store_due() const;
  void store(lock_type& lock);
  [[nodiscard]] suspect_list suspects_now() const;
  [[nodiscard]] std::shared_ptr<hosted_volume> volume_from(volume_id id) const;

  const parts parts_;
  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::thread thread_;
  scrub_position at_;
  std::map<volume_id, retry> repairs_;
  std::uint64_t rate_ = 20ULL << 20;
  std::uint64_t repair_rate_ = 0;
  byte_rate pace_{20ULL << 20};
  std::int64_t paced_until_ms_ = 0;
  std::int64_t next_pass_ms_ = 0;  // steady clock
  std::int64_t stored_ms_ = 0;
  std::uint64_t bytes_done_ = 0;
  bool asked_ = false;                // for this pass
  bool known_changed_ = false;        // what is known to be bad, since it was looked at
  std::int64_t known_looked_ms_ = 0;  // steady clock
  bool named_read_ = false;           // all suspect records are read again, but for whole volumes
  bool stopping_ = false;

  // Of the thread alone.
  suspect_list unread_;                     // of the last run, not read again yet
  chunk_key unread_from_ = 0;               // in the whole volume that is being read again
  std::optional<suspect_list> on_disk_;     // nothing: unknown
  std::uint64_t unpaced_left_ = 256 << 20;  // bytes of suspect records that are read at once
};

}  // namespace ssdfs::datanode
