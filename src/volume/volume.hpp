// One volume of a datanode: an append-only file of chunks with its index.
#pragma once

#include "base/bytes.hpp"
#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "base/volume_info.hpp"
#include "io/file.hpp"
#include "volume/chunk_index.hpp"
#include "volume/group_sync.hpp"
#include "volume/large_write.hpp"
#include "volume/needle.hpp"
#include "volume/records.hpp"
#include "volume/recovery.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

namespace ssdfs::volume {

/// When appended chunks are made durable. Seals, removals and changes of generation always are
/// before they are acknowledged.
enum class sync_policy : std::uint8_t {
  none,      ///< when the operating system likes
  interval,  ///< by volume_set::sync_dirty, which a timer calls
  always,    ///< before the append is acknowledged, many with one fdatasync
};

/// Says whether a disk has room. Thread-safe.
class space_gate {
 public:
  virtual ~space_gate() = default;
  /// True if a volume file of `volume_length` bytes may grow by `bytes` and the disk still keeps
  /// its reserve and room to rewrite its largest volume.
  virtual bool admit(std::uint64_t bytes, std::uint64_t volume_length) = 0;
  /// A call to the disk failed with errc::io: it should be looked at. Does not block.
  virtual void trouble() noexcept = 0;
};

/// What a volume needs from its surroundings; all of it outlives the volume.
struct environment {
  io::file_system* fs = nullptr;
  sync_policy sync = sync_policy::interval;
  std::uint64_t max_volume_size = std::uint64_t{1} << 30;  ///< appends beyond: errc::no_space
  space_gate* space = nullptr;                             ///< null: no limit
};

/// One chunk to store. What it points to lives until the call returns; nothing is copied.
struct append_item {
  generation_t generation = 0;
  chunk_key key = 0;
  std::uint32_t size = 0;             ///< 1 to max_chunk_size
  std::uint32_t crc = 0;              ///< CRC32C of the content
  std::span<const bytes_view> parts;  ///< the content, `size` bytes together
  /// The caller has checked `crc` against the content. If false, it is checked here. Contents over
  /// 64 KiB need their block CRCs anyway, which prove `crc` on the way: there it is always checked
  /// and the caller best leaves that work to the volume.
  bool crc_verified = false;
};

/// On whose behalf chunks are stored.
enum class write_mode : std::uint8_t {
  client,   ///< a grant: the volume must be open at the item's generation
  restore,  ///< a copy from another replica, see volume::append_batch
};

/// Whether append_batch waits for durability under sync_policy::always.
enum class durability {
  by_policy,  ///< as the policy says
  deferred,   ///< the caller calls sync_appended() before it acknowledges
};

/// A live chunk, found. Keeps its file open, so it stays readable after compaction or drop.
struct location {
  std::shared_ptr<io::file> file;
  std::uint64_t offset = 0;  ///< of the first content byte in the file
  chunk_key key = 0;
  std::uint32_t size = 0;
  std::uint32_t crc = 0;
};

struct append_options {
  write_mode mode = write_mode::client;
  durability wait = durability::by_policy;
};

struct live_chunk {
  chunk_key key = 0;
  std::uint32_t size = 0;
  std::uint32_t crc = 0;
  friend bool operator==(const live_chunk&, const live_chunk&) = default;
};

struct compaction_options {
  std::int64_t now_ms = 0;  ///< wall clock: tombstones older than tombstone_ms are dropped
  std::int64_t tombstone_ms = 24 * 3600 * 1000;
  bool drop_settled = true;  ///< those that need nobody's word, from their time on
  /// Called after every piece of work with its bytes; may sleep to limit the rate. False gives the
  /// compaction up (errc::cancelled), without effect.
  unique_function<bool(std::uint64_t bytes)> go_on;
};

struct compaction_result {
  std::uint64_t old_length = 0;
  std::uint64_t new_length = 0;
};

/// How far a scrub got and what it found.
struct scrub_result {
  chunk_key next = 0;       ///< where to go on; 0 at the end
  std::uint64_t bytes = 0;  ///< read
  std::uint32_t bad = 0;    ///< records newly found bad
};

/// Operation: see docs/formats/volume.md for the file. A key is burnt by the first attempt to
/// write it: it can become live once and never names other content. After a failed write or sync
/// of acknowledged data the volume is *fenced*: it still reads, but takes no changes and reports
/// itself damaged, until it is dropped in favour of a copy.
/// Concurrency: all functions are thread-safe. All of them block on the disk and belong in the
/// disk pool, but for those marked non-blocking. Appends, removals and changes of state exclude
/// each other; reads run beside everything. append_batch reuses its scratch memory, so in the
/// steady state it allocates nothing.
/// Limitations: a closed volume's index is a mapped file, so a non-blocking probe may still wait
/// for a page of it that the kernel dropped.
class volume : public std::enable_shared_from_this<volume> {
 public:
  struct creation {
    volume_id id;
    generation_t generation = 1;
    cluster_id cluster;
    /// Made to receive a copy: takes restore_batch and adopt only, and reports `recovering`.
    bool recovering = false;
  };

