// The common way of reads and of clients' mutations; included by the service's files only.
#pragma once

#include "master/service.hpp"

namespace ssdfs::master {

template <class Reply>
void service::answer_read(net::request r, Reply reply) {
  // An answer must not show what a crash could still take back.
  if (!core_.behind()) return r.reply(reply);
  core_.when_durable(std::move(r),
                     [reply = std::move(reply)](net::request& to) { to.reply(reply); });
}

/// Lets `command` (operation, context -> result<meta::decision>) decide, logs, and answers when the
/// result is durable. An operation is taken only from the client whose it is, so that nobody uses
/// up another's numbers, gets its results, or commits out of its grants: op.client is the
/// session's.
template <class Request, class Command>
void service::mutate(net::request r, const Request& q, Command command) {
  if (auto allowed = core_.may_change(); !allowed) return r.fail(allowed.error());
  const meta::operation op{q.op.client, q.op.sequence, q.op.lowest_unanswered};
  if (op.client != r.from().peer().client) {
    return r.fail(failure(errc::permission_denied, "the operation is another client's"));
  }
  auto decided = command(op, core_.context());
  if (!decided) {
    core_.state().remember_failure(op, decided.error());
    return core_.refuse(std::move(r), std::move(decided).error());
  }
  if (decided->answered) return core_.answer_mutation(std::move(r), decided->answer);
  if (auto logged = core_.log(decided->change); !logged) return r.fail(logged.error());
  core_.answer_mutation(std::move(r), meta::outcome_of(decided->change));
}

}  // namespace ssdfs::master
