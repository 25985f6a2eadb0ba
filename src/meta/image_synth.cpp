#include "meta/image_synth.hpp"

#include "meta/image_items.hpp"
#include "meta/image_reader.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace ssdfs::meta {
namespace {

constexpr std::uint64_t volume_bytes = std::uint64_t{1} << 30;
constexpr std::uint64_t needle_overhead = 32;
constexpr std::uint64_t directories_per_top = 1000;
constexpr std::int64_t first_time_ms = 1'700'000'000'000;
constexpr std::int64_t time_step_ms = 40;
constexpr std::size_t name_bytes = 20;
constexpr std::size_t entries_at_once = 16'384;
constexpr std::uint16_t directory_access = 1;
constexpr std::uint16_t file_access = 2;

std::uint64_t scramble(std::uint64_t x) {
  x += 0x9e3779b97f4a7c15ULL;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
  return x ^ (x >> 31);
}

// Where chunks go: one volume after the other.
class volume_filler {
 public:
  chunk_address place(std::uint32_t size, std::uint32_t crc) {
    const std::uint64_t needed = (size + needle_overhead + 7) & ~std::uint64_t{7};
    if (volumes_.empty() || volumes_.back().length + needed > volume_bytes) begin();
    volume_info& at = volumes_.back();
    at.length += needed;
    at.digest.add(at.next_key, size, crc);
    return {volume_slot(static_cast<std::uint32_t>(volumes_.size() - 1)), at.next_key++};
  }
  [[nodiscard]] std::vector<volume_info>& volumes() noexcept { return volumes_; }

 private:
  void begin() {
    volume_info next;
    const std::uint64_t number = volumes_.size();
    next.id = volume_id(std::uint64_t{1} << 32 | (number + 1));
    next.state = volume_state::closed;
    next.reason = seal_reason::full;
    next.members = {node(number % nodes),
                    node((number + 1 + number / nodes % (nodes - 1)) % nodes)};
    volumes_.push_back(std::move(next));
  }
  static node_id node(std::uint64_t number) {
    uuid id{};
    id.data[0] = 0xda;
    id.data[15] = static_cast<std::uint8_t>(number + 1);
    return node_id(id);
  }
  static constexpr std::uint64_t nodes = 8;
  std::vector<volume_info> volumes_;
};

class synthesizer {
 public:
  synthesizer(const synth_options& options, state& target)
      : options_(options),
        directories_((options.files + options.files_per_directory - 1) /
                     options.files_per_directory),
        tops_((directories_ + directories_per_top - 1) / directories_per_top),
        loader_(target) {}

  result<std::string> run() {
    SSDFS_TRY(write_tables());
    SSDFS_TRY(write_directories());
    for (std::uint64_t d = 0; d < directories_; ++d) SSDFS_TRY(write_files(d));
    SSDFS_TRY(flush(0));
    SSDFS_TRY(loader_.finish_unchecked());
    return sample_;
  }

 private:
  struct content {
    std::uint32_t size;
    std::uint32_t crc;
  };
  [[nodiscard]] content content_of(std::uint64_t index) const {
    return {options_.size_of(index), static_cast<std::uint32_t>(scramble(index ^ seed_ << 1))};
  }

  result<void> table(image_section kind, image_output& out) {
    decoded_section section;
    decode_section(kind, out.bytes(), 0, section);
    out.clear();
    return loader_.take(section);
  }

  // Everything before the tree. The volumes' digests need all files once.
  result<void> write_tables() {
    volume_filler filler;
    for (std::uint64_t i = 0; i < options_.files; ++i) {
      const content c = content_of(i);
      filler.place(c.size, c.crc);
    }
    auto& volumes = filler.volumes();
    uuid leader{};
    leader.data[15] = 1;
    uuid cluster{};
    cluster.data[0] = 0x55;
    store_le(reinterpret_cast<std::byte*>(cluster.data) + 8, seed_);
    image_head head;
    head.cluster = cluster_id(cluster);
    head.epoch = epoch_t(1);
    head.txid = ssdfs::txid(1 + tops_ + directories_ + options_.files + 4 * volumes.size());
    head.chain = static_cast<std::uint32_t>(seed_);
    head.log_time_ms = time_of(options_.files);
    head.next_volume = static_cast<std::uint32_t>(volumes.size() + 1);
    head.next_serial = static_cast<std::uint32_t>(2 + tops_ + directories_);
    image_output out;
    write_head(head, out);
    SSDFS_TRY(table(image_section::head, out));
    out.number(1);
    out.id(leader);
    out.number(1);
    SSDFS_TRY(table(image_section::epochs, out));
    for (const auto& [owner, mode] :
         {std::pair("root", 0755U), std::pair("shop", 0755U), std::pair("shop", 0644U)}) {
      out.text(owner);
      out.text(owner);
      out.number(mode);
    }
    SSDFS_TRY(table(image_section::access, out));
    for (const char* type : {"image/jpeg", "image/png", "image/webp"}) out.text(type);
    SSDFS_TRY(table(image_section::types, out));
    SSDFS_TRY(table(image_section::nodes, out));
    for (volume_info& volume : volumes) {
      volume.granted_bytes = volume.length;
      write_volume(volume, out);
    }
    SSDFS_TRY(table(image_section::volumes, out));
    return table(image_section::results, out);
  }

