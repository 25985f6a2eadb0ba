// Rules that hold whatever is known of a volume.
#include "cluster/volume_scene.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <random>

namespace ssdfs::cluster::test {
namespace {

using kind = log_step::kind;

}  // namespace

BOOST_AUTO_TEST_SUITE(volume_life_any)

/// Whatever the situation: the decision is made, is the same when made again, and keeps the rules
/// that protect data.
BOOST_AUTO_TEST_CASE(random_situations_keep_the_rules) {
  std::mt19937_64 random(42);
  const auto pick = [&](std::uint64_t n) { return random() % n; };
  for (int round = 0; round < 50'000; ++round) {
    scene s;
    s.info.state = static_cast<volume_state>(1 + pick(3));
    s.info.replication = static_cast<std::uint8_t>(1 + pick(3));
    s.info.generation = static_cast<generation_t>(1 + pick(3));
    s.info.removal_number = pick(2);
    s.info.digest = pick(4) == 0 ? volume_digest{} : volume_digest{3, 300, 77};
    s.info.members.clear();
    s.replicas.clear();
    const std::size_t members = 1 + pick(3);
    const std::size_t all = members + pick(3);
    for (std::uint8_t i = 1; i <= all; ++i) {
      replica_view r = s.member(i);
      if (i <= members) s.info.members.push_back(node(i));
      r.state = static_cast<node_state>(pick(4) == 0 ? 1 + pick(2) : 0);
      r.usable = r.state == node_state::live && pick(8) != 0;
      r.restarted = pick(6) == 0;
      r.drop_ordered = pick(8) == 0;
      r.parting = pick(6) == 0;
      s.replicas.push_back(r);
      if (i > members || pick(6) != 0) {
        s.report(i - 1, static_cast<replica_state>(1 + pick(pick(3) == 0 ? 4 : 2)),
                 static_cast<generation_t>(1 + pick(3)));
        replica_report& report = *s.replicas[i - 1].report;
        report.removal_number = pick(2);
        report.dead_bytes = pick(5) == 0 ? 2'000'000 : 0;
        if (pick(4) == 0) report.digest.sum ^= 5;
      }
    }
    s.in.grants_outstanding = pick(3) == 0;
    s.in.was_ready = pick(2) == 0;
    s.in.opened_before_start = pick(6) == 0;
    s.in.chain_failed = pick(6) == 0;
    s.in.reclaim_due = pick(3) == 0;
    s.in.safe_mode = pick(4) == 0;
    s.in.mass_silence = pick(4) == 0;
    s.in.more_members_possible = pick(2) == 0;
    s.in.wanted_open = pick(2) == 0;
    s.in.busy = pick(5) == 0;
    s.in.first_pending_removal = pick(3);
    s.in.freed_chunks = pick(4);
    if (pick(3) == 0) s.in.repair_target = node(static_cast<std::uint8_t>(1 + pick(6)));
    if (pick(3) == 0) s.in.move_from = node(static_cast<std::uint8_t>(1 + pick(6)));
    s.in.held_closed = pick(4) == 0;

    const volume_decision d = s.run();
    const volume_decision again = s.run();
    BOOST_REQUIRE(d.step == again.step);
    BOOST_REQUIRE(d.orders == again.orders);

    std::uint32_t complete = 0;
    bool one_acked = false;
    for (std::size_t i = 0; i < members; ++i) {
      const replica_view& r = s.replicas[i];
      if (!r.report) continue;
      if (r.state == node_state::live && is_complete(s.info, *r.report)) ++complete;
      one_acked = one_acked || (r.report->state == replica_state::sealed &&
                                r.report->generation == s.info.generation);
    }
    for (const wanted_order& o : d.orders) {
      const auto at = std::find_if(s.replicas.begin(), s.replicas.end(),
                                   [&](const replica_view& r) { return r.node == o.node; });
      BOOST_REQUIRE((at != s.replicas.end() && at->usable));
      const bool member = static_cast<std::size_t>(at - s.replicas.begin()) < members;
      if (o.kind == order_kind::drop) {
        BOOST_REQUIRE(!member);
        BOOST_REQUIRE(complete >= s.info.replication);
      }
      const bool removes = o.kind == order_kind::drop || o.kind == order_kind::remove_keys ||
                           o.kind == order_kind::reconcile || o.kind == order_kind::compact;
      if (removes) {
        BOOST_REQUIRE(!s.in.safe_mode);
        BOOST_REQUIRE((s.info.state == volume_state::closed));
      }
      if (o.kind == order_kind::create) {
        const bool fresh = s.info.state == volume_state::open && !s.in.was_ready;
        const bool empty = s.info.digest.count <= s.in.freed_chunks && !s.in.grants_outstanding;
        BOOST_REQUIRE((fresh || empty));
      }
    }
    switch (d.step.what) {
      case kind::none: break;
      case kind::seal: BOOST_REQUIRE((s.info.state == volume_state::open)); break;
      case kind::close:
        BOOST_REQUIRE((s.info.state == volume_state::sealed));
        BOOST_REQUIRE(!s.in.grants_outstanding);
        break;
      case kind::reopen:
        BOOST_REQUIRE((s.info.state == volume_state::closed));
        BOOST_REQUIRE(complete == members);
        break;
      case kind::members: {
        BOOST_REQUIRE((s.info.state != volume_state::open));
        BOOST_REQUIRE(!d.step.members.empty());
        BOOST_REQUIRE(d.step.generation == s.info.generation + 1);
        bool outsider = false;
        for (const node_id n : d.step.members) {
          outsider = outsider || std::find(s.info.members.begin(), s.info.members.end(), n) ==
                                     s.info.members.end();
        }
        // A move changes one for one, and who comes has everything.
        if (outsider && d.step.members.size() == members) {
          for (std::size_t i = members; i < s.replicas.size(); ++i) {
            const replica_view& r = s.replicas[i];
            const bool comes = std::find(d.step.members.begin(), d.step.members.end(), r.node) !=
                               d.step.members.end();
            if (!comes || s.info.state != volume_state::closed) continue;
            BOOST_REQUIRE((r.report && !r.drop_ordered));
            BOOST_REQUIRE(r.report->digest == s.info.digest);
            BOOST_REQUIRE((r.report->state == replica_state::sealed));
          }
        }
        // Members go only when one stays that has everything.
        if (!outsider && d.step.members.size() < members) {
          BOOST_REQUIRE((s.info.state == volume_state::sealed ? one_acked : complete > 0));
        }
        break;
      }
    }
    if (d.ready) {
      BOOST_REQUIRE((s.info.state == volume_state::open));
      for (std::size_t i = 0; i < members; ++i) {
        const replica_view& r = s.replicas[i];
        BOOST_REQUIRE((r.usable && r.report && r.report->state == replica_state::open));
        BOOST_REQUIRE(r.report->generation == s.info.generation);
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::cluster::test
