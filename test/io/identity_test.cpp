#include "io/identity.hpp"

#include "io/clock.hpp"
#include "util/sim_files.hpp"

#include <boost/test/unit_test.hpp>

using namespace ssdfs;

BOOST_AUTO_TEST_SUITE(identity_suite)

BOOST_AUTO_TEST_CASE(comes_back_and_survives_a_power_cut) {
  test::sim_files fs;
  BOOST_REQUIRE(fs.make_directories("/d"));
  BOOST_REQUIRE(fs.sync_directory("/"));
  BOOST_TEST(!io::read_identity(fs, "/d").value().has_value());
  const io::identity mine{"datanode", node_id(io::random_uuid()), cluster_id(io::random_uuid())};
  BOOST_REQUIRE(io::write_identity(fs, "/d", mine));
  fs.power_loss(test::unsynced::drop);
  BOOST_TEST((io::read_identity(fs, "/d").value() == mine));
}

BOOST_AUTO_TEST_CASE(damage_is_named_not_overlooked) {
  test::sim_files fs;
  BOOST_REQUIRE(fs.make_directories("/d"));
  for (const char* text : {"", "{", "[]", "{}", R"({"format":2,"role":"datanode"})",
                           R"({"format":1,"role":"datanode","node":"x","cluster":"y"})"}) {
    const auto bytes = as_bytes(text);
    fs.set_contents("/d/identity.json", {bytes.begin(), bytes.end()});
    const auto got = io::read_identity(fs, "/d");
    BOOST_REQUIRE(got.has_error());
    BOOST_TEST((got.error() == errc::damaged));
    BOOST_TEST(got.error().detail.find("/d/identity.json") != std::string::npos);
  }
}

BOOST_AUTO_TEST_SUITE_END()
