#include "http/dashboard.hpp"

#include "http/dashboard_files.hpp"

namespace ssdfs::http {
namespace {

namespace bhttp = boost::beast::http;

void route_text(server& to, std::string path, std::string_view text, std::string_view type) {
  to.route(std::move(path), [text, type](const http_request& request) {
    auto response = text_response(request, bhttp::status::ok, std::string(text), type);
    // A new version of the program has a new page.
    response.set(bhttp::field::cache_control, "no-cache");
    response.set("X-Content-Type-Options", "nosniff");
    response.set("Referrer-Policy", "no-referrer");
    response.set(
        "Content-Security-Policy",
        "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; "
        "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
    return response;
  });
}

}  // namespace

void route_dashboard(server& to) {
  route_text(to, "/", dashboard_files::html, "text/html; charset=utf-8");
  route_text(to, "/dashboard.css", dashboard_files::css, "text/css; charset=utf-8");
  route_text(to, "/dashboard.js", dashboard_files::js, "text/javascript; charset=utf-8");
}

}  // namespace ssdfs::http
