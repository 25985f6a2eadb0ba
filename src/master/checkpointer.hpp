// Checkpoints of a master: when one is due, who makes it, which images are adopted, and what they
// make superfluous.
#pragma once

#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "io/child_process.hpp"
#include "io/file.hpp"
#include "master/known_states.hpp"

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace ssdfs::master {

class core;

/// How it stands with checkpoints.
struct checkpoint_status {
  txid image;           ///< last record in the newest adopted image; 0: there is none
  txid wanted;          ///< an image at or behind this MARK is being made; 0: nothing under way
  std::string failure;  ///< why the last one failed; empty if it did not
  /// What is being done, also about an image that a backup made by itself: "writing", "sending" or
  /// "checking"; empty: nothing.
  std::string_view stage;
  std::uint64_t bytes_done = 0;
  std::uint64_t bytes_total = 0;  ///< 0: not known, as while it is written
};

/// Operation: an image is wanted when somebody calls request(), or when tick() finds that enough
/// time has passed or enough records were logged since the last one, or since the last one failed.
/// A MARK is logged, and a backup is asked for an image at or behind it (`ask_backup`); if there is
/// none, a child process makes it from the files of the data directory. Either way adopt() gets the
/// finished file: it must hold the state of a MARK that this master knows, and every byte is read
/// and checked, on a thread of its own. Then it is renamed into place, and images and segments that
/// are no longer needed are dropped.
///
/// Concurrency: functions belong to the namespace strand, but what says otherwise.
class checkpointer {
 public:
  explicit checkpointer(core& shared);
  /// As stop().
  ~checkpointer();
  checkpointer(const checkpointer&) = delete;
  checkpointer& operator=(const checkpointer&) = delete;

  /// Set by the part that serves backups, before start(): asks a connected backup for an image at
  /// or behind the MARK `wanted`, which it uploads and hands to adopt(). False: no backup is
  /// connected. Called on the strand; again for the same `wanted` if no image came in time.
  unique_function<bool(txid wanted)> ask_backup;

  /// Set likewise: true while a backup is connected, which then decides by itself when an image is
  /// due.
  unique_function<bool()> has_backup;

  /// After core::open().
  void start();

  /// Wants an image now. Returns the MARK that it will be at or behind; joins one that is under
  /// way. Failures are the log's.
  result<txid> request();

  /// Any thread.
  [[nodiscard]] checkpoint_status status() const;

  /// A backup has sent so much of an image. Any thread.
  void note_upload(std::uint64_t received, std::uint64_t size);

  /// Verifies `path`, a file in the data directory whose name ends in ".tmp", and makes it the
  /// newest image. Calls `done` on the strand with the image's txid; on a failure the file is
  /// removed and nothing else changed: damaged (what is wrong where), precondition (it stands at no
  /// MARK of this log, or is not newer than what is there).
  void adopt(std::string path, unique_function<void(result<txid>)> done);

  /// Path of the newest adopted image, to send to a backup; empty if there is none. An open file
  /// stays readable when the image is dropped. Any thread.
  [[nodiscard]] std::string newest_image() const;

  /// Now and then: begins what is due, and again what got lost.
  void tick(std::int64_t now_ms);

  /// Ends what is under way (a child is killed, an unfinished image removed) and joins. Any thread
  /// but the strand's.
  void stop();

  /// When the last request was handled: logs a MARK if save_at_stop() is going to have something
  /// to do, because something changed since the last image and no backup is connected.
  void prepare_stop();
  /// Then, after stop(), when the log was closed without a failure and the strand is quiet: saves
  /// the image of the state. Blocks.
  result<void> save_at_stop();

 private:
  using callback = unique_function<void(result<txid>)>;
  using job = unique_function<void()>;

  void run();
  void enqueue(job next);
  [[nodiscard]] bool stopping() const;
  [[nodiscard]] bool due(std::int64_t now_ms) const;
  void pursue(txid wanted, std::int64_t now_ms);
  void make_in_child(txid mark);
  result<void> run_child(txid mark);
  void check(std::string path, callback done);
  [[nodiscard]] std::uint64_t size_of(const std::string& path) const;
  void place(const std::string& path, const known_state& at, callback done);
  void prune() const;
  void answer(callback done, result<txid> outcome);
  void finished(const result<txid>& made, bool for_good);
  void set_stage(std::string_view stage, std::uint64_t done, std::uint64_t total);

  core& core_;
  io::file_system& files_;
  std::int64_t last_ms_ = 0;       // when the last one ended
  bool failed_ = false;            // the last one, in a way that may pass
  std::int64_t retry_at_ms_ = 0;   // after a failure: not before
  std::int64_t pursue_at_ms_ = 0;  // when what is wanted is seen to again
  bool child_wanted_ = false;      // a job of make_in_child is queued or runs
  bool stop_image_ = false;

  mutable std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<job> jobs_;                      // under mutex_
  checkpoint_status status_;                  // under mutex_
  std::string newest_;                        // under mutex_
  bool stopping_ = false;                     // under mutex_
  std::shared_ptr<io::child_process> child_;  // under mutex_: while it runs
  std::thread worker_;
};

}  // namespace ssdfs::master
