// Views for reports and for readers.
#include "base/units.hpp"
#include "cluster/controller_impl.hpp"

#include <algorithm>
#include <tuple>

namespace ssdfs::cluster {

std::vector<replica_address> controller::readers(volume_id id, std::uint32_t* preferred) const {
  if (preferred != nullptr) *preferred = 0;
  std::vector<replica_address> list;
  const volume_record* at = impl_->ledger_.find(id);
  const volume_info* info = impl_->state_.find(id);
  if (at == nullptr || info == nullptr) return list;
  volume_situation situation;
  std::vector<replica_view> replicas;
  impl_->fill_situation(id, *at, impl_->now_, situation, replicas);
  struct rated {
    std::tuple<int, int> rank;
    const node_view* node;
  };
  std::vector<rated> rated_list;
  const auto rate = [&](const replica_view& r, int penalty) {
    const node_view* node = impl_->registry_.find(r.node);
    if (node == nullptr || node->address.empty()) return;
    int quality = r.report && r.report->state != replica_state::damaged &&
                          r.report->state != replica_state::recovering
                      ? 0
                      : 2;
    // Between closing and comparing, a copy that may lack something comes behind one that does not.
    if (quality == 0 && info->state == volume_state::closed && !is_complete(*info, *r.report)) {
      quality = 1;
    }
    rated_list.push_back({{static_cast<int>(r.state) + (node->connected && !node->stopping ? 0 : 1),
                           quality + penalty},
                          node});
  };
  bool member_holds = false;
  for (std::size_t i = 0; i < replicas.size(); ++i) {
    const bool member = i < info->members.size();
    member_holds =
        member_holds || (member && replicas[i].report && replicas[i].state == node_state::live);
    if (!member && member_holds) break;
    if (!member && !replicas[i].report) continue;
    rate(replicas[i], member ? 0 : 3);
  }
  std::stable_sort(rated_list.begin(), rated_list.end(),
                   [](const rated& a, const rated& b) { return a.rank < b.rank; });
  for (const rated& r : rated_list) {
    list.push_back({r.node->node, r.node->address});
    if (preferred != nullptr && r.rank == rated_list.front().rank) ++*preferred;
  }
  return list;
}

bool controller::safe_mode() const noexcept { return impl_->safe_ != impl::safe::off; }

std::string controller::safe_mode_reason() const {
  switch (impl_->safe_) {
    case impl::safe::off: return "off";
    case impl::safe::by_operator: return "entered by an operator";
    case impl::safe::starting: break;
  }
  const std::int64_t left =
      std::max<std::int64_t>(0, impl_->started_ + impl_->settings_.safemode_max_ms - impl_->now_);
  return "started: " + std::to_string(impl_->ledger_.with_copy()) + " of " +
         std::to_string(impl_->ledger_.with_content()) + " volumes have a reported copy, at most " +
         format_duration_ms(left / 1000 * 1000) + " more";
}

const registry& controller::nodes() const noexcept { return impl_->registry_; }

cluster_counts controller::counts() const noexcept {
  cluster_counts counts = impl_->ledger_.counts();
  counts.orders_outstanding = impl_->book_.size();
  return counts;
}

volume_report controller::report(volume_id id) const {
  volume_report report;
  const volume_record* at = impl_->ledger_.find(id);
  const volume_info* info = impl_->state_.find(id);
  if (at == nullptr || info == nullptr) return report;
  volume_situation situation;
  std::vector<replica_view> replicas;
  impl_->fill_situation(id, *at, impl_->now_, situation, replicas);
  report.condition = at->condition;
  report.complete = at->complete;
  report.grants = impl_->state_.grants_outstanding(id);
  for (std::size_t i = 0; i < replicas.size(); ++i) {
    const bool member = i < info->members.size();
    report.replicas.push_back({.node = replicas[i].node,
                               .member = member,
                               .standing = replica_standing(*info, replicas[i], member),
                               .report = replicas[i].report.value_or(replica_report{.id = id})});
  }
  return report;
}

std::size_t controller::replicas_on(node_id node) const {
  const node_record* at = impl_->ledger_.find_node(node);
  return at == nullptr ? 0 : at->holds.size();
}

std::uint64_t controller::removals_settled(volume_id id) const {
  const volume_record* at = impl_->ledger_.find(id);
  const volume_info* info = impl_->state_.find(id);
  if (at == nullptr || info == nullptr || info->members.empty()) return 0;
  std::uint64_t settled = info->removal_number;
  for (const node_id member : info->members) {
    const auto r = std::find_if(at->replicas.begin(), at->replicas.end(),
                                [&](const reported_replica& e) { return e.node == member; });
    if (r == at->replicas.end()) return 0;
    settled = std::min(settled, r->report.removal_number);
  }
  return settled;
}

const std::optional<witness>& controller::deposed_by() const noexcept {
  return impl_->registry_.deposed_by();
}
const std::optional<std::string>& controller::read_only_reason() const noexcept {
  return impl_->registry_.read_only_reason();
}
const controller_settings& controller::settings() const noexcept { return impl_->settings_; }

}  // namespace ssdfs::cluster
