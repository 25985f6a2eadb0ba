#include "volume/compactor.hpp"

#include "base/log.hpp"
#include "io/clock.hpp"
#include "io/passing.hpp"
#include "volume/block_crcs.hpp"

#include <algorithm>
#include <array>
#include <atomic>

namespace ssdfs::volume {
namespace {

constexpr std::size_t buffer_limit = 1024 * 1024;

// Nobody else writes to it: not the volume's creation, nor another rewriting of the same volume
// while this one still has to hear that the volume was dropped.
std::string name_of_new_file(const std::string& path) {
  static std::atomic<std::uint64_t> count{0};
  return path + "." + std::to_string(++count) + new_suffix;
}

}  // namespace

result<compaction_result> volume::compact(compaction_options options) {
  compactor work(*this, std::move(options), path_);
  SSDFS_TRY(work.prepare());
  return work.commit();
}

compactor::compactor(volume& v, compaction_options options, std::string path)
    : volume_(v),
      options_(std::move(options)),
      path_(std::move(path)),
      new_path_(name_of_new_file(path_)),
      new_index_path_(index_path(path_) + new_suffix),
      seal_(identity_) {}

compactor::~compactor() { finish(); }

result<void> compactor::prepare() {
  SSDFS_TRY(begin());
  SSDFS_TRY(copy());
  return read_back();
}

void compactor::finish() {
  if (!under_way_) return;
  under_way_ = false;
  if (!done_) clean_up();
  const std::lock_guard index(volume_.index_mutex_);
  volume_.compacting_ = false;
  volume_.removed_meanwhile_ = {};
}

// Notes what is to be copied and what the file is like.
result<void> compactor::begin() {
  const std::lock_guard lock(volume_.append_mutex_);
  SSDFS_TRY(volume_.check_usable());
  const std::lock_guard index(volume_.index_mutex_);
  if (volume_.state_ != replica_state::sealed) {
    return failure(errc::precondition, "only a sealed volume is compacted");
  }
  if (volume_.compacting_) return failure(errc::busy, "the volume is being compacted");
  // It would end in the old file.
  if (volume_.pending_bytes_ != 0) return failure(errc::busy, "a chunk is being written");
  auto listed = volume_.index_.for_each(0, [&](const chunk_entry& e) {
    chunks_.push_back(e);
    return true;
  });
  if (!listed) {
    volume_.index_damaged_ = true;
    return listed;
  }
  for (const auto& [key, t] : volume_.index_.tombstones()) {
    const bool over = t.at.settled ? options_.drop_settled && t.at.ms <= options_.now_ms
                                   : t.at.ms <= options_.now_ms - options_.tombstone_ms;
    if (over) continue;
    tombstones_.push_back(t);
    chunks_.push_back(t.chunk);
  }
  std::sort(chunks_.begin(), chunks_.end(),
            [](const auto& a, const auto& b) { return a.offset < b.offset; });
  source_ = volume_.file_;
  before_ = volume_.status_locked();
  identity_ = volume_.identity_;
  identity_.salt = io::random_u64();
  if (path_ != volume_.path_) ++identity_.moves;
  seal_ = header_seal(identity_);
  result_.old_length = volume_.length_;
  volume_.compacting_ = under_way_ = true;
  volume_.compaction_void_ = false;
  volume_.removed_meanwhile_.clear();
  return {};
}

result<void> compactor::copy() {
  auto target = volume_.env_.fs->open(new_path_, io::open_mode::create);
  if (!target) return target.error();
  target_ = std::move(*target);
  SSDFS_TRY(target_->truncate(0));
  SSDFS_TRY(put(encode(identity_)));
  // Highest key and removal number come first, so that they survive whatever happens behind them.
  replica_status first = before_;
  first.digest = {};
  std::array<std::byte, status_size> payload;
  encode(first, payload.data());
  SSDFS_TRY(put_control(record_kind::state, payload));
  for (const chunk_entry& e : chunks_) {
    SSDFS_TRY(copy_chunk(e));
    SSDFS_TRY(go_on(extent_of(e.size)));
  }
  SSDFS_TRY(copy_tombstones());
  return flush();
}

result<void> compactor::copy_chunk(const chunk_entry& e) {
  std::array<std::byte, header_size> header;
  seal_.encode({record_kind::data, e.key, e.size, e.crc}, offset_ + buffer_.size(), header.data());
  SSDFS_TRY(put(header));
  if (e.size > block_size) {
    SSDFS_TRY(copy_blocks(e));
  } else {
    piece_.resize(e.size);
    SSDFS_TRY(fetch(piece_, e.offset + header_size));
    if (crc32c(piece_) != e.crc) return bad(e);
    SSDFS_TRY(put(piece_));
  }
  return pad();
}

result<void> compactor::copy_blocks(const chunk_entry& e) {
  std::vector<std::uint32_t> table;
  std::uint64_t at = e.offset + header_size;
  for (std::uint64_t left = e.size; left > 0;) {
    piece_.resize(static_cast<std::size_t>(std::min(left, block_size)));
    SSDFS_TRY(fetch(piece_, at));
    table.push_back(crc32c(piece_));
    SSDFS_TRY(put(piece_));
    at += piece_.size();
    left -= piece_.size();
  }
  if (combine_blocks(table, e.size) != e.crc) return bad(e);
  return put(std::as_bytes(std::span(table)));
}

// A bad record stops the compaction: it has to be replaced from another replica first.
failure compactor::bad(const chunk_entry& e) {
  volume_.note_bad({source_, e.offset + header_size, e.key, e.size, e.crc},
                   failure(errc::checksum, "found by compaction"));
  return {errc::checksum, volume_.path_ + ": chunk " + std::to_string(e.key) + " is bad"};
}

result<void> compactor::copy_tombstones() {
  std::sort(tombstones_.begin(), tombstones_.end(),
            [](const auto& a, const auto& b) { return number_of(a.at) < number_of(b.at); });
  for (std::size_t i = 0; i < tombstones_.size();) {
    const aside_time at = tombstones_[i].at;
    std::vector<chunk_key> keys;
    for (; i < tombstones_.size() && tombstones_[i].at == at && keys.size() < max_batch_keys; ++i) {
      keys.push_back(tombstones_[i].chunk.key);
    }
    SSDFS_TRY(put_control(record_kind::tombstone, encode_keys(number_of(at), keys)));
  }
  return {};
}

// Reads the new file as recovery would and compares it with what was to be copied.
result<void> compactor::read_back() {
  SSDFS_TRY(target_->sync());
  replayer replay(index_, status_);
  std::uint64_t since = 0;
  bool cancelled = false;
  auto scanned = scan(*target_, seal_, superblock_size, offset_, [&](const scanned_record& r) {
    replay.apply(r);
    const std::uint64_t work = std::exchange(since, extent_of(r.header));
    cancelled = !go_on(work).has_value();
    return !cancelled;
  });
  if (!scanned) return scanned.error();
  if (cancelled) return errc::cancelled;
  if (scanned->end != offset_ || scanned->damaged_ranges != 0 || replay.bad() != 0 ||
      index_.digest() != before_.digest || index_.tombstones().size() != tombstones_.size()) {
    return failure(errc::checksum, new_path_ + ": does not read back as it was written");
  }
  index_.burn_gaps();
  return {};
}

// The one point where the new file takes the old one's place.
result<compaction_result> compactor::commit() {
  const std::lock_guard checkpoint(volume_.checkpoint_mutex_);
  const std::lock_guard lock(volume_.append_mutex_);
  SSDFS_TRY(volume_.check_usable());
  {
    const std::lock_guard index(volume_.index_mutex_);
    if (volume_.compaction_void_ || volume_.state_ != replica_state::sealed) {
      return failure(errc::busy, "the volume was changed while it was compacted");
    }
  }
  SSDFS_TRY(add_last_records());
  SSDFS_TRY(write_index());
  SSDFS_TRY(path_ == volume_.path_ ? switch_over() : publish());
  result_.new_length = offset_;
  done_ = true;
  return result_;
}

result<void> compactor::add_last_records() {
  std::vector<chunk_key> removed;
  replica_status last;
  {
    const std::lock_guard index(volume_.index_mutex_);
    removed = volume_.removed_meanwhile_;
    last = volume_.status_locked();
  }
  // Their own numbers are in the old file; here the state record behind them speaks for all.
  for (std::size_t at = 0; at < removed.size(); at += max_batch_keys) {
    const auto n = std::min(max_batch_keys, removed.size() - at);
    SSDFS_TRY(
        put_control(record_kind::removals, encode_keys(0, std::span(removed).subspan(at, n))));
  }
  for (const chunk_key key : removed) index_.remove(key);
  if (index_.digest() != last.digest) {
    return failure(errc::internal, volume_.path_ + ": digest changed in compaction");
  }
  std::array<std::byte, status_size> payload;
  encode(last, payload.data());
  SSDFS_TRY(put_control(record_kind::state, payload));
  status_ = last;
  SSDFS_TRY(flush());
  return target_->sync();
}

result<void> compactor::write_index() {
  index_builder builder;
  SSDFS_TRY(index_.for_each(0, [&](const chunk_entry& e) {
    builder.add(e);
    return true;
  }));
  index_summary summary;
  summary.identity = identity_;
  summary.covered = offset_;
  summary.status = status_;
  summary.extent_bytes = index_.extent_bytes();
  for (const auto& [key, t] : index_.tombstones()) summary.tombstones.push_back(t);
  const std::vector<std::byte> bytes = std::move(builder).finish(summary);
  auto file = volume_.env_.fs->open(new_index_path_, io::open_mode::create);
  if (!file) return file.error();
  const bytes_view part(bytes);
  SSDFS_TRY((*file)->truncate(0));
  SSDFS_TRY((*file)->write({&part, 1}, 0));
  return (*file)->sync();
}

result<void> compactor::switch_over() {
  io::file_system& fs = *volume_.env_.fs;
  const std::string path = index_path(path_);
  SSDFS_TRY(fs.rename(new_path_, path_));
  // From here on the new file is the volume. Were the rename lost in a crash after something was
  // acknowledged in the new file, that would be lost as well; so its name has to be durable first.
  const auto durable = io::patiently(
      {}, [&] { return fs.sync_directory(io::parent_directory(path_)); },
      [](const failure&) { return true; });
  if (!durable) return volume_.fence(durable.error());
  auto base = index_file::load(fs, new_index_path_);
  if (auto named = fs.rename(new_index_path_, path); !named) {
    SSDFS_LOG(warning) << named.error().message();  // the next start does it, or scans
  }
  const std::lock_guard index(volume_.index_mutex_);
  if (base) {
    volume_.index_bytes_ = (*base)->file_bytes();
    volume_.index_.set_base(std::move(*base));
    volume_.index_.burn_gaps();
  } else {
    volume_.index_ = std::move(index_);
  }
  volume_.file_ = std::move(target_);
  volume_.identity_ = identity_;
  volume_.seal_ = seal_;
  volume_.length_ = offset_;
  volume_.checkpointed_ = offset_;
  volume_.checkpoint_version_ = ++volume_.version_;
  volume_.bad_.clear();
  volume_.expired_bytes_ = 0;
  volume_.sync_.use(volume_.file_);
  return {};
}

// The same for a move: the new name in another directory.
result<void> compactor::publish() {
  io::file_system& fs = *volume_.env_.fs;
  const std::string directory = io::parent_directory(path_);
  auto taken = fs.exists(path_);
  if (!taken) return taken.error();
  if (*taken) return failure(errc::exists, path_ + ": exists");
  // The verdict on a file that is gone is not one on this.
  if (auto forgotten = fs.remove(fence_path(path_));
      !forgotten && !(forgotten.error() == errc::not_found)) {
    return forgotten.error();
  }
  auto named = fs.rename(new_path_, path_);
  if (named) named = fs.sync_directory(directory);
  if (!named) {
    // If the name can be taken back the volume goes on where it is. If not, a start may find the
    // new file and prefer it: then nothing may be acknowledged in the old one any more.
    auto undone = fs.remove(path_);
    if (undone || undone.error() == errc::not_found) undone = fs.sync_directory(directory);
    return undone ? named.error() : volume_.fence(named.error());
  }
  if (auto index = fs.rename(new_index_path_, index_path(path_)); !index) {
    SSDFS_LOG(warning) << index.error().message();  // the next start does it, or scans
  }
  volume_.retired_ = true;
  return {};
}

void compactor::clean_up() {
  target_.reset();
  for (const std::string& path : {new_path_, new_index_path_}) {
    auto removed = volume_.env_.fs->remove(path);
    if (!removed && !(removed.error() == errc::not_found)) {
      SSDFS_LOG(warning) << removed.error().message();  // the next start removes it
    }
  }
}

result<void> compactor::put(bytes_view bytes) {
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  return buffer_.size() >= buffer_limit ? flush() : result<void>();
}

result<void> compactor::put_control(record_kind kind, bytes_view payload) {
  std::array<std::byte, header_size> header;
  seal_.encode({kind, 0, static_cast<std::uint32_t>(payload.size()), crc32c(payload)},
               offset_ + buffer_.size(), header.data());
  SSDFS_TRY(put(header));
  SSDFS_TRY(put(payload));
  return pad();
}

result<void> compactor::pad() {
  const std::uint64_t at = offset_ + buffer_.size();
  buffer_.resize(buffer_.size() + static_cast<std::size_t>(align_up(at) - at));
  return {};
}

result<void> compactor::flush() {
  if (buffer_.empty()) return {};
  const bytes_view part(buffer_);
  SSDFS_TRY(target_->write({&part, 1}, offset_));
  offset_ += buffer_.size();
  buffer_.clear();
  return {};
}

result<void> compactor::fetch(bytes_span out, std::uint64_t offset) {
  auto got = source_->read(out, offset);
  if (!got) return got.error();
  if (*got != out.size()) {
    return failure(errc::checksum, volume_.path_ + ": ends inside a chunk");
  }
  return {};
}

result<void> compactor::go_on(std::uint64_t bytes) {
  if (volume_.retired_) return errc::cancelled;
  if (options_.go_on && !options_.go_on(bytes)) return errc::cancelled;
  return {};
}

}  // namespace ssdfs::volume
