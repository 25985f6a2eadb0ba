// The image: the whole state at one record of the log, compact and made to be read at disk speed.
// docs/formats/image.md is the document of the format.
//
//   image   = header *section end-section
//   header  = "SSDFSIMG" version(4) zero(8) crc(4)
//   section = kind(4) length(4) crc(4) payload
#pragma once

#include "base/bytes.hpp"
#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "meta/state.hpp"

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace ssdfs::meta {

inline constexpr std::uint32_t image_format_version = 3;
/// The oldest version that is still read.
inline constexpr std::uint32_t oldest_image_format_version = 1;
inline constexpr std::size_t image_header_bytes = 24;
inline constexpr std::size_t image_section_header_bytes = 12;
/// Bytes of a payload at most; writers aim at far less.
inline constexpr std::size_t max_section_bytes = std::size_t{16} << 20;

enum class image_section : std::uint32_t {
  head = 1,     ///< image_head
  epochs = 2,   ///< epoch history
  access = 3,   ///< owner, group and mode by id
  types = 4,    ///< content types by id
  nodes = 5,    ///< decisions about nodes
  volumes = 6,  ///< volumes with grants, removal batches and freed chunks
  results = 7,  ///< operation results by client
  names = 8,    ///< the tree
  end = 9,      ///< proves that no section is missing
};

/// What an image says of itself in its first section.
struct image_head {
  std::uint32_t format = image_format_version;  ///< as the head's fields show
  cluster_id cluster;
  epoch_t epoch;
  ssdfs::txid txid;         ///< last record that is in it
  std::uint32_t chain = 0;  ///< CRC of that record's line
  std::int64_t log_time_ms = 0;
  std::uint64_t files = 0;
  std::uint64_t directories = 0;  ///< below the root
  std::uint64_t bytes = 0;
  std::uint64_t digest = 0;       ///< state::digest()
  std::uint32_t next_volume = 1;  ///< low half of the next volume's id
  std::uint32_t next_serial = 2;  ///< of the next directory
  rebalance_entry rebalance;      ///< not in version 1
};

/// Takes pieces of a file in order.
using image_sink = unique_function<result<void>(bytes_view)>;

/// Writes the image of a state, header to end, in pieces of some hundred KiB. The state must not
/// change meanwhile. Fails only as the sink does.
result<void> write_image(const state& s, image_sink& sink);

struct decoded_section;
class image_reader;

/// Builds an empty state of an image: of the file piece by piece (feed), or of sections that
/// image_reader has split it into (take), but not both.
///
/// Every length, id and CRC is checked before it is used, and at the end totals and digest against
/// what the head says; every violation is errc::damaged with the offset, a newer version is
/// errc::unsupported. After a failure the state is good for destruction only.
/// Single-threaded.
class image_loader {
 public:
  /// `target` must be new and outlive the loader.
  explicit image_loader(state& target);
  ~image_loader();
  image_loader(const image_loader&) = delete;
  image_loader& operator=(const image_loader&) = delete;

  /// Takes the next bytes of the file, of any number.
  result<void> feed(bytes_view bytes);
  /// Takes the next section; that it is the next one is the reader's to see to.
  result<void> take(const decoded_section& section);
  /// After the last: the state is the image's.
  result<void> finish();

  /// The same for sections that no image was written with: totals and digest are what they turn out
  /// to be.
  result<void> finish_unchecked();

  /// Memory that the next sections are going to need, as tree::take_upcoming: for another thread to
  /// prepare(), before finish() returns or the state is destroyed.
  [[nodiscard]] upcoming_memory take_upcoming();

  /// Known once the first section was fed.
  [[nodiscard]] const image_head& head() const noexcept;

 private:
  class sections;
  result<void> finish(bool check_head);
  std::unique_ptr<sections> sections_;
  std::unique_ptr<image_reader> reader_;  // of feed
  std::unique_ptr<decoded_section> scratch_;
};

}  // namespace ssdfs::meta
