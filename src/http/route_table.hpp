// Which handler a path belongs to.
#pragma once

#include "http/exchange.hpp"

#include <map>
#include <memory>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::http {

/// Thread-safe. Routes are added and never taken away, so what find() returns stays.
class route_table {
 public:
  void add(std::string path, exchange_handler answer) {
    const std::unique_lock lock(mutex_);
    exact_.try_emplace(std::move(path), std::move(answer));
  }
  void add_prefix(std::string prefix, exchange_handler answer) {
    const std::unique_lock lock(mutex_);
    prefixes_.push_back(std::make_unique<entry>(std::move(prefix), std::move(answer)));
  }
  /// Null if there is none. An equal path goes before prefixes, the longest prefix before others.
  [[nodiscard]] const exchange_handler* find(std::string_view path) const {
    const std::shared_lock lock(mutex_);
    const entry* best = nullptr;
    for (const auto& e : prefixes_) {
      if (path.starts_with(e->prefix) &&
          (best == nullptr || e->prefix.size() > best->prefix.size())) {
        best = e.get();
      }
    }
    if (const auto at = exact_.find(path); at != exact_.end()) return &at->second;
    return best == nullptr ? nullptr : &best->answer;
  }

 private:
  struct entry {
    entry(std::string p, exchange_handler a) : prefix(std::move(p)), answer(std::move(a)) {}
    const std::string prefix;
    const exchange_handler answer;
  };
  mutable std::shared_mutex mutex_;
  std::map<std::string, exchange_handler, std::less<>> exact_;
  std::vector<std::unique_ptr<entry>> prefixes_;
};

}  // namespace ssdfs::http
