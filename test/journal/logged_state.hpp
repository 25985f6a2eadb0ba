// A state together with its log in batches, as a master writes them, and what it was at every
// record.
#pragma once

#include "journal/journal_util.hpp"
#include "journal/log_writer.hpp"
#include "meta/commands.hpp"
#include "meta/record_codec.hpp"
#include "meta/state.hpp"

#include <boost/test/unit_test.hpp>

#include <map>
#include <string>
#include <utility>

namespace ssdfs::test {

/// Makes directories and files, renames and removes them, by the number of the record alone.
class logged_state {
 public:
  logged_state() {
    context_.now_ms = context_.wall_ms = 1'700'000'000'000;
    digests[0] = state.digest();
  }

  /// The lines of the next `n` records; the first of all is a START.
  std::string batch(std::size_t n) {
    meta::text_buffer out;
    const txid before = state.last_txid();
    for (std::size_t i = 0; i < n; ++i) {
      context_.now_ms += 1000;
      meta::record r = next();
      if (i == 0) r.durable = before;
      const std::uint32_t crc = meta::encode_line(r, state.chain(), out);
      const auto done = state.apply(r, crc);
      BOOST_REQUIRE_MESSAGE(done.has_value(), (done ? "" : done.error().message()));
      digests[state.last_txid().value] = state.digest();
    }
    return std::string(out.view());
  }
  /// The line of a MARK, a batch of its own.
  std::string mark() {
    meta::text_buffer out;
    meta::record r = meta::make_mark(state, context_);
    r.durable = state.last_txid();
    const std::uint32_t crc = meta::encode_line(r, state.chain(), out);
    BOOST_REQUIRE(state.apply(r, crc).has_value());
    digests[state.last_txid().value] = state.digest();
    return std::string(out.view());
  }

  meta::state state;
  std::map<std::uint64_t, std::uint64_t> digests;  ///< state::digest() behind each record

 private:
  meta::record next() {
    const std::uint64_t id = state.last_txid().next().value;
    if (id == 1) {
      auto r = meta::make_start(state, {node_id(uuid{{1}}), cluster_id(uuid{{2}})}, context_);
      BOOST_REQUIRE(r.has_value());
      return std::move(*r);
    }
    if (id % 5 == 4 && !last_.empty()) {
      meta::rename_request q;
      from_ = last_;
      last_ = "/a/g" + std::to_string(id);
      to_ = last_;
      q.from = from_;
      q.to = to_;
      return change(meta::make_rename(state, q, context_));
    }
    if (id % 5 == 0 && !last_.empty()) {
      meta::remove_request q;
      from_ = std::exchange(last_, {});
      q.path = from_;
      q.skip_trash = true;
      return change(meta::make_remove(state, q, context_));
    }
    meta::create_request q;
    last_ = from_ = "/a/f" + std::to_string(id);
    q.path = from_;
    return change(meta::make_create(state, q, context_));
  }
  static meta::record change(result<meta::decision> d) {
    BOOST_REQUIRE_MESSAGE(d.has_value(), (d ? "" : d.error().message()));
    return std::move(d->change);
  }

  meta::context context_;
  std::string last_;  // a file that is there; empty: none is
  std::string from_;  // what the record's views alias
  std::string to_;
};

}  // namespace ssdfs::test
