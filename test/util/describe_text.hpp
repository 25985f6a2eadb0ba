// Messages as the protocol's documentation writes them, from their descriptions.
#pragma once

#include "util/all_messages.hpp"

#include <boost/core/demangle.hpp>

#include <map>
#include <string>
#include <typeinfo>

namespace ssdfs::test {

/// "path: string, volumes: list<u64>"; collects the nested structs it meets in `structs`.
class field_text {
 public:
  std::map<std::string, std::string> structs;

  template <wire::described T>
  std::string fields_of() {
    using members = boost::describe::describe_members<T, boost::describe::mod_public>;
    std::string out;
    boost::mp11::mp_for_each<members>([&](auto member) {
      using type = std::remove_cvref_t<decltype(std::declval<T&>().*member.pointer)>;
      if (!out.empty()) out += ", ";
      out += std::string(member.name) + ": " + name_of<type>();
    });
    return out.empty() ? "nothing" : out;
  }

 private:
  template <class T>
  struct list_element : std::false_type {};
  template <class T>
  struct list_element<std::vector<T>> : std::true_type {
    using type = T;
  };
  template <class T>
  struct strong_value : std::false_type {};
  template <class Tag, class T>
  struct strong_value<strong<Tag, T>> : std::true_type {
    using type = T;
  };

  template <class T>
  std::string name_of() {
    if constexpr (std::is_same_v<T, bool>) {
      return "bool";
    } else if constexpr (std::is_enum_v<T>) {
      return name_of<std::underlying_type_t<T>>();
    } else if constexpr (std::is_integral_v<T>) {
      return (std::is_signed_v<T> ? "i" : "u") + std::to_string(sizeof(T) * 8);
    } else if constexpr (std::is_same_v<T, std::string> || std::is_same_v<T, std::string_view>) {
      return "string";
    } else if constexpr (std::is_same_v<T, uuid>) {
      return "uuid";
    } else if constexpr (strong_value<T>::value) {
      return name_of<typename strong_value<T>::type>();
    } else if constexpr (list_element<T>::value) {
      return "list<" + name_of<typename list_element<T>::type>() + ">";
    } else {
      std::string name = boost::core::demangle(typeid(T).name());
      name = name.substr(name.rfind(':') + 1);
      if (structs.emplace(name, "").second) structs[name] = fields_of<T>();
      return name;
    }
  }
};

}  // namespace ssdfs::test
