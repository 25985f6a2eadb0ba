// Rewrites one volume without its dead bytes, where it is or in another directory.
#pragma once

#include "base/crc32c.hpp"
#include "volume/recovery.hpp"
#include "volume/volume.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ssdfs::volume {

/// One compaction or move, done once. Operation: the live chunks are copied, each verified on the
/// way, to a file with a new salt under a temporary name of its own (the volume may be dropped and
/// made anew meanwhile); that file is synced, read back and compared; then, with changes shut out,
/// the removals that came meanwhile are added, the new index is written beside, and one rename
/// makes the new file the volume. Until that rename everything is as it was; what failed before it
/// leaves nothing behind.
///
/// A move does the same with a name in another directory: `v` is retired with the rename, still
/// readable by those who hold it, and its own files are the caller's to remove, after the new one
/// has been opened.
/// Concurrency: prepare() and commit() block and are called one after the other on any thread.
class compactor {
 public:
  /// `path`: what the new file is called: `v.path()`, or the volume's name in another directory of
  /// the same file system seam. `v` outlives the compactor.
  compactor(volume& v, compaction_options options, std::string path);
  /// Without a commit(): nothing has happened.
  ~compactor();
  compactor(const compactor&) = delete;
  compactor& operator=(const compactor&) = delete;

  /// Writes and verifies the new file. May take long; changes of the volume go on. Errors as
  /// volume::compact.
  result<void> prepare();
  /// Makes the new file the volume. Short, but for a sync. errc::exists if another file has its
  /// name.
  result<compaction_result> commit();

 private:
  result<void> begin();
  result<void> copy();
  result<void> copy_chunk(const chunk_entry& e);
  result<void> copy_blocks(const chunk_entry& e);
  result<void> copy_tombstones();
  failure bad(const chunk_entry& e);
  result<void> read_back();
  result<void> add_last_records();
  result<void> write_index();
  result<void> switch_over();
  result<void> publish();
  void finish();
  void clean_up();

  result<void> put(bytes_view bytes);
  result<void> put_control(record_kind kind, bytes_view payload);
  result<void> pad();
  result<void> flush();
  result<void> fetch(bytes_span out, std::uint64_t offset);
  result<void> go_on(std::uint64_t bytes);

  volume& volume_;
  compaction_options options_;
  bool under_way_ = false;  // the volume is told so
  bool done_ = false;
  const std::string path_;
  const std::string new_path_;
  const std::string new_index_path_;

  std::shared_ptr<io::file> source_;
  std::unique_ptr<io::file> target_;
  superblock identity_;  // of the new file
  header_seal seal_;
  replica_status before_;                    // of the volume when it began
  std::vector<chunk_entry> chunks_;          // to copy, in the order of the old file
  std::vector<tombstone_entry> tombstones_;  // of chunks_, kept
  std::vector<std::byte> buffer_;            // not written yet
  std::vector<std::byte> piece_;             // read from the source
  std::uint64_t offset_ = 0;                 // of buffer_ in the new file
  chunk_index index_;                        // of the new file, as it was read back
  replica_status status_;                    // as the new file's records say
  compaction_result result_;
};

}  // namespace ssdfs::volume
