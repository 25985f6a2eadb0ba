// A call of a zookeeper_link, awaited by a coroutine on the link's thread.
#pragma once

#include "coord/zookeeper_link.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <utility>

namespace ssdfs::coord {

/// Gives `start` the handler that resumes the coroutine. `start` is called before this returns to
/// the caller's thread, so it may hold references to what lives in the coroutine.
template <class Start>
boost::asio::awaitable<node_answer> ask(Start start) {
  return boost::asio::async_initiate<const boost::asio::use_awaitable_t<>&, void(node_answer)>(
      [](auto handler, Start begin) { begin(zookeeper_link::handler(std::move(handler))); },
      boost::asio::use_awaitable, std::move(start));
}

}  // namespace ssdfs::coord
