// Images as lines of JSON, there and back: for people, scripts and tests. docs/formats/image.md has
// the lines.
#pragma once

#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "meta/image_reader.hpp"

#include <deque>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <vector>

namespace ssdfs::meta {

/// Writes sections as lines, in the order of the file, without building the tree: it needs memory
/// for the paths of directories only. Single-threaded.
class image_text_writer {
 public:
  using line_sink = unique_function<result<void>(std::string_view line)>;
  /// The sink gets each line without its newline; a failure of it ends the writing.
  explicit image_text_writer(line_sink sink) : sink_(std::move(sink)) {}

  /// The next section; errc::damaged if it says what cannot be.
  result<void> take(const decoded_section& section);

 private:
  struct place {                 // a directory whose contents are still to come
    std::uint32_t detached = 0;  // 0: reachable; k: in the k-th removed directory
    std::string path;            // "" for the top
  };

  result<void> take_head(bytes_view payload);
  result<void> take_epochs(bytes_view payload);
  result<void> take_access(bytes_view payload);
  result<void> take_types(bytes_view payload);
  result<void> take_nodes(bytes_view payload);
  result<void> take_volumes(bytes_view payload);
  result<void> take_results(bytes_view payload);
  result<void> take_names(const names_batch& batch);
  result<void> put_directory(const names_batch::entry& e, std::string_view name,
                             std::string_view extra, const quota* limits);
  result<void> put_file(const names_batch::entry& e, std::string_view name, std::string_view extra,
                        std::span<const chunk_ref> chunks);
  result<void> open_next();
  result<void> put_rights(std::uint16_t access, std::string_view extra);
  result<void> put();

  line_sink sink_;
  std::string line_;
  std::vector<std::tuple<std::string, std::string, std::uint16_t>> access_;
  std::vector<std::string> types_;
  std::vector<volume_id> volumes_;
  std::deque<place> waiting_;
  place current_;
  std::uint32_t detached_ = 0;
  bool open_ = false;
};

/// Builds an empty state of such lines. Totals and digest are what the other lines give, whatever
/// the first one says. Single-threaded.
class image_text_reader {
 public:
  /// `target` must be new and outlive the reader; after a failure it is good for destruction only.
  explicit image_text_reader(state& target);
  ~image_text_reader();
  image_text_reader(const image_text_reader&) = delete;
  image_text_reader& operator=(const image_text_reader&) = delete;

  /// One line without its newline. invalid_argument or damaged: what is wrong with it.
  result<void> take(std::string_view line);
  result<void> finish();

 private:
  class lines;
  std::unique_ptr<lines> lines_;
};

}  // namespace ssdfs::meta
