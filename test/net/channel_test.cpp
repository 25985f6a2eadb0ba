// The calling side while its server is there: order, deadlines, cancellation, error answers.
#include "net/channel_scene.hpp"

#include <boost/test/unit_test.hpp>

using namespace ssdfs;
using namespace ssdfs::net;
using test::echo_answer;
using test::echo_fixture;
using test::pending_call;
using test::quick;
using test::shelf;

BOOST_AUTO_TEST_SUITE(channels)

BOOST_AUTO_TEST_CASE(requests_arrive_in_the_order_of_the_calls) {
  echo_fixture f;
  std::vector<std::uint32_t> order;  // one connection: its calls never overlap
  f.service.on_request = [&](request r) {
    wire::read_chunk_request asked;
    if (r.decode(asked)) order.push_back(asked.length);
    test::echo_service::echo(std::move(r));
  };
  const auto c = f.connect();
  std::vector<std::uint32_t> expected;
  std::vector<std::uint32_t> answered;
  std::promise<void> all;
  for (std::uint32_t i = 0; i < 2000; ++i) {
    expected.push_back(i);
    c->call(test::echo_request(i), {}, [&](echo_answer a) {
      if (a) answered.push_back(a->message.chunk_size);
      if (answered.size() == 2000) all.set_value();
    });
  }
  all.get_future().get();
  BOOST_TEST(order == expected, boost::test_tools::per_element());
  BOOST_TEST(answered == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_server_that_hangs_is_given_up_a_slow_one_is_not) {
  test::io_threads servers(1);
  test::io_threads callers(1);
  test::echo_service service;
  auto server = server::listen(servers.context(), service, {.listen = "127.0.0.1:0"}).value();
  server->start();
  auto options = quick();
  options.silence_ms = 200;
  const auto c =
      channel::make(callers.context().get_executor(), server->address(), std::move(options));
  pending_call first;
  first.start(*c);
  BOOST_TEST((first.failure_code() == errc{}));

  // Slow: pings are answered, so the call may take its time.
  shelf waiting;
  service.on_request = waiting.keeper();
  pending_call slow;
  slow.start(*c);
  BOOST_TEST((slow.future.wait_for(std::chrono::milliseconds(700)) == std::future_status::timeout));
  waiting.answer_all();
  BOOST_TEST((slow.failure_code() == errc{}));

  // Hanging: the server's one thread is stuck, nothing is answered at all.
  std::promise<void> go_on;
  service.on_request = [stuck = go_on.get_future().share()](request r) {
    stuck.wait();
    test::echo_service::echo(std::move(r));
  };
  const std::int64_t began = io::steady_ms();
  std::array<pending_call, 3> hung;
  for (pending_call& h : hung) h.start(*c, {.timeout_ms = 20'000});
  for (pending_call& h : hung) BOOST_TEST((h.failure_code() == errc::connection));
  BOOST_TEST(io::steady_ms() - began >= 190);
  BOOST_TEST(io::steady_ms() - began < 5000);
  // It still accepts connections, but does not say hello: no longer a wait than that.
  pending_call again;
  std::this_thread::sleep_for(std::chrono::milliseconds(250));  // longer than the longest back-off
  const std::int64_t began_again = io::steady_ms();
  again.start(*c, {.timeout_ms = 20'000});
  BOOST_TEST((again.failure_code() == errc::connection));
  BOOST_TEST(io::steady_ms() - began_again < 5000);
  go_on.set_value();
  server->stop();
}

BOOST_AUTO_TEST_CASE(a_server_that_is_too_busy_to_read_gives_signs_of_life) {
  net::server_options limits;
  limits.unanswered_requests = 4;
  echo_fixture f(limits);
  shelf waiting;
  f.service.on_request = waiting.keeper();
  auto options = quick();
  options.silence_ms = 800;
  const auto c = f.connect(std::move(options));
  std::array<pending_call, 20> calls;
  for (pending_call& call : calls) call.start(*c, {.timeout_ms = 20'000});
  BOOST_TEST(
      (calls[0].future.wait_for(std::chrono::milliseconds(2000)) == std::future_status::timeout));
  waiting.clear();
  for (pending_call& call : calls) BOOST_TEST((call.failure_code() == errc{}));
}

BOOST_AUTO_TEST_CASE(a_link_that_answered_is_made_anew_at_once) {
  echo_fixture f;
  std::atomic<bool> closes = false;
  f.service.on_request = [&](request r) {
    if (closes) return r.from().close();
    test::echo_service::echo(std::move(r));
  };
  auto options = quick();
  options.backoff_min_ms = options.backoff_max_ms = 20'000;
  const auto c = f.connect(std::move(options));
  for (int i = 0; i < 3; ++i) {
    closes = false;
    BOOST_TEST_REQUIRE(f.echo(*c, 1).has_value());
    closes = true;
    BOOST_TEST_REQUIRE(f.echo(*c, 1).has_error());
  }
}

BOOST_AUTO_TEST_CASE(the_callers_cluster_is_asked_for_at_each_connect) {
  echo_fixture f;
  std::vector<cluster_id> told;
  f.service.on_hello = [&](const wire::hello_request& h) -> result<wire::hello_reply> {
    told.push_back(h.cluster);
    wire::hello_reply says;
    says.role = wire::peer_role::datanode;
    says.cluster = f.service.cluster;
    return says;
  };
  std::atomic<bool> closes = false;
  f.service.on_request = [&](request r) {
    if (closes) return r.from().close();
    test::echo_service::echo(std::move(r));
  };
  std::atomic<bool> joined = false;
  auto options = quick();
  options.cluster = [&] { return joined ? f.service.cluster : cluster_id{}; };
  const auto c = f.connect(std::move(options));
  BOOST_TEST_REQUIRE(f.echo(*c, 1).has_value());
  joined = true;
  closes = true;
  BOOST_TEST_REQUIRE(f.echo(*c, 1).has_error());
  closes = false;
  BOOST_TEST_REQUIRE(f.echo(*c, 1).has_value());
  BOOST_TEST_REQUIRE(told.size() == 2u);
  BOOST_TEST((told[0] == cluster_id{}));
  BOOST_TEST((told[1] == f.service.cluster));
}

BOOST_AUTO_TEST_CASE(an_error_answer_carries_code_detail_and_hint) {
  echo_fixture f;
  f.service.on_request = [](request r) {
    r.fail({errc::not_active, "another leads"}, "10.0.0.7:9600");
  };
  const auto c = f.connect();
  const auto got = f.echo(*c, 1);
  BOOST_TEST_REQUIRE(got.has_error());
  BOOST_TEST((got.error() == errc::not_active));
  BOOST_TEST(got.error().detail == "another leads");
  BOOST_TEST(got.error().hint == "10.0.0.7:9600");
}

BOOST_AUTO_TEST_CASE(errors_of_the_system_and_of_services_travel_as_errc) {
  echo_fixture f;
  f.service.on_request = [](request r) {
    r.fail(failure(boost::system::error_code(ENOSPC, boost::system::system_category()), "disk 3"));
  };
  const auto c = f.connect();
  auto got = f.echo(*c, 1);
  BOOST_TEST_REQUIRE(got.has_error());
  BOOST_TEST((got.error() == errc::io));
  BOOST_TEST(got.error().detail == "disk 3");

  f.service.on_request = [](request) {};  // dropped without an answer
  got = f.echo(*c, 1);
  BOOST_TEST_REQUIRE(got.has_error());
  BOOST_TEST((got.error() == errc::internal));
}

BOOST_AUTO_TEST_CASE(answers_may_come_from_any_thread_in_any_order) {
  echo_fixture f;
  shelf waiting;
  f.service.on_request = waiting.keeper();
  const auto c = f.connect();
  constexpr std::uint32_t count = 300;
  std::atomic<std::uint32_t> right{0};
  std::atomic<std::uint32_t> done{0};
  for (std::uint32_t i = 0; i < count; ++i) {
    c->call(test::echo_request(i), {}, [&, i](echo_answer a) {
      if (a && a->message.chunk_size == i) ++right;
      ++done;
    });
  }
  BOOST_TEST_REQUIRE(test::eventually([&] { return waiting.size() == count; }));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = static_cast<std::size_t>(t); i < count; i += 4) {
        request* r = nullptr;
        {
          const std::lock_guard lock(waiting.mutex);
          r = &waiting.kept[count - 1 - i];
        }
        test::echo_service::echo(std::move(*r));
      }
    });
  }
  for (auto& t : threads) t.join();
  BOOST_TEST(test::eventually([&] { return done == count; }));
  BOOST_TEST(right == count);
}

BOOST_AUTO_TEST_CASE(a_call_without_an_answer_times_out_and_the_late_answer_is_dropped) {
  echo_fixture f;
  shelf waiting;
  f.service.on_request = waiting.keeper();
  const auto c = f.connect();
  pending_call lost;
  pending_call patient;
  patient.start(*c, {.timeout_ms = 60000});
  lost.start(*c, {.timeout_ms = 50});
  BOOST_TEST((lost.failure_code() == errc::timed_out));
  BOOST_TEST(c->in_flight() == 1U);
  BOOST_TEST_REQUIRE(waiting.size() == 2U);
  waiting.answer_all();
  BOOST_TEST(patient.future.get().has_value());
  BOOST_TEST(lost.called == 1);
}

BOOST_AUTO_TEST_CASE(a_cancelled_call_is_told_so_once) {
  echo_fixture f;
  shelf waiting;
  f.service.on_request = waiting.keeper();
  const auto c = f.connect();
  pending_call call;
  call.start(*c);
  BOOST_TEST_REQUIRE(test::eventually([&] { return waiting.size() == 1; }));
  c->cancel(call.id);
  c->cancel(call.id);
  BOOST_TEST((call.failure_code() == errc::cancelled));
  waiting.answer_all();
  f.service.on_request = nullptr;
  BOOST_TEST(f.echo(*c, 3).has_value());
  BOOST_TEST(call.called == 1);
  c->cancel(0);
  c->cancel(12345678901234567890ULL);
}

BOOST_AUTO_TEST_CASE(a_borrowed_body_may_be_freed_when_its_call_has_ended) {
  // The server reads nothing, so bodies wait in the channel's output when their calls time out.
  server_options o;
  o.unanswered_requests = 1;
  echo_fixture f(o);
  shelf waiting;
  f.service.on_request = waiting.keeper();
  const auto c = f.connect();
  constexpr int count = 24;
  std::vector<std::unique_ptr<pending_call>> calls;
  for (int i = 0; i < count; ++i) {
    auto body = std::make_shared<std::string>(1U << 20, static_cast<char>('a' + i));
    auto& call = *calls.emplace_back(std::make_unique<pending_call>());
    call.id = c->call(test::echo_request(1),
                      {.timeout_ms = i < 3 ? 20000 : 30, .body = {as_bytes(*body), {}}},
                      [&call, body](echo_answer a) mutable {
                        body->assign(body->size(), '!');  // would be sent, were it still used
                        body.reset();
                        call.promise.set_value(std::move(a));
                      });
  }
  for (int i = 3; i < count; ++i) {
    BOOST_TEST((calls[static_cast<std::size_t>(i)]->failure_code() == errc::timed_out));
  }
  std::atomic<int> intact{0};
  std::atomic<int> seen{0};
  {
    const std::lock_guard lock(waiting.mutex);
    const auto check = [&](request r) {
      const std::string_view body = as_chars(r.body());
      if (body.find_first_not_of(body[0]) == std::string_view::npos && body[0] != '!') ++intact;
      ++seen;
      test::echo_service::echo(std::move(r));
    };
    f.service.on_request = check;
    for (request& r : waiting.kept) check(std::move(r));
    waiting.kept.clear();
  }
  BOOST_TEST(test::eventually([&] { return seen == count; }));
  BOOST_TEST(intact == count);
}

BOOST_AUTO_TEST_SUITE_END()
