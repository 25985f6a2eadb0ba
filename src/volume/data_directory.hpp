// One directory of a datanode, usually one disk: lock, identity, space.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "io/file.hpp"
#include "io/identity.hpp"
#include "volume/volume.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

namespace ssdfs::volume {

struct directory_options {
  std::string path;
  std::optional<std::uint64_t> capacity;  ///< bytes; default: the whole disk
};

/// Operation: `<path>/LOCK`, `<path>/identity.json` (io/identity.hpp), `<path>/volumes/`. A
/// directory that failed stays in the list with its problem and takes no part.
/// Concurrency: thread-safe after open().
class data_directory final : public space_gate {
 public:
  data_directory(io::file_system& fs, directory_options options,
                 std::optional<std::uint64_t> reserved);

  /// Makes the directory if it is missing, locks it and reads its identity. errc::locked and
  /// errc::invalid_argument (the directory of another role) are the operator's to solve; after
  /// other failures the directory is out of use (problem()), which is a success here.
  result<void> open();
  void close();

  /// None if the directory is new.
  [[nodiscard]] const std::optional<io::identity>& identity() const noexcept { return identity_; }
  /// Writes it durably.
  result<void> set_identity(const io::identity& identity);

  [[nodiscard]] const std::string& path() const noexcept { return options_.path; }
  [[nodiscard]] std::string volumes_path() const { return options_.path + "/volumes"; }
  [[nodiscard]] std::string volume_path(volume_id id) const;

  [[nodiscard]] bool usable() const;
  [[nodiscard]] std::string problem() const;
  void fail(const failure& why);

  /// space_gate: asks the file system once in a while, not for every append.
  bool admit(std::uint64_t bytes, std::uint64_t volume_length) override;
  void trouble() noexcept override { troubled_ = true; }

  /// If a call to the disk has failed since the last time: writes, syncs and reads a small file to
  /// see whether the disk still does its work. If it does not, and not at the next calls either,
  /// the directory is out of use from here on: true if that has just happened. Blocks.
  [[nodiscard]] bool check();
  /// Of a directory that check() has put out of use: tries the disk out again, every few seconds at
  /// most. True if it has done its work several times, and is in use again from here on. Blocks.
  [[nodiscard]] bool works_again(std::int64_t now_ms);

  /// Looks at the disk again. `used` is what the volumes here take, `largest` the largest of them.
  void refresh(std::uint64_t used, std::uint64_t largest);
  [[nodiscard]] std::uint64_t capacity() const;
  [[nodiscard]] std::uint64_t used() const;
  /// Bytes that appends may still take here.
  [[nodiscard]] std::uint64_t available() const;
  /// Bytes that are not in use, those kept for compaction included, the reserve aside.
  [[nodiscard]] std::uint64_t free() const;

 private:
  result<void> prepare();
  result<void> try_out();
  void measure();                                                 // under mutex_
  [[nodiscard]] std::uint64_t room(std::uint64_t largest) const;  // under mutex_

  io::file_system& fs_;
  const directory_options options_;
  const std::optional<std::uint64_t> reserved_option_;
  std::unique_ptr<io::directory_lock> lock_;
  std::optional<io::identity> identity_;

  std::atomic<bool> troubled_{false};
  int tries_ = 0;  // of check() that failed, or of works_again() that did not, in a row
  std::int64_t try_at_ms_ = 0;
  bool failed_in_use_ = false;

  mutable std::mutex mutex_;
  std::string problem_;
  std::uint64_t capacity_ = 0;    // of this directory
  std::uint64_t free_ = 0;        // bytes of the disk that may still be used, the reserve aside
  std::uint64_t used_ = 0;        // by volumes
  std::uint64_t largest_ = 0;     // volume
  std::uint64_t unmeasured_ = 0;  // admitted since the last look at the disk
};

}  // namespace ssdfs::volume
