// A file system in memory that counts, fails, dies and forgets: what crash and error tests run the
// production code on.
//
// Use: a dry run counts the calls of a scenario (calls()). Then for each k: a fresh sim_files,
// die_at(k) or fail_at(k, ...), the scenario, power_loss(...) after a death, the real recovery, and
// the checks. What is durable is what a sync covered: file contents by file::sync, names by
// file_system::sync_directory of their directory.
#pragma once

#include "io/file.hpp"
#include "io/place.hpp"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <iterator>
#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace ssdfs::test {

/// What is left of changes that were not synced when the power goes.
enum class unsynced {
  keep,  ///< all of it: the process was killed, the machine lives on
  drop,  ///< nothing
  tear,  ///< any part: sectors of 512 bytes of file data, single directory operations, by the seed
};

/// How a call is made to fail.
enum class fault {
  io,           ///< errc::io, nothing done
  no_space,     ///< errc::no_space, nothing done
  short_write,  ///< half of a write is done, then errc::io (other calls: as io)
  short_space,  ///< half of a write is done, then errc::no_space (other calls: as no_space)
};

/// Thread-safe. Changing calls (create, write, sync, truncate, reserve, punch, rename, remove,
/// make_directories, sync_directory) are numbered from 1 in the order in which they come; reading
/// calls (read, map, list) have their own numbers. Opening an existing file is neither.
///
/// A failed sync loses what it should have covered: it stays readable, but a later successful sync
/// does not make it durable, as on Linux.
class sim_files final : public io::file_system, public io::place_source {
 public:
  explicit sim_files(std::uint64_t capacity = std::uint64_t{1} << 40) : capacity_(capacity) {
    now_["/"] = durable_["/"] = {nullptr, true};
  }

  // ---- control ----

  /// Changing calls so far in this life.
  [[nodiscard]] std::uint64_t calls() const { return get(calls_); }
  [[nodiscard]] std::uint64_t reads() const { return get(reads_); }
  /// Calls of file::sync and sync_directory in this life.
  [[nodiscard]] std::uint64_t syncs() const { return get(syncs_); }
  /// What the last changing call was, for messages ("write /d/volumes/x.vol").
  [[nodiscard]] std::string last_call() const { return get(last_call_); }

  /// The process dies in changing call k (1 is the first of this life): the call is done in part
  /// or not at all (a write: half of it), it and everything after it fails with errc::io.
  void die_at(std::uint64_t k) { set(die_at_, k); }
  /// Changing call k fails, once; with `from_then_on` all after it, too.
  void fail_at(std::uint64_t k, fault how, bool from_then_on = false) {
    const std::lock_guard lock(mutex_);
    fail_at_ = k;
    fault_ = how;
    fail_on_ = from_then_on;
  }
  /// Reading call k and those behind it fail with errc::io, `times` in all.
  void fail_read_at(std::uint64_t k, std::uint64_t times = 1) {
    const std::lock_guard lock(mutex_);
    fail_read_at_ = k;
    fail_reads_ = times;
  }
  /// Ends all injected failures that have not struck.
  void no_faults() {
    const std::lock_guard lock(mutex_);
    clear_faults();
  }
  [[nodiscard]] bool dead() const { return get(dead_); }

  /// The machine comes back: handles, locks and mappings of before fail or are void, counters
  /// start again, no faults are set, and of what was not synced as much is left as `how` says.
  void power_loss(unsynced how, std::uint64_t seed = 1) {
    const std::lock_guard lock(mutex_);
    std::mt19937_64 random(seed);
    for (auto& op : pending_) {
      if (how == unsynced::keep || (how == unsynced::tear && random() % 2 == 0)) {
        apply(durable_, op);
      }
    }
    pending_.clear();
    drop_unreachable();
    std::set<inode*> seen;
    for (auto& [path, entry] : durable_) {
      if (entry.data && seen.insert(entry.data.get()).second) settle(*entry.data, how, random);
    }
    now_ = durable_;
    recount();
    ++life_;
    locks_.clear();
    dead_ = false;
    calls_ = reads_ = syncs_ = 0;
    clear_faults();
  }

