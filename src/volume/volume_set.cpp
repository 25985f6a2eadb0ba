#include "volume/volume_set.hpp"

#include "base/log.hpp"
#include "base/units.hpp"
#include "io/clock.hpp"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <map>
#include <set>
#include <thread>

namespace ssdfs::volume {
namespace {

constexpr std::string_view volume_suffix = ".vol";

bool ends_with(const std::string& name, std::string_view suffix) {
  return name.size() >= suffix.size() &&
         name.compare(name.size() - suffix.size(), suffix.size(), suffix) == 0;
}

// The id in "00000001000000ff.vol"; nothing for other names.
std::optional<volume_id> id_of(const std::string& name) {
  if (name.size() != 16 + volume_suffix.size() || !ends_with(name, volume_suffix)) {
    return std::nullopt;
  }
  std::uint64_t value = 0;
  const auto [end, ec] = std::from_chars(name.data(), name.data() + 16, value, 16);
  if (ec != std::errc() || end != name.data() + 16) return std::nullopt;
  return volume_id(value);
}

// Without the list all volumes would seem to be gone: a failure is believed when it comes again.
result<std::vector<io::directory_entry>> list_again(io::file_system& fs, const std::string& path) {
  constexpr int tries = 3;
  for (int failed = 0;;) {
    auto listed = fs.list(path);
    if (listed || ++failed == tries) return listed;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

bool is_nil(const cluster_id& id) { return id.value.is_nil(); }

}  // namespace

result<directory_options> parse_directory(std::string_view text) {
  directory_options out;
  const auto colon = text.rfind(':');
  // "DIR:SIZE"; a colon that belongs to the directory's name is followed by a slash somewhere.
  if (colon != std::string_view::npos && text.find('/', colon) == std::string_view::npos) {
    auto size = parse_size(text.substr(colon + 1));
    if (!size) return size.error();
    out.capacity = *size;
    text = text.substr(0, colon);
  }
  while (text.size() > 1 && text.back() == '/') text.remove_suffix(1);
  if (text.empty()) return failure(errc::invalid_argument, "a data directory without a name");
  out.path = text;
  return out;
}

volume_set::volume_set(volume_set_options options)
    : options_(std::move(options)), volume_size_(options_.max_volume_size) {}

volume_set::~volume_set() { stop(); }

result<std::unique_ptr<volume_set>> volume_set::open(volume_set_options options) {
  if (options.fs == nullptr || options.directories.empty()) {
    return failure(errc::invalid_argument, "no data directory");
  }
  std::unique_ptr<volume_set> set(new volume_set(std::move(options)));
  SSDFS_TRY(set->look_at_directories());
  SSDFS_TRY(set->agree_on_identity());
  for (const auto& home : set->directories_) {
    if (home->usable()) set->open_volumes(*home);
  }
  static_cast<void>(set->measure());
  return set;
}

result<void> volume_set::look_at_directories() {
  for (directory_options d : options_.directories) {
    while (d.path.size() > 1 && d.path.ends_with('/')) d.path.pop_back();
    for (const auto& other : directories_) {
      if (other->path() == d.path) {
        return failure(errc::invalid_argument, d.path + ": given twice");
      }
    }
    directories_.push_back(std::make_unique<data_directory>(
        *options_.fs, std::move(d),
        disk_reserve{options_.reserved_bytes, options_.reserved_share}));
    SSDFS_TRY(directories_.back()->look());
  }
  SSDFS_TRY(check_given_twice());
  return check_any_usable("no data directory is usable");
}

// Links, mounts and dots make one directory look like two.
result<void> volume_set::check_given_twice() const {
  const auto same = [](const io::directory_place& a, const io::directory_place& b) {
    return a != io::directory_place{} && a == b;
  };
  for (std::size_t i = 0; i < directories_.size(); ++i) {
    for (std::size_t other = 0; other < i; ++other) {
      const data_directory& one = *directories_[other];
      const data_directory& two = *directories_[i];
      const bool both = same(one.place(), two.place());
      if (!both && !same(one.volumes_place(), two.volumes_place())) continue;
      const std::string below = both ? "" : "/volumes";
      return failure(errc::invalid_argument,
                     two.path() + below + ": given twice, it is " + one.path() + below);
    }
  }
  return {};
}

result<void> volume_set::check_any_usable(const char* what) const {
  std::string problems;
  for (const auto& d : directories_) {
    if (d->usable()) return {};
    problems += " " + d->problem();
  }
  return failure(errc::io, std::string(what) + ":" + problems);
}

// All directories belong to one node of one cluster; new ones are made its own.
result<void> volume_set::agree_on_identity() {
  std::optional<io::identity> own;
  std::string from;
  for (const auto& d : directories_) {
    if (!d->usable() || !d->identity()) continue;
    const io::identity& theirs = *d->identity();
    if (!own) {
      own = theirs;
      from = d->path();
      continue;
    }
    if (theirs.node != own->node) {
      return failure(errc::invalid_argument, d->path() + " and " + from + " belong to two nodes");
    }
    if (is_nil(own->cluster)) own->cluster = theirs.cluster;
    if (!is_nil(theirs.cluster) && theirs.cluster != own->cluster) {
      return failure(errc::wrong_cluster, d->path() + " belongs to cluster " +
                                              to_string(theirs.cluster) + ", " + from + " to " +
                                              to_string(own->cluster));
    }
  }
  if (own) {
    set_aside_known(*own);
  } else {
    own = io::identity{"datanode", node_id(io::random_uuid()), {}, {}, {}};
    for (const auto& d : directories_) {
      if (!d->usable()) continue;
      SSDFS_LOG(warning) << d->path() << ": is new and empty: a new node begins here, "
                         << to_string(own->node);
    }
  }
  node_ = own->node;
  SSDFS_TRY(take_directories());
  return write_identities(*own);
}

// A directory of this node that is empty or missing is one whose disk is not mounted: what would be
// written below the mount point would fill another disk, and be hidden one day.
void volume_set::set_aside_known(const io::identity& own) {
  for (const auto& d : directories_) {
    if (!d->usable() || !d->identity()) continue;
    for (const io::known_directory& k : d->identity()->directories) {
      const bool is_new = std::none_of(known_.begin(), known_.end(),
                                       [&](const auto& other) { return other.path == k.path; });
      if (is_new) known_.push_back(k);
    }
  }
  for (const auto& d : directories_) {
    if (!d->usable() || d->identity()) continue;
    const bool known = std::any_of(known_.begin(), known_.end(),
                                   [&](const auto& k) { return k.path == d->path(); });
    if (known && !d->declared_new()) {
      d->fail(failure(errc::io, d->path() + (d->present() ? " is empty" : " is missing") +
                                    ", but node " + to_string(own.node) +
                                    " has volumes there: is its disk mounted? (If it was "
                                    "replaced: put an empty file NEW into it)"));
    } else {
      SSDFS_LOG(info) << d->path() << ": becomes a data directory of node " << to_string(own.node);
    }
  }
}

result<void> volume_set::take_directories() {
  for (const auto& d : directories_) {
    if (d->usable()) d->make();
  }
  SSDFS_TRY(check_given_twice());
  for (const auto& d : directories_) {
    if (d->usable()) SSDFS_TRY(d->take());
  }
  SSDFS_TRY(check_given_twice());
  SSDFS_TRY(check_any_usable("no data directory is usable"));
  share_disks();
  return {};
}

// Space that two directories have in common is counted once: each has its part, as large as what an
// operator allows it, else an equal one.
void volume_set::share_disks() {
  std::map<std::uint64_t, std::vector<data_directory*>> by_disk;
  for (const auto& d : directories_) {
    if (d->usable()) by_disk[d->volumes_place().device].push_back(d.get());
  }
  for (const auto& [device, sharing] : by_disk) {
    const auto whole = sharing.front()->disk_capacity();
    if (sharing.size() < 2 || !whole || *whole == 0) continue;
    std::string names;
    double given = 0;
    std::size_t unlimited = 0;
    const auto limit_of = [&](const data_directory& d) {
      return static_cast<double>(std::min(*d.capacity_option(), *whole)) /
             static_cast<double>(*whole);
    };
    for (const data_directory* d : sharing) {
      names += (names.empty() ? "" : ", ") + d->path();
      if (d->capacity_option()) {
        given += limit_of(*d);
      } else {
        ++unlimited;
      }
    }
    const double all = static_cast<double>(sharing.size());
    const double rest =
        unlimited == 0 ? 0 : std::max((1 - given) / static_cast<double>(unlimited), 1 / all / all);
    const double sum = std::max(given + rest * static_cast<double>(unlimited), 1.0);
    for (data_directory* d : sharing) {
      d->set_capacity_share((d->capacity_option() ? limit_of(*d) : rest) / sum);
    }
    sharing_.push_back(sharing);
    SSDFS_LOG(warning) << names << ": are on one disk, whose space is counted once";
  }
  share_free_space();
}

// What is free is divided by what each may still take.
void volume_set::share_free_space() {
  for (const auto& sharing : sharing_) {
    double all = 0;
    for (const data_directory* d : sharing) all += static_cast<double>(d->allowed());
    for (data_directory* d : sharing) {
      d->set_free_share(all > 0 ? static_cast<double>(d->allowed()) / all
                                : 1 / static_cast<double>(sharing.size()));
    }
  }
}

result<void> volume_set::write_identities(const io::identity& own) {
  failure last(errc::io, "no data directory takes the node's identity");
  std::vector<io::known_directory> known;
  for (const auto& d : directories_) {
    if (d->usable()) {
      const bool begun = !d->identity() || d->identity()->directory.is_nil() || d->declared_new();
      known.push_back({begun ? io::random_uuid() : d->identity()->directory, d->path()});
      continue;
    }
    for (const io::known_directory& k : known_) {
      if (k.path == d->path()) known.push_back(k);
    }
  }
  for (const io::known_directory& k : known_) {
    const bool given = std::any_of(directories_.begin(), directories_.end(),
                                   [&](const auto& d) { return d->path() == k.path; });
    if (!given) SSDFS_LOG(warning) << k.path << ": is no data directory of this node any more";
  }
  // Each says first who it is, then all say which there are: a directory that is known has an
  // identity, also after a crash in between.
  for (const bool all : {false, true}) {
    for (const auto& d : directories_) {
      if (!d->usable()) continue;
      const auto entry = std::find_if(known.begin(), known.end(),
                                      [&](const auto& k) { return k.path == d->path(); });
      const bool named = d->identity() && d->identity()->directory == entry->id;
      if (!all && named) continue;
      io::identity its = own;
      its.directory = entry->id;
      its.directories = all ? known : std::vector<io::known_directory>{*entry};
      if (named && *d->identity() == its) continue;
      if (auto written = d->set_identity(its); !written) {
        last = written.error();
        SSDFS_LOG(error) << d->path() << ": does not take the node's identity: " << last.message();
        d->trouble();
      }
    }
  }
  const bool any = std::any_of(directories_.begin(), directories_.end(), [&](const auto& d) {
    return d->usable() && d->identity() && d->identity()->node == own.node &&
           d->identity()->cluster == own.cluster;
  });
  if (!any) return last;
  known_ = std::move(known);
  const std::lock_guard lock(mutex_);
  cluster_ = own.cluster;
  return {};
}

cluster_id volume_set::cluster() const {
  const std::lock_guard lock(mutex_);
  return cluster_;
}

result<void> volume_set::bind_cluster(cluster_id cluster) {
  const cluster_id own = this->cluster();
  if (own == cluster) return {};
  if (!is_nil(own)) {
    return failure(errc::wrong_cluster, "the data directories belong to cluster " + to_string(own) +
                                            ", not " + to_string(cluster));
  }
  return write_identities({"datanode", node_, cluster, {}, {}});
}

const std::string& volume_set::primary_directory() const {
  for (const auto& d : directories_) {
    if (d->usable()) return d->path();
  }
  return directories_.front()->path();
}

environment volume_set::environment_of(data_directory& home) const {
  return {options_.fs, options_.sync, options_.max_volume_size, &home};
}

void volume_set::open_volumes(data_directory& home) {
  auto listed = list_again(*options_.fs, home.volumes_path());
  if (!listed) {
    home.fail(listed.error());
    return;
  }
  for (const io::directory_entry& e : *listed) {
    if (const auto id = id_of(e.name)) open_volume(home, *id, home.volumes_path() + "/" + e.name);
  }
  // What is left under a temporary name was never valid, or is of no use any more, like an index
  // whose volume was dropped.
  std::set<std::string> indexes;
  for (const io::directory_entry& e : *listed) {
    if (id_of(e.name)) indexes.insert(index_path(e.name));
  }
  for (const io::directory_entry& e : *listed) {
    const bool temporary = ends_with(e.name, new_suffix) || ends_with(e.name, ".tmp");
    if (!temporary && !(ends_with(e.name, ".idx") && !indexes.contains(e.name))) continue;
    auto removed = options_.fs->remove(home.volumes_path() + "/" + e.name);
    if (!removed && !(removed.error() == errc::not_found)) {
      SSDFS_LOG(warning) << removed.error().message();
    }
  }
}

void volume_set::open_volume(data_directory& home, volume_id id, const std::string& path) {
  entry e{nullptr, &home, path, {}};
  note_opened(e, volume::open(environment_of(home), path, id));
  if (!e.open) SSDFS_LOG(error) << "volume is quarantined: " << e.problem;
  if (const auto other = volumes_.find(id); other != volumes_.end()) {
    choose_copy(other->second, std::move(e));
  } else {
    volumes_.emplace(id, std::move(e));
  }
}

std::shared_ptr<volume> volume_set::find(volume_id id) const {
  const std::lock_guard lock(mutex_);
  const auto at = volumes_.find(id);
  return at == volumes_.end() ? nullptr : at->second.open;
}

std::vector<std::shared_ptr<volume>> volume_set::all() const {
  std::vector<std::shared_ptr<volume>> out;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, e] : volumes_) {
    if (e.open) out.push_back(e.open);
  }
  return out;
}

std::vector<replica_report> volume_set::reports() const {
  std::vector<replica_report> out;
  const std::lock_guard lock(mutex_);
  out.reserve(volumes_.size());
  for (const auto& [id, e] : volumes_) {
    if (e.open) {
      out.push_back(e.open->report());
    } else {
      replica_report r;
      r.id = id;
      r.state = replica_state::damaged;
      out.push_back(r);
    }
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  return out;
}

std::vector<quarantined_volume> volume_set::quarantined() const {
  std::vector<quarantined_volume> out;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, e] : volumes_) {
    if (!e.open) out.push_back({id, e.path, e.problem});
  }
  return out;
}

