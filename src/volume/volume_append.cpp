// Appending: many chunks, one write.
#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "base/log.hpp"
#include "volume/append_scratch.hpp"
#include "volume/block_crcs.hpp"
#include "volume/volume.hpp"

#include <array>

namespace ssdfs::volume {
namespace {

constexpr std::array<std::byte, record_alignment> zeros{};

bool is_stored(const find_result& known, const append_item& item) noexcept {
  return known.state == key_state::live && known.entry.size == item.size &&
         known.entry.crc == item.crc;
}

}  // namespace

void volume::append_batch(std::span<const append_item> items,
                          std::span<boost::system::error_code> outcome, append_options options) {
  SSDFS_ASSERT(items.size() == outcome.size());
  if (items.empty()) return;
  std::uint64_t number = 0;
  {
    const guard lock(append_mutex_);
    store(items, outcome, options.mode);
    number = sync_.latest();
  }
  if (env_.sync != sync_policy::always || options.wait == durability::deferred) return;
  if (auto durable = sync_.wait(number); !durable) {
    const failure why = fence(durable.error());
    for (auto& o : outcome) {
      if (!o) o = why.code;
    }
  }
}

result<void> volume::sync_appended() {
  if (env_.sync != sync_policy::always) return {};
  auto durable = sync_.wait_all();
  if (!durable) return fence(durable.error());
  return durable;
}

void volume::store(std::span<const append_item> items, std::span<error_code> outcome,
                   write_mode mode) {
  if (auto usable = check_usable(); !usable) {
    std::fill(outcome.begin(), outcome.end(), usable.error().code);
    return;
  }
  scratch_->clear(items.size());
  prepare(items, outcome);
  admit(items, outcome, mode);
  lay_out(items);
  result<void> written;
  if (!scratch_->parts.empty()) written = file_->write(scratch_->parts, length_);
  settle(items, outcome, written);
}

// Checks the items by themselves and computes the CRCs that are needed.
void volume::prepare(std::span<const append_item> items, std::span<error_code> outcome) {
  scratch& s = *scratch_;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const append_item& item = items[i];
    outcome[i] = {};
    s.work[i].table_at = s.tables.size();
    if (item.key == 0 || item.key == ~chunk_key{0} || item.size == 0 ||
        item.size > max_chunk_size || total_size(item.parts) != item.size) {
      outcome[i] = errc::invalid_argument;
    } else if (item.size > block_size) {
      for_each_block_crc(item.parts, [&](std::uint32_t crc) { s.tables.push_back(crc); });
      const std::span<const std::uint32_t> table(s.tables.data() + s.work[i].table_at,
                                                 table_entries(item.size));
      if (combine_blocks(table, item.size) != item.crc) outcome[i] = errc::checksum;
    } else if (!item.crc_verified && crc_of(item.parts) != item.crc) {
      outcome[i] = errc::checksum;
    }
  }
}

// Decides for every item whether it is stored, and where; burns the keys of those that are.
void volume::admit(std::span<const append_item> items, std::span<error_code> outcome,
                   write_mode mode) {
  std::uint64_t most = 0;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (!outcome[i]) most += extent_of(items[i].size);
  }
  const bool room = env_.space == nullptr || env_.space->admit(most, length_);
  const guard lock(index_mutex_);
  std::uint64_t offset = length_;
  for (std::size_t i = 0; i < items.size(); ++i) {
    const append_item& item = items[i];
    auto& work = scratch_->work[i];
    if (outcome[i]) continue;
    const std::uint64_t extent = extent_of(item.size);
    const std::uint64_t limit = mode == write_mode::client ? env_.max_volume_size : max_file_size;
    outcome[i] = admit_one(item, mode, room && offset + extent <= limit);
    if (outcome[i] == make_error_code(errc::exists)) {
      outcome[i] = {};  // stored before
      continue;
    }
    if (outcome[i] == make_error_code(errc::busy)) {
      // Under way. If it is an earlier item of this batch, this one shares its fate.
      outcome[i] = errc::key_conflict;
      for (std::size_t j = 0; j < i; ++j) {
        if (scratch_->work[j].offset != 0 && items[j].key == item.key &&
            items[j].size == item.size && items[j].crc == item.crc) {
          work.same_as = j;
        }
      }
    }
    if (outcome[i]) continue;
    if (index_.find(item.key).state != key_state::live) index_.begin(item.key);
    work.offset = offset;
    offset += extent;
  }
}

