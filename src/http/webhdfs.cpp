#include "http/webhdfs.hpp"

#include "http/url.hpp"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <iterator>

namespace ssdfs::http {
namespace {

constexpr std::string_view webhdfs_prefix = "/webhdfs/v1";
constexpr std::string_view nobody = "dr.who";  // Hadoop's name for callers without one
constexpr std::size_t most_clients = 64;
constexpr std::size_t longest_user = 64;

struct exception_class {
  errc code;
  unsigned status;
  std::string_view java_class;
};
constexpr exception_class exceptions[] = {
    {errc::not_found, 404, "java.io.FileNotFoundException"},
    {errc::exists, 403, "org.apache.hadoop.fs.FileAlreadyExistsException"},
    {errc::not_directory, 403, "org.apache.hadoop.fs.ParentNotDirectoryException"},
    {errc::is_directory, 403, "org.apache.hadoop.fs.FileAlreadyExistsException"},
    {errc::not_empty, 403, "org.apache.hadoop.fs.PathIsNotEmptyDirectoryException"},
    {errc::invalid_path, 400, "org.apache.hadoop.fs.InvalidPathException"},
    {errc::name_too_long, 400, "org.apache.hadoop.fs.InvalidPathException"},
    {errc::permission_denied, 403, "org.apache.hadoop.security.AccessControlException"},
    {errc::quota_exceeded, 403, "org.apache.hadoop.hdfs.protocol.QuotaExceededException"},
    {errc::invalid_argument, 400, "java.lang.IllegalArgumentException"},
    {errc::unsupported, 400, "java.lang.UnsupportedOperationException"},
    {errc::not_active, 403, "org.apache.hadoop.ipc.StandbyException"},
    {errc::starting, 403, "org.apache.hadoop.ipc.RetriableException"},
    {errc::busy, 403, "org.apache.hadoop.ipc.RetriableException"},
    {errc::read_only, 403, "org.apache.hadoop.hdfs.server.namenode.SafeModeException"},
    {errc::internal, 500, "java.lang.RuntimeException"},
};

// Of Hadoop's document, but not for files that are written once and have no lists of access.
constexpr std::array not_here = {"APPEND",
                                 "CONCAT",
                                 "TRUNCATE",
                                 "CREATESYMLINK",
                                 "GETDELEGATIONTOKEN",
                                 "RENEWDELEGATIONTOKEN",
                                 "CANCELDELEGATIONTOKEN",
                                 "GETACLSTATUS",
                                 "SETACL",
                                 "MODIFYACLENTRIES",
                                 "REMOVEACL",
                                 "GETXATTRS",
                                 "SETXATTR",
                                 "REMOVEXATTR",
                                 "LISTXATTRS",
                                 "CREATESNAPSHOT",
                                 "DELETESNAPSHOT",
                                 "RENAMESNAPSHOT",
                                 "GETALLSTORAGEPOLICY",
                                 "GETSTORAGEPOLICY",
                                 "SETSTORAGEPOLICY",
                                 "GETFILEBLOCKLOCATIONS",
                                 "GET_BLOCK_LOCATIONS",
                                 "SETQUOTA"};

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c > ' ' && c < 127 && c != '"' && c != '\\'; });
}

}  // namespace

std::string webhdfs_call::get(std::string_view name) const {
  return query_value(e->request().query, name, true).value_or("");
}

bool webhdfs_call::flag(std::string_view name) const { return iequal(get(name), "true"); }

void respond_remote_exception(exchange& to, unsigned status, std::string_view java_class,
                              std::string_view message) {
  boost::json::object about;
  about["exception"] = java_class.substr(java_class.rfind('.') + 1);
  about["javaClassName"] = java_class;
  about["message"] = printable_utf8(message);
  boost::json::object body;
  body["RemoteException"] = std::move(about);
  to.respond(status, "Content-Type: application/json\r\nCache-Control: no-cache\r\n",
             boost::json::serialize(body));
}

void respond_remote_exception(exchange& to, const failure& why, std::string_view path) {
  const auto* const known = std::find_if(std::begin(exceptions), std::end(exceptions),
                                         [&](const auto& x) { return why.code == x.code; });
  const bool named = known != std::end(exceptions);
  std::string message(path);
  message.append(message.empty() ? "" : ": ").append(why.message());
  respond_remote_exception(to, named ? known->status : 403,
                           named ? known->java_class : "java.io.IOException", message);
}

void respond_json(exchange& to, std::string_view text) {
  to.respond(200, "Content-Type: application/json\r\nCache-Control: no-cache\r\n", text);
}

webhdfs::webhdfs(boost::asio::any_io_executor executor, client_config config,
                 std::shared_ptr<gateway> files, webhdfs_options options)
    : executor_(std::move(executor)),
      config_(std::move(config)),
      files_(std::move(files)),
      options_(std::move(options)) {}

