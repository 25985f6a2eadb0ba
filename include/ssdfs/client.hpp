// SSDFS: the asynchronous client library.
//
//   ssdfs::client client(io.get_executor(), {.masters = {"10.0.0.1:9600"}});
//   client.async_put("/image/a.jpg", boost::asio::buffer(bytes), {.overwrite = true},
//                    [](boost::system::error_code ec, ssdfs::mutation_result) { ... });
//
// Every operation takes any Asio completion token, honours the handler's associated executor and
// allocator, and can be cancelled alone through the handler's cancellation slot (all cancellation
// types end it with errc::cancelled; what a cancelled change of the namespace has done by then is
// unknown). Error codes are of errc (error.hpp); `diag` in the options tells more (config.hpp).
#pragma once

#include "ssdfs/config.hpp"
#include "ssdfs/content.hpp"
#include "ssdfs/error.hpp"
#include "ssdfs/types.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>

#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ssdfs {

class file_reader;
class file_writer;

/// One file of async_put_many. The bytes must live until the whole call completes.
struct put_item {
  std::string path;
  boost::asio::const_buffer data;
  put_options options{};  ///< `diag` and `timeout` are not used: see outcome and many_options
};

namespace detail {

class core;
using core_ptr = std::shared_ptr<core>;
template <class... Args>
using handler_for = boost::asio::any_completion_handler<void(boost::system::error_code, Args...)>;

// What the templates below hand over to: each begins one operation on the client's strand.
void start_put(const core_ptr&, std::string path, boost::asio::const_buffer, put_options,
               handler_for<mutation_result>);
void start_get(const core_ptr&, std::string path, get_options, handler_for<file_content>);
void start_get_into(const core_ptr&, std::string path, boost::asio::mutable_buffer, get_options,
                    handler_for<std::size_t>);
void start_stat(const core_ptr&, std::string path, stat_options, handler_for<file_status>);
void start_mkdir(const core_ptr&, std::string path, mkdir_options, handler_for<mutation_result>);
void start_rename(const core_ptr&, std::string from, std::string to, rename_options,
                  handler_for<mutation_result>);
void start_remove(const core_ptr&, std::string path, remove_options, handler_for<mutation_result>);
void start_list(const core_ptr&, std::string path, list_options, handler_for<list_page>);
void start_summary(const core_ptr&, std::string path, call_settings, handler_for<content_summary>);
void start_set_attributes(const core_ptr&, std::string path, attribute_changes, call_settings,
                          handler_for<mutation_result>);
void start_quota(const core_ptr&, std::string path, call_settings, handler_for<quota_status>);
void start_set_quota(const core_ptr&, std::string path, quota_changes, call_settings,
                     handler_for<mutation_result>);
void start_trash_empty(const core_ptr&, call_settings, handler_for<std::uint64_t>);
void start_put_many(const core_ptr&, std::vector<put_item>, many_options,
                    handler_for<std::vector<outcome<mutation_result>>>);
void start_get_many(const core_ptr&, std::vector<std::string> paths, many_options,
                    handler_for<std::vector<outcome<file_content>>>);
void start_stat_many(const core_ptr&, std::vector<std::string> paths, many_options,
                     handler_for<std::vector<outcome<file_status>>>);
void start_remove_many(const core_ptr&, std::vector<std::string> paths, remove_options,
                       many_options, handler_for<std::vector<outcome<mutation_result>>>);
void start_open_read(const core_ptr&, std::string path, get_options, handler_for<file_reader>);
void start_open_write(const core_ptr&, std::string path, put_options, handler_for<file_writer>);
void start_close(const core_ptr&, boost::asio::any_completion_handler<void()>);

}  // namespace detail

/// A connection to a cluster. Connects on the first operation and as needed; nothing happens before
/// that, so the constructor does not fail for a cluster that is down.
///
/// Threads: every member may be called from any thread at any time. Handlers run on their
/// associated executor, else on the client's; never inside the initiating function. The client
/// does its own work on a strand of its executor, so a handler without an executor of its own
/// should be short.
/// Life: destroying the client ends all operations that have not completed with errc::aborted, and
/// gives unused rights to write back in the background. While it is connected it has work
/// outstanding in its executor: io_context::run() returns after the client was closed or destroyed.
/// The executor's context must outlive the client, and should run until async_close has completed.
/// Buffers: those that are passed in must live until the operation completes.
class client {
 public:
  using executor_type = boost::asio::any_io_executor;

  explicit client(executor_type executor, client_config config = {});
  ~client();
  client(client&&) noexcept = default;
  client& operator=(client&&) noexcept;

  [[nodiscard]] executor_type get_executor() const noexcept;

