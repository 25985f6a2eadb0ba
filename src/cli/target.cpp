#include "cli/target.hpp"

#include <algorithm>
#include <utility>

namespace ssdfs::cli {

std::optional<target_rule> target_rule::look(session& to, question q) {
  typed_path target = parse_path(q.typed);  // before the question moves
  target_rule out(std::move(target), std::move(q));
  const question& asked = out.q_;
  if (asked.exact) return out;
  diagnostics diag;
  stat_options options;
  options.diag = &diag;
  const auto status = to.client().stat(out.target_.path, options);
  if (status) {
    out.there_ = status->type == entry_type::directory;
    if (out.there_ || (asked.sources == 1 && !out.target_.names_directory)) return out;
    to.error(asked.typed, make_error_code(errc::not_directory));
    return std::nullopt;
  }
  const bool makes = asked.sources == 1 || asked.made_for_several || out.target_.names_directory;
  if (status.error() == errc::not_found && makes) return out;
  to.error(asked.typed, status.error(), &diag);
  return std::nullopt;
}

result<target_rule::place> target_rule::place_for(std::string_view name, bool directory) const {
  place out{target_.path, false};
  if (q_.exact) {
    if (target_.names_directory && !directory) return failure(errc::not_directory);
    return out;
  }
  const bool made = !there_ && (q_.sources > 1 || (target_.names_directory && !directory));
  if ((!there_ && !made) || name.empty()) return out;
  return place{join_path(target_.path, name), made};
}

bool places::is_repeated(const plan& next) {
  return !seen_.insert({next.source, next.target}).second;
}

void places::expect(const std::vector<plan>& all) {
  if (all.size() < 2) return;
  std::set<std::string> targets;
  for (const plan& p : all) {
    if (!targets.insert(p.target).second) watched_ = true;
  }
  for (const std::string& target : targets) {
    if (watched_) return;
    for (auto slash = target.rfind('/'); slash != std::string::npos && !watched_;
         slash = slash == 0 ? std::string::npos : target.rfind('/', slash - 1)) {
      const std::string above = target.substr(0, std::max<std::size_t>(slash, 1));
      if (above != target && targets.contains(above)) watched_ = true;
    }
  }
}

bool places::take(const std::string& target, bool directory) {
  if (!watched_) return true;
  const auto [at, first] = taken_.try_emplace(target, directory);
  return first || (directory && at->second);
}

void warn_of_repeated(std::string_view command, const std::string& source) {
  print_error(command, source, "warning: given more than once");
}

std::string just_made_text() {
  return "will not be replaced: another source of this command has just become it";
}

}  // namespace ssdfs::cli
