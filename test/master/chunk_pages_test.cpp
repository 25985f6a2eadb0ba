// Files with more chunks than one message names, at a master: commits and lookups in pages.
#include "base/crc32c.hpp"
#include "master/fake_node.hpp"
#include "master/master_fixture.hpp"
#include "master/staged_chunks.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <set>
#include <vector>

namespace ssdfs::test {
namespace {

constexpr std::uint32_t whole_page = wire::chunk_page;

struct chunk_pages_fixture : master_fixture {
  std::shared_ptr<fake_node> first = fake_node::start(threads.context(), server->address());
  std::shared_ptr<fake_node> second = fake_node::start(threads.context(), server->address());

  ~chunk_pages_fixture() {
    first->stop();
    second->stop();
  }

  /// Chunks of 10 bytes under a fresh grant.
  std::vector<wire::chunk_ref> chunks(caller& of, std::uint32_t count) {
    wire::grant_request q;
    q.key_count = count;
    q.bytes = std::uint64_t{count} * 40;
    const auto g = of.call(q);
    BOOST_REQUIRE(g && g->key_count >= count);
    std::vector<wire::chunk_ref> out;
    for (std::uint32_t i = 0; i < count; ++i) {
      out.push_back({g->volume, g->first_key + i, 10, 0xc0ffee + i, g->generation});
    }
    return out;
  }
  /// The commit of all, with those from `begin` on in its own message.
  wire::commit_file_request commit_of(caller& of, std::string_view path,
                                      const std::vector<wire::chunk_ref>& all, std::size_t begin) {
    wire::commit_file_request q;
    q.op = of.next_operation();
    q.path = path;
    q.user = "root";
    for (const auto& c : all) {
      q.crc32c = q.size == 0 ? c.crc32c : crc32c_combine(q.crc32c, c.crc32c, c.size);
      q.size += c.size;
    }
    q.chunks_before = static_cast<std::uint32_t>(begin);
    q.chunks.assign(all.begin() + static_cast<std::ptrdiff_t>(begin), all.end());
    return q;
  }
  static wire::commit_chunks_request page_of(const wire::operation& op,
                                             const std::vector<wire::chunk_ref>& all,
                                             std::size_t begin, std::size_t end) {
    wire::commit_chunks_request q;
    q.op = op;
    q.first_chunk = static_cast<std::uint32_t>(begin);
    q.chunks.assign(all.begin() + static_cast<std::ptrdiff_t>(begin),
                    all.begin() + static_cast<std::ptrdiff_t>(end));
    return q;
  }
  static wire::lookup_reply look(caller& at, std::string_view path, std::uint64_t offset,
                                 std::uint32_t limit) {
    wire::lookup_request q;
    q.path = path;
    q.offset = offset;
    q.chunk_limit = limit;
    auto found = at.call(q);
    BOOST_REQUIRE(found);
    return *found;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(chunk_pages, chunk_pages_fixture)

BOOST_AUTO_TEST_CASE(a_file_of_the_most_chunks_is_committed_and_found_in_pages) {
  caller c(threads.context(), server->address());
  const auto all = chunks(c, max_file_chunks + 1);
  const auto most = std::vector(all.begin(), all.end() - 1);
  const std::size_t before = max_file_chunks / whole_page * whole_page;
  const auto commit = commit_of(c, "/most", most, before);
  for (std::size_t at = 0; at < before; at += whole_page) {
    BOOST_REQUIRE(c.call(page_of(commit.op, all, at, at + whole_page)));
  }
  const auto done = c.call(commit);
  BOOST_REQUIRE_MESSAGE(done, done.error().message());
  // The answer was lost: what the pages said is gone, and not needed.
  const auto again = c.call(commit);
  BOOST_REQUIRE_MESSAGE(again, again.error().message());
  BOOST_CHECK(again->txid == done->txid);

  first->stop();
  second->stop();
  stop();
  start();  // from the log
  caller d(threads.context(), server->address());
  std::vector<wire::chunk_ref> found;
  std::set<std::uint64_t> layouts;
  while (found.size() < max_file_chunks) {
    const auto reply = look(d, "/most", found.size() * 10, whole_page);
    BOOST_REQUIRE_EQUAL(reply.first_chunk, found.size());
    BOOST_REQUIRE_EQUAL(reply.first_offset, found.size() * 10);
    BOOST_REQUIRE_EQUAL(reply.chunk_count, max_file_chunks);
    BOOST_REQUIRE(!reply.chunks.empty());
    layouts.insert(reply.layout);
    found.insert(found.end(), reply.chunks.begin(), reply.chunks.end());
  }
  BOOST_CHECK_EQUAL(layouts.size(), 1U);
  BOOST_CHECK(std::equal(
      found.begin(), found.end(), most.begin(), most.end(), [](const auto& a, const auto& b) {
        return a.volume == b.volume && a.key == b.key && a.size == b.size && a.crc32c == b.crc32c;
      }));
  // A page is aligned; the one with the byte that is asked for is given, or none behind the end.
  const auto middle = look(d, "/most", 12'345, 100);
  BOOST_CHECK_EQUAL(middle.first_chunk, 1200U);
  BOOST_CHECK_EQUAL(middle.first_offset, 12'000U);
  BOOST_CHECK_EQUAL(middle.chunks.size(), 100U);
  const auto end = look(d, "/most", max_file_chunks * 10, whole_page);
  BOOST_CHECK(end.chunks.empty());
  BOOST_CHECK_EQUAL(end.first_chunk, max_file_chunks);
  const auto none = look(d, "/most", 0, 0);
  BOOST_CHECK(none.chunks.empty());
  BOOST_CHECK_EQUAL(none.chunk_count, max_file_chunks);
}

BOOST_AUTO_TEST_CASE(one_chunk_more_is_refused) {
  caller c(threads.context(), server->address());
  const auto all = chunks(c, max_file_chunks + 1);
  const std::size_t before = max_file_chunks / whole_page * whole_page;
  const auto commit = commit_of(c, "/over", all, before);
  for (std::size_t at = 0; at < before; at += whole_page) {
    BOOST_REQUIRE(c.call(page_of(commit.op, all, at, at + whole_page)));
  }
  const auto done = c.call(commit);
  BOOST_CHECK(!done && done.error() == errc::too_large);
}

BOOST_AUTO_TEST_CASE(a_commit_needs_the_pages_that_it_counts_on) {
  caller c(threads.context(), server->address());
  const auto all = chunks(c, 30);
  const auto commit = commit_of(c, "/f", all, 20);
  const auto gap = c.call(page_of(commit.op, all, 10, 20));
  BOOST_CHECK(!gap && gap.error() == errc::busy);
  BOOST_REQUIRE(c.call(page_of(commit.op, all, 0, 10)));
  const auto early = c.call(commit);
  BOOST_CHECK(!early && early.error() == errc::busy);
  // That has made the master forget: from the first page again, one of them twice.
  const auto gone = c.call(page_of(commit.op, all, 10, 20));
  BOOST_CHECK(!gone && gone.error() == errc::busy);
  BOOST_REQUIRE(c.call(page_of(commit.op, all, 0, 10)));
  BOOST_REQUIRE(c.call(page_of(commit.op, all, 10, 20)));
  BOOST_REQUIRE(c.call(page_of(commit.op, all, 10, 20)));
  const auto done = c.call(commit);
  BOOST_REQUIRE_MESSAGE(done, done.error().message());
  BOOST_CHECK_EQUAL(look(c, "/f", 0, whole_page).chunks.size(), 30U);
}

BOOST_AUTO_TEST_CASE(pages_for_another_client_are_refused) {
  caller c(threads.context(), server->address());
  caller stranger(threads.context(), server->address());
  const auto all = chunks(c, 30);
  const auto commit = commit_of(c, "/f", all, 20);
  const auto refused = stranger.call(page_of(commit.op, all, 0, 20));
  BOOST_CHECK(!refused && refused.error() == errc::permission_denied);
}

BOOST_AUTO_TEST_CASE(what_is_kept_is_bounded_and_ends) {
  master::staged_chunks kept;
  const std::vector<meta::chunk_claim> chunks(max_file_chunks);
  const auto client = [](std::uint8_t n) {
    uuid id{};
    id.data[0] = n;
    return client_id(id);
  };
  for (std::uint64_t i = 1; i <= 10; ++i) BOOST_REQUIRE(kept.add(client(1), i, 0, chunks, 0));
  BOOST_CHECK(kept.add(client(1), 11, 0, chunks, 0).error() == errc::busy);
  BOOST_CHECK(kept.add(client(1), 10, 1, chunks, 0).error() == errc::too_large);
  BOOST_CHECK_EQUAL(kept.size(), std::size_t{9} * max_file_chunks);  // that one was given up
  for (std::uint8_t n = 2; n <= 4; ++n) {
    for (std::uint64_t i = 1; i <= 10; ++i) BOOST_REQUIRE(kept.add(client(n), i, 0, chunks, 5));
  }
  BOOST_REQUIRE(kept.add(client(1), 10, 0, chunks, 5));
  BOOST_CHECK(kept.add(client(5), 1, 0, chunks, 5).error() == errc::busy);
  kept.forget(client(4));
  BOOST_CHECK_EQUAL(kept.size(), std::size_t{30} * max_file_chunks);
  kept.expire(master::staged_chunks::idle_ms);
  BOOST_CHECK_EQUAL(kept.size(), std::size_t{21} * max_file_chunks);
  BOOST_CHECK_EQUAL(kept.take(client(1), 10).size(), max_file_chunks);
  BOOST_CHECK(kept.take(client(1), 10).empty());
  BOOST_CHECK(kept.take(client(1), 1).empty());
  kept.expire(master::staged_chunks::idle_ms + 5);
  BOOST_CHECK_EQUAL(kept.size(), 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::test
