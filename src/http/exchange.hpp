// One HTTP request and its answer, as handlers see them. Needs no Beast.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/unique_function.hpp"

#include <boost/asio/any_io_executor.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

namespace ssdfs::http {

enum class method : std::uint8_t { get, head, put, post, del, options, other };

/// Fields that have a slot of their own; several lines of one are joined with commas.
enum class field : std::uint8_t {
  host,
  range,
  if_range,
  if_match,
  if_none_match,
  if_modified_since,
  if_unmodified_since,
  content_type,
  content_range,
  cache_control,
  pragma,
  origin,
  count_,
};

/// What a request says before its body. The views live until the exchange is answered.
struct request_head {
  method verb = method::other;
  bool http_11 = true;
  bool keep_alive = true;  ///< the caller would like to go on
  bool chunked = false;
  bool expects_continue = false;
  std::string_view method_name;
  std::string_view path;   ///< as sent, percent-encoded, without the query
  std::string_view query;  ///< behind the '?', as sent
  std::optional<std::uint64_t> content_length;
  std::array<std::string_view, static_cast<std::size_t>(field::count_)> known{};
  struct line {
    std::string_view name;
    std::string_view value;
  };
  std::vector<line> lines;  ///< all fields in their order

  /// Empty if it was not sent.
  [[nodiscard]] std::string_view get(field f) const noexcept {
    return known[static_cast<std::size_t>(f)];
  }
  /// By name in any case; the first line of it, empty if there is none.
  [[nodiscard]] std::string_view find(std::string_view name) const noexcept;
  [[nodiscard]] bool has_body() const noexcept { return chunked || content_length.value_or(0) > 0; }
};

/// The body of an answer, piece by piece.
class body_source {
 public:
  /// Bytes in memory, or, if `file` is not -1, of a file. Stays valid until the next call of next()
  /// or the end of the source.
  struct piece {
    bytes_view bytes;
    int file = -1;
    std::uint64_t offset = 0;
    std::size_t length = 0;
    [[nodiscard]] std::size_t size() const noexcept { return file >= 0 ? length : bytes.size(); }
  };
  using piece_handler = unique_function<void(result<piece>)>;

  virtual ~body_source() = default;
  /// Calls `done` once, here or later, on any thread, with at least one byte. Not called again
  /// behind the end. The source may be destroyed inside `done`.
  virtual void next(piece_handler done) = 0;
};

/// A request that is being handled. Exactly one answer is given, by any thread, at any time;
/// nothing of the exchange is touched after it. Letting go of it without an answer closes the
/// connection. `fields` are complete lines "Name: value\r\n" without Date, Server, Connection,
/// Content-Length.
class exchange {
 public:
  [[nodiscard]] virtual const request_head& request() const noexcept = 0;
  [[nodiscard]] virtual boost::asio::any_io_executor get_executor() const = 0;

  /// Complete lines that whatever is answered begins with, beside its own.
  virtual void add_fields(std::string_view fields) = 0;
  /// An answer that is in memory; its bytes are copied, and left out for HEAD.
  virtual void respond(unsigned status, std::string_view fields, std::string_view body) = 0;
  /// Only a head, which speaks of `size` bytes of content (nothing: no Content-Length is sent).
  virtual void respond_head(unsigned status, std::string_view fields,
                            std::optional<std::uint64_t> size) = 0;
  /// A head and `size` bytes from `body`. If the first piece fails the answer is 502 instead, if a
  /// later one fails the connection is cut.
  virtual void respond_stream(unsigned status, std::string_view fields, std::uint64_t size,
                              std::unique_ptr<body_source> body) = 0;
  /// The quick way: a head and room for `size` bytes, to be filled in and sent with finish(), or
  /// taken back with cancel(), after which another answer is given.
  [[nodiscard]] virtual bytes_span begin(unsigned status, std::string_view fields,
                                         std::size_t size) = 0;
  virtual void finish() = 0;
  virtual void cancel() = 0;

  /// Reads on in the request's body: calls `done`, here or later, with at least one byte, valid
  /// until the next call or the answer; with none at the end; with a failure if the connection
  /// ended, or what came is not HTTP, or too slow (then the answer hardly reaches anybody).
  virtual void read_body(unique_function<void(result<bytes_view>)> done) = 0;

 protected:
  ~exchange() = default;
};

using exchange_ptr = std::shared_ptr<exchange>;
/// Called on a thread of the io_context; must not block.
using exchange_handler = std::function<void(exchange_ptr)>;

/// True for what tokens (names of fields, of parameters, of codings) are made of.
[[nodiscard]] bool is_token_character(char c) noexcept;
/// True if a list of tokens, separated by commas, has this one, in any case.
[[nodiscard]] bool has_token(std::string_view list, std::string_view token) noexcept;
/// The standard's phrase for a status.
[[nodiscard]] std::string_view reason_of(unsigned status) noexcept;
/// Equal but for the case of ASCII letters.
[[nodiscard]] bool iequal(std::string_view a, std::string_view b) noexcept;

}  // namespace ssdfs::http
