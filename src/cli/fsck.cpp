// fsck: every file against what is stored of it.
#include "cli/command.hpp"
#include "cli/commands.hpp"
#include "cli/health.hpp"
#include "cli/output.hpp"
#include "cli/progress.hpp"
#include "cli/remote.hpp"
#include "client/node_call.hpp"
#include "client/tools.hpp"

#include <algorithm>
#include <chrono>
#include <iostream>
#include <thread>

namespace ssdfs::cli {
namespace {

enum class verdict : std::uint8_t { healthy, short_of_copies, corrupt, missing };

const char* name_of(verdict v) {
  switch (v) {
    case verdict::healthy: return "healthy";
    case verdict::short_of_copies: return "short";
    case verdict::corrupt: return "corrupt";
    case verdict::missing: return "missing";
  }
  return "";
}

struct finding {
  verdict what = verdict::healthy;
  std::string why;
};

struct totals {
  std::uint64_t files = 0;
  std::uint64_t chunks = 0;
  std::uint64_t bytes = 0;
  std::uint64_t short_of_copies = 0;
  std::uint64_t corrupt = 0;
  std::uint64_t missing = 0;

  [[nodiscard]] bool healthy() const { return short_of_copies + corrupt + missing == 0; }
};

class checker {
 public:
  checker(session& from, std::string path, bool all_files, bool json)
      : from_(from), path_(std::move(path)), all_files_(all_files), json_(json) {}

  /// Walks the namespace; prints what it finds unless `quietly`.
  result<totals> walk(const cluster_health& health, bool quietly) {
    totals out;
    progress shown("fsck");
    wire::fsck_request ask;
    ask.path = path_;
    ask.all = all_files_ || health.troubled.size() > wire::most_checked_volumes;
    if (!ask.all) {
      for (const auto& [id, v] : health.troubled) ask.volumes.push_back(id);
    }
    for (;;) {
      const auto page = detail::master_call(from_.client(), ask);
      if (!page) return page.error();
      out.files += page->files_seen;
      out.chunks += page->chunks_seen;
      out.bytes += page->bytes_seen;
      shown.files = out.files;
      shown.bytes = out.bytes;
      for (const auto& file : page->files) {
        const finding found = judge(health, file);
        count(out, found.what);
        if (!quietly) print(shown, file, found);
      }
      if (page->next_slice == 0 && page->next_inode == 0) return out;
      ask.slice = page->next_slice;
      ask.inode = page->next_inode;
    }
  }

 private:
  static void count(totals& to, verdict v) {
    if (v == verdict::short_of_copies) ++to.short_of_copies;
    if (v == verdict::corrupt) ++to.corrupt;
    if (v == verdict::missing) ++to.missing;
  }

  finding judge(const cluster_health& health, const wire::fsck_file& file) {
    finding worst;
    for (const auto& chunk : file.chunks) {
      if (chunk.generation == wire::chunk_lost) {
        return {verdict::missing, "chunk " + std::to_string(chunk.key) + " of volume " +
                                      std::to_string(chunk.volume.value) + " is lost"};
      }
      const auto volume = health.troubled.find(chunk.volume);
      if (volume == health.troubled.end()) continue;
      const finding f = judge(volume->second, chunk);
      if (f.what > worst.what) worst = f;
    }
    return worst;
  }

  finding judge(const volume_health& volume, const wire::chunk_ref& chunk) {
    const std::size_t good = volume.good_copies(chunk.key);
    const std::string where =
        "chunk " + std::to_string(chunk.key) + " of volume " + std::to_string(chunk.volume.value);
    if (good == 0 && !is_held_somewhere(volume, chunk)) {
      return {verdict::missing, "no good copy of " + where};
    }
    if (volume.is_bad_somewhere(chunk.key)) return {verdict::corrupt, "a bad copy of " + where};
    if (good >= volume.info.replication) return {};
    return {verdict::short_of_copies, std::to_string(good) + " of " +
                                          std::to_string(volume.info.replication) +
                                          " good copies of " + where + " (" + volume.reason + ")"};
  }

  // Among replicas of which it is not known what they lack: their indexes are asked.
  bool is_held_somewhere(const volume_health& volume, const wire::chunk_ref& chunk) {
    for (const copy_health& copy : volume.copies) {
      if (!copy.readable || copy.good ||
          std::binary_search(copy.bad.begin(), copy.bad.end(), chunk.key)) {
        continue;
      }
      const auto page = detail::node_call(from_.client(), {copy.node, copy.address},
                                          wire::replica_chunks_request{chunk.volume, chunk.key, 1});
      if (page && !page->chunks.empty() && page->chunks.front().key == chunk.key &&
          page->chunks.front().crc32c == chunk.crc32c) {
        return true;
      }
    }
    return false;
  }

  void print(progress& shown, const wire::fsck_file& file, const finding& found) const {
    if (found.what == verdict::healthy && !all_files_) return;
    shown.clear_line();
    if (json_) {
      print_json({{"path", file.path},
                  {"size", file.size},
                  {"state", name_of(found.what)},
                  {"reason", found.why}});
      return;
    }
    std::cout << name_of(found.what) << " " << shown_name(file.path)
              << (found.why.empty() ? "" : ": " + found.why) << "\n";
  }

