// The edits log of a running master (or backup): records go in on the namespace strand, a thread of
// its own makes them durable, backups read them out again.
#pragma once

#include "base/histogram.hpp"
#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "io/file.hpp"
#include "io/passing.hpp"
#include "journal/log_position.hpp"
#include "journal/log_writer.hpp"
#include "journal/recent_lines.hpp"
#include "journal/segment_reader.hpp"
#include "meta/records.hpp"
#include "meta/text_buffer.hpp"

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace ssdfs::journal {

struct journal_options {
  std::string directory;  ///< of the segments; must exist and be locked by the caller
  std::uint64_t segment_bytes = std::uint64_t{64} << 20;     ///< a new segment begins beyond this
  std::uint64_t preallocate_bytes = std::uint64_t{4} << 20;  ///< zeros written ahead, in one step
  std::uint64_t reserve_bytes = std::uint64_t{256} << 20;    ///< has_room() is false below this
  /// Likewise; of file systems that have a fixed number of inodes.
  std::uint64_t reserve_inodes = 8;
  std::size_t max_backlog_bytes = std::size_t{64} << 20;  ///< append() answers busy beyond this
  std::size_t recent_bytes = std::size_t{32} << 20;       ///< durable lines kept in memory
  io::patience patience;                                  ///< with failures of the disk that pass
};

/// The journal.
///
/// Operation: append() encodes a record into the current buffer. The syncer swaps the buffers,
/// writes and syncs the full one, and reports: group commit, one sync for all that was appended
/// during the last. Segments are rolled between two batches; on_durable(txid) follows each batch.
///
/// Failure: a call to the disk that fails for want of room, inodes or descriptors (io::passes) has
/// lost nothing: it is made again for as long as the patience lasts, once the first batch of this
/// life is durable. Every other failure, and each of a sync of lines, fences the log for good.
/// Nothing is written after it, append() fails, on_failed is called once. What was reported durable
/// is; the process has to say why and stop, because what it has in memory may not be.
///
/// Room: a new segment begins only when the file for it is there already. While it cannot be made
/// the segment goes on, and has_room() is false when it is full. So nothing that was appended ever
/// waits for a new file.
///
/// Concurrency: append(), append_line() and flush() belong to one strand. Everything else is
/// thread-safe. Both callbacks come on the syncer's thread and must only post.
class journal {
 public:
  struct callbacks {
    unique_function<void(ssdfs::txid)> on_durable;
    unique_function<void(failure)> on_failed;
  };

  /// Starts a new segment behind `end` and the syncer. Every older segment must be finalized,
  /// which recover() does.
  static result<std::unique_ptr<journal>> start(io::file_system& fs, journal_options options,
                                                log_position end, callbacks on);
  /// As stop(), but what that fails with is only logged.
  ~journal();
  journal(const journal&) = delete;
  journal& operator=(const journal&) = delete;

  /// Takes one record, whose txid must follow the last one's; sets its `durable` if it begins a
  /// batch. Returns the CRC of its line, which state::apply wants. Never blocks on a disk. Failures
  /// change nothing: read_only (fenced), busy (backlog full), shutting_down.
  /// The syncer sees it at the next flush().
  result<std::uint32_t> append(meta::record& r);

  /// The same for a line that the log of another master has made (with its newline). Its CRC must
  /// continue the chain: errc::damaged if it does not. Lines that begin a batch there do so here.
  result<std::uint32_t> append_line(std::string_view line);

  /// Wakes the syncer if something was appended. To be called once after the appends of one turn
  /// of the strand.
  void flush();

  /// The last record that is durable.
  [[nodiscard]] ssdfs::txid durable() const noexcept {
    return ssdfs::txid(durable_.load(std::memory_order_acquire));
  }
  /// Bytes that are appended and not yet durable.
  [[nodiscard]] std::size_t backlog() const noexcept {
    return backlog_.load(std::memory_order_relaxed);
  }
  /// False near the reserves of the log's disk, or when it takes no new segment: changes of clients
  /// should be refused (no_space). Refreshed every second.
  [[nodiscard]] bool has_room() const noexcept { return room_.load(std::memory_order_relaxed); }
  /// Why there is no room, as what is said of the log's disk ("is nearly full"); empty if there is.
  [[nodiscard]] std::string room_problem() const;
  /// How long writing and syncing took, a batch, in microseconds.
  [[nodiscard]] const histogram& sync_us() const noexcept { return sync_us_; }
  [[nodiscard]] bool fenced() const noexcept { return fenced_.load(std::memory_order_acquire); }

  /// Durable lines from record `from` on, at most about `max_bytes` (at least one line), out of
  /// memory or else out of the segments; blocks on the disk in the latter case. No lines if `from`
  /// is not durable yet. not_found: older than every segment that is left.
  result<log_lines> read_from(ssdfs::txid from, std::size_t max_bytes);

  /// Ends the current segment after what was appended so far and goes on in a new one; on_durable
  /// reports as for a batch. Later if the disk takes no new segment now. For checkpoints.
  void roll();

  /// Makes everything durable, finalizes the segment and joins the syncer. Later calls give the
  /// same answer.
  result<void> stop();

 private:
  journal(io::file_system& fs, journal_options options, log_position end, callbacks on);

  struct barrier {  // what is before it must be durable before what follows is written
    std::size_t offset = 0;
    ssdfs::txid next;
  };
  struct pending {  // what one batch consists of
    meta::text_buffer text;
    ssdfs::txid first;
    ssdfs::txid last;
    std::vector<barrier> barriers;
    bool roll = false;
  };

  void run();
  template <class Step>
  result<void> patiently(Step step);
  result<void> write_batch(pending& batch);
  result<void> roll_if_possible();
  result<void> write_piece(std::string_view lines, ssdfs::txid first, ssdfs::txid last);
  void fence(failure why);
  void check_space();
  [[nodiscard]] std::string space_problem();
  void set_problem(std::string problem);
  result<void> may_append() const;
  void appended(std::size_t bytes, ssdfs::txid id, std::uint32_t crc);

  io::file_system& fs_;
  const journal_options options_;
  callbacks on_;

  // The strand's side.
  ssdfs::txid last_;
  std::uint32_t chain_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  pending current_;        // under mutex_
  bool flushed_ = false;   // under mutex_: there is something to do
  bool stopping_ = false;  // under mutex_
  std::string problem_;    // under mutex_: why there is no room

  // The syncer's side.
  pending writing_;
  log_writer writer_;
  bool live_ = false;  // a batch of this life is durable
  bool roll_wanted_ = false;
  std::string trouble_;             // what a call to the disk fails with at the moment
  std::string spare_trouble_;       // likewise the making of the next segment's file
  std::optional<failure> failure_;  // written by the syncer, read when it has ended

  recent_lines recent_;
  segment_reader reader_;
  std::atomic<std::uint64_t> durable_;
  std::atomic<std::size_t> backlog_{0};
  std::atomic<bool> room_{true};
  std::atomic<bool> fenced_{false};
  histogram sync_us_;
  std::thread syncer_;
};

}  // namespace ssdfs::journal
