// Image and log together: what comes back, from which image, and what is refused.
#include "journal/restore.hpp"

#include "base/crc32c.hpp"
#include "journal/logged_state.hpp"
#include "journal/segments.hpp"

#include <boost/test/unit_test.hpp>

namespace ssdfs::journal {
namespace {

using test::log_dir;
using test::logged_state;
using test::sim_files;
using test::to_bytes;

// A directory with the images at 8 and 16 and the segments 1-6, 7-12, 13-20.
struct archive {
  archive() : fs(std::make_unique<sim_files>()) {
    BOOST_REQUIRE(fs->make_directories(log_dir).has_value());
    BOOST_REQUIRE(fs->sync_directory("/").has_value());
    std::string text = made.batch(6);
    segment(1, 6, text);
    text = made.batch(2);
    save();
    text += made.batch(4);
    segment(7, 12, text);
    text = made.batch(4);
    save();
    text += made.batch(4);
    segment(13, 20, text);
  }
  void segment(std::uint64_t first, std::uint64_t last, const std::string& text) {
    names.push_back(log_dir + "/" + finalized_name(txid(first), txid(last)));
    fs->set_contents(names.back(), to_bytes(text));
  }
  void save() {
    const auto saved = save_image(*fs, log_dir, made.state);
    BOOST_REQUIRE(saved.has_value());
    images.push_back(saved->path);
  }
  // Flips a bit in the middle.
  void damage(const std::string& path) const {
    auto bytes = fs->contents(path);
    bytes[bytes.size() / 2] ^= std::byte{4};
    fs->set_contents(path, bytes);
  }
  [[nodiscard]] result<restored> restore_all() const {
    restore_options options;
    options.directory = log_dir;
    return restore(*fs, std::move(options));
  }

