// The log of a state_rig as the machines of a leader see it.
#pragma once

#include "leader/edits.hpp"
#include "meta/state_util.hpp"

#include <functional>

namespace ssdfs::leader::test {

using ssdfs::test::state_rig;
using ssdfs::test::test_node;

/// Logs into the rig, or refuses while a test says so.
class rig_edits final : public edits {
 public:
  explicit rig_edits(state_rig& rig) : rig_(rig) {}

  result<void> log(meta::record& change) override {
    if (room == 0) return errc::busy;
    --room;
    ++logged;
    change.txid = txid{rig_.state().last_txid().value + 1};
    if (before_apply) before_apply(change);
    rig_.log_record(change);
    return {};
  }
  meta::context& context() override { return rig_.context(); }
  result<void> may_change() const override {
    if (read_only) return errc::read_only;
    return {};
  }

  std::size_t room = 1'000'000;  ///< so many records more
  std::size_t logged = 0;
  bool read_only = false;
  std::function<void(const meta::record&)> before_apply;

 private:
  state_rig& rig_;
};

}  // namespace ssdfs::leader::test
