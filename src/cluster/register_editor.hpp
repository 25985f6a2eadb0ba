// One process's dealings with the register: reads it now and then, and changes it, one change at a
// time, by compare-and-set.
#pragma once

#include "cluster/member_action.hpp"
#include "cluster/register_value.hpp"
#include "cluster/time.hpp"

#include <optional>
#include <string>
#include <vector>

namespace ssdfs::cluster {

enum class read_outcome : std::uint8_t { found, missing, unreachable };
/// `lost`: a server has said that the version is another (or, of a creation, that it exists).
/// `not_sent`: certainly not sent. `unknown`: everything else; the change may be made at any time.
enum class change_outcome : std::uint8_t { done, lost, not_sent, unknown };

struct register_view {
  register_version version = 0;
  register_value value;
};

/// What became of a change.
struct register_settled {
  bool made = false;  ///< the register holds it, or held it
  register_value value;
};

/// Operation: a read proves nothing but that the register held this value at some time. A change is
/// settled by a definite answer, by seeing its nonce, or by seeing a higher version without it; an
/// answer that is lost leaves it open, and then it is sent again with the same expected version and
/// a new nonce. A change is preceded by a read that must find the value which it replaces: versions
/// begin anew when the register is deleted and made again.
///
/// A register of another cluster, or of an unknown format, is never written.
///
/// Concurrency: single-threaded. Bounds: one read and one change on the way.
class register_editor {
 public:
  static constexpr std::int64_t poll_ms = 1'000;
  static constexpr std::int64_t resend_ms = 200;
  static constexpr std::int64_t fresh_ms = 2'500;

  register_editor(cluster_id cluster, node_id self, std::uint64_t process)
      : cluster_(cluster), self_(self), next_id_(1), process_(process) {}

  // ---- events
  void read(std::uint64_t id, read_outcome what, register_version version, std::string_view bytes,
            time_ms now);
  void changed(std::uint64_t id, change_outcome what, time_ms now);
  /// Something is said to have changed: read soon.
  void hint() { next_read_at_ = 0; }
  /// Reads when one is due; sends an unsettled change again if `insist`.
  void timer(time_ms now, std::int64_t every_ms, bool insist);

  // ---- changes
  /// Asks for a read that must show view() again, or that there is no register if one is to be
  /// created; ready() then, or settled as not made.
  void prepare(time_ms now, bool create = false);
  [[nodiscard]] bool ready() const noexcept { return phase_ == phase::ready; }
  /// Sends what was prepared. cluster, writer and nonce are filled in.
  void send(register_value value);
  /// Leaves it.
  void abandon() {
    if (phase_ == phase::checking || phase_ == phase::ready) phase_ = phase::idle;
  }
  [[nodiscard]] bool busy() const noexcept { return phase_ != phase::idle; }
  /// Sent, and not known whether it was made.
  [[nodiscard]] bool open() const noexcept { return phase_ >= phase::sent; }
  [[nodiscard]] std::optional<register_settled> take_settled();

  // ---- what is known
  [[nodiscard]] const std::optional<register_view>& view() const noexcept { return view_; }
  [[nodiscard]] bool missing() const noexcept { return missing_; }
  /// Why the register is not used, or empty.
  [[nodiscard]] const std::string& trouble() const noexcept { return trouble_; }
  /// The nonces of this process so far are those from config's process number up to before this
  /// one.
  [[nodiscard]] std::uint64_t next_nonce() const noexcept { return process_ + next_id_; }
  /// A server has answered lately.
  [[nodiscard]] bool reaches(time_ms now) const noexcept {
    return answered_at_ != never && now - answered_at_ <= fresh_ms;
  }
  /// The last answer took long: no time for additions.
  [[nodiscard]] bool slow() const noexcept { return slow_; }
  [[nodiscard]] std::vector<leadership_action> take_actions() {
    return std::exchange(actions_, {});
  }

 private:
  enum class phase : std::uint8_t { idle, checking, ready, sent, unknown, looking };

  void ask(time_ms now);
  void attempt(time_ms now);
  void take_view(register_view seen);
  void look_at(const register_view& seen);
  void settle(bool made);
  [[nodiscard]] bool usable(const result<register_value>& value);

  cluster_id cluster_;
  node_id self_;
  std::uint64_t next_id_;
  std::uint64_t process_;  ///< high bits of the nonces
  std::optional<register_view> view_;
  bool missing_ = false;
  std::string trouble_;

  std::optional<std::uint64_t> reading_;
  time_ms asked_at_ = 0;
  time_ms next_read_at_ = 0;
  time_ms answered_at_ = never;
  bool slow_ = false;
  int lower_reads_ = 0;  ///< in a row, that showed a lower version than view_

  phase phase_ = phase::idle;
  std::uint64_t check_ = 0;  ///< the read that has to confirm view_
  register_value wanted_;
  std::optional<register_version> expected_;
  bool create_ = false;
  std::uint64_t first_nonce_ = 0;  ///< of this change's attempts; the last is wanted_.nonce
  std::uint64_t attempt_ = 0;      ///< id of the one on the way
  time_ms resend_at_ = 0;
  std::optional<register_settled> settled_;
  std::vector<leadership_action> actions_;
};

}  // namespace ssdfs::cluster
