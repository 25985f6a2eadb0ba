// What `admin report` says of backups.
#pragma once

#include "wire/admin_messages.hpp"

#include <boost/json/object.hpp>

namespace ssdfs::cli {

/// Adds "backups", "min_sync_backups", "committed" and "problem".
void add_backups(boost::json::object& to, const wire::admin_report_reply& report);
/// Nothing where there is nothing to tell.
void print_backups(const wire::admin_report_reply& report);

}  // namespace ssdfs::cli
