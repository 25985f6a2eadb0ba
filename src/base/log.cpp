#include "base/log.hpp"

namespace ssdfs {

BOOST_LOG_GLOBAL_LOGGER_DEFAULT(logger, boost::log::sources::severity_logger_mt<severity>)

}  // namespace ssdfs
