// The file browser of the dashboard.
#pragma once

#include "http/server.hpp"
#include "master/core.hpp"

namespace ssdfs::master {

/// Routes /api/v1/list?path=&after=&limit= (a page of a directory) and /api/v1/stat?path= (a file's
/// attributes, chunks and where they are). What is asked is looked up in a turn of its own on the
/// namespace strand, and answered when what it shows is committed; where permissions are on, as
/// nobody in particular. `of` outlives the server.
void route_browser(http::server& to, core& of);

}  // namespace ssdfs::master