  /// Makes the file `path` (…/<id>.vol) durably. errc::exists if it is there.
  static result<std::shared_ptr<volume>> create(const environment& env, const std::string& path,
                                                const creation& what);
  /// Opens an existing file: checkpoint, tail scan, torn tail cut; a full scan if the checkpoint
  /// is missing or does not fit. errc::damaged if the file cannot be a volume any more.
  static result<std::shared_ptr<volume>> open(const environment& env, const std::string& path,
                                              volume_id id);

  [[nodiscard]] volume_id id() const noexcept { return id_; }  ///< non-blocking

  // ---- appends ----

  /// Stores many chunks with one write. `outcome[i]` (as many as items) is set to success or:
  /// key_conflict: the key is known with other content, burnt, or still being written;
  ///   (known with the same size and CRC is success);
  /// sealed, stale_generation: this volume does not take appends (of this generation);
  /// no_space: volume or disk full; nothing is damaged and everything else goes on;
  /// checksum: the content does not match `crc`; invalid_argument: size, key or parts out of range;
  /// damaged, io: the volume is, or has just been, fenced.
  /// With write_mode::restore the caller vouches that the keys are live elsewhere: they are taken
  /// in sealed and recovering volumes too, whatever their generation, and for burnt and tombstoned
  /// keys, and in place of records known to be bad.
  void append_batch(std::span<const append_item> items,
                    std::span<boost::system::error_code> outcome, append_options options = {});

  /// Makes everything appended so far durable, if the policy is `always` (else returns at once);
  /// concurrent callers share one fdatasync.
  result<void> sync_appended();

  /// Reserves the extent of a chunk that is written in pieces; `item.parts` is not looked at.
  /// Errors as append_batch; a key that is live with the same content is errc::exists, which the
  /// caller acknowledges as stored.
  result<std::shared_ptr<large_write>> begin_large(const append_item& item,
                                                   write_mode mode = write_mode::client);
  /// Writes a piece at `offset` of the content, a multiple of 64 KiB; its length is one, too, or
  /// reaches the end of the content. Pieces may come in any order and, the same, again.
  /// errc::key_conflict for other content where some was written; errc::aborted if the write is
  /// over.
  result<void> write_piece(large_write& to, std::uint64_t offset,
                           std::span<const bytes_view> parts);
  /// Makes the chunk live and the write over. errc::checksum if the pieces are not all there or do
  /// not match the CRC, errc::sealed if the volume was sealed meanwhile. Durable as an append is.
  result<void> finish_large(large_write& done, durability wait = durability::by_policy);
  /// Gives the extent up: it is dead space, the key stays burnt. So does dropping the handle.
  /// Waits at most for a piece under way.
  void abort_large(large_write& done);

  // ---- reads ----

  /// Non-blocking. errc::not_found if the key is not live, errc::damaged if the index is (it is
  /// rebuilt by the next maintain()).
  result<location> probe(chunk_key key) const;

  /// Reads [offset, offset + out.size()) of a chunk, verified: a chunk up to 64 KiB by its CRC,
  /// a longer one by the CRCs of the blocks touched, themselves proven by the chunk's CRC.
  /// errc::checksum: the bytes on disk are bad; the record is noted as such and `out` is void.
  /// errc::invalid_argument for a range outside the chunk.
  result<void> read(const location& at, std::uint32_t offset, bytes_span out);
  /// As read, from the page cache only: errc::busy if the disk would be needed. Non-blocking.
  result<void> read_cached(const location& at, std::uint32_t offset, bytes_span out);
  /// Verifies as read does, without delivering: afterwards location::file and location::offset
  /// may be handed to sendfile.
  result<void> verify(const location& at, std::uint32_t offset, std::uint32_t length);

  /// Live chunks in order of key, from `from` on, at most `limit`.
  result<std::vector<live_chunk>> list_live(chunk_key from, std::size_t limit) const;

  /// Verifies live chunks, headers included, from key `from` on until `max_bytes` are read (at
  /// least one chunk). From key 0 on it begins with the file itself: a damaged superblock is
  /// written again, a file that is gone from its directory fences the volume (errc::damaged).
  result<scrub_result> scrub(chunk_key from, std::uint64_t max_bytes);
  /// Keys whose records are known to be bad, sorted; restore_batch heals them.
  [[nodiscard]] std::vector<chunk_key> bad_keys() const;
  /// Writes a record anew whose content can still be read here (its header was bad, or the disk has
  /// recovered). False if it cannot: another replica has to help.
  result<bool> heal_here(chunk_key key);

