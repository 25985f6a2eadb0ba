// Makers of operations: what the public initiating functions and the batches launch.
#pragma once

#include "client/operation.hpp"
#include "ssdfs/client.hpp"

#include <string>

namespace ssdfs::detail {

[[nodiscard]] operation_ptr make_put(const core_ptr& c, std::string path,
                                     boost::asio::const_buffer data, put_options options,
                                     handler_for<mutation_result> handler);
[[nodiscard]] operation_ptr make_get(const core_ptr& c, std::string path, get_options options,
                                     handler_for<file_content> handler);
[[nodiscard]] operation_ptr make_stat(const core_ptr& c, std::string path, stat_options options,
                                      handler_for<file_status> handler);
[[nodiscard]] operation_ptr make_remove(const core_ptr& c, std::string path, remove_options options,
                                        handler_for<mutation_result> handler);

}  // namespace ssdfs::detail
