// Where commands with several sources put things: one rule for put, cp and mv.
#pragma once

#include "cli/command_line.hpp"
#include "cli/remote.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::cli {

/// The last argument of put, cp and mv.
///
/// An existing directory takes the sources under their own names, unless -T says that the target is
/// the new name itself. A slash at the end says that a directory is meant: a file there is an
/// error, and where nothing is, a directory is made for what is no directory itself (a directory
/// that is moved or copied becomes it, as with mv(1) and cp(1)). So a file never gets the name of a
/// directory that somebody thought was there.
class target_rule {
 public:
  struct question {
    std::string typed;
    std::size_t sources = 1;
    bool exact = false;             ///< -T
    bool made_for_several = false;  ///< several sources are enough to make a missing directory
  };
  /// Looks at what is there. Empty after an error, which is printed.
  static std::optional<target_rule> look(session& to, question q);

  struct place {
    std::string path;
    bool parents = false;  ///< the directory that holds it is to be made, with those above
  };
  /// Where a source called `name` goes ("": it has no name of its own, what it holds goes into the
  /// target). not_directory: a file under a name that ends with a slash.
  [[nodiscard]] result<place> place_for(std::string_view name, bool directory) const;

  [[nodiscard]] const std::string& path() const noexcept { return target_.path; }

 private:
  target_rule(typed_path target, question q) : target_(std::move(target)), q_(std::move(q)) {}

  typed_path target_;
  question q_;
  bool there_ = false;  ///< an existing directory, to put things into
};

/// Keeps one call from putting two sources into one place, of which the first would be lost.
class places {
 public:
  /// One source of the call and where it goes.
  struct plan {
    std::string source;
    std::string target;
  };

  /// True if the source goes to the same place as the same source before it: nothing is left to do
  /// for it. To be asked for each source, in order.
  [[nodiscard]] bool is_repeated(const plan& next);
  /// What all sources of the call are. If none is at or below another one's place, nothing that
  /// take() is asked for can come twice, and it remembers nothing.
  void expect(const std::vector<plan>& all);
  /// False if something of this call has gone to `target` already; directories may meet, and what
  /// is in them comes together.
  [[nodiscard]] bool take(const std::string& target, bool directory = false);

 private:
  std::set<std::pair<std::string, std::string>> seen_;
  bool watched_ = false;
  std::map<std::string, bool> taken_;  // whether they are directories
};

/// Prints that a source was given twice, which is no error.
void warn_of_repeated(std::string_view command, const std::string& source);

/// What to say of a source that is at its target already.
inline constexpr const char* same_file_text = "is the same as the target";
/// What to say of a file whose place take() has refused.
[[nodiscard]] std::string just_made_text();

}  // namespace ssdfs::cli