  [[nodiscard]] static std::int64_t time_of(std::uint64_t index) {
    return first_time_ms + static_cast<std::int64_t>(index) * time_step_ms;
  }

  static std::string numbered(char letter, std::uint64_t number, std::size_t digits) {
    std::string text = std::to_string(number);
    if (text.size() < digits) text.insert(0, digits - text.size(), '0');
    return letter + text;
  }

  names_batch::entry& add(names_batch::kind what, std::string_view name) {
    auto& entry = batch().entries.emplace_back();
    entry.what = what;
    entry.name_length = static_cast<std::uint8_t>(name.size());
    batch().names += name;
    return entry;
  }
  names_batch& batch() { return section_.names; }

  // Hands the batch on if it has more entries than that.
  result<void> flush(std::size_t limit) {
    if (batch().entries.size() <= limit) return {};
    section_.kind = image_section::names;
    SSDFS_TRY(loader_.take(section_));
    batch().clear();
    return {};
  }

  void add_directory(names_batch::kind what, std::string_view name, std::uint64_t first_file) {
    auto& entry = add(what, name);
    entry.serial = next_serial_++;
    entry.mtime_ms = time_of(first_file);
    entry.access = directory_access;
  }

  result<void> write_directories() {
    add_directory(names_batch::kind::root, {}, 0);
    const std::uint64_t files_per_top = directories_per_top * options_.files_per_directory;
    for (std::uint64_t t = 0; t < tops_; ++t) {
      add_directory(names_batch::kind::directory, top_name(t), t * files_per_top);
    }
    add(names_batch::kind::end, {});
    for (std::uint64_t d = 0; d < directories_; ++d) {
      add_directory(names_batch::kind::directory, directory_name(d),
                    d * options_.files_per_directory);
      if ((d + 1) % directories_per_top == 0 || d + 1 == directories_) {
        add(names_batch::kind::end, {});
      }
      SSDFS_TRY(flush(entries_at_once));
    }
    return {};
  }
  // Enough digits that the order of the numbers is that of the bytes.
  [[nodiscard]] std::string top_name(std::uint64_t t) const {
    return numbered('p', t, std::max<std::size_t>(3, std::to_string(tops_).size()));
  }
  [[nodiscard]] std::string directory_name(std::uint64_t d) const {
    return numbered('a', d, std::max<std::size_t>(6, std::to_string(directories_).size()));
  }

  struct file {
    std::array<char, name_bytes> name;
    content what;
    chunk_address at;
    std::int64_t mtime_ms;
  };

  result<void> write_files(std::uint64_t directory) {
    const std::uint64_t first = directory * options_.files_per_directory;
    const std::uint64_t end = std::min(options_.files, first + options_.files_per_directory);
    files_.clear();
    for (std::uint64_t i = first; i < end; ++i) {
      file& f = files_.emplace_back();
      std::uint64_t bits = scramble(i * 2 + 1 + (seed_ << 40));
      for (std::size_t c = 0; c < 16; ++c, bits >>= 4) f.name[c] = "0123456789abcdef"[bits & 15];
      std::copy_n(".jpg", 4, f.name.begin() + 16);
      f.what = content_of(i);
      f.at = filler_.place(f.what.size, f.what.crc);
      f.mtime_ms = time_of(i);
    }
    std::sort(files_.begin(), files_.end(),
              [](const file& a, const file& b) { return a.name < b.name; });
    for (const file& f : files_) {
      auto& entry = add(names_batch::kind::file, {f.name.data(), f.name.size()});
      entry.size = f.what.size;
      entry.crc32c = f.what.crc;
      entry.mtime_ms = f.mtime_ms;
      entry.access = file_access;
      entry.content_type = 1;
      entry.replication = 2;
      entry.chunks = 1;
      batch().chunks.push_back({f.at, f.what.size, f.what.crc});
    }
    add(names_batch::kind::end, {});
    if (directory == directories_ / 2) {
      sample_ = "/" + top_name(directory / directories_per_top) + "/" + directory_name(directory) +
                "/" + std::string(files_.front().name.data(), name_bytes);
    }
    return flush(entries_at_once);
  }

  const synth_options& options_;
  const std::uint64_t seed_ = options_.seed;
  const std::uint64_t directories_;
  const std::uint64_t tops_;
  image_loader loader_;
  volume_filler filler_;  // once more, for the addresses
  decoded_section section_;
  std::vector<file> files_;
  std::uint32_t next_serial_ = 1;
  std::string sample_;
};

}  // namespace

result<std::string> synthesize(const synth_options& options, state& target) {
  return synthesizer(options, target).run();
}

}  // namespace ssdfs::meta
