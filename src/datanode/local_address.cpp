#include "datanode/local_address.hpp"

#include "net/address.hpp"

#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>

#include <memory>
#include <utility>

namespace ssdfs::datanode {

void find_local_address(const boost::asio::any_io_executor& executor, const std::string& remote,
                        unique_function<void(result<std::string>)> done) {
  using boost::asio::ip::udp;
  const auto to = net::parse_host_port(remote);
  if (!to) {
    boost::asio::post(executor, [done = std::move(done), why = to.error()]() mutable {
      done(result<std::string>(std::move(why)));
    });
    return;
  }
  auto resolver = std::make_shared<udp::resolver>(executor);
  auto resolved = [resolver, executor, done = std::move(done)](
                      boost::system::error_code ec,
                      const udp::resolver::results_type& found) mutable {
    if (ec || found.empty()) return done(failure(errc::connection, ec.message()));
    // Connecting a datagram socket only makes the system choose a route.
    udp::socket probe(executor);
    probe.connect(found.begin()->endpoint(), ec);
    const udp::endpoint local = ec ? udp::endpoint() : probe.local_endpoint(ec);
    if (ec) return done(failure(errc::connection, ec.message()));
    done(local.address().to_string());
  };
  resolver->async_resolve(to->host, std::to_string(to->port), std::move(resolved));
}

}  // namespace ssdfs::datanode
