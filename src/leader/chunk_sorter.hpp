// Sorts the chunks of a volume by key without ever taking long.
#pragma once

#include "base/digest.hpp"
#include "wire/chunk_messages.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <vector>

namespace ssdfs::leader {

/// A volume may hold a million chunks, and whoever sorts them does that between requests. So they
/// are sorted in runs as they come, and the runs are merged a part at a time.
/// First add() all, then merge() until it is true, then list() and digest(). Single-threaded.
class chunk_sorter {
 public:
  using list_type = std::vector<wire::chunk_entry>;
  /// Chunks of a run: sorting one takes about a millisecond.
  static constexpr std::size_t run_length = 16'384;

  void add(const wire::chunk_entry& chunk) {
    chunks_.push_back(chunk);
    if (chunks_.size() % run_length == 0) sort_run(chunks_.size() - run_length);
  }

  /// Puts at most `most` chunks more into the list. True when it is complete.
  bool merge(std::size_t most) {
    if (!sorted_) begin();
    for (; most > 0 && !runs_.empty(); --most) {
      std::pop_heap(runs_.begin(), runs_.end(), is_later);
      run& first = runs_.back();
      const wire::chunk_entry& next = *first.next;
      digest_.add(next.key, next.size, next.crc32c);
      sorted_->push_back(next);
      if (++first.next == first.end) {
        runs_.pop_back();
      } else {
        std::push_heap(runs_.begin(), runs_.end(), is_later);
      }
    }
    return runs_.empty();
  }

  /// In the order of their keys. After merge() was true.
  [[nodiscard]] std::shared_ptr<const list_type> list() const { return sorted_; }
  [[nodiscard]] const volume_digest& digest() const noexcept { return digest_; }

 private:
  struct run {
    list_type::const_iterator next;
    list_type::const_iterator end;
  };
  static bool is_earlier(const wire::chunk_entry& a, const wire::chunk_entry& b) {
    return a.key < b.key;
  }
  static bool is_later(const run& a, const run& b) { return is_earlier(*b.next, *a.next); }

  void sort_run(std::size_t from) {
    std::sort(chunks_.begin() + static_cast<std::ptrdiff_t>(from), chunks_.end(), is_earlier);
  }

  void begin() {
    if (chunks_.size() % run_length != 0) {
      sort_run(chunks_.size() / run_length * run_length);
    }
    sorted_ = std::make_shared<list_type>();
    sorted_->reserve(chunks_.size());
    for (auto from = chunks_.cbegin(); from != chunks_.cend();) {
      const auto left = chunks_.cend() - from;
      const auto end = from + std::min(left, static_cast<std::ptrdiff_t>(run_length));
      runs_.push_back({from, end});
      from = end;
    }
    std::make_heap(runs_.begin(), runs_.end(), is_later);
  }

  list_type chunks_;       ///< in sorted runs
  std::vector<run> runs_;  ///< a heap: what is left of each run, the smallest key in front
  std::shared_ptr<list_type> sorted_;
  volume_digest digest_;
};

}  // namespace ssdfs::leader
