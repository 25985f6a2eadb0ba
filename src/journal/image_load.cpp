// Reading images: what is there, which of them is good.
#include "base/log.hpp"
#include "io/bulk.hpp"
#include "io/passing.hpp"
#include "journal/image_store.hpp"
#include "journal/section_queue.hpp"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <utility>

namespace ssdfs::journal {
namespace {

constexpr std::size_t read_block = std::size_t{4} << 20;
constexpr int load_tries = 3;

failure at_path(const std::string& path, const failure& why) {
  return {why.code, path + ": " + why.message()};
}

// Hands the file's bytes to `reader` and asks the hooks between two blocks.
result<void> read_through(io::file_system& fs, const std::string& path, meta::image_reader& reader,
                          load_hooks& hooks) {
  auto file = fs.open(path, io::open_mode::read);
  if (!file) return file.error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  const bool beside = hooks.rate != 0;
  std::vector<std::byte> block(beside ? io::bulk_window : read_block);
  io::pace slowly(hooks.rate);
  for (std::uint64_t offset = 0;;) {
    if (hooks.stop && hooks.stop()) return errc::shutting_down;
    auto got = (*file)->read(block, offset);
    if (!got) return got.error();
    SSDFS_TRY(reader.feed(bytes_view(block).first(*got)));
    if (beside) io::forget(**file, offset, *got);
    slowly.moved(*got);
    offset += *got;
    if (hooks.progress && *size != 0) {
      hooks.progress(std::min(1.0, static_cast<double>(offset) / static_cast<double>(*size)));
    }
    if (*got < block.size()) break;
  }
  return reader.finish();
}

// Reads, checks and decodes a file on a thread of its own.
class background_reader {
 public:
  background_reader(io::file_system& fs, const std::string& path, load_hooks& hooks)
      : thread_([this, &fs, path, &hooks] { queue_.end(run(fs, path, hooks)); }) {}
  ~background_reader() {
    queue_.give_up();
    thread_.join();
  }
  background_reader(const background_reader&) = delete;
  background_reader& operator=(const background_reader&) = delete;
  [[nodiscard]] section_queue& queue() noexcept { return queue_; }

 private:
  result<void> run(io::file_system& fs, const std::string& path, load_hooks& hooks) {
    meta::image_reader reader(
        [this](meta::image_section kind, bytes_view payload, std::uint64_t offset) -> result<void> {
          auto section = queue_.spare();
          if (!section) return errc::shutting_down;
          meta::decode_section(kind, payload, offset, *section);
          queue_.put(std::move(section));
          return {};
        });
    return read_through(fs, path, reader, hooks);
  }

  section_queue queue_;
  std::thread thread_;  // last: it uses the queue
};

// Has the system provide memory on a thread of its own: for whoever builds gigabytes, waiting for
// fresh pages is otherwise half of the time.
class memory_preparer {
 public:
  ~memory_preparer() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }
  void submit(const meta::upcoming_memory& memory) {
    if (memory.empty()) return;
    const std::lock_guard lock(mutex_);
    // One that is further back is in use already.
    next_ = memory;
    changed_.notify_one();
  }

 private:
  void run() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [&] { return ended_ || !next_.empty(); });
      if (ended_) return;
      const meta::upcoming_memory memory = std::exchange(next_, {});
      lock.unlock();
      meta::prepare(memory);
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  meta::upcoming_memory next_;  // under mutex_
  bool ended_ = false;          // under mutex_
  std::thread thread_{[this] { run(); }};
};

}  // namespace

result<meta::image_head> load_image(io::file_system& fs, const std::string& path,
                                    meta::state& target, load_hooks hooks) {
  meta::image_loader loader(target);
  background_reader reader(fs, path, hooks);
  section_queue& queue = reader.queue();
  memory_preparer preparer;
  while (auto section = queue.take()) {
    if (auto taken = loader.take(*section); !taken) return at_path(path, taken.error());
    queue.give_back(std::move(section));
    preparer.submit(loader.take_upcoming());
  }
  if (auto read = queue.outcome(); !read) return at_path(path, read.error());
  if (auto done = loader.finish(); !done) return at_path(path, done.error());
  return loader.head();
}

result<meta::image_head> check_image(io::file_system& fs, const std::string& path,
                                     load_hooks hooks) {
  meta::image_head head;
  meta::image_reader reader([&](meta::image_section kind, bytes_view payload,
                                std::uint64_t offset) -> result<void> {
    if (kind != meta::image_section::head) return {};
    auto decoded = meta::decode_head(payload);
    if (!decoded) {
      return failure(errc::damaged,
                     "image: offset " + std::to_string(offset) + ": " + decoded.error().message());
    }
    head = *decoded;
    return {};
  });
  if (auto read = read_through(fs, path, reader, hooks); !read) {
    return at_path(path, read.error());
  }
  return head;
}

result<void> read_sections(io::file_system& fs, const std::string& path,
                           unique_function<result<void>(const meta::decoded_section&)> sink,
                           unique_function<void(std::uint64_t, const std::string&)> damages,
                           load_hooks hooks) {
  meta::decoded_section section;
  meta::image_reader reader(
      [&](meta::image_section kind, bytes_view payload, std::uint64_t offset) -> result<void> {
        meta::decode_section(kind, payload, offset, section);
        auto taken = sink(section);
        if (taken || !(taken.error() == errc::damaged)) return taken;
        return failure(errc::damaged,
                       "image: offset " + std::to_string(offset) + ": " + taken.error().message());
      },
      std::move(damages));
  if (auto read = read_through(fs, path, reader, hooks); !read) {
    return at_path(path, read.error());
  }
  return {};
}

result<loaded_state> load_newest(io::file_system& fs, const std::string& directory,
                                 load_hooks hooks) {
  auto images = list_images(fs, directory);
  if (!images) return images.error();
  loaded_state out;
  for (const image_file& image : *images) {
    result<meta::image_head> head = errc::aborted;
    // What cannot be read is believed to be gone only after several tries.
    for (int tries = 0; tries < load_tries; ++tries) {
      out.state = std::make_unique<meta::state>();
      load_hooks own;
      if (hooks.progress) own.progress = [&](double share) { hooks.progress(share); };
      if (hooks.stop) own.stop = [&] { return hooks.stop(); };
      head = load_image(fs, image.path, *out.state, std::move(own));
      if (head || !(head.error() == errc::io || io::passes(head.error()))) break;
    }
    // Nothing is wrong with the image: who starts may try again.
    if (!head && io::passes(head.error())) return head.error();
    if (head && head->txid == image.txid) {
      out.position = {head->txid, head->chain};
      out.digest = head->digest;
      out.path = image.path;
      return out;
    }
    failure why = head ? failure(errc::damaged, image.path + ": holds the state at txid " +
                                                    std::to_string(head->txid.value) +
                                                    ", not the one of its name")
                       : std::move(head).error();
    // What a newer program has written, this one must not go back behind.
    if (why == errc::unsupported || why == errc::shutting_down || why == errc::too_large) {
      return why;
    }
    SSDFS_LOG(warning) << "image refused: " << why.message();
    out.refused.push_back({image, std::move(why)});
  }
  out.state = std::make_unique<meta::state>();
  return out;
}

}  // namespace ssdfs::journal
