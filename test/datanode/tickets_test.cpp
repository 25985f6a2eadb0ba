// What was not granted is not stored, and does no harm.
#include "datanode/node_fixture.hpp"
#include "datanode/ticket_checker.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>

using namespace ssdfs;
using namespace ssdfs::test;

namespace {

using cluster::ticket_right;
constexpr std::int64_t slot_ms = cluster::ticket_slot_ms;

struct ticket_fixture : node_fixture {
  ticket_fixture() : node_fixture(2) {}

  void refused(chunk_key key, const std::string& ticket, errc why) {
    const auto written = write(key, content, {.ticket = ticket});
    BOOST_TEST_REQUIRE(written.has_error());
    BOOST_TEST((written.error() == why), written.error().message());
    for (const std::size_t node : {0U, 1U}) {
      BOOST_TEST((read(node, key, content).error() == errc::not_found));
    }
  }
  // The volume is open at both, and the next failure that is reported is one of a member.
  void require_healthy() {
    const auto written = write(900'000, content, {});
    BOOST_REQUIRE_MESSAGE(written.has_value(), written.error().message());
    nodes[1]->stop();
    BOOST_TEST(write(900'001, content, {}).has_error());
    BOOST_TEST((master.wait_failure(nodes[0]->id()).node == nodes[1]->id()));
  }

  const byte_vector content = random_bytes(5000, 1);
};

// A chunk of two pieces, step by step.
struct long_write {
  long_write(node_fixture& f, chunk_key key, std::string shown)
      : f_(f), chain_(f.chain()), ticket_(std::move(shown)), key_(key) {}

  result<void> begin() {
    wire::write_begin_request m;
    fill(m);
    m.size = static_cast<std::uint32_t>(content.size());
    m.crc32c = crc32c(content);
    return outcome(f_.call(0, m));
  }
  result<void> piece(std::uint32_t number) {
    const bytes_view all(content);
    const std::uint32_t at = number * wire::small_chunk_max;
    const bytes_view part =
        all.subspan(at, std::min<std::size_t>(wire::small_chunk_max, all.size() - at));
    wire::write_piece_request m;
    fill(m);
    m.offset = at;
    m.crc32c = crc32c(part);
    return outcome(f_.call(0, m, part));
  }
  result<void> end() {
    wire::write_end_request m;
    fill(m);
    return outcome(f_.call(0, m));
  }
  void show(std::string ticket) { ticket_ = std::move(ticket); }

  const byte_vector content = random_bytes(wire::small_chunk_max + 1000, 7);

 private:
  template <class Message>
  void fill(Message& m) {
    m.volume = f_.volume;
    m.generation = 1;
    m.key = key_;
    m.chain = chain_;
    m.ticket = ticket_;
  }
  template <class Answer>
  static result<void> outcome(Answer answer) {
    if (!answer) return std::move(answer).error();
    return {};
  }

  node_fixture& f_;
  const std::string chain_;
  std::string ticket_;
  const chunk_key key_;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(tickets, ticket_fixture)

BOOST_AUTO_TEST_CASE(what_nobody_granted_is_refused_and_does_no_harm) {
  const std::string all = chain();
  refused(5, "", errc::permission_denied);
  refused(5, std::string(cluster::ticket_size, '\0'), errc::permission_denied);
  refused(5, ticket(all, {.reign = epoch_t(77)}), errc::expired_ticket);  // not known here
  refused(5, ticket(all).substr(1), errc::permission_denied);
  refused(5, ticket(all) + "x", errc::permission_denied);
  // Another range, right, generation, chain.
  const std::string range = ticket(all, {.first_key = 10, .last_key = 19});
  refused(9, range, errc::permission_denied);
  refused(20, range, errc::permission_denied);
  refused(5, ticket(all, {.first_key = 6, .last_key = 4}), errc::permission_denied);
  refused(5, ticket(all, {.right = ticket_right::forward}), errc::permission_denied);
  refused(5, ticket(all, {}, 2), errc::permission_denied);
  refused(5, ticket(member(0)), errc::permission_denied);
  // A word of it changed: more keys, more bytes, another time, another proof.
  for (std::size_t at = 8; at < cluster::ticket_size; ++at) {
    std::string changed = ticket(all, {.last_key = 0x7fffffff});
    changed[at] = static_cast<char>(changed[at] ^ 0x01);
    const auto written = write(5, content, {.ticket = changed});
    BOOST_TEST_REQUIRE(written.has_error(), at);
    BOOST_TEST((written.error() == errc::permission_denied), written.error().message());
  }
  // Once it is known, too.
  BOOST_REQUIRE(write(10, content, {.ticket = range}));
  BOOST_REQUIRE(write(19, content, {.ticket = range}));
  refused(9, range, errc::permission_denied);
  refused(20, range, errc::permission_denied);
  require_healthy();
}

BOOST_AUTO_TEST_CASE(no_more_bytes_are_written_than_were_granted) {
  const std::string some = ticket(chain(), {.bytes = 3 * content.size() + 10});
  for (const chunk_key key : {1U, 2U, 3U})
    BOOST_TEST(write(key, content, {.ticket = some}).has_value());
  refused(4, some, errc::permission_denied);
  BOOST_TEST(write(5, random_bytes(10, 1), {.ticket = some}).has_value());
  BOOST_TEST(write(6, random_bytes(1, 1), {.ticket = some}).has_error());
  // Another ticket for these keys is no further room.
  refused(7, ticket(chain(), {.bytes = 2 * content.size()}), errc::permission_denied);
  long_write large(*this, 8, ticket(chain(), {.first_key = 8, .bytes = wire::small_chunk_max}));
  BOOST_TEST((large.begin().error() == errc::permission_denied));
  long_write fits(*this, 9,
                  ticket(chain(), {.first_key = 9, .bytes = wire::small_chunk_max + 1000}));
  BOOST_REQUIRE(fits.begin());
  BOOST_REQUIRE(fits.piece(0));
  BOOST_REQUIRE(fits.piece(1));
  BOOST_REQUIRE(fits.end());
  require_everywhere(9, fits.content);
  require_healthy();
}

BOOST_AUTO_TEST_CASE(members_show_each_other_tickets_of_their_own) {
  // At the second member neither a writer's ticket is good, nor a member's at the first.
  const std::string writers = ticket(chain());
  auto middle = small_write(1, content, {.ticket = writers});
  auto answer = call(1, middle, content);
  BOOST_TEST_REQUIRE(answer.has_error());
  BOOST_TEST((answer.error() == errc::permission_denied));
  const std::string members = ticket(chain(), {.right = ticket_right::forward});
  middle.ticket = members;
  BOOST_TEST(call(1, middle, content).has_value());
  refused(2, members, errc::permission_denied);
  require_healthy();
}

BOOST_AUTO_TEST_CASE(an_old_ticket_is_said_to_be_old) {
  const std::string now = ticket(chain(), {.first_key = 1});
  const std::string before = ticket(chain(), {.first_key = 2, .made_ms = 2 * slot_ms});
  const std::string old = ticket(chain(), {.first_key = 3, .made_ms = 3 * slot_ms});
  const std::string ahead = ticket(chain(), {.first_key = 4, .made_ms = -2 * slot_ms});
  const std::string far_ahead = ticket(chain(), {.first_key = 5, .made_ms = -3 * slot_ms});
  BOOST_TEST(write(11, content, {.ticket = now}).has_value());
  BOOST_TEST(write(12, content, {.ticket = before}).has_value());
  refused(13, old, errc::expired_ticket);
  BOOST_TEST(write(14, content, {.ticket = ahead}).has_value());
  refused(15, far_ahead, errc::expired_ticket);

  long_write begun(*this, 16, now);
  BOOST_REQUIRE(begun.begin());
  BOOST_REQUIRE(begun.piece(0));
  master.advance_clock(3 * slot_ms);
  for (const auto& n : nodes) master.wait_told(n->id());
  refused(17, now, errc::expired_ticket);
  BOOST_TEST((long_write(*this, 18, now).begin().error() == errc::expired_ticket));
  // What was begun may be finished, by whoever was let begin it.
  begun.show("");
  BOOST_TEST((begun.piece(1).error() == errc::permission_denied));
  begun.show(ticket(chain(), {.first_key = 17}));
  BOOST_TEST((begun.piece(1).error() == errc::permission_denied));
  begun.show(now);
  BOOST_REQUIRE(begun.piece(1));
  BOOST_REQUIRE(begun.end());
  require_everywhere(16, begun.content);
  BOOST_TEST(write(19, content, {}).has_value());
  require_healthy();
}

BOOST_AUTO_TEST_CASE(tickets_of_the_master_before_are_good_for_their_time) {
  const epoch_t former = master.reign().epoch;
  const std::string known = ticket(chain(), {.first_key = 1, .last_key = 100});
  const std::string unused = ticket(chain(), {.first_key = 101, .last_key = 200});
  BOOST_REQUIRE(write(1, content, {.ticket = known}));
  for (const auto& n : nodes) master.wait_told(n->id());
  master.new_epoch();
  for (const auto& n : nodes) {
    master.wait_registered(n->id());
    master.wait_told(n->id());
  }
  BOOST_TEST(write(2, content, {.ticket = known}).has_value());
  BOOST_TEST(write(101, content, {.ticket = unused}).has_value());
  BOOST_TEST(write(201, content, {.ticket = ticket(chain(), {.first_key = 201})}).has_value());
  // The masters' roots are not each other's.
  std::string mixed = unused;
  mixed[0] = static_cast<char>(former.next().value);
  refused(102, mixed, errc::permission_denied);
  require_healthy();
}

BOOST_AUTO_TEST_CASE(a_root_that_is_drawn_again_takes_the_place_of_the_one_before) {
  const std::string before = ticket(chain());
  master.same_epoch_again();
  for (const auto& n : nodes) {
    master.wait_registered(n->id());
    master.wait_told(n->id());
  }
  BOOST_TEST(write(1, content, {}).has_value());
  refused(2, before, errc::permission_denied);
  require_healthy();
}

BOOST_AUTO_TEST_CASE(more_tickets_than_are_remembered_are_good_all_the_same) {
  const byte_vector little = random_bytes(10, 1);
  const auto count = static_cast<chunk_key>(ssdfs::datanode::shown_tickets::most + 50);
  std::vector<std::string> given;
  for (chunk_key key = 1; key <= count; ++key) {
    given.push_back(ticket(chain(), {.first_key = key, .last_key = key, .bytes = 1000}));
  }
  for (int round = 0; round < 2; ++round) {
    for (chunk_key key = 1; key <= count; ++key) {
      const auto written = write(key, little, {.ticket = given[key - 1]});
      BOOST_REQUIRE_MESSAGE(written.has_value(), written.error().message());
    }
  }
  require_healthy();
}

BOOST_AUTO_TEST_SUITE_END()
