// The process dies in every call of a backup that replaces its copy by an image of the master's.
#include "backup/puller.hpp"
#include "base/buffer.hpp"
#include "journal/logged_state.hpp"
#include "journal/restore.hpp"
#include "net/server.hpp"
#include "util/io_threads.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <condition_variable>
#include <future>
#include <mutex>
#include <optional>

using namespace ssdfs;
using test::log_dir;
using test::sim_files;
using test::unsynced;

namespace {

const cluster_id cluster(uuid{{2}});

// A master whose log begins behind its image.
class image_giver final : public net::service {
 public:
  explicit image_giver(boost::asio::io_context& io) {
    for (int i = 0; i < 5; ++i) static_cast<void>(made.batch(40));
    static_cast<void>(made.mark());
    meta::image_sink sink = [this](bytes_view piece) -> result<void> {
      image_.insert(image_.end(), piece.begin(), piece.end());
      return {};
    };
    BOOST_REQUIRE(meta::write_image(made.state, sink).has_value());
    auto bound = net::server::listen(io, *this, {.listen = "127.0.0.1:0"});
    BOOST_REQUIRE(bound.has_value());
    server_ = std::move(*bound);
    server_->start();
  }
  ~image_giver() override { server_->stop(); }
  image_giver(const image_giver&) = delete;
  image_giver& operator=(const image_giver&) = delete;

  [[nodiscard]] std::string address() const { return server_->address(); }
  /// True once the backup whose process that is stands where the image ends.
  [[nodiscard]] bool followed(std::uint64_t incarnation) const {
    const std::lock_guard lock(mutex_);
    return follower_ == incarnation;
  }

  result<wire::hello_reply> hello(const wire::hello_request&) override {
    wire::hello_reply reply;
    reply.role = wire::peer_role::master;
    reply.cluster = cluster;
    reply.node = leader();
    reply.epoch = made.state.epoch();
    return reply;
  }
  void handle(std::span<net::request> batch) override {
    for (net::request& r : batch) {
      if (r.code() == wire::opcode::pull_edits) {
        pull(std::move(r));
      } else if (r.code() == wire::opcode::fetch_image) {
        fetch(std::move(r));
      } else {
        r.fail(errc::unsupported);
      }
    }
  }

  test::logged_state made;

 private:
  [[nodiscard]] node_id leader() const { return made.state.epochs().back().leader; }

  void pull(net::request r) {
    wire::pull_edits_request q;
    if (!r.decode(q)) return r.fail(errc::protocol);
    wire::pull_edits_reply reply;
    reply.epoch = made.state.epoch();
    reply.leader = leader();
    reply.durable = reply.committed = made.state.last_txid();
    if (q.durable.last != made.state.last_txid()) {
      reply.advice = wire::pull_advice::fetch_image;
      return r.reply(reply);
    }
    {
      const std::lock_guard lock(mutex_);
      follower_ = q.incarnation;
    }
    if (q.wait_ms == 0) return r.reply(reply);
    r.fail(errc::busy);  // nothing new comes
  }
  void fetch(net::request r) {
    wire::fetch_image_request q;
    if (!r.decode(q)) return r.fail(errc::protocol);
    const std::size_t begin = std::min<std::size_t>(q.offset, image_.size());
    const std::size_t n = std::min(image_.size() - begin, image_.size() / 3 + 1);
    r.reply(wire::fetch_image_reply{made.state.last_txid(), image_.size()},
            copy_bytes(bytes_view(image_).subspan(begin, n)));
  }

