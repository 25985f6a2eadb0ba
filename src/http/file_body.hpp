// The content of a file as the body of an answer: from volumes of this process, else from others.
#pragma once

#include "http/exchange.hpp"
#include "http/local_chunks.hpp"
#include "http/lookup_cache.hpp"
#include "ssdfs/client.hpp"

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace ssdfs::http {

/// The chunk that holds the byte at `offset`, and where in the file it begins; null if it is not
/// among those that the status has.
[[nodiscard]] std::pair<const chunk_location*, std::uint64_t> chunk_at(const file_status& file,
                                                                       std::uint64_t offset);
/// True if both are the same content of the same file.
[[nodiscard]] bool same_content(const file_status& a, const file_status& b) noexcept;

/// Operation: local chunks are verified some blocks at a time and handed over as pieces of their
/// volume's file, so that they need not be copied; from the first byte on that cannot be had here,
/// the rest is streamed from other replicas by the client library, which verifies, too. Fails with
/// errc::changed if the file was replaced by then.
class file_body final : public body_source {
 public:
  struct settings {
    std::string path;
    file_info_ptr info;
    std::uint64_t from = 0;
    std::uint64_t to = 0;
  };
  /// `local` may be null. The client outlives the body.
  file_body(client& from, local_chunks* local, settings what);
  /// Reads on from this stream, which stands at the next byte.
  void adopt(file_reader reader);

  void next(piece_handler done) override;

 private:
  struct shared;  // what a pending operation keeps, also if the body goes
  std::shared_ptr<shared> state_;
};

}  // namespace ssdfs::http
