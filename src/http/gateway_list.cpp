// Directories as JSON, page by page.
#include "http/gateway.hpp"
#include "http/http_errors.hpp"
#include "http/url.hpp"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>

namespace ssdfs::http {

void gateway::list(const exchange_ptr& e, const std::string& path) {
  list_options options;
  const auto parameters = parse_query(e->request().query);
  if (!parameters) {
    return respond_error(*e, 400, "invalid_argument", "the query is not encoded properly", path);
  }
  options.limit = 1000;
  for (const query_parameter& p : *parameters) {
    if (p.name == "after") options.after = p.value;
    if (p.name != "limit") continue;
    const auto limit = parse_number(p.value);
    if (!limit || *limit == 0) {
      return respond_error(*e, 400, "invalid_argument", "limit is a number above 0", path);
    }
    // A page may always be shorter: "more" tells.
    options.limit = static_cast<std::uint32_t>(std::min<std::uint64_t>(*limit, max_list_entries));
  }
  client_.async_list(path, options, [e, path](boost::system::error_code ec, list_page page) {
    if (ec) return respond_error(*e, failure(ec), path);
    boost::json::object body;
    body["path"] = path;
    boost::json::array entries;
    for (const file_status& s : page.entries) {
      boost::json::object entry;
      entry["name"] = s.path.substr(s.path.rfind('/') + 1);
      entry["type"] = s.type == entry_type::directory ? "directory" : "file";
      entry["size"] = s.size;
      entry["mtime_ms"] = s.mtime_ms;
      entries.push_back(std::move(entry));
    }
    body["entries"] = std::move(entries);
    body["more"] = page.more;
    if (page.more) body["next"] = page.next;
    e->respond(200, "Content-Type: application/json\r\nCache-Control: no-store\r\n",
               boost::json::serialize(body) + "\n");
  });
}

}  // namespace ssdfs::http