  std::vector<std::byte> image_;
  mutable std::mutex mutex_;
  std::uint64_t follower_ = 0;  // under mutex_
  std::unique_ptr<net::server> server_;
};

// A disk with a copy that ends early in the master's history.
std::unique_ptr<sim_files> old_copy(std::uint64_t& end) {
  auto fs = std::make_unique<sim_files>();
  BOOST_REQUIRE(fs->make_directories(log_dir).has_value());
  BOOST_REQUIRE(fs->sync_directory("/").has_value());
  test::logged_state early;
  journal::log_writer writer(*fs, {log_dir, 500, 512});
  for (int i = 0; i < 4; ++i) {
    const txid first = early.state.last_txid().next();
    const std::string lines = early.batch(8);
    BOOST_REQUIRE(writer.write(lines, first, early.state.last_txid()).has_value());
    BOOST_REQUIRE(writer.sync().has_value());
    if (writer.full()) BOOST_REQUIRE(writer.finalize().has_value());
  }
  if (!writer.idle()) BOOST_REQUIRE(writer.finalize().has_value());
  end = early.state.last_txid().value;
  return fs;
}

// Runs a backup until it follows or its disk is dead; true if it follows with the right tree.
bool run(boost::asio::io_context& io, image_giver& from, sim_files& fs) {
  static std::uint64_t incarnation = 0;
  backup::puller_options options;
  options.copy.directory = log_dir;
  options.masters = {from.address()};
  options.node = node_id(uuid{{3}});
  options.incarnation = ++incarnation;
  options.retry_min_ms = options.retry_max_ms = 1;
  auto one = std::make_shared<backup::puller>(io, fs, options, cluster);
  one->told("127.0.0.1:1", "127.0.0.1:1");
  bool follows = false;
  if (one->start()) {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!follows && !fs.dead() && std::chrono::steady_clock::now() < limit) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      follows = from.followed(options.incarnation);
    }
    if (const auto copy = one->copy(); follows && copy) {
      std::promise<std::uint64_t> digest;
      const auto asked = copy->ask([&](const backup::tree_status* now) {
        digest.set_value(now == nullptr ? 0 : now->digest);
      });
      follows = asked && digest.get_future().get() == from.made.state.digest();
    }
  }
  one->stop();
  return follows;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(fetch_crash)

BOOST_AUTO_TEST_CASE(death_at_every_call) {
  test::io_threads threads;
  image_giver from(threads.context());
  std::uint64_t old_end = 0;
  const auto dry = old_copy(old_end);
  const std::uint64_t before = dry->calls();
  BOOST_REQUIRE(run(threads.context(), from, *dry));
  const std::uint64_t calls = dry->calls() - before;
  BOOST_TEST_MESSAGE(calls << " calls");
  BOOST_REQUIRE(calls > 10U);
  std::uint64_t deaths = 0;
  for (std::uint64_t k = 1; k <= calls; ++k) {
    for (const unsynced how : {unsynced::keep, unsynced::drop, unsynced::tear}) {
      const auto fs = old_copy(old_end);
      fs->die_at(fs->calls() + k);
      run(threads.context(), from, *fs);
      // The calls at the very end may be fewer than in the dry run.
      if (!fs->dead()) continue;
      ++deaths;
      const std::string last = fs->last_call();
      fs->power_loss(how, k);
      BOOST_TEST_CONTEXT("call " << k << ", " << last) {
        // What is there is the begin of the history, all of what was there, or the image: never
        // another tree.
        journal::restore_options options;
        options.directory = log_dir;
        const auto found = journal::restore(*fs, std::move(options));
        BOOST_REQUIRE_MESSAGE(found.has_value(), (found ? "" : found.error().message()));
        const std::uint64_t end = found->state->last_txid().value;
        BOOST_REQUIRE(end <= old_end || end == from.made.state.last_txid().value);
        BOOST_REQUIRE(found->state->digest() == from.made.digests.at(end));
        // And the next process gets where the first one would have.
        BOOST_REQUIRE(run(threads.context(), from, *fs));
      }
    }
  }
  BOOST_TEST(deaths > 2 * calls);  // of three a call
}

// Part of an image of the same txid from another master, or of one whose bytes a power cut took.
BOOST_AUTO_TEST_CASE(a_download_that_cannot_be_gone_on_with_is_begun_anew) {
  test::io_threads threads;
  image_giver from(threads.context());
  for (const std::size_t bytes : {std::size_t{100}, std::size_t{1} << 20}) {
    std::uint64_t old_end = 0;
    const auto fs = old_copy(old_end);
    const auto name = "/fetched_" + std::to_string(from.made.state.last_txid().value) + ".tmp";
    fs->set_contents(log_dir + name, std::vector<std::byte>(bytes));
    BOOST_TEST(run(threads.context(), from, *fs));
  }
}

BOOST_AUTO_TEST_SUITE_END()
