// Places in the edits log at which the state of the namespace is known.
#pragma once

#include "base/ids.hpp"

#include <cstdint>
#include <deque>

namespace ssdfs::master {

/// What a MARK record says, with its place in the log: an image or a backup that stands there must
/// have this digest.
struct known_state {
  ssdfs::txid txid;
  std::uint32_t chain = 0;   ///< CRC of the record's line
  std::uint64_t digest = 0;  ///< state::digest() behind it
  friend bool operator==(const known_state&, const known_state&) = default;
};

/// The last MARKs of the log, from replay and from this reign. Single-threaded, on the strand.
class known_states {
 public:
  /// Must be behind those added before.
  void add(const known_state& at) {
    if (all_.size() == limit) all_.pop_front();
    all_.push_back(at);
  }
  /// Null if `id` is no MARK, or too old a one.
  [[nodiscard]] const known_state* find(txid id) const {
    for (const known_state& at : all_) {
      if (at.txid == id) return &at;
    }
    return nullptr;
  }
  /// Null if there is none.
  [[nodiscard]] const known_state* newest() const { return all_.empty() ? nullptr : &all_.back(); }

 private:
  static constexpr std::size_t limit = 4096;  // hours of MARKs every few seconds
  std::deque<known_state> all_;
};

}  // namespace ssdfs::master