  /// Bytes that all files together may hold; writes beyond fail with errc::no_space.
  void set_capacity(std::uint64_t bytes) { set(capacity_, bytes); }
  [[nodiscard]] std::uint64_t used() const { return get(used_); }

  /// The contents of a file, past all counting; empty if it is missing.
  [[nodiscard]] std::vector<std::byte> contents(const std::string& path) const {
    const std::lock_guard lock(mutex_);
    const auto at = now_.find(path);
    return at == now_.end() || !at->second.data ? std::vector<std::byte>{} : at->second.data->now;
  }
  /// Makes or replaces a file's contents durably, past all counting; its directory must exist.
  void set_contents(const std::string& path, std::vector<std::byte> bytes) {
    const std::lock_guard lock(mutex_);
    auto data = std::make_shared<inode>();
    data->now = data->durable = std::move(bytes);
    now_[path] = durable_[path] = {std::move(data), false};
    recount();
  }

  // ---- io::file_system ----

  result<std::unique_ptr<io::file>> open(const std::string& path, io::open_mode mode) override {
    const std::lock_guard lock(mutex_);
    if (dead_) return died();
    const auto at = now_.find(path);
    if (at != now_.end()) {
      if (mode == io::open_mode::create_new) return failure(errc::exists, path + ": exists");
      if (at->second.is_directory) return failure(errc::io, path + ": is a directory");
      return handle(at->second.data, path);
    }
    if (mode == io::open_mode::read || mode == io::open_mode::read_write) {
      return failure(errc::not_found, path + ": not found");
    }
    if (!is_directory(parent(path))) return failure(errc::not_found, path + ": no directory");
    SSDFS_TRY(begin("create", path));
    auto data = std::make_shared<inode>();
    change({op_kind::link, path, {}, {data, false}});
    return handle(std::move(data), path);
  }

  result<std::unique_ptr<io::mapping>> map(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    SSDFS_TRY(begin_read(path));
    const auto at = now_.find(path);
    if (at == now_.end()) return failure(errc::not_found, path + ": not found");
    if (!at->second.data) return failure(errc::io, path + ": is a directory");
    return std::unique_ptr<io::mapping>(std::make_unique<copy_mapping>(at->second.data->now));
  }

  result<void> rename(const std::string& from, const std::string& to) override {
    const std::lock_guard lock(mutex_);
    if (!dead_ && !now_.contains(from)) return failure(errc::not_found, from + ": not found");
    SSDFS_TRY(begin("rename", from + " " + to));
    change({op_kind::rename, to, from, now_.at(from)});
    recount();
    return {};
  }

  result<void> remove(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    if (!dead_ && !now_.contains(path)) return failure(errc::not_found, path + ": not found");
    SSDFS_TRY(begin("remove", path));
    change({op_kind::unlink, path, {}, {}});
    recount();
    return {};
  }