  std::unique_ptr<sim_files> fs;
  logged_state made;
  std::vector<std::string> images;  // the older first
  std::vector<std::string> names;   // of the segments
};

void require_whole(const archive& a, const result<restored>& found, std::uint64_t image,
                   std::size_t refused) {
  BOOST_REQUIRE_MESSAGE(found.has_value(), (found ? "" : found.error().message()));
  BOOST_TEST(found->image == txid(image));
  BOOST_TEST(found->refused.size() == refused);
  BOOST_TEST(found->state->last_txid() == txid(20));
  BOOST_TEST(found->state->chain() == a.made.state.chain());
  BOOST_TEST(found->state->digest() == a.made.state.digest());
}

void require_refused(const archive& a, const std::string& part) {
  std::vector<std::pair<std::string, std::vector<std::byte>>> before;
  for (const auto& entry : *a.fs->list(log_dir)) {
    before.emplace_back(entry.name, a.fs->contents(log_dir + "/" + entry.name));
  }
  const auto found = a.restore_all();
  BOOST_REQUIRE(found.has_error());
  BOOST_TEST((found.error() == errc::damaged));
  const std::string message = found.error().message();
  BOOST_TEST(message.find(part) != message.npos, message);
  BOOST_TEST(message.find("nothing was changed") != message.npos, message);
  std::size_t i = 0;
  for (const auto& entry : *a.fs->list(log_dir)) {
    BOOST_REQUIRE(entry.name == before[i].first);
    BOOST_REQUIRE(a.fs->contents(log_dir + "/" + entry.name) == before[i++].second);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(restoring)

BOOST_AUTO_TEST_CASE(the_newest_image_and_the_records_behind_it) {
  archive a;
  require_whole(a, a.restore_all(), 16, 0);
  // With the segments before the image gone, and without any image.
  BOOST_REQUIRE(a.fs->remove(a.names[0]).has_value());
  BOOST_REQUIRE(a.fs->remove(a.names[1]).has_value());
  require_whole(a, a.restore_all(), 16, 0);
  archive bare;
  for (const auto& image : bare.images) BOOST_REQUIRE(bare.fs->remove(image).has_value());
  require_whole(bare, bare.restore_all(), 0, 0);
}

BOOST_AUTO_TEST_CASE(a_damaged_image_gives_way_to_the_one_before) {
  archive a;
  a.damage(a.images[1]);
  auto found = a.restore_all();
  require_whole(a, found, 8, 1);
  BOOST_TEST(found->refused[0].image.path == a.images[1]);
  BOOST_REQUIRE(set_aside(*a.fs, found->refused[0].image).has_value());
  require_whole(a, a.restore_all(), 8, 0);
  a.damage(a.images[0]);
  require_whole(a, a.restore_all(), 0, 1);
  // An image under the wrong name is none either.
  archive renamed;
  BOOST_REQUIRE(
      renamed.fs->rename(renamed.images[0], log_dir + "/" + image_name(txid(17))).has_value());
  require_whole(renamed, renamed.restore_all(), 16, 1);
}

BOOST_AUTO_TEST_CASE(no_way_back_is_refused_with_what_to_do) {
  archive gap;
  gap.damage(gap.images[1]);
  BOOST_REQUIRE(gap.fs->remove(gap.names[0]).has_value());
  require_whole(gap, gap.restore_all(), 8, 1);
  BOOST_REQUIRE(gap.fs->remove(gap.names[1]).has_value());
  require_refused(gap, "do not reach from txid 9 on");
  require_refused(gap, gap.images[1]);
  require_refused(gap, "--promote");

  // The log ends before what the damaged image held: its records would be lost in silence.
  archive shorter;
  shorter.damage(shorter.images[1]);
  BOOST_REQUIRE(shorter.fs->remove(shorter.names[2]).has_value());
  require_refused(shorter, "ends with txid 12");

  archive none;
  none.damage(none.images[0]);
  none.damage(none.images[1]);
  BOOST_REQUIRE(none.fs->remove(none.names[0]).has_value());
  require_refused(none, "do not reach from txid 1 on");
}

BOOST_AUTO_TEST_CASE(a_newer_version_is_refused_and_never_gone_behind) {
  archive a;
  auto image = a.fs->contents(a.images[1]);
  store_le(image.data() + 8, meta::image_format_version + 1);
  store_le(image.data() + 20, crc32c(bytes_view(image).first(20)));
  a.fs->set_contents(a.images[1], image);
  const auto found = a.restore_all();
  BOOST_REQUIRE(found.has_error());
  BOOST_TEST((found.error() == errc::unsupported));
  BOOST_TEST(found.error().message().find(a.images[1]) != std::string::npos);
  BOOST_TEST(found.error().message().find(
                 "version " + std::to_string(meta::image_format_version + 1)) != std::string::npos);
}

// Any byte of any file: everything comes back, or it is refused; there is no other tree.
BOOST_AUTO_TEST_CASE(every_flipped_byte_of_images_and_segments) {
  const archive whole;
  std::vector<std::string> paths = whole.images;
  paths.insert(paths.end(), whole.names.begin(), whole.names.end());
  for (const bool pruned : {false, true}) {
    for (const auto& path : paths) {
      archive a;
      if (pruned) {
        BOOST_REQUIRE(a.fs->remove(a.names[0]).has_value());
        BOOST_REQUIRE(a.fs->remove(a.names[1]).has_value());
      }
      const auto bytes = a.fs->contents(path);
      const bool is_image = path.ends_with(".ssi");
      // Nothing is taken from the first record of the segment that the image reaches into, and
      // nothing tells what its CRC should be.
      const auto newline = std::find(bytes.begin(), bytes.end(), std::byte{'\n'});
      const std::size_t unchecked =
          is_image ? 0 : static_cast<std::size_t>(newline - bytes.begin()) + 1;
      for (std::size_t at = 0; at < bytes.size(); ++at) {
        auto flipped = bytes;
        flipped[at] ^= static_cast<std::byte>(1U << (at % 8));
        a.fs->set_contents(path, flipped);
        const auto found = a.restore_all();
        const bool needed = is_image ? path == a.images[1] : path == a.names[2];
        if (found) {
          BOOST_REQUIRE_MESSAGE(found->state->digest() == a.made.state.digest(), path << " " << at);
          BOOST_REQUIRE(found->state->last_txid() == txid(20));
          BOOST_REQUIRE(!is_image || !needed || found->refused.size() == 1);
          // A flipped segment behind the image cannot be made up for by anything.
          BOOST_REQUIRE(is_image || !needed || at < unchecked);
        } else {
          BOOST_REQUIRE_MESSAGE(needed, path << " " << at << found.error().message());
          BOOST_REQUIRE(!is_image || pruned);
          BOOST_REQUIRE(found.error() == errc::damaged);
          BOOST_REQUIRE(found.error().message().find(is_image ? path : "offset") !=
                        std::string::npos);
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(every_cut_of_the_newest_image) {
  archive a;
  const auto bytes = a.fs->contents(a.images[1]);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    a.fs->set_contents(a.images[1],
                       {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(n)});
    require_whole(a, a.restore_all(), 8, 1);
  }
}

BOOST_AUTO_TEST_CASE(it_can_be_stopped_and_tells_how_far_it_is) {
  archive a;
  restore_options options;
  options.directory = log_dir;
  std::vector<double> shares;
  options.hooks.progress = [&](double share) { shares.push_back(share); };
  std::size_t records = 0;
  options.on_record = [&](const meta::record&, const meta::state&) { ++records; };
  BOOST_REQUIRE(restore(*a.fs, std::move(options)).has_value());
  BOOST_TEST(records == 4U);
  BOOST_REQUIRE(shares.size() >= 2U);
  BOOST_TEST(std::is_sorted(shares.begin(), shares.end()));
  BOOST_TEST((shares.front() > 0 && shares.back() <= 1));

  for (const int limit : {0, 1, 4}) {
    restore_options stopped;
    stopped.directory = log_dir;
    int asked = 0;
    stopped.hooks.stop = [&] { return asked++ >= limit; };
    const auto found = restore(*a.fs, std::move(stopped));
    BOOST_REQUIRE(found.has_error());
    BOOST_TEST((found.error() == errc::shutting_down));
  }
}

BOOST_AUTO_TEST_CASE(replaying_up_to_a_record_changes_nothing) {
  archive a;
  const std::string open = log_dir + "/" + in_progress_name(txid(21));
  a.fs->set_contents(open, to_bytes(a.made.batch(5) + "torn"));
  const std::uint64_t calls = a.fs->calls();
  for (const std::uint64_t upto : {16U, 17U, 20U, 21U, 25U}) {
    auto from = load_newest(*a.fs, log_dir);
    BOOST_REQUIRE(from.has_value());
    const auto done = replay_to(*a.fs, log_dir, txid(upto), *from->state, {});
    BOOST_REQUIRE_MESSAGE(done.has_value(), (done ? "" : done.error().message()));
    BOOST_TEST(from->state->last_txid() == txid(upto));
    BOOST_TEST(from->state->digest() == a.made.digests.at(upto));
  }
  meta::state fresh;
  BOOST_REQUIRE(replay_to(*a.fs, log_dir, txid(23), fresh, {}).has_value());
  BOOST_TEST(fresh.digest() == a.made.digests.at(23));
  BOOST_TEST(a.fs->calls() == calls);
  auto from = load_newest(*a.fs, log_dir);
  BOOST_TEST((replay_to(*a.fs, log_dir, txid(26), *from->state, {}).error() == errc::not_found));
}

BOOST_AUTO_TEST_CASE(segments_are_dropped_when_nothing_needs_them) {
  archive a;
  const std::int64_t now = a.made.state.log_time_ms();
  // Young, then old enough: what the second newest image holds can go.
  BOOST_TEST(prune_segments(*a.fs, log_dir, now, 60'000).value() == 0U);
  BOOST_TEST(prune_segments(*a.fs, log_dir, now, 0).value() == 1U);
  BOOST_TEST(list_segments(*a.fs, log_dir)->size() == 2U);
  require_whole(a, a.restore_all(), 16, 0);
  a.damage(a.images[1]);
  require_whole(a, a.restore_all(), 8, 1);
  // One image alone lets nothing go.
  archive single;
  BOOST_REQUIRE(single.fs->remove(single.images[0]).has_value());
  BOOST_TEST(prune_segments(*single.fs, log_dir, now, 0).value() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::journal