  /// Stores `data` as the file `path`; parents are made as needed. The file appears at once and
  /// whole. errc::exists without `overwrite`. Completes with (error_code, mutation_result).
  template <class Token>
  auto async_put(std::string path, boost::asio::const_buffer data, put_options options,
                 Token&& token) {
    return initiate<mutation_result>(&detail::start_put, token, std::move(path), data,
                                     std::move(options));
  }
  template <class Token>
  auto async_put(std::string path, boost::asio::const_buffer data, Token&& token) {
    return async_put(std::move(path), data, put_options{}, std::forward<Token>(token));
  }

  /// Reads a file, or a range of it, into memory; every byte is verified against its checksum.
  /// Completes with (error_code, file_content).
  template <class Token>
  auto async_get(std::string path, get_options options, Token&& token) {
    return initiate<file_content>(&detail::start_get, token, std::move(path), options);
  }
  template <class Token>
  auto async_get(std::string path, Token&& token) {
    return async_get(std::move(path), get_options{}, std::forward<Token>(token));
  }

  /// The same into the caller's memory. Completes with (error_code, std::size_t bytes read);
  /// errc::too_large if the file (or the range asked for, cut at the file's end) does not fit. The
  /// buffer's content is unspecified after an error.
  template <class Token>
  auto async_get_into(std::string path, boost::asio::mutable_buffer into, get_options options,
                      Token&& token) {
    return initiate<std::size_t>(&detail::start_get_into, token, std::move(path), into, options);
  }
  template <class Token>
  auto async_get_into(std::string path, boost::asio::mutable_buffer into, Token&& token) {
    return async_get_into(std::move(path), into, get_options{}, std::forward<Token>(token));
  }

  /// Attributes of a file or directory. Completes with (error_code, file_status).
  template <class Token>
  auto async_stat(std::string path, stat_options options, Token&& token) {
    return initiate<file_status>(&detail::start_stat, token, std::move(path), options);
  }
  template <class Token>
  auto async_stat(std::string path, Token&& token) {
    return async_stat(std::move(path), stat_options{}, std::forward<Token>(token));
  }

  /// Makes a directory. Completes with (error_code, mutation_result).
  template <class Token>
  auto async_mkdir(std::string path, mkdir_options options, Token&& token) {
    return initiate<mutation_result>(&detail::start_mkdir, token, std::move(path), options);
  }
  template <class Token>
  auto async_mkdir(std::string path, Token&& token) {
    return async_mkdir(std::move(path), mkdir_options{}, std::forward<Token>(token));
  }

  /// Moves `from` to exactly `to` (never into it). Completes with (error_code, mutation_result).
  template <class Token>
  auto async_rename(std::string from, std::string to, rename_options options, Token&& token) {
    return initiate<mutation_result>(&detail::start_rename, token, std::move(from), std::move(to),
                                     options);
  }
  template <class Token>
  auto async_rename(std::string from, std::string to, Token&& token) {
    return async_rename(std::move(from), std::move(to), rename_options{},
                        std::forward<Token>(token));
  }

  /// Moves a file or directory to the trash, or removes it for good. Completes with
  /// (error_code, mutation_result).
  template <class Token>
  auto async_remove(std::string path, remove_options options, Token&& token) {
    return initiate<mutation_result>(&detail::start_remove, token, std::move(path), options);
  }
  template <class Token>
  auto async_remove(std::string path, Token&& token) {
    return async_remove(std::move(path), remove_options{}, std::forward<Token>(token));
  }

  /// One page of a directory; errc::not_directory for a file. Completes with
  /// (error_code, list_page).
  template <class Token>
  auto async_list(std::string path, list_options options, Token&& token) {
    return initiate<list_page>(&detail::start_list, token, std::move(path), std::move(options));
  }
  template <class Token>
  auto async_list(std::string path, Token&& token) {
    return async_list(std::move(path), list_options{}, std::forward<Token>(token));
  }

  /// Files, directories and bytes at and below a path. Completes with
  /// (error_code, content_summary).
  template <class Token>
  auto async_summary(std::string path, call_settings settings, Token&& token) {
    return initiate<content_summary>(&detail::start_summary, token, std::move(path), settings);
  }
  template <class Token>
  auto async_summary(std::string path, Token&& token) {
    return async_summary(std::move(path), call_settings{}, std::forward<Token>(token));
  }

  /// Changes attributes of a file or directory. Completes with (error_code, mutation_result).
  template <class Token>
  auto async_set_attributes(std::string path, attribute_changes changes, call_settings settings,
                            Token&& token) {
    return initiate<mutation_result>(&detail::start_set_attributes, token, std::move(path),
                                     std::move(changes), settings);
  }
  template <class Token>
  auto async_set_attributes(std::string path, attribute_changes changes, Token&& token) {
    return async_set_attributes(std::move(path), std::move(changes), call_settings{},
                                std::forward<Token>(token));
  }

