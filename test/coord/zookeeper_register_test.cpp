// The register at one ZooKeeper server that runs all the time.
#include "coord/raw_zookeeper.hpp"
#include "coord/register_user.hpp"
#include "coord/zookeeper_installed.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <string>

using namespace ssdfs;
using coord::register_state;
using coord::set_outcome;
namespace utf = boost::unit_test;

namespace {

// A part of the tree for each test.
struct zookeeper_scene {
  zookeeper_scene() {
    static std::atomic<int> next{1};
    root = "/t" + std::to_string(next++);
    raw.make(root);
  }
  [[nodiscard]] std::string address() const { return server.address(0) + root; }
  [[nodiscard]] std::string path() const { return root + "/ssdfs/register"; }

  test::zookeeper_servers& server = test::shared_zookeeper();
  test::raw_zookeeper raw{server.address(0)};
  std::string root;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(zookeeper_register_suite, *utf::precondition(test::zookeeper_installed))

BOOST_FIXTURE_TEST_CASE(is_made_once_and_changed_by_whoever_knows_its_version, zookeeper_scene) {
  test::register_user a(test::patient_options(address()));
  BOOST_TEST(a.sees(register_state::missing));
  BOOST_TEST(a.tells({"no register at " + path(), "admin zookeeper-init"}));
  BOOST_TEST((a.read().error() == errc::not_found));
  BOOST_TEST((a.set(0, 1).outcome == set_outcome::not_made));

  const auto made = a.create(1);
  BOOST_TEST((made.outcome == set_outcome::done));
  BOOST_TEST(made.version == 0);
  BOOST_TEST(a.sees(register_state::ready, 0));
  BOOST_TEST(a.problem() == "");
  const auto again = a.create(2);
  BOOST_TEST((again.outcome == set_outcome::refused));
  BOOST_TEST((again.why == errc::exists));

  test::register_user b(test::patient_options(address()));
  BOOST_TEST(b.sees(register_state::ready, 0));
  BOOST_TEST((b.read().value() == coord::register_value{0, "shop 1"}));
  const auto changed = b.set(0, 3);
  BOOST_TEST((changed.outcome == set_outcome::done));
  BOOST_TEST(changed.version == 1);
  BOOST_TEST(a.sees(register_state::ready, 1));
  BOOST_TEST((a.set(0, 4).outcome == set_outcome::refused));
  BOOST_TEST((a.read().value() == coord::register_value{1, "shop 3"}));
  BOOST_TEST((a.set(1, 5).outcome == set_outcome::done));
}

BOOST_FIXTURE_TEST_CASE(is_reached_although_a_server_of_the_list_has_no_address, zookeeper_scene) {
  test::register_user a(test::patient_options("nowhere.invalid:2181," + address()));
  BOOST_TEST(a.sees(register_state::missing));
  BOOST_TEST((a.create(1).outcome == set_outcome::done));
}

BOOST_FIXTURE_TEST_CASE(of_two_that_change_one_version_one_is_refused, zookeeper_scene) {
  test::register_user a(test::patient_options(address()));
  test::register_user b(test::patient_options(address()));
  BOOST_TEST(a.sees(register_state::missing));
  BOOST_TEST((a.create(0).outcome == set_outcome::done));
  BOOST_TEST(a.sees(register_state::ready, 0));
  BOOST_TEST(b.sees(register_state::ready, 0));
  for (std::int64_t version = 0; version < 20; ++version) {
    auto other = std::async(std::launch::async, [&] { return b.set(version, 1).outcome; });
    const auto own = a.set(version, 2).outcome;
    const auto theirs = other.get();
    BOOST_TEST((own == set_outcome::done) != (theirs == set_outcome::done));
    BOOST_TEST(a.sees(register_state::ready, version + 1));
    BOOST_TEST(b.sees(register_state::ready, version + 1));
  }
}

BOOST_FIXTURE_TEST_CASE(a_change_is_noticed_without_waiting_for_the_next_look, zookeeper_scene) {
  test::register_user writer(test::patient_options(address()));
  BOOST_TEST(writer.sees(register_state::missing));
  BOOST_TEST((writer.create(1).outcome == set_outcome::done));
  BOOST_TEST(writer.sees(register_state::ready, 0));
  coord::zookeeper_options options = test::patient_options(address());
  options.poll_ms = 3'600'000;
  test::register_user reader(options);
  BOOST_TEST(reader.sees(register_state::ready, 0));
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST((writer.set(i, i).outcome == set_outcome::done));
    BOOST_TEST(reader.sees(register_state::ready, i + 1));
  }
}

BOOST_FIXTURE_TEST_CASE(what_is_not_this_clusters_is_named_and_left_alone, zookeeper_scene) {
  raw.make(root + "/ssdfs");
  raw.make(path(), "bakery 7");
  test::register_user a(test::patient_options(address()));
  BOOST_TEST(a.sees(register_state::other_cluster));
  BOOST_TEST(a.tells({path(), "it is of cluster bakery", "a /CHROOT of its own"}));
  BOOST_TEST((a.read().error() == errc::wrong_cluster));
  const auto refused = a.set(0, 1);
  BOOST_TEST((refused.outcome == set_outcome::not_made));
  BOOST_TEST((refused.why == errc::wrong_cluster));
  BOOST_TEST((a.create(1).outcome == set_outcome::refused));

  for (const std::string& garbage :
       {std::string(), std::string("garbage"), std::string(coord::max_register_bytes + 1, 'x')}) {
    raw.write(path(), "bakery 7");
    BOOST_TEST(a.sees(register_state::other_cluster));
    raw.write(path(), garbage);
    BOOST_TEST(a.sees(register_state::foreign));
    BOOST_TEST(a.tells({garbage.size() > 100 ? "longer than 65536 bytes" : "it has no blank",
                        "it is left alone"}));
    BOOST_TEST((a.read().error() == errc::damaged));
  }
  raw.write(path(), "shop 1");
  BOOST_TEST(a.sees(register_state::ready));
  // Nor does anything get written that others would have to leave alone.
  const std::int64_t version = a.read().value().version;
  BOOST_TEST((a.set_text(version, "bakery 8").why == errc::wrong_cluster));
  BOOST_TEST((a.set_text(version, "shop " + std::string(coord::max_register_bytes, 'x')).why ==
              errc::too_large));
  BOOST_TEST(a.read().value().content == "shop 1");
}

BOOST_FIXTURE_TEST_CASE(a_path_that_is_not_there_is_told_from_a_register_that_is_not,
                        zookeeper_scene) {
  test::register_user a(test::patient_options(address() + "/deeper"));
  BOOST_TEST(a.sees(register_state::no_root));
  BOOST_TEST(a.tells({"has no node " + root + "/deeper", "typing error"}));
  BOOST_TEST((a.read().error() == errc::not_found));
  const auto refused = a.create(1);
  BOOST_TEST((refused.outcome == set_outcome::not_made));
  BOOST_TEST((refused.why == errc::not_found));
  raw.make(root + "/deeper");
  BOOST_TEST(a.sees(register_state::missing));
  BOOST_TEST((a.create(1).outcome == set_outcome::done));
}

BOOST_FIXTURE_TEST_CASE(one_that_is_removed_or_made_again_is_not_changed_by_its_old_version,
                        zookeeper_scene) {
  test::register_user a(test::patient_options(address()));
  BOOST_TEST(a.sees(register_state::missing));
  BOOST_TEST((a.create(1).outcome == set_outcome::done));
  BOOST_TEST(a.sees(register_state::ready, 0));
  BOOST_TEST((a.set(0, 2).outcome == set_outcome::done));
  raw.remove(path());
  BOOST_TEST(a.sees(register_state::missing));
  BOOST_TEST((a.set(1, 3).outcome == set_outcome::not_made));
  raw.make(path(), "shop 4");
  BOOST_TEST(a.sees(register_state::ready, 0));
  BOOST_TEST((a.set(1, 3).outcome == set_outcome::not_made));
  BOOST_TEST((a.read().value() == coord::register_value{0, "shop 4"}));
}

BOOST_FIXTURE_TEST_CASE(with_a_password_only_its_owner_reads_and_changes_it, zookeeper_scene) {
  test::register_user owner(test::patient_options(address(), "shop:secret"));
  BOOST_TEST(owner.sees(register_state::missing));
  BOOST_TEST((owner.create(1).outcome == set_outcome::done));
  BOOST_TEST(owner.sees(register_state::ready, 0));
  BOOST_TEST((owner.set(0, 2).outcome == set_outcome::done));

  test::register_user stranger(test::patient_options(address()));
  BOOST_TEST(stranger.sees(register_state::denied));
  BOOST_TEST(stranger.tells({path(), "no --zookeeper-auth is given"}));
  test::register_user wrong(test::patient_options(address(), "shop:wrong"));
  BOOST_TEST(wrong.sees(register_state::denied));
  BOOST_TEST(wrong.tells({"another user than 'shop', or the password is another"}));
  BOOST_TEST(wrong.problem().find("wrong") == std::string::npos);
  for (test::register_user* who : {&stranger, &wrong}) {
    BOOST_TEST((who->read().error() == errc::permission_denied));
    BOOST_TEST((who->set(1, 3).outcome == set_outcome::not_made));
    BOOST_TEST((who->create(3).outcome != set_outcome::done));
  }
  // Nobody else removes it either, which the parent's ACL would allow.
  BOOST_TEST(raw.try_to_remove(path()) == ZNOAUTH);

  test::register_user other_owner(test::patient_options(address(), "shop:secret"));
  BOOST_TEST(other_owner.sees(register_state::ready, 1));
}

BOOST_FIXTURE_TEST_CASE(rights_of_others_are_told_and_so_are_missing_ones, zookeeper_scene) {
  test::register_user owner(test::patient_options(address(), "shop:secret"));
  test::raw_zookeeper as_owner(server.address(0), "shop:secret");
  BOOST_TEST(owner.sees(register_state::missing));
  // Made by somebody who did not care.
  raw.make(root + "/ssdfs");
  raw.make(path(), "shop 1");
  BOOST_TEST(owner.sees(register_state::exposed, 0));
  BOOST_TEST(owner.tells(
      {"others may change the register", "the ACL of " + path() + " is world:anyone:rwcda"}));
  BOOST_TEST((owner.set(0, 2).outcome == set_outcome::done));
  as_owner.protect(path(), ZOO_CREATOR_ALL_ACL);
  BOOST_TEST(owner.sees(register_state::exposed, 1));
  // The parent's ACL is asked for when the register's has changed.
  BOOST_TEST(owner.tells({"the ACL of " + root + "/ssdfs is world:anyone:rwcda"}));
  as_owner.protect(root + "/ssdfs", ZOO_CREATOR_ALL_ACL);
  as_owner.protect(path(), ZOO_CREATOR_ALL_ACL);
  BOOST_TEST(owner.sees(register_state::ready, 1));

  // Readable for everybody, and for us no more than that.
  test::register_user reader(test::patient_options(address()));
  BOOST_TEST(reader.sees(register_state::denied));
  Id everybody = ZOO_ANYONE_ID_UNSAFE;
  ACL read_only{ZOO_PERM_READ, everybody};
  as_owner.protect(path(), ACL_vector{1, &read_only});
  BOOST_TEST(reader.tells({"does not let us read"}));
  for (test::register_user* who : {&reader, &owner}) {
    BOOST_TEST(who->tells({"lets us read", "not change it", "world:anyone:r"}));
    BOOST_TEST(who->sees(register_state::denied));
    BOOST_TEST((who->set(1, 9).outcome == set_outcome::not_made));
  }
}

BOOST_AUTO_TEST_CASE(a_server_without_digest_authentication_is_named) {
  test::zookeeper_servers server(1, {"-Dzookeeper.DigestAuthenticationProvider.enabled=false"});
  BOOST_TEST_REQUIRE(server.wait_all_serving());
  test::register_user a(test::patient_options(server.address(0), "shop:secret"));
  BOOST_TEST(a.sees(register_state::auth_failed));
  BOOST_TEST(
      a.tells({"does not take digest authentication", server.address(0), "it refuses the scheme"}));
  BOOST_TEST((a.read().error() == errc::permission_denied));
  BOOST_TEST((a.set(0, 1).why == errc::permission_denied));
}

BOOST_FIXTURE_TEST_CASE(too_many_calls_at_a_time_are_refused, zookeeper_scene) {
  test::register_user a(test::patient_options(address()));
  BOOST_TEST(a.sees(register_state::missing));
  std::atomic<int> busy{0};
  std::atomic<int> others{0};
  std::promise<void> all;
  constexpr int calls = 1'000;
  for (int i = 0; i < calls; ++i) {
    a.reg().async_read(20'000, [&](result<coord::register_value> r) {
      ++(r.error() == errc::busy ? busy : others);
      if (busy + others == calls) all.set_value();
    });
  }
  all.get_future().get();
  BOOST_TEST(busy > 0);
  BOOST_TEST(others >= coord::max_register_calls);
}

BOOST_FIXTURE_TEST_CASE(other_servers_may_be_given_while_it_runs, zookeeper_scene) {
  test::zookeeper_servers other(1);
  BOOST_TEST_REQUIRE(other.wait_all_serving());
  test::raw_zookeeper(other.address(0)).make(root);
  test::register_user a(test::patient_options(address()));
  BOOST_TEST(a.sees(register_state::missing));
  BOOST_TEST((a.create(1).outcome == set_outcome::done));
  BOOST_TEST(a.sees(register_state::ready));
  a.reg().use_servers(coord::parse_zookeeper_address(other.address(0)).value().servers);
  BOOST_TEST(a.sees(register_state::missing));
  a.reg().use_servers(
      coord::parse_zookeeper_address(other.address(0) + "," + server.address(0)).value().servers);
  other.kill(0);
  BOOST_TEST(a.sees(register_state::ready));
}

BOOST_AUTO_TEST_SUITE_END()
