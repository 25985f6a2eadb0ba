// Making and opening a volume.
#include "volume/volume.hpp"

#include "base/crc32c.hpp"
#include "base/log.hpp"
#include "io/clock.hpp"
#include "volume/append_scratch.hpp"

#include <algorithm>
#include <array>

namespace ssdfs::volume {

volume::volume(const environment& env, std::string path, const superblock& identity,
               std::unique_ptr<io::file> file)
    : env_(env),
      path_(std::move(path)),
      id_(identity.id),
      identity_(identity),
      seal_(identity),
      scratch_(std::make_unique<scratch>()),
      file_(std::move(file)) {
  sync_.use(file_);
}

volume::~volume() = default;

namespace {

// The first bytes of a new volume file: superblock and the first state.
std::vector<std::byte> first_bytes(const superblock& identity, const replica_status& status) {
  std::array<std::byte, status_size> payload;
  encode(status, payload.data());
  const record_header header{record_kind::state, 0, status_size, crc32c(payload)};
  const superblock_bytes start = encode(identity);
  std::vector<std::byte> out(start.begin(), start.end());
  out.resize(superblock_size + extent_of(header));
  header_seal(identity).encode(header, superblock_size, out.data() + superblock_size);
  std::copy(payload.begin(), payload.end(), out.begin() + superblock_size + header_size);
  return out;
}

// Reads the superblock; if it is damaged, puts it back from the checkpoint, which repeats it.
result<superblock> read_identity(io::file_system& fs, io::file& file, const std::string& path,
                                 volume_id id) {
  superblock_bytes bytes{};
  auto got = file.read(bytes, 0);
  if (!got) return got.error();
  auto identity = decode_superblock(bytes_view(bytes).first(*got));
  if (!identity && identity.error() == errc::damaged) {
    auto index = index_file::load(fs, index_path(path));
    if (!index || (*index)->summary().identity.id != id) {
      return failure(errc::damaged, path + ": " + identity.error().message());
    }
    SSDFS_LOG(warning) << path << ": superblock is damaged; restored from the index";
    identity = (*index)->summary().identity;
    const superblock_bytes whole = encode(*identity);
    const bytes_view part(whole);
    SSDFS_TRY(file.write({&part, 1}, 0));
    SSDFS_TRY(file.sync());
  }
  if (!identity) return failure(identity.error().code, path + ": " + identity.error().message());
  if (identity->id != id) {
    return failure(errc::damaged, path + ": holds volume " + std::to_string(identity->id.value));
  }
  return identity;
}

}  // namespace

result<std::shared_ptr<volume>> volume::create(const environment& env, const std::string& path,
                                               const creation& what) {
  auto taken = env.fs->exists(path);
  if (!taken) return taken.error();
  if (*taken) return failure(errc::exists, path + ": exists");
  // The verdict on a file that is gone is not one on this.
  if (auto forgotten = env.fs->remove(fence_path(path));
      !forgotten && !(forgotten.error() == errc::not_found)) {
    return forgotten.error();
  }
  const superblock identity{what.id, io::random_u64(), what.cluster};
  replica_status status;
  status.state = what.recovering ? replica_state::recovering : replica_state::open;
  status.generation = what.generation;
  const std::vector<std::byte> content = first_bytes(identity, status);
  // Under another name first: a file with the right name always has its first bytes.
  const std::string temporary = path + new_suffix;
  auto file = env.fs->open(temporary, io::open_mode::create);
  if (!file) return file.error();
  const bytes_view part(content);
  SSDFS_TRY((*file)->truncate(0));
  SSDFS_TRY((*file)->write({&part, 1}, 0));
  SSDFS_TRY((*file)->sync());
  SSDFS_TRY(env.fs->rename(temporary, path));
  if (auto named = env.fs->sync_directory(io::parent_directory(path)); !named) {
    // Nobody knows of it yet. Left there it would stand in the way of the next try.
    static_cast<void>(env.fs->remove(path).has_value());
    return named.error();
  }
  std::shared_ptr<volume> made(new volume(env, path, identity, std::move(*file)));
  recovered_volume fresh;
  fresh.status = status;
  fresh.length = content.size();
  fresh.covered = superblock_size;
  made->install(std::move(fresh));
  return made;
}

result<std::shared_ptr<volume>> volume::open(const environment& env, const std::string& path,
                                             volume_id id) {
  auto file = env.fs->open(path, io::open_mode::read_write);
  if (!file) return file.error();
  auto identity = read_identity(*env.fs, **file, path, id);
  if (!identity) return identity.error();
  auto size = (*file)->size();
  if (!size) return size.error();
  auto recovered = recover(
      {file->get(), *size, *identity, path, load_checkpoint(*env.fs, path, *identity, *size)});
  if (!recovered) return failure(recovered.error().code, path + ": " + recovered.error().message());
  if (recovered->status.generation == 0) {
    // No state survived. It is kept for what it holds and is nobody's member until compared.
    recovered->status.state = replica_state::sealed;
    SSDFS_LOG(warning) << path << ": no state record is left";
  }
  if (recovered->length != *size) {
    SSDFS_LOG(warning) << path << ": cut " << *size - std::min(*size, recovered->length)
                       << " torn bytes at offset " << recovered->length;
    SSDFS_TRY((*file)->truncate(recovered->length));
  }
  auto fenced = env.fs->exists(fence_path(path));
  if (!fenced) return fenced.error();
  std::shared_ptr<volume> opened(new volume(env, path, *identity, std::move(*file)));
  opened->fenced_ = *fenced;
  opened->install(std::move(*recovered));
  return opened;
}

}  // namespace ssdfs::volume
