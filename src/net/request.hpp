// A request that a server received and must answer exactly once.
#pragma once

#include "base/buffer.hpp"
#include "base/result.hpp"
#include "wire/codec.hpp"
#include "wire/common_messages.hpp"
#include "wire/frame.hpp"

#include <cstdint>
#include <memory>
#include <string>

namespace ssdfs::net {

class connection;

/// Move-only handle to one received request. The views (and string_views decoded from them) live
/// as long as this object or a copy of `hold()`. May be moved to and answered from any thread; the
/// answer is queued on the connection and leaves with all others that are queued by then. Answering
/// a connection that has closed does nothing. Destroying an unanswered request answers
/// errc::internal, so a lost branch is seen by the caller at once.
class request {
 public:
  request(std::shared_ptr<connection> from, const wire::frame_view& frame, buffer_ref hold,
          std::int64_t received_ns);
  request(request&&) noexcept;
  request& operator=(request&&) noexcept;
  ~request();

  [[nodiscard]] wire::opcode code() const noexcept {
    return static_cast<wire::opcode>(header_.opcode);
  }
  [[nodiscard]] bytes_view message() const noexcept { return message_; }
  [[nodiscard]] bytes_view body() const noexcept { return body_; }
  [[nodiscard]] const buffer_ref& hold() const noexcept { return hold_; }
  /// When it was received, CLOCK_MONOTONIC.
  [[nodiscard]] std::int64_t received_ns() const noexcept { return received_ns_; }
  [[nodiscard]] connection& from() const noexcept { return *from_; }

  /// Decodes the message; false if malformed (answer errc::protocol then).
  template <class Request>
  [[nodiscard]] bool decode(Request& out) const {
    return code() == Request::code && wire::decode(message_, out);
  }

  /// Answers with success. `body` is at most wire::max_body and sent without a copy; its hold keeps
  /// it alive until it is sent.
  template <class Reply>
  void reply(const Reply& message, shared_bytes body = {}) {
    begin_reply(0);
    wire::encode(message, reply_bytes());
    finish_reply(std::move(body));
  }

  /// Answers with an error; `hint` as in error_reply, by default the failure's own.
  void fail(const failure& why, std::string hint = {});

  /// True until reply or fail was called.
  [[nodiscard]] bool pending() const noexcept { return from_ != nullptr; }

  /// For the server: body bytes that the answer may have; they count as unanswered from the start.
  void expect(std::size_t reply_bytes) noexcept { expected_bytes_ = reply_bytes; }
  /// What the request counts in its connection's unanswered bytes.
  [[nodiscard]] std::size_t cost() const noexcept {
    return header_.frame_length() + expected_bytes_;
  }

 private:
  // Encoding happens straight into the connection's output under its mutex, so that an answer costs
  // no allocation: begin locks and writes a header's room, finish completes it and unlocks.
  void begin_reply(std::uint16_t status);
  [[nodiscard]] std::vector<std::byte>& reply_bytes();
  void finish_reply(shared_bytes body);

  std::shared_ptr<connection> from_;
  wire::frame_header header_;
  bytes_view message_;
  bytes_view body_;
  buffer_ref hold_;
  std::int64_t received_ns_ = 0;
  std::size_t expected_bytes_ = 0;
};

}  // namespace ssdfs::net
