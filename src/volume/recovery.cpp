#include "volume/recovery.hpp"

#include "base/log.hpp"

namespace ssdfs::volume {

void replayer::apply(const scanned_record& record) {
  const bool chunk =
      record.header.kind == record_kind::data || record.header.kind == record_kind::reserved;
  if (!record.intact) {
    ++bad_;
    if (chunk && index_.find(record.header.key).state == key_state::unknown) {
      index_.burn(record.header.key);
    }
    return;
  }
  switch (record.header.kind) {
    case record_kind::data: apply_data(record); return;
    case record_kind::reserved:
      if (index_.find(record.header.key).state == key_state::unknown) {
        index_.burn(record.header.key);
      }
      return;
    case record_kind::state:
      if (const auto status = decode_status(record.payload)) {
        apply_status(*status);
      } else {
        ++bad_;
      }
      return;
    case record_kind::removals:
    case record_kind::tombstone:
    case record_kind::revive: apply_keys(record); return;
  }
}

void replayer::apply_data(const scanned_record& record) {
  const record_header& h = record.header;
  const find_result known = index_.find(h.key);
  if (known.state == key_state::live &&
      (known.entry.size != h.size || known.entry.crc != h.data_crc)) {
    // Appends refuse this, so it is no file that this program wrote; the first content stands.
    ++bad_;
    return;
  }
  // A later record of the same content replaces one that was found bad.
  index_.add({h.key, h.size, h.data_crc, record.offset});
}

void replayer::apply_status(const replica_status& recorded) {
  status_.state = recorded.state;
  status_.generation = recorded.generation;
  status_.removal_number = recorded.removal_number;
  index_.raise_highest(recorded.highest_key);
  if (recorded.digest != index_.digest()) ++mismatches_;
}

void replayer::apply_keys(const scanned_record& record) {
  const auto batch = decode_keys(record.payload);
  if (!batch) {
    ++bad_;
    return;
  }
  const aside_time at = aside_time_of(batch->number);
  for (const chunk_key key : batch->keys) {
    switch (record.header.kind) {
      case record_kind::removals: index_.remove(key); break;
      case record_kind::tombstone: index_.set_aside(key, at); break;
      default: index_.revive(key); break;
    }
  }
  // A gap means that a batch was lost to damage: its number must not be claimed, so that the
  // master's comparison finds the difference.
  if (record.header.kind == record_kind::removals && batch->number == status_.removal_number + 1) {
    status_.removal_number = batch->number;
  }
}

result<recovered_volume> recover(const recovery_input& in) {
  recovered_volume out;
  out.covered = superblock_size;
  replayer apply(out.index, out.status);
  const header_seal seal(in.identity);
  if (in.checkpoint) {
    const index_summary& s = in.checkpoint->summary();
    out.index.set_base(in.checkpoint);
    out.status = s.status;
    out.covered = s.covered;
    out.index_bytes = in.checkpoint->file_bytes();
    // Extents that were under way when the checkpoint was written may have been finished since.
    for (const std::uint64_t offset : s.pending) {
      auto record = read_record(*in.file, seal, offset, in.file_size);
      if (record) {
        apply.apply(*record);
      } else if (!(record.error() == errc::damaged)) {
        return record.error();
      }
    }
  }
  auto scanned = scan(
      *in.file, seal, out.covered, in.file_size,
      [&](const scanned_record& record) {
        apply.apply(record);
        return true;
      },
      [&](std::uint64_t from, std::uint64_t to) {
        SSDFS_LOG(warning) << in.path << ": no records in [" << from << ", " << to << ")";
      });
  if (!scanned) return scanned.error();
  out.length = scanned->end;
  out.damaged_bytes = scanned->damaged_bytes;
  out.bad_records = apply.bad();
  if (apply.bad() > 0) {
    SSDFS_LOG(warning) << in.path << ": " << apply.bad() << " records do not match their CRC";
  }
  if (apply.digest_mismatches() > 0) {
    SSDFS_LOG(warning) << in.path << ": chunks are missing that a state record counted";
  }
  // Keys of attempts that left no trace cannot be told from free ones any more.
  out.index.burn_gaps();
  out.status.digest = out.index.digest();
  out.status.highest_key = out.index.highest_key();
  return out;
}

std::string index_path(const std::string& volume_path) {
  const auto dot = volume_path.rfind(".vol");
  return (dot == std::string::npos ? volume_path : volume_path.substr(0, dot)) + ".idx";
}

namespace {

std::shared_ptr<const index_file> load_fitting(io::file_system& fs, const std::string& path,
                                               const superblock& identity,
                                               std::uint64_t file_size) {
  auto loaded = index_file::load(fs, path);
  if (!loaded) {
    if (!(loaded.error() == errc::not_found)) {
      SSDFS_LOG(warning) << "index is rebuilt: " << loaded.error().message();
    }
    return nullptr;
  }
  const index_summary& s = (*loaded)->summary();
  if (s.identity != identity || s.covered > file_size || s.covered < superblock_size) {
    SSDFS_LOG(warning) << path << ": not the index of this volume file";
    return nullptr;
  }
  return *loaded;
}

}  // namespace

std::shared_ptr<const index_file> load_checkpoint(io::file_system& fs,
                                                  const std::string& volume_path,
                                                  const superblock& identity,
                                                  std::uint64_t file_size) {
  const std::string path = index_path(volume_path);
  auto fresh = load_fitting(fs, path + new_suffix, identity, file_size);
  if (fresh) {
    // Its name is made good now; if that fails it is used all the same.
    if (auto renamed = fs.rename(path + new_suffix, path); !renamed) {
      SSDFS_LOG(warning) << renamed.error().message();
    }
    return fresh;
  }
  return load_fitting(fs, path, identity, file_size);
}

}  // namespace ssdfs::volume
