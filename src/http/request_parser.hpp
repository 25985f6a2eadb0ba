// Takes requests apart, byte by byte as they come. Pure: no sockets.
#pragma once

#include "http/exchange.hpp"

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace ssdfs::http {

/// Most bytes of request line and fields.
inline constexpr std::size_t header_limit = 16 << 10;

/// Operation: one request at a time. The head is given whole; the body in pieces. Beast's parser
/// does the reading; what it lets pass although two servers may read it differently (request
/// smuggling: several Content-Length, any Transfer-Encoding but "chunked", in HTTP/1.0 or beside a
/// length, folded fields, several Host or none) is refused here.
/// Not thread-safe.
class request_parser {
 public:
  request_parser();
  ~request_parser();
  request_parser(const request_parser&) = delete;
  request_parser& operator=(const request_parser&) = delete;

  /// Why a request is refused: the status to answer it with and what is wrong.
  struct refusal {
    unsigned status = 400;
    std::string why;
  };

  /// Begins the next request.
  void reset();
  /// Takes what it can of `input`; how many bytes, or nothing if it must be refused: see refused().
  /// Call again with what is left and more behind it. Once the head is complete only body is taken.
  [[nodiscard]] std::optional<std::size_t> put(std::string_view input);
  [[nodiscard]] bool head_done() const noexcept;
  /// Head and body are complete; nothing more is taken.
  [[nodiscard]] bool done() const noexcept;
  [[nodiscard]] const request_head& head() const noexcept;
  /// Body bytes of the last put(); the caller clears it.
  [[nodiscard]] std::string& body() noexcept;
  [[nodiscard]] const refusal& refused() const noexcept;

 private:
  struct intake;
  class machine;
  struct state;

  std::optional<std::size_t> find_head(std::string_view input);
  std::optional<std::size_t> parse_head(std::string_view input);

  std::unique_ptr<state> state_;
};

}  // namespace ssdfs::http
