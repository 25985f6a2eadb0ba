#include "volume/tools.hpp"

#include "volume/recovery.hpp"

#include <algorithm>

namespace ssdfs::volume {
namespace {

constexpr std::size_t max_problems = 100;

const char* name_of(record_kind kind) {
  switch (kind) {
    case record_kind::data: return "data";
    case record_kind::reserved: return "reserved";
    case record_kind::removals: return "removals";
    case record_kind::state: return "state";
    case record_kind::tombstone: return "tombstone";
    case record_kind::revive: return "revive";
  }
  return "unknown";
}

const char* name_of(replica_state state) {
  switch (state) {
    case replica_state::open: return "open";
    case replica_state::sealed: return "sealed";
    case replica_state::damaged: return "damaged";
    case replica_state::recovering: return "recovering";
  }
  return "unknown";
}

struct opened {
  std::unique_ptr<io::file> file;
  std::uint64_t size = 0;
  superblock identity;
};

result<opened> open_for_reading(io::file_system& fs, const std::string& path) {
  auto file = fs.open(path, io::open_mode::read);
  if (!file) return file.error();
  auto size = (*file)->size();
  if (!size) return size.error();
  superblock_bytes bytes{};
  auto got = (*file)->read(bytes, 0);
  if (!got) return got.error();
  auto identity = decode_superblock(bytes_view(bytes).first(*got));
  if (!identity) return failure(identity.error().code, path + ": " + identity.error().message());
  return opened{std::move(*file), *size, *identity};
}

// What a full scan says, and how much of the file it could not use.
struct replayed {
  chunk_index index;
  replica_status status;
  scan_result scan;
  std::uint32_t bad = 0;
  std::vector<std::string> problems;
};

void add_problem(std::vector<std::string>& problems, std::string text) {
  if (problems.size() < max_problems) problems.push_back(std::move(text));
}

result<replayed> replay_all(opened& in) {
  replayed out;
  replayer replay(out.index, out.status);
  auto scanned = scan(
      *in.file, header_seal(in.identity), superblock_size, in.size,
      [&](const scanned_record& r) {
        const auto mismatches = replay.digest_mismatches();
        replay.apply(r);
        if (!r.intact) {
          add_problem(out.problems, "offset " + std::to_string(r.offset) + ": " +
                                        name_of(r.header.kind) + " record of key " +
                                        std::to_string(r.header.key) + " does not match its CRC");
        } else if (replay.digest_mismatches() != mismatches) {
          add_problem(out.problems, "offset " + std::to_string(r.offset) +
                                        ": chunks are missing that this state record counted");
        }
        return true;
      },
      [&](std::uint64_t from, std::uint64_t to) {
        add_problem(out.problems, "offset " + std::to_string(from) + ": no records for " +
                                      std::to_string(to - from) + " bytes");
      });
  if (!scanned) return scanned.error();
  out.scan = *scanned;
  out.bad = replay.bad();
  return out;
}

dump_record describe(const scanned_record& r) {
  dump_record out;
  out.offset = r.offset;
  out.kind = name_of(r.header.kind);
  out.bytes = extent_of(r.header);
  out.key = r.header.key;
  out.size = r.header.size;
  out.crc32c = r.header.data_crc;
  out.intact = r.intact;
  if (r.header.kind == record_kind::state) {
    if (const auto status = decode_status(r.payload)) {
      out.state = name_of(status->state);
      out.generation = status->generation;
      out.number = status->removal_number;
    }
  } else if (!r.payload.empty()) {
    if (auto batch = decode_keys(r.payload)) {
      out.number = batch->number;
      if (r.header.kind == record_kind::tombstone) {
        const aside_time at = aside_time_of(batch->number);
        out.number = static_cast<std::uint64_t>(at.ms);
        out.settled = at.settled;
      }
      out.keys = std::move(batch->keys);
    }
  }
  return out;
}

// The index file may be missing, older, or the one of a file that compaction has replaced: a start
// sees to that. What it claims to know, however, has to be so.
void compare_index(io::file_system& fs, const std::string& path, const opened& in,
                   const replayed& truth, std::vector<std::string>& problems) {
  auto index = index_file::load(fs, index_path(path));
  if (!index) {
    if (!(index.error() == errc::not_found)) add_problem(problems, index.error().message());
    return;
  }
  const index_summary& s = (*index)->summary();
  if (s.identity != in.identity) return;
  const bool current = s.covered == truth.scan.end;
  auto done = (*index)->for_each(0, [&](const chunk_entry& e) {
    const find_result known = truth.index.find(e.key);
    const bool same = known.state == key_state::live && known.entry == e;
    const bool removed_since = !current && known.state != key_state::live;
    if (!same && !removed_since) {
      add_problem(problems, "index: key " + std::to_string(e.key) + " is not at offset " +
                                std::to_string(e.offset));
    }
    return problems.size() < max_problems;
  });
  if (!done) add_problem(problems, done.error().message());
  if (current && s.status.digest != truth.index.digest()) {
    add_problem(problems, "index: its digest is not that of the records");
  }
}

}  // namespace

result<void> dump(io::file_system& fs, const std::string& path,
                  unique_function<void(const dump_head&)> on_head,
                  unique_function<bool(const dump_record&)> on_record) {
  auto in = open_for_reading(fs, path);
  if (!in) return in.error();
  // A first pass, to know which of the records are live.
  auto truth = replay_all(*in);
  if (!truth) return truth.error();
  on_head({1, in->identity.id.value, to_string(in->identity.cluster), in->identity.salt, in->size});
  bool going = true;
  const auto report_gap = [&](const char* kind, std::uint64_t from, std::uint64_t to) {
    dump_record gap;
    gap.offset = from;
    gap.kind = kind;
    gap.bytes = to - from;
    gap.intact = false;
    going = going && on_record(gap);
  };
  auto scanned = scan(
      *in->file, header_seal(in->identity), superblock_size, in->size,
      [&](const scanned_record& r) {
        dump_record out = describe(r);
        const find_result known = truth->index.find(r.header.key);
        out.live = r.header.kind == record_kind::data && known.state == key_state::live &&
                   known.entry.offset == r.offset;
        going = going && on_record(out);
        return going;
      },
      [&](std::uint64_t from, std::uint64_t to) { report_gap("damage", from, to); });
  if (!scanned) return scanned.error();
  if (going && scanned->end < in->size) report_gap("torn", scanned->end, in->size);
  return {};
}

result<verify_report> verify(io::file_system& fs, const std::string& path) {
  auto in = open_for_reading(fs, path);
  if (!in) return in.error();
  auto truth = replay_all(*in);
  if (!truth) return truth.error();
  verify_report out;
  out.volume = in->identity.id.value;
  out.state = name_of(truth->status.state);
  out.generation = truth->status.generation;
  out.removal_number = truth->status.removal_number;
  out.chunks = truth->index.digest().count;
  out.bytes = truth->index.digest().bytes;
  const std::uint64_t end = std::min(truth->scan.end, in->size);
  out.dead_bytes = end - std::min(end, superblock_size + truth->index.extent_bytes());
  out.bad_records = truth->bad;
  out.damaged_bytes = truth->scan.damaged_bytes;
  out.torn_bytes = in->size - end;
  out.problems = std::move(truth->problems);
  if (out.generation == 0) add_problem(out.problems, "no state record is left");
  compare_index(fs, path, *in, *truth, out.problems);
  return out;
}

result<verify_report> rebuild_index(io::file_system& fs, const std::string& path) {
  // A file below DIR/volumes belongs to a data directory that a datanode may be using.
  std::unique_ptr<io::directory_lock> lock;
  const std::string marker = "/volumes/";
  if (const auto at = path.rfind(marker); at != std::string::npos) {
    const std::string directory = path.substr(0, at);
    auto held = fs.lock(directory.empty() ? "/" : directory);
    if (!held) return held.error();
    lock = std::move(*held);
  }
  auto in = open_for_reading(fs, path);
  if (!in) return in.error();
  auto recovered = recover({in->file.get(), in->size, in->identity, path, nullptr});
  if (!recovered) return recovered.error();
  index_builder builder;
  SSDFS_TRY(recovered->index.for_each(0, [&](const chunk_entry& e) {
    builder.add(e);
    return true;
  }));
  index_summary summary;
  summary.identity = in->identity;
  summary.covered = recovered->length;
  summary.status = recovered->status;
  summary.extent_bytes = recovered->index.extent_bytes();
  for (const auto& [key, t] : recovered->index.tombstones()) summary.tombstones.push_back(t);
  // What the index speaks for has to be on the disk before it is.
  auto writable = fs.open(path, io::open_mode::read_write);
  if (!writable) return writable.error();
  SSDFS_TRY((*writable)->sync());
  SSDFS_TRY(io::replace_file(fs, index_path(path), std::move(builder).finish(summary)));
  return verify(fs, path);
}

}  // namespace ssdfs::volume
