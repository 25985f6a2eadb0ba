// Files go in and come out, and the namespace operations do what they say.
#include "client/tools.hpp"
#include "fixture.hpp"

namespace ssdfs::test {
namespace {

constexpr std::size_t sizes[] = {
    0,       1, 4096, 65536, (256 << 10) - 1, 256 << 10, (256 << 10) + 1, 8 << 20, (8 << 20) + 1,
    20 << 20};

BOOST_FIXTURE_TEST_SUITE(client_roundtrip, cluster_fixture)

BOOST_AUTO_TEST_CASE(every_size_comes_back) {
  for (const std::size_t size : sizes) {
    const std::string path = "/f" + std::to_string(size);
    const std::string data = pattern(size, size + 1);
    const auto put = client.put(path, boost::asio::buffer(data));
    BOOST_REQUIRE_MESSAGE(put, path << ": " << put.error().message());
    BOOST_TEST(!put->replaced);
    BOOST_TEST(put->txid != 0U);
    const auto got = client.get(path);
    BOOST_REQUIRE_MESSAGE(got, path << ": " << got.error().message());
    BOOST_TEST((got->text() == data));
    BOOST_TEST(got->status().size == size);
    std::string into(size + 3, 'x');
    const auto n = client.get_into(path, boost::asio::buffer(into));
    BOOST_REQUIRE(n);
    BOOST_TEST(*n == size);
    BOOST_TEST((into.substr(0, size) == data));
    BOOST_TEST(into.substr(size) == "xxx");
  }
  const auto files = cluster.files();
  BOOST_TEST(files.at("/f0").chunks.empty());
  BOOST_TEST(files.at("/f1").chunks.size() == 1U);
  BOOST_TEST(files.at("/f8388608").chunks.size() == 1U);
  BOOST_TEST(files.at("/f8388609").chunks.size() == 2U);
  BOOST_TEST(files.at("/f20971520").chunks.size() == 3U);
  BOOST_TEST(cluster.rewritten_keys() == 0U);
}

BOOST_AUTO_TEST_CASE(ranges) {
  const std::string data = pattern(10 << 20);
  BOOST_REQUIRE(client.put("/f", boost::asio::buffer(data)));
  const std::pair<std::uint64_t, std::uint64_t> parts[] = {
      {0, 1}, {1000, 5000}, {(8 << 20) - 1, 2}, {3 << 20, 6 << 20}, {(10 << 20) - 1, 100}};
  for (const auto& [offset, length] : parts) {
    const auto got = client.get("/f", {.offset = offset, .length = length});
    BOOST_REQUIRE(got);
    BOOST_TEST((got->text() == data.substr(offset, length)));
    std::string into(length, '\0');
    const auto n =
        client.get_into("/f", boost::asio::buffer(into), {.offset = offset, .length = length});
    BOOST_REQUIRE(n);
    BOOST_TEST((into.substr(0, *n) == data.substr(offset, length)));
  }
  BOOST_TEST(client.get("/f", {.offset = 11 << 20})->size() == 0U);
  std::string small(100, '\0');
  BOOST_TEST(client.get_into("/f", boost::asio::buffer(small)).error() == errc::too_large);
}

BOOST_AUTO_TEST_CASE(a_get_without_a_copy_outlives_the_client) {
  file_content content;
  const std::string data = pattern(200 << 10);
  {
    blocking_client other(config_for(cluster));
    BOOST_REQUIRE(other.put("/f", boost::asio::buffer(data)));
    auto got = other.get("/f");
    BOOST_REQUIRE(got);
    content = std::move(*got);
  }
  BOOST_TEST((content.text() == data));
}

BOOST_AUTO_TEST_CASE(attributes_travel) {
  put_options options;
  options.mode = 0600;
  options.mtime_ms = 1234567890123;
  options.content_type = "image/png";
  options.replication = 1;
  const std::string data = pattern(100);
  BOOST_REQUIRE(client.put("/a/b", boost::asio::buffer(data), options));
  auto status = client.stat("/a/b", {.chunks = true}).value();
  BOOST_TEST(status.path == "/a/b");
  BOOST_TEST((status.type == entry_type::file));
  BOOST_TEST(status.size == 100U);
  BOOST_TEST(status.mode == 0600);
  BOOST_TEST(status.mtime_ms == 1234567890123);
  BOOST_TEST(status.content_type == "image/png");
  BOOST_TEST(status.owner == "tester");
  BOOST_TEST(status.group == "tester");
  BOOST_REQUIRE(status.chunks.size() == 1U);
  BOOST_TEST(status.chunks[0].size == 100U);
  BOOST_TEST(status.chunks[0].crc32c == status.crc32c);
  BOOST_TEST(status.chunks[0].nodes.size() == 2U);
  BOOST_TEST(client.stat("/a/b")->chunks.empty());
  attribute_changes changes;
  changes.mode = std::uint16_t{0644};
  changes.owner = "somebody";
  BOOST_REQUIRE(client.set_attributes("/a/b", changes));
  status = client.stat("/a/b").value();
  BOOST_TEST(status.mode == 0644);
  BOOST_TEST(status.owner == "somebody");
  BOOST_TEST(status.mtime_ms == 1234567890123);
}

BOOST_AUTO_TEST_CASE(namespace_operations) {
  const std::string data = pattern(10);
  for (const char* name : {"/d/1", "/d/2", "/d/3"}) {
    BOOST_REQUIRE(client.put(name, boost::asio::buffer(data)));
  }
  BOOST_TEST(client.put("/d/1", boost::asio::buffer(data)).error() == errc::exists);
  BOOST_TEST(client.put("/d/1", boost::asio::buffer(data), overwriting())->replaced);
  BOOST_TEST(client.mkdir("/e").has_value());
  BOOST_TEST(client.mkdir("/e").error() == errc::exists);
  BOOST_TEST(client.mkdir("/e", {.parents = true}).has_value());
  BOOST_TEST(client.put("/e", boost::asio::buffer(data)).error() == errc::is_directory);
  BOOST_TEST(client.get("/e").error() == errc::is_directory);
  BOOST_TEST(client.rename("/d/1", "/d/2").error() == errc::exists);
  BOOST_TEST(client.rename("/d/1", "/d/2", {.overwrite = true})->replaced);
  BOOST_TEST(client.rename("/d/1", "/d/9").error() == errc::not_found);
  const auto page = client.list("/d", {.limit = 1}).value();
  BOOST_REQUIRE(page.entries.size() == 1U);
  BOOST_TEST(page.entries[0].path == "/d/2");
  BOOST_TEST(page.more);
  const auto rest = client.list("/d", {.after = page.next}).value();
  BOOST_REQUIRE(rest.entries.size() == 1U);
  BOOST_TEST(rest.entries[0].path == "/d/3");
  BOOST_TEST(!rest.more);
  BOOST_TEST(client.summary("/d")->files == 2U);
  BOOST_TEST(client.summary("/d")->bytes == 20U);
  BOOST_TEST(client.remove("/d/3")->trash_path == "/.trash/d/3");
  BOOST_TEST(client.remove("/d/2", {.skip_trash = true})->trash_path.empty());
  BOOST_TEST(client.remove("/d/2").error() == errc::not_found);
  BOOST_TEST(client.trash_empty().value() == 7U);
}

BOOST_AUTO_TEST_CASE(errors_come_with_diagnostics) {
  diagnostics diag;
  BOOST_TEST(client.get("/missing", {.diag = &diag}).error() == errc::not_found);
  BOOST_TEST(diag.path == "/missing");
  BOOST_TEST(diag.server == cluster.master());
  BOOST_TEST(!diag.message.empty());
  BOOST_TEST(diag.attempts == 1U);
  BOOST_TEST((client.get("/missing").error() == boost::system::errc::no_such_file_or_directory));
}

BOOST_AUTO_TEST_CASE(batches) {
  std::vector<std::string> contents;
  std::vector<std::string> paths;
  std::vector<put_item> items;
  for (std::size_t i = 0; i < 200; ++i) {
    contents.push_back(pattern(i * 13, i));
    paths.push_back("/many/" + std::to_string(i));
  }
  for (std::size_t i = 0; i < contents.size(); ++i) {
    items.push_back({paths[i], boost::asio::buffer(contents[i])});
  }
  for (const auto& o : client.put_many(items, {.concurrency = 7})) BOOST_TEST(!o.ec);
  paths.push_back("/many/none");
  const auto got = client.get_many(paths);
  BOOST_REQUIRE(got.size() == 201U);
  for (std::size_t i = 0; i < contents.size(); ++i) {
    BOOST_TEST(!got[i].ec);
    BOOST_TEST((got[i].value.text() == contents[i]));
  }
  BOOST_TEST(got[200].ec == errc::not_found);
  BOOST_TEST(got[200].diag.path == "/many/none");
  BOOST_TEST(client.stat_many(paths)[10].value.size == 130U);
  const auto removed = client.remove_many(paths);
  BOOST_TEST(!removed[0].ec);
  BOOST_TEST(removed[200].ec == errc::not_found);
  BOOST_TEST(cluster.files().empty());
  BOOST_TEST(client.put_many({}).empty());
}

BOOST_AUTO_TEST_CASE(tools_reach_single_servers) {
  const std::string data = pattern(3 << 20);
  BOOST_REQUIRE(client.put("/f", boost::asio::buffer(data)));
  const auto report = detail::master_call(client, wire::admin_report_request{});
  BOOST_REQUIRE(report);
  BOOST_TEST(report->files == 1U);
  const auto statistics = detail::all_server_statistics(client.async());
  BOOST_REQUIRE(statistics);
  BOOST_REQUIRE(statistics->size() == 3U);
  BOOST_TEST((*statistics)[0].address == cluster.master());
  for (const auto& s : *statistics) BOOST_TEST(!s.ec);
  BOOST_TEST((*statistics)[1].stats.process == (*statistics)[0].stats.process);
  const auto status = client.stat("/f", {.chunks = true}).value();
  for (const std::string& address : status.chunks[0].nodes) {
    const auto bytes = detail::read_replica(client.async(), status.chunks[0], address);
    BOOST_REQUIRE(bytes);
    BOOST_TEST((as_chars(*bytes) == data));
  }
  cluster.lose_chunk(1, volume_id(status.chunks[0].volume), status.chunks[0].key);
  BOOST_TEST((detail::read_replica(client.async(), status.chunks[0], cluster.node(1)).error() ==
              errc::not_found));
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::test
