// Who may remove and see what is another's, where permissions are checked.
#include "meta/state_util.hpp"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

namespace ssdfs::meta {
namespace {

using test::require_error;
using test::state_rig;

const caller ann{"ann", "ann"};
const caller bob{"bob", "bob"};

void put_empty(state_rig& rig, std::string_view path, const caller& by) {
  create_request q;
  q.path = path;
  q.by = by;
  BOOST_REQUIRE(rig.finish(make_create(rig.state(), q, rig.context())).has_value());
}

void make_open_directory(state_rig& rig, std::string_view path, std::uint16_t mode) {
  directory_request q;
  q.path = path;
  q.mode = mode;
  BOOST_REQUIRE(rig.finish(make_directory(rig.state(), q, rig.context())).has_value());
}

BOOST_AUTO_TEST_SUITE(permissions)

BOOST_AUTO_TEST_CASE(the_sticky_bit_protects_what_others_have_put) {
  state_rig rig;
  make_open_directory(rig, "/tmp", 01777);
  make_open_directory(rig, "/open", 0777);
  rig.context().permissions = true;
  for (const char* path : {"/tmp/a", "/open/a"}) put_empty(rig, path, ann);
  put_empty(rig, "/tmp/b", bob);
  const auto outcome = [&](std::string_view directory, const caller& by) {
    const std::string a = std::string(directory) + "/a";
    std::vector<bool> out;
    remove_request gone;
    gone.path = a;
    gone.by = by;
    out.push_back(make_remove(rig.state(), gone, rig.context()).has_value());
    rename_request away;
    away.from = a;
    const std::string c = std::string(directory) + "/c";
    away.to = c;
    away.by = by;
    out.push_back(make_rename(rig.state(), away, rig.context()).has_value());
    rename_request over;
    over.from = "/tmp/b";
    over.to = a;
    over.overwrite = true;
    over.by = by;
    out.push_back(make_rename(rig.state(), over, rig.context()).has_value());
    create_request again;
    again.path = a;
    again.overwrite = true;
    again.by = by;
    out.push_back(make_create(rig.state(), again, rig.context()).has_value());
    return out;
  };
  BOOST_TEST(outcome("/tmp", bob) == std::vector<bool>({false, false, false, false}),
             boost::test_tools::per_element());
  BOOST_TEST(outcome("/open", bob) == std::vector<bool>({true, true, true, true}),
             boost::test_tools::per_element());
  // Ann may do with hers what she likes, but for bob's.
  BOOST_TEST(outcome("/tmp", ann) == std::vector<bool>({true, true, false, true}),
             boost::test_tools::per_element());
  BOOST_TEST(outcome("/tmp", {"root", "root"}) == std::vector<bool>({true, true, true, true}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_in_the_trash_is_its_owners_alone) {
  state_rig rig;
  make_open_directory(rig, "/home", 0777);
  rig.context().permissions = true;
  directory_request private_place;
  private_place.path = "/home/ann";
  private_place.mode = 0700;
  private_place.by = ann;
  BOOST_REQUIRE(rig.finish(make_directory(rig.state(), private_place, rig.context())).has_value());
  put_empty(rig, "/home/ann/secret", ann);
  put_empty(rig, "/home/ann/kept", ann);
  remove_request gone;
  gone.path = "/home/ann/secret";
  gone.by = ann;
  const auto thrown = rig.finish(make_remove(rig.state(), gone, rig.context()));
  BOOST_REQUIRE(thrown.has_value());
  const std::string directory = thrown->path.substr(0, thrown->path.rfind('/'));

  for (const bool hers : {true, false}) {
    const viewer v{hers ? ann : bob, true};
    BOOST_TEST(lookup(rig.state(), thrown->path, v).has_value() == hers);
    BOOST_TEST(summarize(rig.state(), thrown->path, v).has_value() == hers);
    std::vector<entry_view> found;
    BOOST_REQUIRE(list(rig.state(), directory, "", 10, v, found).has_value());
    BOOST_TEST(found.size() == (hers ? 1U : 0U));
  }
  // A directory that hid what is in it goes on hiding it, and is itself not shown.
  gone.path = "/home/ann";
  gone.recursive = true;
  const auto whole = rig.finish(make_remove(rig.state(), gone, rig.context()));
  BOOST_REQUIRE(whole.has_value());
  BOOST_TEST(lookup(rig.state(), whole->path + "/kept", {ann, true}).has_value());
  require_error(lookup(rig.state(), whole->path + "/kept", {bob, true}), errc::permission_denied);
  require_error(lookup(rig.state(), whole->path, {bob, true}), errc::permission_denied);
}

BOOST_AUTO_TEST_CASE(a_long_list_of_others_things_is_passed_over) {
  state_rig rig;
  make_open_directory(rig, "/open", 0777);
  rig.context().permissions = true;
  for (int i = 0; i < 30; ++i) {
    put_empty(rig, "/open/" + std::to_string(100 + i), i == 29 ? bob : ann);
    remove_request gone;
    const std::string path = "/open/" + std::to_string(100 + i);
    gone.path = path;
    gone.by = i == 29 ? bob : ann;
    BOOST_REQUIRE(rig.finish(make_remove(rig.state(), gone, rig.context())).has_value());
  }
  const viewer v{bob, true};
  std::vector<entry_view> buckets;
  BOOST_REQUIRE(list(rig.state(), "/.trash", "", 10, v, buckets).has_value());
  BOOST_REQUIRE_EQUAL(buckets.size(), 1U);
  std::vector<entry_view> found;
  const auto more =
      list(rig.state(), "/.trash/" + std::string(buckets[0].name) + "/open", "", 4, v, found);
  BOOST_REQUIRE(more.has_value());
  BOOST_REQUIRE_EQUAL(found.size(), 1U);
  BOOST_TEST(found[0].name == "129");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::meta
