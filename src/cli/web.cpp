#include "cli/web.hpp"

#include "http/gateway.hpp"
#include "http/signed_url.hpp"
#include "http/webhdfs.hpp"

#include <algorithm>

namespace ssdfs::cli {
namespace {

class open_doors final : public web {
 public:
  open_doors(std::shared_ptr<http::gateway> files, std::shared_ptr<http::webhdfs> names)
      : files_(std::move(files)), names_(std::move(names)) {}
  void stop() override {
    names_->begin_stop();
    files_->begin_stop();
  }

 private:
  std::shared_ptr<http::gateway> files_;
  std::shared_ptr<http::webhdfs> names_;
};

result<std::pair<std::string, std::string>> parse_caching(const std::string& text) {
  const auto equals = text.find('=');
  const std::string prefix = text.substr(0, equals);
  const std::string value = equals == std::string::npos ? "" : text.substr(equals + 1);
  const bool printable =
      std::all_of(value.begin(), value.end(), [](char c) { return c >= ' ' && c < 127; });
  if (!prefix.starts_with('/') || value.empty() || !printable) {
    return failure(errc::invalid_argument,
                   "option http-cache-control: '" + text + "' is not /PREFIX=VALUE");
  }
  return std::pair(prefix, value);
}

result<http::gateway_options> gateway_options_of(const settings& options) {
  http::gateway_options to;
  to.write = options.flag("http-write");
  to.list = options.flag("http-list");
  to.max_body = options.size("http-max-body");
  to.lookup_ttl_ms = options.duration_ms("http-lookup-ttl");
  for (const std::string& text : options.texts("http-cache-control")) {
    auto one = parse_caching(text);
    if (!one) return one.error();
    to.cache_control.push_back(std::move(*one));
  }
  auto cors = http::cors_policy::parse(options.texts("http-cors"));
  if (!cors) {
    return failure(errc::invalid_argument, "option http-cors: " + cors.error().message());
  }
  to.cors = std::move(*cors);
  if (const std::string& file = options.text("url-secret"); !file.empty()) {
    auto secret = http::read_secret(file);
    if (!secret)
      return failure(errc::invalid_argument, "option url-secret: " + secret.error().message());
    to.secret = std::move(*secret);
  }
  to.only_signed = options.text("url-signing") == "required";
  if (to.only_signed && to.secret.empty()) {
    return failure(errc::invalid_argument, "option url-signing: required needs --url-secret");
  }
  return to;
}

}  // namespace

result<std::shared_ptr<web>> open_web(boost::asio::io_context& io, const settings& options,
                                      http::server& to, web_options what) {
  auto gateway_options = gateway_options_of(options);
  if (!gateway_options) return gateway_options.error();
  gateway_options->local = what.local;
  gateway_options->sandbox = what.names;
  client_config config;
  config.masters = what.masters;
  // Nobody special: where permissions are checked, HTTP may do what everybody may.
  config.user = "http";
  auto files = std::make_shared<http::gateway>(io.get_executor(), config, *gateway_options);
  files->route(to);
  http::webhdfs_options hdfs;
  hdfs.names = what.names;
  hdfs.permissions = options.flag("permissions");
  hdfs.ticket_key = [cluster = std::move(what.cluster)] { return to_string(cluster()); };
  auto names = std::make_shared<http::webhdfs>(io.get_executor(), config, files, std::move(hdfs));
  names->route(to);
  return std::shared_ptr<web>(std::make_shared<open_doors>(std::move(files), std::move(names)));
}

}  // namespace ssdfs::cli
