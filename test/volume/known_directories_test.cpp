// Which directories a node has: disks that are not mounted, directories that are one under several
// names, and directories that share a disk.
#include "util/temp_dir.hpp"
#include "volume/volume_fixture.hpp"
#include "volume/volume_set.hpp"

#include <filesystem>
#include <fstream>

using namespace ssdfs;
using namespace ssdfs::test;
namespace files = std::filesystem;
namespace vol = ssdfs::volume;
using vol::volume_set;

namespace {

// A node's disks below one directory.
struct disks : temp_dir {
  [[nodiscard]] std::string at(const std::string& name) const { return path() + "/" + name; }
  result<std::unique_ptr<volume_set>> open(const std::vector<std::string>& names) const {
    vol::volume_set_options o;
    o.fs = &io::system_files();
    for (const auto& n : names) o.directories.push_back({at(n), {}});
    o.reserved_bytes = 0;
    o.max_volume_size = 1 << 20;
    return volume_set::open(std::move(o));
  }
  void touch(const std::string& name) const { std::ofstream(at(name)) << ""; }
  /// As after `umount`: what lies below the mount point is empty.
  void unmount(const std::string& name) const {
    files::rename(at(name), at(name + ".away"));
    files::create_directory(at(name));
  }
  void mount(const std::string& name) const {
    files::remove_all(at(name));
    files::rename(at(name + ".away"), at(name));
  }
};

std::string problem_of(const volume_set& set, const std::string& path) {
  for (const auto& d : set.status()) {
    if (d.path == path) return d.problem;
  }
  return "no such directory";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(known_directories)

BOOST_AUTO_TEST_CASE(a_disk_that_is_not_mounted_is_failed_and_not_begun_anew) {
  const disks d;
  node_id node;
  {
    auto set = d.open({"one", "mount"}).value();
    node = set->node();
    for (std::uint64_t id = 1; id <= 4; ++id) {
      auto v = set->create({volume_id(id), 1}).value();
      BOOST_REQUIRE(!append(*v, 1, make_content(id, 5000)));
    }
  }
  d.unmount("mount");
  {
    auto set = d.open({"one", "mount"}).value();
    BOOST_TEST((set->node() == node));
    BOOST_TEST(problem_of(*set, d.at("one")).empty());
    BOOST_TEST(problem_of(*set, d.at("mount")).find("mounted?") != std::string::npos);
    BOOST_TEST(set->all().size() == 2U);
    BOOST_TEST(files::is_empty(d.at("mount")));  // not a byte below the mount point
  }
  files::remove_all(d.at("mount"));
  {
    auto set = d.open({"one", "mount"}).value();
    BOOST_TEST(problem_of(*set, d.at("mount")).find("is missing") != std::string::npos);
    BOOST_TEST(!files::exists(d.at("mount")));
  }
  d.mount("mount");
  auto set = d.open({"one", "mount"}).value();
  BOOST_TEST((set->node() == node));
  BOOST_TEST(problem_of(*set, d.at("mount")).empty());
  BOOST_TEST(set->all().size() == 4U);
}

BOOST_AUTO_TEST_CASE(a_replaced_disk_is_taken_with_an_operators_word) {
  const disks d;
  const node_id node = d.open({"one", "two"}).value()->node();
  files::remove_all(d.at("two"));
  files::create_directory(d.at("two"));
  d.touch("two/NEW");
  {
    auto set = d.open({"one", "two"}).value();
    BOOST_TEST((set->node() == node));
    BOOST_TEST(problem_of(*set, d.at("two")).empty());
    BOOST_TEST(!files::exists(d.at("two/NEW")));  // it was for this once
  }
  d.unmount("two");
  auto set = d.open({"one", "two"}).value();
  BOOST_TEST(!problem_of(*set, d.at("two")).empty());
}

BOOST_AUTO_TEST_CASE(a_directory_that_is_added_is_made_and_one_that_is_taken_away_is_forgotten) {
  const disks d;
  const node_id node = d.open({"one"}).value()->node();
  BOOST_TEST(problem_of(*d.open({"one", "two"}).value(), d.at("two")).empty());
  BOOST_TEST((d.open({"one"}).value()->node() == node));
  files::remove_all(d.at("two"));
  BOOST_TEST(problem_of(*d.open({"one", "two"}).value(), d.at("two")).empty());
}

BOOST_AUTO_TEST_CASE(disks_may_change_places) {
  const disks d;
  node_id node;
  {
    auto set = d.open({"one", "two"}).value();
    node = set->node();
    for (std::uint64_t id = 1; id <= 4; ++id) {
      auto v = set->create({volume_id(id), 1}).value();
      BOOST_REQUIRE(!append(*v, 1, make_content(id, 5000)));
    }
  }
  files::rename(d.at("one"), d.at("aside"));
  files::rename(d.at("two"), d.at("one"));
  files::rename(d.at("aside"), d.at("two"));
  auto set = d.open({"one", "two"}).value();
  BOOST_TEST((set->node() == node));
  for (const auto& s : set->status()) BOOST_TEST(s.problem.empty(), s.problem);
  BOOST_TEST(set->all().size() == 4U);
}

BOOST_AUTO_TEST_CASE(volumes_that_were_on_a_disk_of_their_own_are_missed) {
  const disks d;
  { auto set = d.open({"one", "two"}).value(); }
  d.unmount("two/volumes");
  {
    auto set = d.open({"one", "two"}).value();
    BOOST_TEST(problem_of(*set, d.at("two")).find("mounted?") != std::string::npos);
  }
  BOOST_TEST(files::is_empty(d.at("two/volumes")));
  d.mount("two/volumes");
  BOOST_TEST(problem_of(*d.open({"one", "two"}).value(), d.at("two")).empty());
  // The same with a single directory: rather no node than one without its volumes.
  d.unmount("two/volumes");
  BOOST_TEST((d.open({"two"}).error() == errc::io));
}

BOOST_AUTO_TEST_CASE(volumes_of_another_directory_are_not_taken) {
  const disks d;
  { auto set = d.open({"one", "two"}).value(); }
  files::rename(d.at("one/volumes"), d.at("aside"));
  files::rename(d.at("two/volumes"), d.at("one/volumes"));
  files::rename(d.at("aside"), d.at("two/volumes"));
  BOOST_TEST((d.open({"one", "two"}).error() == errc::io));
}

BOOST_AUTO_TEST_CASE(a_disk_that_is_exchanged_while_the_node_runs_is_out_of_use) {
  const disks d;
  auto set = d.open({"one", "two"}).value();
  BOOST_TEST(set->sync_dirty() == 0U);
  d.unmount("two");
  files::create_directory(d.at("two/volumes"));
  static_cast<void>(set->sync_dirty());
  BOOST_TEST(problem_of(*set, d.at("two")).find("unmounted?") != std::string::npos);
  BOOST_TEST(problem_of(*set, d.at("one")).empty());
}

BOOST_AUTO_TEST_CASE(one_directory_under_two_names_is_given_twice) {
  const disks d;
  { auto set = d.open({"one"}).value(); }
  files::create_symlink("one", d.at("link"));
  files::create_directory_symlink(d.path(), d.at("self"));
  for (const std::vector<std::string>& names : std::vector<std::vector<std::string>>{
           {"one", "one/"}, {"one", "link"}, {"one", "./one"}, {"new", "self/new"}}) {
    const auto opened = d.open(names);
    BOOST_TEST_REQUIRE(opened.has_error(), names[1]);
    BOOST_TEST((opened.error() == errc::invalid_argument), opened.error().message());
    BOOST_TEST(opened.error().message().find("given twice") != std::string::npos,
               opened.error().message());
  }
  // Two directories with one place for their volumes, too.
  files::create_directories(d.at("three"));
  files::create_directory_symlink("../one/volumes", d.at("three/volumes"));
  const auto opened = d.open({"one", "three"});
  BOOST_TEST_REQUIRE(opened.has_error());
  BOOST_TEST(opened.error().message().find("given twice") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(directories_on_one_disk_share_its_space) {
  sim_files fs(8 << 20);
  fs.share_disk();
  vol::volume_set_options options;
  options.fs = &fs;
  options.reserved_bytes = 0;
  options.directories = {{"/a", {}}, {"/b", {}}};
  const auto sum = [](const volume_set& set, auto member) {
    std::uint64_t all = 0;
    for (const auto& d : set.status()) all += d.*member;
    return all;
  };
  {
    auto set = volume_set::open(options).value();
    BOOST_TEST(sum(*set, &vol::directory_status::capacity) == 8ULL << 20);
    BOOST_TEST(sum(*set, &vol::directory_status::free) <= 8ULL << 20);
    BOOST_TEST(sum(*set, &vol::directory_status::free) > 7ULL << 20);
  }
  // One with a capacity of its own leaves the rest to the other.
  options.directories[0].capacity = 2 << 20;
  {
    auto set = volume_set::open(options).value();
    BOOST_TEST(set->status()[0].capacity == 2ULL << 20);
    BOOST_TEST(set->status()[1].capacity == 6ULL << 20);
  }
  // More than there is cannot be given away.
  options.directories[0].capacity = 8 << 20;
  options.directories[1].capacity = 8 << 20;
  auto set = volume_set::open(options).value();
  BOOST_TEST(sum(*set, &vol::directory_status::capacity) == 8ULL << 20);
}

BOOST_AUTO_TEST_CASE(a_first_start_that_is_cut_anywhere_is_made_good_by_the_next) {
  for (const auto left : {unsynced::keep, unsynced::drop, unsynced::tear}) {
    bool died = true;
    for (std::uint64_t call = 1; died; ++call) {
      sim_files fs;
      vol::volume_set_options options;
      options.fs = &fs;
      options.directories = {{"/a", {}}, {"/b", {}}};
      fs.die_at(call);
      static_cast<void>(volume_set::open(options));
      died = fs.dead();
      fs.power_loss(left, call);
      auto set = volume_set::open(options);
      BOOST_TEST_REQUIRE(set.has_value(), "call " << call);
      for (const auto& d : (*set)->status()) BOOST_TEST(d.problem.empty(), d.problem);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
