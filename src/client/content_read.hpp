// Reading a file's content in order: lookup, then blocks of its chunks, several in flight.
#pragma once

#include "client/block_read.hpp"
#include "client/master_operation.hpp"
#include "ssdfs/types.hpp"

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace ssdfs::detail {

/// Common part of everything that reads content. A window of blocks is kept in flight; the derived
/// class consumes them in order. A block that no replica could serve leads to a fresh lookup: if
/// the file still has the same content the read goes on, perhaps at other addresses; if it has
/// another and nothing was handed over yet the read begins anew, else it fails with errc::changed.
/// Of a long list of chunks one page is kept; the next is fetched when the window gets there.
class content_read : public master_operation, private block_read_owner {
 protected:
  content_read(const core_ptr& c, std::string path, std::chrono::milliseconds timeout,
               diagnostics* diag);
  ~content_read() override;

  /// A run of bytes of the file.
  struct block {
    block(operation& of, block_read_owner& owner) : read(of, owner) {}
    block_read read;
    std::uint64_t offset = 0;  // in the file
    std::uint32_t length = 0;
    wire::chunk_ref chunk;
    std::uint64_t chunk_begin = 0;  // offset of the chunk in the file
    std::uint64_t budget = 0;       // bytes taken from the client's read-ahead
    enum class state : std::uint8_t { reading, ready, failed, discarded } now = state::reading;
  };

  /// What the file is. Once opened.
  [[nodiscard]] const file_status& status() const noexcept { return status_; }
  [[nodiscard]] file_status take_status() noexcept { return std::move(status_); }

  /// Reads from here to there from now on, giving up what is in the window. At most `window`
  /// blocks of at most `block_length` bytes are kept.
  struct range {
    std::uint64_t from = 0;
    std::uint64_t to = 0;
    std::size_t window = 8;
    std::uint32_t block_length = 1U << 20;
  };
  void read(const range& what);
  /// Lets the window grow.
  void widen(std::size_t window, std::uint32_t block_length);
  /// Starts as many blocks as the window has room for.
  void pump();
  /// The first block of the window if it is ready, else null.
  [[nodiscard]] block* front() noexcept;
  /// Removes the first block, which is ready; false if the chunk that it ends does not match its
  /// checksum. Does not pump.
  [[nodiscard]] bool pop();
  /// True if the window is empty and there is nothing left to read.
  [[nodiscard]] bool drained() const noexcept { return window_.empty() && next_ >= plan_.to; }
  /// From now on a change of the file is an error.
  void note_delivery() noexcept { delivered_ = true; }
  /// A whole chunk did not match although its parts did: reads everything again, or fails.
  void reread(failure why);
  /// Ends as soon as nothing is under way, by fail().
  void give_up(failure why);

  /// The layout is known: calls read(), or finishes. Called again when the read begins anew.
  virtual void on_opened() = 0;
  /// The first block of the window is ready.
  virtual void on_ready() = 0;

  /// Completes with the failure; nothing is under way.
  virtual void on_failed(failure why) = 0;

  void on_stop() final;
  void fail(failure why) final;

 private:
  void send() final;
  bool on_refused(failure& why) final;
  void opened(wire::lookup_reply& reply);
  [[nodiscard]] bool same_content(const wire::lookup_reply& reply) const;
  [[nodiscard]] result<void> adopt(wire::lookup_reply& reply);
  [[nodiscard]] bool page_has(std::uint64_t offset) const noexcept;
  [[nodiscard]] std::size_t chunk_at(std::uint64_t offset) const;
  /// errc::damaged if something of the plan is lost.
  [[nodiscard]] result<void> check_whole() const;
  void restart_failed();
  void read_block(block& b);
  void discard_window();
  void ended(block& b);
  void consider_refresh();
  void refresh();
  void on_block(block_read& read) override;
  void on_block_failed(block_read& read, failure why) override;
  [[nodiscard]] block& block_of(block_read& read);

  file_status status_;
  // The list of chunks: what tells it from another one, and the page that is known.
  std::uint32_t chunk_count_ = 0;
  std::uint64_t layout_ = 0;
  std::vector<wire::chunk_ref> chunks_;
  std::vector<std::uint64_t> starts_;  // offsets of these in the file
  std::uint64_t page_end_ = 0;         // offset of the first byte behind these
  std::uint64_t wanted_ = 0;           // the page with this byte is asked for next
  range plan_;
  std::uint64_t next_ = 0;  // offset of the next block to start
  std::deque<std::unique_ptr<block>> window_;
  std::vector<std::unique_ptr<block>> discarded_;
  std::size_t in_flight_ = 0;   // blocks being read, discarded ones too
  std::uint64_t crc_from_ = 0;  // the running CRC covers [crc_from_, front of the window)
  std::uint32_t running_crc_ = 0;
  std::uint32_t refreshes_ = 0;  // in a row
  std::uint32_t rereads_ = 0;
  failure trouble_;
  bool troubled_ = false;
  bool nobody_has_it_ = false;  // what the trouble is about
  bool start_over_ = false;     // reread everything at the next refresh
  bool asking_ = false;         // a lookup or the pause before it
  bool opened_ = false;
  bool delivered_ = false;
  bool given_up_ = false;
};

}  // namespace ssdfs::detail
