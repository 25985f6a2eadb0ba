// How a standby becomes the leader: when, after asking whom, and with which value of the register.
#pragma once

#include "cluster/member_core.hpp"

#include <map>
#include <optional>
#include <string>

namespace ssdfs::cluster {

/// What became of a request for a member_greeting.
enum class greeting_outcome : std::uint8_t { answered, refused, silent };

/// Operation: when it is this standby's turn, all other members are asked what they know. One that
/// leads or has heard of a later epoch, or knows more as committed than this log holds, ends the
/// attempt. Members whose port refuses twice are left out of the set. Then one compare-and-set.
///
///   idle -> waiting (its turn) -> asking -> checking the register -> sent
///
/// Concurrency: single-threaded.
class takeover {
 public:
  static constexpr std::int64_t turn_ms = 200;    ///< between two members in the order of the set
  static constexpr std::int64_t last_ms = 1'000;  ///< added for one that should rather not lead
  static constexpr std::int64_t ask_ms = 300;     ///< to wait for greetings
  static constexpr std::int64_t again_ms = 100;   ///< before a refused one is asked again
  static constexpr std::int64_t rest_ms = 1'000;  ///< after a member knew better

  explicit takeover(member_core& core) : core_(core) {}

  /// To be called every tick. `wanted`: nobody leads, as far as this member can see, and it may.
  /// `at_once`: without waiting for its turn.
  void step(bool wanted, bool at_once, time_ms now);
  void greeted(std::uint64_t id, greeting_outcome what, const member_greeting& told, time_ms now);
  /// An operator names this member, whatever the register's set: possible once the register's
  /// leader does not answer.
  void force() { forced_ = true; }
  [[nodiscard]] bool forced() const noexcept { return forced_; }

  /// Its compare-and-set was made: the value, once.
  [[nodiscard]] std::optional<register_value> take_won() {
    return std::exchange(won_, std::nullopt);
  }
  /// What a forced takeover gives up: everything up to this epoch that it does not hold.
  [[nodiscard]] std::optional<epoch_t> accepted() const noexcept { return accepted_; }
  /// Why it stands back, or empty.
  [[nodiscard]] const std::string& held_back() const noexcept { return held_back_; }

 private:
  enum class phase : std::uint8_t { idle, waiting, asking, checking };
  struct asked {
    member_address who;
    std::uint64_t id = 0;
    int refusals = 0;
    bool answered = false;
    bool given_up = false;
    time_ms again_at = never;
  };

  void ask_all(time_ms now);
  void ask(asked& a);
  void asking(time_ms now);
  void stand_back(std::string why, time_ms now);
  void send();
  void take_settled(time_ms now);
  [[nodiscard]] std::int64_t delay_ms() const;
  [[nodiscard]] register_value candidate() const;

  member_core& core_;
  phase phase_ = phase::idle;
  time_ms turn_at_ = never;
  time_ms rest_until_ = 0;
  time_ms ask_until_ = never;
  std::uint64_t next_id_ = 1;
  std::map<node_id, asked> asked_;
  bool forced_ = false;
  bool sent_forced_ = false;
  std::optional<register_value> won_;
  std::optional<epoch_t> accepted_;
  std::string held_back_;
};

}  // namespace ssdfs::cluster