  /// Limits and use of a directory; errc::not_directory for a file. Completes with
  /// (error_code, quota_status).
  template <class Token>
  auto async_quota(std::string path, call_settings settings, Token&& token) {
    return initiate<quota_status>(&detail::start_quota, token, std::move(path), settings);
  }
  template <class Token>
  auto async_quota(std::string path, Token&& token) {
    return async_quota(std::move(path), call_settings{}, std::forward<Token>(token));
  }

  /// Changes the limits of a directory; the superuser's where permissions are checked. From then
  /// on what would exceed one fails with errc::quota_exceeded. Completes with
  /// (error_code, mutation_result).
  template <class Token>
  auto async_set_quota(std::string path, quota_changes changes, call_settings settings,
                       Token&& token) {
    return initiate<mutation_result>(&detail::start_set_quota, token, std::move(path), changes,
                                     settings);
  }
  template <class Token>
  auto async_set_quota(std::string path, quota_changes changes, Token&& token) {
    return async_set_quota(std::move(path), changes, call_settings{}, std::forward<Token>(token));
  }

  /// Removes everything that is in the trash for good. Completes with
  /// (error_code, std::uint64_t entries removed).
  template <class Token>
  auto async_trash_empty(call_settings settings, Token&& token) {
    return initiate<std::uint64_t>(&detail::start_trash_empty, token, settings);
  }
  template <class Token>
  auto async_trash_empty(Token&& token) {
    return async_trash_empty(call_settings{}, std::forward<Token>(token));
  }

  // Batches: many items with a bounded number in flight. They complete with the first item's error
  // (in the order of the items; success if there was none) and one outcome an item.

  template <class Token>
  auto async_put_many(std::vector<put_item> items, many_options options, Token&& token) {
    return initiate<std::vector<outcome<mutation_result>>>(&detail::start_put_many, token,
                                                           std::move(items), options);
  }
  template <class Token>
  auto async_get_many(std::vector<std::string> paths, many_options options, Token&& token) {
    return initiate<std::vector<outcome<file_content>>>(&detail::start_get_many, token,
                                                        std::move(paths), options);
  }
  template <class Token>
  auto async_stat_many(std::vector<std::string> paths, many_options options, Token&& token) {
    return initiate<std::vector<outcome<file_status>>>(&detail::start_stat_many, token,
                                                       std::move(paths), options);
  }
  /// `each` applies to every item; its `diag` and `timeout` are not used.
  template <class Token>
  auto async_remove_many(std::vector<std::string> paths, remove_options each, many_options options,
                         Token&& token) {
    return initiate<std::vector<outcome<mutation_result>>>(&detail::start_remove_many, token,
                                                           std::move(paths), each, options);
  }

  /// Opens a file for reading as a stream (stream.hpp), at `offset`. `length` is not used. `diag`
  /// is the stream's too and must live as long as it. Completes with (error_code, file_reader).
  template <class Token>
  auto async_open_read(std::string path, get_options options, Token&& token) {
    return initiate<file_reader>(&detail::start_open_read, token, std::move(path), options);
  }
  template <class Token>
  auto async_open_read(std::string path, Token&& token) {
    return async_open_read(std::move(path), get_options{}, std::forward<Token>(token));
  }

  /// Begins a file of unknown length (stream.hpp). Nothing is visible before async_commit. `diag`
  /// is the stream's too and must live as long as it. Completes with (error_code, file_writer).
  template <class Token>
  auto async_open_write(std::string path, put_options options, Token&& token) {
    return initiate<file_writer>(&detail::start_open_write, token, std::move(path),
                                 std::move(options));
  }
  template <class Token>
  auto async_open_write(std::string path, Token&& token) {
    return async_open_write(std::move(path), put_options{}, std::forward<Token>(token));
  }

  /// Ends all other operations with errc::aborted, gives unused rights to write back (waiting at
  /// most a second for the master) and disconnects. Completes with (). Later operations fail with
  /// errc::aborted.
  template <class Token>
  auto async_close(Token&& token) {
    return boost::asio::async_initiate<Token, void()>(
        [](auto handler, detail::core_ptr core) { detail::start_close(core, std::move(handler)); },
        token, core_);
  }

  /// For the project's own tools.
  [[nodiscard]] const detail::core_ptr& internals() const noexcept { return core_; }

 private:
  template <class Result, class Start, class Token, class... Args>
  auto initiate(Start start, Token& token, Args... args) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, Result)>(
        [start](auto handler, detail::core_ptr core, auto... arguments) {
          start(core, std::move(arguments)..., std::move(handler));
        },
        token, core_, std::move(args)...);
  }

  detail::core_ptr core_;
};

}  // namespace ssdfs

#include "ssdfs/stream.hpp"
