#include "http/file_body.hpp"

#include <algorithm>

namespace ssdfs::http {
namespace {

constexpr std::uint32_t verified_at_once = 256 << 10;  // a multiple of the 64 KiB blocks
constexpr std::size_t block = 64 << 10;
constexpr std::size_t streamed_at_once = 256 << 10;

}  // namespace

std::pair<const chunk_location*, std::uint64_t> chunk_at(const file_status& file,
                                                         std::uint64_t offset) {
  std::uint64_t begin = file.chunks_at;
  if (offset < begin) return {nullptr, 0};
  for (const chunk_location& c : file.chunks) {
    if (offset < begin + c.size) return {&c, begin};
    begin += c.size;
  }
  return {nullptr, 0};
}

bool same_content(const file_status& a, const file_status& b) noexcept {
  return a.size == b.size && a.crc32c == b.crc32c && a.mtime_ms == b.mtime_ms;
}

struct file_body::shared : std::enable_shared_from_this<file_body::shared> {
  shared(client& c, local_chunks* l, settings w)
      : store(c), local(l), what(std::move(w)), position(what.from) {}

  void next();
  bool next_local();
  void next_remote();
  void verified(std::uint32_t offset, std::uint32_t length);
  void read_stream();
  void finish(result<piece> p) {
    auto waiting = std::move(done);
    waiting(std::move(p));
  }

  client& store;
  local_chunks* local;  // null once something could not be had here
  const settings what;
  std::uint64_t position;
  const chunk_location* chunk = nullptr;
  std::uint64_t chunk_begin = 0;
  std::unique_ptr<local_chunk> here;
  std::vector<std::byte> memory;
  file_reader reader;
  piece_handler done;
};

file_body::file_body(client& from, local_chunks* local, settings what)
    : state_(std::make_shared<shared>(from, local, std::move(what))) {}

void file_body::adopt(file_reader reader) { state_->reader = std::move(reader); }

void file_body::next(piece_handler done) {
  state_->done = std::move(done);
  state_->next();
}

void file_body::shared::next() {
  if (position >= what.to) return finish(failure(errc::invalid_argument, "nothing is left"));
  if (local != nullptr && next_local()) return;
  local = nullptr;
  here.reset();
  next_remote();
}

// False if the next byte is not here.
bool file_body::shared::next_local() {
  const auto [wanted, begin] = chunk_at(what.info->status, position);
  if (wanted == nullptr) return false;
  if (wanted != chunk || !here) {
    here = local->find(*wanted);
    chunk = wanted;
    chunk_begin = begin;
  }
  if (!here || here->file() < 0) return false;
  const auto offset = static_cast<std::uint32_t>(position - chunk_begin);
  // Up to a block's end, so that no block is verified twice.
  const std::uint64_t limit = (offset + std::uint64_t{verified_at_once}) / block * block;
  const auto end = static_cast<std::uint32_t>(
      std::min({limit, std::uint64_t{chunk->size}, what.to - chunk_begin}));
  const std::uint32_t length = end - offset;
  const auto known = here->verify_cached(offset, length);
  if (known) {
    verified(offset, length);
    return true;
  }
  if (!(known.error() == errc::busy)) return false;
  here->verify(offset, length, [self = shared_from_this(), offset, length](result<void> good) {
    if (good) return self->verified(offset, length);
    self->local = nullptr;
    self->here.reset();
    self->next_remote();
  });
  return true;
}

void file_body::shared::verified(std::uint32_t offset, std::uint32_t length) {
  position += length;
  piece p;
  p.file = here->file();
  p.offset = here->file_offset() + offset;
  p.length = length;
  finish(p);
}

void file_body::shared::next_remote() {
  if (reader.is_open()) return read_stream();
  get_options options;
  options.offset = position;
  store.async_open_read(what.path, options,
                        [self = shared_from_this()](boost::system::error_code ec, file_reader r) {
                          if (ec) return self->finish(failure(ec));
                          if (!same_content(r.status(), self->what.info->status)) {
                            return self->finish(errc::changed);
                          }
                          self->reader = std::move(r);
                          self->read_stream();
                        });
}

void file_body::shared::read_stream() {
  memory.resize(streamed_at_once);
  const std::size_t n = std::min<std::uint64_t>(memory.size(), what.to - position);
  reader.async_read_some(
      boost::asio::buffer(memory.data(), n),
      [self = shared_from_this()](boost::system::error_code ec, std::size_t got) {
        if (ec) return self->finish(failure(ec));
        self->position += got;
        piece p;
        p.bytes = {self->memory.data(), got};
        self->finish(p);
      });
}

}  // namespace ssdfs::http
