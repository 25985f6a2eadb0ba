// Pages of other origins: what the Fetch standard wants to hear before a browser lets a page read
// an answer. Pure.
#pragma once

#include "base/result.hpp"
#include "http/exchange.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::http {

/// Whose pages may use the files, and what answers and preflights say of it. Nobody's cookies or
/// credentials count: there is no Access-Control-Allow-Credentials.
class cors_policy {
 public:
  /// Of nobody: nothing is added to answers.
  cors_policy() = default;
  /// "*", or origins as browsers send them: SCHEME://HOST[:PORT]. errc::invalid_argument with a
  /// sentence for anything else.
  static result<cors_policy> parse(const std::vector<std::string>& origins);

  /// False if nobody is let in.
  [[nodiscard]] bool active() const noexcept { return any_ || !origins_.empty(); }
  /// Lines for every answer to a request with this Origin (empty: none was sent).
  [[nodiscard]] std::string fields(std::string_view origin) const;
  /// True for OPTIONS with which a browser asks on behalf of a page.
  [[nodiscard]] static bool is_preflight(const request_head& head) noexcept;
  /// Further lines for the answer to a preflight; empty if the page is refused. `methods` are those
  /// that are possible here: "GET, HEAD".
  [[nodiscard]] std::string preflight_fields(const request_head& head,
                                             std::string_view methods) const;

 private:
  [[nodiscard]] bool lets_in(std::string_view origin) const noexcept;

  bool any_ = false;
  std::vector<std::string> origins_;  // lower case
};

}  // namespace ssdfs::http
