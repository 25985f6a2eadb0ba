// When the answers to changes and to what shows them leave.
#include "leader/commit_desk.hpp"

#include "leader/rig_edits.hpp"

#include <boost/test/unit_test.hpp>

#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace ssdfs::leader {
namespace {

using ssdfs::test::test_client;
using test::rig_edits;
using test::state_rig;

// Keeps what each token was answered.
struct commits_scene final : answers {
  void changed(token asked, const meta::outcome& what) override {
    note(asked, "changed");
    outcomes[asked] = what;
  }
  void refused(token asked, const failure& why) override {
    note(asked, "refused: " + why.code.message());
  }
  void shown(token asked) override { note(asked, "shown"); }
  void given_up(token asked, doubt why) override {
    note(asked, why == doubt::closed ? "closed" : "unconfirmed");
  }
  void note(token asked, std::string what) {
    BOOST_TEST_REQUIRE(said.emplace(asked, std::move(what)).second);  // once
    order.push_back(static_cast<std::uint32_t>(asked));
    if (on_answer) on_answer(asked);
  }

  [[nodiscard]] static meta::operation op(std::uint64_t sequence, std::uint8_t client = 1) {
    return {test_client(client), sequence, 1};
  }
  void mkdir(std::uint32_t asked, const std::string& path, std::uint64_t sequence,
             std::int64_t since = 0) {
    desk.change(token(asked), op(sequence), test_client(1), since, [&](meta::context& c) {
      meta::directory_request q;
      q.op = op(sequence);
      q.path = path;
      return meta::make_directory(rig.state(), q, c);
    });
  }
  [[nodiscard]] std::string answer(std::uint32_t asked) const {
    const auto at = said.find(token(asked));
    return at == said.end() ? std::string() : at->second;
  }
  [[nodiscard]] txid last() { return rig.state().last_txid(); }

