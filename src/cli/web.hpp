// The HTTP front doors of a role: files at /fs, WebHDFS at /webhdfs/v1.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "cli/options.hpp"
#include "http/local_chunks.hpp"
#include "http/server.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace ssdfs::cli {

/// Lives in the server's routes. stop() comes before the server's.
class web {
 public:
  virtual ~web() = default;
  /// Gives up what is under way, so that the server can stop.
  virtual void stop() = 0;
};

struct web_options {
  std::vector<std::string> masters;     ///< HOST:PORT
  http::local_chunks* local = nullptr;  ///< of a datanode; outlives the server
  bool names = false;                   ///< WebHDFS's operations on names: the master
  std::function<cluster_id()> cluster;
};

/// Adds the routes. errc::invalid_argument if an option is bad (the secret's file, a prefix).
[[nodiscard]] result<std::shared_ptr<web>> open_web(boost::asio::io_context& io,
                                                    const settings& options, http::server& to,
                                                    web_options what);

}  // namespace ssdfs::cli
