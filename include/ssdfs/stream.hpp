// SSDFS: files as streams. Included by client.hpp.
#pragma once

#include "ssdfs/config.hpp"
#include "ssdfs/types.hpp"

#include <boost/asio/any_completion_handler.hpp>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/buffer.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <utility>

namespace ssdfs {

namespace detail {

class reader_state;
class writer_state;

/// The first buffers of a sequence; the streams transfer "some", so the rest comes next time.
template <class Buffer>
struct buffer_list {
  std::array<Buffer, 16> items;
  std::size_t count = 0;

  template <class Sequence>
  static buffer_list of(const Sequence& sequence) {
    buffer_list list;
    const auto end = boost::asio::buffer_sequence_end(sequence);
    for (auto it = boost::asio::buffer_sequence_begin(sequence);
         it != end && list.count < list.items.size(); ++it) {
      const Buffer b(*it);
      if (b.size() != 0) list.items[list.count++] = b;
    }
    return list;
  }
};
using mutable_buffers = buffer_list<boost::asio::mutable_buffer>;
using const_buffers = buffer_list<boost::asio::const_buffer>;
using io_handler =
    boost::asio::any_completion_handler<void(boost::system::error_code, std::size_t)>;
using commit_handler =
    boost::asio::any_completion_handler<void(boost::system::error_code, mutation_result)>;

void reader_read(const std::shared_ptr<reader_state>&, mutable_buffers, io_handler);
void writer_write(const std::shared_ptr<writer_state>&, const_buffers, io_handler);
void writer_commit(const std::shared_ptr<writer_state>&, commit_handler);

}  // namespace detail

/// A file that is read as a stream: an AsyncReadStream with a position. Reads ahead in order while
/// it is read in order. The content is bound to what the file was when it was opened: if the file
/// is replaced, reads fail with errc::changed once bytes that are gone are needed. Every byte is
/// verified before it is handed over. Move-only; one read at a time; the members are not
/// thread-safe among themselves. Destroying it ends a read in flight with errc::aborted.
class file_reader {
 public:
  using executor_type = boost::asio::any_io_executor;

  file_reader() noexcept;  ///< not open
  explicit file_reader(std::shared_ptr<detail::reader_state> state) noexcept;
  file_reader(file_reader&&) noexcept;
  file_reader& operator=(file_reader&&) noexcept;
  ~file_reader();

  [[nodiscard]] bool is_open() const noexcept { return state_ != nullptr; }
  [[nodiscard]] executor_type get_executor() const noexcept;
  /// Of the file when it was opened, with its path, without chunks.
  [[nodiscard]] const file_status& status() const noexcept;
  [[nodiscard]] std::uint64_t size() const noexcept;
  /// Of the next byte to be read.
  [[nodiscard]] std::uint64_t position() const noexcept;
  /// Sets the position; beyond the end is allowed and reads as the end. Not while a read is in
  /// flight.
  void seek(std::uint64_t position) noexcept;

  /// Reads at least one byte, unless the buffers are empty. boost::asio::error::eof at the end.
  /// Completes with (error_code, std::size_t).
  template <class MutableBufferSequence, class Token>
  auto async_read_some(const MutableBufferSequence& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [](auto handler, std::shared_ptr<detail::reader_state> state, detail::mutable_buffers to) {
          detail::reader_read(state, to, std::move(handler));
        },
        token, state_, detail::mutable_buffers::of(buffers));
  }

 private:
  std::shared_ptr<detail::reader_state> state_;
};

/// A file that is being written: an AsyncWriteStream. Bytes are collected to a whole chunk before
/// it is sent, so a source that pauses holds nothing open at the datanodes, for however long; each
/// open writer therefore uses up to one chunk of memory, and up to the client's write_behind_bytes
/// together for chunks that are on their way. The file becomes visible, whole, when async_commit
/// succeeds; destroying the writer before that gives the upload up. Move-only; one operation at a
/// time; the members are not thread-safe among themselves.
class file_writer {
 public:
  using executor_type = boost::asio::any_io_executor;

  file_writer() noexcept;  ///< not open
  explicit file_writer(std::shared_ptr<detail::writer_state> state) noexcept;
  file_writer(file_writer&&) noexcept;
  file_writer& operator=(file_writer&&) noexcept;
  ~file_writer();

  [[nodiscard]] bool is_open() const noexcept { return state_ != nullptr; }
  [[nodiscard]] executor_type get_executor() const noexcept;
  /// Bytes taken so far.
  [[nodiscard]] std::uint64_t position() const noexcept;

  /// Takes at least one byte, unless the buffers are empty; waits while too much is on its way.
  /// After an error the writer is of no use any more. Completes with (error_code, std::size_t).
  template <class ConstBufferSequence, class Token>
  auto async_write_some(const ConstBufferSequence& buffers, Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, std::size_t)>(
        [](auto handler, std::shared_ptr<detail::writer_state> state, detail::const_buffers from) {
          detail::writer_write(state, from, std::move(handler));
        },
        token, state_, detail::const_buffers::of(buffers));
  }

  /// Sends what is left and makes the file visible. Once; after it the writer only can be
  /// destroyed. Completes with (error_code, mutation_result).
  template <class Token>
  auto async_commit(Token&& token) {
    return boost::asio::async_initiate<Token, void(boost::system::error_code, mutation_result)>(
        [](auto handler, std::shared_ptr<detail::writer_state> state) {
          detail::writer_commit(state, std::move(handler));
        },
        token, state_);
  }

 private:
  std::shared_ptr<detail::writer_state> state_;
};

}  // namespace ssdfs