  result<void> make_directories(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    if (!dead_ && is_directory(path)) return {};
    SSDFS_TRY(begin("make_directories", path));
    for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
      const std::string part = path.substr(0, slash);
      if (!now_.contains(part)) change({op_kind::link, part, {}, {nullptr, true}});
      if (slash == std::string::npos) return {};
    }
  }

  result<void> sync_directory(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    ++syncs_;
    SSDFS_TRY(begin("sync_directory", path));
    if (!is_directory(path)) return failure(errc::not_found, path + ": not found");
    std::vector<dir_op> rest;
    for (auto& op : pending_) {
      if (parent(op.path) == path || (op.kind == op_kind::rename && parent(op.from) == path)) {
        apply(durable_, op);
      } else {
        rest.push_back(std::move(op));
      }
    }
    pending_ = std::move(rest);
    return {};
  }

  result<std::vector<io::directory_entry>> list(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    SSDFS_TRY(begin_read(path));
    if (!is_directory(path)) return failure(errc::not_found, path + ": not found");
    std::vector<io::directory_entry> out;
    for (const auto& [name, entry] : now_) {
      if (name == "/" || parent(name) != path) continue;
      out.push_back({name.substr(name.rfind('/') + 1), entry.is_directory,
                     entry.data ? entry.data->now.size() : 0});
    }
    return out;
  }

  result<bool> exists(const std::string& path) override {
    const std::lock_guard lock(mutex_);
    if (dead_) return died();
    return now_.contains(path);
  }

  result<io::disk_space> space(const std::string&) override {
    const std::lock_guard lock(mutex_);
    if (dead_) return died();
    return io::disk_space{capacity_, capacity_ > used_ ? capacity_ - used_ : 0};
  }

  /// Each directory below the root is a disk of its own, unless share_disk() was called.
  result<io::directory_place> place(const std::string& directory) override {
    const std::lock_guard lock(mutex_);
    if (dead_) return died();
    if (!is_directory(directory)) return failure(errc::not_found, directory + ": not found");
    const std::string disk = shared_disk_ ? "/" : directory.substr(0, directory.find('/', 1));
    return io::directory_place{std::hash<std::string>{}(disk), std::hash<std::string>{}(directory)};
  }
  void share_disk() {
    const std::lock_guard lock(mutex_);
    shared_disk_ = true;
  }

  result<std::unique_ptr<io::directory_lock>> lock(const std::string& directory) override {
    const std::lock_guard guard(mutex_);
    if (dead_) return died();
    if (!is_directory(directory)) return failure(errc::not_found, directory + ": not found");
    if (!locks_.insert(directory).second) return failure(errc::locked, directory + ": in use");
    return std::unique_ptr<io::directory_lock>(std::make_unique<held_lock>(*this, directory));
  }

 private:
  struct change_op {  // a change of a file's bytes that is not synced
    bool is_truncate = false;
    std::uint64_t offset = 0;  // or the new length
    std::vector<std::byte> data;
  };
  struct inode {
    std::vector<std::byte> now;
    std::vector<std::byte> durable;
    std::vector<change_op> pending;
  };
  struct node {
    std::shared_ptr<inode> data;
    bool is_directory = false;
  };
  using tree = std::map<std::string, node>;
  enum class op_kind { link, unlink, rename };
  struct dir_op {
    op_kind kind;
    std::string path;
    std::string from;
    node target;
  };

  class copy_mapping final : public io::mapping {
   public:
    explicit copy_mapping(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
    [[nodiscard]] bytes_view bytes() const noexcept override { return bytes_; }

   private:
    std::vector<std::byte> bytes_;
  };

  class held_lock final : public io::directory_lock {
   public:
    held_lock(sim_files& owner, std::string path)
        : owner_(owner), path_(std::move(path)), life_(owner.life_) {}
    ~held_lock() override {
      const std::lock_guard guard(owner_.mutex_);
      if (owner_.life_ == life_) owner_.locks_.erase(path_);
    }

   private:
    sim_files& owner_;
    std::string path_;
    std::uint64_t life_;
  };

  class sim_file final : public io::file {
   public:
    sim_file(sim_files& owner, std::shared_ptr<inode> data, std::string path)
        : owner_(owner), data_(std::move(data)), path_(std::move(path)), life_(owner.life_) {}

    result<std::size_t> read(bytes_span out, std::uint64_t offset) override {
      const std::lock_guard lock(owner_.mutex_);
      SSDFS_TRY(alive());
      SSDFS_TRY(owner_.begin_read(path_));
      return take(out, offset);
    }
    result<std::size_t> read_cached(bytes_span out, std::uint64_t offset) override {
      return read(out, offset);
    }
    result<void> write(std::span<const bytes_view> parts, std::uint64_t offset) override {
      const std::lock_guard lock(owner_.mutex_);
      SSDFS_TRY(alive());
      std::vector<std::byte> all;
      for (const bytes_view part : parts) all.insert(all.end(), part.begin(), part.end());
      auto begun = owner_.begin("write", path_);
      if (!begun) {
        if (owner_.partial_) {
          all.resize(all.size() / 2);
          put(std::move(all), offset);
        }
        return begun;
      }
      const std::uint64_t old_size = data_->now.size();
      const std::uint64_t end = offset + all.size();
      const std::uint64_t growth = end > old_size ? end - old_size : 0;
      if (owner_.used_ + growth > owner_.capacity_) {
        const std::uint64_t room =
            owner_.capacity_ > owner_.used_ ? owner_.capacity_ - owner_.used_ : 0;
        const std::uint64_t most = old_size + room;  // the highest end that still fits
        if (most > offset) {
          all.resize(static_cast<std::size_t>(most - offset));
          put(std::move(all), offset);
        }
        return failure(errc::no_space, path_ + ": disk full");
      }
      put(std::move(all), offset);
      return {};
    }
    result<void> sync() override {
      const std::lock_guard lock(owner_.mutex_);
      SSDFS_TRY(alive());
      ++owner_.syncs_;
      if (auto begun = owner_.begin("sync", path_); !begun) {
        // The kernel gives the dirty pages up; a dead machine decides when the power goes.
        if (!owner_.dead_) data_->pending.clear();
        return begun;
      }
      for (auto& op : data_->pending) replay(data_->durable, op);
      data_->pending.clear();
      return {};
    }
    result<void> truncate(std::uint64_t length) override {
      const std::lock_guard lock(owner_.mutex_);
      SSDFS_TRY(alive());
      SSDFS_TRY(owner_.begin("truncate", path_));
      change_op op{true, length, {}};
      replay(data_->now, op);
      data_->pending.push_back(std::move(op));
      owner_.recount();
      return {};
    }
    result<void> reserve(std::uint64_t offset, std::uint64_t length) override {
      const std::lock_guard lock(owner_.mutex_);
      SSDFS_TRY(alive());
      SSDFS_TRY(owner_.begin("reserve", path_));
      const std::uint64_t end = offset + length;
      const std::uint64_t growth = end > data_->now.size() ? end - data_->now.size() : 0;
      if (owner_.used_ + growth > owner_.capacity_) {
        return failure(errc::no_space, path_ + ": disk full");
      }
      return {};
    }
    result<void> punch(std::uint64_t offset, std::uint64_t length) override {
      const std::lock_guard lock(owner_.mutex_);
      SSDFS_TRY(alive());
      SSDFS_TRY(owner_.begin("punch", path_));
      const std::uint64_t size = data_->now.size();
      const std::uint64_t end = std::min(size, offset + length);
      if (offset < end) put(std::vector<std::byte>(static_cast<std::size_t>(end - offset)), offset);
      return {};
    }
    result<std::uint64_t> size() override {
      const std::lock_guard lock(owner_.mutex_);
      SSDFS_TRY(alive());
      if (owner_.dead_) return died();
      return std::uint64_t{data_->now.size()};
    }
    void start_writeback(std::uint64_t, std::uint64_t) override {}
    [[nodiscard]] int native_handle() const noexcept override { return -1; }

   private:
    result<void> alive() const {
      if (life_ != owner_.life_) return failure(errc::io, path_ + ": handle of an earlier life");
      return {};
    }
    std::size_t take(bytes_span out, std::uint64_t offset) const {
      const auto& now = data_->now;
      if (offset >= now.size()) return 0;
      const std::size_t n = std::min<std::size_t>(out.size(), now.size() - offset);
      std::copy_n(now.begin() + static_cast<std::ptrdiff_t>(offset), n, out.begin());
      return n;
    }
    void put(std::vector<std::byte> bytes, std::uint64_t offset) {
      change_op op{false, offset, std::move(bytes)};
      replay(data_->now, op);
      data_->pending.push_back(std::move(op));
      owner_.recount();
    }

    sim_files& owner_;
    std::shared_ptr<inode> data_;
    std::string path_;
    std::uint64_t life_;
  };

  template <class T>
  T get(const T& member) const {
    const std::lock_guard lock(mutex_);
    return member;
  }
  void set(std::uint64_t& member, std::uint64_t value) {
    const std::lock_guard lock(mutex_);
    member = value;
  }

  static failure died() { return {errc::io, "the simulated machine is dead"}; }
  static std::string parent(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == 0 ? "/" : path.substr(0, slash);
  }
  [[nodiscard]] bool is_directory(const std::string& path) const {
    const auto at = now_.find(path);
    return at != now_.end() && at->second.is_directory;
  }
  std::unique_ptr<io::file> handle(std::shared_ptr<inode> data, const std::string& path) {
    return std::make_unique<sim_file>(*this, std::move(data), path);
  }

  // Counts a changing call and lets it fail if it is the one; partial_ says that half of a write is
  // to be done all the same.
  result<void> begin(const char* what, const std::string& path) {
    partial_ = false;
    if (dead_) return died();
    ++calls_;
    last_call_ = std::string(what) + " " + path;
    if (calls_ == die_at_) {
      dead_ = true;
      partial_ = true;
      return died();
    }
    if (calls_ == fail_at_ || (fail_on_ && fail_at_ != 0 && calls_ > fail_at_)) {
      partial_ = fault_ == fault::short_write || fault_ == fault::short_space;
      const bool full = fault_ == fault::no_space || fault_ == fault::short_space;
      return failure(full ? errc::no_space : errc::io, last_call_ + ": injected failure");
    }
    return {};
  }
  result<void> begin_read(const std::string& path) {
    if (dead_) return died();
    ++reads_;
    if (fail_read_at_ != 0 && reads_ >= fail_read_at_ && reads_ - fail_read_at_ < fail_reads_) {
      return failure(errc::io, path + ": injected read failure");
    }
    return {};
  }
  void clear_faults() {
    die_at_ = fail_at_ = fail_read_at_ = 0;
    fail_on_ = false;
  }

  void change(dir_op op) {
    apply(now_, op);
    pending_.push_back(std::move(op));
  }
  static void apply(tree& names, const dir_op& op) {
    if (op.kind == op_kind::unlink) {
      names.erase(op.path);
      return;
    }
    if (op.kind == op_kind::rename) names.erase(op.from);
    names[op.path] = op.target;
  }
  // Names below a directory that did not become durable are gone with it.
  void drop_unreachable() {
    for (auto at = durable_.begin(); at != durable_.end();) {
      const auto up = at->first == "/" ? durable_.begin() : durable_.find(parent(at->first));
      const bool reachable = up != durable_.end() && up->second.is_directory;
      at = reachable ? std::next(at) : durable_.erase(at);
    }
  }
  static void replay(std::vector<std::byte>& bytes, const change_op& op) {
    if (op.is_truncate) {
      bytes.resize(static_cast<std::size_t>(op.offset));
      return;
    }
    const std::size_t end = static_cast<std::size_t>(op.offset) + op.data.size();
    if (end > bytes.size()) bytes.resize(end);
    std::copy(op.data.begin(), op.data.end(),
              bytes.begin() + static_cast<std::ptrdiff_t>(op.offset));
  }
  static void settle(inode& file, unsynced how, std::mt19937_64& random) {
    for (const auto& op : file.pending) {
      if (how == unsynced::keep) replay(file.durable, op);
      if (how != unsynced::tear) continue;
      if (op.is_truncate) {
        if (random() % 2 == 0) replay(file.durable, op);
        continue;
      }
      // Each sector makes it on its own; what lies before one that did reads as zeros.
      for (std::size_t at = 0; at < op.data.size();) {
        const std::size_t to_edge = 512 - static_cast<std::size_t>((op.offset + at) % 512);
        const std::size_t n = std::min(to_edge, op.data.size() - at);
        if (random() % 2 == 0) {
          const auto from = op.data.begin() + static_cast<std::ptrdiff_t>(at);
          replay(file.durable,
                 {false, op.offset + at, {from, from + static_cast<std::ptrdiff_t>(n)}});
        }
        at += n;
      }
    }
    file.pending.clear();
    file.now = file.durable;
  }
  void recount() {
    used_ = 0;
    for (const auto& [path, entry] : now_) used_ += entry.data ? entry.data->now.size() : 0;
  }

  mutable std::mutex mutex_;
  tree now_;      // what calls see
  tree durable_;  // what a power loss leaves for sure
  std::vector<dir_op> pending_;
  std::set<std::string> locks_;
  std::uint64_t capacity_;
  std::uint64_t used_ = 0;
  std::uint64_t life_ = 0;
  std::uint64_t calls_ = 0;
  std::uint64_t reads_ = 0;
  std::uint64_t syncs_ = 0;
  std::uint64_t die_at_ = 0;
  std::uint64_t fail_at_ = 0;
  std::uint64_t fail_read_at_ = 0;
  std::uint64_t fail_reads_ = 0;
  fault fault_ = fault::io;
  bool fail_on_ = false;
  bool shared_disk_ = false;
  bool dead_ = false;
  bool partial_ = false;
  std::string last_call_;
};

}  // namespace ssdfs::test
