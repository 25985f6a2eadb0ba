// The first half of reading an image: frames, checked and decoded. It shares nothing with the
// second half, image_loader::take, so the two may run on two threads.
#pragma once

#include "meta/image.hpp"
#include "meta/image_names.hpp"

#include <vector>

namespace ssdfs::meta {

/// One section, its CRC checked.
struct decoded_section {
  image_section kind = image_section{};
  std::uint64_t offset = 0;        ///< of the section in the file
  std::vector<std::byte> payload;  ///< of all kinds but names
  names_batch names;               ///< of a names section
};

/// Splits a file into sections, of which it sees to it that none is damaged, missing or doubled.
/// What they say is not looked at. Every violation is errc::damaged with the offset, a newer
/// version is errc::unsupported. Single-threaded.
class image_reader {
 public:
  using section_sink =
      unique_function<result<void>(image_section, bytes_view payload, std::uint64_t offset)>;
  using damage_sink = unique_function<void(std::uint64_t offset, const std::string& what)>;
  /// The sink gets every section but the end; a failure of it ends the reading. With a sink for
  /// damages a section whose CRC is wrong is told there and left out instead.
  explicit image_reader(section_sink sink, damage_sink damages = {})
      : sink_(std::move(sink)), damages_(std::move(damages)) {}

  /// Takes the next bytes of the file, of any number.
  result<void> feed(bytes_view bytes);
  /// After the last byte.
  result<void> finish();

 private:
  result<void> take(bytes_view bytes, std::size_t& used);
  result<void> take_header(bytes_view bytes, std::size_t& used);

  section_sink sink_;
  damage_sink damages_;
  std::vector<std::byte> pending_;  // the begin of a header or section
  std::uint64_t offset_ = 0;        // of pending_ in the file
  std::uint64_t section_count_ = 0;
  std::uint32_t crc_of_crcs_ = 0;
  bool header_seen_ = false;
  bool end_seen_ = false;
};

/// Fills `out`, whose memory is used again.
void decode_section(image_section kind, bytes_view payload, std::uint64_t offset,
                    decoded_section& out);

/// The head of an image out of its first section; damaged.
[[nodiscard]] result<image_head> decode_head(bytes_view payload);

}  // namespace ssdfs::meta
