// What is at the register's node, and the calls that change it.
#include "coord/ask.hpp"
#include "coord/zookeeper_keeper.hpp"
#include "io/clock.hpp"

#include <algorithm>

namespace ssdfs::coord {
namespace {

namespace asio = boost::asio;

constexpr int right_to_write = 2;
constexpr int all_rights = 31;

std::string rights_text(int rights) {
  std::string out;
  constexpr std::string_view letters = "rwcda";
  for (std::size_t i = 0; i < letters.size(); ++i) {
    if ((rights >> i & 1) != 0) out += letters[i];
  }
  return out;
}

// As ZooKeeper's shell shows it, without the hash of a password.
std::string acl_text(const std::vector<acl_entry>& acl) {
  if (acl.empty()) return "hidden from us";
  std::string out;
  for (const acl_entry& one : acl) {
    if (!out.empty()) out += ", ";
    const bool secret = one.scheme == "digest";
    out += one.scheme + ":" + (secret ? one.id.substr(0, one.id.find(':')) : one.id) + ":" +
           rights_text(one.permissions);
  }
  return out;
}

// The node belongs to the user alone. Whose password is another sees the hash in a digest entry as
// "x", so one that is shown is ours.
bool belongs_to(const std::vector<acl_entry>& acl, std::string_view user) {
  if (acl.size() != 1 || acl[0].scheme != "digest" || acl[0].permissions != all_rights) {
    return false;
  }
  const std::string_view id = acl[0].id;
  const auto colon = id.find(':');
  return colon != std::string_view::npos && id.substr(0, colon) == user &&
         id.substr(colon + 1) != "x";
}

bool shows_hashes(const std::vector<acl_entry>& acl) {
  return std::any_of(acl.begin(), acl.end(), [](const acl_entry& e) {
    return e.scheme == "digest" && !e.id.ends_with(":x");
  });
}

// Somebody has the rights without a password, and so have we.
bool open_for(const std::vector<acl_entry>& acl, int rights) {
  return std::any_of(acl.begin(), acl.end(), [&](const acl_entry& e) {
    return e.scheme != "digest" && e.scheme != "auth" && (e.permissions & rights) != 0;
  });
}

std::int64_t time_left(std::int64_t until_ms) {
  return std::max<std::int64_t>(until_ms - io::steady_ms(), 1);
}

set_result set_failed(failure why) { return {set_outcome::not_made, -1, std::move(why)}; }

}  // namespace

// The node as the server has it after it has caught up. If `code` is not ok, nothing was found out.
asio::awaitable<zookeeper_keeper::look_result> zookeeper_keeper::look(link_ptr link,
                                                                      std::int64_t within_ms) {
  const std::int64_t until = io::steady_ms() + within_ms;
  const std::uint64_t changes = changes_;
  look_result out;
  // One connection's calls are answered in order: the read waits for the sync at the server.
  link->sync(path_, within_ms, {});
  node_answer node = co_await ask([&](auto h) { link->get(path_, within_ms, std::move(h)); });
  out.code = node.code;
  if (node.code == answer_code::no_node) {
    out.code = co_await judge_absence(link, time_left(until), out);
  } else if (node.code == answer_code::no_auth) {
    out.code = answer_code::ok;
    out.state = register_state::denied;
    out.problem = "ZooKeeper at " + server_ + " does not let us read " + path_ +
                  (options_.auth ? ": it belongs to another user than '" +
                                       std::string(options_.auth->user()) +
                                       "', or the password is another (--zookeeper-auth)"
                                 : ": it is protected, and no --zookeeper-auth is given");
  } else if (node.code == answer_code::ok) {
    out.code = co_await judge_acl(link, node, time_left(until), out);
    judge_content(std::move(node), out);
  }
  // A link that was given up meanwhile has nothing to say about the present, nor has what was read
  // before a change.
  if (out.code == answer_code::ok && link == link_ && changes == changes_) note(out);
  co_return out;
}

asio::awaitable<answer_code> zookeeper_keeper::judge_absence(link_ptr link, std::int64_t within_ms,
                                                             look_result& out) {
  const std::string& root = options_.address.chroot;
  if (!root.empty()) {
    const node_answer found =
        co_await ask([&](auto h) { link->exists(root, within_ms, std::move(h)); });
    if (found.code == answer_code::no_node) {
      out.state = register_state::no_root;
      out.problem = "ZooKeeper at " + server_ + " has no node " + root +
                    ": is there a typing error in --zookeeper? Otherwise make it there first";
      co_return answer_code::ok;
    }
    if (found.code != answer_code::ok) co_return found.code;
  }
  out.state = register_state::missing;
  out.problem = "ZooKeeper at " + server_ + " has no register at " + path_ +
                ": if there was one, its data were lost; `ssdfs admin zookeeper-init` makes one";
  co_return answer_code::ok;
}

// Asks for the ACLs if they may be others than at the last look.
asio::awaitable<answer_code> zookeeper_keeper::judge_acl(link_ptr link, const node_answer& node,
                                                         std::int64_t within_ms, look_result& out) {
  if (acl_.created != node.created || acl_.acl_version != node.acl_version) {
    const std::int64_t until = io::steady_ms() + within_ms;
    const node_answer own =
        co_await ask([&](auto h) { link->get_acl(path_, within_ms, std::move(h)); });
    const node_answer above =
        co_await ask([&](auto h) { link->get_acl(parent_, time_left(until), std::move(h)); });
    // A node that may be read has an ACL that may be, too; its parent's may be forbidden.
    if (own.code != answer_code::ok && own.code != answer_code::no_auth) co_return own.code;
    if (above.code != answer_code::ok && above.code != answer_code::no_auth) co_return above.code;
    acl_verdict verdict{node.created, node.acl_version, register_state::ready, ""};
    const bool writable = open_for(own.acl, right_to_write) ||
                          (options_.auth && own.code == answer_code::ok &&
                           (belongs_to(own.acl, options_.auth->user()) || shows_hashes(own.acl)));
    if (!writable) {
      verdict.state = register_state::denied;
      verdict.problem =
          "ZooKeeper at " + server_ + " lets us read " + path_ +
          ", but not change it: its ACL is " + acl_text(own.acl) +
          (options_.auth ? "; compare --zookeeper-auth" : ", and no --zookeeper-auth is given");
    } else if (options_.auth) {
      const bool own_safe = belongs_to(own.acl, options_.auth->user());
      const bool above_safe =
          above.code == answer_code::ok && belongs_to(above.acl, options_.auth->user());
      if (!own_safe || !above_safe) {
        verdict.state = register_state::exposed;
        verdict.problem =
            "others may change the register: in ZooKeeper at " + server_ + " the ACL of " +
            (own_safe ? parent_ : path_) + " is " + acl_text(own_safe ? above.acl : own.acl) +
            ", it should be all rights for '" + std::string(options_.auth->user()) + "' alone";
      }
    }
    acl_ = std::move(verdict);
  }
  out.state = acl_.state;
  out.problem = acl_.problem;
  co_return answer_code::ok;
}

// What the content is counts more than who may change it.
void zookeeper_keeper::judge_content(node_answer node, look_result& out) const {
  const std::string what = "what ZooKeeper at " + server_ + " has at " + path_ + " ";
  if (node.too_long) {
    out.state = register_state::foreign;
    out.problem = what + "is no register: it is longer than " + std::to_string(max_register_bytes) +
                  " bytes; it is left alone";
    return;
  }
  if (const auto verdict = options_.judge(node.data); !verdict) {
    const bool other = verdict.error() == errc::wrong_cluster;
    out.state = other ? register_state::other_cluster : register_state::foreign;
    out.problem = what + "is not this cluster's register: " + verdict.error().message() +
                  "; it is left alone" +
                  (other ? ". Each cluster needs a /CHROOT of its own in --zookeeper" : "");
    return;
  }
  if (usable(out.state)) out.value = register_value{node.version, std::move(node.data)};
}

void zookeeper_keeper::note(const look_result& seen) {
  looked_ms_ = io::steady_ms();
  seen_.reset();
  if (seen.value) seen_ = seen.value->version;
  show(seen.state, seen.problem, seen_);
}

asio::awaitable<result<register_value>> zookeeper_keeper::read(std::int64_t within_ms) {
  if (!live()) co_return no_connection().why;
  const look_result seen = co_await look(link_, within_ms);
  if (stopping_) co_return no_connection().why;
  if (seen.code == answer_code::late) {
    co_return failure(errc::timed_out, "ZooKeeper gave no answer in time");
  }
  if (seen.code != answer_code::ok) {
    co_return failure(errc::connection, "the connection to ZooKeeper was lost");
  }
  if (!seen.value) co_return failure_of(seen.state, seen.problem);
  co_return *seen.value;
}

set_result zookeeper_keeper::no_connection() const {
  if (stopping_) return set_failed(failure_of(register_state::stopped, "stopped"));
  const bool known = shown_.state == register_state::away ||
                     shown_.state == register_state::auth_failed ||
                     shown_.state == register_state::connecting;
  return set_failed(failure_of(known ? shown_.state : register_state::connecting,
                               known ? shown_.problem : "there is no connection to ZooKeeper"));
}

std::optional<set_result> zookeeper_keeper::refuse_content(const std::string& content) const {
  if (content.size() > max_register_bytes) {
    return set_failed(
        {errc::too_large, "the register takes " + std::to_string(max_register_bytes) + " bytes"});
  }
  if (auto verdict = options_.judge(content); !verdict) return set_failed(verdict.error());
  return std::nullopt;
}

asio::awaitable<set_result> zookeeper_keeper::set(std::int64_t replaced, std::string content,
                                                  std::int64_t within_ms) {
  if (auto bad = refuse_content(content)) co_return std::move(*bad);
  if (!live()) co_return no_connection();
  if (!seen_) {
    if (usable(shown_.state) || shown_.problem.empty()) {
      co_return set_failed({errc::precondition, "the register has not been read yet"});
    }
    co_return set_failed(failure_of(shown_.state, shown_.problem));
  }
  if (*seen_ > replaced) {
    co_return set_result{
        set_outcome::refused,
        *seen_,
        {errc::precondition, "the register's version is " + std::to_string(*seen_) + " already"}};
  }
  if (*seen_ < replaced) {
    co_return set_failed(
        {errc::precondition, "the register went back to version " + std::to_string(*seen_)});
  }
  const link_ptr link = link_;
  const node_answer answer =
      co_await ask([&](auto h) { link->set(path_, content, replaced, within_ms, std::move(h)); });
  switch (answer.code) {
    case answer_code::ok:
      ++changes_;
      if (link == link_) {
        seen_ = answer.version;
        show(shown_.state, shown_.problem, seen_);
      }
      co_return set_result{set_outcome::done, answer.version, {}};
    case answer_code::bad_version:
      poll_.notify();
      co_return set_result{
          set_outcome::refused, -1, {errc::precondition, "the register has another version"}};
    case answer_code::no_node:
      poll_.notify();
      co_return set_failed({errc::not_found, "the register is gone"});
    case answer_code::no_auth:
      acl_ = {};
      poll_.notify();
      co_return set_failed({errc::permission_denied, "ZooKeeper does not let us change " + path_});
    case answer_code::not_sent: co_return no_connection();
    case answer_code::refused:
      co_return set_failed({errc::connection, "the server has refused the change"});
    default:
      co_return set_result{set_outcome::unknown,
                           -1,
                           {errc::timed_out, "no answer: the change may be made, now or later"}};
  }
}

asio::awaitable<set_result> zookeeper_keeper::create(std::string content, std::int64_t within_ms) {
  if (auto bad = refuse_content(content)) co_return std::move(*bad);
  if (!live()) co_return no_connection();
  const link_ptr link = link_;
  const bool ours = options_.auth.has_value();
  const std::int64_t until = io::steady_ms() + within_ms;
  if (const std::string& root = options_.address.chroot; !root.empty()) {
    const node_answer found =
        co_await ask([&](auto h) { link->exists(root, within_ms, std::move(h)); });
    if (found.code == answer_code::no_node) {
      co_return set_failed({errc::not_found, "ZooKeeper at " + server_ + " has no node " + root});
    }
  }
  const node_answer above = co_await ask(
      [&](auto h) { link->create(parent_, "", ours, time_left(until), std::move(h)); });
  if (above.code == answer_code::no_auth) {
    co_return set_failed({errc::permission_denied, "ZooKeeper does not let us make " + parent_});
  }
  if (above.code != answer_code::ok && above.code != answer_code::exists) {
    co_return set_failed({errc::connection, "the node " + parent_ + " could not be made in time"});
  }
  const node_answer answer = co_await ask(
      [&](auto h) { link->create(path_, content, ours, time_left(until), std::move(h)); });
  poll_.notify();
  switch (answer.code) {
    case answer_code::ok: co_return set_result{set_outcome::done, 0, {}};
    case answer_code::exists:
      co_return set_result{set_outcome::refused, -1, {errc::exists, path_ + " exists"}};
    case answer_code::no_auth:
      co_return set_failed({errc::permission_denied, "ZooKeeper does not let us make " + path_});
    case answer_code::no_node:
    case answer_code::refused:
      co_return set_failed({errc::connection, "the server has refused to make " + path_});
    case answer_code::not_sent: co_return no_connection();
    default:
      co_return set_result{
          set_outcome::unknown, -1, {errc::timed_out, "no answer: it may be made, now or later"}};
  }
}

}  // namespace ssdfs::coord
