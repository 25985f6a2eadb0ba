// Operation ids: the numbers by which the master recognizes a repeated change.
#pragma once

#include "base/assert.hpp"
#include "wire/namespace_messages.hpp"

#include <cstdint>
#include <deque>

namespace ssdfs::detail {

/// Hands out sequence numbers and knows the lowest one that has not been answered: the master
/// keeps recorded results from there on. Used on the client's strand.
class operation_ids {
 public:
  explicit operation_ids(client_id client) : client_(client) {}

  /// A new operation's number, at its first attempt; every further attempt uses the same.
  [[nodiscard]] std::uint64_t begin() {
    answered_.push_back(false);
    return lowest_ + answered_.size() - 1;
  }
  /// No further attempt of `sequence` will be made.
  void end(std::uint64_t sequence) {
    SSDFS_ASSERT(sequence >= lowest_ && sequence - lowest_ < answered_.size());
    answered_[sequence - lowest_] = true;
    while (!answered_.empty() && answered_.front()) {
      answered_.pop_front();
      ++lowest_;
    }
  }
  [[nodiscard]] wire::operation id(std::uint64_t sequence) const {
    return {client_, sequence, lowest_};
  }
  [[nodiscard]] client_id client() const noexcept { return client_; }

 private:
  client_id client_;
  std::uint64_t lowest_ = 1;
  std::deque<bool> answered_;  // of lowest_, lowest_ + 1, ...
};

}  // namespace ssdfs::detail
