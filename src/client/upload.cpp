#include "client/upload.hpp"

#include "base/assert.hpp"
#include "base/crc32c.hpp"
#include "base/units.hpp"
#include "client/core.hpp"

#include <charconv>

namespace ssdfs::detail {

upload::upload(const core_ptr& c, std::string path, put_options options)
    : master_operation(c, std::move(path), options.timeout, options.diag),
      options_(std::move(options)),
      first_(*this, *this) {
  idle_.push_back(&first_);
}

result<void> upload::check_size(std::uint64_t size) {
  if (size <= max_file_bytes) return {};
  return failure(errc::too_large, "a file has at most " + std::to_string(max_file_bytes) +
                                      " bytes (" + std::to_string(max_file_chunks) + " chunks of " +
                                      format_size(max_chunk_size) + "), this one has " +
                                      std::to_string(size));
}

void upload::learn_chunk_size() {
  if (owner().chunk_size() != 0) return on_chunk_size(owner().chunk_size());
  learning_ = true;
  const auto right = owner().grants().acquire(options_.replication, 1, deadline_ns(), *this);
  if (!right) return;
  learning_ = false;
  on_chunk_size(owner().chunk_size());
}

void upload::on_grant(result<write_right> right) {
  const operation_ptr keep(this);
  learning_ = false;
  if (!right) return fail(std::move(right).error());
  on_chunk_size(owner().chunk_size());
}

void upload::check_target() {
  asking_ = question::target;
  send();
}

void upload::send_lookup() {
  wire::lookup_request request;
  request.path = path();
  request.chunk_limit = 0;
  request.user = owner().config().user;
  request.token = owner().config().token;
  ask(request, [this](net::response<wire::lookup_reply>& reply) {
    asking_ = question::none;
    fail(reply.message.entry.type == 2 ? errc::is_directory : errc::exists);
  });
}

void upload::write(std::size_t index, shared_bytes bytes) {
  if (idle_.empty()) {
    more_.push_back(std::unique_ptr<chunk_write>(new chunk_write(*this, *this)));
    idle_.push_back(more_.back().get());
  }
  chunk_write& write = *idle_.back();
  idle_.pop_back();
  slots_[index].size = static_cast<std::uint32_t>(bytes.view.size());
  ++in_flight_;
  const auto mode = options_.acknowledge == ack::one ? wire::ack_mode::one : wire::ack_mode::all;
  write.start({index, std::move(bytes), options_.replication, mode});
}

bool upload::is_throttled() const {
  if (first_.waits_for_budget()) return true;
  for (const auto& write : more_) {
    if (write->waits_for_budget()) return true;
  }
  return false;
}

void upload::on_written(chunk_write& write) {
  --in_flight_;
  idle_.push_back(&write);
  const std::size_t index = write.index();
  slot& s = slots_[index];
  s.crc = write.crc();
  s.right = write.take_right();
  s.written = true;
  if (given_up_) {
    if (in_flight_ == 0) fail(std::move(why_));
    return;
  }
  if (rewriting_ != 0) {
    --rewriting_;
    return write_again();
  }
  on_chunk_written(index);
}

void upload::on_write_failed(chunk_write& write, failure why) {
  --in_flight_;
  idle_.push_back(&write);
  give_up(std::move(why));
}

void upload::give_up(failure why) {
  if (finished_) return;
  const operation_ptr keep(this);
  if (!given_up_) {
    given_up_ = true;
    why_ = std::move(why);
    ++in_flight_;  // so that a write that ends inside stop() does not finish us here
    first_.stop();
    for (const auto& write : more_) write->stop();
    --in_flight_;
  }
  if (in_flight_ == 0) fail(std::move(why_));
}

void upload::end_work() {
  --in_flight_;
  if (given_up_ && in_flight_ == 0) fail(std::move(why_));
}

void upload::on_stop() {
  if (asking_ != question::none) return master_operation::on_stop();
  if (std::exchange(learning_, false)) owner().grants().forget(*this);
  give_up(stop_failure());
}

void upload::commit() {
  SSDFS_ASSERT(in_flight_ == 0);
  asking_ = question::commit;
  sent_ = 0;
  send();
}

void upload::send() {
  if (asking_ == question::target) return send_lookup();
  if (slots_.size() - sent_ > wire::chunk_page) return send_page();
  send_commit();
}

wire::chunk_ref upload::claim_of(const slot& s) {
  return {s.right.under->volume(), s.right.key, s.size, s.crc, s.right.under->generation()};
}

// A list that is too long for one message goes ahead in pages.
void upload::send_page() {
  wire::commit_chunks_request request;
  request.op = id_.get(owner().ids());
  request.first_chunk = static_cast<std::uint32_t>(sent_);
  request.chunks.reserve(wire::chunk_page);
  const std::size_t end = sent_ + wire::chunk_page;
  for (std::size_t i = sent_; i < end; ++i) request.chunks.push_back(claim_of(slots_[i]));
  ask(request, [this, end](net::response<wire::commit_chunks_reply>&) {
    progress();
    sent_ = end;
    send();
  });
}

void upload::send_commit() {
  wire::commit_file_request request;
  request.op = id_.get(owner().ids());
  request.path = path();
  request.overwrite = options_.overwrite || options_.expected.has_value();
  if (options_.expected) request.expected.push_back(to_wire(*options_.expected));
  request.mtime_ms = options_.mtime_ms.value_or(wire::no_mtime);
  request.mode = options_.mode;
  request.replication = options_.replication;
  const client_config& config = owner().config();
  request.user = options_.user.empty() ? config.user : options_.user;
  request.group = options_.group.empty() ? config.group : options_.group;
  request.content_type = options_.content_type;
  request.token = config.token;
  request.epoch = owner().masters().current().channel().server().epoch;
  for (const slot& s : slots_) {
    request.crc32c = request.size == 0 ? s.crc : crc32c_combine(request.crc32c, s.crc, s.size);
    request.size += s.size;
  }
  request.chunks_before = static_cast<std::uint32_t>(sent_);
  request.chunks.reserve(slots_.size() - sent_);
  for (std::size_t i = sent_; i < slots_.size(); ++i) {
    request.chunks.push_back(claim_of(slots_[i]));
  }
  ask(request, [this](net::response<wire::mutation_reply>& reply) {
    id_.end(owner().ids());
    finished_ = true;
    slots_.clear();
    retire(nullptr);
    on_committed(to_result(reply.message));
  });
}

bool upload::on_refused(failure& why) {
  sent_ = 0;  // whoever is asked next may know nothing of the pages before
  if (asking_ == question::target && why == errc::not_found) {
    asking_ = question::none;
    on_target_free();
    return true;
  }
  if (asking_ != question::commit || !(why == errc::regrant) || !must_rewrite(why)) return false;
  asking_ = question::none;
  progress();
  write_again();
  return true;
}

// Finds the chunks in the volume that the answer names, or all if it names none.
bool upload::must_rewrite(const failure& why) {
  constexpr std::uint32_t most_rounds = 16;
  if (++rewrite_rounds_ > most_rounds) return false;
  std::uint64_t volume = 0;
  const char* const end = why.hint.data() + why.hint.size();
  const bool named = std::from_chars(why.hint.data(), end, volume).ptr == end && volume != 0;
  for (std::size_t i = 0; i < slots_.size(); ++i) {
    slot& s = slots_[i];
    if (named && s.right.under->volume().value != volume) continue;
    owner().grants().failed(*s.right.under, why);
    s.written = false;
    to_rewrite_.push_back(i);
  }
  return !to_rewrite_.empty();  // else it is a volume that we never wrote to
}

void upload::write_again() {
  while (!given_up_ && !to_rewrite_.empty() && rewriting_ < owner().config().chunks_in_flight) {
    const std::size_t index = to_rewrite_.back();
    to_rewrite_.pop_back();
    ++rewriting_;
    rewrite(index);
  }
  if (!given_up_ && rewriting_ == 0) commit();
}

void upload::fail(failure why) {
  finished_ = true;
  given_up_ = true;
  id_.end(owner().ids());
  slots_.clear();
  // The reason for the end is the caller's, also if a failure came first that it caused.
  if (stopped()) why = stop_failure();
  retire(&why);
  on_failed(std::move(why));
}

}  // namespace ssdfs::detail