bool volume_set::is_quarantined(volume_id id) const {
  const std::lock_guard lock(mutex_);
  const auto at = volumes_.find(id);
  return at != volumes_.end() && !at->second.open;
}

std::vector<placed_volume> volume_set::placed() const {
  std::vector<placed_volume> out;
  const std::lock_guard lock(mutex_);
  out.reserve(volumes_.size());
  for (const auto& [id, e] : volumes_) {
    if (!e.open) continue;
    const auto home = std::find_if(directories_.begin(), directories_.end(),
                                   [&](const auto& d) { return d.get() == e.home; });
    out.push_back({e.open->report(), static_cast<std::size_t>(home - directories_.begin())});
  }
  return out;
}

std::vector<directory_status> volume_set::status() const {
  std::vector<directory_status> out;
  const std::lock_guard lock(mutex_);
  for (const auto& d : directories_) {
    directory_status s{d->path(), d->problem(), d->capacity(), d->used(), d->available(), d->free(),
                       0};
    for (const auto& [id, e] : volumes_) {
      if (e.home == d.get()) ++s.volumes;
    }
    out.push_back(std::move(s));
  }
  return out;
}

// What the open volumes of a directory will still take. Under mutex_.
std::uint64_t volume_set::promised(const data_directory& home) const {
  const std::uint64_t full = volume_size_.load(std::memory_order_relaxed);
  std::uint64_t bytes = 0;
  for (const auto& [id, e] : volumes_) {
    if (e.home != &home || !e.open) continue;
    const replica_report r = e.open->report();
    const bool growing = r.state == replica_state::open || r.state == replica_state::recovering;
    if (growing && r.length < full) bytes += full - r.length;
  }
  return bytes;
}

