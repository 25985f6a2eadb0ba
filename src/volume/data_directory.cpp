#include "volume/data_directory.hpp"

#include "base/log.hpp"
#include "io/passing.hpp"

#include <algorithm>
#include <array>
#include <cstdio>

namespace ssdfs::volume {
namespace {

// How much may be admitted on the strength of one look at the disk.
constexpr std::uint64_t measure_step = 64 * 1024 * 1024;

// A disk has failed when it fails so often, a sync interval apart, and is back when it works so
// often, so far apart.
constexpr int tries_to_fail = 3;
constexpr int tries_to_return = 3;
constexpr std::int64_t try_again_ms = 5'000;

bool is_operators(const failure& f) { return f == errc::locked || f == errc::invalid_argument; }

std::uint64_t part_of(std::uint64_t bytes, double share) {
  return share >= 1 ? bytes : static_cast<std::uint64_t>(static_cast<double>(bytes) * share);
}

std::string mark_text(const uuid& directory) {
  return R"({"format":1,"directory":")" + to_string(directory) + "\"}\n";
}

}  // namespace

data_directory::data_directory(io::file_system& fs, directory_options options,
                               const disk_reserve& reserve)
    : fs_(fs), options_(std::move(options)), reserve_(reserve) {}

result<void> data_directory::look() {
  auto done = read();
  if (!done) {
    if (is_operators(done.error())) return done;
    fail(done.error());
  }
  return {};
}

result<void> data_directory::read() {
  const auto there = fs_.exists(path());
  if (!there) return there.error();
  if (!*there) return {};
  present_ = true;
  SSDFS_TRY(find_place(path(), place_));
  auto identity = io::read_identity(fs_, path());
  if (!identity) return identity.error();
  identity_ = std::move(*identity);
  if (identity_ && identity_->role != "datanode") {
    return failure(errc::invalid_argument,
                   path() + ": is the data directory of a " + identity_->role);
  }
  const auto declared = fs_.exists(path() + "/NEW");
  if (!declared) return declared.error();
  declared_new_ = *declared;
  return {};
}

result<void> data_directory::take() {
  auto prepared = prepare();
  if (!prepared) {
    if (is_operators(prepared.error())) return prepared;
    fail(prepared.error());
  }
  return {};
}

void data_directory::make() {
  auto made = fs_.make_directories(path());
  if (made) made = fs_.sync_directory(io::parent_directory(path()));
  if (!made) return fail(made.error());
  if (auto found = find_place(path(), place_); !found) fail(found.error());
}

// File systems that cannot tell their directories apart have none that are known by two names.
result<void> data_directory::find_place(const std::string& directory, io::directory_place& out) {
  const auto there = io::place_of(fs_, directory);
  if (!there && there.error() == errc::unsupported) return {};
  if (!there) return there.error();
  out = *there;
  return {};
}

result<void> data_directory::prepare() {
  auto lock = fs_.lock(path());
  if (!lock) return lock.error();
  lock_ = std::move(*lock);
  // Somebody else may have begun it between look() and the lock.
  auto identity = io::read_identity(fs_, path());
  if (!identity) return identity.error();
  if (identity->has_value() != identity_.has_value() ||
      (identity_ && (*identity)->node != identity_->node)) {
    return failure(errc::locked, path() + ": another process has just begun it");
  }
  SSDFS_TRY(find_volumes());
  const std::lock_guard guard(mutex_);
  measure();
  return {};
}

// A directory that has had volumes and has lost them all is one whose disk is not there.
result<void> data_directory::find_volumes() {
  const bool known = identity_ && !identity_->directory.is_nil() && !declared_new_;
  if (known) {
    const auto mark = io::read_file(fs_, mark_path(), 4096);
    const bool absent = !mark && mark.error() == errc::not_found;
    if (!mark && !absent) return mark.error();
    if (absent || as_chars(*mark) != mark_text(identity_->directory)) {
      return failure(errc::io, volumes_path() +
                                   (absent ? " is empty or missing" : " is another's") +
                                   ": is its disk mounted?");
    }
  } else {
    SSDFS_TRY(fs_.make_directories(volumes_path()));
    SSDFS_TRY(fs_.sync_directory(path()));
  }
  return find_place(volumes_path(), home_);
}

void data_directory::close() { lock_.reset(); }

result<void> data_directory::set_identity(const io::identity& identity) {
  // The mark first: an identity without it would be a directory that has lost its volumes.
  if (!identity_ || identity_->directory != identity.directory) {
    SSDFS_TRY(io::replace_file(fs_, mark_path(), as_bytes(mark_text(identity.directory))));
  }
  SSDFS_TRY(io::write_identity(fs_, path(), identity));
  identity_ = identity;
  if (declared_new_) {
    auto removed = fs_.remove(path() + "/NEW");
    if (!removed && !(removed.error() == errc::not_found)) return removed;
    declared_new_ = false;
  }
  return {};
}

std::string data_directory::volume_path(volume_id id) const {
  std::array<char, 24> name;
  std::snprintf(name.data(), name.size(), "/%016llx.vol",
                static_cast<unsigned long long>(id.value));
  return volumes_path() + name.data();
}

bool data_directory::usable() const {
  const std::lock_guard lock(mutex_);
  return problem_.empty();
}

std::string data_directory::problem() const {
  const std::lock_guard lock(mutex_);
  return problem_;
}

