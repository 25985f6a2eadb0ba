#include "volume/index_file.hpp"

#include "base/assert.hpp"
#include "base/crc32c.hpp"

#include <algorithm>

namespace ssdfs::volume {
namespace {

constexpr std::string_view index_magic = "SSDFSIDX";
constexpr std::uint32_t index_version = 1;
constexpr std::size_t fixed_size = 144;
constexpr std::size_t crc_at = 136;
constexpr std::size_t entry_size = 16;
constexpr std::size_t tombstone_size = 24;
constexpr std::size_t page_trailer_at = index_page_entries * entry_size;  // count, number, 0, CRC

std::uint32_t prologue_crc(bytes_view prologue) {
  return crc32c(prologue.subspan(crc_at + 4), crc32c(prologue.first(crc_at)));
}
std::uint32_t page_crc(const std::byte* page) { return crc32c({page, index_page_size - 4}); }

void put_entry(std::byte* at, const chunk_entry& e) {
  store_le(at, e.key);
  store_le(at + 4, e.size);
  store_le(at + 8, e.crc);
  store_le(at + 12, static_cast<std::uint32_t>(e.offset / record_alignment));
}
chunk_entry get_entry(const std::byte* at) {
  return {load_le<std::uint32_t>(at), load_le<std::uint32_t>(at + 4),
          load_le<std::uint32_t>(at + 8),
          std::uint64_t{load_le<std::uint32_t>(at + 12)} * record_alignment};
}

constexpr std::uint64_t fences_size(std::uint64_t pages) { return (pages * 4 + 7) & ~7ULL; }
constexpr std::uint64_t to_page(std::uint64_t n) {
  return (n + index_page_size - 1) & ~(index_page_size - 1);
}

void put_fixed(std::byte* at, const index_summary& s) {
  std::copy_n(as_bytes(index_magic).begin(), 8, at);
  store_le(at + 8, index_version);
  store_le(at + 16, s.identity.id.value);
  store_le(at + 24, s.identity.salt);
  std::memcpy(at + 32, s.identity.cluster.value.data, 16);
  store_le(at + 48, s.covered);
  encode(s.status, at + 56);
  store_le(at + 104, s.extent_bytes);
  store_le(at + 124, static_cast<std::uint32_t>(s.pending.size()));
  store_le(at + 128, static_cast<std::uint32_t>(s.tombstones.size()));
  store_le(at + 132, s.identity.moves);
}

}  // namespace

void index_builder::add(const chunk_entry& entry) {
  if (in_page_ == 0) {
    pages_.resize(pages_.size() + index_page_size);
    fences_.push_back(entry.key);
  }
  std::byte* page = pages_.data() + pages_.size() - index_page_size;
  put_entry(page + in_page_ * entry_size, entry);
  ++in_page_;
  ++entries_;
  store_le(page + page_trailer_at, static_cast<std::uint32_t>(in_page_));
  if (in_page_ == index_page_entries) in_page_ = 0;
}

std::vector<std::byte> index_builder::finish(const index_summary& summary) && {
  const std::uint64_t lists = fences_size(fences_.size()) + 8 * summary.pending.size() +
                              tombstone_size * summary.tombstones.size();
  const std::uint64_t prologue = to_page(fixed_size + lists);
  std::vector<std::byte> out(static_cast<std::size_t>(prologue));
  put_fixed(out.data(), summary);
  store_le(out.data() + 12, static_cast<std::uint32_t>(prologue));
  store_le(out.data() + 112, entries_);
  store_le(out.data() + 120, static_cast<std::uint32_t>(fences_.size()));
  std::byte* at = out.data() + fixed_size;
  for (std::size_t p = 0; p < fences_.size(); ++p) store_le(at + 4 * p, fences_[p]);
  at += fences_size(fences_.size());
  for (const std::uint64_t offset : summary.pending) {
    store_le(at, offset);
    at += 8;
  }
  for (const tombstone_entry& t : summary.tombstones) {
    put_entry(at, t.chunk);
    store_le(at + entry_size, number_of(t.at));
    at += tombstone_size;
  }
  store_le(out.data() + crc_at, prologue_crc(out));
  for (std::size_t p = 0; p < fences_.size(); ++p) {
    std::byte* page = pages_.data() + p * index_page_size;
    store_le(page + page_trailer_at + 4, static_cast<std::uint32_t>(p));
    store_le(page + index_page_size - 4, page_crc(page));
  }
  out.insert(out.end(), pages_.begin(), pages_.end());
  return out;
}

result<std::shared_ptr<const index_file>> index_file::load(io::file_system& fs,
                                                           const std::string& path) {
  auto map = fs.map(path);
  if (!map) return map.error();
  std::shared_ptr<index_file> index(new index_file);
  index->map_ = std::move(*map);
  if (auto parsed = index->parse(index->map_->bytes()); !parsed) {
    return failure(parsed.error().code, path + ": " + parsed.error().message());
  }
  return std::shared_ptr<const index_file>(std::move(index));
}

result<void> index_file::parse(bytes_view bytes) {
  if (bytes.size() < fixed_size ||
      !std::equal(index_magic.begin(), index_magic.end(), as_chars(bytes.first(8)).begin())) {
    return failure(errc::damaged, "not an index");
  }
  const std::byte* at = bytes.data();
  if (load_le<std::uint32_t>(at + 8) != index_version) {
    return failure(errc::unsupported, "index of another format version");
  }
  pages_at_ = load_le<std::uint32_t>(at + 12);
  entries_ = load_le<std::uint64_t>(at + 112);
  const std::uint64_t pages = load_le<std::uint32_t>(at + 120);
  if (pages_at_ < fixed_size || pages_at_ > bytes.size() ||
      bytes.size() != pages_at_ + pages * index_page_size ||
      pages != (entries_ + index_page_entries - 1) / index_page_entries) {
    return failure(errc::damaged, "index of a wrong length");
  }
  if (load_le<std::uint32_t>(at + crc_at) !=
      prologue_crc(bytes.first(static_cast<std::size_t>(pages_at_)))) {
    return failure(errc::damaged, "index does not match its CRC");
  }
  summary_.identity.id = volume_id(load_le<std::uint64_t>(at + 16));
  summary_.identity.salt = load_le<std::uint64_t>(at + 24);
  std::memcpy(summary_.identity.cluster.value.data, at + 32, 16);
  summary_.identity.moves = load_le<std::uint32_t>(at + 132);
  summary_.covered = load_le<std::uint64_t>(at + 48);
  const auto status = decode_status(bytes.subspan(56, status_size));
  if (!status) return failure(errc::damaged, "index with an impossible state");
  summary_.status = *status;
  summary_.extent_bytes = load_le<std::uint64_t>(at + 104);
  fences_.resize(static_cast<std::size_t>(pages));
  verified_ = std::make_unique<std::atomic<bool>[]>(fences_.size());
  return parse_lists(bytes);
}

result<void> index_file::parse_lists(bytes_view bytes) {
  const std::uint64_t pending = load_le<std::uint32_t>(bytes.data() + 124);
  const std::uint64_t tombstones = load_le<std::uint32_t>(bytes.data() + 128);
  const std::uint64_t needed =
      fixed_size + fences_size(fences_.size()) + 8 * pending + tombstone_size * tombstones;
  if (needed > pages_at_) return failure(errc::damaged, "index lists longer than their room");
  const std::byte* at = bytes.data() + fixed_size;
  for (std::size_t p = 0; p < fences_.size(); ++p) {
    fences_[p] = load_le<std::uint32_t>(at + 4 * p);
    if (p > 0 && fences_[p] <= fences_[p - 1]) {
      return failure(errc::damaged, "index pages out of order");
    }
  }
  at += fences_size(fences_.size());
  for (std::uint64_t i = 0; i < pending; ++i, at += 8) {
    summary_.pending.push_back(load_le<std::uint64_t>(at));
  }
  for (std::uint64_t i = 0; i < tombstones; ++i, at += tombstone_size) {
    summary_.tombstones.push_back(
        {get_entry(at), aside_time_of(load_le<std::uint64_t>(at + entry_size))});
  }
  return {};
}

std::size_t index_file::page_of(chunk_key key) const noexcept {
  const auto after = std::upper_bound(fences_.begin(), fences_.end(), key);
  return after == fences_.begin() ? 0 : static_cast<std::size_t>(after - fences_.begin() - 1);
}

// Entries of page p, 0 if it is damaged.
std::size_t index_file::check_page(std::size_t p) const noexcept {
  const std::byte* at = page(p);
  const auto count = load_le<std::uint32_t>(at + page_trailer_at);
  if (verified_[p].load(std::memory_order_relaxed)) return count;
  if (count == 0 || count > index_page_entries ||
      load_le<std::uint32_t>(at + page_trailer_at + 4) != p ||
      load_le<std::uint32_t>(at + index_page_size - 4) != page_crc(at)) {
    return 0;
  }
  verified_[p].store(true, std::memory_order_relaxed);
  return count;
}

chunk_entry index_file::entry(std::size_t p, std::size_t i) const noexcept {
  return get_entry(page(p) + i * entry_size);
}

index_answer index_file::find(chunk_key key, chunk_entry& out) const noexcept {
  if (fences_.empty() || key < fences_.front()) return index_answer::absent;
  const std::size_t p = page_of(key);
  const std::size_t count = check_page(p);
  if (count == 0) return index_answer::damaged;
  std::size_t low = 0;
  std::size_t high = count;
  while (low < high) {
    const std::size_t middle = (low + high) / 2;
    if (load_le<std::uint32_t>(page(p) + middle * entry_size) < key) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  if (low == count) return index_answer::absent;
  const chunk_entry e = entry(p, low);
  if (e.key != key) return index_answer::absent;
  out = e;
  return index_answer::found;
}

}  // namespace ssdfs::volume