data_directory* volume_set::choose(const create_options& options) const {
  data_directory* best = nullptr;
  double best_share = 0;
  for (const auto& d : directories_) {
    const std::uint64_t available = d->available();
    if (!d->usable() || available == 0 || available < options.expected_bytes) continue;
    // Negative when more is promised than there is: still a choice, but the last one.
    const double share = (static_cast<double>(available) - static_cast<double>(promised(*d))) /
                         static_cast<double>(std::max<std::uint64_t>(d->capacity(), 1));
    if (best == nullptr || share > best_share) {
      best = d.get();
      best_share = share;
    }
  }
  return best;
}

result<std::shared_ptr<volume>> volume_set::create(const create_options& options) {
  const std::lock_guard one(change_mutex_);
  data_directory* home = nullptr;
  cluster_id cluster;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return errc::shutting_down;
    if (volumes_.contains(options.id)) {
      return failure(errc::exists, "volume " + std::to_string(options.id.value) + " is here");
    }
    home = choose(options);
    cluster = cluster_;
  }
  if (home == nullptr) return failure(errc::no_space, "no data directory has room for a volume");
  SSDFS_TRY(remove_left_behind(*home));
  const std::string path = home->volume_path(options.id);
  auto made = volume::create(environment_of(*home), path,
                             {options.id, options.generation, cluster, options.recovering});
  if (!made) return made.error();
  const std::lock_guard lock(mutex_);
  volumes_.emplace(options.id, entry{*made, home, path, {}});
  return *made;
}

