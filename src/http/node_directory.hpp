// Where datanodes answer HTTP.
#pragma once

#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "ssdfs/client.hpp"

#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::http {

struct http_node {
  std::string address;  ///< of the binary protocol, as replicas are named
  std::string http;     ///< HOST:PORT
  bool live = false;
};
using http_nodes = std::vector<http_node>;

/// The master's list, asked for when it is needed and older than two seconds.
/// Concurrency: thread-safe; handlers run on the client's strand, or at once.
class node_directory : public std::enable_shared_from_this<node_directory> {
 public:
  using handler = unique_function<void(result<std::shared_ptr<const http_nodes>>)>;
  explicit node_directory(client& from) : client_(from) {}
  void get(handler done);

 private:
  client& client_;
  std::mutex mutex_;
  std::shared_ptr<const http_nodes> known_;  // guarded by mutex_
  std::int64_t until_ns_ = 0;                // guarded by mutex_
  std::vector<handler> waiting_;             // guarded by mutex_; not empty: a request is under way
};

/// One of the live nodes with HTTP at random: if `holders` is not empty, one of these addresses if
/// any of them will do; none whose HTTP address or host is in `excluded`. Empty if there is none.
[[nodiscard]] std::string choose_node(const http_nodes& nodes,
                                      const std::vector<std::string>& holders,
                                      const std::vector<std::string>& excluded = {});

/// The node's address as a caller can use it who reached this server as `host` (its Host field): a
/// node at a loopback address is on the same machine, of which the caller has said its own name.
[[nodiscard]] std::string seen_by_caller(const std::string& node, std::string_view host);

}  // namespace ssdfs::http
