#include "volume/tools.hpp"

#include "volume/volume_fixture.hpp"

using namespace ssdfs;
using namespace ssdfs::test;
namespace vol = ssdfs::volume;

namespace {

struct dumped {
  vol::dump_head head;
  std::vector<vol::dump_record> records;
};

dumped dump_all(sim_files& fs) {
  dumped out;
  BOOST_REQUIRE(vol::dump(
      fs, volume_file, [&](const vol::dump_head& h) { out.head = h; },
      [&](const vol::dump_record& r) {
        out.records.push_back(r);
        return true;
      }));
  return out;
}

sim_disk& filled(sim_disk& disk) {
  auto v = disk.create();
  BOOST_REQUIRE(!append(*v, 1, make_content(1, 100)));
  BOOST_REQUIRE(!append(*v, 2, make_content(2, 70000)));
  BOOST_REQUIRE(!append(*v, 3, make_content(3, 100)));
  BOOST_REQUIRE(v->remove_keys(1, std::vector<chunk_key>{1}));
  BOOST_REQUIRE(v->seal(1));
  return disk;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tools_test)

BOOST_AUTO_TEST_CASE(dump_shows_every_record) {
  sim_disk disk;
  const auto out = dump_all(filled(disk).fs);
  BOOST_TEST(out.head.volume == test_volume.value);
  std::string kinds;
  for (const auto& r : out.records) kinds += r.kind + (r.live ? "* " : " ");
  BOOST_TEST(kinds == "state data data* data* removals state ");
  BOOST_TEST(out.records[2].size == 70000U);
  BOOST_TEST(out.records[4].number == 1U);
  BOOST_TEST(out.records[4].keys == std::vector<std::uint32_t>{1},
             boost::test_tools::per_element());
  BOOST_TEST(out.records[5].state == "sealed");
  BOOST_TEST(out.records[5].offset + out.records[5].bytes == out.head.file_bytes);
}

BOOST_AUTO_TEST_CASE(verify_finds_what_is_wrong) {
  sim_disk disk;
  const auto good = vol::verify(filled(disk).fs, volume_file).value();
  BOOST_TEST(good.problems.empty());
  BOOST_TEST(good.chunks == 2U);
  BOOST_TEST(good.bytes == 70100U);
  BOOST_TEST(good.state == "sealed");
  auto file = disk.fs.contents(volume_file);
  file[64 + 72 + vol::extent_of(100) + 30] ^= std::byte{1};  // in the content of chunk 2
  file.resize(file.size() + 13);
  disk.fs.set_contents(volume_file, file);
  const auto bad = vol::verify(disk.fs, volume_file).value();
  BOOST_TEST(bad.bad_records == 1U);
  BOOST_TEST(bad.torn_bytes == 13U);
  BOOST_REQUIRE(!bad.problems.empty());
  BOOST_TEST(bad.problems[0].find("key 2 does not match its CRC") != std::string::npos);
  BOOST_TEST(dump_all(disk.fs).records.back().kind == "torn");
  BOOST_TEST((disk.fs.contents(volume_file) == file));  // nothing is changed
}

BOOST_AUTO_TEST_CASE(rebuild_makes_the_index_that_was) {
  sim_disk disk;
  filled(disk);
  const auto index = disk.fs.contents(index_name);
  disk.fs.set_contents(index_name, bytes(100));
  BOOST_TEST(!vol::verify(disk.fs, volume_file).value().problems.empty());
  BOOST_TEST(vol::rebuild_index(disk.fs, volume_file).value().problems.empty());
  BOOST_TEST((disk.fs.contents(index_name) == index));
}

BOOST_AUTO_TEST_CASE(rebuild_respects_the_lock_of_a_datanode) {
  sim_files fs;
  BOOST_REQUIRE(fs.make_directories("/n/volumes"));
  sim_disk disk;
  fs.set_contents("/n/volumes/0000000100000007.vol", filled(disk).fs.contents(volume_file));
  auto held = fs.lock("/n").value();
  const std::string path = "/n/volumes/0000000100000007.vol";
  BOOST_TEST((vol::rebuild_index(fs, path).error() == errc::locked));
  held.reset();
  BOOST_TEST(vol::rebuild_index(fs, path).has_value());
}

BOOST_AUTO_TEST_CASE(other_files_are_refused) {
  sim_files fs;
  fs.set_contents("/x", bytes(1000));
  BOOST_TEST((vol::verify(fs, "/x").error() == errc::damaged));
  BOOST_TEST((vol::verify(fs, "/y").error() == errc::not_found));
  BOOST_TEST((vol::rebuild_index(fs, "/x").error() == errc::damaged));
}

BOOST_AUTO_TEST_SUITE_END()
