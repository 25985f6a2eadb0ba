// From a request to the function that answers it, and the proof that there is one for each.
#pragma once

#include "net/request.hpp"
#include "wire/requests.hpp"

#include <boost/mp11/algorithm.hpp>
#include <boost/mp11/list.hpp>

#include <array>
#include <cstddef>
#include <string>
#include <tuple>
#include <type_traits>
#include <utility>

namespace ssdfs::net {

namespace detail {

template <class Handler>
struct handler_type;
template <class Object, class Message>
struct handler_type<void (Object::*)(request, Message&)> {
  using object = Object;
  using message = std::remove_const_t<Message>;
};
template <class Object, class Message>
struct handler_type<void (Object::*)(request, Message&) noexcept>
    : handler_type<void (Object::*)(request, Message&)> {};

}  // namespace detail

/// Answers a request that nobody here has a function for: errc::unsupported, with who answers it.
void refuse_unsupported(request& r, wire::peer_role here);
/// The same where another server may lead: a request for masters is answered with errc::not_active
/// and the address of the one that does (empty: it is not known, the caller tries its own list).
void refuse_not_leading(request& r, wire::peer_role here, std::string leader);

/// The requests that a role, or a part of one, answers: a member function for each,
///   void lookup(net::request r, const wire::lookup_request& m);
/// with a reference that is not const where the function changes the message to send it on.
///
/// Operation: dispatch() finds the function by the opcode in a table of the compiler's, decodes the
/// message, and calls the function with both. Nothing is allocated; one call goes through a
/// pointer. What cannot be decoded is answered with errc::protocol and reaches no function.
/// Lifetime: `m` lives until the function returns. The views in it alias the frame: they are valid
/// as long as `r` or a copy of its hold().
template <auto... Handlers>
class routes {
 public:
  using requests =
      boost::mp11::mp_list<typename detail::handler_type<decltype(Handlers)>::message...>;

  /// Whether dispatch() has a function for it.
  [[nodiscard]] static constexpr bool takes(wire::opcode code) noexcept {
    return ((message_of<Handlers>::code == code) || ...);
  }

  /// Calls the function for `r` on that one of `objects` whose member it is. False, with `r`
  /// untouched, if there is none.
  template <class... Objects>
  static bool dispatch(request& r, Objects&... objects) {
    using group = std::tuple<Objects&...>;
    static constexpr auto table = table_for<group>();
    const auto number = static_cast<std::size_t>(r.code());
    if (number >= table.size() || table[number] == nullptr) return false;
    group to(objects...);
    table[number](r, to);
    return true;
  }

 private:
  template <auto Handler>
  using message_of = typename detail::handler_type<decltype(Handler)>::message;
  template <auto Handler>
  using object_of = typename detail::handler_type<decltype(Handler)>::object;

  template <class Group>
  using call = void (*)(request&, Group&);

  template <auto Handler, class Group>
  static void decode_and_call(request& r, Group& to) {
    message_of<Handler> m;
    if (!r.decode(m)) {
      return r.fail(failure(errc::protocol, "malformed " + std::string(wire::name_of(r.code()))));
    }
    (std::get<object_of<Handler>&>(to).*Handler)(std::move(r), m);
  }

  template <class Group>
  static constexpr auto table_for() {
    std::array<call<Group>, wire::opcode_limit> out{};
    ((out[static_cast<std::size_t>(message_of<Handlers>::code)] =
          &decode_and_call<Handlers, Group>),
     ...);
    return out;
  }
};

namespace detail {

template <wire::servers Role>
struct answered_by {
  template <class Row>
  using test = std::bool_constant<wire::has(Row::to, Role)>;
  using requests = boost::mp11::mp_transform<wire::request_of,
                                             boost::mp11::mp_copy_if<wire::request_table, test>>;
};

}  // namespace detail

/// The requests that the table gives to a role and none of `Routes` takes.
template <wire::servers Role, class... Routes>
using unanswered = boost::mp11::mp_set_difference<
    typename detail::answered_by<Role>::requests,
    boost::mp11::mp_append<boost::mp11::mp_list<>, typename Routes::requests...>>;

/// The other way round: what `Routes` take though the table does not give it to the role.
template <wire::servers Role, class... Routes>
using unexpected = boost::mp11::mp_set_difference<
    boost::mp11::mp_append<boost::mp11::mp_list<>, typename Routes::requests...>,
    typename detail::answered_by<Role>::requests>;

namespace detail {

// Their arguments are named where the compiler says what it was doing.
template <class... Requests>
consteval bool none_is_without_a_function(boost::mp11::mp_list<Requests...>) {
  static_assert(sizeof...(Requests) == 0, "wire/requests.hpp says that the role answers these");
  return true;
}
template <class... Requests>
consteval bool none_is_for_another_role(boost::mp11::mp_list<Requests...>) {
  static_assert(sizeof...(Requests) == 0, "wire/requests.hpp gives these to other roles");
  return true;
}

}  // namespace detail

/// True, or it does not compile and the compiler names the requests that were forgotten. Each role
/// says so of its routes:
///   static_assert(net::answers_its_requests<wire::servers::master, answers>());
template <wire::servers Role, class... Routes>
consteval bool answers_its_requests() {
  return detail::none_is_without_a_function(unanswered<Role, Routes...>{}) &&
         detail::none_is_for_another_role(unexpected<Role, Routes...>{});
}

}  // namespace ssdfs::net
