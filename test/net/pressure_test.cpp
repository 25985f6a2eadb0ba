// Budgets: a server's memory is bounded whatever its callers do, and the others are served.
#include "net/raw_client.hpp"
#include "net/test_service.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/resource.h>

using namespace ssdfs;
using namespace ssdfs::net;
using test::echo_answer;
using test::echo_fixture;
using test::raw_client;

namespace {

struct kept_requests {
  std::mutex mutex;
  std::vector<request> list;
  void add(request r) {
    const std::lock_guard lock(mutex);
    list.push_back(std::move(r));
  }
  std::size_t size() {
    const std::lock_guard lock(mutex);
    return list.size();
  }
  void answer_all() {
    std::vector<request> now;
    {
      const std::lock_guard lock(mutex);
      now.swap(list);
    }
    for (request& r : now) test::echo_service::echo(std::move(r));
  }
};

// True if `value` stays what it is while other connections make round trips.
bool settled(echo_fixture& f, const std::function<std::size_t()>& value) {
  const auto c = f.connect();
  std::size_t last = value();
  int same = 0;
  for (int i = 0; i < 400 && same < 40; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    const std::size_t now = value();
    same = now == last ? same + 1 : 0;
    last = now;
  }
  return same == 40;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(pressure)

BOOST_AUTO_TEST_CASE(reading_pauses_at_the_number_of_unanswered_requests) {
  server_options o;
  o.unanswered_requests = 10;
  echo_fixture f(o);
  kept_requests kept;
  f.service.on_request = [&](request r) { kept.add(std::move(r)); };
  const auto c = f.connect();
  std::atomic<int> done{0};
  for (int i = 0; i < 200; ++i) {
    c->call(test::echo_request(1), {}, [&](echo_answer a) { done += a ? 1 : 1000; });
  }
  BOOST_TEST_REQUIRE(test::eventually([&] { return kept.size() == 11; }));
  BOOST_TEST(settled(f, [&] { return kept.size(); }));
  BOOST_TEST(kept.size() == 11U);
  while (done < 200) {
    BOOST_TEST_REQUIRE(kept.size() <= 11U);
    kept.answer_all();
    std::this_thread::yield();
  }
  BOOST_TEST(done == 200);
}

BOOST_AUTO_TEST_CASE(promised_answers_count_as_unanswered_bytes) {
  server_options o;
  o.unanswered_bytes = 1U << 20;
  echo_fixture f(o);
  f.service.promised_bytes = 300U << 10;
  kept_requests kept;
  f.service.on_request = [&](request r) { kept.add(std::move(r)); };
  const auto c = f.connect();
  std::atomic<int> done{0};
  for (int i = 0; i < 50; ++i) {
    c->call(test::echo_request(1), {}, [&](echo_answer) { ++done; });
  }
  BOOST_TEST_REQUIRE(test::eventually([&] { return kept.size() == 4; }));
  BOOST_TEST(settled(f, [&] { return kept.size(); }));
  BOOST_TEST(kept.size() == 4U);  // the fourth exceeds the budget, nothing follows it
  while (done < 50) {
    kept.answer_all();
    std::this_thread::yield();
  }
  BOOST_TEST(f.service.handled == 50U);
}

BOOST_AUTO_TEST_CASE(a_reader_that_does_not_read_is_not_read_from) {
  server_options o;
  o.unsent_bytes = 2U << 20;
  echo_fixture f(o);
  const buffer_ref page = buffer::make(256U << 10);
  std::memset(page->data(), 'p', page->capacity());
  f.service.on_request = [&](request r) {
    if (r.body().size() < 1000) return test::echo_service::echo(std::move(r));
    r.reply(wire::read_chunk_reply{}, {{page->data(), page->capacity()}, page});
  };
  raw_client slow(f.server->address(), 16 << 10);
  const cluster_id cluster = slow.greet();
  constexpr std::size_t count = 400;  // 100 MiB of answers
  std::thread sender([&] {
    for (std::size_t i = 0; i < count; ++i) {
      slow.send(test::echo_request(1), i, cluster, std::string(2000, 'q'));
    }
  });
  BOOST_TEST(settled(f, [&] { return f.service.handled.load(); }));
  const std::size_t while_stuck = f.service.handled;
  BOOST_TEST(while_stuck < count / 2);
  {
    const auto other = f.connect();
    for (int i = 0; i < 50; ++i) BOOST_TEST_REQUIRE(f.echo(*other, 1, "small").has_value());
  }
  std::size_t got = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const auto a = slow.receive();
    BOOST_TEST_REQUIRE(a.has_value());
    BOOST_TEST_REQUIRE(a->header.request_id == i);
    got += a->header.status == 0 ? 1U : 0U;
  }
  sender.join();
  BOOST_TEST(got == count);
}

BOOST_AUTO_TEST_CASE(tiny_requests_that_are_kept_cannot_pin_slab_after_slab) {
  server_options o;
  o.unanswered_bytes = 2U << 20;
  echo_fixture f(o);
  kept_requests kept;
  f.service.on_request = [&](request r) {
    if (r.body().empty()) {
      kept.add(std::move(r));
    } else {
      test::echo_service::echo(std::move(r));
    }
  };
  const auto c = f.connect();
  const std::string big(250U << 10, 'b');
  std::atomic<int> done{0};
  // One request that is kept in every slab: 100 of them are 25 MiB.
  for (int i = 0; i < 100; ++i) {
    c->call(test::echo_request(1), {}, [&](echo_answer) { ++done; });
    c->call(test::echo_request(2), {.body = {as_bytes(big), {}}}, [&](echo_answer) { ++done; });
  }
  BOOST_TEST(settled(f, [&] { return kept.size(); }));
  BOOST_TEST(kept.size() >= 4U);
  BOOST_TEST(kept.size() <= 40U);
  while (done < 200) {
    kept.answer_all();
    std::this_thread::yield();
  }
  BOOST_TEST(f.service.handled == 200U);
}

BOOST_AUTO_TEST_CASE(a_crowded_server_gives_each_connection_less) {
  server_options o;
  o.total_bytes = 1U << 20;
  o.crowded_bytes = 64U << 10;
  echo_fixture f(o);
  kept_requests kept;
  f.service.on_request = [&](request r) { kept.add(std::move(r)); };
  const std::string body(32U << 10, 'b');
  std::vector<std::shared_ptr<channel>> channels;
  std::atomic<int> done{0};
  constexpr int clients = 20;
  for (int i = 0; i < clients; ++i) {
    channels.push_back(f.connect());
    for (int k = 0; k < 32; ++k) {  // 1 MiB each
      channels.back()->call(test::echo_request(1), {.body = {as_bytes(body), {}}},
                            [&](echo_answer a) { done += a ? 1 : 1000; });
    }
  }
  BOOST_TEST(settled(f, [&] { return kept.size(); }));
  // The first connections may have filled the whole; each other has two or three requests.
  BOOST_TEST(kept.size() >= std::size_t{clients});
  BOOST_TEST(kept.size() < std::size_t{clients} * 16);
  while (done < clients * 32) {
    kept.answer_all();
    std::this_thread::yield();
  }
  BOOST_TEST(done == clients * 32);
}

BOOST_AUTO_TEST_CASE(a_thousand_connections_are_served_alike) {
  constexpr std::size_t count = 1000;
  rlimit limit{};
  BOOST_TEST_REQUIRE(getrlimit(RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  BOOST_TEST_REQUIRE(limit.rlim_cur >= 2 * count + 100);

  echo_fixture f;
  const std::string body(4096, 'b');
  constexpr int rounds = 10;
  struct one {
    std::shared_ptr<channel> c;
    std::atomic<int> left{rounds};
  };
  std::vector<one> all(count);
  std::atomic<std::size_t> finished{0};
  std::atomic<int> errors{0};
  std::function<void(one&)> next = [&](one& o) {
    o.c->call(test::echo_request(5), {.body = {as_bytes(body), {}}}, [&](echo_answer a) {
      if (!a || a->body.size() != body.size()) ++errors;
      if (--o.left > 0) {
        next(o);
      } else {
        ++finished;
      }
    });
  };
  for (one& o : all) {
    o.c = f.connect();
    next(o);
  }
  BOOST_TEST(test::eventually([&] { return finished == count; }));
  BOOST_TEST(errors == 0);
  BOOST_TEST(f.service.greeted == static_cast<int>(count));
}

BOOST_AUTO_TEST_CASE(small_requests_pass_while_large_answers_stream) {
  echo_fixture f;
  const buffer_ref page = buffer::make(1U << 20);
  std::memset(page->data(), 'p', page->capacity());
  f.service.on_request = [&](request r) {
    wire::read_chunk_request asked;
    if (!r.decode(asked) || asked.length != 77) return test::echo_service::echo(std::move(r));
    r.reply(wire::read_chunk_reply{}, {{page->data(), page->capacity()}, page});
  };
  const auto large = f.connect();
  std::atomic<bool> streaming{true};
  std::atomic<int> pages{0};
  std::atomic<int> running{0};
  std::function<void()> more = [&] {
    ++running;
    large->call(test::echo_request(77), {}, [&](echo_answer a) {
      if (a) ++pages;
      if (streaming) more();
      --running;
    });
  };
  for (int i = 0; i < 8; ++i) more();
  const auto small = f.connect();
  for (int i = 0; i < 300; ++i) BOOST_TEST_REQUIRE(f.echo(*small, 1, "x").has_value());
  streaming = false;
  BOOST_TEST(test::eventually([&] { return running == 0; }));
  BOOST_TEST(pages > 8);
}

BOOST_AUTO_TEST_CASE(stopping_while_busy_ends_every_call_and_connection) {
  for (int round = 0; round < 5; ++round) {
    echo_fixture f;
    test::io_threads clients;
    kept_requests kept;
    f.service.on_request = [&](request r) {
      if (kept.size() < 50) return kept.add(std::move(r));
      test::echo_service::echo(std::move(r));
    };
    std::atomic<bool> running{true};
    std::atomic<int> in_flight{0};
    std::atomic<int> answered{0};
    const std::string body(3000, 'b');
    std::vector<std::shared_ptr<channel>> channels;
    std::function<void(channel&)> next = [&](channel& c) {
      ++in_flight;
      c.call(test::echo_request(1), {.body = {as_bytes(body), {}}}, [&](echo_answer a) {
        if (a) ++answered;
        if (a && running) next(c);
        --in_flight;
      });
    };
    for (int i = 0; i < 8; ++i) {
      channels.push_back(channel::make(clients.context().get_executor(), f.server->address(),
                                       echo_fixture::channel_defaults()));
      for (int k = 0; k < 32; ++k) next(*channels.back());
    }
    BOOST_TEST_REQUIRE(test::eventually([&] { return answered > 2000; }));
    f.server->stop();
    BOOST_TEST(f.service.ended == f.service.greeted);
    running = false;
    BOOST_TEST(test::eventually([&] { return in_flight == 0; }));
    kept.answer_all();  // late answers find nobody and harm nobody
  }
}

BOOST_AUTO_TEST_CASE(channels_may_stop_while_threads_call) {
  echo_fixture f;
  test::io_threads clients;
  for (int round = 0; round < 10; ++round) {
    const auto c = channel::make(clients.context().get_executor(), f.server->address(),
                                 echo_fixture::channel_defaults());
    std::atomic<int> called{0};
    std::atomic<int> handled{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 3; ++t) {
      threads.emplace_back([&] {
        for (int i = 0; i < 300; ++i) {
          ++called;
          const auto id = c->call(test::echo_request(1), {}, [&](echo_answer) { ++handled; });
          if (i % 7 == 0) c->cancel(id);
        }
      });
    }
    while (called < 300) std::this_thread::yield();
    c->stop();
    for (auto& t : threads) t.join();
    BOOST_TEST(test::eventually([&] { return handled == called; }));
    BOOST_TEST(handled == 900);
  }
}

BOOST_AUTO_TEST_SUITE_END()
