// Requests as small numbers.
#pragma once

#include "base/assert.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

namespace ssdfs::leader {

/// Names a request that waits for its answer at one of the machines of this room. The process
/// around them knows whose request it is; the machines hand the token back with the answer, once.
enum class token : std::uint32_t {};

/// What waits, by its token. A slab: tokens are indices, those that were taken are given out again,
/// so keeping something allocates nothing once the slab has grown to the usual load.
///
/// Invariant: a token is valid from add() until take(), and names one thing.
/// Concurrency: one thread or strand. Bounds: 2^32 - 1 things; who adds bounds how many wait.
template <class T>
class token_slab {
 public:
  [[nodiscard]] token add(T thing) {
    if (free_ == none) {
      SSDFS_ASSERT(cells_.size() < none);
      cells_.push_back({std::move(thing), none});
      ++size_;
      return token(static_cast<std::uint32_t>(cells_.size() - 1));
    }
    const std::uint32_t at = free_;
    cell& c = cells_[at];
    free_ = c.next_free;
    c.thing.emplace(std::move(thing));
    ++size_;
    return token(at);
  }
  /// The thing, whose token is free from here on.
  [[nodiscard]] T take(token which) {
    cell& c = cells_[index_of(which)];
    T out = std::move(*c.thing);
    c.thing.reset();
    c.next_free = std::exchange(free_, static_cast<std::uint32_t>(which));
    --size_;
    return out;
  }
  /// Valid until the next add() or take().
  [[nodiscard]] T& operator[](token which) { return *cells_[index_of(which)].thing; }

  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  /// Forgets everything, in the order of the tokens, after `last` has seen it.
  template <class Visitor>
  void drain(Visitor last) {
    for (std::size_t at = 0; at < cells_.size(); ++at) {
      if (cells_[at].thing) last(take(token(static_cast<std::uint32_t>(at))));
    }
  }

 private:
  static constexpr std::uint32_t none = 0xffff'ffff;
  struct cell {
    std::optional<T> thing;
    std::uint32_t next_free = none;
  };
  std::size_t index_of(token which) const {
    const auto at = static_cast<std::size_t>(which);
    SSDFS_ASSERT(at < cells_.size() && cells_[at].thing);
    return at;
  }
  std::vector<cell> cells_;
  std::uint32_t free_ = none;  ///< head of the list of free cells
  std::size_t size_ = 0;
};

}  // namespace ssdfs::leader