  // ---- life ----

  /// Persists that no more appends are taken, gives up unfinished large writes, and reports.
  /// Idempotent. errc::stale_generation unless `generation` is the volume's;
  /// errc::precondition while recovering.
  result<replica_report> seal(generation_t generation);
  /// Takes appends again, of the new generation only, which must be higher. errc::precondition
  /// unless sealed. Keys below `first_key` are burnt but for those that are here, and no others: a
  /// key that nobody was granted must not take those behind it along. 0: all up to the highest.
  result<replica_report> reopen(generation_t generation, chunk_key first_key = 0);
  /// A change of members of a sealed volume; the generation never falls (errc::stale_generation).
  /// Idempotent.
  result<replica_report> set_generation(generation_t generation);
  /// Ends a copy or a reconcile: sealed from here on, with the generation and removal number whose
  /// list of live chunks the contents were made equal to. Neither ever falls.
  result<replica_report> adopt(generation_t generation, std::uint64_t removal_number);

  /// Applies removal batch `number` durably. Keys that are not live are fine. A batch that was
  /// applied before is a success; errc::precondition if batches in between are missing (the next
  /// expected is report().removal_number + 1). Works in every state, also on a full disk.
  result<void> remove_keys(std::uint64_t number, std::span<const chunk_key> keys);

  /// Sets live chunks aside as orphans: not readable, not in the digest, kept until compaction
  /// finds them old enough. Durable.
  result<void> tombstone_keys(std::int64_t now_ms, std::span<const chunk_key> keys);
  /// The same for chunks that can never be live: compaction may drop them from `from_ms` on, wall
  /// clock, however many they are. Those that are set aside already may go then, too.
  result<void> discard_keys(std::int64_t from_ms, std::span<const chunk_key> keys);
  /// Makes tombstoned chunks live again; others are left alone. Durable.
  result<void> revive_keys(std::span<const chunk_key> keys);
  [[nodiscard]] std::vector<live_chunk> tombstoned() const;
  /// What is set aside. Of what was not discarded, more than 1 % of the volume's bytes wait for
  /// release_orphans() before compaction may drop them, however old they are: they may be what lost
  /// history knew.
  struct orphan_state {
    std::uint64_t chunks = 0;
    std::uint64_t bytes = 0;    ///< content
    std::uint64_t waiting = 0;  ///< of the chunks, those that wait
  };
  [[nodiscard]] orphan_state orphans() const;
  /// An operator has looked at the orphans of now: compaction may drop them. Durable.
  result<void> release_orphans();
  /// Counts the orphans that compaction may drop at this time as dead bytes from here on. For a
  /// timer.
  void expire_orphans(std::int64_t now_ms);
  /// For compaction_options: tombstones older than this may be dropped.
  [[nodiscard]] std::int64_t tombstone_age_ms() const;

  [[nodiscard]] replica_report report() const;  ///< non-blocking

  /// Rewrites a sealed volume without its dead bytes: new file, every record verified against its
  /// source, one commit point (a rename). Removals may come meanwhile; a reopening or a restored
  /// chunk makes it give up with errc::busy, a bad record with errc::checksum. At any crash the
  /// old file or the new one is there, whole.
  result<compaction_result> compact(compaction_options options);

  // ---- upkeep ----

  /// Syncs what was appended (not under sync_policy::none) and writes a checkpoint of the index
  /// when enough has changed; rebuilds a damaged index. For a timer.
  result<void> maintain();
  /// Syncs and writes a checkpoint now, for a graceful stop.
  result<void> checkpoint();

  /// The disk has failed: no more changes, and the replica counts as damaged. What can still be
  /// read is served.
  void fail(const failure& why) { static_cast<void>(fence(why)); }

  /// No more changes of its files from here on (errc::shutting_down): they go away, or the process
  /// does. Waits for those under way, but not for a compaction, which gives up.
  void retire();

