// What a backup does when its copy is not the begin of the master's log.
#include "backup/puller.hpp"
#include "base/log.hpp"
#include "io/bulk.hpp"
#include "io/clock.hpp"
#include "journal/log_truncate.hpp"
#include "net/await.hpp"

#include <cstdlib>

namespace ssdfs::backup {
namespace {

constexpr std::uint32_t fetch_piece_bytes = 1U << 20;
constexpr std::int64_t fetch_piece_ms = 60'000;
constexpr std::string_view download_prefix = "fetched_";
constexpr std::string_view download_suffix = ".tmp";

std::string download_name(txid image) {
  return std::string(download_prefix) + std::to_string(image.value) + std::string(download_suffix);
}

struct partial {
  txid image;
  std::uint64_t bytes = 0;
};

// The download that was interrupted, if there is one; others are removed.
result<partial> find_partial(io::file_system& fs, const std::string& directory) {
  auto entries = fs.list(directory);
  if (!entries) return entries.error();
  partial out;
  for (const auto& entry : *entries) {
    if (!entry.name.starts_with(download_prefix) || !entry.name.ends_with(download_suffix)) {
      continue;
    }
    const txid image(std::strtoull(entry.name.c_str() + download_prefix.size(), nullptr, 10));
    if (image > out.image && entry.name == download_name(image)) {
      if (out.image != txid()) {
        SSDFS_TRY(io::remove_bulk(fs, directory + "/" + download_name(out.image)));
      }
      out = {image, entry.size};
    } else {
      SSDFS_TRY(io::remove_bulk(fs, directory + "/" + entry.name));
    }
  }
  return out;
}

}  // namespace

result<void> puller::truncate(txid to) {
  {
    const std::lock_guard lock(mutex_);
    matched_ = false;
  }
  const txid end = copy()->place().last;
  if (to >= end) return failure(errc::protocol, "the master gave a wrong place to truncate to");
  const std::string& directory = options_.copy.directory;
  const std::string aside = directory + "/diverged/" + std::to_string(io::wall_ms()) + "_behind_" +
                            std::to_string(to.value);
  SSDFS_LOG(warning) << "backup: records " << to.next() << " to " << end
                     << " are not all in the master's log; they are moved to " << aside;
  close_copy();
  SSDFS_TRY(fs_.make_directories(directory + "/diverged"));
  SSDFS_TRY(journal::give_up_behind(fs_, directory, to, aside));
  SSDFS_TRY(open_copy());
  return settle_log();
}

// Reads the master's newest image into a file beside; goes on where an earlier try has ended.
result<std::string> puller::download(session& s) {
  const std::string& directory = options_.copy.directory;
  auto begun = find_partial(fs_, directory);
  if (!begun) return begun.error();
  partial at = *begun;
  std::unique_ptr<io::file> file;
  std::optional<io::bulk_writer> out;
  std::uint64_t size = 0;
  do {
    wire::fetch_image_request q{at.image, at.bytes, fetch_piece_bytes};
    net::call_options with;
    with.timeout_ms = fetch_piece_ms;
    auto answer = net::await_answer(*s.channel, q, std::move(with));
    const bool gone = !answer && answer.error() == errc::not_found && at.image != txid();
    if (gone || (answer && at.bytes > answer->message.size)) {
      // The master has a newer one by now, or it is another master, whose image has other bytes.
      file.reset();
      SSDFS_TRY(io::remove_bulk(fs_, directory + "/" + download_name(at.image)));
      at = {};
      size = 1;
      continue;
    }
    if (!answer) return answer.error();
    const auto& m = answer->message;
    if (m.image == txid() || (at.image != txid() && m.image != at.image)) {
      return failure(errc::protocol, "the master sent another image than the one asked for");
    }
    if (!file) {
      at.image = m.image;
      auto opened = fs_.open(directory + "/" + download_name(at.image), io::open_mode::create);
      if (!opened) return opened.error();
      file = std::move(*opened);
      out.emplace(*file, at.bytes, 0);
      SSDFS_LOG(info) << "backup: fetching the image of txid " << at.image << ", " << at.bytes
                      << " of " << m.size << " bytes are here";
    }
    size = m.size;
    if (at.bytes + answer->body.size() > size || (answer->body.empty() && at.bytes < size)) {
      return failure(errc::protocol, "the master sent a wrong piece of an image");
    }
    SSDFS_TRY(out->write(answer->body));
    at.bytes = out->end();
  } while (at.bytes < size && !stopping());
  if (stopping()) return errc::aborted;
  SSDFS_TRY(out->finish());
  return directory + "/" + download_name(at.image);
}

result<void> puller::fetch_image(session& s) {
  {
    const std::lock_guard lock(mutex_);
    matched_ = false;
  }
  SSDFS_LOG(warning) << "backup: the master's log begins behind txid " << copy()->place().last
                     << "; an image of it is needed";
  const auto path = download(s);
  if (!path) return path.error();
  const auto head = journal::check_image(fs_, *path);
  if (!head) {
    SSDFS_TRY(io::remove_bulk(fs_, *path));
    return head.error();
  }
  if (cluster() != head->cluster) return failure(errc::wrong_cluster, "the image is another's");
  close_copy();
  const std::string& directory = options_.copy.directory;
  // The image takes the place of all that is here. Without segments even an old image can be
  // loaded, should this be interrupted.
  SSDFS_TRY(journal::remove_segments(fs_, directory));
  auto old = journal::list_images(fs_, directory);
  if (!old) return old.error();
  for (const auto& image : *old) {
    if (image.txid >= head->txid) SSDFS_TRY(fs_.remove(image.path));
  }
  auto placed = journal::place_image(fs_, directory, *path, head->txid);
  if (!placed) return placed.error();
  SSDFS_TRY(journal::prune_images(fs_, directory, 1));
  SSDFS_TRY(open_copy());
  return settle_log();
}

}  // namespace ssdfs::backup
