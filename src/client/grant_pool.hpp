// Rights to write: asked for ahead of need, shared by all writes of the client.
#pragma once

#include "base/result.hpp"
#include "client/servers.hpp"
#include "wire/chunk_messages.hpp"
#include "wire/namespace_messages.hpp"

#include <boost/smart_ptr/intrusive_ptr.hpp>
#include <boost/smart_ptr/intrusive_ref_counter.hpp>

#include <array>
#include <cstdint>
#include <list>
#include <map>
#include <string>
#include <vector>

namespace ssdfs::detail {

class core;
class grant_pool;

/// One grant. Held by the pool while keys are taken from it and by every chunk that was written
/// under it until its file is committed; when the last lets go, the master is told that it has
/// ended. Used on the client's strand.
class grant : public boost::intrusive_ref_counter<grant, boost::thread_unsafe_counter> {
 public:
  grant(grant_pool& pool, const wire::grant_reply& reply, std::vector<server*> chain);
  ~grant();
  grant(const grant&) = delete;
  grant& operator=(const grant&) = delete;

  [[nodiscard]] volume_id volume() const noexcept { return volume_; }
  [[nodiscard]] generation_t generation() const noexcept { return generation_; }
  [[nodiscard]] server& first() const noexcept { return *chain_.front(); }
  [[nodiscard]] const std::vector<server*>& chain() const noexcept { return chain_; }
  /// The same as write requests carry it.
  [[nodiscard]] const std::string& chain_text() const noexcept { return chain_text_; }
  /// What they show, as the master has given it.
  [[nodiscard]] const std::string& ticket() const noexcept { return ticket_; }

 private:
  friend class grant_pool;
  grant_pool& pool_;
  volume_id volume_;
  generation_t generation_;
  chunk_key first_key_;
  chunk_key next_key_;
  std::uint32_t keys_left_;
  std::uint64_t bytes_;
  std::uint64_t bytes_left_;
  std::vector<server*> chain_;
  std::string chain_text_;
  std::string ticket_;
  std::int64_t received_ns_;
  std::int64_t used_ns_;
};

using grant_ref = boost::intrusive_ptr<grant>;

/// Bytes that a chunk takes in a volume: header, content, table of block checksums, alignment.
[[nodiscard]] constexpr std::uint64_t stored_size(std::uint32_t size) noexcept {
  constexpr std::uint64_t header = 24;
  constexpr std::uint32_t block = 64U << 10;
  const std::uint64_t table = size > block ? 4ULL * ((std::uint64_t{size} + block - 1) / block) : 0;
  return (header + size + table + 7) / 8 * 8;
}

/// A key to write one chunk under. The key is burnt by the first attempt to write.
struct write_right {
  grant_ref under;
  chunk_key key = 0;
};

/// Somebody who waits for a right.
class grant_waiter {
 public:
  /// Called once, on the strand, never inside acquire().
  virtual void on_grant(result<write_right> right) = 0;

 protected:
  ~grant_waiter() = default;

 private:
  friend class grant_pool;
  bool waiting_ = false;
  std::uint32_t size_ = 0;
  std::uint8_t replication_ = 0;
  std::int64_t deadline_ns_ = 0;
};

/// All grants of a client, per replication class (0: the cluster's default, 1, 2, 3).
/// - Several volumes are written at once when there is enough to do; the next grant is asked for
///   when half of what is there has been used. Grants grow while they are used up quickly.
/// - A chain that failed ends its grant, and its volume and the member that failed are not asked
///   for again for a while. A key that is in use already ends it, too, and is nobody's fault.
/// - A ticket that has become too old ends its grant and those that are as old.
/// - Grants that nobody uses are given back.
class grant_pool {
 public:
  explicit grant_pool(core& owner) : core_(owner) {}

  /// A right to write a chunk of `size` bytes: at once, or later through the waiter (then the
  /// result is empty). A waiter is served or failed by `deadline_ns`, or a little later while a
  /// request is under way.
  [[nodiscard]] std::optional<write_right> acquire(std::uint8_t replication, std::uint32_t size,
                                                   std::int64_t deadline_ns, grant_waiter& waiter);
  /// Stops waiting without a call; harmless if it does not wait.
  void forget(grant_waiter& waiter);

  /// A write under this grant failed. Decides from the failure what is to be avoided.
  void failed(grant& g, const failure& why);

  /// True while a grant lives, in the pool or at a chunk that is not committed yet.
  [[nodiscard]] bool any() const noexcept { return living_ != 0; }

  /// Gives everything back; calls `done` when the master knows, or nothing was there. Waiters must
  /// be gone.
  void close(unique_function<void()> done);

 private:
  friend class grant;
  struct replication_class {
    std::uint8_t replication = 0;
    std::vector<grant_ref> active;
    std::list<grant_waiter*> waiters;
    std::size_t turn = 0;             // round robin over active
    bool asking = false;              // a request is under way, or a pause before one
    std::uint32_t failures = 0;       // of requests in a row
    std::uint32_t short_answers = 0;  // grants in a row too small for the first waiter
    bool ignore_avoided = false;      // the last request found nobody else
    std::uint64_t next_bytes = 0;     // to ask for
    std::uint64_t used_bytes = 0;     // running mean of chunks, for the number of keys
    std::size_t recent = 0;           // rights given since the last grant came
  };

  [[nodiscard]] grant* pick(replication_class& c, std::uint32_t size);
  [[nodiscard]] write_right take(replication_class& c, grant& g, std::uint32_t size);
  void consider_asking(replication_class& c);
  void ask(replication_class& c);
  void answered(replication_class& c, const wire::grant_reply& reply);
  void refused(replication_class& c, server& by, failure why);
  void serve(replication_class& c);
  void fail_waiters(replication_class& c, const failure& why, std::int64_t until_ns);
  void retire(replication_class& c, grant& g);
  template <class Condition>
  void retire_all(Condition which);
  void ended(const grant& g);
  void send_end(const wire::end_grant_request& request, std::uint32_t attempt);
  void watch_idle();
  void check_closed();
  [[nodiscard]] replication_class& of(std::uint8_t replication);
  [[nodiscard]] std::vector<volume_id> avoided_volumes(std::int64_t now_ns);

  core& core_;
  std::array<replication_class, 4> classes_;
  std::map<volume_id, std::int64_t> avoided_volumes_;  // until when
  std::size_t living_ = 0;
  std::size_t ending_ = 0;  // end_grant calls under way
  bool watching_idle_ = false;
  bool closed_ = false;
  unique_function<void()> when_closed_;
};

}  // namespace ssdfs::detail
