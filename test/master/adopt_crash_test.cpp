// The master's process dies in every call it makes while backups bring it images: logging, taking
// the pieces, giving the image its place, dropping what it makes superfluous.
#include "journal/restore.hpp"
#include "master/hand_backup.hpp"
#include "meta/image.hpp"
#include "meta/state.hpp"
#include "util/sim_files.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

using namespace ssdfs;
using test::sim_files;
using test::unsynced;

namespace {

constexpr int rounds = 3;  // the third image makes the first superfluous

struct trial {
  explicit trial(sim_files& disk) : fs(disk) {}

  sim_files& fs;
  test::io_threads threads;
  meta::state state;                               // of the log, as the backup has pulled it
  std::map<std::uint64_t, std::uint64_t> digests;  // of its states
  std::set<std::string> acknowledged;
  txid adopted;
  txid marked;                   // the last MARK: where an image may stand
  std::vector<std::byte> image;  // of the state there
  std::string failed;            // what run() ended with before its end

  [[nodiscard]] master::master_options options() const {
    master::master_options to;
    to.data_dir = "/m";
    to.listen = "127.0.0.1:0";
    to.heartbeat_interval_ms = 1000;  // a backup that is silent for some of them has gone
    to.files = &fs;
    return to;
  }

  bool fail(std::string_view step, const failure& why) {
    failed = std::string(step) + ": " + why.message();
    return false;
  }

  // False from the first step that fails.
  bool run() {
    auto started = master::master::start(threads.context(), options());
    if (!started) return fail("start", started.error());
    const bool done = serve(**started);
    (*started)->stop();
    return done;
  }

  bool serve(master::master& server) {
    test::caller client(threads.context(), server.address());
    test::hand_backup b(threads.context(), server.address(), test::some_node(1));
    b.on_record = [this](const meta::record& r, std::uint32_t crc) {
      BOOST_REQUIRE(state.apply(r, crc).has_value());
      digests[state.last_txid().value] = state.digest();
      if (std::holds_alternative<meta::mark_record>(r.body)) keep_image();
    };
    // A master whose log has failed answers nobody any more.
    const std::jthread watcher([&](const std::stop_token& end) {
      while (!end.stop_requested() && !fs.dead()) {
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
      }
      if (!fs.dead()) return;
      client.stop();
      b.stop();
    });
    for (int round = 0; round < rounds; ++round) {
      const std::string path = "/d" + std::to_string(round);
      if (auto made = test::make_directory(client, path); !made) return fail(path, made.error());
      acknowledged.insert(path);
      if (!pull_up(b)) return false;
      const auto wanted = client.call(wire::admin_checkpoint_request{true});
      if (!wanted) return fail("checkpoint", wanted.error());
      if (!wanted->failure.empty()) {
        failed = "checkpoint: " + wanted->failure;
        return false;
      }
      BOOST_REQUIRE(wanted->wanted > marked);  // the directory is new
      while (marked < wanted->wanted) {
        if (!pull_up(b)) return false;
      }
      if (!bring_image(b)) return false;
    }
    return true;
  }

  bool pull_up(test::hand_backup& b) {
    const auto answer = b.call(b.next_pull());
    if (!answer) return fail("pull", answer.error());
    b.take(as_chars(answer->body));
    if (answer->message.advice == wire::pull_advice::append) return true;
    failed = "pull: the log does not go on";
    return false;
  }

  // The log may go on behind the MARK at any time.
  void keep_image() {
    marked = state.last_txid();
    image.clear();
    meta::image_sink sink = [&](bytes_view piece) -> result<void> {
      image.insert(image.end(), piece.begin(), piece.end());
      return {};
    };
    BOOST_REQUIRE(meta::write_image(state, sink).has_value());
  }

  bool bring_image(test::hand_backup& b) {
    auto received = b.upload(marked, image.size(), 0, {});
    while (received && *received < image.size()) {
      const auto n = std::min<std::size_t>(image.size() / 2 + 1, image.size() - *received);
      received = b.upload(marked, image.size(), *received, bytes_view(image).subspan(*received, n));
    }
    if (!received) return fail("upload", received.error());
    const auto finished = b.finish(marked, image.size());
    if (!finished) return fail("finish", finished.error());
    adopted = finished->message.image;
    return adopted == marked;
  }

  // What the disk gives back: everything acknowledged, and no other tree than the log's.
  void check() {
    journal::restore_options from;
    from.directory = "/m";
    const auto found = journal::restore(fs, std::move(from));
    BOOST_REQUIRE_MESSAGE(found.has_value(), (found ? "" : found.error().message()));
    BOOST_REQUIRE(found->refused.empty());
    BOOST_REQUIRE(found->image >= adopted);
    const auto known = digests.find(found->state->last_txid().value);
    if (known != digests.end()) BOOST_REQUIRE(known->second == found->state->digest());
    for (const std::string& path : acknowledged) {
      BOOST_REQUIRE(found->state->names().lookup(path).has_value());
    }
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(adopt_crash)

BOOST_AUTO_TEST_CASE(death_at_every_call) {
  std::uint64_t calls = 0;
  {
    sim_files dry;
    trial whole(dry);
    BOOST_REQUIRE_MESSAGE(whole.run(), whole.failed);
    calls = dry.calls();
    whole.check();
  }
  BOOST_TEST_MESSAGE(calls << " calls");
  BOOST_REQUIRE(calls > 40U);
  std::uint64_t deaths = 0;
  for (std::uint64_t k = 1; k <= calls; ++k) {
    for (const unsynced how : {unsynced::keep, unsynced::drop, unsynced::tear}) {
      sim_files fs;
      trial made(fs);
      fs.die_at(k);
      made.run();
      // Batches are of no fixed size, so there may be fewer calls than in the dry run.
      if (!fs.dead()) continue;
      ++deaths;
      const std::string last = fs.last_call();
      fs.power_loss(how, k);
      BOOST_TEST_CONTEXT("call " << k << ", " << last) {
        // A directory that was not durable yet has acknowledged nothing.
        if (!fs.exists("/m").value()) {
          BOOST_REQUIRE(made.acknowledged.empty());
          continue;
        }
        made.check();
        // The next process takes images again.
        trial again(fs);
        again.acknowledged = made.acknowledged;
        again.adopted = made.adopted;
        auto started = master::master::start(again.threads.context(), again.options());
        BOOST_REQUIRE_MESSAGE(started.has_value(), (started ? "" : started.error().message()));
        (*started)->stop();
        again.check();
      }
    }
  }
  BOOST_TEST(deaths > 2 * calls);  // of three a call
}

BOOST_AUTO_TEST_SUITE_END()
