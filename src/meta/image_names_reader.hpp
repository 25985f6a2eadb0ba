// The tree of an image on its way into memory. Used by the image codec alone.
#pragma once

#include "meta/image_names.hpp"
#include "meta/intern.hpp"
#include "meta/tree.hpp"

#include <deque>

namespace ssdfs::meta {

/// Builds the tree of decoded names sections, in order.
class image_names_reader {
 public:
  explicit image_names_reader(tree& target) : loader_(target) {}

  /// What entries may refer to.
  struct limits {
    const access_table& access;
    const content_type_table& types;
    std::size_t volumes = 0;  ///< slots are below
  };

  /// damaged, too_large.
  result<void> take(const names_batch& batch, const limits& known);
  /// After the last.
  result<void> finish(std::uint32_t next_serial);

 private:
  using entry = names_batch::entry;
  result<void> take_root(const entry& e, std::string_view extra, const quota* own);
  result<void> take_directory(const entry& e, std::string_view name, std::string_view extra,
                              const quota* own);
  result<void> take_file(const entry& e, std::string_view name, std::string_view extra,
                         std::span<const chunk_ref> chunks, const limits& known);
  result<void> end_directory();
  result<void> open_next();

  tree_loader loader_;
  bool root_seen_ = false;
  bool open_ = false;
  std::deque<directory_id> waiting_;  // directories whose contents are still to come
};

}  // namespace ssdfs::meta
