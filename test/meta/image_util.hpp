// Images to test on: a bit of everything, written and read in memory.
#pragma once

#include "base/crc32c.hpp"
#include "meta/image.hpp"
#include "meta/state_util.hpp"

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace ssdfs::test {

inline std::vector<std::byte> image_of(const meta::state& s) {
  std::vector<std::byte> out;
  meta::image_sink sink = [&](bytes_view piece) -> result<void> {
    out.insert(out.end(), piece.begin(), piece.end());
    return {};
  };
  const auto written = meta::write_image(s, sink);
  BOOST_REQUIRE(written.has_value());
  return out;
}

inline result<void> load(bytes_view image, meta::state& into, std::size_t step = SIZE_MAX) {
  meta::image_loader loader(into);
  while (!image.empty()) {
    const std::size_t n = std::min(step, image.size());
    SSDFS_TRY(loader.feed(image.first(n)));
    image = image.subspan(n);
  }
  return loader.finish();
}

// A bit of everything that an image holds.
inline void fill(state_rig& rig) {
  const volume_id v = rig.add_volume();
  const volume_id w = rig.add_volume();
  const chunk_key key = rig.grant(v, 100);
  const chunk_key other = rig.grant(w, 100);
  for (std::uint32_t i = 0; i < 20; ++i) {
    const std::string path = "/pictures/" + std::to_string(i % 3) + "/file" + std::to_string(i);
    BOOST_REQUIRE(rig.create(path, v, key + i, i * 10, false,
                             {test_client(static_cast<std::uint8_t>(i % 2)), i + 1, 1})
                      .has_value());
  }
  const meta::chunk_claim chunks[] = {
      {w, other, 10, 7, 1}, {w, other + 1, 20, 8, 1}, {v, 50, 5, 9, 1}};
  meta::create_request large;
  large.session = test_client(1);
  large.path = "/large";
  large.size = 35;
  large.crc32c = crc32c_combine(crc32c_combine(7, 8, 20), 9, 5);
  large.chunks = chunks;
  large.content_type = "video/mp4";
  large.by = {"ann", "staff"};
  BOOST_REQUIRE(rig.finish(meta::make_create(rig.state(), large, rig.context())).has_value());
  meta::quota_request limits;
  limits.path = "/pictures";
  limits.names = 1000;
  limits.bytes = 1 << 20;
  BOOST_REQUIRE(rig.finish(meta::make_quota(rig.state(), limits, rig.context())).has_value());
  rig.log_record(meta::make_node(rig.state(), test_node(7), {meta::node_decision::maintenance, 5},
                                 rig.context()));
  rig.log_record(
      meta::make_rebalance(rig.state(), {meta::rebalance_phase::running, 50}, rig.context()));
  rig.log_record(
      meta::make_rebalance(rig.state(), {meta::rebalance_phase::paused, 50}, rig.context()));
  BOOST_REQUIRE(rig.remove("/pictures/0/file3", false, true).has_value());
  BOOST_REQUIRE(rig.remove("/pictures/1/file4", false, false).has_value());
  rig.close(v);
  rig.advance(rig.context().delete_grace_ms + 2000);
  auto reclaim = meta::make_reclaim(rig.state(), v, rig.context());
  BOOST_REQUIRE(reclaim.has_value() && reclaim->has_value());
  rig.log_record(std::move(**reclaim));
  const meta::stored_chunk lost[] = {{key + 6, 60, meta::crc_value(420)}};
  rig.log_record(meta::make_lost(rig.state(), v, lost, rig.context()));
  // Removed and not yet taken apart.
  BOOST_REQUIRE(rig.remove("/pictures/2", true, true).has_value());
  rig.start();
}

}  // namespace ssdfs::test
