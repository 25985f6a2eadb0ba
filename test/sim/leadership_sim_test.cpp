// Seeded simulations of a master set. SSDFS_SIM_SEED=N runs one seed alone, SSDFS_MEMBER_SEEDS=N so
// many of them, SSDFS_SIM_TRACE=1 tells on standard error what happens, SSDFS_SIM_BROKEN=N breaks a
// rule.
#include "sim/leadership_world.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

namespace ssdfs::member_sim {
namespace {

std::uint64_t member_number(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

/// Another set, and other faults, for each seed.
world_settings member_settings(std::uint64_t seed, broken_rule broken = broken_rule::none) {
  world_settings s;
  s.seed = seed;
  s.members = 3 + static_cast<int>(seed % 3);
  s.loss = seed % 4 == 1 ? 0.05 : 0.005;
  s.slow = seed % 6 == 1 ? 0.15 : 0.01;
  s.fault_pause_ms = seed % 8 < 4 ? 600 : 2'500;
  s.hasty = seed % 2 == 0 || broken != broken_rule::none;
  s.rollback = seed % 5 == 2 && broken == broken_rule::none;
  s.one_is_ineligible = seed % 7 == 3;
  s.broken = broken;
  return s;
}

/// The first of `count` seeds in which something is shown or lost that must not be; empty if there
/// is none.
std::string first_wrong(broken_rule broken, std::uint64_t count) {
  for (std::uint64_t seed = 1; seed <= count; ++seed) {
    const std::string wrong = world(member_settings(seed, broken)).run();
    const bool unsafe = wrong.find("may show") != std::string::npos ||
                        wrong.find("records that were answered") != std::string::npos ||
                        wrong.find("commits") != std::string::npos ||
                        wrong.find("leads without") != std::string::npos;
    if (unsafe) return "seed " + std::to_string(seed) + ": " + wrong;
  }
  return {};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(leadership_simulation)

BOOST_AUTO_TEST_CASE(never_two_show_state_nothing_committed_is_lost_and_the_calm_has_a_leader) {
  const std::uint64_t only = member_number("SSDFS_SIM_SEED", 0);
  const std::uint64_t last = only != 0 ? only : member_number("SSDFS_MEMBER_SEEDS", 300);
  const auto broken = static_cast<broken_rule>(member_number("SSDFS_SIM_BROKEN", 0));
  std::uint64_t changes = 0;
  std::uint64_t answered = 0;
  std::vector<cluster::time_ms> waits;
  for (std::uint64_t seed = only != 0 ? only : 1; seed <= last; ++seed) {
    world w(member_settings(seed, broken));
    const std::string wrong = w.run();
    BOOST_CHECK_MESSAGE(wrong.empty(), "SSDFS_SIM_SEED=" << seed << ": " << wrong);
    changes += w.changes_of_leader;
    answered += w.answered;
    waits.push_back(w.not_served_ms);
  }
  std::sort(waits.begin(), waits.end());
  BOOST_TEST_MESSAGE(waits.size() << " runs, " << changes << " changes of leader, " << answered
                                  << " changes answered; until somebody serves in the calm: "
                                  << waits[waits.size() / 2] << " ms at the median, "
                                  << waits.back() << " at most");
}

BOOST_AUTO_TEST_CASE(the_checks_notice_each_promise_that_the_world_breaks) {
  for (const broken_rule broken : {broken_rule::clocks_differ_by_half, broken_rule::unknown_is_lost,
                                   broken_rule::committed_too_early}) {
    const std::string wrong = first_wrong(broken, 300);
    BOOST_TEST_MESSAGE("rule " << static_cast<int>(broken) << " broken: " << wrong);
    BOOST_CHECK_MESSAGE(!wrong.empty(), "rule " << static_cast<int>(broken));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::member_sim
