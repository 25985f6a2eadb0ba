// The tree of an image on its way into memory. Used by the image codec alone.
#pragma once

#include "meta/image_bytes.hpp"
#include "meta/tree.hpp"

#include <deque>
#include <optional>
#include <string>
#include <vector>

namespace ssdfs::meta {

/// Reads the names sections in order.
class image_names_reader {
 public:
  explicit image_names_reader(tree& target) : loader_(target) {}

  /// What ids in entries must be below.
  struct limits {
    std::size_t access = 0;
    std::size_t types = 0;
    std::size_t volumes = 0;
  };

  /// One payload. damaged, too_large.
  result<void> take(image_input in, const limits& below);
  /// After the last.
  result<void> finish(std::uint32_t next_serial);

 private:
  struct attributes {
    std::uint32_t serial = 0;
    directory_attributes values;
    quota limits;
  };
  attributes read_attributes(image_input& in, bool limited, const limits& below);
  std::string_view read_name(image_input& in);
  result<void> take_root(image_input& in, std::uint8_t tag, const limits& below);
  result<void> take_directory(image_input& in, std::uint8_t tag, const limits& below);
  result<void> take_file(image_input& in, std::uint8_t tag, const limits& below);
  void take_chunk_address(image_input& in, chunk_ref& chunk, const limits& below);
  result<void> open_next();

  tree_loader loader_;
  bool root_seen_ = false;
  bool open_ = false;
  std::deque<directory_id> waiting_;  // directories whose contents are still to come
  std::vector<chunk_ref> chunks_;
  std::string name_;
  std::int64_t mtime_ = 0;
  std::uint64_t slot_ = 0;
  std::uint64_t key_ = 0;
};

}  // namespace ssdfs::meta
