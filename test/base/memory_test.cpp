// Reference-counted buffers and move-only functions.
#include "base/buffer.hpp"
#include "base/unique_function.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

using namespace ssdfs;

BOOST_AUTO_TEST_SUITE(buffers)

BOOST_AUTO_TEST_CASE(a_buffer_knows_whether_it_is_shared) {
  buffer_ref a = buffer::make(100);
  BOOST_TEST(a->capacity() == 100U);
  BOOST_TEST(a->unique());
  buffer_ref b = a;
  BOOST_TEST(!a->unique());
  b.reset();
  BOOST_TEST(a->unique());
  a->data()[99] = std::byte{7};
}

BOOST_AUTO_TEST_CASE(copied_bytes_are_the_copys_own) {
  std::string text = "pictures";
  const shared_bytes copy = copy_bytes(as_bytes(text));
  text = "xxxxxxxx";
  BOOST_TEST(as_chars(copy.view) == "pictures");
  BOOST_TEST(copy_bytes({}).view.empty());
}

// Blocks are used again, also by threads that did not make them: each use has all of its room.
BOOST_AUTO_TEST_CASE(buffers_of_all_sizes_pass_between_threads) {
  std::vector<buffer_ref> handed;
  for (int round = 0; round < 20; ++round) {
    std::vector<buffer_ref> made;
    std::thread maker([&] {
      handed.clear();  // frees what the last round's thread made
      for (std::size_t size = 1; size < 80'000; size += size / 3 + 1) {
        for (int i = 0; i < 3; ++i) {
          made.push_back(buffer::make(size));
          std::fill_n(made.back()->data(), size, static_cast<std::byte>(made.size()));
        }
      }
    });
    maker.join();
    for (std::size_t i = 0; i < made.size(); ++i) {
      const auto value = static_cast<std::byte>(i + 1);
      BOOST_TEST_REQUIRE((made[i]->data()[0] == value));
      BOOST_TEST_REQUIRE((made[i]->data()[made[i]->capacity() - 1] == value));
    }
    handed = std::move(made);
  }
}

BOOST_AUTO_TEST_CASE(the_last_of_many_threads_frees) {
  for (int round = 0; round < 50; ++round) {
    buffer_ref shared = buffer::make(64);
    std::atomic<int> wrong{0};
    std::vector<std::thread> threads;
    for (int t = 0; t < 4; ++t) {
      threads.emplace_back([copy = shared, &wrong] {
        for (int i = 0; i < 100; ++i) {
          const buffer_ref another = copy;
          if (another->unique()) ++wrong;
        }
      });
    }
    for (auto& t : threads) t.join();
    threads.clear();
    BOOST_TEST_REQUIRE(wrong == 0);
    BOOST_TEST_REQUIRE(shared->unique());
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(functions)

BOOST_AUTO_TEST_CASE(it_calls_what_it_holds) {
  int calls = 0;
  unique_function<int(int, std::string)> f = [&](int n, const std::string& s) {
    ++calls;
    return n + static_cast<int>(s.size());
  };
  BOOST_TEST(f(1, "four") == 5);
  BOOST_TEST(f(2, "") == 2);
  BOOST_TEST(calls == 2);
}

BOOST_AUTO_TEST_CASE(it_holds_what_can_only_be_moved_small_or_large) {
  auto owned = std::make_unique<int>(42);
  unique_function<int()> small = [p = std::move(owned)] { return *p; };
  std::array<char, 200> big{};
  big[199] = 9;
  unique_function<int()> large = [big, p = std::make_unique<int>(1)] { return big[199] + *p; };
  BOOST_TEST(small() == 42);
  BOOST_TEST(large() == 10);
  unique_function<int()> moved = std::move(large);
  BOOST_TEST(!large);
  BOOST_TEST(moved() == 10);
  moved = std::move(small);
  BOOST_TEST(moved() == 42);
}

BOOST_AUTO_TEST_CASE(it_destroys_what_it_holds_once) {
  const auto counter = std::make_shared<int>(0);
  std::array<char, 100> big{};
  {
    unique_function<void()> a = [counter] {};
    unique_function<void()> b = [counter, big] { static_cast<void>(big); };
    BOOST_TEST(counter.use_count() == 3);
    a = std::move(b);
    BOOST_TEST(counter.use_count() == 2);
    unique_function<void()> c = std::move(a);
    BOOST_TEST(counter.use_count() == 2);
    c.reset();
    BOOST_TEST(counter.use_count() == 1);
    BOOST_TEST(!c);
    c = [counter] {};
  }
  BOOST_TEST(counter.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(arguments_pass_through_without_copies) {
  unique_function<std::unique_ptr<int>(std::unique_ptr<int>)> f = [](std::unique_ptr<int> p) {
    ++*p;
    return p;
  };
  BOOST_TEST(*f(std::make_unique<int>(1)) == 2);
}

BOOST_AUTO_TEST_SUITE_END()
