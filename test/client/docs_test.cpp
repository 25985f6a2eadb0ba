// The examples of docs/client.md: every one of its C++ blocks stands in this file, word for word,
// is compiled and run.
#include "fixture.hpp"
#include "util/source_tree.hpp"

// clang-format off
#include <ssdfs/blocking_client.hpp>
#include <ssdfs/client.hpp>
// clang-format on

#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <boost/asio/write.hpp>

#include <fstream>
#include <iostream>
#include <sstream>

namespace asio = boost::asio;

namespace {

void store(ssdfs::blocking_client& client, const std::string& picture) {
  ssdfs::put_options options;
  options.overwrite = true;
  options.content_type = "image/jpeg";
  client.put("/image/product/iphone.jpg", asio::buffer(picture), options).value();

  const ssdfs::file_content content = client.get("/image/product/iphone.jpg").value();
  std::cout << content.size() << " bytes of " << content.status().content_type << '\n';
}

void look_closer(ssdfs::blocking_client& client) {
  ssdfs::diagnostics diag;
  const auto content = client.get("/image/none.jpg", {.diag = &diag});
  if (!content) {
    std::cerr << diag.path << ": " << diag.message << " (" << diag.server << ", " << diag.attempts
              << " attempts)\n";
    if (content.error() == ssdfs::errc::not_found) return;
    if (ssdfs::is_retryable(content.error())) return;  // the cluster could not in time: try later
  }
}

void upload_stream(ssdfs::blocking_client& client, std::istream& in) {
  ssdfs::blocking_writer writer = client.open_write("/video/unboxing.mp4").value();
  std::vector<char> part(256 * 1024);
  while (in.read(part.data(), static_cast<std::streamsize>(part.size())) || in.gcount() > 0) {
    writer.write(asio::buffer(part.data(), static_cast<std::size_t>(in.gcount()))).value();
  }
  writer.commit().value();  // visible from here on; without it nothing is
}

std::vector<std::string> names_in(ssdfs::blocking_client& client, const std::string& directory) {
  std::vector<std::string> names;
  ssdfs::list_options options;
  for (;;) {
    const ssdfs::list_page page = client.list(directory, options).value();
    for (const ssdfs::file_status& entry : page.entries) names.push_back(entry.path);
    if (!page.more) return names;
    options.after = page.next;
  }
}

void with_callbacks(asio::io_context& io, ssdfs::client& client, const std::string& picture) {
  client.async_put("/image/a.jpg", asio::buffer(picture),
                   [&](boost::system::error_code ec, ssdfs::mutation_result result) {
                     if (!ec) std::cout << "stored as change " << result.txid << '\n';
                     client.async_close(asio::detached);
                   });
  io.run();
}

asio::awaitable<void> copy(ssdfs::client& client, std::string from, std::string to) {
  ssdfs::file_reader in = co_await client.async_open_read(from, asio::use_awaitable);
  ssdfs::file_writer out = co_await client.async_open_write(to, asio::use_awaitable);
  std::vector<std::byte> part(1 << 20);
  while (in.position() < in.size()) {
    const std::size_t n = co_await in.async_read_some(asio::buffer(part), asio::use_awaitable);
    co_await asio::async_write(out, asio::buffer(part.data(), n), asio::use_awaitable);
  }
  co_await out.async_commit(asio::use_awaitable);
}

void store_many(ssdfs::client& client, const std::vector<std::string>& pictures) {
  std::vector<ssdfs::put_item> items;
  for (std::size_t i = 0; i < pictures.size(); ++i) {
    items.push_back({"/image/" + std::to_string(i) + ".jpg", asio::buffer(pictures[i])});
  }
  client.async_put_many(items, {}, asio::use_future).get();  // throws the first item's error
}

void give_up_after(asio::io_context& io, ssdfs::client& client, std::chrono::milliseconds limit) {
  asio::cancellation_signal signal;
  asio::steady_timer timer(io, limit);
  timer.async_wait([&](auto) { signal.emit(asio::cancellation_type::total); });
  client.async_get("/image/a.jpg",
                   asio::bind_cancellation_slot(
                       signal.slot(), [&](boost::system::error_code ec, ssdfs::file_content) {
                         if (ec == ssdfs::errc::cancelled) std::cout << "took too long\n";
                         timer.cancel();
                         client.async_close(asio::detached);
                       }));
  io.run();
}

}  // namespace

namespace ssdfs::test {
namespace {

/// The text without the white space at the ends of its lines and without empty lines.
std::string squeezed(std::istream& in) {
  std::string out;
  for (std::string line; std::getline(in, line);) {
    const std::size_t begin = line.find_first_not_of(" \t");
    if (begin == std::string::npos) continue;
    out += line.substr(begin, line.find_last_not_of(" \t") - begin + 1) + '\n';
  }
  return out;
}

BOOST_FIXTURE_TEST_SUITE(client_docs, cluster_fixture)

BOOST_AUTO_TEST_CASE(every_example_stands_here) {
  const std::string tree = ssdfs::test::source_tree();
  std::ifstream own(tree + "/test/client/docs_test.cpp");
  std::ifstream page(tree + "/docs/client.md");
  BOOST_REQUIRE(own);
  BOOST_REQUIRE(page);
  const std::string compiled = squeezed(own);
  std::size_t blocks = 0;
  std::stringstream block;
  bool inside = false;
  for (std::string line; std::getline(page, line);) {
    if (!inside) {
      inside = line == "```cpp";
      continue;
    }
    if (line != "```") {
      block << line << '\n';
      continue;
    }
    inside = false;
    ++blocks;
    const std::string text = squeezed(block);
    BOOST_TEST(compiled.find(text) != std::string::npos, "not in the test:\n" << text);
    block = {};
  }
  BOOST_TEST(blocks >= 8U);
}

BOOST_AUTO_TEST_CASE(the_examples_run) {
  std::ostringstream out;
  auto* const cout = std::cout.rdbuf(out.rdbuf());
  auto* const cerr = std::cerr.rdbuf(out.rdbuf());
  const std::string picture = pattern(5000);
  store(client, picture);
  look_closer(client);
  const std::string video = pattern(9 << 20);
  std::istringstream in(video);
  upload_stream(client, in);
  BOOST_TEST(names_in(client, "/video") == std::vector<std::string>{"/video/unboxing.mp4"});
  {
    asio::io_context io;
    ssdfs::client async(io.get_executor(), config_for(cluster));
    with_callbacks(io, async, picture);
  }
  {
    asio::io_context io;
    ssdfs::client async(io.get_executor(), config_for(cluster));
    give_up_after(io, async, std::chrono::seconds(3));
  }
  asio::co_spawn(client.async().get_executor(),
                 copy(client.async(), "/video/unboxing.mp4", "/video/copy.mp4"), asio::use_future)
      .get();
  BOOST_TEST((client.get("/video/copy.mp4")->text() == video));
  store_many(client.async(), {picture, picture, picture});
  BOOST_TEST(client.get("/image/2.jpg")->text() == picture);
  std::cout.rdbuf(cout);
  std::cerr.rdbuf(cerr);
  BOOST_TEST(out.str().find("5000 bytes of image/jpeg") != std::string::npos);
  BOOST_TEST(out.str().find("/image/none.jpg: no such file or directory") != std::string::npos);
  BOOST_TEST(out.str().find("stored as change ") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::test
