#include "net/request.hpp"

#include "base/assert.hpp"
#include "io/clock.hpp"
#include "net/server.hpp"

namespace ssdfs::net {
namespace {

// Only errc values travel; what the operating system said goes along as text.
std::uint16_t status_of(const boost::system::error_code& code) noexcept {
  if (code.category() != ssdfs_category()) return static_cast<std::uint16_t>(errc::io);
  if (code.value() == 0) return static_cast<std::uint16_t>(errc::internal);
  return static_cast<std::uint16_t>(code.value());
}

// An error's texts are for people: a long one is cut, so that an error always fits a frame.
std::string bounded(std::string text) {
  constexpr std::size_t longest = 4096;
  if (text.size() > longest) text.resize(longest);
  return text;
}

}  // namespace

request::request(std::shared_ptr<connection> from, const wire::frame_view& frame, buffer_ref hold,
                 std::int64_t received_ns)
    : from_(std::move(from)),
      header_(frame.header),
      message_(frame.message),
      body_(frame.body),
      hold_(std::move(hold)),
      received_ns_(received_ns) {}

request::request(request&&) noexcept = default;

request& request::operator=(request&& other) noexcept {
  if (this != &other) {
    if (pending()) fail({errc::internal, "the request was dropped"});
    from_ = std::move(other.from_);
    header_ = other.header_;
    message_ = other.message_;
    body_ = other.body_;
    hold_ = std::move(other.hold_);
    received_ns_ = other.received_ns_;
    expected_bytes_ = other.expected_bytes_;
  }
  return *this;
}

request::~request() {
  if (pending()) fail({errc::internal, "the request was dropped"});
}

void request::fail(const failure& why, std::string hint) {
  wire::error_reply message;
  message.detail = bounded(why.code.category() == ssdfs_category() ? why.detail : why.message());
  message.hint = bounded(hint.empty() ? why.hint : std::move(hint));
  begin_reply(status_of(why.code));
  wire::encode(message, reply_bytes());
  finish_reply({});
}

void request::begin_reply(std::uint16_t status) {
  SSDFS_ASSERT(pending());
  header_.status = status;
  from_->begin_reply();
}

std::vector<std::byte>& request::reply_bytes() { return from_->reply_bytes(); }

void request::finish_reply(shared_bytes body) {
  wire::frame_header header = header_;
  header.version = wire::frame_version;
  header.flags = wire::flag_reply;
  // From here on this object is answered, also for a call that comes back into it.
  const std::shared_ptr<connection> from = std::move(from_);
  server_metrics& counts = from->metrics();
  counts.answered(header.opcode, header.status, io::steady_ns() - received_ns_);
  counts.in_flight.fetch_sub(1, std::memory_order_relaxed);
  from->finish_reply(header, std::move(body), cost());
}

}  // namespace ssdfs::net
