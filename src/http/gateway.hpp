// Files over HTTP: /fs/PATH.
#pragma once

#include "http/change_fields.hpp"
#include "http/cors.hpp"
#include "http/local_chunks.hpp"
#include "http/lookup_cache.hpp"
#include "http/node_directory.hpp"
#include "http/server.hpp"
#include "ssdfs/client.hpp"

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace ssdfs::http {

struct gateway_options {
  bool write = false;                               ///< PUT and DELETE
  bool list = false;                                ///< directories as JSON
  std::string secret;                               ///< of signed URLs; empty: none are known
  bool only_signed = false;                         ///< what is not signed is refused
  std::uint64_t max_body = std::uint64_t{1} << 30;  ///< of a PUT
  std::int64_t lookup_ttl_ms = 1000;
  /// Path prefix and the Cache-Control of files below it; the longest prefix counts.
  std::vector<std::pair<std::string, std::string>> cache_control;
  cors_policy cors;  ///< whose pages may use /fs
  /// Files are shown as from nowhere and without scripts: for a server that also answers what a
  /// page must not ask for its reader (the master, by WebHDFS).
  bool sandbox = false;
  local_chunks* local = nullptr;  ///< what this process stores itself; outlives the gateway
};

/// Operation: a lookup (from the cache), then the file from this process's own volumes, verified
/// before it is sent, or through the client library from whoever has it. When a chunk turns out not
/// to be where the lookup said, the lookup is dropped and the request begins anew, once.
/// Concurrency: thread-safe. Never blocks.
/// Lifetime: its handlers in the server keep it. begin_stop() ends what it waits for; it must be
/// called before the server is stopped, and the io_context must run until that has returned.
class gateway : public std::enable_shared_from_this<gateway> {
 public:
  gateway(boost::asio::any_io_executor executor, client_config config, gateway_options options);

  /// Adds /fs and what is below.
  void route(server& to);
  /// Everything under way fails with errc::aborted, as does what comes later.
  void begin_stop();

  [[nodiscard]] client& store() noexcept { return client_; }
  [[nodiscard]] node_directory& nodes() noexcept { return *nodes_; }
  [[nodiscard]] lookup_cache& lookups() noexcept { return *lookups_; }
  [[nodiscard]] const gateway_options& options() const noexcept { return options_; }

  /// Answers GET or HEAD of `path` in full: conditions, ranges, content.
  void serve_file(const exchange_ptr& e, std::string path);
  /// Answers with a part of `path`, and 200, for WebHDFS's OPEN: no conditions are looked at.
  /// Errors are answered as WebHDFS says them.
  void serve_part(const exchange_ptr& e, const std::string& path, std::uint64_t offset,
                  std::optional<std::uint64_t> length);
  /// Stores the request's body as `path`; `done` gets whether a file was replaced. For PUT, and for
  /// WebHDFS's CREATE.
  struct upload_options {
    put_options put;
    expected_digests digests;           ///< of the body
    std::optional<std::uint64_t> size;  ///< of the body, where its sender says it
  };
  using upload_handler = unique_function<void(result<mutation_result>)>;
  void upload(const exchange_ptr& e, std::string path, upload_options options, upload_handler done);

 private:
  struct reading;

  void handle(const exchange_ptr& e);
  void answer_options(const exchange_ptr& e);
  [[nodiscard]] std::string_view methods() const noexcept;
  file_info describe(file_status status) const;
  [[nodiscard]] std::string_view cache_control_of(std::string_view path) const;
  /// The same file with answers that live no longer than the link, if `query` is a signed one's.
  [[nodiscard]] file_info_ptr shown_by_link(const file_info_ptr& info,
                                            std::string_view query) const;

  // gateway_read.cpp
  /// `lookups`: made for this request until now; 0 if `found` was known before.
  void serve(const exchange_ptr& e, std::string_view path, const file_info_ptr& found, int lookups);
  void send_content(const exchange_ptr& e, const std::shared_ptr<reading>& r);
  [[nodiscard]] bool begins_here(const reading& r) const;
  bool send_local(const exchange_ptr& e, const std::shared_ptr<reading>& r);
  void send_remote(const exchange_ptr& e, const std::shared_ptr<reading>& r);
  void send_stream(const exchange_ptr& e, const std::shared_ptr<reading>& r);
  void begin_anew(const exchange_ptr& e, const std::shared_ptr<reading>& r, const failure& why);
  void redirect(const exchange_ptr& e, const std::string& path, const file_info_ptr& info);

  // gateway_list.cpp
  void list(const exchange_ptr& e, const std::string& path);

  // gateway_write.cpp
  [[nodiscard]] static bool refuses(const exchange_ptr& e, const std::string& path,
                                    const std::optional<refused_field>& field);
  void put(const exchange_ptr& e, const std::string& path);
  void remove(const exchange_ptr& e, const std::string& path);
  void store(const exchange_ptr& e, const std::string& path, upload_options options);
  void check_then(const exchange_ptr& e, const std::string& path,
                  unique_function<void(file_info_ptr found)> go_on);
  void overtaken(const exchange_ptr& e, const std::string& path);

  client client_;
  const gateway_options options_;
  std::shared_ptr<lookup_cache> lookups_;
  std::shared_ptr<node_directory> nodes_;
  // Large answers that come from other nodes; outlives us in them.
  std::shared_ptr<std::atomic<int>> streams_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace ssdfs::http
