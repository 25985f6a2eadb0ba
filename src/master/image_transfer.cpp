#include "master/image_transfer.hpp"

#include "base/buffer.hpp"
#include "base/crc32c.hpp"
#include "base/log.hpp"
#include "io/bulk.hpp"
#include "journal/image_store.hpp"
#include "net/server.hpp"
#include "wire/frame.hpp"

namespace ssdfs::master {
namespace {

constexpr std::uint64_t kept_free_bytes = std::uint64_t{512} << 20;  // for the log

constexpr std::string_view removed_suffix = ".gone";

std::string prefix_of(node_id node) { return "upload_" + to_string(node) + "_"; }

}  // namespace

std::string image_transfer::path_of(node_id node, txid image) const {
  return directory_ + "/" + prefix_of(node) + std::to_string(image.value) + ".tmp";
}

void image_transfer::fetch_image(net::request r, const wire::fetch_image_request& q) {
  if (q.length == 0 || q.length > wire::max_body) return r.fail(errc::protocol);
  const std::lock_guard lock(mutex_);
  const txid image = q.image != txid() ? q.image : checkpoints_.status().image;
  if (image == txid()) return r.fail(failure(errc::not_found, "there is no image"));
  auto file = fs_.open(directory_ + "/" + journal::image_name(image), io::open_mode::read);
  if (!file) return r.fail(file.error());
  const auto size = (*file)->size();
  if (!size) return r.fail(size.error());
  wire::fetch_image_reply reply{image, *size};
  if (q.offset >= *size) return r.reply(reply);
  const auto length = std::min<std::uint64_t>(q.length, *size - q.offset);
  const buffer_ref room = buffer::make(static_cast<std::size_t>(length));
  const bytes_span to(room->data(), static_cast<std::size_t>(length));
  const auto got = (*file)->read(to, q.offset);
  if (!got) return r.fail(got.error());
  io::forget(**file, q.offset, length);
  r.reply(reply, {bytes_view(to).first(*got), room});
}

void image_transfer::upload_image(net::request r, const wire::upload_image_request& q) {
  if (q.node != r.from().peer().node) return r.fail(errc::protocol);
  const std::lock_guard lock(mutex_);
  const auto received = r.body().empty() ? begin(q) : append(q, r.body());
  if (!received) return r.fail(received.error());
  r.reply(wire::upload_image_reply{*received});
}

// What is there of this upload already.
result<std::uint64_t> image_transfer::begin(const wire::upload_image_request& q) {
  const checkpoint_status now = checkpoints_.status();
  if (q.image <= now.image) {
    return failure(errc::precondition,
                   "an image of txid " + std::to_string(now.image.value) + " is here already");
  }
  auto entries = fs_.list(directory_);
  if (!entries) return entries.error();
  const std::string path = path_of(q.node, q.image);
  std::uint64_t received = 0;
  for (const auto& entry : *entries) {
    if (!entry.name.starts_with(prefix_of(q.node))) continue;
    const std::string found = directory_ + "/" + entry.name;
    if (found == path && entry.size <= q.size) {
      received = entry.size;
    } else {
      SSDFS_TRY(remove(found));
    }
  }
  const auto space = fs_.space(directory_);
  if (!space) return space.error();
  if (space->available < q.size - received + kept_free_bytes) {
    return failure(errc::no_space, "no room for an image of " + std::to_string(q.size) + " bytes");
  }
  return received;
}

// It may be complete and be on its way to its place among the images, from which nothing may be
// cut: whoever renames it first has it.
result<void> image_transfer::remove(const std::string& path) {
  if (path.ends_with(removed_suffix)) return io::remove_bulk(fs_, path);
  const std::string removed = path + std::string(removed_suffix);
  auto renamed = fs_.rename(path, removed);
  if (!renamed && renamed.error() == errc::not_found) return {};
  SSDFS_TRY(renamed);
  return io::remove_bulk(fs_, removed);
}

result<std::uint64_t> image_transfer::append(const wire::upload_image_request& q, bytes_view body) {
  if (crc32c(body) != q.crc32c) return errc::checksum;
  if (q.offset > q.size || body.size() > q.size - q.offset) return errc::invalid_argument;
  auto file = fs_.open(path_of(q.node, q.image), io::open_mode::create);
  if (!file) return file.error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  if (*size != q.offset) {
    return failure(errc::busy, "the upload goes on at " + std::to_string(*size));
  }
  SSDFS_TRY((*file)->write({&body, 1}, q.offset));
  (*file)->start_writeback(q.offset, body.size());
  // The piece before has had the time of one to reach the disk.
  const std::uint64_t before = std::min<std::uint64_t>(q.offset, body.size());
  if (auto settled = io::settle(**file, q.offset - before, before); !settled) {
    // It comes again from there on.
    SSDFS_TRY((*file)->truncate(q.offset - before));
    return settled.error();
  }
  checkpoints_.note_upload(q.offset + body.size(), q.size);
  return q.offset + body.size();
}

result<std::string> image_transfer::finish(const wire::finish_image_request& q) {
  const std::lock_guard lock(mutex_);
  const std::string path = path_of(q.node, q.image);
  auto file = fs_.open(path, io::open_mode::read_write);
  if (!file) return file.error();
  const auto size = (*file)->size();
  if (!size) return size.error();
  if (*size != q.size) return failure(errc::busy, "the upload is not complete");
  SSDFS_TRY((*file)->sync());
  return path;
}

}  // namespace ssdfs::master
