// One running role each, behind one face, so that serve() need not know which they are.
#pragma once

#include "base/ids.hpp"
#include "base/result.hpp"
#include "cli/options.hpp"

#include <boost/asio/io_context.hpp>

#include <functional>
#include <memory>
#include <string>

namespace ssdfs::cli {

class running_role {
 public:
  virtual ~running_role() = default;
  [[nodiscard]] virtual std::string address() const = 0;
  [[nodiscard]] virtual node_id node() const = 0;
  /// Empty when the role can do its job.
  [[nodiscard]] virtual std::string not_ready() const = 0;
  virtual void set_slow_op_ms(std::int64_t ms) = 0;
  virtual void stop() = 0;
};

/// What differs between the roles of one process.
struct role_place {
  std::string data_dir;
  std::string listen;
  std::string http;    ///< address that is bound already, empty without HTTP
  std::string master;  ///< datanodes: where masters are, comma-separated
  std::string name;
};

[[nodiscard]] result<std::unique_ptr<running_role>> start_master(
    boost::asio::io_context& io, const settings& options, const role_place& place,
    std::function<void(const failure&)> on_fatal);
[[nodiscard]] result<std::unique_ptr<running_role>> start_datanode(boost::asio::io_context& io,
                                                                   const settings& options,
                                                                   const role_place& place);

}  // namespace ssdfs::cli
