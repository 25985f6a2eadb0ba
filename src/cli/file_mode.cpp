#include "cli/file_mode.hpp"

#include <algorithm>
#include <string>

namespace ssdfs::cli {
namespace {

constexpr std::uint16_t all_bits = 07777;
constexpr std::uint16_t special_of_directories = 06000;
constexpr std::uint16_t everyone = 0111;  ///< a bit of each of user, group and others

bool is_octal(char c) { return c >= '0' && c <= '7'; }

// What a letter in front of the operator stands for; 0 for any other.
std::uint16_t bits_of_class(char c) {
  switch (c) {
    case 'u': return 04700;
    case 'g': return 02070;
    case 'o': return 01007;
    case 'a': return all_bits;
    default: return 0;
  }
}

// What a letter behind the operator stands for; 0 for any other.
std::uint16_t bits_of_permission(char c) {
  switch (c) {
    case 'r': return 4 * everyone;
    case 'w': return 2 * everyone;
    case 'x': return everyone;
    case 's': return 06000;
    case 't': return 01000;
    default: return 0;
  }
}

}  // namespace

/// Reads a MODE from the front; every function is false where it does not go on as it must.
class mode_change::parser {
 public:
  explicit parser(std::string_view text) : rest_(text) {}

  bool clauses(std::vector<action>& out) {
    for (;;) {
      if (!clause(out)) return false;
      if (rest_.empty()) return true;
      if (take() != ',') return false;
    }
  }

  // Digits up to 07777, at least one.
  bool number(std::uint16_t& value) {
    if (!is_octal(peek())) return false;
    unsigned sum = 0;
    while (is_octal(peek())) {
      sum = sum * 8 + static_cast<unsigned>(take() - '0');
      if (sum > all_bits) return false;
    }
    value = static_cast<std::uint16_t>(sum);
    return true;
  }

  [[nodiscard]] bool at_end() const { return rest_.empty(); }

 private:
  [[nodiscard]] char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  char take() {
    const char c = peek();
    if (!rest_.empty()) rest_.remove_prefix(1);
    return c;
  }
  [[nodiscard]] bool at_operator() const { return peek() == '+' || peek() == '-' || peek() == '='; }

  bool clause(std::vector<action>& out) {
    std::uint16_t whose = 0;
    while (const std::uint16_t bits = bits_of_class(peek())) {
      whose |= bits;
      take();
    }
    if (!at_operator()) return false;
    while (at_operator()) {
      action next;
      next.op = take();
      next.whose = whose;
      if (!permissions(next)) return false;
      out.push_back(next);
    }
    return true;
  }

  bool permissions(action& to) {
    if (is_octal(peek())) {
      // A number means all bits, so nobody in particular can be meant and nothing may follow.
      if (to.whose != 0 || !number(to.bits) || (!at_end() && peek() != ',')) return false;
      to.whose = to.named = all_bits;
      return true;
    }
    if (peek() == 'u' || peek() == 'g' || peek() == 'o') {
      to.copied_from = take();
      return true;
    }
    for (;; take()) {
      const std::uint16_t bits = bits_of_permission(peek());
      if (bits == 0 && peek() != 'X') break;
      to.bits |= bits;
      to.search = to.search || peek() == 'X';
    }
    to.named = to.whose == 0 ? to.bits : to.bits & to.whose;
    return true;
  }

  std::string_view rest_;
};

result<mode_change> mode_change::parse(std::string_view text, std::uint16_t umask) {
  mode_change out;
  out.umask_ = umask;
  parser in(text);
  if (!text.empty() && is_octal(text.front())) {
    action set;
    set.whose = all_bits;
    if (in.number(set.bits) && in.at_end()) {
      set.named = text.size() > 4 ? all_bits : static_cast<std::uint16_t>(set.bits | 0777);
      out.actions_.push_back(set);
      return out;
    }
  } else if (in.clauses(out.actions_)) {
    return out;
  }
  return failure(errc::invalid_argument, "'" + std::string(text) + "' is not a mode");
}

std::uint16_t mode_change::apply(std::uint16_t mode, bool directory) const {
  for (const action& a : actions_) {
    unsigned bits = a.bits;
    if (a.copied_from != 0) {
      const int shift = a.copied_from == 'u' ? 6 : a.copied_from == 'g' ? 3 : 0;
      bits = (mode >> shift & 7U) * everyone;
    }
    if (a.search && (directory || (mode & everyone) != 0)) bits |= everyone;
    const unsigned kept = directory ? special_of_directories & ~a.named : 0U;
    bits &= (a.whose != 0 ? a.whose : all_bits & ~umask_) & ~kept;
    if (a.op == '+') {
      mode = static_cast<std::uint16_t>(mode | bits);
    } else if (a.op == '-') {
      mode = static_cast<std::uint16_t>(mode & ~bits);
    } else {
      const unsigned untouched = (a.whose != 0 ? ~unsigned{a.whose} : 0U) | kept;
      mode = static_cast<std::uint16_t>((mode & untouched) | bits);
    }
  }
  return mode;
}

}  // namespace ssdfs::cli