result<void> volume_set::drop(volume_id id) {
  const std::lock_guard one(change_mutex_);
  entry dropped;
  {
    const std::lock_guard lock(mutex_);
    const auto at = volumes_.find(id);
    if (at == volumes_.end()) return errc::not_found;
    dropped = at->second;
  }
  // From here on nothing makes its files again, not even a compaction that is under way.
  if (dropped.open) dropped.open->retire();
  // What cannot be removed now goes when its disk works again; behind a restart it is compared like
  // any other replica.
  if (dropped.home->usable()) {
    SSDFS_TRY(remove_files(*dropped.home, dropped.path));
  } else {
    left_behind_[dropped.home].insert(dropped.path);
  }
  // Nor is one kept that a move has left behind, or that was ignored for this one.
  for (const auto& d : directories_) {
    const std::string path = d->volume_path(id);
    if (d.get() == dropped.home || !d->usable()) continue;
    auto there = options_.fs->exists(path);
    if (there && *there) SSDFS_TRY(remove_files(*d, path));
  }
  const std::lock_guard lock(mutex_);
  volumes_.erase(id);
  return {};
}

// Volumes that were dropped while their disk did not work. change_mutex_ is held.
result<void> volume_set::remove_left_behind(data_directory& home) {
  const auto at = left_behind_.find(&home);
  if (at == left_behind_.end()) return {};
  while (!at->second.empty()) {
    SSDFS_TRY(remove_files(home, *at->second.begin()));
    at->second.erase(at->second.begin());
  }
  left_behind_.erase(at);
  return {};
}

