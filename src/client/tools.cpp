#include "client/tools.hpp"

#include "base/crc32c.hpp"
#include "client/operation.hpp"
#include "wire/chunk_messages.hpp"

#include <boost/asio/post.hpp>

#include <algorithm>

namespace ssdfs::detail {
namespace {

/// One request to one server, without retries; waits.
template <class Request>
result<net::response<typename Request::reply>> call_server(client& from, const replica_address& to,
                                                           const Request& request,
                                                           std::int64_t timeout_ms) {
  using answer = result<net::response<typename Request::reply>>;
  const net::awaited_value<answer> outcome;
  const core_ptr& c = from.internals();
  boost::asio::post(c->strand(), [&, outcome] {
    const net::call_options options{.timeout_ms = timeout_ms};
    c->servers().get(to).channel().call(request, options,
                                        [outcome](answer a) { outcome.give(std::move(a)); });
  });
  return outcome.wait();
}

// The leading master first, then the datanodes that are not dead.
result<std::vector<replica_address>> known_servers(client& from) {
  auto report = master_call(from, wire::admin_report_request{});
  if (!report) return std::move(report).error();
  std::vector<replica_address> servers;
  std::string master;
  net::run_and_wait(from.internals()->strand(),
                    [c = from.internals(), &master] { master = c->masters().current().address(); });
  servers.push_back({{}, std::move(master)});
  for (const wire::node_status& node : report->nodes) {
    if (node.state == "dead" || node.address.empty()) continue;
    servers.push_back({node.node, node.address});
  }
  return servers;
}

}  // namespace

result<std::vector<server_statistics>> all_server_statistics(client& from) {
  auto servers = known_servers(from);
  if (!servers) return std::move(servers).error();
  constexpr std::int64_t timeout_ms = 5000;
  std::vector<server_statistics> out;
  for (replica_address& server : *servers) {
    auto reply = call_server(from, server, wire::server_stats_request{}, timeout_ms);
    server_statistics& s = out.emplace_back();
    s.address = std::move(server.address);
    if (reply) {
      s.stats = reply->message;
    } else {
      s.ec = reply.error().code;
    }
  }
  return out;
}

result<std::size_t> connect_everywhere(client& from) {
  auto servers = known_servers(from);
  if (!servers) return std::move(servers).error();
  constexpr std::int64_t timeout_ms = 5000;
  std::size_t count = 0;
  for (const replica_address& server : *servers) {
    std::vector<net::awaited<wire::ping_request>> answers;
    for (const auto& channel : from.internals()->channels().all(server.address, server.node)) {
      answers.emplace_back(*channel, wire::ping_request{}, timeout_ms);
    }
    for (auto& a : answers) {
      const auto outcome = a.wait();
      if (outcome) {
        ++count;
      } else if (&server == &servers->front()) {  // the master's; nodes may be down or hang
        return outcome.error();
      }
    }
  }
  return count;
}

result<std::vector<std::byte>> read_replica(client& from, const chunk_location& chunk,
                                            const std::string& address) {
  std::vector<std::byte> out;
  out.reserve(chunk.size);
  const std::int64_t timeout_ms = from.internals()->config().datanode_timeout.count();
  while (out.size() < chunk.size) {
    wire::read_chunk_request request;
    request.volume = volume_id(chunk.volume);
    request.key = chunk.key;
    request.offset = static_cast<std::uint32_t>(out.size());
    request.length = std::min<std::uint32_t>(wire::max_body, chunk.size - request.offset);
    request.expected_size = chunk.size;
    request.expected_crc32c = chunk.crc32c;
    request.token = from.internals()->config().token;
    auto reply = call_server(from, {{}, address}, request, timeout_ms);
    if (!reply) return std::move(reply).error();
    if (reply->body.size() != request.length) {
      return failure(errc::checksum, address + ": the replica sent another length");
    }
    out.insert(out.end(), reply->body.begin(), reply->body.end());
  }
  if (crc32c(out) != chunk.crc32c) {
    return failure(errc::checksum, address + ": the replica's bytes do not match");
  }
  return out;
}

}  // namespace ssdfs::detail
