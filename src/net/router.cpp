#include "net/router.hpp"

#include <boost/describe/enum_to_string.hpp>

namespace ssdfs::net {

void refuse_unsupported(request& r, wire::peer_role here) {
  const wire::servers to = wire::rules_of(r.code()).to;
  std::string text = "this is a ";
  text += boost::describe::enum_to_string(here, "server");
  if (to == wire::servers::nobody) {
    text += ", which knows no request " + std::to_string(static_cast<unsigned>(r.code()));
  } else {
    text += wire::has(to, wire::servers::master) ? ", not a master" : ", not a datanode";
  }
  r.fail(failure(errc::unsupported, std::move(text)));
}

void refuse_not_leading(request& r, wire::peer_role here, std::string leader) {
  if (!wire::has(wire::rules_of(r.code()).to, wire::servers::master)) {
    return refuse_unsupported(r, here);
  }
  std::string text = "this is a ";
  text += boost::describe::enum_to_string(here, "server");
  r.fail(failure(errc::not_active, std::move(text)), std::move(leader));
}

}  // namespace ssdfs::net
