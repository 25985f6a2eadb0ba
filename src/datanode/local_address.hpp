// Under which of its addresses a machine is seen by another.
#pragma once

#include "base/result.hpp"
#include "base/unique_function.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <string>

namespace ssdfs::datanode {

/// Calls `done` once, on the executor, with the numeric address that packets to `remote`
/// ("HOST:PORT") leave from. Nothing is sent.
void find_local_address(const boost::asio::any_io_executor& executor, const std::string& remote,
                        unique_function<void(result<std::string>)> done);

}  // namespace ssdfs::datanode
