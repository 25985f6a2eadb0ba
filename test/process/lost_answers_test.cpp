// Every tenth answer between clients and master is lost: ten thousand changes end as a model says.
#include "base/crc32c.hpp"
#include "cluster_fixture.hpp"
#include "util/lossy_proxy.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <iterator>
#include <map>
#include <mutex>
#include <random>
#include <thread>

namespace ssdfs::test {
namespace {

constexpr int workers = 25;
constexpr int changes_per_worker = 400;

// One writer with directories of its own, so that its model is exact.
class writer {
 public:
  writer(blocking_client& store, int number)
      : store_(store),
        top_("/w" + std::to_string(number)),
        random_(static_cast<unsigned>(number)) {}

  void run() {
    for (int i = 0; i < changes_per_worker && wrong_.empty(); ++i) change(i);
  }
  [[nodiscard]] const std::string& wrong() const { return wrong_; }
  [[nodiscard]] const std::string& top() const { return top_; }
  [[nodiscard]] const std::map<std::string, std::string>& model() const { return model_; }

 private:
  void change(int i) {
    const auto kind = random_() % 10;
    if (kind < 5 || model_.empty()) {
      const std::string path = fresh(i);
      put(path, "content " + path, false);
    } else if (kind < 7) {
      put(any(), "again " + std::to_string(i), true);
    } else if (kind < 9) {
      const std::string from = any();
      const std::string to = fresh(i) + ".moved";
      rename_options options;
      options.parents = true;
      const auto done = store_.rename(from, to, options);
      if (!done) return fail("rename", from, done.error());
      model_[to] = model_[from];
      model_.erase(from);
    } else {
      const std::string path = any();
      remove_options options;
      options.skip_trash = random_() % 2 == 0;
      const auto done = store_.remove(path, options);
      if (!done) return fail("remove", path, done.error());
      model_.erase(path);
    }
  }
  void put(const std::string& path, const std::string& content, bool overwrite) {
    put_options options;
    options.overwrite = overwrite;
    const auto done = store_.put(path, boost::asio::buffer(content), options);
    if (!done) return fail("put", path, done.error());
    model_[path] = content;
  }
  void fail(const char* what, const std::string& path, const boost::system::error_code& ec) {
    wrong_ = std::string(what) + " " + path + ": " + ec.message();
  }
  [[nodiscard]] std::string fresh(int i) const {
    return top_ + "/d" + std::to_string(i % 7) + "/" + std::to_string(i);
  }
  [[nodiscard]] std::string any() {
    auto at = model_.begin();
    std::advance(at, random_() % model_.size());
    return at->first;
  }

  blocking_client& store_;
  std::string top_;
  std::mt19937 random_;
  std::map<std::string, std::string> model_;
  std::string wrong_;
};

void collect(blocking_client& store, const std::string& directory,
             std::map<std::string, file_status>& into) {
  list_options options;
  for (bool more = true; more;) {
    const auto page = store.list(directory, options);
    BOOST_REQUIRE_MESSAGE(page, directory);
    for (const auto& e : page->entries) {
      if (e.type == entry_type::directory) {
        collect(store, e.path, into);
      } else {
        into[e.path] = e;
      }
    }
    more = page->more;
    options.after = page->next;
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(lost_answers)

BOOST_AUTO_TEST_CASE(ten_thousand_changes_end_as_a_model_says) {
  cluster_fixture cluster;
  const lossy_proxy proxy(cluster.threads.context(), cluster.master_port(), 10);
  client_config config;
  config.masters = {proxy.address()};
  config.user = "root";
  config.master_timeout = std::chrono::milliseconds(100);
  blocking_client store(config);

  std::vector<std::unique_ptr<writer>> writers;
  std::vector<std::thread> threads;
  for (int i = 0; i < workers; ++i) writers.push_back(std::make_unique<writer>(store, i));
  for (auto& w : writers) threads.emplace_back([&w] { w->run(); });
  for (auto& t : threads) t.join();
  for (const auto& w : writers) BOOST_REQUIRE_MESSAGE(w->wrong().empty(), w->wrong());
  BOOST_CHECK_GT(proxy.dropped(), 500U);

  client_config direct;
  direct.masters = {cluster.server->address()};
  direct.user = "root";
  blocking_client reader(direct);
  for (const auto& w : writers) {
    std::map<std::string, file_status> stored;
    collect(reader, w->top(), stored);
    BOOST_REQUIRE_EQUAL(stored.size(), w->model().size());
    for (const auto& [path, content] : w->model()) {
      const auto at = stored.find(path);
      BOOST_REQUIRE_MESSAGE(at != stored.end(), path);
      BOOST_REQUIRE_EQUAL(at->second.crc32c, crc32c(as_bytes(content)));
    }
    // And really there: some are read back.
    if (w->model().empty()) continue;
    const auto& [path, content] = *w->model().begin();
    const auto got = reader.get(path);
    BOOST_REQUIRE(got);
    BOOST_CHECK_EQUAL(got->text(), content);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::test
