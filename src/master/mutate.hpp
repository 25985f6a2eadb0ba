// The common way of reads and of clients' mutations; included by the service's files only.
#pragma once

#include "master/service.hpp"

namespace ssdfs::master {

template <class Reply>
void service::answer_read(net::request r, Reply reply) {
  // An answer must not show what a crash could still take back.
  if (!core_.behind()) return r.reply(reply);
  core_.when_committed(std::move(r),
                       [reply = std::move(reply)](net::request& to) { to.reply(reply); });
}

/// Lets `command` (operation, context -> result<meta::decision>) decide, logs, and answers when the
/// result is committed.
template <class Request, class Command>
void service::mutate(net::request r, const Request& q, Command command) {
  const meta::operation op{q.op.client, q.op.sequence, q.op.lowest_unanswered};
  core_.change(std::move(r), op, [&](meta::context& c) { return command(op, c); });
}

}  // namespace ssdfs::master
