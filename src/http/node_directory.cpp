#include "http/node_directory.hpp"

#include "base/host_kind.hpp"
#include "client/tools.hpp"
#include "io/clock.hpp"
#include "net/address.hpp"

#include <algorithm>

namespace ssdfs::http {
namespace {

constexpr std::int64_t kept_ns = 2'000'000'000;

// A node that listens on every address is reached where its binary protocol is.
std::string reachable(const std::string& http, const std::string& address) {
  const auto web = net::parse_host_port(http);
  const auto own = net::parse_host_port(address);
  if (!web || !own) return {};
  const bool wildcard = web->host.empty() || web->host == "0.0.0.0" || web->host == "::";
  return net::format_host_port({wildcard ? own->host : web->host, web->port});
}

}  // namespace

void node_directory::get(handler done) {
  {
    std::unique_lock lock(mutex_);
    if (known_ && io::steady_ns() < until_ns_) {
      const auto known = known_;
      lock.unlock();
      return done(known);
    }
    waiting_.push_back(std::move(done));
    if (waiting_.size() > 1) return;
  }
  detail::async_master_call(
      client_, wire::admin_report_request{},
      [self = shared_from_this()](result<wire::admin_report_reply> reply) {
        result<std::shared_ptr<const http_nodes>> outcome = failure(errc::unavailable);
        std::vector<handler> waiting;
        {
          const std::lock_guard lock(self->mutex_);
          if (reply) {
            auto nodes = std::make_shared<http_nodes>();
            for (const auto& n : reply->nodes) {
              const std::string http = reachable(n.http, n.address);
              const bool live = n.state == "live" || n.state == "decommissioning";
              if (!http.empty()) nodes->push_back({n.address, http, live});
            }
            self->known_ = nodes;
            self->until_ns_ = io::steady_ns() + kept_ns;
            outcome = self->known_;
          } else {
            outcome = reply.error();
          }
          waiting.swap(self->waiting_);
        }
        for (handler& h : waiting) h(outcome);
      });
}

std::string choose_node(const http_nodes& nodes, const std::vector<std::string>& holders,
                        const std::vector<std::string>& excluded) {
  const auto is_excluded = [&](const http_node& n) {
    const std::string host = n.http.substr(0, n.http.rfind(':'));
    return std::any_of(excluded.begin(), excluded.end(),
                       [&](const std::string& known) { return known == n.http || known == host; });
  };
  std::vector<const http_node*> good;
  std::vector<const http_node*> live;
  for (const auto& n : nodes) {
    if (!n.live || is_excluded(n)) continue;
    live.push_back(&n);
    if (std::find(holders.begin(), holders.end(), n.address) != holders.end()) good.push_back(&n);
  }
  const auto& from = good.empty() ? live : good;
  if (from.empty()) return {};
  return from[io::random_u64() % from.size()]->http;
}

std::string seen_by_caller(const std::string& node, std::string_view host) {
  if (kind_of_host(node) != host_kind::loopback || kind_of_host(host) != host_kind::ordinary) {
    return node;
  }
  constexpr std::uint16_t http_port = 80;
  const auto own = net::parse_host_port(node);
  const auto callers = net::parse_host_port(host, http_port);
  return own && callers ? net::format_host_port({callers->host, own->port}) : node;
}

}  // namespace ssdfs::http
