// One running role each, behind one face, so that serve() need not know which they are.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "cli/options.hpp"
#include "http/local_chunks.hpp"
#include "http/server.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

namespace ssdfs::cli {

class running_role {
 public:
  virtual ~running_role() = default;
  [[nodiscard]] virtual std::string address() const = 0;
  [[nodiscard]] virtual node_id node() const = 0;
  /// Empty when the role can do its job.
  [[nodiscard]] virtual std::string not_ready() const = 0;
  virtual void set_slow_op_ms(std::int64_t ms) = 0;
  /// Takes the rates of background work into use, where the role has them.
  virtual void set_rates(const settings& options) = 0;
  /// False if the role hangs.
  [[nodiscard]] virtual bool alive() const = 0;
  /// Adds the role's pages to its HTTP server, before that is started.
  virtual void route(http::server& to) = 0;
  /// What the role stores itself; null if it stores nothing.
  [[nodiscard]] virtual http::local_chunks* chunks() = 0;
  [[nodiscard]] virtual cluster_id cluster() const = 0;
  /// Tells those who should know that the role is about to end; it still answers. May take some
  /// 100 ms.
  virtual void say_goodbye() = 0;
  virtual void stop() = 0;
};

/// What differs between the roles of one process.
struct role_place {
  std::string data_dir;
  std::string listen;
  std::string http;    ///< address that is bound already, empty without HTTP
  std::string master;  ///< others: where masters are, comma-separated
  std::string name;
};

/// What a start that takes a while tells, and how it is ended early.
struct start_hooks {
  std::function<void(const failure&)> on_fatal;  ///< the role cannot go on
  std::function<void(int percent)> on_progress;
  std::stop_token stop;
};

/// The parts of "a,b".
[[nodiscard]] std::vector<std::string> split_list(const std::string& text);

[[nodiscard]] result<std::unique_ptr<running_role>> start_master(boost::asio::io_context& io,
                                                                 const settings& options,
                                                                 const role_place& place,
                                                                 start_hooks hooks);
[[nodiscard]] result<std::unique_ptr<running_role>> start_backup(boost::asio::io_context& io,
                                                                 const settings& options,
                                                                 const role_place& place,
                                                                 start_hooks hooks);
[[nodiscard]] result<std::unique_ptr<running_role>> start_datanode(boost::asio::io_context& io,
                                                                   const settings& options,
                                                                   const role_place& place);

}  // namespace ssdfs::cli
