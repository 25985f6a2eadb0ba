// A backup's copy: what it takes, what it applies, when it makes an image, and what it refuses.
#include "backup/replica.hpp"

#include "journal/logged_state.hpp"
#include "util/file_system_below.hpp"
#include "util/temp_dir.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <future>
#include <thread>

using namespace ssdfs;
using backup::replica;
using backup::tree_status;

namespace {

struct rig {
  test::temp_dir directory;
  test::logged_state master;
  std::unique_ptr<replica> copy;
  std::promise<failure> failed;
  std::promise<journal::image_file> image;

  explicit rig(std::uint64_t checkpoint_txns = 1'000'000) { open(checkpoint_txns); }

  void open(std::uint64_t checkpoint_txns = 1'000'000) {
    copy.reset();
    failed = {};
    image = {};
    backup::replica_callbacks on;
    on.on_failed = [this](const failure& why) { failed.set_value(why); };
    on.on_image = [this](const journal::image_file& made) { image.set_value(made); };
    auto opened = replica::open(io::system_files(), {directory.path(), 3'600'000, checkpoint_txns},
                                std::move(on));
    BOOST_REQUIRE_MESSAGE(opened.has_value(), (opened ? "" : opened.error().message()));
    copy = std::move(*opened);
  }

  void append(const std::string& lines) {
    const auto done = copy->append(lines);
    BOOST_REQUIRE_MESSAGE(done.has_value(), (done ? "" : done.error().message()));
    BOOST_REQUIRE(copy->wait_durable(10'000));
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(copies)

BOOST_AUTO_TEST_CASE(the_tree_is_the_masters) {
  rig r;
  r.append(r.master.batch(20));
  r.append(r.master.batch(7));
  r.copy->commit(txid(27));
  std::promise<tree_status> answer;
  while (r.copy->applied() < txid(27)) std::this_thread::yield();
  BOOST_REQUIRE(r.copy->ask([&](const tree_status* now) { answer.set_value(*now); }));
  BOOST_TEST(answer.get_future().get().digest == r.master.state.digest());
  const log_place place = r.copy->durable_place();
  BOOST_TEST(place.last.value == 27U);
  BOOST_TEST(place.chain == r.master.state.chain());
  BOOST_TEST(place.epoch.value == r.master.state.epoch().value);
}

BOOST_AUTO_TEST_CASE(nothing_is_applied_that_is_not_committed) {
  rig r;
  r.append(r.master.batch(10));
  r.copy->commit(txid(4));
  while (r.copy->applied() < txid(4)) std::this_thread::yield();
  // Answered by the thread that applies, so it has looked again since.
  std::promise<txid> answer;
  BOOST_REQUIRE(r.copy->ask([&](const tree_status* now) { answer.set_value(now->applied); }));
  BOOST_TEST(answer.get_future().get().value == 4U);
  BOOST_TEST(r.copy->durable().value == 10U);
}

BOOST_AUTO_TEST_CASE(a_line_that_does_not_continue_the_chain_is_refused) {
  rig r;
  r.append(r.master.batch(3));
  static_cast<void>(r.master.batch(1));  // lost
  const auto done = r.copy->append(r.master.batch(2));
  BOOST_REQUIRE(!done.has_value());
  BOOST_TEST((done.error() == errc::damaged));
  BOOST_TEST(r.copy->place().last.value == 3U);
}

BOOST_AUTO_TEST_CASE(an_image_is_made_at_a_mark_when_one_is_wanted) {
  rig r;
  r.append(r.master.batch(30));
  const txid mark = r.master.state.last_txid().next();
  r.copy->want_checkpoint(mark);
  r.append(r.master.mark());
  r.append(r.master.batch(5));
  r.copy->commit(txid(36));
  const auto made = r.image.get_future().get();
  BOOST_TEST(made.txid == mark);
  BOOST_TEST(r.copy->image() == mark);
  // It is what the next process begins with.
  r.open();
  BOOST_TEST(r.copy->image() == mark);
  BOOST_TEST(r.copy->applied().value == 36U);
  BOOST_TEST(r.copy->place().chain == r.master.state.chain());
}

// The backup that was asked first has gone, and nothing is changed any more.
BOOST_AUTO_TEST_CASE(an_image_may_be_wanted_when_its_mark_has_been_applied) {
  rig r;
  r.append(r.master.batch(30));
  r.append(r.master.mark());
  const txid mark = r.master.state.last_txid();
  r.copy->commit(mark);
  while (r.copy->applied() < mark) std::this_thread::yield();
  r.copy->want_checkpoint(mark);
  BOOST_TEST(r.image.get_future().get().txid == mark);
  r.open();
  BOOST_TEST(r.copy->image() == mark);
}

BOOST_AUTO_TEST_CASE(a_checkpoint_falls_due_by_count) {
  rig r(10);
  r.append(r.master.batch(8));
  r.copy->commit(txid(8));
  while (r.copy->applied() < txid(8)) std::this_thread::yield();
  BOOST_TEST(!r.copy->checkpoint_due());
  r.append(r.master.batch(8));
  r.copy->commit(txid(16));
  while (r.copy->applied() < txid(16)) std::this_thread::yield();
  BOOST_TEST(r.copy->checkpoint_due());
  r.append(r.master.mark());
  r.copy->commit(txid(17));
  BOOST_TEST(r.image.get_future().get().txid.value == 17U);
  BOOST_TEST(!r.copy->checkpoint_due());
}

// A disk that has no room for images for a while.
class disk_without_images final : public test::file_system_below {
 public:
  using file_system_below::file_system_below;
  std::atomic<int> refused = 0;
  std::atomic<bool> full = true;
  result<std::unique_ptr<io::file>> open(const std::string& path, io::open_mode mode) override {
    if (full && path.ends_with(".ssi.tmp")) {
      ++refused;
      return failure(errc::no_space, "the disk is full");
    }
    return below.open(path, mode);
  }
};

BOOST_AUTO_TEST_CASE(a_checkpoint_that_failed_is_made_again_although_nothing_happens) {
  rig r;
  r.copy.reset();
  disk_without_images disk(io::system_files());
  backup::replica_options soon{r.directory.path(), 3'600'000, 1'000'000};
  soon.retry_ms = 1;
  std::promise<journal::image_file> image;
  backup::replica_callbacks on;
  on.on_image = [&](const journal::image_file& made) { image.set_value(made); };
  auto opened = replica::open(disk, soon, std::move(on));
  BOOST_REQUIRE(opened.has_value());
  r.copy = std::move(*opened);
  r.append(r.master.batch(30));
  const txid mark = r.master.state.last_txid().next();
  r.copy->want_checkpoint(mark);
  r.append(r.master.mark());
  r.copy->commit(mark);
  while (disk.refused < 2 || !r.copy->checkpoint_failed()) std::this_thread::yield();
  disk.full = false;
  BOOST_TEST(image.get_future().get().txid == mark);
  BOOST_TEST(!r.copy->checkpoint_failed());
  r.copy.reset();  // before its disk
}

BOOST_AUTO_TEST_CASE(a_checkpoint_that_failed_is_due_before_its_time) {
  rig r;
  r.copy.reset();
  disk_without_images disk(io::system_files());
  backup::replica_options soon{r.directory.path(), 3'600'000, 10};
  soon.retry_ms = 1;
  auto opened = replica::open(disk, soon, {});
  BOOST_REQUIRE(opened.has_value());
  r.copy = std::move(*opened);
  r.append(r.master.batch(20));
  r.append(r.master.mark());
  r.append(r.master.batch(1));
  r.copy->commit(txid(22));
  while (disk.refused < 1 || r.copy->applied() < txid(22)) std::this_thread::yield();
  while (!r.copy->checkpoint_due()) std::this_thread::yield();
  disk.full = false;
  r.append(r.master.mark());
  r.copy->commit(txid(23));
  while (r.copy->image() != txid(23)) std::this_thread::yield();
  BOOST_TEST(!r.copy->checkpoint_due());
  r.copy.reset();
}

BOOST_AUTO_TEST_CASE(a_checkpoint_under_way_is_given_up_at_the_end) {
  rig r;
  r.append(r.master.batch(30));
  const txid mark = r.master.state.last_txid().next();
  r.copy.reset();
  backup::replica_options slow{r.directory.path(), 3'600'000, 1'000'000};
  slow.checkpoint_rate = 1;  // a byte a second
  auto opened = replica::open(io::system_files(), slow, {});
  BOOST_REQUIRE(opened.has_value());
  r.copy = std::move(*opened);
  r.copy->want_checkpoint(mark);
  r.append(r.master.mark());
  r.copy->commit(mark);
  while (r.copy->applied() < mark) std::this_thread::yield();
  BOOST_REQUIRE(r.copy->stop().has_value());
  r.open();
  BOOST_TEST(r.copy->applied() == mark);
}

BOOST_AUTO_TEST_CASE(a_tree_that_differs_is_told_and_ends_the_copy) {
  rig r;
  r.append(r.master.batch(10));
  // A MARK of another tree, in a log whose lines are all right.
  meta::text_buffer out;
  meta::record wrong;
  wrong.txid = txid(11);
  wrong.time_ms = r.master.state.log_time_ms();
  wrong.durable = txid(10);
  wrong.body = meta::mark_record{1, 2, 3, meta::hash64(4)};
  meta::encode_line(wrong, r.master.state.chain(), out);
  r.append(std::string(out.view()));
  r.copy->commit(txid(11));
  const failure why = r.failed.get_future().get();
  BOOST_TEST((why == errc::damaged));
  BOOST_TEST(why.message().find("11") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
