// A scrubber above two served volumes on a simulated disk, without a cluster.
#pragma once

#include "datanode/scrubber.hpp"
#include "io/clock.hpp"
#include "util/io_threads.hpp"
#include "volume/volume_fixture.hpp"
#include "volume/volume_set.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace ssdfs::test {

/// Two volumes of 40 chunks each, served, and a scrubber without a master.
struct scrub_fixture {
  static constexpr std::size_t chunks_each = 40;
  static constexpr std::size_t chunk_bytes = 60'000;

  scrub_fixture() : peers(threads.context().get_executor(), {}), disk({.threads = 1}) {
    open();
    for (std::uint64_t id = 1; id <= 2; ++id) {
      auto v = set->create({volume_id(id), 1}).value();
      for (chunk_key key = 1; key <= chunks_each; ++key) {
        BOOST_REQUIRE(!append(*v, key, make_content(id * 1000 + key, chunk_bytes)));
      }
      // What a checkpoint does not cover is verified by the start itself.
      BOOST_REQUIRE(v->checkpoint());
    }
    serve();
  }
  ~scrub_fixture() { peers.stop(); }

  std::unique_ptr<datanode::scrubber> make() {
    return std::make_unique<datanode::scrubber>(datanode::scrubber::parts{
        fs, "/a", volumes, {peers, [] { return nullptr; }, {}}, [this](volume_id v) {
          const std::lock_guard lock(mutex);
          changed.push_back(v);
        }});
  }
  /// The process dies and starts again: what it wrote is there, what it knew is not. There is no
  /// scrubber meanwhile.
  void restart() {
    fs.die_at(fs.calls() + 1);
    for (const auto& v : volumes.all()) volumes.erase(v->store().id());
    set.reset();
    fs.power_loss(unsynced::keep);
    {
      const std::lock_guard lock(mutex);
      changed.clear();
    }
    open();
    serve();
  }
  volume::volume& store(std::uint64_t id) { return volumes.find(volume_id(id))->store(); }
  void flip(std::uint64_t id, chunk_key key, std::int64_t from_content) {
    const auto at = store(id).probe(key).value();
    const auto offset =
        static_cast<std::uint64_t>(static_cast<std::int64_t>(at.offset) + from_content);
    std::vector<std::byte> byte(1);
    BOOST_REQUIRE(at.file->read(byte, offset));
    byte[0] ^= std::byte{1};
    const bytes_view part(byte);
    BOOST_REQUIRE(at.file->write({&part, 1}, offset));
  }
  bool was_changed(std::uint64_t id) {
    const std::lock_guard lock(mutex);
    return std::count(changed.begin(), changed.end(), volume_id(id)) > 0;
  }
  /// What a scrubber that starts now would read again.
  datanode::suspect_list on_disk() { return datanode::load_suspects(fs, "/a").value(); }

  sim_files fs;
  io_threads threads;
  net::channel_pool peers;
  io::disk_pool disk;
  std::unique_ptr<volume::volume_set> set;
  datanode::volume_table volumes;
  std::mutex mutex;
  std::vector<volume_id> changed;

 private:
  void open() {
    volume::volume_set_options o;
    o.fs = &fs;
    o.directories.push_back({"/a", {}});
    o.reserved_bytes = 0;
    set = volume::volume_set::open(std::move(o)).value();
  }
  void serve() {
    for (auto& v : set->all()) {
      volumes.insert(std::make_shared<datanode::hosted_volume>(std::move(v), disk));
    }
  }
};

template <class Condition>
void await(Condition condition) {
  const std::int64_t until = io::steady_ms() + 10'000;
  while (!condition()) {
    BOOST_REQUIRE(io::steady_ms() < until);
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace ssdfs::test
