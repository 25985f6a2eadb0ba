// All volumes of a datanode, spread over its data directories.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "base/volume_info.hpp"
#include "io/file.hpp"
#include "volume/data_directory.hpp"
#include "volume/volume.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace ssdfs::volume {

class compactor;

/// "DIR" or "DIR:SIZE" (as in --data-dir); errc::invalid_argument for a bad size.
result<directory_options> parse_directory(std::string_view text);

struct volume_set_options {
  io::file_system* fs = nullptr;                ///< outlives the set
  std::vector<directory_options> directories;   ///< at least one
  std::optional<std::uint64_t> reserved_bytes;  ///< kept free on each disk; if not set, a share:
  double reserved_share = 0.02;
  sync_policy sync = sync_policy::interval;
  std::uint64_t max_volume_size = std::uint64_t{1} << 30;  ///< appends beyond: errc::no_space
};

/// State of one data directory, for reports and metrics.
struct directory_status {
  std::string path;
  std::string problem;          ///< why it is out of use; empty if it is fine
  std::uint64_t capacity = 0;   ///< bytes that volumes may use at most
  std::uint64_t used = 0;       ///< bytes of volumes and indexes
  std::uint64_t available = 0;  ///< bytes that appends may still take
  std::uint64_t free = 0;       ///< bytes that nothing uses, the reserve aside
  std::size_t volumes = 0;
};

/// Where a volume lies.
struct placed_volume {
  replica_report report;
  std::size_t directory = 0;  ///< index into volume_set::status()
};

/// A volume that could not be opened. Its files are left as they are until it is dropped.
struct quarantined_volume {
  volume_id id;
  std::string path;
  std::string problem;
};

/// Operation: opens what is there, whatever the state of the rest: a directory that fails and a
/// volume that cannot be opened are set aside and reported. Only a directory that is in use by
/// another process or belongs to something else stops the start: that is the operator's mistake.
/// Concurrency: thread-safe; everything but find(), reports() and status() blocks.
class volume_set {
 public:
  /// Locks and opens the directories and all their volumes. A set of empty or missing directories
  /// is made, with a new random node identity. A directory of a node that has been here before is
  /// made only if the node did not know it, or with an operator's word (data_directory); else it is
  /// out of use: its disk is not there. Directories on one disk share its space.
  /// errc::locked, errc::wrong_cluster, errc::invalid_argument (bad options, one directory given
  /// twice, directories of different nodes or of another role); errc::io if no directory is usable.
  static result<std::unique_ptr<volume_set>> open(volume_set_options options);
  /// As stop().
  ~volume_set();
  volume_set(const volume_set&) = delete;
  volume_set& operator=(const volume_set&) = delete;

  [[nodiscard]] node_id node() const noexcept { return node_; }
  /// Nil until the node has joined one.
  [[nodiscard]] cluster_id cluster() const;
  /// Binds the directories to a cluster, durably. errc::wrong_cluster if they belong to another.
  result<void> bind_cluster(cluster_id cluster);
  /// The first usable directory, for what else a datanode has to remember. Locked by the set.
  [[nodiscard]] const std::string& primary_directory() const;

  /// Null if the volume is not here or quarantined.
  [[nodiscard]] std::shared_ptr<volume> find(volume_id id) const;
  [[nodiscard]] std::vector<std::shared_ptr<volume>> all() const;
  /// One report a volume, quarantined ones as `damaged` with generation 0; in order of id.
  [[nodiscard]] std::vector<replica_report> reports() const;
  [[nodiscard]] std::vector<quarantined_volume> quarantined() const;
  [[nodiscard]] bool is_quarantined(volume_id id) const;
  [[nodiscard]] std::vector<directory_status> status() const;
  /// Those that are open, in no order.
  [[nodiscard]] std::vector<placed_volume> placed() const;

  struct create_options {
    volume_id id;
    generation_t generation = 1;
    bool recovering = false;           ///< to receive a copy
    std::uint64_t expected_bytes = 0;  ///< size hint of a copy; 0: it will grow to the maximum
  };
  /// Makes a volume in the directory with the largest share of free space, counting what open
  /// volumes will still take. errc::exists, errc::no_space.
  result<std::shared_ptr<volume>> create(const create_options& options);

  /// How large volumes grow, where that is decided elsewhere: what create() expects of open ones.
  void set_volume_size(std::uint64_t bytes) noexcept {
    volume_size_.store(bytes, std::memory_order_relaxed);
  }

