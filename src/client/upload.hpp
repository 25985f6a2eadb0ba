// A file on its way in: chunks that are written, and the commit that makes it visible.
#pragma once

#include "client/chunk_write.hpp"
#include "client/mutation.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace ssdfs::detail {

/// Common part of async_put and the stream writer. Chunks are written in any order, several at a
/// time; commit() sends the list with one operation id for all attempts. If the master answers that
/// a volume has been closed meanwhile, the chunks in it are written again under new grants, which
/// is why the derived class must be able to bring their bytes back until the end.
class upload : public master_operation, private chunk_write_owner, private grant_waiter {
 protected:
  upload(const core_ptr& c, std::string path, put_options options);

  /// One chunk of the file.
  struct slot {
    std::uint32_t size = 0;
    std::uint32_t crc = 0;
    write_right right;  // the grant stays alive until the file is committed
    bool written = false;
  };

  /// Of a file of that many bytes: errc::too_large if none can have them.
  [[nodiscard]] static result<void> check_size(std::uint64_t size);
  /// Calls on_chunk_size() when the length of chunks is known, maybe at once: it comes with the
  /// client's first grant.
  void learn_chunk_size();
  /// Asks whether the target is there already, so that a long upload need not fail at its end;
  /// on_target_free() or failure.
  void check_target();
  /// Writes chunk `index` (which must exist and not be written).
  void write(std::size_t index, shared_bytes bytes);
  /// All chunks are written: makes the file visible.
  void commit();
  void on_stop() override;
  /// Ends the upload as soon as nothing is under way; calls fail() then.
  void give_up(failure why);
  /// Something of the derived class's is under way, or is not any more (may call fail()).
  void add_work() noexcept { ++in_flight_; }
  void end_work();

  /// The length that files are cut at.
  virtual void on_chunk_size(std::uint32_t size) = 0;
  virtual void on_target_free() {}

  /// Chunk `index` is stored.
  virtual void on_chunk_written(std::size_t index) = 0;
  /// Chunk `index` has to be written again: calls write(), now or later.
  virtual void rewrite(std::size_t index) = 0;
  /// The file is visible.
  virtual void on_committed(mutation_result outcome) = 0;

  void fail(failure why) final;
  /// Completes with the failure; grants and operation id have been given back.
  virtual void on_failed(failure why) = 0;

  [[nodiscard]] std::vector<slot>& slots() noexcept { return slots_; }
  [[nodiscard]] const put_options& options() const noexcept { return options_; }
  [[nodiscard]] std::size_t writes_in_flight() const noexcept { return in_flight_; }
  /// True while a write waits for its share of memory.
  [[nodiscard]] bool is_throttled() const;
  [[nodiscard]] bool given_up() const noexcept { return given_up_; }

 private:
  void send() final;
  void send_lookup();
  void send_commit();
  void send_page();
  [[nodiscard]] static wire::chunk_ref claim_of(const slot& s);
  bool on_refused(failure& why) final;
  [[nodiscard]] bool must_rewrite(const failure& why);
  void write_again();
  void on_grant(result<write_right> right) final;
  void on_written(chunk_write& write) final;
  void on_write_failed(chunk_write& write, failure why) final;

  put_options options_;
  std::vector<slot> slots_;
  chunk_write first_;  // enough for a small file
  std::vector<std::unique_ptr<chunk_write>> more_;
  std::vector<chunk_write*> idle_;
  std::size_t in_flight_ = 0;
  std::vector<std::size_t> to_rewrite_;  // before the next commit
  std::size_t rewriting_ = 0;            // begun and not written yet
  std::uint32_t rewrite_rounds_ = 0;
  change_id id_;
  std::size_t sent_ = 0;  // chunks that the master has for the commit, in pages before it
  failure why_;
  // What is being asked of the master, or will be after a pause.
  enum class question : std::uint8_t { none, target, commit } asking_ = question::none;
  bool learning_ = false;  // waits for a grant, for the chunk size
  bool given_up_ = false;
  bool finished_ = false;
};

}  // namespace ssdfs::detail
