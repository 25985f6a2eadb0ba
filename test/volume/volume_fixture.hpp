// What the tests of volumes share: contents by number, one-call appends and reads.
#pragma once

#include "base/crc32c.hpp"
#include "util/sim_files.hpp"
#include "volume/volume.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

namespace ssdfs::test {

using bytes = std::vector<std::byte>;

/// `size` bytes that follow from the seed and do not compress.
inline bytes make_content(std::uint64_t seed, std::size_t size) {
  std::mt19937_64 random(seed);
  bytes out(size);
  for (std::size_t i = 0; i < size; i += 8) {
    const std::uint64_t word = random();
    std::memcpy(out.data() + i, &word, std::min<std::size_t>(8, size - i));
  }
  return out;
}

inline const std::string volume_file = "/d/0000000100000007.vol";
inline const std::string index_name = "/d/0000000100000007.idx";
inline constexpr volume_id test_volume{0x100000007};

/// A simulated disk with an empty durable directory /d.
struct sim_disk {
  sim_disk() {
    BOOST_REQUIRE(fs.make_directories("/d"));
    BOOST_REQUIRE(fs.sync_directory("/"));
    env.fs = &fs;
    env.sync = volume::sync_policy::always;
  }
  std::shared_ptr<volume::volume> create(generation_t generation = 1) {
    return volume::volume::create(env, volume_file, {test_volume, generation, {}, false}).value();
  }
  std::shared_ptr<volume::volume> open() {
    return volume::volume::open(env, volume_file, test_volume).value();
  }

  sim_files fs;
  volume::environment env;
};

inline boost::system::error_code append(volume::volume& v, chunk_key key, bytes_view content,
                                        generation_t generation = 1,
                                        volume::write_mode mode = volume::write_mode::client) {
  volume::append_item item;
  item.generation = generation;
  item.key = key;
  item.size = static_cast<std::uint32_t>(content.size());
  item.crc = crc32c(content);
  item.parts = {&content, 1};
  boost::system::error_code outcome;
  v.append_batch({&item, 1}, {&outcome, 1}, {mode, volume::durability::by_policy});
  return outcome;
}

/// The whole chunk.
inline result<bytes> read_all(volume::volume& v, chunk_key key) {
  auto at = v.probe(key);
  if (!at) return at.error();
  bytes out(at->size);
  SSDFS_TRY(v.read(*at, 0, out));
  return out;
}

/// Stores `content` in pieces.
inline result<void> append_large(volume::volume& v, chunk_key key, bytes_view content,
                                 generation_t generation = 1) {
  volume::append_item item;
  item.generation = generation;
  item.key = key;
  item.size = static_cast<std::uint32_t>(content.size());
  item.crc = crc32c(content);
  auto handle = v.begin_large(item);
  if (!handle) return handle.error();
  constexpr std::size_t piece = 2 * volume::block_size;
  for (std::size_t at = 0; at < content.size(); at += piece) {
    const bytes_view part = content.subspan(at, std::min(piece, content.size() - at));
    SSDFS_TRY(v.write_piece(**handle, at, {&part, 1}));
  }
  return v.finish_large(**handle);
}

/// What should be in a volume.
using model = std::map<chunk_key, bytes>;

inline volume_digest digest_of(const model& chunks) {
  volume_digest d;
  for (const auto& [key, content] : chunks) {
    d.add(key, static_cast<std::uint32_t>(content.size()), crc32c(content));
  }
  return d;
}

/// Every chunk of the model is there with its content, and nothing else.
inline void check_equal(volume::volume& v, const model& expected) {
  BOOST_TEST((v.report().digest == digest_of(expected)));
  const auto live = v.list_live(0, expected.size() + 10).value();
  BOOST_REQUIRE_EQUAL(live.size(), expected.size());
  auto at = live.begin();
  for (const auto& [key, content] : expected) {
    BOOST_REQUIRE_EQUAL((at++)->key, key);
    const auto got = read_all(v, key);
    BOOST_REQUIRE_MESSAGE(got.has_value(), "chunk " << key << ": " << got.error().message());
    BOOST_REQUIRE_MESSAGE(*got == content, "chunk " << key << " has other content");
  }
}

}  // namespace ssdfs::test
