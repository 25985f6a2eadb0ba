#include "client/fake_cluster.hpp"

#include <boost/asio/steady_timer.hpp>

#include <chrono>
#include <stdexcept>

namespace ssdfs::test {

fake_cluster::fake_cluster(fake_cluster_options options) : options_(options) {
  const auto listen = [&](role& r) {
    auto made = net::server::listen(io_, r, {.listen = "127.0.0.1:0"});
    if (!made) throw std::runtime_error(made.error().message());
    r.listener = std::move(*made);
    r.listener->start();
  };
  listen(master_);
  listen(other_);
  for (std::size_t i = 0; i < options_.nodes; ++i) {
    nodes_.push_back(std::make_unique<role>(*this, "node" + std::to_string(i)));
    listen(*nodes_.back());
  }
  thread_ = std::thread([this] { io_.run(); });
}

fake_cluster::~fake_cluster() {
  master_.listener->stop();
  other_.listener->stop();
  for (const auto& n : nodes_) n->listener->stop();
  io_.stop();
  thread_.join();
}

void fake_cluster::handle(role& at, net::request r) {
  const std::lock_guard lock(mutex_);
  const seen_request seen{at.name, r.code(), ++counts_[{at.name, r.code()}]};
  const fault f = rule_ ? rule_(seen) : fault{};
  if (f.what == fault::kind::refuse)
    return r.fail(failure(f.status, "refused by the test"), f.hint);
  if (f.what == fault::kind::drop_before) {
    unanswered_.push_back(std::move(r));
    return;
  }
  if (f.what == fault::kind::delay) {
    auto timer = std::make_shared<boost::asio::steady_timer>(io_);
    timer->expires_after(std::chrono::milliseconds(f.delay_ms));
    timer->async_wait([this, &at, timer, held = std::make_shared<net::request>(std::move(r))](
                          boost::system::error_code ec) {
      const std::lock_guard relock(mutex_);
      if (!ec) execute(at, *held, false)(*held);
    });
    return;
  }
  const answer a = execute(at, r, f.what == fault::kind::corrupt);
  if (f.what == fault::kind::drop_after || f.what == fault::kind::close) {
    net::connection& from = r.from();
    unanswered_.push_back(std::move(r));
    if (f.what == fault::kind::close) from.close();
    return;
  }
  a(r);
}

fake_cluster::answer fake_cluster::execute(role& at, const net::request& r, bool corrupt) {
  if (&at == &other_) return refused(failure(errc::not_active, "ask the other", master()));
  if (&at == &master_) return master_request(r);
  if (r.code() == wire::opcode::read_chunk) return read(at, r, corrupt);
  return write(at, r);
}

}  // namespace ssdfs::test