// What stands against storing the item: nothing; exists if it is there already; busy if its key
// is being written.
boost::system::error_code volume::admit_one(const append_item& item, write_mode mode, bool room) {
  if (const error_code no = refusal(item, mode)) return no;
  const find_result known = index_.find(item.key);
  const bool bad = bad_.contains(item.key);
  if (is_stored(known, item) && !(bad && mode == write_mode::restore)) return errc::exists;
  switch (known.state) {
    case key_state::unknown: break;
    case key_state::damaged: index_damaged_ = true; return errc::damaged;
    case key_state::pending: return errc::busy;
    case key_state::live:
      if (!is_stored(known, item)) return errc::key_conflict;
      break;
    case key_state::burnt:
    case key_state::tombstoned:
      if (mode == write_mode::client) return errc::key_conflict;
      break;
  }
  return room ? error_code() : make_error_code(errc::no_space);
}

boost::system::error_code volume::refusal(const append_item& item, write_mode mode) const {
  if (mode == write_mode::restore) return {};
  if (item.generation != generation_) return errc::stale_generation;
  if (state_ != replica_state::open) return errc::sealed;
  return {};
}

// Headers, contents, tables and padding of what was admitted, as one list for one write.
void volume::lay_out(std::span<const append_item> items) {
  scratch& s = *scratch_;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (s.work[i].offset == 0) continue;
    const append_item& item = items[i];
    std::byte* header = s.headers.data() + i * header_size;
    seal_.encode({record_kind::data, item.key, item.size, item.crc}, s.work[i].offset, header);
    s.parts.push_back({header, header_size});
    s.parts.insert(s.parts.end(), item.parts.begin(), item.parts.end());
    const std::uint64_t entries = table_entries(item.size);
    if (entries > 0) {
      s.parts.push_back(std::as_bytes(
          std::span<const std::uint32_t>(s.tables.data() + s.work[i].table_at, entries)));
    }
    const std::uint64_t used = header_size + item.size + 4 * entries;
    const auto padding = static_cast<std::size_t>(extent_of(item.size) - used);
    if (padding > 0) s.parts.push_back(bytes_view(zeros).first(padding));
    s.end = s.work[i].offset + extent_of(item.size);
  }
}

void volume::settle(std::span<const append_item> items, std::span<error_code> outcome,
                    const result<void>& written) {
  scratch& s = *scratch_;
  error_code failed;
  if (!written) {
    auto undone = undo_write(written.error());
    failed = undone ? written.error().code : undone.error().code;
  }
  {
    const guard lock(index_mutex_);
    for (std::size_t i = 0; i < items.size(); ++i) {
      if (s.work[i].offset == 0) continue;
      const append_item& item = items[i];
      outcome[i] = failed;
      if (!failed) {
        index_.add({item.key, item.size, item.crc, s.work[i].offset});
        bad_.erase(item.key);
        compaction_void_ = true;
      } else if (index_.find(item.key).state == key_state::pending) {
        index_.burn(item.key);
      }
    }
    if (!failed && s.end != 0) ++version_;
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (s.work[i].same_as != scratch::none) outcome[i] = outcome[s.work[i].same_as];
  }
  if (!failed && s.end != 0) {
    length_ = s.end;
    sync_.wrote();
  }
}

// After a failed write at the end of the file: a full disk is given its bytes back and the volume
// goes on; anything else, or a file that cannot be cut, fences it.
result<void> volume::undo_write(const failure& why) {
  if (!(why == errc::no_space)) return fence(why);
  if (auto cut = file_->truncate(length_); !cut) return fence(cut.error());
  return {};
}

// Appends a record that is no chunk; returns its number for the group sync.
result<std::uint64_t> volume::append_control(record_kind kind, bytes_view payload) {
  record_header header{kind, 0, static_cast<std::uint32_t>(payload.size()), crc32c(payload)};
  std::array<std::byte, header_size> bytes;
  seal_.encode(header, length_, bytes.data());
  const std::uint64_t extent = extent_of(header);
  const auto padding = static_cast<std::size_t>(extent - header_size - payload.size());
  const std::array<bytes_view, 3> parts = {bytes_view(bytes), payload,
                                           bytes_view(zeros).first(padding)};
  if (auto written = file_->write(parts, length_); !written) {
    SSDFS_TRY(undo_write(written.error()));
    return written.error();
  }
  length_ += extent;
  return sync_.wrote();
}

}  // namespace ssdfs::volume