  session& from_;
  const std::string path_;
  const bool all_files_;
  const bool json_;
};

// Tells the datanodes to put right what they can; how many replicas that are.
std::size_t order_repair(session& from, const cluster_health& health) {
  std::size_t ordered = 0;
  const auto order = [&](const replica_address& at, const wire::repair_replica_request& what) {
    const auto done = detail::node_call(from.client(), at, what);
    if (done) {
      ++ordered;
    } else {
      from.error(at.address, done.error());
    }
  };
  for (const auto& [id, volume] : health.troubled) {
    for (const auto& copy : volume.copies) {
      if (!copy.bad.empty()) order({copy.node, copy.address}, {id, false});
    }
  }
  for (const auto& o : health.orphans) {
    if (o.what.orphans_waiting != 0) order(o.at, {o.what.volume, true});
  }
  return ordered;
}

void print_summary(const totals& t, const cluster_health& health, const std::string& path,
                   bool json) {
  std::uint64_t orphans = 0;
  std::uint64_t waiting = 0;
  for (const auto& o : health.orphans) {
    orphans += o.what.orphans;
    waiting += o.what.orphans_waiting;
  }
  const bool sure = health.doubts.empty();
  const char* state = !sure ? "unknown" : t.healthy() ? "healthy" : "damaged";
  if (json) {
    boost::json::array doubts(health.doubts.begin(), health.doubts.end());
    print_json({{"path", path},
                {"state", state},
                {"files", t.files},
                {"chunks", t.chunks},
                {"bytes", t.bytes},
                {"volumes", health.volumes},
                {"short", t.short_of_copies},
                {"corrupt", t.corrupt},
                {"missing", t.missing},
                {"orphans", orphans},
                {"orphans_waiting", waiting},
                {"one_rack", health.one_rack},
                {"doubts", std::move(doubts)}});
    return;
  }
  std::cout << path << ": " << counted(t.files, "file") << ", " << counted(t.chunks, "chunk")
            << ", " << t.bytes << " bytes in " << health.volumes << " volumes\n"
            << t.missing << " files missing, " << t.corrupt << " corrupt, " << t.short_of_copies
            << " short of copies\n";
  if (orphans > 0) {
    std::cout << orphans << " orphans set aside, of which " << waiting
              << " wait for --repair (lost history may have known them)\n";
  }
  if (health.one_rack > 0) {
    std::cout << counted(health.one_rack, "volume")
              << " with copies in one rack, which the cluster moves by itself\n";
  }
  for (const auto& doubt : health.doubts) std::cout << "not sure: " << doubt << "\n";
  std::cout << state << "\n";
}

// Looks again until nothing is left that the cluster may still put right by itself, or for as long
// as the command's time allows.
result<totals> wait_for_repair(session& from, checker& check, cluster_health& health,
                               std::int64_t timeout_ms) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  for (;;) {
    auto again = gather_health(from);
    if (!again) return std::move(again).error();
    health = std::move(*again);
    const bool time_left = std::chrono::steady_clock::now() < until;
    if (health.troubled.empty() || !time_left) return check.walk(health, health.troubled.empty());
    std::this_thread::sleep_for(std::chrono::milliseconds(500));
  }
}

}  // namespace

int run_fsck(const std::vector<std::string>& arguments) {
  command_line line("fsck", "[PATH] [--files] [--repair]",
                    "Compares what should be stored with what is, and names every file that is "
                    "missing, corrupt or short of copies. Changes nothing without --repair. Exit "
                    "code 0: healthy, 1: not, 3: could not tell.",
                    {0, 1});
  line.flag("files", "name every file, the healthy ones too")
      .flag("repair",
            "have bad copies replaced and orphans released that wait for an operator, and "
            "wait (--timeout) for what is repaired by itself");
  if (!line.parse(arguments)) return line.exit_code();
  const auto timeout = line.duration_ms("timeout");
  if (!timeout) return line.exit_code();
  const auto from = session::open(line);
  if (!from) return line.exit_code();
  const auto named = source_path(*from, line.arguments().empty() ? "/" : line.arguments().front());
  if (!named) return exit_unknown;
  const std::string& path = *named;
  const auto unknown = [&](const failure& why) {
    from->error(path, why);
    return exit_unknown;
  };

  auto health = gather_health(*from);
  if (!health) return unknown(health.error());
  checker check(*from, path, line.has("files"), line.json());
  const bool repair = line.has("repair");
  if (repair && order_repair(*from, *health) > 0 && !line.json()) {
    std::cout << "repair ordered\n";
  }
  const auto found =
      repair ? wait_for_repair(*from, check, *health, *timeout) : check.walk(*health, false);
  if (!found) return unknown(found.error());
  print_summary(*found, *health, path, line.json());
  if (!health->doubts.empty()) return exit_unknown;
  return found->healthy() && from->exit_code() == 0 ? exit_done : exit_failed;
}

}  // namespace ssdfs::cli
