// Watches a running master for its dashboard and its metrics.
#pragma once

#include "master/core.hpp"
#include "master/history.hpp"
#include "master/snapshot.hpp"
#include "net/server_metrics.hpp"

#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>

namespace ssdfs::master {

/// Operation: twice a second, on the namespace strand, it copies the figures that are at hand and
/// looks at a few hundred volumes (so that no turn takes longer than about a millisecond); the walk
/// over the volumes is taken over into the snapshot when it has come round.
/// Concurrency: start() and stop() on the strand (or while nothing else runs there); the others
/// from any thread. Kept alive by its timer.
class observer : public std::enable_shared_from_this<observer> {
 public:
  static constexpr std::int64_t interval_ms = 500;
  static constexpr std::size_t volumes_per_turn = 500;

  /// What is shown besides the core's figures; asked on the strand, valid until the last turn.
  struct sources {
    const net::server_metrics& traffic;
    std::function<std::vector<wire::backup_status>()> backups;
  };
  observer(boost::asio::io_context& io, core& of, sources from);

  void start();
  void stop();

  /// Null before the first turn.
  [[nodiscard]] std::shared_ptr<const snapshot> latest() const;
  /// Calls `use(const history&)` under the lock: to be brief.
  template <class Use>
  void with_history(Use use) const {
    const std::lock_guard lock(mutex_);
    use(history_);
  }
  /// False if the strand has not had a turn for long: it hangs.
  [[nodiscard]] bool alive() const;

 private:
  void arm();
  void observe();
  void walk_volumes();
  void look_at(const volume_info& info);
  [[nodiscard]] traffic_totals traffic() const;

  core& core_;
  const sources from_;
  boost::asio::steady_timer timer_;
  bool stopped_ = false;     // on the strand
  std::int64_t started_ms_;  // since 1970
  std::size_t cursor_ = 0;   // next volume's slot
  volume_figures walking_;   // the round under way
  volume_figures walked_;    // the last complete one
  std::atomic<std::int64_t> last_turn_ms_;

  mutable std::mutex mutex_;
  std::shared_ptr<const snapshot> latest_;  // under mutex_
  history history_;                         // under mutex_
};

}  // namespace ssdfs::master
