#include "http/webhdfs.hpp"

#include "http/change_fields.hpp"
#include "http/webhdfs_parameters.hpp"

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
constexpr std::array not_here = {std::string_view("ALLOWSNAPSHOT"),
                                 std::string_view("APPEND"),
                                 std::string_view("CANCELDELEGATIONTOKEN"),
                                 std::string_view("CONCAT"),
                                 std::string_view("CREATESNAPSHOT"),
                                 std::string_view("CREATESYMLINK"),
                                 std::string_view("DELETESNAPSHOT"),
                                 std::string_view("DISABLEECPOLICY"),
                                 std::string_view("DISALLOWSNAPSHOT"),
                                 std::string_view("ENABLEECPOLICY"),
                                 std::string_view("GETACLSTATUS"),
                                 std::string_view("GETALLSTORAGEPOLICY"),
                                 std::string_view("GETDELEGATIONTOKEN"),
                                 std::string_view("GETECCODECS"),
                                 std::string_view("GETECPOLICIES"),
                                 std::string_view("GETECPOLICY"),
                                 std::string_view("GETFILEBLOCKLOCATIONS"),
                                 std::string_view("GETFILELINKSTATUS"),
                                 std::string_view("GETLINKTARGET"),
                                 std::string_view("GETSERVERDEFAULTS"),
                                 std::string_view("GETSNAPSHOTDIFF"),
                                 std::string_view("GETSNAPSHOTDIFFLISTING"),
                                 std::string_view("GETSNAPSHOTLIST"),
                                 std::string_view("GETSNAPSHOTTABLEDIRECTORYLIST"),
                                 std::string_view("GETSTATUS"),
                                 std::string_view("GETSTORAGEPOLICY"),
                                 std::string_view("GETTRASHROOTS"),
                                 std::string_view("GETXATTRS"),
                                 std::string_view("GET_BLOCK_LOCATIONS"),
                                 std::string_view("LISTXATTRS"),
                                 std::string_view("MODIFYACLENTRIES"),
                                 std::string_view("REMOVEACL"),
                                 std::string_view("REMOVEACLENTRIES"),
                                 std::string_view("REMOVEDEFAULTACL"),
                                 std::string_view("REMOVEXATTR"),
                                 std::string_view("RENAMESNAPSHOT"),
                                 std::string_view("RENEWDELEGATIONTOKEN"),
                                 std::string_view("SATISFYSTORAGEPOLICY"),
                                 std::string_view("SETACL"),
                                 std::string_view("SETECPOLICY"),
                                 std::string_view("SETQUOTA"),
                                 std::string_view("SETQUOTABYSTORAGETYPE"),
                                 std::string_view("SETSTORAGEPOLICY"),
                                 std::string_view("SETXATTR"),
                                 std::string_view("TRUNCATE"),
                                 std::string_view("UNSETECPOLICY"),
                                 std::string_view("UNSETSTORAGEPOLICY")};

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c > ' ' && c < 127 && c != '"' && c != '\\'; });
}

}  // namespace

std::string webhdfs_call::get(std::string_view name) const {
  const auto at = std::find_if(parameters.begin(), parameters.end(),
                               [&](const query_parameter& p) { return iequal(p.name, name); });
  return at == parameters.end() ? std::string() : at->value;
}

bool webhdfs_call::flag(std::string_view name) const { return iequal(get(name), "true"); }

std::optional<std::uint64_t> webhdfs_call::number(std::string_view name) const {
  return parse_number(get(name));
}

std::optional<std::uint16_t> webhdfs_call::permission() const {
  return parse_permission(get("permission"));
}

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

