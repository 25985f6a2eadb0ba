#include "cli/health.hpp"

#include "client/node_call.hpp"
#include "client/tools.hpp"

#include <algorithm>
#include <utility>

namespace ssdfs::cli {
namespace {

using bad_map = std::map<std::pair<volume_id, node_id>, std::vector<chunk_key>>;

bool is_readable(const wire::volume_replica& r) {
  const bool silent = r.state == "node dead" || r.state == "node stale";
  return !silent && r.report.generation != 0 &&
         (r.report.state == replica_state::open || r.report.state == replica_state::sealed);
}

// Digests say something for closed volumes, at equal removal numbers.
bool is_good(const volume_info& info, const wire::volume_replica& r) {
  const replica_report& report = r.report;
  const bool member =
      std::find(info.members.begin(), info.members.end(), r.node) != info.members.end();
  if (!member || !is_readable(r) || report.generation != info.generation) return false;
  if (info.state == volume_state::open) return report.state == replica_state::open;
  if (info.state == volume_state::sealed || report.removal_number != info.removal_number)
    return true;
  return report.digest == info.digest;
}

volume_health health_of(const wire::volume_status& v, const bad_map& bad) {
  volume_health out{v.info, v.reason, {}};
  for (const auto& r : v.replicas) {
    copy_health copy{r.node, r.node_name, r.address, is_readable(r), is_good(v.info, r), {}};
    if (const auto known = bad.find({v.info.id, r.node}); known != bad.end()) {
      copy.bad = known->second;
    }
    out.copies.push_back(std::move(copy));
  }
  return out;
}

result<std::vector<chunk_key>> bad_chunks_of(session& from, const replica_address& at,
                                             volume_id volume) {
  std::vector<chunk_key> keys;
  for (wire::bad_chunks_request ask{volume, 0};;) {
    auto page = detail::node_call(from.client(), at, ask);
    if (!page) return std::move(page).error();
    keys.insert(keys.end(), page->keys.begin(), page->keys.end());
    if (!page->more || page->keys.empty()) return keys;
    ask.from_key = page->keys.back() + 1;
  }
}

// Everything that one node says against its own replicas.
result<void> ask_node(session& from, const wire::node_status& node, bad_map& bad,
                      cluster_health& out) {
  const replica_address at{node.node, node.address};
  for (wire::replica_health_request ask;;) {
    const auto page = detail::node_call(from.client(), at, ask);
    if (!page) return page.error();
    for (const auto& trouble : page->replicas) {
      if (trouble.orphans > 0) out.orphans.push_back({at, trouble});
      if (trouble.bad_records == 0) continue;
      auto keys = bad_chunks_of(from, at, trouble.volume);
      if (!keys) return std::move(keys).error();
      bad[{trouble.volume, node.node}] = std::move(*keys);
    }
    if (!page->more || page->replicas.empty()) return {};
    ask.from = page->replicas.back().volume.next();
  }
}

}  // namespace

std::size_t volume_health::good_copies(chunk_key key) const {
  return static_cast<std::size_t>(std::count_if(copies.begin(), copies.end(), [&](const auto& c) {
    return c.good && !std::binary_search(c.bad.begin(), c.bad.end(), key);
  }));
}

bool volume_health::is_bad_somewhere(chunk_key key) const {
  return std::any_of(copies.begin(), copies.end(), [&](const auto& c) {
    return std::binary_search(c.bad.begin(), c.bad.end(), key);
  });
}

bool volume_health::whole() const {
  const auto good =
      std::count_if(copies.begin(), copies.end(), [](const auto& c) { return c.good; });
  const bool bad =
      std::any_of(copies.begin(), copies.end(), [](const auto& c) { return !c.bad.empty(); });
  return !bad && good >= info.replication;
}

result<cluster_health> gather_health(session& from) {
  cluster_health out;
  const auto report = detail::master_call(from.client(), wire::admin_report_request{});
  if (!report) return report.error();
  if (report->safemode)
    out.doubts.push_back("the master is in safe mode: " + report->safemode_reason);
  bad_map bad;
  for (const auto& node : report->nodes) {
    if (node.state == "dead" || node.state == "stale" || node.address.empty()) continue;
    if (const auto asked = ask_node(from, node, bad, out); !asked) {
      out.doubts.push_back("datanode " + node.name + " does not say: " + asked.error().message());
    }
  }
  for (wire::admin_volumes_request ask;;) {
    const auto page = detail::master_call(from.client(), ask);
    if (!page) return page.error();
    for (const auto& v : page->volumes) {
      ++out.volumes;
      if (v.reason == "one_rack") ++out.one_rack;
      // A volume without chunks has nothing to lose; an open one may get some at any time.
      if (v.info.state == volume_state::closed && v.info.digest.count == 0) continue;
      volume_health h = health_of(v, bad);
      if (!h.whole()) out.troubled.emplace(v.info.id, std::move(h));
    }
    if (!page->more || page->volumes.empty()) break;
    ask.from = page->volumes.back().info.id.next();
  }
  return out;
}

}  // namespace ssdfs::cli
