// Volume and index files of any content. The first byte chooses what the rest is:
//   0  the records of a volume file, raw
//   1  a list of records to make, so that their headers are valid (12 bytes each, see below)
//   2  the index file of a small volume
//   3  a volume file from its first byte on
// Whatever it is, the volume opens or is refused, every live chunk reads as its CRC says or fails,
// and the volume goes on: it can be sealed, compacted and opened again with the same digest.
#include "base/crc32c.hpp"
#include "util/sim_files.hpp"
#include "volume/tools.hpp"
#include "volume/volume.hpp"

#include <boost/log/core.hpp>

#include <algorithm>
#include <array>
#include <cstdlib>

using namespace ssdfs;
namespace vol = ssdfs::volume;

namespace {

const std::string volume_path = "/d/0000000000000001.vol";
const std::string index_path = "/d/0000000000000001.idx";
const vol::superblock identity{volume_id(1), 42, {}};

using bytes = std::vector<std::byte>;

void require(bool condition) {
  if (!condition) std::abort();
}

void append_record(bytes& file, vol::record_header header, bytes_view payload, bool intact) {
  header.data_crc = crc32c(payload) ^ (intact ? 0 : 1);
  std::array<std::byte, vol::header_size> encoded;
  vol::header_seal(identity).encode(header, file.size(), encoded.data());
  file.insert(file.end(), encoded.begin(), encoded.end());
  file.insert(file.end(), payload.begin(), payload.end());
  file.resize(vol::align_up(file.size()));
}

bytes first_bytes() {
  const auto start = vol::encode(identity);
  bytes file(start.begin(), start.end());
  vol::replica_status status;
  status.generation = 1;
  std::array<std::byte, vol::status_size> payload;
  vol::encode(status, payload.data());
  append_record(file, {vol::record_kind::state, 0, vol::status_size, 0}, payload, true);
  return file;
}

// 12 bytes a record: kind, key, size (2), flags (bad CRC, garbage behind it), number, 6 of filler.
bytes made_records(bytes_view recipe) {
  bytes file = first_bytes();
  for (; recipe.size() >= 12; recipe = recipe.subspan(12)) {
    const auto at = [&](std::size_t i) { return std::to_integer<std::uint32_t>(recipe[i]); };
    const auto kind = static_cast<vol::record_kind>(at(0) % 8);
    const std::uint32_t size = 1 + (at(2) | at(3) << 8) % 3000;
    const bool intact = (at(4) & 1) == 0;
    if (kind == vol::record_kind::data || kind == vol::record_kind::reserved) {
      append_record(file, {kind, at(1) % 32, size, 0}, bytes(size, recipe[6]), intact);
    } else if (kind == vol::record_kind::state) {
      vol::replica_status s;
      s.state = at(2) % 2 == 0 ? replica_state::open : replica_state::sealed;
      s.generation = at(1);
      s.removal_number = at(5);
      std::array<std::byte, vol::status_size> payload;
      vol::encode(s, payload.data());
      append_record(file, {kind, 0, vol::status_size, 0}, payload, intact);
    } else {
      const std::array<chunk_key, 3> keys = {at(1) % 32, at(2) % 32, at(3) % 32};
      const bytes payload = vol::encode_keys(at(5), keys);
      append_record(file, {kind, 0, static_cast<std::uint32_t>(payload.size()), 0}, payload,
                    intact);
    }
    if ((at(4) & 2) != 0) file.insert(file.end(), recipe.begin(), recipe.begin() + 8);
  }
  return file;
}

void check(vol::volume& v) {
  const auto live = v.list_live(0, 100000);
  if (!live) return;  // a damaged page of the index
  volume_digest digest;
  for (const auto& chunk : *live) {
    digest.add(chunk.key, chunk.size, chunk.crc);
    const auto at = v.probe(chunk.key);
    if (!at) continue;
    bytes content(std::min<std::size_t>(chunk.size, 1 << 20));
    if (content.size() != chunk.size) continue;
    if (v.read(*at, 0, content)) require(crc32c(content) == chunk.crc);
  }
}

void run(test::sim_files& fs) {
  vol::environment env;
  env.fs = &fs;
  auto opened = vol::volume::open(env, volume_path, volume_id(1));
  if (!opened) return;
  vol::volume& v = **opened;
  check(v);
  if (!v.maintain()) return;
  check(v);
  const auto state = v.report();
  if (state.state == replica_state::open && !v.seal(state.generation)) return;
  if (!v.list_live(0, 1)) return;
  const bool compacted = v.compact({}).has_value();
  check(v);
  const auto before = v.report();
  opened->reset();
  opened = vol::volume::open(env, volume_path, volume_id(1));
  require(opened.has_value());
  const auto after = (*opened)->report();
  require(after.digest == before.digest && after.removal_number == before.removal_number);
  // After a compaction every byte is in order again (generation 0: no state record was there).
  if (compacted && after.generation != 0)
    require(vol::verify(fs, volume_path).value().problems.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const bool silent = [] {
    boost::log::core::get()->set_logging_enabled(false);
    return true;
  }();
  static_cast<void>(silent);
  if (size == 0 || size > 64 * 1024) return 0;
  const bytes_view rest(reinterpret_cast<const std::byte*>(data) + 1, size - 1);
  test::sim_files fs;
  require(fs.make_directories("/d").has_value());
  bytes file = first_bytes();
  switch (data[0] % 4) {
    case 0: file.insert(file.end(), rest.begin(), rest.end()); break;
    case 1: file = made_records(rest); break;
    case 2: {
      append_record(file, {vol::record_kind::data, 5, 100, 0}, bytes(100), true);
      fs.set_contents(index_path, bytes(rest.begin(), rest.end()));
      break;
    }
    default: file.assign(rest.begin(), rest.end()); break;
  }
  fs.set_contents(volume_path, std::move(file));
  run(fs);
  return 0;
}
