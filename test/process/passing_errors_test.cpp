// One call to the disk fails, once, and then everything works again: within seconds every role does
// as if nothing had been, or it has said why it ended and a restart heals it.
//
// By default some of the calls fail in turn; all of them with SSDFS_EVERY_CALL=1 in the
// environment. A failure prints the number of the call, what it was and how it failed.
#include "backup/backup.hpp"
#include "base/crc32c.hpp"
#include "datanode/datanode.hpp"
#include "io/clock.hpp"
#include "master/master.hpp"
#include "net/await.hpp"
#include "util/fake_master.hpp"
#include "util/flaky_files.hpp"
#include "util/io_threads.hpp"
#include "util/temp_dir.hpp"
#include "wire/admin_messages.hpp"
#include "wire/chain.hpp"
#include "wire/chunk_messages.hpp"
#include "wire/journal_messages.hpp"
#include "wire/namespace_messages.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace ssdfs::test {
namespace {

constexpr std::uint64_t calls_by_default = 6;  // of each kind, in each role

struct named_trouble {
  trouble how;
  const char* name;
};
constexpr std::array<named_trouble, 4> all_troubles = {{{trouble::no_space, "ENOSPC"},
                                                        {trouble::io, "EIO"},
                                                        {trouble::descriptors, "EMFILE"},
                                                        {trouble::inodes, "no inodes"}}};

template <class Condition>
bool within(std::int64_t ms, Condition condition) {
  const std::int64_t limit = io::steady_ms() + ms;
  while (!condition()) {
    if (io::steady_ms() > limit) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

// Runs `scenario` on a fresh disk without a failure to count its calls, then with one in each of
// those that are chosen.
void with_every_failure(const std::function<void(flaky_files&, const temp_dir&)>& scenario) {
  const bool every = std::getenv("SSDFS_EVERY_CALL") != nullptr;
  for (const named_trouble& t : all_troubles) {
    const auto run = [&](std::uint64_t k) {
      const temp_dir directory;
      flaky_files disk(io::system_files());
      disk.fail_at(k, t.how);
      BOOST_TEST_CONTEXT("call " << k << " fails with " << t.name) {
        try {
          scenario(disk, directory);
        } catch (const std::exception& e) {
          BOOST_ERROR("call " << k << " (" << disk.failed() << "), " << t.name << ": " << e.what());
        }
      }
      return std::pair(disk.calls(), disk.failed());
    };
    const std::uint64_t count = run(0).first;
    BOOST_REQUIRE(count > 0U);
    const std::uint64_t step = every ? 1 : std::max<std::uint64_t>(1, count / calls_by_default);
    for (std::uint64_t k = 1 + (every ? 0 : step / 2); k <= count; k += step) run(k);
  }
}

void require(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

// Sends one request to a server, without retries.
template <class Request>
result<net::response<typename Request::reply>> ask(io_threads& threads, const std::string& address,
                                                   const Request& request, bytes_view body = {},
                                                   client_id client = {}) {
  net::channel_options options;
  options.hello.role = wire::peer_role::client;
  options.hello.client = client;
  const auto channel = net::channel::make(threads.context().get_executor(), address, options);
  auto answer = net::awaited<Request>(*channel, request, 5'000, {body, {}}).wait();
  channel->stop();
  return answer;
}

// ---- master ----

// A master that is started again when it has ended.
class lasting_master {
 public:
  lasting_master(io_threads& threads, io::file_system& files, std::string directory)
      : threads_(threads), files_(files), directory_(std::move(directory)) {
    start();
  }
  ~lasting_master() { stop(); }

  void start() {
    ended_ = false;
    master::master_options to;
    to.data_dir = directory_;
    to.listen = "127.0.0.1:0";
    to.heartbeat_interval_ms = 100;
    to.checkpoint_retry_ms = 200;
    to.files = &files_;
    if (const char* program = std::getenv("SSDFS_TEST_BINARY")) to.checkpoint_program = program;
    to.on_fatal = [this](const failure&) { ended_ = true; };
    auto started = master::master::start(threads_.context(), to);
    if (!started) {
      require(!started.error().message().empty(), "a start that failed did not say why");
      started = master::master::start(threads_.context(), to);
      require(started.has_value(),
              "the second start failed: " + (started ? std::string() : started.error().message()));
    }
    server_ = std::move(*started);
  }
  void stop() {
    if (server_) server_->stop();
    server_.reset();
  }
  void restart_if_ended() {
    if (!ended_) return;
    stop();
    start();
  }
  [[nodiscard]] std::string address() const { return server_->address(); }

  // Makes an empty file, whatever it takes.
  void touch(const std::string& path) {
    last_ = {};
    wire::commit_file_request q;
    q.op = {client_, ++sequence_, sequence_};
    q.path = path;
    q.user = "root";
    const bool done = within(20'000, [&] {
      restart_if_ended();
      const auto answer = ask(threads_, address(), q, {}, client_);
      if (!answer) last_ = answer.error().message();
      return answer.has_value();
    });
    require(done, path + " was not made: " + last_);
    made_.insert(path);
  }
  void checkpoint() {
    wire::admin_checkpoint_request begin{true};
    const bool done = within(30'000, [&] {
      restart_if_ended();
      const auto now = ask(threads_, address(), begin);
      if (!now) return false;
      begin.begin = !now->message.failure.empty();
      last_ = now->message.failure;
      return now->message.wanted == txid() && now->message.failure.empty() &&
             now->message.image != txid();
    });
    require(done, "no checkpoint: " + last_);
  }
  void require_all() {
    for (const std::string& path : made_) {
      wire::lookup_request q;
      q.path = path;
      q.user = "root";
      const auto found = ask(threads_, address(), q);
      require(found.has_value(), path + " is lost");
    }
  }

 private:
  io_threads& threads_;
  io::file_system& files_;
  const std::string directory_;
  const client_id client_{io::random_uuid()};
  std::uint64_t sequence_ = 0;
  std::atomic<bool> ended_ = false;
  std::unique_ptr<master::master> server_;
  std::set<std::string> made_;
  std::string last_;
};

void life_of_a_master(flaky_files& disk, const temp_dir& directory) {
  io_threads threads;
  lasting_master m(threads, disk, directory.path() + "/m");
  m.touch("/a");
  m.touch("/b");
  m.checkpoint();
  m.touch("/c");
  m.stop();
  m.start();
  m.touch("/d");
  m.require_all();
  m.stop();
  m.start();
  m.require_all();
}

// ---- datanode ----

class lasting_node {
 public:
  lasting_node(io_threads& threads, io::file_system& files, std::string directory)
      : threads_(threads),
        files_(files),
        directory_(std::move(directory)),
        master_(threads.context()) {
    start();
  }
  ~lasting_node() { stop(); }

  void start() {
    datanode::datanode_options o;
    o.data_dirs = {{directory_, 0}};
    o.listen = "127.0.0.1:0";
    o.masters = {master_.address()};
    o.reserved_percent = 0;
    o.sync_interval_ms = 50;
    o.stop_timeout_ms = 1000;
    o.files = &files_;
    auto started = datanode::datanode::start(threads_.context(), o);
    if (!started) {
      require(!started.error().message().empty(), "a start that failed did not say why");
      started = datanode::datanode::start(threads_.context(), o);
      require(started.has_value(),
              "the second start failed: " + (started ? std::string() : started.error().message()));
    }
    node_ = std::move(*started);
    // Its identity may not have been stored at the first start.
    master_.wait_registered(node_->node());
  }
  void stop() {
    if (node_) node_->stop();
    node_.reset();
  }

  // As a master does it: an order that failed is given again. False if the replica is damaged.
  bool order_done(const order& what) {
    order_result last;
    const bool done = within(20'000, [&] {
      last = master_.run(node_->node(), what);
      return last.status == 0 || state_of(what.volume) == replica_state::damaged;
    });
    require(done, "an order is never done: " + last.detail);
    return last.status == 0;
  }
  // Everything that a volume goes through. False if the failure has damaged the replica, which
  // other replicas are there for; it can be dropped then.
  bool life_of(volume_id volume) {
    if (!order_done({.kind = order_kind::create,
                     .volume = volume,
                     .generation = 1,
                     .sources = {replica_address{node_->node(), node_->address()}}}) ||
        !write(volume, 1) || !write(volume, 2) || !write(volume, 3)) {
      return drop(volume);
    }
    master_.new_epoch();  // so that a witness has to be stored
    master_.wait_registered(node_->node());
    order removal{.kind = order_kind::remove_keys, .volume = volume};
    removal.removal_number = 1;
    removal.keys = {2};
    removal.justified_by = txid(1);
    if (!order_done({.kind = order_kind::seal, .volume = volume, .generation = 1}) ||
        !order_done(removal) || !order_done({.kind = order_kind::compact, .volume = volume})) {
      return drop(volume);
    }
    return true;
  }
  bool drop(volume_id volume) {
    const bool done = within(20'000, [&] {
      return master_.run(node_->node(), {.kind = order_kind::drop, .volume = volume}).status == 0;
    });
    require(done, "it cannot be dropped");
    return false;
  }
  void require_readable(volume_id volume, chunk_key key) {
    const std::vector<std::byte> content = content_of(key);
    wire::read_chunk_request m;
    m.volume = volume;
    m.key = key;
    m.length = m.expected_size = static_cast<std::uint32_t>(content.size());
    m.expected_crc32c = crc32c(content);
    const bool done = within(20'000, [&] {
      const auto got = ask(threads_, node_->address(), m);
      return got && got->body.size() == content.size() && crc32c(got->body) == m.expected_crc32c;
    });
    require(done, "chunk " + std::to_string(key) + " cannot be read");
  }

