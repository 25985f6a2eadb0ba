// A master through its protocol: namespace, operation ids, restarts, refusals.
#include "master/master_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <filesystem>

namespace ssdfs::test {
namespace {

wire::make_directory_request make_directory(caller& from, std::string_view path, bool parents) {
  wire::make_directory_request q;
  q.op = from.next_operation();
  q.path = path;
  q.parents = parents;
  q.user = "root";
  return q;
}

wire::commit_file_request empty_file(caller& from, std::string_view path, bool overwrite = false) {
  wire::commit_file_request q;
  q.op = from.next_operation();
  q.path = path;
  q.overwrite = overwrite;
  q.user = "root";
  q.content_type = "image/png";
  return q;
}

wire::lookup_request lookup(std::string_view path) {
  wire::lookup_request q;
  q.path = path;
  return q;
}

wire::remove_request remove(caller& from, std::string_view path, bool recursive = false) {
  wire::remove_request q;
  q.op = from.next_operation();
  q.path = path;
  q.recursive = recursive;
  q.user = "root";
  return q;
}

template <class T>
std::string error_of(const result<T>& r) {
  return r ? "success" : r.error().code.message();
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(master_role, master_fixture)

BOOST_AUTO_TEST_CASE(files_and_directories_appear_and_are_listed) {
  caller c(threads.context(), server->address());
  BOOST_REQUIRE(c.call(make_directory(c, "/a/b", true)));
  BOOST_REQUIRE(c.call(empty_file(c, "/a/b/picture.png")));
  const auto found = c.call(lookup("/a/b/picture.png"));
  BOOST_REQUIRE_MESSAGE(found, error_of(found));
  BOOST_CHECK_EQUAL(found->entry.type, 1);
  BOOST_CHECK_EQUAL(found->entry.owner, "root");
  BOOST_CHECK_EQUAL(found->entry.content_type, "image/png");
  BOOST_CHECK_EQUAL(found->chunks.size(), 0U);
  wire::list_request list;
  list.path = "/a";
  const auto page = c.call(list);
  BOOST_REQUIRE(page);
  BOOST_REQUIRE_EQUAL(page->entries.size(), 1U);
  BOOST_CHECK_EQUAL(page->entries[0].name, "b");
  BOOST_CHECK(!page->more);
  wire::summary_request summary;
  summary.path = "/";
  const auto totals = c.call(summary);
  BOOST_REQUIRE(totals);
  BOOST_CHECK_EQUAL(totals->files, 1U);
  BOOST_CHECK_EQUAL(totals->directories, 3U);
}

BOOST_AUTO_TEST_CASE(listing_pages_hold_every_name_once_in_order) {
  caller c(threads.context(), server->address());
  for (int i = 0; i < 250; ++i) {
    BOOST_REQUIRE(c.call(empty_file(c, "/d/" + std::to_string(1000 + i))));
  }
  std::vector<std::string> names;
  std::string after;
  for (bool more = true; more;) {
    wire::list_request q;
    q.path = "/d";
    q.after = after;
    q.limit = 37;
    const auto page = c.call(q);
    BOOST_REQUIRE(page);
    BOOST_REQUIRE(!page->entries.empty());
    for (const auto& e : page->entries) names.push_back(e.name);
    after = names.back();
    more = page->more;
  }
  BOOST_REQUIRE_EQUAL(names.size(), 250U);
  BOOST_CHECK(std::is_sorted(names.begin(), names.end()));
  BOOST_CHECK_EQUAL(names.front(), "1000");
  BOOST_CHECK_EQUAL(names.back(), "1249");
}

BOOST_AUTO_TEST_CASE(a_repeated_operation_gets_its_first_answer) {
  caller c(threads.context(), server->address());
  const auto create = empty_file(c, "/once");
  const auto first = c.call(create);
  BOOST_REQUIRE(first);
  const auto again = c.call(create);
  BOOST_REQUIRE_MESSAGE(again, error_of(again));  // not "exists"
  BOOST_CHECK_EQUAL(again->txid.value, first->txid.value);

  const auto removal = remove(c, "/once");
  const auto removed = c.call(removal);
  BOOST_REQUIRE(removed);
  BOOST_CHECK(removed->path.starts_with("/.trash/"));
  // Somebody else makes a file of that name: a late duplicate must not take it away.
  caller other(threads.context(), server->address());
  BOOST_REQUIRE(other.call(empty_file(other, "/once")));
  const auto duplicate = c.call(removal);
  BOOST_REQUIRE(duplicate);
  BOOST_CHECK_EQUAL(duplicate->path, removed->path);
  BOOST_CHECK(c.call(lookup("/once")));
}

BOOST_AUTO_TEST_CASE(operations_are_remembered_across_a_restart) {
  std::optional<wire::commit_file_request> create;
  const client_id client(io::random_uuid());
  std::uint64_t txid = 0;
  {
    caller c(threads.context(), server->address(), {}, client);
    create = empty_file(c, "/kept");
    const auto done = c.call(*create);
    BOOST_REQUIRE(done);
    txid = done->txid.value;
  }
  stop();
  start();
  caller c(threads.context(), server->address(), {}, client);
  const auto again = c.call(*create);
  BOOST_REQUIRE_MESSAGE(again, error_of(again));
  BOOST_CHECK_EQUAL(again->txid.value, txid);
}

BOOST_AUTO_TEST_CASE(an_operation_belongs_to_the_client_whose_it_is) {
  caller c(threads.context(), server->address());
  const auto create = empty_file(c, "/mine");
  BOOST_REQUIRE(c.call(create));
  caller stranger(threads.context(), server->address());
  // Neither its result, nor a number of it, nor what it still wants to know.
  const auto repeat = stranger.call(create);
  BOOST_CHECK_MESSAGE(!repeat && repeat.error() == errc::permission_denied, error_of(repeat));
  auto next = empty_file(stranger, "/theirs");
  next.op = {c.client(), 2, 1000};
  const auto taken = stranger.call(next);
  BOOST_CHECK_MESSAGE(!taken && taken.error() == errc::permission_denied, error_of(taken));
  BOOST_CHECK(c.call(empty_file(c, "/two")));
}

BOOST_AUTO_TEST_CASE(a_restart_is_a_new_epoch_with_the_same_cluster_and_namespace) {
  const cluster_id cluster = server->cluster();
  const node_id node = server->node();
  {
    caller c(threads.context(), server->address());
    BOOST_REQUIRE(c.call(make_directory(c, "/stays", false)));
  }
  stop();
  start();
  BOOST_CHECK(server->cluster() == cluster);
  BOOST_CHECK(server->node() == node);
  caller c(threads.context(), server->address());
  BOOST_CHECK(c.call(lookup("/stays")));
  const auto report = c.call(wire::admin_report_request{});
  BOOST_REQUIRE(report);
  BOOST_CHECK_EQUAL(report->epoch.value, 2U);
}

BOOST_AUTO_TEST_CASE(bad_requests_are_refused_by_name) {
  caller c(threads.context(), server->address());
  const auto fails = [&](const auto& request, errc expected) {
    const auto r = c.call(request);
    BOOST_CHECK_MESSAGE(!r && r.error() == expected, error_of(r));
  };
  fails(lookup("/missing"), errc::not_found);
  fails(lookup("relative"), errc::invalid_path);
  fails(lookup("/a/../b"), errc::invalid_path);
  fails(lookup(std::string_view("/a\0b", 4)), errc::invalid_path);
  fails(lookup("/\xff\xfe"), errc::invalid_path);
  fails(lookup("/" + std::string(256, 'x')), errc::name_too_long);
  fails(make_directory(c, "/no/parent", false), errc::not_found);
  BOOST_REQUIRE(c.call(empty_file(c, "/file")));
  fails(empty_file(c, "/file"), errc::exists);
  fails(empty_file(c, "/file/below"), errc::not_directory);
  BOOST_REQUIRE(c.call(make_directory(c, "/full/inner", true)));
  fails(remove(c, "/full"), errc::not_empty);
  fails(empty_file(c, "/full", true), errc::is_directory);
  wire::rename_request into;
  into.op = c.next_operation();
  into.from = "/full";
  into.to = "/full/inner/full";
  fails(into, errc::into_itself);
  wire::list_request list;
  list.path = "/full";
  list.limit = 0;
  fails(list, errc::invalid_argument);
  wire::grant_request grant;
  fails(grant, errc::no_datanodes);
  // A chunk that nobody was granted.
  auto forged = empty_file(c, "/forged");
  forged.size = 10;
  forged.chunks.push_back({volume_id(77), 1, 10, 0, 1});
  const auto r = c.call(forged);
  BOOST_CHECK(!r);
  BOOST_CHECK(!c.call(lookup("/forged")));
}

BOOST_AUTO_TEST_CASE(the_trash_is_hidden_until_asked_for) {
  caller c(threads.context(), server->address());
  BOOST_REQUIRE(c.call(empty_file(c, "/a/thing")));
  const auto removed = c.call(remove(c, "/a", true));
  BOOST_REQUIRE(removed);
  wire::list_request list;
  list.path = "/";
  const auto root = c.call(list);
  BOOST_REQUIRE(root);
  BOOST_CHECK_EQUAL(root->entries.size(), 0U);
  BOOST_CHECK(c.call(lookup(removed->path + "/thing")));
  const auto emptied = c.call(wire::trash_empty_request{});
  BOOST_REQUIRE(emptied);
  BOOST_CHECK_EQUAL(emptied->entries, 1U);
  BOOST_CHECK(!c.call(lookup(removed->path)));
}

BOOST_AUTO_TEST_CASE(strangers_of_another_cluster_are_refused) {
  caller c(threads.context(), server->address(), cluster_id(io::random_uuid()));
  const auto r = c.call(lookup("/"));
  BOOST_REQUIRE(!r);
  BOOST_CHECK_MESSAGE(r.error() == errc::wrong_cluster, error_of(r));
}

BOOST_AUTO_TEST_CASE(a_directory_in_use_or_of_another_role_is_refused) {
  const auto second = master::master::start(threads.context(), options());
  BOOST_REQUIRE(!second);
  BOOST_CHECK_MESSAGE(second.error() == errc::locked, second.error().message());
  stop();
  {
    // What a datanode would have left there.
    std::filesystem::create_directories(directory.path() + "/other");
    const std::string text = R"({"format":1,"role":"datanode","node":")" +
                             to_string(io::random_uuid()) + R"(","cluster":")" +
                             to_string(io::random_uuid()) + "\"}\n";
    BOOST_REQUIRE(io::replace_file(io::system_files(), directory.path() + "/other/identity.json",
                                   as_bytes(text)));
  }
  auto wrong = options();
  wrong.data_dir = directory.path() + "/other";
  const auto refused = master::master::start(threads.context(), wrong);
  BOOST_REQUIRE(!refused);
  BOOST_CHECK(refused.error().message().find("datanode") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::test
