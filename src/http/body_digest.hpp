// Digests of a body that its sender says: Content-MD5, Digest (RFC 3230), Content-Digest and
// Repr-Digest (RFC 9530), X-Ssdfs-Crc32c.
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::http {

enum class digest_algorithm : std::uint8_t { crc32c, md5, sha_256, sha_512 };

/// What a body must have, as `field` says.
struct expected_digest {
  digest_algorithm algorithm = digest_algorithm::crc32c;
  std::string bytes;  ///< raw
  std::string field;  ///< for the message
};
using expected_digests = std::vector<expected_digest>;

/// Adds what a value of Content-Digest, Repr-Digest or (`legacy`, without colons around the base64)
/// Digest says. Algorithms that are not known are passed over if there is a known one; a value that
/// cannot be read, or in which nothing can be checked, is errc::invalid_argument with a sentence.
[[nodiscard]] result<void> read_digests(std::string_view field, std::string_view value, bool legacy,
                                        expected_digests& to);
/// The same of Content-MD5.
[[nodiscard]] result<void> read_content_md5(std::string_view value, expected_digests& to);
/// Bytes of padded base64; nothing if it is anything else.
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

/// Operation: takes the body piece by piece, with each algorithm that is asked for once.
/// Not thread-safe.
class body_digest {
 public:
  explicit body_digest(expected_digests expected);
  ~body_digest();
  body_digest(const body_digest&) = delete;
  body_digest& operator=(const body_digest&) = delete;

  void update(bytes_view piece);
  /// errc::invalid_argument with the field whose digest is another one. Call once, at the end.
  [[nodiscard]] result<void> check();

 private:
  struct running;

  const expected_digests expected_;
  std::vector<std::unique_ptr<running>> running_;
};

}  // namespace ssdfs::http
