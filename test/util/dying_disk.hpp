// A disk that dies while it is in use.
#pragma once

#include "io/file.hpp"
#include "io/place.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ssdfs::test {

/// Files of which those below one path fail from some time on, as on a disk that dies.
class dying_disk final : public io::file_system, public io::place_source {
 public:
  dying_disk(io::file_system& below, std::string path) : below_(below), path_(std::move(path)) {}
  void die() { dead_ = true; }
  /// Works again, with all that was on it.
  void come_back() { dead_ = false; }
  /// Dies behind the next sync of this directory.
  void die_behind_sync_of(std::string directory) { last_sync_ = std::move(directory); }

  result<std::unique_ptr<io::file>> open(const std::string& path, io::open_mode mode) override {
    if (gone(path)) return eio();
    auto opened = below_.open(path, mode);
    if (!opened || !path.starts_with(path_)) return opened;
    return std::unique_ptr<io::file>(std::make_unique<dying_file>(*this, std::move(*opened)));
  }
  result<std::unique_ptr<io::mapping>> map(const std::string& path) override {
    if (gone(path)) return eio();
    return below_.map(path);
  }
  result<void> rename(const std::string& from, const std::string& to) override {
    return gone(from) ? result<void>(eio()) : below_.rename(from, to);
  }
  result<void> remove(const std::string& path) override {
    return gone(path) ? result<void>(eio()) : below_.remove(path);
  }
  result<void> make_directories(const std::string& path) override {
    return gone(path) ? result<void>(eio()) : below_.make_directories(path);
  }
  result<void> sync_directory(const std::string& path) override {
    if (gone(path)) return eio();
    auto synced = below_.sync_directory(path);
    if (path == last_sync_) dead_ = true;
    return synced;
  }
  result<std::vector<io::directory_entry>> list(const std::string& path) override {
    if (gone(path)) return eio();
    return below_.list(path);
  }
  result<bool> exists(const std::string& path) override {
    if (gone(path)) return eio();
    return below_.exists(path);
  }
  result<io::disk_space> space(const std::string& path) override {
    if (gone(path)) return eio();
    return below_.space(path);
  }
  result<io::directory_place> place(const std::string& directory) override {
    if (gone(directory)) return eio();
    return io::place_of(below_, directory);
  }
  result<std::unique_ptr<io::directory_lock>> lock(const std::string& directory) override {
    return below_.lock(directory);
  }

 private:
  class dying_file final : public io::file {
   public:
    dying_file(dying_disk& disk, std::unique_ptr<io::file> below)
        : disk_(disk), below_(std::move(below)) {}
    result<std::size_t> read(bytes_span out, std::uint64_t offset) override {
      if (disk_.dead_) return eio();
      return below_->read(out, offset);
    }
    result<std::size_t> read_cached(bytes_span out, std::uint64_t offset) override {
      if (disk_.dead_) return failure(errc::busy);
      return below_->read_cached(out, offset);
    }
    result<void> write(std::span<const bytes_view> parts, std::uint64_t offset) override {
      return disk_.dead_ ? result<void>(eio()) : below_->write(parts, offset);
    }
    result<void> sync() override { return disk_.dead_ ? result<void>(eio()) : below_->sync(); }
    result<void> truncate(std::uint64_t length) override {
      return disk_.dead_ ? result<void>(eio()) : below_->truncate(length);
    }
    result<void> reserve(std::uint64_t offset, std::uint64_t length) override {
      return disk_.dead_ ? result<void>(eio()) : below_->reserve(offset, length);
    }
    result<void> punch(std::uint64_t offset, std::uint64_t length) override {
      return disk_.dead_ ? result<void>(eio()) : below_->punch(offset, length);
    }
    result<std::uint64_t> size() override { return below_->size(); }
    void start_writeback(std::uint64_t offset, std::uint64_t length) override {
      below_->start_writeback(offset, length);
    }
    [[nodiscard]] int native_handle() const noexcept override { return -1; }

   private:
    dying_disk& disk_;
    std::unique_ptr<io::file> below_;
  };

  static failure eio() { return {errc::io, "the disk is dead"}; }
  [[nodiscard]] bool gone(const std::string& path) const {
    return dead_ && path.starts_with(path_);
  }

  io::file_system& below_;
  const std::string path_;
  std::string last_sync_;
  std::atomic<bool> dead_ = false;
};

}  // namespace ssdfs::test
