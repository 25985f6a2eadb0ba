#include "net/output.hpp"

#include "base/assert.hpp"

#include <sys/socket.h>
#include <sys/uio.h>

#include <algorithm>
#include <array>
#include <cerrno>

namespace ssdfs::net {
void output::batch::clear() noexcept {
  if (bytes.capacity() > keep_bytes) {
    bytes = {};
  } else {
    bytes.clear();
  }
  bodies.clear();
}

std::vector<std::byte>& output::begin() {
  frame_start_ = filling_.bytes.size();
  filling_.bytes.resize(frame_start_ + wire::frame_header_size);
  return filling_.bytes;
}

std::size_t output::message_length() const noexcept {
  return filling_.bytes.size() - frame_start_ - wire::frame_header_size;
}

void output::end(wire::frame_header header, frame_bodies bodies) {
  const std::size_t message = message_length();
  const std::size_t body_bytes = bodies.first.view.size() + bodies.second.view.size();
  SSDFS_ASSERT(message <= wire::max_message && body_bytes <= wire::max_body);
  header.message_length = static_cast<std::uint32_t>(message);
  header.body_length = static_cast<std::uint32_t>(body_bytes);
  std::byte* start = filling_.bytes.data() + frame_start_;
  wire::encode_header(header, {start + wire::frame_header_size, message}, start);
  append_body(std::move(bodies.first), bodies.name);
  append_body(std::move(bodies.second), bodies.name);
  unsent_ += header.frame_length();
}

void output::append_body(shared_bytes data, std::uint64_t name) {
  if (data.view.empty()) return;
  if (data.view.size() < copy_below) {
    filling_.bytes.insert(filling_.bytes.end(), data.view.begin(), data.view.end());
    return;
  }
  if (data.hold) name = 0;
  filling_.bodies.push_back({filling_.bytes.size(), std::move(data), name});
}

void output::append_raw(bytes_view data) {
  filling_.bytes.insert(filling_.bytes.end(), data.begin(), data.end());
  unsent_ += data.size();
}

bool output::load() {
  // Not under send_mutex_: whoever may load is the one who may send.
  if (position_ < sending_.bytes.size() || body_index_ < sending_.bodies.size()) return true;
  if (filling_.bytes.empty()) return false;
  std::swap(filling_, sending_);
  position_ = 0;
  body_index_ = 0;
  body_offset_ = 0;
  return true;
}

void output::set_cluster(const cluster_id& cluster) {
  std::size_t at = 0;
  std::size_t next_body = 0;
  while (at < filling_.bytes.size()) {
    std::byte* start = filling_.bytes.data() + at;
    wire::frame_header header = wire::read_header(start);
    header.cluster = cluster;
    const bytes_view message(start + wire::frame_header_size, header.message_length);
    wire::encode_header(header, message, start);
    // Behind the message come those parts of the body that were copied.
    std::size_t copied = header.body_length;
    at += wire::frame_header_size + header.message_length;
    while (next_body < filling_.bodies.size() && filling_.bodies[next_body].at <= at + copied) {
      copied -= filling_.bodies[next_body].data.view.size();
      ++next_body;
    }
    at += copied;
  }
}

output::progress output::send(int socket) {
  const std::lock_guard lock(send_mutex_);
  progress out;
  for (;;) {
    std::array<iovec, max_gather> list;
    std::size_t count = 0;
    std::size_t total = 0;
    const auto add = [&](bytes_view data) {
      list[count++] = {const_cast<std::byte*>(data.data()), data.size()};
      total += data.size();
    };
    std::size_t at = position_;
    std::size_t index = body_index_;
    std::size_t offset = body_offset_;
    const bytes_view bytes = sending_.bytes;
    while (count < list.size()) {
      const bool more = index < sending_.bodies.size();
      if (more && sending_.bodies[index].at == at) {
        add(sending_.bodies[index].data.view.subspan(offset));
        offset = 0;
        ++index;
        continue;
      }
      const std::size_t end = more ? sending_.bodies[index].at : bytes.size();
      if (at == end) break;
      add(bytes.subspan(at, end - at));
      at = end;
    }
    if (count == 0) {
      sending_.clear();
      position_ = body_index_ = body_offset_ = 0;
      return out;
    }
    msghdr message{};
    message.msg_iov = list.data();
    message.msg_iovlen = count;
    const ssize_t n = ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n < 0) {
      if (errno == EINTR) continue;
      out.error = errno;
      out.state = errno == EAGAIN || errno == EWOULDBLOCK ? status::blocked : status::failed;
      return out;
    }
    const auto taken = static_cast<std::size_t>(n);
    advance(taken);
    out.bytes += taken;
    if (taken < total) {  // the socket's buffer is full: asking again would only say so
      out.state = status::blocked;
      return out;
    }
  }
}

void output::advance(std::size_t n) noexcept {
  while (n > 0) {
    const bool more = body_index_ < sending_.bodies.size();
    if (more && sending_.bodies[body_index_].at == position_) {
      body& front = sending_.bodies[body_index_];
      const std::size_t step = std::min(n, front.data.view.size() - body_offset_);
      n -= step;
      body_offset_ += step;
      if (body_offset_ == front.data.view.size()) {
        front.data = {};
        body_offset_ = 0;
        ++body_index_;
      }
      continue;
    }
    const std::size_t end = more ? sending_.bodies[body_index_].at : sending_.bytes.size();
    const std::size_t step = std::min(n, end - position_);
    n -= step;
    position_ += step;
  }
}

void output::adopt(std::uint64_t name, std::mutex& owner) {
  const std::lock_guard sending(send_mutex_);
  const std::lock_guard queueing(owner);
  adopt_in(sending_, name);
  adopt_in(filling_, name);
}

void output::adopt_in(batch& queued, std::uint64_t name) {
  for (body& b : queued.bodies) {
    if (b.name != name) continue;
    b.data = copy_bytes(b.data.view);
    b.name = 0;
  }
}

void output::drop(std::mutex& owner) noexcept {
  const std::lock_guard sending(send_mutex_);
  const std::lock_guard queueing(owner);
  filling_.clear();
  sending_.clear();
  unsent_ = position_ = body_index_ = body_offset_ = 0;
}

}  // namespace ssdfs::net