void respond_refused_field(exchange& to, const refused_field& field) {
  const bool unknown = field.status == 501;
  respond_remote_exception(
      to, unknown ? 400 : field.status,
      unknown ? "java.lang.UnsupportedOperationException" : "java.lang.IllegalArgumentException",
      field.why);
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
  auto parameters = parse_query(head.query);
  if (!parameters) {
    return respond_remote_exception(*e, 400, "java.lang.IllegalArgumentException",
                                    "a parameter is not percent-encoded properly");
  }
  auto c = std::make_shared<webhdfs_call>();
  c->e = e;
  c->path = std::move(*path);
  c->parameters = std::move(*parameters);
  c->op = c->get("op");
  std::transform(c->op.begin(), c->op.end(), c->op.begin(),
                 [](char x) { return x >= 'a' && x <= 'z' ? static_cast<char>(x - 32) : x; });
  c->user = c->get("user.name");
  if (c->user.empty()) c->user = nobody;
  if (c->user.size() > max_text_length || !printable(c->user)) {
    return respond_remote_exception(*e, 400, "java.lang.IllegalArgumentException",
                                    "user.name is not a name");
  }
  if (options_.names ? dispatch(c) : dispatch_content(c)) return;
  if (std::find(not_here.begin(), not_here.end(), c->op) != not_here.end()) {
    const std::string why = c->op == "APPEND" ? "files are written once: " : "";
    return respond_remote_exception(
        *e, failure(errc::unsupported, why + c->op + " is not supported"), {});
  }
  respond_remote_exception(*e, 400, "java.lang.IllegalArgumentException",
                           options_.names
                               ? "Invalid value for webhdfs parameter \"op\": no " + c->op +
                                     " for " + std::string(head.method_name)
                               : "a datanode knows OPEN and CREATE only: ask the master");
}

// Answers if a word of the request asks for something that its operation does not do here.
bool webhdfs::refuses(const call& c) {
  const request_head& head = c->e->request();
  const bool changes = head.verb != method::get;
  if (const auto p = check_webhdfs_parameters(c->parameters, c->op, changes)) {
    respond_remote_exception(*c->e, p->status, p->java_class, p->why);
    return true;
  }
  // Who may stand in for whom is not configured: nobody may.
  if (const std::string person = c->get("doas"); !person.empty() && person != c->user) {
    respond_remote_exception(*c->e, 403,
                             "org.apache.hadoop.security.authorize.AuthorizationException",
                             "User: " + c->user + " is not allowed to impersonate " + person);
    return true;
  }
  if (!changes) return false;
  const auto field = check_change_fields(head, false);
  if (field) respond_refused_field(*c->e, *field);
  return field.has_value();
}

// False if a datanode knows nothing of the operation.
bool webhdfs::dispatch_content(const call& c) {
  const method verb = c->e->request().verb;
  const bool opens = c->op == "OPEN" && verb == method::get;
  if (!opens && !(c->op == "CREATE" && verb == method::put)) return false;
  if (refuses(c)) return true;
  if (opens) {
    open(c);
  } else {
    create(c);
  }
  return true;
}

// False if the master knows nothing of the operation.
bool webhdfs::dispatch(const call& c) {
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
      operation{"GETHOMEDIRECTORY", method::get, &webhdfs::get_home_directory},
      operation{"GETTRASHROOT", method::get, &webhdfs::get_trash_root},
      operation{"CHECKACCESS", method::get, &webhdfs::check_access},
      operation{"OPEN", method::get, &webhdfs::redirect_open},
      operation{"CREATE", method::put, &webhdfs::redirect_create},
      operation{"MKDIRS", method::put, &webhdfs::make_directories},
      operation{"RENAME", method::put, &webhdfs::rename},
      operation{"SETPERMISSION", method::put, &webhdfs::set_permission},
      operation{"SETOWNER", method::put, &webhdfs::set_owner},
      operation{"SETTIMES", method::put, &webhdfs::set_times},
      operation{"SETREPLICATION", method::put, &webhdfs::set_replication},
      operation{"DELETE", method::del, &webhdfs::remove},
  };
  const method verb = c->e->request().verb;
  const auto* const o = std::find_if(table.begin(), table.end(), [&](const operation& known) {
    return known.name == c->op && known.verb == verb;
  });
  if (o == table.end()) return false;
  if (refuses(c)) return true;
  c->as = client_of(c->user);
  (this->*o->run)(c);
  return true;
}

}  // namespace ssdfs::http
