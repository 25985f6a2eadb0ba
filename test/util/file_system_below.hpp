// A file system that hands everything on to another one: what tests derive those from that behave
// differently in one thing.
#pragma once

#include "io/file.hpp"

#include <memory>
#include <string>
#include <vector>

namespace ssdfs::test {

class file_system_below : public io::file_system {
 public:
  explicit file_system_below(io::file_system& other) : below(other) {}

  result<std::unique_ptr<io::file>> open(const std::string& path, io::open_mode mode) override {
    return below.open(path, mode);
  }
  result<std::unique_ptr<io::mapping>> map(const std::string& path) override {
    return below.map(path);
  }
  result<void> rename(const std::string& from, const std::string& to) override {
    return below.rename(from, to);
  }
  result<void> remove(const std::string& path) override { return below.remove(path); }
  result<void> make_directories(const std::string& path) override {
    return below.make_directories(path);
  }
  result<void> sync_directory(const std::string& path) override {
    return below.sync_directory(path);
  }
  result<std::vector<io::directory_entry>> list(const std::string& path) override {
    return below.list(path);
  }
  result<bool> exists(const std::string& path) override { return below.exists(path); }
  result<io::disk_space> space(const std::string& path) override { return below.space(path); }
  result<std::unique_ptr<io::directory_lock>> lock(const std::string& directory) override {
    return below.lock(directory);
  }

 protected:
  io::file_system& below;
};

}  // namespace ssdfs::test
