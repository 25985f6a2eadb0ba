// One directory of a datanode, usually one disk: lock, identity, space.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "io/file.hpp"
#include "io/identity.hpp"
#include "io/place.hpp"
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

/// What is kept free on a disk.
struct disk_reserve {
  std::optional<std::uint64_t> bytes;  ///< if not set, this share of it:
  double share = 0.02;
};

/// Operation: `<path>/LOCK`, `<path>/identity.json` (io/identity.hpp), `<path>/volumes/`, which may
/// be a mount point or a link: the disk that is measured is the one below it. `volumes/home.json`
/// names the directory, so that an empty mount point is not taken for it. A file `<path>/NEW` is an
/// operator's word that the directory is to be begun anew. A directory that failed stays in the
/// list with its problem and takes no part. Life: look(), then set aside with fail(), or make() and
/// take(); set_identity() makes one that is new the node's own. Concurrency: thread-safe after
/// take().
class data_directory final : public space_gate {
 public:
  data_directory(io::file_system& fs, directory_options options, const disk_reserve& reserve);

  /// Reads what is there and changes nothing. errc::invalid_argument (the directory of another
  /// role) is the operator's to solve; after other failures the directory is out of use
  /// (problem()), which is a success here.
  result<void> look();
  /// Makes the directory if it is missing. After a failure it is out of use.
  void make();
  /// Locks it; a known one must have its volumes. As look(); errc::locked is the operator's to
  /// solve, too.
  result<void> take();
  void close();

  /// None if the directory is new.
  [[nodiscard]] const std::optional<io::identity>& identity() const noexcept { return identity_; }
  /// An operator said that it is to be begun anew.
  [[nodiscard]] bool declared_new() const noexcept { return declared_new_; }
  /// It was there when it was looked at.
  [[nodiscard]] bool present() const noexcept { return present_; }
  /// Of the directory itself; empty while it is not known.
  [[nodiscard]] const io::directory_place& place() const noexcept { return place_; }
  /// Of its volumes: once it was taken.
  [[nodiscard]] const io::directory_place& volumes_place() const noexcept { return home_; }
  /// Writes it durably, with the mark beside the volumes before it, and ends declared_new().
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
  /// the directory is out of use from here on; likewise, and at once, if its volumes are another
  /// directory by now, as when the disk was unmounted. True if that has just happened. Blocks.
  [[nodiscard]] bool check();
  /// Of a directory that check() has put out of use: tries the disk out again, every few seconds at
  /// most. True if it has done its work several times, and is in use again from here on. Blocks.
  [[nodiscard]] bool works_again(std::int64_t now_ms);

  /// If several of the node's directories are on one disk: what part of its capacity this one has,
  void set_capacity_share(double share);
  /// and what part of the bytes that are free there. 0 to 1.
  void set_free_share(double share);
  /// Bytes that the capacity leaves to this directory, whatever is free on the disk.
  [[nodiscard]] std::uint64_t allowed() const;
  /// Bytes of the whole file system below the volumes.
  [[nodiscard]] result<std::uint64_t> disk_capacity();
  /// What the operator allows at most.
  [[nodiscard]] std::optional<std::uint64_t> capacity_option() const noexcept {
    return options_.capacity;
  }

  /// Looks at the disk again. `used` is what the volumes here take, `largest` the largest of them.
  void refresh(std::uint64_t used, std::uint64_t largest);
  [[nodiscard]] std::uint64_t capacity() const;
  [[nodiscard]] std::uint64_t used() const;
  /// Bytes that appends may still take here.
  [[nodiscard]] std::uint64_t available() const;
  /// Bytes that are not in use, those kept for compaction included, the reserve aside.
  [[nodiscard]] std::uint64_t free() const;

 private:
  result<void> read();
  result<void> prepare();
  result<void> find_volumes();
  result<void> find_place(const std::string& directory, io::directory_place& out);
  [[nodiscard]] std::string mark_path() const { return volumes_path() + "/home.json"; }
  result<void> try_out();
  void measure();                                                 // under mutex_
  [[nodiscard]] std::uint64_t room(std::uint64_t largest) const;  // under mutex_

  io::file_system& fs_;
  const directory_options options_;
  const disk_reserve reserve_;
  std::unique_ptr<io::directory_lock> lock_;
  std::optional<io::identity> identity_;
  bool declared_new_ = false;
  bool present_ = false;
  io::directory_place place_;
  io::directory_place home_;

  std::atomic<bool> troubled_{false};
  int tries_ = 0;  // of check() that failed, or of works_again() that did not, in a row
  std::int64_t try_at_ms_ = 0;
  bool failed_in_use_ = false;

  mutable std::mutex mutex_;
  std::string problem_;
  double capacity_share_ = 1;
  double free_share_ = 1;
  std::uint64_t capacity_ = 0;    // of this directory
  std::uint64_t free_ = 0;        // bytes of the disk that may still be used, the reserve aside
  std::uint64_t used_ = 0;        // by volumes
  std::uint64_t largest_ = 0;     // volume
  std::uint64_t unmeasured_ = 0;  // admitted since the last look at the disk
};

}  // namespace ssdfs::volume
