// The tree of an image on its way into memory. Used by the image codec alone.
#pragma once

#include "meta/image_names.hpp"
#include "meta/tree.hpp"

#include <deque>

namespace ssdfs::meta {

/// Builds the tree of decoded names sections, in order.
class image_names_reader {
 public:
  explicit image_names_reader(tree& target) : loader_(target) {}

  /// What ids in entries must be below.
  struct limits {
    std::size_t access = 0;
    std::size_t types = 0;
    std::size_t volumes = 0;
  };

  /// damaged, too_large.
  result<void> take(const names_batch& batch, const limits& below);
  /// After the last.
  result<void> finish(std::uint32_t next_serial);

 private:
  using entry = names_batch::entry;
  result<void> take_root(const entry& e, const quota* own);
  result<void> take_directory(const entry& e, std::string_view name, const quota* own);
  result<void> take_file(const entry& e, std::string_view name, std::span<const chunk_ref> chunks,
                         const limits& below);
  result<void> end_directory();
  result<void> open_next();

  tree_loader loader_;
  bool root_seen_ = false;
  bool open_ = false;
  std::deque<directory_id> waiting_;  // directories whose contents are still to come
};

}  // namespace ssdfs::meta
