#include "leader/ticket_maker.hpp"

#include <boost/container/static_vector.hpp>

namespace ssdfs::leader {

std::string ticket_maker::for_grant(const meta::grant_record& given,
                                    std::span<const replica_address> chain, std::int64_t clock_ms) {
  boost::container::static_vector<node_id, cluster::ticket_chain_max> members;
  for (const replica_address& member : chain) members.push_back(member.node);
  const cluster::ticket_scope scope{.right = cluster::ticket_right::write,
                                    .cluster = cluster_,
                                    .volume = given.volume,
                                    .generation = given.generation,
                                    .chain = members};
  cluster::ticket made;
  made.root = number_;
  made.slot = cluster::ticket_slot_at(clock_ms);
  made.first_key = given.first;
  made.last_key = given.first + given.count - 1;
  made.bytes = given.bytes;
  if (!key_ || key_->slot() != made.slot) key_.emplace(secret_, made.slot);
  made.mac = key_->prove(scope, made);
  return std::string(cluster::as_text(cluster::text_of(made)));
}

ticket_terms ticket_maker::terms(std::int64_t clock_ms, bool with_root) const {
  return {number_, with_root ? std::string(as_chars(secret_)) : std::string(), clock_ms};
}

}  // namespace ssdfs::leader
