#include "ssdfs/blocking_client.hpp"

#include "net/await.hpp"

#include <boost/asio/error.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>

#include <thread>

namespace ssdfs {
namespace {

/// Starts an asynchronous operation and waits for its (error_code, T).
template <class T, class Start>
boost::system::result<T> wait(Start start) {
  const net::awaited_value<boost::system::result<T>> outcome;
  start([outcome](boost::system::error_code ec, T value) {
    outcome.give(ec ? boost::system::result<T>(ec) : boost::system::result<T>(std::move(value)));
  });
  return outcome.wait();
}

/// The same for batches, whose outcomes say it all.
template <class T, class Start>
T wait_all(Start start) {
  const net::awaited_value<T> outcome;
  start([outcome](boost::system::error_code, T value) { outcome.give(std::move(value)); });
  return outcome.wait();
}

}  // namespace

struct blocking_client::state {
  explicit state(client_config config) : operations(io.get_executor(), std::move(config)) {}
  boost::asio::io_context io{1};
  boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work{io.get_executor()};
  client operations;
  std::thread thread;
};

blocking_client::blocking_client(client_config config)
    : state_(std::make_unique<state>(std::move(config))) {
  state_->thread = std::thread([io = &state_->io] { io->run(); });
}

blocking_client::~blocking_client() {
  const net::awaited_value<bool> closed;
  state_->operations.async_close([closed] { closed.give(true); });
  static_cast<void>(closed.wait());
  state_->work.reset();
  state_->thread.join();
}

client& blocking_client::async() noexcept { return state_->operations; }

blocking_client::result<mutation_result> blocking_client::put(std::string path,
                                                              boost::asio::const_buffer data,
                                                              put_options options) {
  return wait<mutation_result>([&](auto done) {
    async().async_put(std::move(path), data, std::move(options), std::move(done));
  });
}

blocking_client::result<file_content> blocking_client::get(std::string path, get_options options) {
  return wait<file_content>(
      [&](auto done) { async().async_get(std::move(path), options, std::move(done)); });
}

blocking_client::result<std::size_t> blocking_client::get_into(std::string path,
                                                               boost::asio::mutable_buffer into,
                                                               get_options options) {
  return wait<std::size_t>(
      [&](auto done) { async().async_get_into(std::move(path), into, options, std::move(done)); });
}

blocking_client::result<file_status> blocking_client::stat(std::string path, stat_options options) {
  return wait<file_status>(
      [&](auto done) { async().async_stat(std::move(path), options, std::move(done)); });
}

blocking_client::result<mutation_result> blocking_client::mkdir(std::string path,
                                                                mkdir_options options) {
  return wait<mutation_result>(
      [&](auto done) { async().async_mkdir(std::move(path), options, std::move(done)); });
}

blocking_client::result<mutation_result> blocking_client::rename(std::string from, std::string to,
                                                                 rename_options options) {
  return wait<mutation_result>([&](auto done) {
    async().async_rename(std::move(from), std::move(to), options, std::move(done));
  });
}

blocking_client::result<mutation_result> blocking_client::remove(std::string path,
                                                                 remove_options options) {
  return wait<mutation_result>(
      [&](auto done) { async().async_remove(std::move(path), options, std::move(done)); });
}

blocking_client::result<list_page> blocking_client::list(std::string path, list_options options) {
  return wait<list_page>(
      [&](auto done) { async().async_list(std::move(path), std::move(options), std::move(done)); });
}

blocking_client::result<content_summary> blocking_client::summary(std::string path,
                                                                  call_settings settings) {
  return wait<content_summary>(
      [&](auto done) { async().async_summary(std::move(path), settings, std::move(done)); });
}

blocking_client::result<mutation_result> blocking_client::set_attributes(std::string path,
                                                                         attribute_changes changes,
                                                                         call_settings settings) {
  return wait<mutation_result>([&](auto done) {
    async().async_set_attributes(std::move(path), std::move(changes), settings, std::move(done));
  });
}

blocking_client::result<quota_status> blocking_client::quota(std::string path,
                                                             call_settings settings) {
  return wait<quota_status>(
      [&](auto done) { async().async_quota(std::move(path), settings, std::move(done)); });
}

blocking_client::result<mutation_result> blocking_client::set_quota(std::string path,
                                                                    quota_changes changes,
                                                                    call_settings settings) {
  return wait<mutation_result>([&](auto done) {
    async().async_set_quota(std::move(path), changes, settings, std::move(done));
  });
}

blocking_client::result<std::uint64_t> blocking_client::trash_empty(call_settings settings) {
  return wait<std::uint64_t>(
      [&](auto done) { async().async_trash_empty(settings, std::move(done)); });
}

std::vector<outcome<mutation_result>> blocking_client::put_many(std::vector<put_item> items,
                                                                many_options options) {
  return wait_all<std::vector<outcome<mutation_result>>>(
      [&](auto done) { async().async_put_many(std::move(items), options, std::move(done)); });
}

std::vector<outcome<file_content>> blocking_client::get_many(std::vector<std::string> paths,
                                                             many_options options) {
  return wait_all<std::vector<outcome<file_content>>>(
      [&](auto done) { async().async_get_many(std::move(paths), options, std::move(done)); });
}

std::vector<outcome<file_status>> blocking_client::stat_many(std::vector<std::string> paths,
                                                             many_options options) {
  return wait_all<std::vector<outcome<file_status>>>(
      [&](auto done) { async().async_stat_many(std::move(paths), options, std::move(done)); });
}

std::vector<outcome<mutation_result>> blocking_client::remove_many(std::vector<std::string> paths,
                                                                   remove_options each,
                                                                   many_options options) {
  return wait_all<std::vector<outcome<mutation_result>>>([&](auto done) {
    async().async_remove_many(std::move(paths), each, options, std::move(done));
  });
}

blocking_client::result<blocking_reader> blocking_client::open_read(std::string path,
                                                                    get_options options) {
  auto opened = wait<file_reader>(
      [&](auto done) { async().async_open_read(std::move(path), options, std::move(done)); });
  if (!opened) return opened.error();
  return blocking_reader(std::move(*opened));
}

blocking_client::result<blocking_writer> blocking_client::open_write(std::string path,
                                                                     put_options options) {
  auto opened = wait<file_writer>([&](auto done) {
    async().async_open_write(std::move(path), std::move(options), std::move(done));
  });
  if (!opened) return opened.error();
  return blocking_writer(std::move(*opened));
}

// --- streams ----------------------------------------------------------------------------------

boost::system::result<std::size_t> blocking_reader::read_some(boost::asio::mutable_buffer into) {
  auto n = wait<std::size_t>([&](auto done) { reader_.async_read_some(into, std::move(done)); });
  if (!n && n.error() == boost::asio::error::eof) return std::size_t{0};
  return n;
}

boost::system::result<std::size_t> blocking_reader::read(boost::asio::mutable_buffer into) {
  std::size_t total = 0;
  while (into.size() > 0) {
    const auto n = read_some(into);
    if (!n) return n;
    if (*n == 0) break;
    total += *n;
    into += *n;
  }
  return total;
}

boost::system::result<void> blocking_writer::write(boost::asio::const_buffer from) {
  while (from.size() > 0) {
    const auto n =
        wait<std::size_t>([&](auto done) { writer_.async_write_some(from, std::move(done)); });
    if (!n) return n.error();
    from += *n;
  }
  return {};
}

boost::system::result<mutation_result> blocking_writer::commit() {
  return wait<mutation_result>([&](auto done) { writer_.async_commit(std::move(done)); });
}

}  // namespace ssdfs
