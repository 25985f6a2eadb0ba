// Seeded simulations of a whole cluster. SSDFS_SIM_SEED=N runs one seed alone, SSDFS_SIM_SEEDS=N
// so many of them, SSDFS_SIM_TRACE=1 tells on standard error what happens.
#include "sim/sim_client.hpp"
#include "sim/sim_node.hpp"
#include "sim/world.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdlib>
#include <string>

namespace ssdfs::sim {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// A different cluster for each seed.
world_options options_for(std::uint64_t seed) {
  world_options o;
  o.seed = seed;
  o.nodes = 2 + static_cast<int>(seed % 4);
  o.racks = 1 + static_cast<int>(seed / 4 % 3);
  o.clients = 2 + static_cast<int>(seed / 3 % 4);
  o.replication = static_cast<std::uint8_t>(seed % 7 == 0 ? 3 : seed % 11 == 0 ? 1 : 2);
  o.sync_always = seed % 2 == 0;
  o.two_masters = seed % 5 < 2;
  o.fault_pause_ms = seed % 8 < 4 ? 700 : 2'500;
  o.disk_loss = seed % 3 == 0;
  o.loss = seed % 4 == 1 ? 0.05 : 0.005;
  o.slow = seed % 6 == 1 ? 0.2 : 0.03;
  o.disk_rollback = seed % 3 == 1;
  o.clones = seed % 13 == 5 && o.replication > 1;  // the only copy could stay on one
  o.clock_jumps = seed % 4 == 3;
  o.operators = seed % 2 == 1;
  return o;
}

/// A cluster of 50 nodes, with every kind of fault among the seeds.
world_options large_options_for(std::uint64_t seed) {
  world_options o = options_for(seed);
  o.nodes = 50;
  o.racks = 1 + static_cast<int>(seed % 6);
  o.clients = 6;
  o.replication = static_cast<std::uint8_t>(seed % 5 == 0 ? 3 : 2);
  o.fault_pause_ms = seed % 4 < 2 ? 150 : 600;
  o.storm_ms = 12'000;
  o.calm_ms = 50'000;
  return o;
}

void run_seeds(world_options (*options)(std::uint64_t), std::uint64_t usual_count) {
  const std::uint64_t only = from_environment("SSDFS_SIM_SEED", 0);
  const std::uint64_t count = from_environment("SSDFS_SIM_SEEDS", usual_count);
  const std::uint64_t first = only != 0 ? only : 1;
  const std::uint64_t last = only != 0 ? only : count;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    const std::string wrong = world(options(seed)).run();
    BOOST_CHECK_MESSAGE(wrong.empty(), "SSDFS_SIM_SEED=" << seed << ": " << wrong);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(cluster_simulation)

BOOST_AUTO_TEST_CASE(storms_lose_nothing_and_heal) { run_seeds(options_for, 1'000); }

BOOST_AUTO_TEST_CASE(a_chunk_that_was_never_written_holds_up_nothing) {
  run_seeds(
      [](std::uint64_t seed) {
        world_options o = options_for(seed);
        o.unwritten = true;
        return o;
      },
      300);
}

BOOST_AUTO_TEST_CASE(fifty_nodes_lose_nothing_and_heal) { run_seeds(large_options_for, 150); }

BOOST_AUTO_TEST_CASE(short_absences_cause_no_copies) {
  run_seeds(
      [](std::uint64_t seed) {
        world_options o = large_options_for(seed);
        o.nodes = 20;
        o.disk_loss = o.disk_rollback = o.clones = o.operators = o.two_masters = false;
        o.only_short = true;
        o.dead_after_ms = 6'000;
        return o;
      },
      150);
}

// The cluster's side asks for a REOPEN while the state still waits for members to confirm removals.
// The master refuses that and confirms what it can by itself, now and then.
BOOST_AUTO_TEST_CASE(a_volume_is_opened_again_only_after_its_removals_are_confirmed) {
  std::uint64_t refusals = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    world w(options_for(seed));
    const std::string wrong = w.run();
    BOOST_CHECK_MESSAGE(wrong.empty(), "seed " << seed << ": " << wrong);
    refusals += w.refusals();
  }
  BOOST_TEST(refusals > 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::sim
