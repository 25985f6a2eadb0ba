#include "coord/digest_file.hpp"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>

namespace ssdfs::coord {
namespace {

constexpr std::size_t longest_digest_file = 1'024;

class digest_descriptor {
 public:
  explicit digest_descriptor(int fd) : fd_(fd) {}
  ~digest_descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  digest_descriptor(const digest_descriptor&) = delete;
  digest_descriptor& operator=(const digest_descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return fd_; }

 private:
  int fd_;
};

failure bad_digest_file(const std::string& path, const std::string& why) {
  return {errc::invalid_argument, path + ": " + why};
}

}  // namespace

digest_credentials::~digest_credentials() { ::explicit_bzero(secret_.data(), secret_.size()); }

result<digest_credentials> digest_credentials::parse(std::string_view text) {
  const auto colon = text.find(':');
  const bool clean =
      std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == text.size() || !clean) {
    return failure(errc::invalid_argument,
                   "holds no USER:PASSWORD in one line of printable ASCII without blanks");
  }
  return digest_credentials(text);
}

result<digest_credentials> read_digest_file(const std::string& path) {
  // Not blocking: a name of a pipe must not hold up the start.
  const digest_descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat about {};
  if (file.get() < 0 || ::fstat(file.get(), &about) != 0) {
    return bad_digest_file(path, "cannot be opened: " + std::string(::strerror(errno)));
  }
  if (!S_ISREG(about.st_mode)) return bad_digest_file(path, "is no regular file");
  if ((about.st_mode & 077U) != 0) {
    return bad_digest_file(path, "others than its owner may use it: chmod 600 " + path);
  }
  std::array<char, longest_digest_file + 1> bytes{};
  std::size_t length = 0;
  while (length < bytes.size()) {
    const auto n = ::read(file.get(), bytes.data() + length, bytes.size() - length);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return bad_digest_file(path, "cannot be read: " + std::string(::strerror(errno)));
    if (n == 0) break;
    length += static_cast<std::size_t>(n);
  }
  if (length > longest_digest_file) {
    ::explicit_bzero(bytes.data(), bytes.size());
    return bad_digest_file(path, "is longer than 1 KiB");
  }
  std::string_view text(bytes.data(), length);
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  auto out = digest_credentials::parse(text);
  ::explicit_bzero(bytes.data(), bytes.size());
  if (!out) return bad_digest_file(path, out.error().message());
  return out;
}

}  // namespace ssdfs::coord
