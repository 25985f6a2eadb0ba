// From the bytes of a volume file to its index and state.
#pragma once

#include "base/result.hpp"
#include "io/file.hpp"
#include "volume/chunk_index.hpp"
#include "volume/needle.hpp"
#include "volume/records.hpp"
#include "volume/scan.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace ssdfs::volume {

/// Applies records in the order of the file: what a live volume does, done again. Used by recovery,
/// rebuild, and the offline tools.
class replayer {
 public:
  replayer(chunk_index& index, replica_status& status) : index_(index), status_(status) {}

  void apply(const scanned_record& record);

  /// Chunks and payloads that did not match their CRC: not live.
  [[nodiscard]] std::uint32_t bad() const noexcept { return bad_; }
  /// State records whose digest is not that of the chunks before them: something is missing.
  [[nodiscard]] std::uint32_t digest_mismatches() const noexcept { return mismatches_; }

 private:
  void apply_data(const scanned_record& record);
  void apply_status(const replica_status& recorded);
  void apply_keys(const scanned_record& record);

  chunk_index& index_;
  replica_status& status_;
  std::uint32_t bad_ = 0;
  std::uint32_t mismatches_ = 0;
};

struct recovered_volume {
  chunk_index index;
  replica_status status;      ///< digest and highest key are the index's
  std::uint64_t length = 0;   ///< where the next record goes; what lies behind is torn
  std::uint64_t covered = 0;  ///< by the checkpoint that was used; superblock_size if none was
  std::uint64_t damaged_bytes = 0;
  std::uint32_t bad_records = 0;
  std::uint64_t index_bytes = 0;  ///< size of the checkpoint that was used
};

struct recovery_input {
  io::file* file = nullptr;
  std::uint64_t file_size = 0;
  superblock identity;
  std::string path;  ///< for log lines
  /// Checkpoint of this very file, or null for a full scan.
  std::shared_ptr<const index_file> checkpoint;
};

/// Checkpoint plus tail scan; changes nothing on disk. errc::io if the file cannot be read.
result<recovered_volume> recover(const recovery_input& in);

/// The checkpoint beside `volume_path` if it belongs to this file and does not speak of more than
/// `file_size` bytes; null otherwise, which is logged. Finishes a compaction that died between the
/// two renames: then the checkpoint still has its temporary name.
std::shared_ptr<const index_file> load_checkpoint(io::file_system& fs,
                                                  const std::string& volume_path,
                                                  const superblock& identity,
                                                  std::uint64_t file_size);

/// Path of the checkpoint of a volume file: ".vol" replaced by ".idx".
[[nodiscard]] std::string index_path(const std::string& volume_path);

/// Suffix of files that are not valid yet; removed at start.
inline constexpr const char* new_suffix = ".new";

}  // namespace ssdfs::volume
