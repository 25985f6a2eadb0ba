// Which volume moves to which disk.
#include "volume/disk_balance.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <span>
#include <vector>

using namespace ssdfs;
namespace vol = ssdfs::volume;

namespace {

constexpr std::uint64_t gib = 1ULL << 30;

// `volumes` of 1 GiB on each disk of 100 GiB.
struct plan_case {
  std::vector<vol::disk_load> disks;
  std::vector<vol::disk_volume> volumes;
  void disk(std::uint64_t count, std::uint64_t size = 100) {
    const std::size_t index = disks.size();
    disks.push_back({size * gib, (size - count) * gib, (size - count) * gib});
    for (std::uint64_t i = 0; i < count; ++i) {
      volumes.push_back({volume_id(volumes.size() + 1), index, gib});
    }
  }
  // Moves until there is none to make; how many.
  std::size_t run(double gap) {
    for (std::size_t moves = 0; moves < 1000; ++moves) {
      const auto next = vol::plan_disk_move(disks, volumes, gap);
      if (!next) return moves;
      for (auto& v : volumes) {
        if (v.id != next->volume) continue;
        disks[v.disk].free += v.bytes;
        disks[v.disk].room += v.bytes;
        v.disk = next->to;
        disks[v.disk].free -= v.bytes;
        disks[v.disk].room -= v.bytes;
      }
    }
    BOOST_ERROR("moves without end");
    return 0;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(disk_balance)

BOOST_AUTO_TEST_CASE(plans_move_no_more_than_needed) {
  plan_case p;
  for (const std::uint64_t count : {60U, 20U, 40U}) p.disk(count);
  BOOST_TEST(vol::disk_gap(p.disks) == 40.0);
  const auto moves = p.run(vol::disk_gap_end);
  BOOST_TEST(moves == 18U);  // two disks that are within 5 points of each other need no more
  BOOST_TEST(vol::disk_gap(p.disks) <= vol::disk_gap_end);
  BOOST_TEST(p.run(vol::disk_gap_end) == 0U);
}

BOOST_AUTO_TEST_CASE(plans_go_by_shares_and_pass_over_disks_out_of_use) {
  plan_case p;
  p.disk(50);
  p.disk(40, 50);
  p.disk(0);
  p.disks[2].capacity = 0;
  BOOST_TEST(vol::disk_gap(p.disks) == 30.0);
  p.run(vol::disk_gap_end);
  BOOST_TEST(vol::disk_gap(p.disks) <= vol::disk_gap_end);
  for (const auto& v : p.volumes) BOOST_TEST(v.disk != 2U);
  BOOST_TEST(!vol::plan_disk_move({}, {}, 5));
  BOOST_TEST(vol::disk_gap(std::span(p.disks).first(1)) == 0.0);
}

BOOST_AUTO_TEST_CASE(plans_take_the_largest_that_fits_and_never_swap_the_roles) {
  std::vector<vol::disk_load> disks = {{100, 40, 40}, {100, 80, 15}};
  // 60 against 20: 20 would make them equal, 15 have room.
  const std::vector<vol::disk_volume> volumes = {
      {volume_id(1), 0, 30}, {volume_id(2), 0, 14}, {volume_id(3), 0, 12}, {volume_id(4), 1, 10}};
  BOOST_TEST((vol::plan_disk_move(disks, volumes, 5) == vol::disk_move{volume_id(2), 1}));
  disks[1].room = 80;
  BOOST_TEST((vol::plan_disk_move(disks, volumes, 5) == vol::disk_move{volume_id(2), 1}));
  disks[1].room = 0;
  BOOST_TEST(!vol::plan_disk_move(disks, volumes, 5));
  // Foreign data counts, too: there is nothing to move away.
  disks = {{100, 80, 80}, {100, 10, 10}};
  BOOST_TEST(!vol::plan_disk_move(disks, std::span(volumes).first(3), 5));
}

BOOST_AUTO_TEST_SUITE_END()