// The volume file first: an index without a volume is nothing, the reverse would come back.
result<void> volume_set::remove_files(const data_directory& home, const std::string& path) {
  io::file_system& fs = *options_.fs;
  if (auto removed = fs.remove(path); !removed && !(removed.error() == errc::not_found)) {
    return removed;
  }
  SSDFS_TRY(fs.sync_directory(home.volumes_path()));
  for (const std::string& beside : {index_path(path), fence_path(path)}) {
    auto removed = fs.remove(beside);
    if (!removed && !(removed.error() == errc::not_found)) {
      SSDFS_LOG(warning) << removed.error().message();
    }
  }
  return {};
}

// Tells the directories what their volumes take. Returns all open volumes.
std::vector<std::shared_ptr<volume>> volume_set::measure() {
  auto volumes = all();
  struct sums {
    std::uint64_t used = 0;
    std::uint64_t largest = 0;
  };
  boost::unordered_flat_map<data_directory*, sums> by_home;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [id, e] : volumes_) {
      if (!e.open) continue;
      sums& s = by_home[e.home];
      s.used += e.open->disk_bytes();
      s.largest = std::max(s.largest, e.open->length());
    }
    if (arriving_at_ != nullptr) by_home[arriving_at_].used += arriving_bytes_;
  }
  for (const auto& d : directories_) {
    if (d->usable()) d->refresh(by_home[d.get()].used, by_home[d.get()].largest);
  }
  share_free_space();
  return volumes;
}

std::size_t volume_set::sync_dirty() {
  std::size_t failed = 0;
  for (const auto& v : measure()) {
    if (v->report().state == replica_state::damaged) continue;  // said when it happened
    v->expire_orphans(io::wall_ms());
    auto done = v->maintain();
    if (!done && done.error() == errc::shutting_down) continue;  // dropped or moved meanwhile
    if (!done) {
      ++failed;
      SSDFS_LOG(warning) << v->path() << ": " << done.error().message();
    }
  }
  return failed + check_disks();
}

std::size_t volume_set::check_disks() {
  std::size_t failed = 0;
  for (const auto& d : directories_) {
    if (d->works_again(io::steady_ms())) {
      const std::lock_guard one(change_mutex_);
      if (auto removed = remove_left_behind(*d); !removed) {
        SSDFS_LOG(warning) << removed.error().message();  // create() tries again
      }
      continue;
    }
    if (!d->check()) continue;
    std::vector<std::shared_ptr<volume>> lost;
    {
      const std::lock_guard lock(mutex_);
      for (const auto& [id, e] : volumes_) {
        if (e.home == d.get() && e.open) lost.push_back(e.open);
      }
    }
    for (const auto& v : lost) v->fail(failure(errc::io, d->path() + ": the disk has failed"));
    failed += lost.size();
  }
  return failed;
}

bool volume_set::any_usable() const {
  return std::any_of(directories_.begin(), directories_.end(),
                     [](const auto& d) { return d->usable(); });
}

void volume_set::stop() {
  {
    const std::lock_guard one(change_mutex_);
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    stopped_ = true;
  }
  for (const auto& v : all()) {
    if (v->report().state == replica_state::damaged) continue;
    if (auto done = v->checkpoint(); !done) {
      SSDFS_LOG(warning) << v->path() << ": " << done.error().message();
    }
    v->retire();
  }
  for (const auto& d : directories_) d->close();
}

}  // namespace ssdfs::volume
