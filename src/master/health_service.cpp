// What is stored against what should be: the namespace's side of fsck.
#include "io/clock.hpp"
#include "master/mutate.hpp"
#include "wire/health_messages.hpp"

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

namespace ssdfs::master {
namespace {

constexpr std::size_t chunks_limit = 64;       // named per file
constexpr std::size_t page_bytes = 512 << 10;  // a reply stays well below a frame's message
constexpr std::int64_t page_ns = 4'000'000;    // on the strand
constexpr std::size_t files_between_looks = 256;

// Whether what lies in a directory belongs to the walk: below the path that is asked for, and
// reachable at all (what was removed waits a while for its memory to be reclaimed).
class scope {
 public:
  scope(const meta::tree& names, meta::directory_id top) : names_(names), top_(top) {}

  bool holds(meta::directory_id directory) {
    const auto known = known_.find(directory.value);
    if (known != known_.end()) return known->second;
    const bool yes = climb(directory);
    known_.emplace(directory.value, yes);
    return yes;
  }

 private:
  bool climb(meta::directory_id directory) {
    bool inside = directory == top_;
    while (directory != meta::root_directory) {
      directory = names_.parent_of(names_.inode_of(directory));
      if (directory == meta::no_directory) return false;
      inside = inside || directory == top_;
    }
    return inside;
  }

  const meta::tree& names_;
  const meta::directory_id top_;
  boost::unordered_flat_map<std::uint32_t, bool> known_;
};

}  // namespace

void service::fsck(net::request r, const wire::fsck_request& q) {
  if (q.volumes.size() > wire::most_checked_volumes) {
    return r.fail(failure(errc::invalid_argument,
                          "more than " + std::to_string(wire::most_checked_volumes) + " volumes"));
  }
  const meta::state& s = core_.state();
  const meta::tree& names = s.names();
  const auto top = meta::lookup(s, q.path, {});
  if (!top) return core_.refuse(std::move(r), top.error());
  const boost::unordered_flat_set<volume_id> wanted(q.volumes.begin(), q.volumes.end());

  wire::fsck_reply reply;
  reply.slices = names.slices();
  std::size_t bytes = 0;
  std::vector<meta::chunk_ref> chunks;
  const auto look_at = [&](meta::inode file) {
    chunks.clear();
    names.chunks(file, chunks);
    ++reply.files_seen;
    reply.chunks_seen += chunks.size();
    wire::fsck_file found;
    for (const auto& c : chunks) {
      found.size += c.size;
      const volume_id volume = s.volumes()[c.at.volume].info.id;
      const bool lost = s.volumes().is_lost(volume, c.at.key);
      if (found.chunks.size() < chunks_limit && (q.all || lost || wanted.contains(volume))) {
        found.chunks.push_back({volume, c.at.key, c.size, c.crc32c, lost ? wire::chunk_lost : 0});
      }
    }
    reply.bytes_seen += found.size;
    if (found.chunks.empty() && !q.all) return;
    found.path = names.path_of(file);
    bytes += found.path.size() + 16 + found.chunks.size() * 32;
    reply.files.push_back(std::move(found));
  };
  if (!top->directory) {
    look_at(top->entry);
    return answer_read(std::move(r), std::move(reply));
  }

  scope inside(names, names.directory_of(top->entry));
  const std::int64_t until_ns = io::steady_ns() + page_ns;
  std::size_t visited = 0;
  bool full = false;
  std::size_t slice = q.slice;
  for (; slice < names.slices() && !full; ++slice) {
    names.visit_slice(slice, [&](meta::inode file) {
      if (slice == q.slice && file.value < q.inode) return;
      if (full) return;
      // At least one a page, so that every page gets on.
      full = visited > 0 && (bytes > page_bytes ||
                             (visited % files_between_looks == 0 && io::steady_ns() > until_ns));
      if (full) {
        reply.next_slice = static_cast<std::uint32_t>(slice);
        reply.next_inode = file.value;
        return;
      }
      ++visited;
      if (inside.holds(names.parent_of(file))) look_at(file);
    });
    if (!full && slice + 1 < names.slices() && io::steady_ns() > until_ns) {
      reply.next_slice = static_cast<std::uint32_t>(slice + 1);
      break;
    }
  }
  answer_read(std::move(r), std::move(reply));
}

}  // namespace ssdfs::master
