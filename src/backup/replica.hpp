// A backup's copy: the edits log on its own disk, and the tree that is made from it.
#pragma once

#include "base/log_place.hpp"
#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "io/file.hpp"
#include "journal/image_store.hpp"
#include "journal/journal.hpp"
#include "meta/record_codec.hpp"
#include "meta/state.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>

namespace ssdfs::backup {

struct replica_options {
  std::string directory;
  std::int64_t checkpoint_interval_ms = 3'600'000;
  std::uint64_t checkpoint_txns = 1'000'000;
  /// Bytes a second of an image that is written; 0: as fast as it goes. The tree stands still
  /// meanwhile, but whatever else the machine does should not feel it.
  std::uint64_t checkpoint_rate = 0;
  std::int64_t retry_ms = 30'000;                ///< after a checkpoint that failed
  std::function<void(int percent)> on_progress;  ///< of the loading; may be empty
  std::function<bool()> stop;  ///< true ends the loading with shutting_down; may be empty
};

struct replica_callbacks {
  /// More is durable. On the journal's thread: must only wake or post.
  unique_function<void(txid)> on_durable;
  /// An image was made. On the copy's thread.
  unique_function<void(const journal::image_file&)> on_image;
  /// The log has failed, or the tree cannot follow the log: the copy is of no more use. Any thread.
  unique_function<void(const failure&)> on_failed;
};

/// How the tree stands.
struct tree_status {
  txid applied;
  std::uint64_t digest = 0;
  std::uint64_t files = 0;
  std::uint64_t directories = 0;
};

/// Operation: append() puts lines of the master's log into a log of the same form, whose own thread
/// makes them durable. A thread of the copy reads them back and applies them to the tree, up to
/// what the master calls committed. A checkpoint is made on that thread, at a MARK, whose digest
/// was just compared: only applying waits for it, not pulling. By itself the copy spends at most a
/// tenth of the time with that, however quickly changes come.
///
/// Concurrency: append() and place() belong to one thread (the puller's). Everything else is
/// thread-safe. stop() must not be called by a callback.
class replica {
 public:
  /// Loads what the directory holds. damaged (with what to do), shutting_down, or the disk's
  /// failures.
  static result<std::unique_ptr<replica>> open(io::file_system& fs, replica_options options,
                                               replica_callbacks on);
  ~replica();
  replica(const replica&) = delete;
  replica& operator=(const replica&) = delete;

  // --- The log ---

  /// Whole lines that follow place(). damaged: they do not continue the chain; what stands before
  /// the bad one is taken. busy: the disk is far behind, nothing or a part was taken. Others as
  /// journal::append_line.
  result<void> append(std::string_view lines);
  /// Why the log's disk takes nothing at the moment, as a remark on it; empty if it does. Then
  /// nothing should be appended.
  [[nodiscard]] std::string room_problem() const { return journal_->room_problem(); }
  /// Where the log ends, durable or not.
  [[nodiscard]] const log_place& place() const noexcept { return place_; }
  /// Who logged the reign that place() is in; nil for an empty log.
  [[nodiscard]] node_id leader() const noexcept { return leader_; }
  /// The last place of the log that is durable, of those where a call of append() ended.
  [[nodiscard]] log_place durable_place();
  [[nodiscard]] txid durable() const noexcept { return journal_->durable(); }
  /// True once everything appended is durable; false if that takes longer or the log has failed.
  [[nodiscard]] bool wait_durable(std::int64_t timeout_ms);

  // --- The tree ---

  /// Records up to here may be applied.
  void commit(txid upto);
  [[nodiscard]] txid applied() const;
  /// Why the tree stands still at the moment, although there is something to apply; empty if it
  /// does not.
  [[nodiscard]] std::string trouble() const;
  /// Calls `answer` on the copy's thread, between two records, or with null if the copy is closed
  /// before that; errc::busy if too many wait.
  result<void> ask(unique_function<void(const tree_status*)> answer);
  /// An image at or behind `mark` is wanted: it is made at the next MARK that is applied, or at
  /// once if the last record that was applied is one.
  void want_checkpoint(txid mark);
  /// True if a checkpoint is due by time or by number of records, or the last one has failed some
  /// time ago, and a MARK is needed for it.
  [[nodiscard]] bool checkpoint_due() const;
  /// The last checkpoint has failed and waits to be tried again.
  [[nodiscard]] bool checkpoint_failed() const;
  /// Last record in the newest image; 0: none.
  [[nodiscard]] txid image() const;

  [[nodiscard]] cluster_id cluster() const;
  /// Ends the threads, what was appended becomes durable. A checkpoint that is being made is given
  /// up. Later calls give the same answer.
  result<void> stop();

 private:
  replica(io::file_system& fs, replica_options options, replica_callbacks on);
  result<void> load();
  void note_durable(txid upto);
  void note_start(std::string_view line);
  void run();
  [[nodiscard]] bool work_to_do() const;
  result<void> apply_some(txid upto);
  result<void> apply_line(std::string_view line);
  void answer_questions();
  [[nodiscard]] bool checkpoint_wanted() const;
  bool pause_after(const failure& why);
  void checkpoint();
  void prune(std::int64_t log_time_ms) const;
  void fail(const failure& why);

  io::file_system& fs_;
  const replica_options options_;
  replica_callbacks on_;
  std::unique_ptr<journal::journal> journal_;

  // The puller's.
  log_place place_;
  node_id leader_;
  std::deque<log_place> places_;  // ends of appends that may not be durable yet
  log_place durable_place_;
  meta::line_parser start_parser_;

  // The copy's thread's.
  bool at_mark_ = false;  // the last record was one, and no image was made there
  std::unique_ptr<meta::state> state_;
  meta::line_parser parser_;
  meta::record record_;

  mutable std::mutex mutex_;
  std::condition_variable wake_;    // of the copy's thread
  std::condition_variable synced_;  // of wait_durable()
  txid committed_;                  // under mutex_, as all that follows
  txid applied_;
  txid wanted_mark_;
  txid image_;
  cluster_id cluster_;
  std::uint64_t changes_ = 0;       // applied since the last checkpoint
  std::int64_t checkpoint_ms_ = 0;  // when the last one was made, or the copy opened
  std::int64_t took_ms_ = 0;        // the last one
  std::int64_t retry_at_ms_ = 0;    // the last one has failed: when it is due again; 0: it has not
  std::deque<unique_function<void(const tree_status*)>> questions_;
  std::string trouble_;  // why records cannot be read back at the moment
  bool stopping_ = false;
  bool failed_ = false;
  std::stop_source image_stop_;
  std::thread cleaner_;  // drops what a checkpoint has made superfluous
  std::thread thread_;
};

}  // namespace ssdfs::backup
