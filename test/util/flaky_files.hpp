// A disk on which one call fails, once, and then everything works again.
#pragma once

#include "io/file.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

namespace ssdfs::test {

/// What the call fails with, and which calls can fail so: only those are counted.
enum class trouble {
  no_space,     ///< whatever makes or lengthens a file, names it, or writes out what was put off
  io,           ///< every call
  descriptors,  ///< whatever opens something
  inodes,       ///< whatever makes a file or a directory, or gives one a name
};

/// The files of another file system, with a failure in the k-th call. A write that fails has
/// written half. Thread-safe.
class flaky_files final : public io::file_system {
 public:
  explicit flaky_files(io::file_system& below) : below_(below) {}

  /// Call `k` from now on fails (1: the next), of those that can fail so.
  void fail_at(std::uint64_t k, trouble how) {
    const std::lock_guard lock(mutex_);
    calls_ = 0;
    at_ = k;
    how_ = how;
    failed_.clear();
  }
  /// Calls so far that could have failed.
  [[nodiscard]] std::uint64_t calls() const {
    const std::lock_guard lock(mutex_);
    return calls_;
  }
  /// The call that failed ("sync /d/edits.log"); empty if none has.
  [[nodiscard]] std::string failed() const {
    const std::lock_guard lock(mutex_);
    return failed_;
  }

  result<std::unique_ptr<io::file>> open(const std::string& path, io::open_mode mode) override {
    const bool makes = mode == io::open_mode::create || mode == io::open_mode::create_new;
    SSDFS_TRY(begin(makes ? call::create : call::open, path));
    auto opened = below_.open(path, mode);
    if (!opened) return opened;
    return std::unique_ptr<io::file>(std::make_unique<flaky_file>(*this, std::move(*opened), path));
  }
  result<std::unique_ptr<io::mapping>> map(const std::string& path) override {
    SSDFS_TRY(begin(call::open, path));
    return below_.map(path);
  }
  result<void> rename(const std::string& from, const std::string& to) override {
    SSDFS_TRY(begin(call::rename, from));
    return below_.rename(from, to);
  }
  result<void> remove(const std::string& path) override {
    SSDFS_TRY(begin(call::remove, path));
    return below_.remove(path);
  }
  result<void> make_directories(const std::string& path) override {
    SSDFS_TRY(begin(call::make_directory, path));
    return below_.make_directories(path);
  }
  result<void> sync_directory(const std::string& path) override {
    SSDFS_TRY(begin(call::sync_directory, path));
    return below_.sync_directory(path);
  }
  result<std::vector<io::directory_entry>> list(const std::string& path) override {
    SSDFS_TRY(begin(call::list, path));
    return below_.list(path);
  }
  result<bool> exists(const std::string& path) override {
    SSDFS_TRY(begin(call::look_up, path));
    return below_.exists(path);
  }
  result<io::disk_space> space(const std::string& path) override {
    SSDFS_TRY(begin(call::look_up, path));
    return below_.space(path);
  }
  result<std::unique_ptr<io::directory_lock>> lock(const std::string& directory) override {
    SSDFS_TRY(begin(call::open, directory));
    return below_.lock(directory);
  }

 private:
  enum class call {
    open,
    create,
    rename,
    remove,
    make_directory,
    sync_directory,
    list,
    look_up,
    read,
    write,
    sync,
    truncate,
    reserve,
    punch
  };

  class flaky_file final : public io::file {
   public:
    flaky_file(flaky_files& disk, std::unique_ptr<io::file> below, std::string path)
        : disk_(disk), below_(std::move(below)), path_(std::move(path)) {}
    result<std::size_t> read(bytes_span out, std::uint64_t offset) override {
      SSDFS_TRY(disk_.begin(call::read, path_));
      return below_->read(out, offset);
    }
    result<std::size_t> read_cached(bytes_span out, std::uint64_t offset) override {
      return below_->read_cached(out, offset);
    }
    result<void> write(std::span<const bytes_view> parts, std::uint64_t offset) override {
      if (auto begun = disk_.begin(call::write, path_); !begun) {
        const std::span<const bytes_view> half = parts.first(parts.size() / 2);
        if (!half.empty()) SSDFS_TRY(below_->write(half, offset));
        return begun;
      }
      return below_->write(parts, offset);
    }
    result<void> sync() override {
      SSDFS_TRY(disk_.begin(call::sync, path_));
      return below_->sync();
    }
    result<void> truncate(std::uint64_t length) override {
      SSDFS_TRY(disk_.begin(call::truncate, path_));
      return below_->truncate(length);
    }
    result<void> reserve(std::uint64_t offset, std::uint64_t length) override {
      SSDFS_TRY(disk_.begin(call::reserve, path_));
      return below_->reserve(offset, length);
    }
    result<void> punch(std::uint64_t offset, std::uint64_t length) override {
      SSDFS_TRY(disk_.begin(call::punch, path_));
      return below_->punch(offset, length);
    }
    result<std::uint64_t> size() override {
      SSDFS_TRY(disk_.begin(call::look_up, path_));
      return below_->size();
    }
    void start_writeback(std::uint64_t offset, std::uint64_t length) override {
      below_->start_writeback(offset, length);
    }
    [[nodiscard]] int native_handle() const noexcept override { return -1; }

   private:
    flaky_files& disk_;
    std::unique_ptr<io::file> below_;
    const std::string path_;
  };

  static bool can_fail(call what, trouble how) {
    switch (how) {
      case trouble::io: return true;
      case trouble::no_space:
        return what == call::create || what == call::rename || what == call::make_directory ||
               what == call::write || what == call::sync || what == call::reserve ||
               what == call::sync_directory;
      case trouble::descriptors:
        return what == call::open || what == call::create || what == call::list ||
               what == call::sync_directory;
      case trouble::inodes:
        return what == call::create || what == call::rename || what == call::make_directory;
    }
    return false;
  }

  static const char* name_of(call what) {
    static constexpr const char* names[] = {
        "open",    "create", "rename", "remove", "make directory", "sync directory", "list",
        "look up", "read",   "write",  "sync",   "truncate",       "reserve",        "punch"};
    return names[static_cast<std::size_t>(what)];
  }

  result<void> begin(call what, const std::string& path) {
    const std::lock_guard lock(mutex_);
    if (!can_fail(what, how_)) return {};
    if (++calls_ != at_) return {};
    failed_ = std::string(name_of(what)) + " " + path;
    const errc code = how_ == trouble::io            ? errc::io
                      : how_ == trouble::descriptors ? errc::busy
                                                     : errc::no_space;
    return failure(code, failed_ + ": injected failure");
  }

  io::file_system& below_;
  mutable std::mutex mutex_;
  std::uint64_t calls_ = 0;
  std::uint64_t at_ = 0;
  trouble how_ = trouble::io;
  std::string failed_;
};

}  // namespace ssdfs::test
