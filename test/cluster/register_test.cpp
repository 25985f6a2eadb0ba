// The register's value, and how one process changes it.
#include "cluster/leadership_stage.hpp"

#include <algorithm>

namespace ssdfs::leadership_stage {

namespace {

const std::string golden =
    R"({"format":"ssdfs-register-1","cluster":"5d000000-0000-0000-0000-0000000000c8",)"
    R"("epoch":"513","leader":"5d000000-0000-0000-0000-000000000001","insync":[)"
    R"({"node":"5d000000-0000-0000-0000-000000000001","address":"m1"},)"
    R"({"node":"5d000000-0000-0000-0000-000000000002","address":"m2"}],)"
    R"("writer":"5d000000-0000-0000-0000-000000000001","nonce":"18446744073709551615"})";

std::string replaced(std::string_view what, std::string_view with) {
  std::string out = golden;
  const auto at = out.find(what);
  BOOST_REQUIRE(at != std::string::npos);
  return out.replace(at, what.size(), with);
}

struct editing {
  register_editor editor{the_cluster(), node(1), 1'000'000};
  time_ms now = 1'000;

  void read(register_version version, const register_value& v) {
    editor.hint();
    editor.timer(now, 0, false);
    answer_read(version, v);
  }
  void answer_read(register_version version, const register_value& v) {
    for (const auto& a : editor.take_actions()) {
      if (const auto* r = std::get_if<act::read_register>(&a)) {
        editor.read(r->id, read_outcome::found, version, encode_register(v), now);
      }
    }
  }
  /// The change on the way.
  std::pair<std::uint64_t, register_value> sent() {
    for (const auto& a : editor.take_actions()) {
      if (const auto* c = std::get_if<act::change_register>(&a)) {
        return {c->id, *decode_register(c->bytes)};
      }
    }
    return {};
  }
  std::pair<std::uint64_t, register_value> change() {
    editor.prepare(now);
    answer_read(editor.view()->version, editor.view()->value);
    BOOST_REQUIRE(editor.ready());
    editor.send(value(512, 1, {1, 2}));
    return sent();
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(the_register)

BOOST_AUTO_TEST_CASE(the_value_has_these_bytes) {
  register_value v = value(513, 1, {1, 2}, 18446744073709551615ULL);
  BOOST_TEST(encode_register(v) == golden);
  BOOST_TEST((*decode_register(golden) == v));
  // Unknown fields and other orders are read, too.
  BOOST_TEST((*decode_register(replaced("\"epoch\"", "\"more\":[1],\"epoch\"")) == v));
}

BOOST_AUTO_TEST_CASE(what_is_no_value_is_refused) {
  const auto refuses = [](const std::string& text, errc code) {
    const auto v = decode_register(text);
    return !v && v.error() == code;
  };
  BOOST_TEST(refuses("", errc::damaged));
  BOOST_TEST(refuses("[]", errc::damaged));
  BOOST_TEST(refuses(golden.substr(0, golden.size() - 1), errc::damaged));
  BOOST_TEST(refuses(replaced("register-1", "register-2"), errc::version_mismatch));
  BOOST_TEST(refuses(replaced("\"513\"", "\"0\""), errc::damaged));
  BOOST_TEST(refuses(replaced("\"513\"", "\"4294967296\""), errc::damaged));
  BOOST_TEST(refuses(replaced("\"513\"", "513"), errc::damaged));
  BOOST_TEST(refuses(replaced("\"513\"", "\"-1\""), errc::damaged));
  BOOST_TEST(refuses(replaced("\"m2\"", "\"\""), errc::damaged));
  BOOST_TEST(refuses(replaced("\"m2\"", '"' + std::string(256, 'x') + '"'), errc::damaged));
  BOOST_TEST(refuses(replaced("000000000002\"", "000000000001\""), errc::damaged));  // twice
  BOOST_TEST(refuses(replaced("\"leader\":\"5d000000-0000-0000-0000-000000000001",
                              "\"leader\":\"5d000000-0000-0000-0000-000000000009"),
                     errc::damaged));  // not in its set
  BOOST_TEST(refuses(
      replaced("5d000000-0000-0000-0000-0000000000c8", "00000000-0000-0000-0000-000000000000"),
      errc::damaged));
  BOOST_TEST(refuses(std::string(max_register_bytes + 1, ' '), errc::damaged));
  std::string many = "[";
  for (int i = 1; i <= 17; ++i) {
    many += R"({"node":")" + to_string(uuid_of(i)) + R"(","address":"m"},)";
  }
  many.back() = ']';
  const auto begin = golden.find("[{");
  const auto end = golden.find("}]") + 2;
  BOOST_TEST(refuses(golden.substr(0, begin) + many + golden.substr(end), errc::damaged));
  for (std::size_t cut = 0; cut < golden.size(); ++cut) {
    BOOST_TEST(!decode_register(golden.substr(0, cut)).has_value());
  }
}

BOOST_AUTO_TEST_CASE(an_answer_settles_a_change_and_its_absence_does_not) {
  editing e;
  e.read(5, value(256, 1, {1}));
  const auto first = e.change();
  BOOST_TEST(e.editor.open());
  e.editor.changed(first.first, change_outcome::unknown, e.now);
  e.read(5, value(256, 1, {1}));  // the old value proves nothing
  BOOST_TEST(e.editor.open());
  BOOST_TEST(!e.editor.take_settled().has_value());
  e.now += 300;
  e.editor.timer(e.now, 100'000, false);
  BOOST_TEST(e.sent().first == 0U);  // it is sent again only by one that insists
  e.editor.timer(e.now, 100'000, true);
  const auto second = e.sent();
  BOOST_TEST(second.second.nonce > first.second.nonce);
  e.editor.changed(second.first, change_outcome::done, e.now);
  BOOST_TEST(e.editor.take_settled()->made);
  BOOST_TEST(e.editor.view()->version == 6);
}

BOOST_AUTO_TEST_CASE(a_lost_attempt_may_have_been_beaten_by_an_earlier_one) {
  editing e;
  e.read(5, value(256, 1, {1}));
  const auto first = e.change();
  e.editor.changed(first.first, change_outcome::unknown, e.now);
  e.now += 300;
  e.editor.timer(e.now, 100'000, true);
  const auto second = e.sent();
  e.editor.changed(second.first, change_outcome::lost, e.now);
  BOOST_TEST(e.editor.open());
  e.read(5, value(256, 1, {1}));  // a server that lags
  BOOST_TEST(e.editor.open());
  e.read(6, first.second);
  BOOST_TEST(e.editor.take_settled()->made);
}

BOOST_AUTO_TEST_CASE(a_higher_version_by_somebody_else_refuses_a_change) {
  editing e;
  e.read(5, value(256, 1, {1}));
  const auto sent = e.change();
  e.editor.changed(sent.first, change_outcome::unknown, e.now);
  e.read(6, value(768, 2, {2}, 77));
  const auto settled = e.editor.take_settled();
  BOOST_REQUIRE(settled.has_value());
  BOOST_TEST(!settled->made);
  BOOST_TEST((e.editor.view()->value.leader == node(2)));
}

BOOST_AUTO_TEST_CASE(a_change_that_was_not_sent_was_not_made) {
  editing e;
  e.read(5, value(256, 1, {1}));
  const auto sent = e.change();
  e.editor.changed(sent.first, change_outcome::not_sent, e.now);
  BOOST_TEST(!e.editor.take_settled()->made);
  // After an attempt whose outcome is unknown it says nothing about that one.
  const auto again = e.change();
  e.editor.changed(again.first, change_outcome::unknown, e.now);
  e.now += 300;
  e.editor.timer(e.now, 100'000, true);
  e.editor.changed(e.sent().first, change_outcome::not_sent, e.now);
  BOOST_TEST(e.editor.open());
  BOOST_TEST(!e.editor.take_settled().has_value());
}

BOOST_AUTO_TEST_CASE(another_value_with_the_same_version_stops_a_change) {
  editing e;
  e.read(5, value(256, 1, {1}));
  e.editor.prepare(e.now);
  e.answer_read(5, value(512, 3, {3}));  // deleted, made again, and changed as often
  BOOST_TEST(!e.editor.ready());
  BOOST_TEST(!e.editor.take_settled()->made);
}

BOOST_AUTO_TEST_CASE(a_lower_version_is_believed_when_it_is_read_three_times) {
  editing e;
  e.read(5, value(512, 1, {1}));
  e.read(2, value(256, 2, {2}));
  e.read(2, value(256, 2, {2}));
  BOOST_TEST(e.editor.view()->version == 5);
  e.read(2, value(256, 2, {2}));
  BOOST_TEST(e.editor.view()->version == 2);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::leadership_stage