void data_directory::fail(const failure& why) {
  SSDFS_LOG(error) << path() << ": directory is out of use: " << why.message();
  const std::lock_guard lock(mutex_);
  problem_ = why.message();
}

bool data_directory::check() {
  if (!usable()) return false;
  io::directory_place now = home_;
  if (find_place(volumes_path(), now) && now != home_) {
    fail(failure(errc::io,
                 volumes_path() + " is another directory by now: was its disk unmounted?"));
    return true;
  }
  if (!troubled_.exchange(false)) return false;
  const auto works = try_out();
  if (works || io::passes(works.error())) {
    tries_ = 0;
    return false;
  }
  if (++tries_ < tries_to_fail) {
    troubled_ = true;  // for the next call
    return false;
  }
  tries_ = 0;
  failed_in_use_ = true;
  fail(works.error());
  return true;
}

bool data_directory::works_again(std::int64_t now_ms) {
  if (!failed_in_use_ || now_ms < try_at_ms_) return false;
  try_at_ms_ = now_ms + try_again_ms;
  if (!try_out()) {
    tries_ = 0;
    return false;
  }
  if (++tries_ < tries_to_return) return false;
  tries_ = 0;
  failed_in_use_ = false;
  SSDFS_LOG(warning) << path() << ": the disk works again, the directory is in use for new volumes";
  const std::lock_guard lock(mutex_);
  problem_.clear();
  measure();
  return true;
}

// Enough to meet a disk that has gone or a file system that has been made read-only.
result<void> data_directory::try_out() {
  const std::string path = options_.path + "/probe.tmp";
  constexpr std::size_t size = 4096;
  const std::vector<std::byte> written(size, std::byte{0x5a});
  {
    auto file = fs_.open(path, io::open_mode::create);
    if (!file) return file.error();
    const bytes_view part(written);
    SSDFS_TRY((*file)->write({&part, 1}, 0));
    SSDFS_TRY((*file)->sync());
    std::vector<std::byte> found(size);
    auto got = (*file)->read(found, 0);
    if (!got) return got.error();
    if (found != written) return failure(errc::io, path + ": what was written is not there");
  }
  return fs_.remove(path);
}

void data_directory::measure() {
  auto space = fs_.space(volumes_path());
  if (!space) {
    SSDFS_LOG(warning) << space.error().message();
    free_ = 0;  // what cannot be measured is not filled up
    return;
  }
  const std::uint64_t whole = part_of(space->capacity, capacity_share_);
  capacity_ = std::min(options_.capacity.value_or(whole), whole);
  const std::uint64_t reserved = reserve_.bytes.value_or(
      static_cast<std::uint64_t>(static_cast<double>(space->capacity) * reserve_.share));
  const std::uint64_t on_disk =
      part_of(space->available > reserved ? space->available - reserved : 0, free_share_);
  const std::uint64_t allowed = capacity_ > used_ ? capacity_ - used_ : 0;
  free_ = std::min(on_disk, allowed);
  unmeasured_ = 0;
}

// What appends may take so that the largest volume can still be rewritten and 1 % is left for
// removals and indexes.
std::uint64_t data_directory::room(std::uint64_t largest) const {
  const std::uint64_t kept = largest + capacity_ / 100 + unmeasured_;
  return free_ > kept ? free_ - kept : 0;
}

void data_directory::set_capacity_share(double share) {
  const std::lock_guard lock(mutex_);
  capacity_share_ = share;
  measure();
}

void data_directory::set_free_share(double share) {
  const std::lock_guard lock(mutex_);
  if (share == free_share_) return;
  free_share_ = share;
  measure();
}

std::uint64_t data_directory::allowed() const {
  const std::lock_guard lock(mutex_);
  return capacity_ > used_ ? capacity_ - used_ : 0;
}

result<std::uint64_t> data_directory::disk_capacity() {
  const auto space = fs_.space(volumes_path());
  if (!space) return space.error();
  return space->capacity;
}

bool data_directory::admit(std::uint64_t bytes, std::uint64_t volume_length) {
  const std::lock_guard lock(mutex_);
  if (!problem_.empty()) return false;
  if (unmeasured_ + bytes > measure_step ||
      bytes > room(std::max(largest_, volume_length + bytes))) {
    used_ += unmeasured_;
    measure();
  }
  const std::uint64_t largest = std::max(largest_, volume_length + bytes);
  if (bytes > room(largest)) return false;
  largest_ = largest;
  unmeasured_ += bytes;
  return true;
}

void data_directory::refresh(std::uint64_t used, std::uint64_t largest) {
  const std::lock_guard lock(mutex_);
  used_ = used;
  largest_ = largest;
  measure();
}

std::uint64_t data_directory::capacity() const {
  const std::lock_guard lock(mutex_);
  return capacity_;
}

std::uint64_t data_directory::used() const {
  const std::lock_guard lock(mutex_);
  return used_ + unmeasured_;
}

std::uint64_t data_directory::available() const {
  const std::lock_guard lock(mutex_);
  return problem_.empty() ? room(largest_) : 0;
}

std::uint64_t data_directory::free() const {
  const std::lock_guard lock(mutex_);
  return free_ > unmeasured_ ? free_ - unmeasured_ : 0;
}

}  // namespace ssdfs::volume
