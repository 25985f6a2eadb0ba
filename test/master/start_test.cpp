// How a master starts and stops: what it says while it loads, images, checkpoints.
#include "journal/image_store.hpp"
#include "master/master_fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <stop_token>
#include <thread>

namespace ssdfs::test {
namespace {

wire::commit_file_request empty_file_at(caller& from, std::string_view path) {
  wire::commit_file_request q;
  q.op = from.next_operation();
  q.path = path;
  q.user = "root";
  return q;
}

// Something that one thread waits at until another opens it.
class barrier {
 public:
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  /// True if it was opened in time.
  bool pass() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, std::chrono::seconds(20), [&] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

struct images_fixture : master_fixture {
  std::vector<journal::image_file> images() const {
    auto found = journal::list_images(io::system_files(), options().data_dir);
    BOOST_REQUIRE(found.has_value());
    return *found;
  }
  void touch(const std::string& path) const {
    caller c(threads_context(), server->address());
    BOOST_REQUIRE(c.call(empty_file_at(c, path)));
  }
  boost::asio::io_context& threads_context() const {
    return const_cast<images_fixture*>(this)->threads.context();
  }
  // Polls until nothing is under way.
  wire::admin_checkpoint_reply checkpoint() const {
    caller c(threads_context(), server->address());
    wire::admin_checkpoint_request q{true};
    for (;;) {
      auto now = c.call(q);
      BOOST_REQUIRE(now);
      if (now->wanted == txid() || !now->failure.empty()) return *now;
      q.begin = false;
    }
  }
  // A program that is called as a master calls itself for a checkpoint.
  std::string program(const std::string& body) const {
    const std::string path = directory.path() + "/program";
    std::ofstream(path) << "#!/bin/sh\nimage=$3/image_$(printf %020d $4).ssi.tmp\n" << body << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(master_start, images_fixture)

BOOST_AUTO_TEST_CASE(whoever_connects_meanwhile_is_told_how_far_it_is) {
  touch("/kept");
  const std::string address = server->address();
  stop();
  barrier loading;
  barrier go_on;
  std::vector<int> told;
  std::atomic<bool> in_time = true;
  tweak = [&](master::master_options& to) {
    to.listen = address;
    to.on_progress = [&](int percent) {
      told.push_back(percent);
      loading.open();
      if (!go_on.pass()) in_time = false;
    };
  };
  std::thread starter([&] { start(); });
  BOOST_REQUIRE(loading.pass());
  {
    caller early(threads.context(), address);
    const auto refused = early.call(empty_file_at(early, "/early"));
    BOOST_REQUIRE(refused.has_error());
    BOOST_TEST((refused.error() == errc::starting));
    BOOST_TEST(refused.error().message().find("starting, ") != std::string::npos,
               refused.error().message());
    BOOST_TEST(refused.error().message().find(" %") != std::string::npos);
    BOOST_TEST(is_retryable(refused.error().code));
    go_on.open();
    starter.join();
    BOOST_TEST(in_time);
    // A channel that was refused pauses before it tries again.
    auto answered = early.call(empty_file_at(early, "/early"));
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!answered && is_retryable(answered.error().code) &&
           std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
      answered = early.call(empty_file_at(early, "/early"));
    }
    BOOST_TEST(answered.has_value());
  }
  BOOST_TEST(told.back() == 100);
  BOOST_TEST(std::is_sorted(told.begin(), told.end()));
  caller c(threads.context(), address);
  BOOST_TEST((c.call(empty_file_at(c, "/kept")).error() == errc::exists));
}

BOOST_AUTO_TEST_CASE(a_start_can_be_ended) {
  touch("/kept");
  stop();
  std::stop_source source;
  tweak = [&](master::master_options& to) {
    to.stop = source.get_token();
    to.on_progress = [&](int) { source.request_stop(); };
  };
  auto started = master::master::start(threads.context(), options());
  BOOST_REQUIRE(started.has_error());
  BOOST_TEST((started.error() == errc::shutting_down));
  tweak = nullptr;
  start();
  caller c(threads.context(), server->address());
  BOOST_TEST((c.call(empty_file_at(c, "/kept")).error() == errc::exists));
}

BOOST_AUTO_TEST_CASE(a_stop_leaves_an_image_if_something_changed) {
  stop();
  BOOST_TEST(images().empty());
  start();
  touch("/a");
  stop();
  const auto first = images();
  BOOST_REQUIRE(first.size() == 1U);
  start();
  stop();
  BOOST_TEST(images().size() == 1U);
  start();
  touch("/b");
  stop();
  BOOST_TEST(images().size() == 2U);
  start();
  caller c(threads.context(), server->address());
  BOOST_TEST((c.call(empty_file_at(c, "/a")).error() == errc::exists));
  BOOST_TEST((c.call(empty_file_at(c, "/b")).error() == errc::exists));
}

BOOST_AUTO_TEST_CASE(a_checkpoint_that_fails_says_why) {
  touch("/a");
  BOOST_TEST(checkpoint().failure == "no backup is connected");
  const auto with = [&](const std::string& body) {
    stop();
    tweak = [path = program(body)](master::master_options& to) { to.checkpoint_program = path; };
    start();
    touch("/" + std::to_string(std::hash<std::string>()(body)));
    return checkpoint().failure;
  };
  const auto require_part = [](const std::string& text, const std::string& part) {
    BOOST_TEST(text.find(part) != text.npos, text);
  };
  require_part(with("exit 3"), "exit code 3");
  require_part(with("kill -9 $$"), "signal 9");
  require_part(with("true"), "image_");  // there is no file
  require_part(with("head -c 100 /bin/sh > $image"), "not an image");
  // An older image of this very log: stops have left some.
  require_part(with("for old in $3/image_*.ssi; do cp $old $image; done"), "MARK");
  for (const auto& entry : std::filesystem::directory_iterator(options().data_dir)) {
    const std::string name = entry.path().filename().string();
    BOOST_TEST((!name.starts_with("image_") || !name.ends_with(".tmp")), name);
  }
  stop();
  tweak = [](master::master_options& to) { to.checkpoint_program = "/nowhere/program"; };
  start();
  touch("/last");
  require_part(checkpoint().failure, "cannot be started");
  // The master goes on all the same.
  touch("/after");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::test
