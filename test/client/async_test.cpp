// Completion tokens, executors, cancellation, many operations at once, and the client's end.
#include "fixture.hpp"
#include "ssdfs/client.hpp"

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>

#include <atomic>
#include <future>
#include <memory_resource>

namespace ssdfs::test {
namespace {

namespace asio = boost::asio;
using boost::system::error_code;
using kind = fault::kind;
using wire::opcode;

struct pool_fixture {
  ~pool_fixture() {
    client.async_close(asio::use_future).get();
    pool.join();
  }
  fake_cluster cluster;
  asio::thread_pool pool{3};
  ssdfs::client client{pool.get_executor(), config_for(cluster)};
};

BOOST_FIXTURE_TEST_SUITE(client_async, pool_fixture)

BOOST_AUTO_TEST_CASE(futures) {
  const std::string data = pattern(5000);
  const mutation_result put = client.async_put("/f", asio::buffer(data), asio::use_future).get();
  BOOST_TEST(put.txid == 1U);
  BOOST_TEST((client.async_get("/f", asio::use_future).get().text() == data));
  BOOST_CHECK_THROW(static_cast<void>(client.async_get("/g", asio::use_future).get()),
                    boost::system::system_error);
}

BOOST_AUTO_TEST_CASE(coroutines) {
  const std::string data = pattern(5000);
  const auto work = [&]() -> asio::awaitable<std::size_t> {
    co_await client.async_put("/f", asio::buffer(data), asio::use_awaitable);
    file_reader reader = co_await client.async_open_read("/f", asio::use_awaitable);
    std::string out(6000, '\0');
    const std::size_t n = co_await reader.async_read_some(asio::buffer(out), asio::use_awaitable);
    const file_status status = co_await client.async_stat("/f", asio::use_awaitable);
    co_return out.substr(0, n) == data ? status.size : 0;
  };
  BOOST_TEST(asio::co_spawn(pool, work, asio::use_future).get() == 5000U);
}

BOOST_AUTO_TEST_CASE(deferred_operations_begin_when_they_are_told_to) {
  auto later = client.async_mkdir("/d", asio::deferred);
  BOOST_TEST(cluster.count("master", opcode::make_directory) == 0U);
  std::promise<error_code> done;
  std::move(later)([&](error_code ec, const mutation_result&) { done.set_value(ec); });
  BOOST_TEST(!done.get_future().get());
}

BOOST_AUTO_TEST_CASE(the_handlers_executor_is_used_and_kept_busy) {
  asio::io_context own;
  std::thread::id where;
  // Nothing else keeps `own` running: the operation must.
  client.async_mkdir("/d", asio::bind_executor(own, [&](error_code, const mutation_result&) {
                       where = std::this_thread::get_id();
                     }));
  BOOST_TEST(own.run() >= 1U);
  BOOST_TEST((where == std::this_thread::get_id()));
}

BOOST_AUTO_TEST_CASE(the_handlers_allocator_is_used) {
  struct counting : std::pmr::memory_resource {
    std::atomic<int> allocations{0};
    std::atomic<int> live{0};
    void* do_allocate(std::size_t n, std::size_t align) override {
      ++allocations;
      ++live;
      return std::pmr::new_delete_resource()->allocate(n, align);
    }
    void do_deallocate(void* p, std::size_t n, std::size_t align) override {
      --live;
      std::pmr::new_delete_resource()->deallocate(p, n, align);
    }
    bool do_is_equal(const memory_resource& other) const noexcept override {
      return this == &other;
    }
  } memory;
  std::promise<void> done;
  client.async_mkdir(
      "/d", asio::bind_allocator(std::pmr::polymorphic_allocator<std::byte>(&memory),
                                 [&](error_code, const mutation_result&) { done.set_value(); }));
  done.get_future().wait();
  BOOST_TEST(memory.allocations > 0);
  await([&] { return memory.live == 0; });
}

// --- cancellation -----------------------------------------------------------------------------

/// Starts an operation that hangs because of `rule`, cancels it, and expects errc::cancelled.
template <class Start>
void cancelled(pool_fixture& f, opcode hangs, Start start) {
  f.cluster.set_rule([hangs](const seen_request& r) {
    return r.code == hangs ? fault::of(kind::drop_before) : fault{};
  });
  const auto seen = [&] {
    return f.cluster.count("master", hangs) + f.cluster.count("node0", hangs) +
           f.cluster.count("node1", hangs);
  };
  const std::uint64_t before = seen();
  asio::cancellation_signal signal;
  auto strand = asio::make_strand(f.pool);
  std::promise<error_code> done;
  start(asio::bind_executor(
      strand, asio::bind_cancellation_slot(signal.slot(),
                                           [&](error_code ec, auto&&...) { done.set_value(ec); })));
  await([&] { return seen() > before; });
  asio::post(strand, [&] { signal.emit(asio::cancellation_type::terminal); });
  BOOST_TEST(done.get_future().get() == errc::cancelled);
  f.cluster.set_rule({});
}

BOOST_AUTO_TEST_CASE(every_wait_can_be_cancelled) {
  const std::string small = pattern(1000);
  const std::string big = pattern(9 << 20);
  client.async_put("/big", asio::buffer(big), asio::use_future).get();
  const auto put_small = [&](auto handler) {
    client.async_put("/f", asio::buffer(small), std::move(handler));
  };
  const auto put_big = [&](auto handler) {
    client.async_put("/f", asio::buffer(big), std::move(handler));
  };
  cancelled(*this, opcode::write_chunk, put_small);
  cancelled(*this, opcode::commit_file, put_small);
  cancelled(*this, opcode::write_begin, put_big);
  cancelled(*this, opcode::write_piece, put_big);
  cancelled(*this, opcode::write_end, put_big);
  cancelled(*this, opcode::commit_file, put_big);
  cancelled(*this, opcode::lookup,
            [&](auto handler) { client.async_get("/big", std::move(handler)); });
  cancelled(*this, opcode::locate, [&](auto handler) {
    // A client of its own, which knows no location yet.
    auto fresh = std::make_shared<ssdfs::client>(pool.get_executor(), config_for(cluster));
    fresh->async_get("/big", asio::bind_executor(
                                 asio::get_associated_executor(handler),
                                 asio::bind_cancellation_slot(
                                     asio::get_associated_cancellation_slot(handler),
                                     [fresh, handler](error_code ec, file_content content) mutable {
                                       handler(ec, std::move(content));
                                     })));
  });
  cancelled(*this, opcode::read_chunk,
            [&](auto handler) { client.async_get("/big", std::move(handler)); });
  cancelled(*this, opcode::rename,
            [&](auto handler) { client.async_rename("/big", "/g", std::move(handler)); });
  cancelled(*this, opcode::lookup, [&](auto handler) {
    client.async_stat_many({"/a", "/b", "/c"}, {.concurrency = 2}, std::move(handler));
  });
  cancelled(*this, opcode::lookup,
            [&](auto handler) { client.async_open_read("/big", std::move(handler)); });
  cancelled(*this, opcode::grant, [&](auto handler) {
    put_options options;
    options.replication = 3;  // a class without grants
    client.async_put("/f", asio::buffer(small), options, std::move(handler));
  });
  // Pauses: a retryable refusal again and again.
  cluster.set_rule([](const seen_request& r) {
    return r.code == opcode::lookup ? fault::refuse(errc::starting) : fault{};
  });
  asio::cancellation_signal signal;
  std::promise<error_code> done;
  auto strand = asio::make_strand(pool);
  client.async_stat(
      "/f", asio::bind_executor(strand, asio::bind_cancellation_slot(
                                            signal.slot(), [&](error_code ec, const file_status&) {
                                              done.set_value(ec);
                                            })));
  asio::post(strand, [&] { signal.emit(asio::cancellation_type::total); });
  BOOST_TEST(done.get_future().get() == errc::cancelled);
  cluster.set_rule({});
  BOOST_TEST((client.async_get("/big", asio::use_future).get().text() == big));
}

BOOST_AUTO_TEST_CASE(cancelling_one_leaves_the_others) {
  const std::string data = pattern(1000);
  asio::cancellation_signal signal;
  std::atomic<int> good{0};
  std::atomic<int> cancelled{0};
  std::atomic<int> left{100};
  auto strand = asio::make_strand(pool);
  for (int i = 0; i < 100; ++i) {
    auto count = asio::bind_executor(strand, [&](error_code ec, const mutation_result&) {
      ++(ec == errc::cancelled ? cancelled : good);
      --left;
    });
    const std::string path = "/f" + std::to_string(i);
    if (i == 50) {
      client.async_put(path, asio::buffer(data),
                       asio::bind_cancellation_slot(signal.slot(), count));
      asio::post(strand, [&] { signal.emit(asio::cancellation_type::total); });
    } else {
      client.async_put(path, asio::buffer(data), count);
    }
  }
  await([&] { return left == 0; });
  BOOST_TEST(good >= 99);
  BOOST_TEST(cancelled <= 1);
}

// --- many, and the end ------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(thousands_at_once) {
  constexpr int count = 5000;
  std::vector<std::string> contents;
  for (int i = 0; i < count; ++i) {
    contents.push_back(pattern(static_cast<std::size_t>(i % 3000), static_cast<std::uint64_t>(i)));
  }
  std::atomic<int> good{0};
  std::atomic<int> left{count};
  for (std::size_t i = 0; i < contents.size(); ++i) {
    const std::string path = "/many/" + std::to_string(i);
    client.async_put(path, asio::buffer(contents[i]), [&, path, i](error_code ec, mutation_result) {
      if (ec) {
        --left;
        return;
      }
      client.async_get(path, [&, i](error_code failed, file_content content) {
        if (!failed && content.text() == contents[i]) ++good;
        --left;
      });
    });
  }
  await([&] { return left == 0; });
  BOOST_TEST(good == count);
  BOOST_TEST(cluster.files().size() == static_cast<std::size_t>(count));
  BOOST_TEST(cluster.rewritten_keys() == 0U);
}

BOOST_AUTO_TEST_CASE(destroying_the_client_aborts_what_is_under_way) {
  cluster.set_rule([](const seen_request& r) {
    return r.code == opcode::lookup ? fault::of(kind::drop_before) : fault{};
  });
  std::vector<std::promise<error_code>> done(20);
  {
    ssdfs::client other(pool.get_executor(), config_for(cluster));
    for (auto& d : done) {
      other.async_stat("/f", [&d](error_code ec, const file_status&) { d.set_value(ec); });
    }
  }
  for (auto& d : done) BOOST_TEST(d.get_future().get() == errc::aborted);
}

BOOST_AUTO_TEST_CASE(a_closed_client_does_nothing_more) {
  ssdfs::client other(pool.get_executor(), config_for(cluster));
  other.async_mkdir("/d", asio::use_future).get();
  other.async_close(asio::use_future).get();
  other.async_close(asio::use_future).get();
  std::promise<error_code> done;
  other.async_mkdir("/e", [&](error_code ec, const mutation_result&) { done.set_value(ec); });
  BOOST_TEST(done.get_future().get() == errc::aborted);
}

BOOST_AUTO_TEST_CASE(run_returns_after_close) {
  asio::io_context io;
  ssdfs::client other(io.get_executor(), config_for(cluster));
  error_code ec = make_error_code(errc::internal);
  const std::string data = pattern(10);
  other.async_put("/f", asio::buffer(data), [&](error_code e, const mutation_result&) {
    ec = e;
    other.async_close(asio::detached);
  });
  io.run();
  BOOST_TEST(!ec);
  await([&] { return cluster.open_grants() == 0; });
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::test
