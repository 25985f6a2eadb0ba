#include "meta/operation_results.hpp"

#include <algorithm>
#include <iterator>

namespace ssdfs::meta {
namespace {

// Refusals that depend on the contents of the namespace, so that the same request could succeed
// later on. All others either repeat themselves or invite the client to send the operation again.
bool passes_with_the_namespace(const failure& why) {
  for (const errc e :
       {errc::not_found, errc::exists, errc::not_directory, errc::is_directory, errc::not_empty,
        errc::permission_denied, errc::quota_exceeded, errc::precondition, errc::into_itself}) {
    if (why == e) return true;
  }
  return false;
}

}  // namespace

result<const outcome*> operation_results::find(const operation& op) const {
  if (op.sequence == 0) return nullptr;
  if (op.lowest_unanswered > op.sequence) {
    return failure(errc::invalid_argument, "an operation declares itself answered");
  }
  const auto refused = refusal_numbers_.find(key{op.client, op.sequence});
  if (refused != refusal_numbers_.end()) {
    return refusals_[static_cast<std::size_t>(refused->second - first_refusal_)].why;
  }
  const auto at = by_id_.find(op.client);
  if (at == by_id_.end()) {
    if (size_ >= max_results) return failure(errc::busy, "too many unanswered operations");
    return nullptr;
  }
  const client_entry& client = *at->second;
  const auto found = std::lower_bound(
      client.results.begin(), client.results.end(), op.sequence,
      [](const entry& e, std::uint64_t sequence) { return e.sequence < sequence; });
  if (found != client.results.end() && found->sequence == op.sequence) return &found->result;
  if (op.sequence < client.lowest_unanswered) {
    return failure(errc::invalid_argument, "the operation was declared answered before");
  }
  if (client.results.size() >= max_per_client || size_ >= max_results) {
    return failure(errc::busy, "too many unanswered operations");
  }
  return nullptr;
}

void operation_results::remember(const operation& op, std::int64_t time_ms, outcome result) {
  if (op.sequence == 0) return;
  client_entry& client = touch(op, time_ms);
  auto at = client.results.end();
  while (at != client.results.begin() && std::prev(at)->sequence > op.sequence) --at;
  client.results.insert(at, entry{op.sequence, time_ms, std::move(result)});
  ++size_;
  expire(time_ms);
}

operation_results::client_entry& operation_results::touch(const operation& op,
                                                          std::int64_t time_ms) {
  const auto at = by_id_.find(op.client);
  if (at == by_id_.end()) {
    clients_.push_back({op.client, time_ms, op.lowest_unanswered, {}});
    by_id_.emplace(op.client, std::prev(clients_.end()));
    return clients_.back();
  }
  clients_.splice(clients_.end(), clients_, at->second);
  client_entry& client = *at->second;
  client.last_ms = time_ms;
  client.lowest_unanswered = std::max(client.lowest_unanswered, op.lowest_unanswered);
  while (!client.results.empty() && (client.results.front().sequence < client.lowest_unanswered ||
                                     client.results.front().time_ms <= time_ms - retention_ms)) {
    drop_front(client);
  }
  return client;
}

void operation_results::restart(std::int64_t time_ms) {
  for (client_entry& client : clients_) {
    client.last_ms = std::max(client.last_ms, time_ms);
    for (entry& e : client.results) e.time_ms = std::max(e.time_ms, time_ms);
  }
}

void operation_results::expire(std::int64_t time_ms) {
  while (!clients_.empty() && clients_.front().last_ms <= time_ms - retention_ms) {
    size_ -= clients_.front().results.size();
    by_id_.erase(clients_.front().client);
    clients_.pop_front();
  }
}

void operation_results::drop_front(client_entry& client) {
  client.results.pop_front();
  --size_;
}

void operation_results::remember_failure(const operation& op, std::int64_t time_ms,
                                         const failure& why) {
  if (op.sequence == 0 || !passes_with_the_namespace(why)) return;
  const std::uint64_t number = first_refusal_ + refusals_.size();
  if (!refusal_numbers_.emplace(key{op.client, op.sequence}, number).second) return;
  refusals_.push_back({op, time_ms, why});
  while (refusals_.size() > max_refusals || refusals_.front().time_ms <= time_ms - retention_ms) {
    refusal_numbers_.erase(key{refusals_.front().op.client, refusals_.front().op.sequence});
    refusals_.pop_front();
    ++first_refusal_;
  }
}

bool operation_results::load(client_entry client) {
  if (by_id_.contains(client.client)) return false;
  if (!clients_.empty() && clients_.back().last_ms > client.last_ms) return false;
  for (std::size_t i = 1; i < client.results.size(); ++i) {
    if (client.results[i - 1].sequence >= client.results[i].sequence) return false;
  }
  size_ += client.results.size();
  const client_id id = client.client;
  clients_.push_back(std::move(client));
  by_id_.emplace(id, std::prev(clients_.end()));
  return true;
}

}  // namespace ssdfs::meta
