#include "cluster/register_editor.hpp"

#include "base/assert.hpp"

#include <algorithm>
#include <utility>

namespace ssdfs::cluster {
namespace {

constexpr std::int64_t slow_register_ms = 500;
// A read may come from a server that lags, but not three in a row, a poll apart.
constexpr int lower_reads_needed = 3;

}  // namespace

void register_editor::ask(time_ms now) {
  reading_ = next_id_++;
  asked_at_ = now;
  actions_.push_back(member_action::read_register{*reading_});
}

void register_editor::timer(time_ms now, std::int64_t every_ms, bool insist) {
  if (!reading_ && now >= std::min(next_read_at_, asked_at_ + every_ms)) ask(now);
  if (insist && (phase_ == phase::unknown) && now >= resend_at_) attempt(now);
}

bool register_editor::usable(const result<register_value>& value) {
  if (!value) {
    trouble_ = value.error().message();
    return false;
  }
  if (value->cluster != cluster_) {
    trouble_ = "the register is of cluster " + to_string(value->cluster);
    return false;
  }
  trouble_.clear();
  return true;
}

void register_editor::read(std::uint64_t id, read_outcome what, register_version version,
                           std::string_view bytes, time_ms now) {
  if (reading_ != id) return;
  reading_.reset();
  next_read_at_ = asked_at_ + poll_ms;
  const bool checks = phase_ == phase::checking && check_ == id;
  if (what == read_outcome::unreachable) {
    if (checks) settle(false);
    return;
  }
  answered_at_ = now;
  slow_ = now - asked_at_ > slow_register_ms;
  missing_ = what == read_outcome::missing;
  const std::optional<register_view> before = view_;
  if (missing_) {
    trouble_ = "there is no register";
  } else if (auto value = decode_register(bytes); usable(value)) {
    take_view({version, std::move(*value)});
  } else {
    missing_ = false;
    if (checks) settle(false);
    return;
  }
  if (!checks) return;
  const bool same =
      create_ ? missing_
              : !missing_ && before && version == before->version && view_->value == before->value;
  if (same) {
    phase_ = phase::ready;
  } else {
    settle(false);
  }
}

void register_editor::take_view(register_view seen) {
  if (phase_ == phase::unknown || phase_ == phase::looking || phase_ == phase::sent) look_at(seen);
  if (view_ && seen.version < view_->version && ++lower_reads_ < lower_reads_needed) return;
  lower_reads_ = 0;
  view_ = std::move(seen);
}

// Settles what is open, if this shows enough. The old value proves nothing: what was sent may still
// be made.
void register_editor::look_at(const register_view& seen) {
  const bool own = seen.value.writer == self_ && seen.value.nonce >= first_nonce_ &&
                   seen.value.nonce <= wanted_.nonce;
  if (own) {
    wanted_ = seen.value;
    if (!view_ || seen.version > view_->version) view_ = seen;
    return settle(true);
  }
  if (expected_ ? seen.version > *expected_ : phase_ == phase::looking) settle(false);
}

void register_editor::prepare(time_ms now, bool create) {
  SSDFS_ASSERT(phase_ == phase::idle);
  create_ = create;
  phase_ = phase::checking;
  ask(now);  // a read that is on the way was asked for too early
  check_ = *reading_;
}

void register_editor::send(register_value value) {
  SSDFS_ASSERT(phase_ == phase::ready);
  SSDFS_ASSERT(create_ || view_);
  wanted_ = std::move(value);
  wanted_.cluster = cluster_;
  wanted_.writer = self_;
  expected_.reset();
  if (!create_) expected_ = view_->version;
  first_nonce_ = process_ + next_id_;
  attempt(asked_at_);
}

void register_editor::attempt(time_ms now) {
  phase_ = phase::sent;
  attempt_ = next_id_++;
  wanted_.nonce = process_ + attempt_;
  resend_at_ = now + resend_ms;
  actions_.push_back(member_action::change_register{attempt_, expected_, encode_register(wanted_)});
}

void register_editor::changed(std::uint64_t id, change_outcome what, time_ms now) {
  if (phase_ != phase::sent || id != attempt_) return;
  const bool only = wanted_.nonce == first_nonce_;
  resend_at_ = now + resend_ms;
  switch (what) {
    case change_outcome::done:
      answered_at_ = now;
      view_ = register_view{expected_ ? *expected_ + 1 : 0, wanted_};
      missing_ = false;
      trouble_.clear();
      return settle(true);
    case change_outcome::lost:
      answered_at_ = now;
      next_read_at_ = 0;
      if (only) return settle(false);
      phase_ = phase::looking;  // the one that was made may be an earlier attempt
      return;
    case change_outcome::not_sent:
      if (only) return settle(false);
      phase_ = phase::unknown;
      return;
    case change_outcome::unknown: phase_ = phase::unknown; return;
  }
}

void register_editor::settle(bool made) {
  phase_ = phase::idle;
  settled_ = register_settled{made, wanted_};
}

std::optional<register_settled> register_editor::take_settled() {
  return std::exchange(settled_, std::nullopt);
}

}  // namespace ssdfs::cluster
