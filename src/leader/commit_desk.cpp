#include "leader/commit_desk.hpp"

namespace ssdfs::leader {

result<void> commit_desk::may_decide(const meta::operation& op, client_id caller) const {
  SSDFS_TRY(log_.may_change());
  if (op.client != caller) {
    return failure(errc::permission_denied, "the operation is another client's");
  }
  return {};
}

void commit_desk::finish(token asked, const meta::operation& op, result<meta::decision> decided,
                         std::int64_t since_ms) {
  if (!decided) {
    state_.remember_failure(op, decided.error());
    return refuse(asked, std::move(decided).error(), since_ms);
  }
  if (decided->answered) return answer_change(asked, std::move(decided->answer), since_ms);
  if (auto logged = log_.log(decided->change); !logged) return to_.refused(asked, logged.error());
  answer_change(asked, meta::outcome_of(decided->change), since_ms);
}

void commit_desk::answer_change(token asked, meta::outcome outcome, std::int64_t since_ms) {
  if (outcome.txid <= committed_) return to_.changed(asked, outcome);
  const txid until = outcome.txid;
  waiting_.push({until, since_ms, asked, kind::change, std::move(outcome), {}});
}

void commit_desk::refuse(token asked, failure why, std::int64_t since_ms) {
  if (!behind()) return to_.refused(asked, why);
  waiting_.push({state_.last_txid(), since_ms, asked, kind::refusal, {}, std::move(why)});
}

void commit_desk::show(token asked, std::int64_t since_ms) {
  if (!behind()) return to_.shown(asked);
  waiting_.push({state_.last_txid(), since_ms, asked, kind::show, {}, {}});
}

void commit_desk::committed(txid upto) {
  if (upto <= committed_) return;
  committed_ = upto;
  while (!waiting_.empty() && waiting_.front().until <= committed_) {
    // Taken out first: an answer may queue another one.
    const pending next = waiting_.pop();
    switch (next.what) {
      case kind::change: to_.changed(next.asked, next.outcome); break;
      case kind::refusal: to_.refused(next.asked, next.why); break;
      case kind::show: to_.shown(next.asked); break;
    }
  }
}

void commit_desk::expire(std::int64_t since_ms) {
  while (!waiting_.empty() && waiting_.front().since_ms < since_ms) {
    to_.given_up(waiting_.pop().asked, answers::doubt::unconfirmed);
  }
}

void commit_desk::close() {
  while (!waiting_.empty()) to_.given_up(waiting_.pop().asked, answers::doubt::closed);
}

}  // namespace ssdfs::leader
