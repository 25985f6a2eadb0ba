// Inside of the decision about a volume: shared by volume_life.cpp, volume_open.cpp and
// volume_closed.cpp only.
#pragma once

#include "cluster/volume_life.hpp"

#include <cstdint>
#include <span>
#include <vector>

namespace ssdfs::cluster::life {

using kind = log_step::kind;

/// The replica holds what the namespace says, as of the same removals, and nothing of it is bad.
[[nodiscard]] bool same_content(const volume_info& info, const replica_report& report) noexcept;

/// Walks through one volume's situation; the decision grows in `out_`.
class planner {
 public:
  planner(const volume_situation& situation, const life_settings& settings);

  volume_decision run();

 private:
  // ---- shared ---------------------------------------------------------------------------------

  void count_copies();
  [[nodiscard]] static bool readable(const replica_report& report);
  [[nodiscard]] bool good(const replica_report& report) const;
  [[nodiscard]] bool acked(const replica_view& r) const;
  /// No file has a chunk in it and none can get one: the contents of its replicas do not matter.
  [[nodiscard]] bool nothing_live() const;
  [[nodiscard]] bool repair_allowed() const;
  void want(const replica_view& r, order_kind what, generation_t generation,
            std::uint64_t removal_number = 0);
  /// Who can give chunks to `to`: complete copies first, then every sealed replica (their union).
  [[nodiscard]] std::vector<node_id> sources_for(node_id to) const;
  [[nodiscard]] bool has_complete_source(node_id to) const;
  void want_from_others(const replica_view& r, order_kind what, generation_t generation);
  void change_members(std::vector<node_id> members);
  /// A replica with a generation that the log never gave (history was lost, a replaced master went
  /// on for a while, or a disk was exchanged): the volume moves on, one by one, until it has caught
  /// up. What the replica holds is compared like any other once the volume is closed.
  [[nodiscard]] bool overtake();
  [[nodiscard]] std::uint64_t longest() const;

  // ---- open -----------------------------------------------------------------------------------

  void plan_open();

  enum class member_step { open, on_its_way, failed };
  /// What a member of an open volume needs, if that can still be brought to open.
  member_step open_member(const replica_view& r);
  seal_reason reason_to_seal();
  /// A node has a replica that nobody needs, from when it was a member. It can be dropped only when
  /// this is closed.
  [[nodiscard]] bool has_surplus() const;
  /// It is a node that shall be empty.
  [[nodiscard]] bool surplus_parts() const;
  [[nodiscard]] std::uint64_t room() const;

  // ---- sealed ---------------------------------------------------------------------------------

  void plan_sealed();
  void seal_member(const replica_view& r);
  /// True if no seal can be had from the member any more.
  [[nodiscard]] bool lost(const replica_view& r) const;
  void take_off_lost_members();
  /// No member has a replica, but others do (taken off earlier): the newest of them are members
  /// again. What they lack shows when the volume is closed and compared.
  void adopt_outsiders();
  [[nodiscard]] static bool adoptable(const replica_view& r);

  // ---- closed ---------------------------------------------------------------------------------

  void plan_closed();
  /// Keeps the gravest name: the later in the enumeration.
  void worsen(volume_condition condition);
  /// Orders what brings a member of a closed volume to a complete copy.
  void restore_member(const replica_view& r, bool& copying);
  /// One copy of a volume is made at a time.
  void copy_to(const replica_view& r, bool& copying);
  /// Brings the content of a sealed replica to what the namespace says.
  void compare(const replica_view& r);
  /// A replica on a node that is no member: taken back if a copy is lacking, else dropped.
  void plan_outsider(const replica_view& r, bool& copying);
  [[nodiscard]] bool arrives(const replica_view& r) const;
  /// What has been copied takes the place of the member that goes: the same number of complete
  /// copies before and after.
  void plan_arrival(const replica_view& r, bool& copying);
  [[nodiscard]] bool lacks_members() const;
  void take_in(node_id node);
  /// A dead member is given up when the volume is safe without it. Should its node come back, the
  /// replica is compared, and taken in again if it is still needed.
  void take_off_dead_members();
  void copy_to_target(bool& copying);
  /// A whole volume: compact it, or open it again.
  void plan_upkeep();
  /// One replica at a time, the first in chain order that is worth it. True if there is one.
  [[nodiscard]] bool plan_compaction();

  const volume_situation& in_;
  const life_settings& settings_;
  const volume_info& info_;
  std::span<const replica_view> members_;
  std::span<const replica_view> outsiders_;
  volume_decision out_;
};

}  // namespace ssdfs::cluster::life