  struct move_options {
    std::size_t directory = 0;  ///< index into status(): where to
    /// As for compaction. May be empty.
    unique_function<bool(std::uint64_t bytes)> go_on;
    /// Called with the volume that is in service from here on, before anybody can drop it; with
    /// null if it is in quarantine. The old one is retired: those who hold it can still read.
    unique_function<void(const std::shared_ptr<volume>&)> serve;
  };
  /// Moves a sealed volume to another directory, as docs/formats/volume.md says. errc::busy if it
  /// was changed meanwhile or another is being moved, errc::no_space, errc::precondition unless
  /// sealed. After a failure the volume is where it was; if its disk has failed in the last moment
  /// it may be fenced or quarantined.
  result<void> move(volume_id id, move_options options);

  /// Forgets the volume and deletes its files, also of a quarantined one. Readers that hold it
  /// finish. errc::not_found.
  result<void> drop(volume_id id);

  /// What a timer calls every sync interval: under sync_policy::interval makes everything appended
  /// durable; under all policies writes index checkpoints that are due and looks at the disks'
  /// free space. Failures are logged and fence their volume. A directory whose disk fails several
  /// times in a row goes out of use: its volumes count as damaged, and dropping them only forgets
  /// them. When the disk works again the directory is back in use for other volumes.
  /// Returns how many volumes failed.
  std::size_t sync_dirty();
  /// Opens volumes in quarantine again that could not be read, which may pass (no descriptors, an
  /// error of the disk), every few seconds at most. Calls `serve` with each before anybody can drop
  /// it. For a timer, too.
  void open_again(const std::function<void(const std::shared_ptr<volume>&)>& serve);
  /// False while every directory is out of use.
  [[nodiscard]] bool any_usable() const;

  /// Syncs and checkpoints every volume, then lets go of the directories. Changes after it fail
  /// with errc::shutting_down; reads go on for those who hold a volume.
  void stop();

 private:
  struct entry {
    std::shared_ptr<volume> open;  // null if quarantined
    data_directory* home = nullptr;
    std::string path;
    std::string problem;
    bool may_pass = false;  // the problem
  };

  explicit volume_set(volume_set_options options);
  result<void> look_at_directories();
  [[nodiscard]] result<void> check_given_twice() const;
  result<void> agree_on_identity();
  void set_aside_known(const io::identity& own);
  result<void> take_directories();
  void share_disks();
  void share_free_space();
  result<void> write_identities(const io::identity& own);
  [[nodiscard]] result<void> check_any_usable(const char* what) const;
  std::vector<std::shared_ptr<volume>> measure();
  std::size_t check_disks();
  void open_volumes(data_directory& home);
  void open_volume(data_directory& home, volume_id id, const std::string& path);
  static void note_opened(entry& e, const result<std::shared_ptr<volume>>& opened);
  void choose_copy(entry& first, entry second);
  result<void> remove_files(const data_directory& home, const std::string& path);
  result<void> remove_left_behind(data_directory& home);
  struct moving;
  result<moving> begin_move(volume_id id, std::size_t directory);
  result<void> take_over(const moving& m, compactor& work, move_options& options);
  data_directory* choose(const create_options& options) const;
  [[nodiscard]] environment environment_of(data_directory& home) const;
  [[nodiscard]] std::uint64_t promised(const data_directory& home) const;

  const volume_set_options options_;
  std::atomic<std::uint64_t> volume_size_;
  std::vector<std::unique_ptr<data_directory>> directories_;
  std::vector<std::vector<data_directory*>> sharing_;  // of those on one disk, by disk
  std::vector<io::known_directory> known_;             // of the node, as its directories say
  node_id node_;
  std::mutex change_mutex_;  // one create or drop at a time; before mutex_
  /// Paths of volumes that were dropped while their directory was out of use; under change_mutex_.
  std::map<data_directory*, std::set<std::string>> left_behind_;
  mutable std::mutex mutex_;  // guards what follows; held for moments only
  cluster_id cluster_;
  boost::unordered_flat_map<volume_id, entry> volumes_;
  data_directory* arriving_at_ = nullptr;  // of the volume that is being moved
  std::uint64_t arriving_bytes_ = 0;
  std::int64_t open_again_at_ms_ = 0;
  bool stopped_ = false;
};

}  // namespace ssdfs::volume
