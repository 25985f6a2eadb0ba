// One connection of ZooKeeper's C client to one server, from its opening to its end.
//
// The client library would reconnect, follow a session from server to server and queue calls
// meanwhile. None of that is wanted here: a queued change could be sent long after its caller has
// given up, a session has nothing that would be lost with it, and a handle may be unable to come
// back (an expired session, a server restored from an old copy). So a link has one server, ends
// with its first trouble, and whoever wants to go on makes another one.
#pragma once

#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "coord/digest_file.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

// The library's handle and its callbacks' argument.
struct _zhandle;  // NOLINT(bugprone-reserved-identifier): the library's name
struct ACL_vector;

namespace ssdfs::coord {

enum class answer_code : std::uint8_t {
  ok,
  no_node,
  exists,
  bad_version,
  no_auth,
  auth_failed,
  refused,   ///< a server has said no for another reason: nothing was changed
  not_sent,  ///< the library did not take the call: nothing was changed
  lost,      ///< no server's answer: changed, not changed, or changed later
  late,      ///< no answer in time: the same
};

/// What a code of the library's completions (ZOO_ERRORS) says. Only what a server itself has said
/// is definite: the library gives all others also to calls that are at the server already.
[[nodiscard]] answer_code answer_of(int library_code) noexcept;

struct acl_entry {
  std::string scheme;
  std::string id;
  int permissions = 0;  ///< of read 1, write 2, create 4, delete 8, admin 16
  friend bool operator==(const acl_entry&, const acl_entry&) = default;
};

struct node_answer {
  answer_code code = answer_code::lost;
  std::string data;
  bool too_long = false;  ///< over max_register_bytes, and not copied
  std::int64_t version = -1;
  std::int64_t created = 0;      ///< id of the transaction that made the node
  std::int64_t acl_version = 0;  ///< how often its ACL was changed
  std::vector<acl_entry> acl;
};

/// Operation: open(), wait until connected() (or lost()), calls, at the end abandon() and close().
///
/// Completion: each handler is called once, posted to the owner's io_context: with an answer,
/// `late` after `within_ms`, or `lost` at the link's end. A call with a time of at least
/// `silence_ms` that gets no answer ends the link. An empty handler is allowed.
///
/// Concurrency: everything on the one thread that runs the io_context, but close(), which blocks
/// for up to five seconds and belongs on a thread that nothing waits for; the owner keeps the link
/// until whatever close() has caused to be posted has run. The library's threads only post.
class zookeeper_link {
 public:
  using handler = unique_function<void(node_answer)>;

  struct events {
    std::function<void()> changed;  ///< connected(), lost() or auth_failed() is another
    std::function<void()> hint;     ///< a node that is watched has changed
  };

  zookeeper_link(boost::asio::io_context& owner, std::int64_t silence_ms, events e);
  ~zookeeper_link();
  zookeeper_link(const zookeeper_link&) = delete;
  zookeeper_link& operator=(const zookeeper_link&) = delete;

  /// `numeric_address`: "127.0.0.1:2181", IPv6 without brackets. busy if there is no descriptor or
  /// thread to be had.
  [[nodiscard]] result<void> open(const std::string& numeric_address, std::int64_t session_ms);

  [[nodiscard]] bool connected() const noexcept { return state_ == state::connected; }
  [[nodiscard]] bool lost() const noexcept { return state_ == state::lost; }
  /// Together with lost().
  [[nodiscard]] bool auth_failed() const noexcept { return auth_failed_; }

  void authenticate(const digest_credentials& who, std::int64_t within_ms, handler h);
  /// Has the server catch up with what was decided before; what is called after it sees that.
  void sync(const std::string& path, std::int64_t within_ms, handler h);
  /// Also watches the node.
  void get(const std::string& path, std::int64_t within_ms, handler h);
  void exists(const std::string& path, std::int64_t within_ms, handler h);
  void get_acl(const std::string& path, std::int64_t within_ms, handler h);
  /// Open to everybody, or with all rights for who has authenticated and none for others.
  void create(const std::string& path, const std::string& data, bool for_creator_only,
              std::int64_t within_ms, handler h);
  void set(const std::string& path, const std::string& data, std::int64_t version,
           std::int64_t within_ms, handler h);

  /// The end, as far as the owner is concerned: all calls complete as lost, later ones as not_sent.
  void abandon();
  /// After abandon(). No callback of the library comes after it has returned.
  void close();

 private:
  enum class state : std::uint8_t { opening, connected, lost };

  // What the library hands back. One that it never does (it drops some of them when it is closed)
  // is freed with the link.
  struct token {
    zookeeper_link* link;
    std::uint64_t call;
  };
  struct pending {
    handler done;
    std::unique_ptr<boost::asio::steady_timer> timer;
  };
  struct callbacks;  // the functions that the library calls, on its own threads

  template <class Call>
  void start(std::int64_t within_ms, handler h, Call call);
  void arrived(const void* data, node_answer answer);  // from the library's threads
  void session_is(int library_state);                  // on the owner's
  void complete(std::uint64_t call, node_answer answer);
  void lose();
  std::map<std::uint64_t, pending> take_all();

  boost::asio::io_context& owner_;
  const std::int64_t silence_ms_;
  const events events_;
  state state_ = state::opening;
  bool auth_failed_ = false;
  _zhandle* handle_ = nullptr;
  std::uint64_t next_call_ = 1;
  std::map<std::uint64_t, pending> pending_;

  std::mutex mutex_;
  std::map<const void*, std::unique_ptr<token>> tokens_;  // under mutex_
};

}  // namespace ssdfs::coord