 private:
  static std::vector<std::byte> content_of(chunk_key key) {
    return std::vector<std::byte>(2000 + key, static_cast<std::byte>(key));
  }
  // An uploader takes another key, or another volume if this one is damaged.
  bool write(volume_id volume, chunk_key key) {
    const std::vector<std::byte> content = content_of(key);
    wire::write_chunk_request m;
    m.volume = volume;
    m.generation = 1;
    m.key = key;
    m.crc32c = crc32c(content);
    m.ack = wire::ack_mode::all;
    const std::string route = chain();
    m.chain = route;
    const node_id self = node_->node();
    const std::string ticket = master_.ticket(volume, 1, {&self, 1}, {});
    m.ticket = ticket;
    if (ask(threads_, node_->address(), m, content)) return true;
    if (state_of(volume) == replica_state::damaged) return false;
    m.key = key + 100;
    const auto again = ask(threads_, node_->address(), m, content);
    if (again) return false;  // the scenario ends here
    require(within(10'000, [&] { return state_of(volume) == replica_state::damaged; }),
            "a second write to " + route + " fails, too (" + again.error().message() +
                "), and the volume is not reported as damaged");
    return false;
  }
  // The node is the only member.
  [[nodiscard]] std::string chain() const {
    const replica_address at{node_->node(), node_->address()};
    return wire::chain_text({&at, 1});
  }
  replica_state state_of(volume_id volume) { return master_.state_of(node_->node(), volume); }

  io_threads& threads_;
  io::file_system& files_;
  const std::string directory_;
  fake_master master_;
  std::unique_ptr<datanode::datanode> node_;
};

void life_of_a_datanode(flaky_files& disk, const temp_dir& directory) {
  constexpr volume_id first{0x100000001};
  constexpr volume_id second{0x100000002};
  constexpr volume_id third{0x100000003};
  io_threads threads;
  lasting_node n(threads, disk, directory.path() + "/d");
  const bool whole = n.life_of(first);
  if (whole) {
    n.require_readable(first, 1);
    n.require_readable(first, 3);
  }
  n.stop();
  n.start();
  if (whole) {
    n.require_readable(first, 1);
    n.require_readable(first, 3);
  }
  const bool struck = !disk.failed().empty();
  require(n.life_of(second) || !struck, "the failure was over, and a volume is damaged");
  const bool over = !disk.failed().empty();
  require(n.life_of(third) || !over, "the failure was over, and a volume is damaged");
}

// ---- backup ----

void life_of_a_backup(flaky_files& disk, const temp_dir& directory) {
  io_threads threads;
  lasting_master m(threads, io::system_files(), directory.path() + "/m");
  std::unique_ptr<backup::backup> copy;
  std::atomic<bool> ended = false;
  const auto start = [&] {
    ended = false;
    backup::backup_options o;
    o.data_dir = directory.path() + "/b";
    o.listen = "127.0.0.1:0";
    o.masters = {m.address()};
    o.checkpoint_txns = 2;
    o.checkpoint_retry_ms = 200;
    o.files = &disk;
    o.on_fatal = [&](const failure&) { ended = true; };
    auto started = backup::backup::start(threads.context(), o);
    if (!started) {
      require(!started.error().message().empty(), "a start that failed did not say why");
      started = backup::backup::start(threads.context(), o);
      require(started.has_value(),
              "the second start failed: " + (started ? std::string() : started.error().message()));
    }
    copy = std::move(*started);
  };
  const auto stop = [&] {
    if (copy) copy->stop();
    copy.reset();
  };
  const auto require_equal = [&](bool with_image) {
    const bool equal = within(30'000, [&] {
      if (ended) {
        stop();
        start();
      }
      const auto theirs = ask(threads, m.address(), wire::log_status_request{});
      const auto ours = ask(threads, copy->address(), wire::log_status_request{});
      return theirs && ours && ours->message.applied == theirs->message.last &&
             ours->message.digest == theirs->message.digest &&
             (!with_image ||
              (ours->message.image != txid() && theirs->message.image == ours->message.image));
    });
    require(equal, "the backup does not become the master's equal");
  };
  start();
  m.touch("/a");
  require_equal(false);
  for (int i = 0; i < 4; ++i) m.touch("/b" + std::to_string(i));
  require_equal(true);
  stop();
  start();
  m.touch("/c");
  require_equal(false);
  stop();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(passing_errors)

BOOST_AUTO_TEST_CASE(a_master_lives_through_one_failure_of_any_call_to_its_disk) {
  with_every_failure(life_of_a_master);
}

BOOST_AUTO_TEST_CASE(a_datanode_lives_through_one_failure_of_any_call_to_its_disk) {
  with_every_failure(life_of_a_datanode);
}

BOOST_AUTO_TEST_CASE(a_backup_lives_through_one_failure_of_any_call_to_its_disk) {
  with_every_failure(life_of_a_backup);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::test
