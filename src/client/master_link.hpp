// Which master to ask.
#pragma once

#include "client/servers.hpp"

#include <string>
#include <vector>

namespace ssdfs::detail {

/// Knows all masters and follows the one that leads. Used on the client's strand.
class master_link {
 public:
  /// `addresses` must not be empty.
  master_link(server_table& servers, const std::vector<std::string>& addresses);

  [[nodiscard]] server& current() noexcept { return *masters_[current_]; }

  /// A call to `asked` failed. If it is still the current one: goes to the master that the hint of
  /// a not_active answer names, else to the next after a failure that another might not have.
  void failed(server& asked, const failure& why);

 private:
  server_table& servers_;
  std::vector<server*> masters_;  // configured ones first; hints may add others
  std::size_t current_ = 0;
};

}  // namespace ssdfs::detail
