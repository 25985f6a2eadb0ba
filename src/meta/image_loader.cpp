#include "meta/image_reader.hpp"
#include "meta/image_sections.hpp"

namespace ssdfs::meta {
namespace {

failure placed(std::uint64_t offset, failure why) {
  if (!(why == errc::damaged)) return why;
  return {errc::damaged, "image: offset " + std::to_string(offset) + ": " + why.message()};
}

}  // namespace

image_loader::image_loader(state& target)
    : sections_(std::make_unique<sections>(target)),
      scratch_(std::make_unique<decoded_section>()) {}
image_loader::~image_loader() = default;

const image_head& image_loader::head() const noexcept { return sections_->head; }

upcoming_memory image_loader::take_upcoming() { return sections_->take_upcoming(); }

result<void> image_loader::feed(bytes_view bytes) {
  if (!reader_) {
    reader_ = std::make_unique<image_reader>(
        [this](image_section kind, bytes_view payload, std::uint64_t offset) {
          decode_section(kind, payload, offset, *scratch_);
          return take(*scratch_);
        });
  }
  return reader_->feed(bytes);
}

result<void> image_loader::take(const decoded_section& section) {
  auto done = sections_->take(section);
  if (!done) return placed(section.offset, std::move(done).error());
  return {};
}

result<void> image_loader::finish() { return finish(true); }

result<void> image_loader::finish_unchecked() { return finish(false); }

result<void> image_loader::finish(bool check_head) {
  if (reader_) SSDFS_TRY(reader_->finish());
  auto done = sections_->finish(check_head);
  if (!done) return failure(done.error().code, "image: " + done.error().message());
  return {};
}

}  // namespace ssdfs::meta
