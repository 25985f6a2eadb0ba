// The master's side of its backups, played by hand: what they get, what counts as confirmed, and
// how images travel.
#include "journal/image_store.hpp"
#include "master/hand_backup.hpp"

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <filesystem>
#include <future>

using namespace ssdfs;
using test::hand_backup;
using test::make_directory;
using test::some_node;

BOOST_FIXTURE_TEST_SUITE(backups, test::master_fixture)

BOOST_AUTO_TEST_CASE(a_backup_gets_every_line_and_hears_of_new_ones) {
  test::caller client(threads.context(), server->address());
  BOOST_REQUIRE(make_directory(client, "/a").has_value());
  hand_backup b(*this, some_node(1));
  b.follow();
  BOOST_TEST(b.place.last.value == 2U);  // START and MKDIR
  // Held until there is something.
  auto later = std::async(std::launch::async, [&] { return make_directory(client, "/b"); });
  const auto news = b.pull(20'000);
  BOOST_TEST(later.get().has_value());
  BOOST_TEST(news.last.value == 3U);
  BOOST_TEST(news.committed.value >= 2U);
}

BOOST_AUTO_TEST_CASE(only_backups_may_pull) {
  test::caller client(threads.context(), server->address());
  wire::pull_edits_request q;
  q.from = txid(1);
  const auto refused = client.call(q);
  BOOST_REQUIRE(!refused.has_value());
  BOOST_TEST((refused.error() == errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(a_log_that_is_ahead_stops_all_changes) {
  test::caller client(threads.context(), server->address());
  hand_backup b(*this, some_node(1));
  b.follow();
  b.place.last = txid(100);
  const auto refused = b.call(b.next_pull());
  BOOST_REQUIRE(!refused.has_value());
  BOOST_TEST((refused.error() == errc::read_only));
  const auto change = make_directory(client, "/x");
  BOOST_REQUIRE(!change.has_value());
  BOOST_TEST((change.error() == errc::read_only));
  // The operator accepts, and the backup is told to go back.
  const auto accepted = client.call(wire::admin_accept_loss_request{});
  BOOST_REQUIRE(accepted.has_value());
  BOOST_TEST(accepted->accepted.find("history is lost") != std::string::npos);
  BOOST_TEST(make_directory(client, "/x").has_value());
  const auto told = b.pull();
  BOOST_TEST((told.advice == wire::pull_advice::truncate));
  BOOST_TEST(told.truncate_to.value < 100U);
}

BOOST_AUTO_TEST_CASE(another_chain_is_another_history) {
  hand_backup b(*this, some_node(1));
  b.follow();
  b.place.chain ^= 1;
  hand_backup again(*this, some_node(2));
  again.place = b.place;
  const auto refused = again.call(again.next_pull());
  BOOST_REQUIRE(!refused.has_value());
  BOOST_TEST((refused.error() == errc::read_only));
}

BOOST_AUTO_TEST_CASE(an_acknowledgement_needs_a_match_and_cannot_be_ahead) {
  hand_backup b(*this, some_node(1));
  BOOST_TEST((b.ack(txid(1)).error() == errc::unknown_node));
  b.follow();
  BOOST_TEST(b.ack(b.place.last).has_value());
  BOOST_TEST((b.ack(txid(1000)).error() == errc::stale_epoch));
}

BOOST_AUTO_TEST_CASE(changes_wait_for_as_many_backups_as_they_need) {
  stop();
  tweak = [](master::master_options& to) { to.min_sync_backups = 1; };
  start();
  test::caller client(threads.context(), server->address());
  hand_backup b(*this, some_node(1));
  b.follow();
  auto waiting = std::async(std::launch::async, [&] { return make_directory(client, "/a"); });
  const auto lines = b.call(b.next_pull(20'000));
  BOOST_REQUIRE(lines.has_value());
  BOOST_TEST(lines->message.last.value == 3U);  // behind the STARTs of two reigns
  BOOST_TEST(lines->message.committed.value == 2U);
  // The backup has it, but has not said so: nobody may be told.
  BOOST_TEST((waiting.wait_for(std::chrono::milliseconds(100)) == std::future_status::timeout));
  BOOST_REQUIRE(b.ack(txid(3)).has_value());
  BOOST_TEST(waiting.get().has_value());
}

// The one that was asked for an image has gone, and the other is past the MARK.
BOOST_AUTO_TEST_CASE(the_next_backup_that_is_asked_for_an_image_gets_a_mark_for_it) {
  test::caller client(threads.context(), server->address());
  hand_backup second(*this, some_node(2));
  txid marked;
  second.on_record = [&](const meta::record& r, std::uint32_t) {
    if (std::holds_alternative<meta::mark_record>(r.body)) marked = r.txid;
  };
  txid wanted;
  {
    hand_backup first(*this, some_node(1));
    first.follow();
    BOOST_REQUIRE(make_directory(client, "/a").has_value());
    const auto now = client.call(wire::admin_checkpoint_request{true});
    BOOST_REQUIRE(now.has_value());
    wanted = now->wanted;
    while (first.pull().checkpoint != wanted) {
    }
  }
  BOOST_REQUIRE(make_directory(client, "/b").has_value());
  second.follow();
  BOOST_TEST(marked == wanted);
  const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds(10);
  txid told;
  while (std::chrono::steady_clock::now() < limit && (told != wanted || marked <= wanted)) {
    BOOST_REQUIRE(client.call(wire::admin_checkpoint_request{true}).has_value());
    told = second.pull(50).checkpoint;
  }
  BOOST_TEST(told == wanted);
  BOOST_TEST(marked > wanted);
}

BOOST_AUTO_TEST_CASE(an_interrupted_upload_goes_on_and_a_wrong_one_leaves_nothing) {
  hand_backup b(*this, some_node(1));
  b.follow();
  const std::vector<std::byte> junk(300'000, std::byte{7});
  const bytes_view all(junk);
  const txid image(50);
  BOOST_TEST(b.upload(image, junk.size(), 0, {}).value() == 0U);
  const auto told = [&] {
    test::caller client(threads.context(), server->address());
    const auto now = client.call(wire::admin_checkpoint_request{});
    BOOST_REQUIRE(now.has_value());
    return *now;
  };
  BOOST_TEST(told().stage.empty());
  BOOST_TEST(b.upload(image, junk.size(), 0, all.first(100'000)).value() == 100'000U);
  BOOST_TEST(told().stage == "sending");
  BOOST_TEST(told().bytes_done == 100'000U);
  BOOST_TEST(told().bytes_total == junk.size());
  BOOST_TEST((b.upload(image, junk.size(), 0, all.first(10)).error() == errc::busy));
  BOOST_TEST((b.upload(image, junk.size(), 100'000, all.first(10), 1).error() == errc::checksum));
  BOOST_TEST((b.finish(image, junk.size()).error() == errc::busy));
  // The connection breaks; the next one asks how much is there.
  hand_backup next(*this, some_node(1));
  BOOST_TEST(next.upload(image, junk.size(), 0, {}).value() == 100'000U);
  BOOST_TEST(next.upload(image, junk.size(), 100'000, all.subspan(100'000)).value() == junk.size());
  const auto refused = next.finish(image, junk.size());
  BOOST_REQUIRE(!refused.has_value());
  BOOST_TEST((refused.error() == errc::damaged));
  BOOST_TEST(told().stage.empty());
  BOOST_TEST(told().bytes_total == 0U);
  BOOST_TEST(next.upload(image, junk.size(), 0, {}).value() == 0U);
  const auto missing = next.call(wire::fetch_image_request{txid(), 0, 1000});
  BOOST_TEST((missing.error() == errc::not_found));
  for (const auto& entry : std::filesystem::directory_iterator(directory.path() + "/master")) {
    BOOST_TEST(entry.path().extension() != ".ssi");
  }
}

BOOST_AUTO_TEST_SUITE_END()
