// Writers and datanodes at a master: grants, commits, the end of sessions, orders, and what happens
// when the master or its log ends in the middle.
#include "cluster/ticket.hpp"
#include "master/fake_node.hpp"
#include "master/master_fixture.hpp"
#include "util/sim_files.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <future>
#include <thread>

namespace ssdfs::test {
namespace {

using clock = std::chrono::steady_clock;

// For states that others bring about and of which nobody tells.
template <class Condition>
bool comes_true(Condition condition) {
  const auto end = clock::now() + std::chrono::seconds(10);
  while (!condition()) {
    if (clock::now() > end) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  return true;
}

template <class T>
std::string grant_error_of(const result<T>& r) {
  return r ? "success" : r.error().code.message() + ": " + r.error().message();
}

wire::commit_file_request file_of(caller& from, std::string_view path, const wire::grant_reply& g,
                                  chunk_key key) {
  wire::commit_file_request q;
  q.op = from.next_operation();
  q.path = path;
  q.size = 10;
  q.crc32c = 0xc0ffee;
  q.user = "root";
  q.chunks.push_back({g.volume, key, 10, 0xc0ffee, g.generation});
  return q;
}

struct grants_fixture : master_fixture {
  std::shared_ptr<fake_node> first;
  std::shared_ptr<fake_node> second;

  grants_fixture() { add_nodes(); }
  ~grants_fixture() { stop_nodes(); }

  void add_nodes() {
    first = fake_node::start(threads.context(), server->address());
    second = fake_node::start(threads.context(), server->address());
  }
  void stop_nodes() {
    for (auto* n : {&first, &second}) {
      if (*n) (*n)->stop();
      n->reset();
    }
  }
  void restart(std::function<void(master::master_options&)> with) {
    stop_nodes();
    stop();
    tweak = std::move(with);
    start();
    add_nodes();
  }
  wire::grant_reply grant(caller& from) {
    const auto given = from.call(wire::grant_request{});
    BOOST_REQUIRE_MESSAGE(given, grant_error_of(given));
    return *given;
  }
  wire::volume_status volume(caller& from, volume_id id) {
    const auto shown = from.call(wire::admin_volumes_request{id, 1});
    BOOST_REQUIRE(shown && shown->volumes.size() == 1);
    return shown->volumes.front();
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(grants, grants_fixture)

BOOST_AUTO_TEST_CASE(a_file_is_granted_committed_and_located) {
  caller c(threads.context(), server->address());
  const auto g = grant(c);
  BOOST_CHECK_EQUAL(g.replicas.size(), 2U);
  BOOST_CHECK_GE(g.bytes, 1U << 20);
  BOOST_CHECK_GE(g.key_count, 64U);
  BOOST_REQUIRE(c.call(file_of(c, "/p", g, g.first_key)));
  wire::lookup_request look;
  look.path = "/p";
  const auto found = c.call(look);
  BOOST_REQUIRE_MESSAGE(found, grant_error_of(found));
  BOOST_REQUIRE_EQUAL(found->chunks.size(), 1U);
  BOOST_CHECK(found->chunks[0].volume == g.volume);
  wire::locate_request locate;
  locate.volumes = {g.volume, volume_id(99)};
  const auto places = c.call(locate);
  BOOST_REQUIRE(places);
  BOOST_REQUIRE_EQUAL(places->volumes.size(), 1U);  // the unknown one is left out
  BOOST_CHECK_EQUAL(places->volumes[0].replicas.size(), 2U);

  const auto twice = c.call(file_of(c, "/q", g, g.first_key));
  BOOST_CHECK_MESSAGE(!twice && twice.error() == errc::key_conflict, grant_error_of(twice));
  const auto outside = c.call(file_of(c, "/q", g, g.first_key + g.key_count));
  BOOST_CHECK(!outside);
  look.path = "/q";
  BOOST_CHECK(!c.call(look));
}

BOOST_AUTO_TEST_CASE(a_grant_comes_with_a_ticket_by_the_root_that_nodes_were_told) {
  const auto check = [&](const wire::grant_reply& g) {
    const auto [terms, told] = first->terms();
    BOOST_REQUIRE_EQUAL(told, 1);  // when it registered
    BOOST_CHECK(second->terms().first.secret == terms.secret);
    const auto shown = cluster::parse_ticket(g.ticket);
    BOOST_REQUIRE(shown.has_value());
    BOOST_CHECK_EQUAL(shown->root, terms.root);
    BOOST_CHECK(cluster::ticket_slot_passes(shown->slot, cluster::ticket_slot_at(terms.clock_ms)));
    BOOST_CHECK_EQUAL(shown->first_key, g.first_key);
    BOOST_CHECK_EQUAL(shown->last_key, g.first_key + g.key_count - 1);
    BOOST_CHECK_EQUAL(shown->bytes, g.bytes);
    cluster::ticket_secret secret;
    BOOST_REQUIRE_EQUAL(terms.secret.size(), secret.size());
    std::memcpy(secret.data(), terms.secret.data(), secret.size());
    std::vector<node_id> chain;
    for (const replica_address& member : g.replicas) chain.push_back(member.node);
    caller watcher(threads.context(), server->address());
    const auto report = watcher.call(wire::admin_report_request{});
    BOOST_REQUIRE(report);
    BOOST_CHECK(
        cluster::ticket_key(secret, shown->slot)
            .proves({cluster::ticket_right::write, report->cluster, g.volume, g.generation, chain},
                    *shown));
    return terms.secret;
  };
  std::string before;
  {
    caller c(threads.context(), server->address());
    before = check(grant(c));
    check(grant(c));
  }
  restart({});
  caller c(threads.context(), server->address());
  BOOST_CHECK(check(grant(c)) != before);
}

BOOST_AUTO_TEST_CASE(an_ended_grant_asks_to_write_again_and_names_the_volume) {
  caller c(threads.context(), server->address());
  const auto g = grant(c);
  BOOST_REQUIRE(c.call(wire::end_grant_request{g.volume, g.generation, g.first_key}));
  BOOST_REQUIRE(
      c.call(wire::end_grant_request{g.volume, g.generation, g.first_key}));  // twice is fine
  const auto late = c.call(file_of(c, "/late", g, g.first_key));
  BOOST_REQUIRE(!late);
  BOOST_CHECK_MESSAGE(late.error() == errc::regrant, grant_error_of(late));
  BOOST_CHECK_EQUAL(late.error().hint, std::to_string(g.volume.value));
}

BOOST_AUTO_TEST_CASE(nobody_ends_the_grant_of_another) {
  caller c(threads.context(), server->address());
  const auto g = grant(c);
  caller thief(threads.context(), server->address());
  BOOST_REQUIRE(thief.call(wire::end_grant_request{g.volume, g.generation, g.first_key}));
  BOOST_CHECK(c.call(file_of(c, "/mine", g, g.first_key)));
}

BOOST_AUTO_TEST_CASE(nobody_commits_out_of_the_grant_of_another) {
  const client_id writer(io::random_uuid());
  std::optional<wire::grant_reply> g;
  {
    caller c(threads.context(), server->address(), {}, writer);
    g = grant(c);
    caller thief(threads.context(), server->address());
    const auto taken = thief.call(file_of(thief, "/taken", *g, g->first_key));
    BOOST_CHECK_MESSAGE(!taken && taken.error() == errc::permission_denied, grant_error_of(taken));
    auto posing = file_of(thief, "/taken", *g, g->first_key);
    posing.op.client = writer;
    const auto posed = thief.call(posing);
    BOOST_CHECK_MESSAGE(!posed && posed.error() == errc::permission_denied, grant_error_of(posed));
    BOOST_CHECK(c.call(file_of(c, "/first", *g, g->first_key)));
  }
  // The writer comes back: over another connection, and after a restart of the master.
  {
    caller c(threads.context(), server->address(), {}, writer);
    for (int i = 0; i < 2; ++i) c.next_operation();
    BOOST_CHECK(c.call(file_of(c, "/second", *g, g->first_key + 1)));
  }
  restart({});
  caller c(threads.context(), server->address(), {}, writer);
  for (int i = 0; i < 4; ++i) c.next_operation();
  const auto late = c.call(file_of(c, "/third", *g, g->first_key + 2));
  BOOST_CHECK_MESSAGE(late.has_value(), grant_error_of(late));
  caller thief(threads.context(), server->address());
  const auto taken = thief.call(file_of(thief, "/taken", *g, g->first_key + 3));
  BOOST_CHECK_MESSAGE(!taken && taken.error() == errc::permission_denied, grant_error_of(taken));
}

BOOST_AUTO_TEST_CASE(a_sealed_volume_still_takes_commits_and_then_closes) {
  caller c(threads.context(), server->address());
  const auto g = grant(c);
  BOOST_REQUIRE(c.call(wire::admin_seal_request{g.volume}));
  BOOST_CHECK(volume(c, g.volume).info.state == volume_state::sealed);  // at once
  BOOST_CHECK(first->wait_for(order_kind::seal, g.volume));
  BOOST_CHECK(second->wait_for(order_kind::seal, g.volume));
  BOOST_CHECK(c.call(file_of(c, "/p", g, g.first_key)));
  BOOST_CHECK(volume(c, g.volume).info.state == volume_state::sealed);  // the grant is out
  BOOST_REQUIRE(c.call(wire::end_grant_request{g.volume, g.generation, g.first_key}));
  BOOST_CHECK(comes_true([&] { return volume(c, g.volume).info.state == volume_state::closed; }));
  const auto missing = c.call(wire::admin_seal_request{volume_id(99)});
  BOOST_CHECK(!missing && missing.error() == errc::not_found);
}

BOOST_AUTO_TEST_CASE(grants_end_with_the_session) {
  restart([](master::master_options& to) { to.session_ms = 100; });
  caller watcher(threads.context(), server->address());
  volume_id granted;
  {
    caller c(threads.context(), server->address());
    granted = grant(c).volume;
    BOOST_CHECK_EQUAL(volume(watcher, granted).grants, 1U);
  }
  BOOST_CHECK(comes_true([&] { return volume(watcher, granted).grants == 0; }));
}

BOOST_AUTO_TEST_CASE(grants_of_a_former_life_end_when_nobody_comes_back) {
  volume_id granted;
  {
    caller c(threads.context(), server->address());
    granted = grant(c).volume;
  }
  restart([](master::master_options& to) { to.session_ms = 100; });
  caller watcher(threads.context(), server->address());
  BOOST_CHECK(comes_true([&] { return volume(watcher, granted).grants == 0; }));
}

BOOST_AUTO_TEST_CASE(orders_do_not_wait_for_the_heartbeat_interval) {
  restart([](master::master_options& to) {
    to.heartbeat_interval_ms = 8000;
    to.stale_after_ms = 60'000;
  });
  const auto began = clock::now();
  caller c(threads.context(), server->address());
  const auto g = grant(c);  // needs a create order at both nodes and their answers
  BOOST_REQUIRE(c.call(wire::admin_seal_request{g.volume}));
  BOOST_CHECK(first->wait_for(order_kind::seal, g.volume));
  BOOST_CHECK(second->wait_for(order_kind::seal, g.volume));
  BOOST_CHECK_LT((clock::now() - began) / std::chrono::milliseconds(1), 6000);
}

BOOST_AUTO_TEST_CASE(a_node_whose_connection_ended_is_told_apart) {
  caller c(threads.context(), server->address());
  static_cast<void>(grant(c));
  const auto connected = [&] {
    const auto report = c.call(wire::admin_report_request{});
    BOOST_REQUIRE(report);
    return report->nodes.size();
  };
  BOOST_CHECK_EQUAL(connected(), 2U);
  const node_id gone = second->id();
  second->stop();
  // No new data goes there, so a wish for two copies has to wait or gets a narrow volume, but it
  // never names the node that is gone.
  BOOST_CHECK(comes_true([&] {
    wire::grant_request q;
    q.replication = 1;
    const auto g = c.call(q);
    return g && std::none_of(g->replicas.begin(), g->replicas.end(),
                             [&](const replica_address& r) { return r.node == gone; });
  }));
}

BOOST_AUTO_TEST_CASE(stop_ends_what_waits) {
  stop_nodes();
  stop();
  tweak = [](master::master_options& to) {
    to.heartbeat_interval_ms = 60'000;
    to.stale_after_ms = 120'000;
  };
  start();
  // Heartbeats are held, and no volume becomes ready, so that the grant waits.
  first = fake_node::start(threads.context(), server->address(), true);
  second = fake_node::start(threads.context(), server->address(), true);
  caller c(threads.context(), server->address());
  BOOST_REQUIRE(comes_true([&] {
    const auto page = c.call(wire::admin_volumes_request{});
    return page && !page->volumes.empty();
  }));
  const auto began = clock::now();
  auto waiting = std::async(std::launch::async, [&] { return c.call(wire::grant_request{}); });
  caller other(threads.context(), server->address());
  BOOST_REQUIRE(other.call(wire::admin_report_request{}));
  stop();
  const auto r = waiting.get();
  BOOST_CHECK_MESSAGE(!r && !(r.error() == errc::internal), grant_error_of(r));
  BOOST_CHECK_LT((clock::now() - began) / std::chrono::milliseconds(1), 5000);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(failing_log)

BOOST_AUTO_TEST_CASE(nothing_is_answered_that_is_not_durable) {
  sim_files files;
  io_threads threads;
  std::atomic<int> fatal = 0;
  master::master_options to;
  to.data_dir = "/master";
  to.listen = "127.0.0.1:0";
  to.files = &files;
  to.on_fatal = [&](const failure&) { ++fatal; };
  auto started = master::master::start(threads.context(), to);
  BOOST_REQUIRE_MESSAGE(started, grant_error_of(started));
  {
    caller c(threads.context(), (*started)->address());
    wire::make_directory_request q;
    q.op = c.next_operation();
    q.path = "/kept";
    q.user = "root";
    BOOST_REQUIRE(c.call(q));
    files.fail_at(files.calls() + 1, fault::io, true);
    std::atomic<int> answered = 0;
    std::vector<std::thread> callers;
    for (int i = 0; i < 4; ++i) {
      callers.emplace_back([&, i] {
        caller other(threads.context(), (*started)->address());
        wire::make_directory_request more;
        more.op = other.next_operation();
        const std::string path = "/lost" + std::to_string(i);
        more.path = path;
        more.user = "root";
        if (other.call(more)) ++answered;
      });
    }
    BOOST_CHECK(comes_true([&] { return fatal == 1; }));
    (*started)->stop();  // breaks the connections of those who wait
    for (auto& t : callers) t.join();
    BOOST_CHECK_EQUAL(answered.load(), 0);
  }
  started->reset();
  BOOST_CHECK_EQUAL(fatal.load(), 1);
  files.no_faults();
  files.power_loss(unsynced::drop);
  auto again = master::master::start(threads.context(), to);
  BOOST_REQUIRE_MESSAGE(again, grant_error_of(again));
  caller c(threads.context(), (*again)->address());
  wire::lookup_request look;
  look.path = "/kept";
  BOOST_CHECK(c.call(look));
  look.path = "/lost0";
  BOOST_CHECK(!c.call(look));
  (*again)->stop();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::test
