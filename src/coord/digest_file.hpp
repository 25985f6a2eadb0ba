// The file of --zookeeper-auth: who we are to ZooKeeper's digest authentication.
#pragma once

#include "base/result.hpp"

#include <string>
#include <string_view>

namespace ssdfs::coord {

/// "USER:PASSWORD". Nothing prints or logs the password; it is overwritten when the object goes.
/// On the wire it is in clear: see docs/coordination.md.
class digest_credentials {
 public:
  /// errc::invalid_argument if it is not USER:PASSWORD, both not empty, printable and without
  /// blanks. The message does not show the text.
  [[nodiscard]] static result<digest_credentials> parse(std::string_view text);

  digest_credentials(const digest_credentials&) = default;
  digest_credentials& operator=(const digest_credentials&) = default;
  ~digest_credentials();

  [[nodiscard]] std::string_view user() const noexcept {
    return std::string_view(secret_).substr(0, secret_.find(':'));
  }
  /// What the server is sent.
  [[nodiscard]] std::string_view secret() const noexcept { return secret_; }

 private:
  explicit digest_credentials(std::string_view text) : secret_(text) {}

  std::string secret_;
};

/// Reads the file, which has one line and which only its owner may read or write (mode 0600 or
/// 0400); errc::invalid_argument with a sentence otherwise, which never shows what the file holds.
[[nodiscard]] result<digest_credentials> read_digest_file(const std::string& path);

}  // namespace ssdfs::coord
