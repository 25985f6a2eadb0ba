// Every message of the protocol, for tests that hold for all of them.
#pragma once

#include "wire/codec.hpp"
#include "wire/requests.hpp"

#include <boost/mp11/algorithm.hpp>
#include <boost/mp11/list.hpp>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace ssdfs::test {

/// Calls `f("<opcode>_request" or "<opcode>_reply", default message)` for each, and for
/// error_reply.
template <class F>
void for_each_message(F&& f) {
  boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, wire::all_requests>>(
      [&](auto wrapped) {
        using request = typename decltype(wrapped)::type;
        const std::string name(wire::name_of(request::code));
        f(name + "_request", request{});
        f(name + "_reply", typename request::reply{});
      });
  f(std::string("error_reply"), wire::error_reply{});
}

/// Which message the bytes of a fuzzer's input are: the opcode and one byte, 0 for the request and
/// 1 for the reply. Opcode 0 is error_reply. Numbers of the protocol, which never change.
inline constexpr std::size_t seed_head_size = 3;

/// Calls `f(name, default message)` for the message that the input's head names; false if there is
/// none.
template <class F>
bool with_message_of_seed(bytes_view input, F&& f) {
  if (input.size() < seed_head_size) return false;
  const auto code = load_le<std::uint16_t>(input.data());
  const auto reply = std::to_integer<unsigned>(input[2]);
  bool found = false;
  boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, wire::all_requests>>(
      [&](auto wrapped) {
        using request = typename decltype(wrapped)::type;
        if (code != static_cast<std::uint16_t>(request::code) || reply > 1) return;
        const std::string name(wire::name_of(request::code));
        found = true;
        if (reply == 0) {
          f(name + "_request", request{});
        } else {
          f(name + "_reply", typename request::reply{});
        }
      });
  if (code == 0) {
    found = true;
    f(std::string("error_reply"), wire::error_reply{});
  }
  return found;
}

/// The head of the inputs for a message.
[[nodiscard]] inline std::array<std::byte, seed_head_size> seed_head(std::uint16_t code,
                                                                     bool reply) {
  std::array<std::byte, seed_head_size> out{};
  store_le(out.data(), code);
  out[2] = std::byte{reply};
  return out;
}

/// Gives every field of a message a value of its own, the same in every run: numbers with all bytes
/// different, lists of two elements, texts of different lengths.
class filler {
 public:
  template <class T>
  void fill(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      value = true;
    } else if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(1);
    } else if constexpr (std::is_integral_v<T>) {
      value = static_cast<T>(0x8070605040302010ULL + ++count_ * 0x0101010101010101ULL);
    } else if constexpr (std::is_same_v<T, std::string_view> || std::is_same_v<T, std::string>) {
      static constexpr std::array<std::string_view, 4> texts = {"/image/product/iphone.jpg", "",
                                                                "10.0.0.7:9610", "\xc3\xa4 text"};
      value = texts[++count_ % texts.size()];
    } else if constexpr (std::is_same_v<T, uuid>) {
      ++count_;
      for (std::size_t i = 0; i < 16; ++i) {
        value.data[i] = static_cast<std::uint8_t>(count_ * 16 + i);
      }
    } else {
      fill_composite(value);
    }
  }

 private:
  template <class Tag, class T>
  void fill_composite(strong<Tag, T>& id) {
    fill(id.value);
  }
  template <class T>
  void fill_composite(std::vector<T>& list) {
    list.resize(2);
    for (T& item : list) fill(item);
  }
  template <wire::described T>
  void fill_composite(T& value) {
    using members = boost::describe::describe_members<T, boost::describe::mod_public>;
    boost::mp11::mp_for_each<members>([&](auto member) { fill(value.*member.pointer); });
  }
  std::uint64_t count_ = 0;
};

template <class Message>
[[nodiscard]] Message sample_of() {
  Message m;
  filler().fill(m);
  return m;
}

template <class Message>
[[nodiscard]] std::vector<std::byte> encoded(const Message& m) {
  std::vector<std::byte> out;
  wire::encode(m, out);
  return out;
}

[[nodiscard]] inline std::string hex_of(bytes_view data) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (const std::byte b : data) {
    out += digits[std::to_integer<unsigned>(b) >> 4];
    out += digits[std::to_integer<unsigned>(b) & 15];
  }
  return out;
}

/// Ignores spaces and line ends.
[[nodiscard]] inline std::vector<std::byte> bytes_of_hex(std::string_view text) {
  std::vector<std::byte> out;
  int high = -1;
  for (const char c : text) {
    if (c == ' ' || c == '\n') continue;
    const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    if (high < 0) {
      high = digit;
    } else {
      out.push_back(static_cast<std::byte>(high * 16 + digit));
      high = -1;
    }
  }
  return out;
}

}  // namespace ssdfs::test
