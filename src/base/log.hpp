// Logging front: severities and one macro. Sinks are set up by `cli`; a room only writes.
#pragma once

#include <boost/log/sources/global_logger_storage.hpp>
#include <boost/log/sources/record_ostream.hpp>
#include <boost/log/sources/severity_logger.hpp>

namespace ssdfs {

enum class severity { debug, info, warning, error };

BOOST_LOG_GLOBAL_LOGGER(logger, boost::log::sources::severity_logger_mt<severity>)

}  // namespace ssdfs

/// SSDFS_LOG(info) << "text"; evaluated only if the level is on. From any thread.
#define SSDFS_LOG(level) BOOST_LOG_SEV(::ssdfs::logger::get(), ::ssdfs::severity::level)