  /// Bytes on disk of file and index. Non-blocking.
  [[nodiscard]] std::uint64_t disk_bytes() const noexcept {
    return length_.load(std::memory_order_relaxed) + index_bytes_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t length() const noexcept {
    return length_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// How often the replica has moved to another directory.
  [[nodiscard]] std::uint32_t moves() const {
    const guard lock(append_mutex_);
    return identity_.moves;
  }
  /// Of the file: compaction and moves change it. Waits for a write under way.
  [[nodiscard]] std::uint64_t salt() const {
    const guard lock(append_mutex_);
    return identity_.salt;
  }
  ~volume();
  volume(const volume&) = delete;
  volume& operator=(const volume&) = delete;

 private:
  friend class compactor;
  struct scratch;
  using error_code = boost::system::error_code;
  using guard = std::lock_guard<std::mutex>;

  volume(const environment& env, std::string path, const superblock& identity,
         std::unique_ptr<io::file> file);

  // volume_append.cpp, under append_mutex_
  void prepare(std::span<const append_item> items, std::span<error_code> outcome);
  void admit(std::span<const append_item> items, std::span<error_code> outcome, write_mode mode);
  error_code admit_one(const append_item& item, write_mode mode, bool room);
  void lay_out(std::span<const append_item> items);
  void store(std::span<const append_item> items, std::span<error_code> outcome, write_mode mode);
  void settle(std::span<const append_item> items, std::span<error_code> outcome,
              const result<void>& written);
  error_code refusal(const append_item& item, write_mode mode) const;  // and index_mutex_
  result<void> undo_write(const failure& why);
  result<std::uint64_t> append_control(record_kind kind, bytes_view payload);

  // volume_large.cpp
  result<void> reserve_extent(const append_item& item, std::uint64_t at);
  result<void> complete(large_write& done);
  void give_up_large();

  // volume_life.cpp
  result<void> append_status(const replica_status& status);
  result<void> change_status(replica_state state, generation_t generation,
                             std::uint64_t removal_number);
  result<void> set_aside(record_kind kind, const aside_time& at, std::span<const chunk_key> keys);
  result<void> check_usable() const;
  failure fence(const failure& why);
  [[nodiscard]] replica_status status_locked() const;  // under index_mutex_
  [[nodiscard]] replica_report report_locked() const;  // under index_mutex_
  [[nodiscard]] orphan_state orphans_locked() const;   // under index_mutex_

  // volume_read.cpp
  result<void> read_with(const location& at, std::uint32_t offset, bytes_span out, bool cached);
  result<std::vector<chunk_entry>> entries(chunk_key from, std::size_t limit) const;
  void note_bad(const location& at, const failure& why) const;

  // volume_scrub.cpp
  result<void> scrub_start();
  [[nodiscard]] bool header_intact(const location& at);

  // volume_upkeep.cpp
  void install(recovered_volume&& recovered);
  result<void> write_checkpoint();  // takes checkpoint_mutex_ and append_mutex_
  [[nodiscard]] std::vector<std::byte> snapshot(std::uint64_t& version, result<void>& outcome);
  result<void> rebuild();
  [[nodiscard]] bool checkpoint_due();

  const environment env_;
  const std::string path_;
  const volume_id id_;

  // Lock order: checkpoint_mutex_, append_mutex_, a large write's, the group sync's, index_mutex_.
  std::mutex checkpoint_mutex_;  // one writer of the index file; held across compaction's commit
  mutable std::mutex append_mutex_;  // excludes changes of the file; held during their writes
  superblock identity_;              // the salt changes with compaction
  header_seal seal_;                 // as identity_
  std::unique_ptr<scratch> scratch_;
  std::vector<std::weak_ptr<large_write>> large_;  // under way, or over and not yet forgotten
  std::uint64_t checkpointed_ = 0;                 // file length that the index file covers
  std::uint64_t checkpoint_version_ = 0;           // version_ that it shows

  mutable std::mutex index_mutex_;  // held for moments only, never during writes or syncs
  std::shared_ptr<io::file> file_;  // replaced by compaction, under append_mutex_, too
  chunk_index index_;
  replica_state state_ = replica_state::open;
  generation_t generation_ = 0;
  std::uint64_t removal_number_ = 0;
  std::uint64_t pending_bytes_ = 0;  // extents of large writes under way
  std::uint64_t version_ = 1;        // counts changes of what a checkpoint holds
  mutable boost::unordered_flat_map<chunk_key, std::uint64_t> bad_;  // key to content offset
  bool compacting_ = false;
  bool compaction_void_ = false;              // something changed that compaction cannot follow
  std::vector<chunk_key> removed_meanwhile_;  // while compacting
  std::uint64_t expired_bytes_ = 0;  // extents of tombstones that compaction may drop by now

  group_sync sync_;
  std::atomic<std::uint64_t> length_{0};  // changed under append_mutex_
  std::atomic<std::uint64_t> index_bytes_{0};
  std::atomic<bool> fenced_{false};
  std::atomic<bool> retired_{false};
  mutable std::atomic<bool> index_damaged_{false};
};

/// Path of the marker that a fenced volume leaves, so that it is still damaged after a restart.
[[nodiscard]] std::string fence_path(const std::string& volume_path);

}  // namespace ssdfs::volume
