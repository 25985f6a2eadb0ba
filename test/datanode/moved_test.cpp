// Volumes that move between the disks of a node, as the master sees it.
#include "datanode/node_fixture.hpp"
#include "util/dying_disk.hpp"
#include "volume/volume_fixture.hpp"
#include "volume/volume_set.hpp"

using namespace ssdfs;
using namespace ssdfs::test;

namespace {

constexpr volume_id first_volume{7};
constexpr volume_id second_volume{8};
constexpr std::uint64_t disk_bytes = 64 << 20;

// Two sealed volumes on /a, which together take a fourth of it.
void fill(io::file_system& fs) {
  volume::volume_set_options o;
  o.fs = &fs;
  o.directories = {{"/a", disk_bytes}};
  o.reserved_bytes = 0;
  o.max_volume_size = 16 << 20;
  const auto set = volume::volume_set::open(std::move(o)).value();
  for (const volume_id id : {first_volume, second_volume}) {
    const auto v = set->create({id, 1}).value();
    for (chunk_key key = 1; key <= 8; ++key) {
      BOOST_REQUIRE(!append(*v, key, make_content(key, 1 << 20)));
    }
    BOOST_REQUIRE(v->seal(1));
  }
}

struct two_disks {
  two_disks() {
    fill(memory);
    node.emplace(threads.context(), std::vector<std::string>{master.address()},
                 [this](datanode::datanode_options& o) {
                   o.data_dirs = {{"/a", disk_bytes}, {"/b", disk_bytes}};
                   o.files = &disk;
                 });
  }
  io_threads threads;
  fake_master master{threads.context()};
  sim_files memory;
  dying_disk disk{memory, "/b"};
  std::optional<test_node> node;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(moved_volumes)

// A replica that nobody can read any more must not count as a copy.
BOOST_AUTO_TEST_CASE(one_that_cannot_be_opened_where_it_has_gone_is_damaged) {
  two_disks t;
  t.disk.die_behind_sync_of("/b/volumes");
  t.master.wait_report(t.node->id(), first_volume, [](const auto& r) {
    return r.state == replica_state::damaged && r.generation == 0;
  });
  t.master.wait_report(t.node->id(), second_volume,
                       [](const auto& r) { return r.state == replica_state::sealed; });
}

BOOST_AUTO_TEST_SUITE_END()
