// A state together with the log that leads to it, for tests.
#pragma once

#include "meta/commands.hpp"
#include "meta/queries.hpp"
#include "meta/record_codec.hpp"
#include "meta/state.hpp"

#include <boost/test/unit_test.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::test {

inline node_id test_node(std::uint8_t n) {
  node_id id;
  id.value.data[15] = n;
  return id;
}
inline client_id test_client(std::uint8_t n) {
  client_id id;
  id.value.data[0] = 0xc1;
  id.value.data[15] = n;
  return id;
}
inline cluster_id test_cluster(std::uint8_t n = 1) {
  cluster_id id;
  id.value.data[0] = 0xaa;
  id.value.data[15] = n;
  return id;
}

/// The failure of a result in words.
template <class T>
std::string why(const result<T>& r) {
  return r.has_error() ? r.error().message() : std::string("no failure");
}

/// A master without its surroundings: commands are checked, logged as text and applied. The first
/// record is a START.
class state_rig {
 public:
  state_rig() : state_(std::make_unique<meta::state>()) {
    context_.now_ms = context_.wall_ms = 1'700'000'000'000;
    start();
  }

  meta::state& state() { return *state_; }
  meta::context& context() { return context_; }
  [[nodiscard]] std::string_view log() const { return log_.view(); }
  void advance(std::int64_t ms) {
    context_.now_ms += ms;
    context_.wall_ms += ms;
  }

  /// Encodes and applies, and checks that the line reads back as it was.
  void log_record(meta::record r) {
    const std::uint32_t crc = meta::encode_line(r, state_->chain(), log_);
    auto done = state_->apply(r, crc);
    BOOST_REQUIRE_MESSAGE(done.has_value(), why(done));
  }
  void log_record(result<meta::record> r) {
    BOOST_REQUIRE_MESSAGE(r.has_value(), why(r));
    log_record(std::move(*r));
  }

  void start() { log_record(meta::make_start(*state_, {test_node(1), test_cluster()}, context_)); }

  /// The answer of a command: its outcome, or why it was refused.
  result<meta::outcome> finish(result<meta::decision> d, const meta::operation& op = {}) {
    if (!d) {
      state_->remember_failure(op, d.error());
      return d.error();
    }
    if (d->answered) return d->answer;
    meta::outcome o = meta::outcome_of(d->change);
    o.txid = d->change.txid;
    log_record(std::move(d->change));
    return o;
  }

  volume_id add_volume() {
    const std::vector<node_id> members = {test_node(10), test_node(11)};
    const volume_id id = state_->next_volume();
    log_record(meta::make_add_volume(*state_, members, 2, context_));
    return id;
  }
  chunk_key grant(volume_id volume, std::uint32_t keys = 16) {
    const chunk_key first = state_->volumes().find(volume)->info.next_key;
    log_record(meta::make_grant(*state_, {volume, keys, std::uint64_t{1} << 20, test_client(1)},
                                context_));
    return first;
  }
  void end_grant(volume_id volume, chunk_key first) {
    log_record(meta::make_end_grant(*state_, volume, first, context_));
  }
  /// Ends all grants of a volume, seals and closes it.
  void close(volume_id volume) {
    while (!state_->volumes().find(volume)->grants.empty()) {
      end_grant(volume, state_->volumes().find(volume)->grants.front().first);
    }
    log_record(meta::make_seal(*state_, volume, seal_reason::full, context_));
    log_record(meta::make_close(*state_, volume, 4096, context_));
  }

  /// A file of one chunk; size 0 for an empty file.
  result<meta::outcome> create(std::string_view path, volume_id volume, chunk_key key,
                               std::uint32_t size = 100, bool overwrite = false,
                               meta::operation op = {}) {
    meta::chunk_claim chunk{volume, key, size, size * 7, 0};
    if (const auto* entry = state_->volumes().find(volume); entry != nullptr) {
      chunk.generation = entry->info.generation;
    }
    meta::create_request q;
    q.op = op;
    q.session = test_client(1);
    q.path = path;
    q.overwrite = overwrite;
    q.size = size;
    q.crc32c = size == 0 ? 0 : chunk.crc32c;
    if (size != 0) q.chunks = {&chunk, 1};
    return finish(meta::make_create(*state_, q, context_), op);
  }
  result<meta::outcome> touch(std::string_view path, meta::operation op = {}) {
    return create(path, {}, 0, 0, false, op);
  }
  result<meta::outcome> mkdir(std::string_view path, bool parents = false,
                              meta::operation op = {}) {
    meta::directory_request q;
    q.op = op;
    q.path = path;
    q.parents = parents;
    return finish(meta::make_directory(*state_, q, context_), op);
  }
  result<meta::outcome> rename(std::string_view from, std::string_view to, bool overwrite = false,
                               meta::operation op = {}) {
    meta::rename_request q;
    q.op = op;
    q.from = from;
    q.to = to;
    q.overwrite = overwrite;
    return finish(meta::make_rename(*state_, q, context_), op);
  }
  result<meta::outcome> remove(std::string_view path, bool recursive = false,
                               bool skip_trash = false, meta::operation op = {}) {
    meta::remove_request q;
    q.op = op;
    q.path = path;
    q.recursive = recursive;
    q.skip_trash = skip_trash;
    return finish(meta::make_remove(*state_, q, context_), op);
  }
  [[nodiscard]] bool exists(std::string_view path) const {
    return state_->names().lookup(path).has_value();
  }

  /// Another state, made from the log alone.
  [[nodiscard]] std::unique_ptr<meta::state> replay() const {
    auto twin = std::make_unique<meta::state>();
    meta::line_parser parser;
    meta::record r;
    std::string_view rest = log_.view();
    while (!rest.empty()) {
      const std::string_view line = rest.substr(0, rest.find('\n'));
      auto crc = parser.parse(line, twin->chain(), r);
      BOOST_REQUIRE_MESSAGE(crc.has_value(), line);
      auto done = twin->apply(r, *crc);
      BOOST_REQUIRE_MESSAGE(done.has_value(), why(done));
      rest.remove_prefix(line.size() + 1);
    }
    return twin;
  }

 private:
  std::unique_ptr<meta::state> state_;
  meta::context context_;
  meta::text_buffer log_;
};

/// Checks that `r` failed with `e`.
template <class T>
void require_error(const result<T>& r, errc e) {
  BOOST_REQUIRE(r.has_error());
  BOOST_TEST(r.error().code == make_error_code(e), r.error().message());
}

}  // namespace ssdfs::test