void webhdfs::route(server& to) {
  to.route_prefix(std::string(webhdfs_prefix),
                  [self = shared_from_this()](const exchange_ptr& e) { self->handle(e); });
}

void webhdfs::begin_stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  for (const auto& [user, c] : clients_) c->async_close([kept = c] {});
}

// Users are few; the one that was not heard of for longest makes room.
std::shared_ptr<client> webhdfs::client_of(const std::string& user) {
  const std::lock_guard lock(mutex_);
  const auto at = std::find_if(clients_.begin(), clients_.end(),
                               [&](const auto& known) { return known.first == user; });
  if (at != clients_.end()) {
    clients_.splice(clients_.begin(), clients_, at);
    return clients_.front().second;
  }
  client_config config = config_;
  config.user = user;
  auto made = std::make_shared<client>(executor_, std::move(config));
  if (stopped_) made->async_close([kept = made] {});
  clients_.emplace_front(user, made);
  if (clients_.size() > most_clients) clients_.pop_back();
  return made;
}

void webhdfs::handle(const exchange_ptr& e) {
  const request_head& head = e->request();
  auto path = store_path(head.path, webhdfs_prefix);
  if (!path) {
    return respond_remote_exception(*e, 400, "java.lang.IllegalArgumentException",
                                    "the path is not percent-encoded properly");
  }
  auto c = std::make_shared<webhdfs_call>();
  c->e = e;
  c->path = std::move(*path);
  c->op = c->get("op");
  std::transform(c->op.begin(), c->op.end(), c->op.begin(),
                 [](char x) { return x >= 'a' && x <= 'z' ? static_cast<char>(x - 32) : x; });
  c->user = c->get("user.name");
  if (c->user.empty()) c->user = nobody;
  if (c->user.size() > longest_user || !printable(c->user)) {
    return respond_remote_exception(*e, 400, "java.lang.IllegalArgumentException",
                                    "user.name is not a name");
  }
  dispatch(c);
}

// What a datanode knows.
void webhdfs::dispatch_content(const call& c) {
  const method verb = c->e->request().verb;
  if (c->op == "OPEN" && verb == method::get) return open(c);
  if (c->op == "CREATE" && verb == method::put) return create(c);
  if (c->op == "APPEND") {
    return respond_remote_exception(
        *c->e, failure(errc::unsupported, "files are written once: APPEND is not supported"), {});
  }
  respond_remote_exception(*c->e, 400, "java.lang.IllegalArgumentException",
                           "a datanode knows OPEN and CREATE only: ask the master");
}

void webhdfs::dispatch(const call& c) {
  using member = void (webhdfs::*)(const call&);
  struct operation {
    std::string_view name;
    method verb;
    member run;
  };
  static constexpr std::array table = {
      operation{"GETFILESTATUS", method::get, &webhdfs::get_file_status},
      operation{"LISTSTATUS", method::get, &webhdfs::list_status},
      operation{"LISTSTATUS_BATCH", method::get, &webhdfs::list_status_batch},
      operation{"GETCONTENTSUMMARY", method::get, &webhdfs::get_content_summary},
      operation{"GETQUOTAUSAGE", method::get, &webhdfs::get_quota_usage},
      operation{"GETFILECHECKSUM", method::get, &webhdfs::get_file_checksum},
      operation{"CHECKACCESS", method::get, &webhdfs::check_access},
      operation{"OPEN", method::get, &webhdfs::redirect_open},
      operation{"CREATE", method::put, &webhdfs::redirect_create},
      operation{"MKDIRS", method::put, &webhdfs::make_directories},
      operation{"RENAME", method::put, &webhdfs::rename},
      operation{"DELETE", method::del, &webhdfs::remove},
  };
  const method verb = c->e->request().verb;
  if (!options_.names) return dispatch_content(c);
  for (const operation& o : table) {
    if (o.name == c->op && o.verb == verb) {
      c->as = client_of(c->user);
      return (this->*o.run)(c);
    }
  }
  if (verb == method::get && c->op == "GETHOMEDIRECTORY") {
    return respond_json(*c->e, "{\"Path\":\"/user/" + c->user + "\"}");
  }
  if (verb == method::get && c->op == "GETTRASHROOT") {
    return respond_json(*c->e, "{\"Path\":\"/.trash\"}");
  }
  if (verb == method::put && set_something(c)) return;
  if (std::find(not_here.begin(), not_here.end(), c->op) != not_here.end()) {
    const std::string why = c->op == "APPEND" ? "files are written once: " : "";
    return respond_remote_exception(
        *c->e, failure(errc::unsupported, why + c->op + " is not supported"), {});
  }
  respond_remote_exception(*c->e, 400, "java.lang.IllegalArgumentException",
                           "Invalid value for webhdfs parameter \"op\": no " + c->op + " for " +
                               std::string(c->e->request().method_name));
}

}  // namespace ssdfs::http
