// Volumes and directories that an error put out of use, and that work again.
#include "util/dying_disk.hpp"
#include "volume/data_directory.hpp"
#include "volume/volume_fixture.hpp"
#include "volume/volume_set.hpp"

using namespace ssdfs;
using namespace ssdfs::test;
namespace vol = ssdfs::volume;
using vol::volume_set;

namespace {

vol::volume_set_options one_directory(sim_files& fs) {
  vol::volume_set_options o;
  o.fs = &fs;
  o.directories.push_back({"/d", {}});
  o.max_volume_size = 1 << 20;
  return o;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(volume_set_retry)

BOOST_AUTO_TEST_CASE(a_volume_that_could_not_be_read_at_the_start_is_opened_later) {
  constexpr volume_id id{7};
  const auto content = make_content(1, 5000);
  int quarantined = 0;
  for (std::uint64_t k = 1; k <= 30; ++k) {
    sim_files fs;
    {
      auto set = volume_set::open(one_directory(fs)).value();
      BOOST_REQUIRE(!append(*set->create({id, 1}).value(), 1, content));
    }
    fs.fail_read_at(fs.reads() + k);
    auto opened = volume_set::open(one_directory(fs));
    BOOST_REQUIRE(opened);
    volume_set& set = **opened;
    if (set.find(id)) continue;
    ++quarantined;
    BOOST_TEST(set.is_quarantined(id));
    int served = 0;
    set.open_again([&](const std::shared_ptr<vol::volume>& v) {
      ++served;
      BOOST_TEST((v->id() == id));
    });
    BOOST_TEST(served == 1);
    BOOST_REQUIRE(set.find(id));
    BOOST_TEST(!set.is_quarantined(id));
    BOOST_TEST(set.find(id)->probe(1).has_value());
  }
  BOOST_TEST(quarantined > 0);
}

BOOST_AUTO_TEST_CASE(a_damaged_volume_stays_in_quarantine) {
  constexpr volume_id id{7};
  sim_files fs;
  std::string path;
  {
    auto set = volume_set::open(one_directory(fs)).value();
    path = set->create({id, 1}).value()->path();
  }
  fs.set_contents(path, std::vector<std::byte>(100));
  fs.set_contents(vol::index_path(path), {});
  auto set = volume_set::open(one_directory(fs)).value();
  BOOST_REQUIRE(set->is_quarantined(id));
  set->open_again([](const auto&) { BOOST_ERROR("it was opened"); });
  BOOST_TEST(set->is_quarantined(id));
}

BOOST_AUTO_TEST_CASE(a_disk_is_out_of_use_after_three_failures_and_back_after_three_successes) {
  sim_files memory;
  dying_disk fs(memory, "/d");
  vol::data_directory d(fs, {"/d", {}}, {0, 0});
  BOOST_REQUIRE(d.look());
  d.make();
  BOOST_REQUIRE(d.take());
  // A failure that is over when the disk is tried out.
  d.trouble();
  BOOST_TEST(!d.check());
  fs.die();
  d.trouble();
  BOOST_TEST(!d.check());
  fs.come_back();
  BOOST_TEST(!d.check());
  BOOST_TEST(d.usable());
  // One that lasts.
  fs.die();
  d.trouble();
  BOOST_TEST(!d.check());
  BOOST_TEST(!d.check());
  BOOST_TEST(d.check());
  BOOST_TEST(!d.usable());
  BOOST_TEST(d.available() == 0U);
  BOOST_TEST(!d.works_again(0));
  fs.come_back();
  BOOST_TEST(!d.works_again(10));  // not looked at so soon
  BOOST_TEST(!d.works_again(10'000));
  BOOST_TEST(!d.works_again(20'000));
  fs.die();
  BOOST_TEST(!d.works_again(30'000));
  fs.come_back();
  BOOST_TEST(!d.works_again(40'000));
  BOOST_TEST(!d.works_again(50'000));
  BOOST_TEST(!d.usable());
  BOOST_TEST(d.works_again(60'000));
  BOOST_TEST(d.usable());
  BOOST_TEST(d.available() > 0U);
}

BOOST_AUTO_TEST_CASE(an_identity_that_is_not_taken_now_is_taken_at_the_next_try) {
  const cluster_id cluster{parse_uuid("11111111-2222-4333-8444-555555555555").value()};
  for (std::uint64_t k = 1; k <= 5; ++k) {
    for (const fault how : {fault::no_space, fault::io}) {
      sim_files fs;
      auto set = volume_set::open(one_directory(fs)).value();
      fs.fail_at(fs.calls() + k, how);
      if (!set->bind_cluster(cluster)) {
        BOOST_TEST(set->any_usable());
        BOOST_TEST(set->bind_cluster(cluster).has_value());
      }
      BOOST_TEST((set->cluster() == cluster));
      set->stop();
      BOOST_TEST((volume_set::open(one_directory(fs)).value()->cluster() == cluster));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_volume_whose_making_failed_can_be_made_again) {
  for (const fault how : {fault::no_space, fault::io}) {
    for (std::uint64_t k = 1; k <= 8; ++k) {
      sim_files fs;
      auto set = volume_set::open(one_directory(fs)).value();
      fs.fail_at(fs.calls() + k, how);
      if (set->create({volume_id(7), 1})) continue;
      BOOST_TEST(set->create({volume_id(7), 1}).has_value());
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
