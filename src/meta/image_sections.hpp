// The payloads of an image's sections on their way into a state. Used by the image codec alone.
#pragma once

#include "meta/image.hpp"
#include "meta/image_bytes.hpp"
#include "meta/image_names_reader.hpp"
#include "meta/image_reader.hpp"

#include <optional>

namespace ssdfs::meta {

/// Takes sections in the order in which they are written. Every failure but too_large is
/// errc::damaged.
class image_loader::sections {
 public:
  explicit sections(state& target) : s_(target), names_(target.names_) {}

  result<void> take(const decoded_section& section);
  /// After the last. `check_head`: totals and digest must be the head's.
  result<void> finish(bool check_head);

  [[nodiscard]] upcoming_memory take_upcoming() { return s_.names_.take_upcoming(); }

  image_head head;

 private:
  result<void> take_head(bytes_view payload);
  result<void> take_epochs(image_input in);
  result<void> take_access(image_input in);
  result<void> take_types(image_input in);
  result<void> take_nodes(image_input in);
  result<void> take_volumes(image_input in);
  result<void> take_results(image_input in);

  result<void> flush_volume();
  result<void> flush_client();
  void add_removal(removal_batch batch, image_input& in);

  state& s_;
  image_names_reader names_;
  image_section last_ = image_section{};
  std::optional<volume_entry> volume_;                     // being read
  std::optional<operation_results::client_entry> client_;  // being read
};

}  // namespace ssdfs::meta
