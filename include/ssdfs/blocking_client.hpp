// SSDFS: the client library for code that waits.
//
//   ssdfs::blocking_client client({.masters = {"10.0.0.1:9600"}});
//   client.put("/image/a.jpg", boost::asio::buffer(bytes)).value();  // throws system_error
#pragma once

#include "ssdfs/client.hpp"

#include <boost/system/result.hpp>

#include <memory>
#include <string>
#include <vector>

namespace ssdfs {

class blocking_client;

/// A file_reader whose reads wait. Must not outlive its blocking_client.
class blocking_reader {
 public:
  blocking_reader() noexcept = default;

  [[nodiscard]] bool is_open() const noexcept { return reader_.is_open(); }
  [[nodiscard]] const file_status& status() const noexcept { return reader_.status(); }
  [[nodiscard]] std::uint64_t size() const noexcept { return reader_.size(); }
  [[nodiscard]] std::uint64_t position() const noexcept { return reader_.position(); }
  void seek(std::uint64_t position) noexcept { reader_.seek(position); }
  /// Reads at least one byte; 0 only at the end of the file (or for an empty buffer).
  [[nodiscard]] boost::system::result<std::size_t> read_some(boost::asio::mutable_buffer into);
  /// Reads until `into` is full or the file ends.
  [[nodiscard]] boost::system::result<std::size_t> read(boost::asio::mutable_buffer into);

 private:
  friend class blocking_client;
  explicit blocking_reader(file_reader reader) noexcept : reader_(std::move(reader)) {}
  file_reader reader_;
};

/// A file_writer whose writes wait. Must not outlive its blocking_client. Destroying it without
/// commit() gives the upload up.
class blocking_writer {
 public:
  blocking_writer() noexcept = default;

  [[nodiscard]] bool is_open() const noexcept { return writer_.is_open(); }
  [[nodiscard]] std::uint64_t position() const noexcept { return writer_.position(); }
  /// Takes all of `from`.
  [[nodiscard]] boost::system::result<void> write(boost::asio::const_buffer from);
  [[nodiscard]] boost::system::result<mutation_result> commit();

 private:
  friend class blocking_client;
  explicit blocking_writer(file_writer writer) noexcept : writer_(std::move(writer)) {}
  file_writer writer_;
};

/// A client with a thread of its own. The operations are client's, each waiting for its end.
/// Thread-safe: calls of several threads run side by side. Not to be called from handlers that run
/// on its own thread.
class blocking_client {
 public:
  template <class T>
  using result = boost::system::result<T>;

  explicit blocking_client(client_config config = {});
  /// Closes: gives rights to write back, waiting at most a second.
  ~blocking_client();
  blocking_client(const blocking_client&) = delete;
  blocking_client& operator=(const blocking_client&) = delete;

  [[nodiscard]] result<mutation_result> put(std::string path, boost::asio::const_buffer data,
                                            put_options options = {});
  [[nodiscard]] result<file_content> get(std::string path, get_options options = {});
  [[nodiscard]] result<std::size_t> get_into(std::string path, boost::asio::mutable_buffer into,
                                             get_options options = {});
  [[nodiscard]] result<file_status> stat(std::string path, stat_options options = {});
  [[nodiscard]] result<mutation_result> mkdir(std::string path, mkdir_options options = {});
  [[nodiscard]] result<mutation_result> rename(std::string from, std::string to,
                                               rename_options options = {});
  [[nodiscard]] result<mutation_result> remove(std::string path, remove_options options = {});
  [[nodiscard]] result<list_page> list(std::string path, list_options options = {});
  [[nodiscard]] result<content_summary> summary(std::string path, call_settings settings = {});
  [[nodiscard]] result<mutation_result> set_attributes(std::string path, attribute_changes changes,
                                                       call_settings settings = {});
  [[nodiscard]] result<quota_status> quota(std::string path, call_settings settings = {});
  [[nodiscard]] result<mutation_result> set_quota(std::string path, quota_changes changes,
                                                  call_settings settings = {});
  [[nodiscard]] result<std::uint64_t> trash_empty(call_settings settings = {});
  [[nodiscard]] std::vector<outcome<mutation_result>> put_many(std::vector<put_item> items,
                                                               many_options options = {});
  [[nodiscard]] std::vector<outcome<file_content>> get_many(std::vector<std::string> paths,
                                                            many_options options = {});
  [[nodiscard]] std::vector<outcome<file_status>> stat_many(std::vector<std::string> paths,
                                                            many_options options = {});
  [[nodiscard]] std::vector<outcome<mutation_result>> remove_many(std::vector<std::string> paths,
                                                                  remove_options each = {},
                                                                  many_options options = {});
  [[nodiscard]] result<blocking_reader> open_read(std::string path, get_options options = {});
  [[nodiscard]] result<blocking_writer> open_write(std::string path, put_options options = {});

  /// The client behind it; its handlers run on the blocking client's thread.
  [[nodiscard]] client& async() noexcept;

 private:
  struct state;
  std::unique_ptr<state> state_;
};

}  // namespace ssdfs
