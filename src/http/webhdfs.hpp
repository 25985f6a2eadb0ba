// WebHDFS as Apache Hadoop documents it: /webhdfs/v1/PATH?op=...
#pragma once

#include "http/gateway.hpp"
#include "http/server.hpp"
#include "http/url.hpp"
#include "ssdfs/client.hpp"

#include <cstdint>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::http {

struct webhdfs_options {
  /// Operations on names, and redirects of those on content: the master. Else the content itself:
  /// a datanode.
  bool names = false;
  bool permissions = false;  ///< whether the master checks them, for CHECKACCESS
  /// What the cluster's processes know and others do not: tickets of redirects are made with it.
  /// May change from that of a nil cluster while a datanode joins. Any thread.
  std::function<std::string()> ticket_key;
};

/// One request's parameters.
struct webhdfs_call {
  exchange_ptr e;
  std::string op;    ///< upper case
  std::string path;  ///< of the store
  std::string user;
  std::shared_ptr<client> as;  ///< acts for the user
  std::vector<query_parameter> parameters;

  // Of a parameter, by name in any case, once all are checked:
  [[nodiscard]] std::string get(std::string_view name) const;  ///< empty if it is missing
  [[nodiscard]] bool flag(std::string_view name) const;
  [[nodiscard]] std::optional<std::uint64_t> number(std::string_view name) const;
  [[nodiscard]] std::optional<std::uint16_t> permission() const;
};

/// Operation: the caller is who "user.name" says. What Hadoop's clients see: JSON, RemoteException
/// with its names and statuses, redirects with 307 (or, with noredirect, as JSON). A redirect of
/// CREATE or OPEN carries a ticket, so that a datanode whose HTTP is read-only takes exactly the
/// upload that the master has let through.
/// Concurrency and lifetime: as gateway.
class webhdfs : public std::enable_shared_from_this<webhdfs> {
 public:
  webhdfs(boost::asio::any_io_executor executor, client_config config,
          std::shared_ptr<gateway> files, webhdfs_options options);
  void route(server& to);
  void begin_stop();

 private:
  using call = std::shared_ptr<webhdfs_call>;

  void handle(const exchange_ptr& e);
  [[nodiscard]] static bool refuses(const call& c);
  [[nodiscard]] bool dispatch(const call& c);
  [[nodiscard]] bool dispatch_content(const call& c);
  [[nodiscard]] std::shared_ptr<client> client_of(const std::string& user);

  // webhdfs_names.cpp
  void get_file_status(const call& c);
  void list_status(const call& c);
  void list_page_of(const call& c, const std::string& after, std::shared_ptr<std::string> so_far);
  void list_status_batch(const call& c);
  void get_content_summary(const call& c);
  void get_quota_usage(const call& c);
  void get_file_checksum(const call& c);
  void check_access(const call& c);
  void make_directories(const call& c);
  void rename(const call& c);
  void remove(const call& c);
  void get_home_directory(const call& c);
  void get_trash_root(const call& c);
  void set_permission(const call& c);
  void set_owner(const call& c);
  void set_times(const call& c);
  void set_replication(const call& c);
  void set_attributes(const call& c, attribute_changes changes, bool tells);

  // webhdfs_data.cpp
  void redirect_open(const call& c);
  void redirect_create(const call& c);
  void redirect_to(const call& c, const std::vector<std::string>& holders,
                   const std::string& parameters);
  void open(const call& c);
  void create(const call& c);
  [[nodiscard]] std::string ticket_of(const call& c, std::string_view expires) const;
  [[nodiscard]] bool has_ticket(const call& c) const;

  const boost::asio::any_io_executor executor_;
  const client_config config_;
  const std::shared_ptr<gateway> files_;
  const webhdfs_options options_;
  std::mutex mutex_;
  bool stopped_ = false;                                                // guarded by mutex_
  std::list<std::pair<std::string, std::shared_ptr<client>>> clients_;  // last used first; likewise
};

/// A failure as Hadoop says it.
void respond_remote_exception(exchange& to, const failure& why, std::string_view path);
void respond_remote_exception(exchange& to, unsigned status, std::string_view java_class,
                              std::string_view message);
void respond_refused_field(exchange& to, const refused_field& field);
/// 200 with a JSON text.
void respond_json(exchange& to, std::string_view text);

}  // namespace ssdfs::http
