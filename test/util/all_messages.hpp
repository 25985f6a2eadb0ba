// Every message of the protocol, for tests that hold for all of them.
#pragma once

#include "wire/admin_messages.hpp"
#include "wire/chunk_messages.hpp"
#include "wire/cluster_messages.hpp"
#include "wire/codec.hpp"
#include "wire/common_messages.hpp"
#include "wire/healing_messages.hpp"
#include "wire/health_messages.hpp"
#include "wire/journal_messages.hpp"
#include "wire/member_messages.hpp"
#include "wire/namespace_messages.hpp"
#include "wire/relocate_messages.hpp"

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

using all_requests = boost::mp11::mp_list<
    wire::hello_request, wire::ping_request, wire::server_stats_request, wire::lookup_request,
    wire::locate_request, wire::list_request, wire::summary_request, wire::commit_file_request,
    wire::make_directory_request, wire::rename_request, wire::remove_request,
    wire::set_attributes_request, wire::set_quota_request, wire::get_quota_request,
    wire::grant_request, wire::end_grant_request, wire::admin_report_request,
    wire::admin_volumes_request, wire::admin_seal_request, wire::admin_config_request,
    wire::admin_safemode_request, wire::take_relocations_request, wire::report_relocations_request,
    wire::admin_healing_request, wire::admin_node_request, wire::admin_rebalance_request,
    wire::trash_empty_request, wire::admin_checkpoint_request, wire::register_node_request,
    wire::report_volumes_request, wire::heartbeat_request, wire::live_chunks_request,
    wire::write_chunk_request, wire::write_begin_request, wire::write_piece_request,
    wire::write_end_request, wire::read_chunk_request, wire::replica_chunks_request,
    wire::fsck_request, wire::scrub_request, wire::replica_health_request, wire::bad_chunks_request,
    wire::repair_replica_request, wire::admin_accept_loss_request, wire::pull_edits_request,
    wire::ack_edits_request, wire::fetch_image_request, wire::upload_image_request,
    wire::finish_image_request, wire::log_status_request, wire::commit_chunks_request,
    wire::promise_request, wire::greet_request, wire::match_log_request>;

/// Calls `f("<opcode>_request" or "<opcode>_reply", default message)` for each, and for
/// error_reply.
template <class F>
void for_each_message(F&& f) {
  boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, all_requests>>(
      [&](auto wrapped) {
        using request = typename decltype(wrapped)::type;
        const std::string name(wire::name_of(request::code));
        f(name + "_request", request{});
        f(name + "_reply", typename request::reply{});
      });
  f(std::string("error_reply"), wire::error_reply{});
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
