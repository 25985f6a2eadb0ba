#include "meta/state.hpp"

#include <algorithm>
#include <iterator>

namespace ssdfs::meta {

state::state() = default;

bool state::reclaim_step(std::size_t budget) {
  scratch_.clear();
  names_.reclaim_step(budget, scratch_);
  for (const chunk_ref& chunk : scratch_) volumes_.free(chunk, log_time_ms_);
  return !names_.detached().empty();
}

access_view state::access_of(inode entry) const {
  const std::uint16_t id = names_.access(entry);
  if (id == kept_id) [[unlikely]]
    return kept_access_of(names_.extra(entry));
  const access_rights& rights = access_.rights(id);
  return {rights.owner, rights.group, rights.mode};
}

std::string_view state::content_type_of(inode file) const {
  const std::uint16_t id = names_.attributes(file).content_type;
  if (id == kept_id) [[unlikely]]
    return extra_field(names_.extra(file), extra_tag::content_type);
  return types_.text(id);
}

epoch_t state::epoch_of(ssdfs::txid id) const noexcept {
  const auto after = std::upper_bound(
      epochs_.begin(), epochs_.end(), id,
      [](ssdfs::txid wanted, const epoch_entry& entry) { return wanted < entry.first; });
  return after == epochs_.begin() ? epoch_t{} : std::prev(after)->epoch;
}

bool is_possible(const rebalance_entry& entry) noexcept {
  if (entry.phase == rebalance_phase::none) return entry.threshold_permille == 0;
  return entry.phase <= rebalance_phase::stopped && entry.threshold_permille >= 1 &&
         entry.threshold_permille <= 1000;
}

std::uint64_t state::digest() const {
  const auto mix = [](std::uint64_t x) {
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9ULL;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebULL;
    return x ^ (x >> 31);
  };
  std::uint64_t sum = mix(names_.digest()) + mix(volumes_.digest() + 1);
  for (const auto& [node, entry] : nodes_) {
    const std::uint64_t what = static_cast<std::uint64_t>(entry.decision) ^
                               (static_cast<std::uint64_t>(entry.until_ms) << 8);
    sum += mix(hash_value(node) + what);
  }
  // Logs of version 1 have digests without it.
  if (rebalance_ != rebalance_entry{}) {
    const std::uint64_t what = static_cast<std::uint64_t>(rebalance_.phase) ^
                               (std::uint64_t{rebalance_.threshold_permille} << 8);
    sum += mix(0x5245424c00000000ULL ^ what);
  }
  return mix(sum + epoch().value);
}

outcome outcome_of(const record& r) {
  outcome o;
  o.txid = r.txid;
  if (const auto* create = std::get_if<create_record>(&r.body)) {
    o.replaced = create->replaced;
  } else if (const auto* rename = std::get_if<rename_record>(&r.body)) {
    o.replaced = rename->replaced;
    if (rename->trash) o.path = rename->to;
  }
  return o;
}

}  // namespace ssdfs::meta
