// Changes of permission bits as chmod(1) writes them: 644, u+x, go-w,a+X, g=u.
#pragma once

#include "base/result.hpp"

#include <cstdint>
#include <string_view>
#include <vector>

namespace ssdfs::cli {

/// A parsed MODE. Octal numbers replace the bits; clauses of letters, separated by commas, are
/// applied from left to right: [ugoa...][-+=][rwxXst... | u | g | o], with several actions a clause
/// if wanted, or [-+=] and an octal number.
class mode_change {
 public:
  /// `umask` is the caller's: a clause that does not say whose bits it means leaves those alone
  /// that are set in it. errc::invalid_argument for anything that is not a mode.
  static result<mode_change> parse(std::string_view text, std::uint16_t umask);

  /// The bits (0 to 07777) that `mode` becomes. A directory keeps its set-user-id and set-group-id
  /// bits unless the change names them, by letters or by a number of five digits.
  [[nodiscard]] std::uint16_t apply(std::uint16_t mode, bool directory) const;

 private:
  struct action {
    char op = '=';            ///< '+', '-' or '='
    std::uint16_t whose = 0;  ///< the bits that may change; 0: all that umask_ leaves
    std::uint16_t bits = 0;
    std::uint16_t named = 0;  ///< bits that were named: of these also a directory's special ones
    char copied_from = 0;     ///< 'u', 'g' or 'o': the bits are those that are there
    bool search = false;      ///< X: x for directories, and where somebody has x already
  };
  class parser;

  std::vector<action> actions_;
  std::uint16_t umask_ = 0;
};

}  // namespace ssdfs::cli
