// Uploads that are given up while they are being adopted.
#include "journal/image_store.hpp"
#include "master/hand_backup.hpp"
#include "util/sim_files.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <utility>
#include <vector>

using namespace ssdfs;

namespace {

/// Files of which every cut is announced before it is done.
class cut_files final : public io::file_system {
 public:
  explicit cut_files(io::file_system& below) : below_(below) {}
  std::function<void()> on_cut;

  result<std::unique_ptr<io::file>> open(const std::string& path, io::open_mode mode) override {
    auto opened = below_.open(path, mode);
    if (!opened) return opened;
    return std::unique_ptr<io::file>(std::make_unique<cut_file>(*this, std::move(*opened)));
  }
  result<std::unique_ptr<io::mapping>> map(const std::string& path) override {
    return below_.map(path);
  }
  result<void> rename(const std::string& from, const std::string& to) override {
    return below_.rename(from, to);
  }
  result<void> remove(const std::string& path) override { return below_.remove(path); }
  result<void> make_directories(const std::string& path) override {
    return below_.make_directories(path);
  }
  result<void> sync_directory(const std::string& path) override {
    return below_.sync_directory(path);
  }
  result<std::vector<io::directory_entry>> list(const std::string& path) override {
    return below_.list(path);
  }
  result<bool> exists(const std::string& path) override { return below_.exists(path); }
  result<io::disk_space> space(const std::string& path) override { return below_.space(path); }
  result<std::unique_ptr<io::directory_lock>> lock(const std::string& directory) override {
    return below_.lock(directory);
  }

 private:
  class cut_file final : public io::file {
   public:
    cut_file(cut_files& files, std::unique_ptr<io::file> below)
        : files_(files), below_(std::move(below)) {}
    result<std::size_t> read(bytes_span out, std::uint64_t offset) override {
      return below_->read(out, offset);
    }
    result<std::size_t> read_cached(bytes_span out, std::uint64_t offset) override {
      return below_->read_cached(out, offset);
    }
    result<void> write(std::span<const bytes_view> parts, std::uint64_t offset) override {
      return below_->write(parts, offset);
    }
    result<void> sync() override { return below_->sync(); }
    result<void> truncate(std::uint64_t length) override {
      if (files_.on_cut) files_.on_cut();
      return below_->truncate(length);
    }
    result<void> reserve(std::uint64_t offset, std::uint64_t length) override {
      return below_->reserve(offset, length);
    }
    result<void> punch(std::uint64_t offset, std::uint64_t length) override {
      return below_->punch(offset, length);
    }
    result<std::uint64_t> size() override { return below_->size(); }
    void start_writeback(std::uint64_t offset, std::uint64_t length) override {
      below_->start_writeback(offset, length);
    }
    [[nodiscard]] int native_handle() const noexcept override { return -1; }

   private:
    cut_files& files_;
    std::unique_ptr<io::file> below_;
  };

  io::file_system& below_;
};

/// A master in "/m" on such files in memory.
struct cut_scene {
  test::sim_files memory;
  cut_files fs{memory};
  test::master_fixture f;

  cut_scene() {
    f.stop();
    f.tweak = [this](master::master_options& to) {
      to.data_dir = "/m";
      to.files = &fs;
    };
    f.start();
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(image_transfer)

// The thread that adopts has checked an upload and gives it its place, while its backup begins with
// another one.
BOOST_AUTO_TEST_CASE(an_image_is_adopted_whole_or_not) {
  constexpr std::size_t size = std::size_t{70} << 20;  // removed in several cuts
  const node_id node = test::some_node(1);
  const std::string upload = "/m/upload_" + to_string(node) + "_5.tmp";
  const std::string image = "/m/" + journal::image_name(txid(5));
  cut_scene scene;
  auto& [memory, fs, f] = scene;
  test::hand_backup b(f, node);
  b.follow();
  memory.set_contents(upload, std::vector<std::byte>(size));
  std::size_t cuts = 0;
  fs.on_cut = [&] {
    if (cuts++ == 0) {
      static_cast<void>(journal::place_image(memory, "/m", upload, txid(5)).has_value());
    }
  };
  BOOST_TEST(b.upload(txid(900), 1000, 0, {}).value() == 0U);
  fs.on_cut = {};
  BOOST_TEST(cuts > 0U);
  BOOST_TEST(!memory.exists(upload).value());
  if (memory.exists(image).value()) BOOST_TEST(memory.contents(image).size() == size);
  for (const auto& e : memory.list("/m").value()) {
    BOOST_TEST(!e.name.starts_with("upload_"), "left over: " << e.name);
  }
  // What a crash leaves of a removal goes with the next upload; one that was just placed is none.
  memory.set_contents(upload + ".gone", std::vector<std::byte>(10));
  BOOST_TEST(b.upload(txid(901), 1000, 0, {}).value() == 0U);
  BOOST_TEST(!memory.exists(upload + ".gone").value());
}

// Commits wait for the pulls of backups; pulls must not wait for a disk that is busy with images.
BOOST_AUTO_TEST_CASE(pulls_are_answered_while_an_upload_is_removed) {
  const node_id node = test::some_node(1);
  cut_scene scene;
  auto& [memory, fs, f] = scene;
  memory.set_contents("/m/upload_" + to_string(node) + "_5.tmp",
                      std::vector<std::byte>(std::size_t{40} << 20));
  std::promise<void> removing;
  std::promise<void> pulled;
  std::atomic<bool> in_time = false;
  fs.on_cut = [&, once = false]() mutable {
    if (std::exchange(once, true)) return;
    removing.set_value();
    in_time = pulled.get_future().wait_for(std::chrono::seconds(10)) == std::future_status::ready;
  };
  test::hand_backup a(f, node);
  auto first = std::async(std::launch::async, [&] { return a.upload(txid(900), 1000, 0, {}); });
  removing.get_future().wait();
  std::vector<std::unique_ptr<test::hand_backup>> others;
  std::vector<std::future<result<std::uint64_t>>> uploads;
  for (std::uint8_t n = 2; n < 5; ++n) {
    others.push_back(std::make_unique<test::hand_backup>(f, test::some_node(n)));
    uploads.push_back(std::async(
        std::launch::async, [&b = *others.back()] { return b.upload(txid(900), 1000, 0, {}); }));
  }
  test::hand_backup b(f, test::some_node(9));
  b.follow();
  pulled.set_value();
  BOOST_TEST(first.get().has_value());
  for (auto& u : uploads) BOOST_TEST(u.get().has_value());
  BOOST_TEST(in_time);
  f.stop();  // nothing is cut any more
}

BOOST_AUTO_TEST_SUITE_END()