  state_rig rig;
  rig_edits log{rig};
  commit_desk desk{rig.state(), log, *this};
  std::map<token, std::string> said;
  std::map<token, meta::outcome> outcomes;
  std::vector<std::uint32_t> order;
  std::function<void(token)> on_answer;
};

BOOST_AUTO_TEST_SUITE(commits)

BOOST_AUTO_TEST_CASE(a_change_is_answered_when_its_own_record_is_committed_and_not_before) {
  commits_scene s;
  s.mkdir(1, "/a", 1);
  const txid first = s.last();
  s.mkdir(2, "/b", 2);
  BOOST_TEST(s.said.empty());
  s.desk.committed(txid(first.value - 1));
  BOOST_TEST(s.said.empty());
  s.desk.committed(first);
  BOOST_TEST(s.answer(1) == "changed");
  BOOST_TEST(s.outcomes[token(1)].txid == first);
  BOOST_TEST(s.answer(2).empty());
  s.desk.committed(s.last());
  BOOST_TEST(s.answer(2) == "changed");
  BOOST_TEST(s.desk.waiting() == 0U);
}

BOOST_AUTO_TEST_CASE(what_shows_an_uncommitted_change_waits_for_it_be_it_a_refusal) {
  commits_scene s;
  s.desk.committed(s.last());
  s.desk.show(token(1), 0);
  BOOST_TEST(s.answer(1) == "shown");  // nothing can be taken back
  s.mkdir(2, "/a", 1);
  s.mkdir(3, "/a", 2);  // exists, says a record that a crash may still lose
  s.desk.show(token(4), 0);
  BOOST_TEST(s.said.size() == 1U);
  s.desk.committed(s.last());
  BOOST_TEST(s.answer(2) == "changed");
  BOOST_TEST(s.answer(3).starts_with("refused"));
  BOOST_TEST(s.answer(4) == "shown");
  s.mkdir(5, "/a", 3);
  BOOST_TEST(s.answer(5).starts_with("refused"));
}

BOOST_AUTO_TEST_CASE(a_repeat_gets_the_first_answer_and_waits_only_for_its_record) {
  commits_scene s;
  s.mkdir(1, "/a", 1);
  const txid first = s.last();
  s.mkdir(2, "/a", 1);  // the same operation
  BOOST_TEST(s.last() == first);
  BOOST_TEST(s.said.empty());
  s.desk.committed(first);
  BOOST_TEST(s.answer(2) == "changed");
  BOOST_TEST(s.outcomes[token(2)].txid == first);
  s.mkdir(3, "/b", 2);
  s.mkdir(4, "/a", 1);  // committed long ago, though others are not
  BOOST_TEST(s.answer(3).empty());
  BOOST_TEST(s.answer(4) == "changed");
}

BOOST_AUTO_TEST_CASE(a_repeat_of_a_refused_operation_is_refused_alike) {
  commits_scene s;
  s.mkdir(1, "/a", 1);
  s.mkdir(2, "/a", 2);
  s.desk.committed(s.last());
  const std::string first = s.answer(2);
  BOOST_TEST(first.starts_with("refused"));
  const auto logged = s.log.logged;
  s.mkdir(3, "/other", 2);
  BOOST_TEST(s.answer(3) == first);
  BOOST_TEST(s.log.logged == logged);
}

BOOST_AUTO_TEST_CASE(nothing_is_decided_for_another_or_while_nothing_may_change) {
  commits_scene s;
  bool decided = false;
  const auto command = [&](meta::context&) -> result<meta::decision> {
    decided = true;
    return errc::internal;
  };
  s.desk.change(token(1), commits_scene::op(1, 2), test_client(1), 0, command);
  BOOST_TEST(s.answer(1) == "refused: " + make_error_code(errc::permission_denied).message());
  s.log.read_only = true;
  s.desk.change(token(2), commits_scene::op(1), test_client(1), 0, command);
  BOOST_TEST(s.answer(2) == "refused: " + make_error_code(errc::read_only).message());
  BOOST_TEST(!decided);
  BOOST_TEST(s.log.logged == 0U);
}

BOOST_AUTO_TEST_CASE(a_change_that_the_log_refuses_is_refused_at_once_and_may_come_again) {
  commits_scene s;
  s.log.room = 0;
  s.mkdir(1, "/a", 1);
  BOOST_TEST(s.answer(1) == "refused: " + make_error_code(errc::busy).message());
  s.log.room = 1;
  s.mkdir(2, "/a", 1);
  s.desk.committed(s.last());
  BOOST_TEST(s.answer(2) == "changed");
}

BOOST_AUTO_TEST_CASE(an_answer_may_ask_for_something_new) {
  commits_scene s;
  for (std::uint32_t i = 1; i <= 20; ++i) s.mkdir(i, "/" + std::to_string(i), i);
  s.on_answer = [&](token asked) {
    const auto n = static_cast<std::uint32_t>(asked);
    if (n <= 20) s.mkdir(100 + n, "/new" + std::to_string(n), 100 + n);
  };
  s.desk.committed(s.last());
  BOOST_TEST(s.said.size() == 20U);
  BOOST_TEST(s.desk.waiting() == 20U);
  s.desk.committed(s.last());
  BOOST_TEST(s.said.size() == 40U);
}

BOOST_AUTO_TEST_CASE(what_waits_too_long_or_for_a_closed_log_is_given_up) {
  commits_scene s;
  s.mkdir(1, "/a", 1, 1'000);
  s.mkdir(2, "/b", 2, 2'000);
  s.desk.show(token(3), 3'000);
  s.desk.expire(1'000);
  BOOST_TEST(s.said.empty());
  s.desk.expire(2'000);
  BOOST_TEST(s.answer(1) == "unconfirmed");
  BOOST_TEST(s.said.size() == 1U);
  s.desk.close();
  BOOST_TEST(s.answer(2) == "closed");
  BOOST_TEST(s.answer(3) == "closed");
  s.desk.committed(s.last());
  BOOST_TEST(s.said.size() == 3U);
}

// Whatever comes in whatever order: each token is answered once, in order among those that wait,
// and none before what it shows is committed.
BOOST_AUTO_TEST_CASE(no_answer_leaves_early_twice_or_never) {
  std::mt19937 random(11);
  for (int round = 0; round < 50; ++round) {
    commits_scene s;
    std::map<token, txid> shows;
    s.on_answer = [&](token asked) {
      if (s.answer(static_cast<std::uint32_t>(asked)) != "unconfirmed") {
        BOOST_TEST_REQUIRE(shows[asked] <= s.desk.committed());
      }
    };
    std::uint32_t asked = 0;
    std::uint64_t sequence = 0;
    for (int step = 0; step < 200; ++step) {
      const auto what = random() % 10;
      ++asked;
      if (what < 5) {
        // The record that it will have; a refusal shows those that there are.
        const std::string path = "/" + std::to_string(random() % 40);
        const bool there = meta::lookup(s.rig.state(), path, {}).has_value();
        shows[token(asked)] = there ? s.last() : txid(s.last().value + 1);
        s.mkdir(asked, path, ++sequence, step);
      } else if (what < 7) {
        shows[token(asked)] = s.last();
        s.desk.show(token(asked), step);
      } else {
        --asked;
        const std::uint64_t upto = random() % (s.last().value + 1);
        if (what < 9) {
          s.desk.committed(txid(upto));
        } else {
          s.desk.expire(step - 100);
        }
      }
    }
    s.desk.committed(s.last());
    BOOST_TEST_REQUIRE(s.said.size() == asked);
    BOOST_TEST_REQUIRE(s.desk.waiting() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(a_queue_keeps_its_order_while_it_grows_and_goes_round) {
  fifo<std::unique_ptr<int>> queue;
  int in = 0;
  int out = 0;
  std::mt19937 random(3);
  for (int step = 0; step < 10'000; ++step) {
    if (queue.size() < 100 && (queue.empty() || random() % 2 == 0)) {
      queue.push(std::make_unique<int>(in++));
    } else {
      BOOST_TEST_REQUIRE(*queue.front() == out);
      BOOST_TEST_REQUIRE(*queue.pop() == out++);
    }
    BOOST_TEST_REQUIRE(queue.size() == static_cast<std::size_t>(in - out));
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::leader
