// Images as lines of JSON and back, and images that were made up.
#include "meta/image_text.hpp"

#include "meta/image_synth.hpp"
#include "meta/image_util.hpp"
#include "meta/image_v1.hpp"
#include "meta/volume_check.hpp"

#include <boost/json/parse.hpp>
#include <boost/test/unit_test.hpp>

namespace ssdfs::meta {
namespace {

using test::image_of;
using test::load;
using test::state_rig;

std::vector<std::string> lines_of(bytes_view image) {
  std::vector<std::string> out;
  image_text_writer writer([&](std::string_view line) -> result<void> {
    out.emplace_back(line);
    return {};
  });
  decoded_section section;
  image_reader reader(
      [&](image_section kind, bytes_view payload, std::uint64_t offset) -> result<void> {
        decode_section(kind, payload, offset, section);
        return writer.take(section);
      });
  const auto fed = reader.feed(image);
  BOOST_REQUIRE_MESSAGE(fed.has_value(), test::why(fed));
  BOOST_REQUIRE(reader.finish().has_value());
  return out;
}

result<void> build(const std::vector<std::string>& lines, state& into) {
  image_text_reader reader(into);
  for (const auto& line : lines) SSDFS_TRY(reader.take(line));
  return reader.finish();
}

// The lines of an image with a bit of everything.
std::vector<std::string> sample() {
  state_rig rig;
  test::fill(rig);
  // Names that JSON has to escape.
  BOOST_REQUIRE(rig.touch("/pictures/\x01 \"quoted\" back\\slash \xc3\xa4.jpg").has_value());
  BOOST_REQUIRE(rig.mkdir("/empty/in/empty", true).has_value());
  return lines_of(image_of(rig.state()));
}

std::size_t find_line(const std::vector<std::string>& lines, std::string_view part) {
  for (std::size_t i = 0; i < lines.size(); ++i) {
    if (lines[i].find(part) != std::string::npos) return i;
  }
  BOOST_FAIL("no line with " << part);
  return 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(image_text)

BOOST_AUTO_TEST_CASE(there_and_back_gives_the_same_bytes) {
  state_rig rig;
  test::fill(rig);
  BOOST_REQUIRE(rig.touch("/pictures/\x01 \"quoted\" back\\slash \xc3\xa4.jpg").has_value());
  BOOST_REQUIRE(rig.mkdir("/empty/in/empty", true).has_value());
  BOOST_REQUIRE(!rig.state().names().detached().empty());
  const auto image = image_of(rig.state());
  const auto lines = lines_of(image);
  state back;
  const auto built = build(lines, back);
  BOOST_REQUIRE_MESSAGE(built.has_value(), test::why(built));
  BOOST_TEST((image_of(back) == image));
  BOOST_TEST((lines_of(image_of(back)) == lines));
  BOOST_TEST(check_volumes(back, 10).empty());
}

BOOST_AUTO_TEST_CASE(the_lines_are_json_and_say_what_is_there) {
  const auto lines = sample();
  for (const auto& line : lines) {
    boost::system::error_code ec;
    const auto value = boost::json::parse(line, ec);
    BOOST_REQUIRE_MESSAGE(!ec && value.is_object(), line);
  }
  const auto head = boost::json::parse(lines.front()).as_object();
  const char* first[] = {"format", "cluster", "epoch", "txid", "files", "directories"};
  auto at = head.begin();
  for (const char* key : first) BOOST_TEST((at++)->key() == key);
  BOOST_TEST(head.at("format").as_int64() == image_format_version);
  BOOST_TEST(head.at("rebalance").as_string() == "paused");
  BOOST_TEST(head.at("rebalance_permille").as_int64() == 50);
  const auto large = boost::json::parse(lines[find_line(lines, "\"/large\"")]).as_object();
  BOOST_TEST(large.at("size").as_int64() == 35);
  BOOST_TEST(large.at("owner").as_string() == "ann");
  BOOST_TEST(large.at("content_type").as_string() == "video/mp4");
  BOOST_TEST(large.at("chunks").as_array().size() == 3U);
  find_line(lines, R"("detached":1)");
}

// They say what they are of; what is built of them is of the newest version.
BOOST_AUTO_TEST_CASE(lines_of_version_1_are_taken) {
  auto lines = sample();
  const std::string asked = R"(,"rebalance":"paused","rebalance_permille":50)";
  lines[0].erase(lines[0].find(asked), asked.size());
  lines[0].replace(lines[0].find(R"("format":3)"), 10, R"("format":1)");
  state s;
  const auto built = build(lines, s);
  BOOST_REQUIRE_MESSAGE(built.has_value(), test::why(built));
  BOOST_TEST((s.rebalance() == rebalance_entry{}));
  std::vector<std::byte> old;
  for (std::size_t i = 0; i < test::image_v1.size(); i += 2) {
    old.push_back(
        static_cast<std::byte>(std::stoi(std::string(test::image_v1.substr(i, 2)), nullptr, 16)));
  }
  BOOST_TEST(lines_of(old).front().starts_with(R"({"format":1,)"));
  BOOST_TEST(lines_of(image_of(s)).front().starts_with(R"({"format":3,)"));
}

BOOST_AUTO_TEST_CASE(an_edited_dump_is_another_image) {
  auto lines = sample();
  const std::size_t gone = find_line(lines, "quoted");
  lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(gone));
  state edited;
  const auto built = build(lines, edited);
  BOOST_REQUIRE_MESSAGE(built.has_value(), test::why(built));
  const auto again = lines_of(image_of(edited));
  BOOST_TEST(again.size() == lines.size());
  const auto files = [](const std::string& head) {
    return boost::json::parse(head).as_object().at("files").as_int64();
  };
  BOOST_TEST(files(again.front()) == files(lines.front()) - 1);
  state loaded;
  BOOST_TEST(load(image_of(edited), loaded).has_value());
  // The volumes still count a chunk whose file is left out.
  const std::size_t large = find_line(lines, "\"/large\"");
  lines.erase(lines.begin() + static_cast<std::ptrdiff_t>(large));
  state without;
  BOOST_REQUIRE(build(lines, without).has_value());
  BOOST_TEST(check_volumes(without, 10).size() == 2U);
  BOOST_TEST(check_volumes(without, 1).size() == 1U);
}

BOOST_AUTO_TEST_CASE(wrong_lines_are_refused) {
  const auto good = sample();
  const auto refused = [&](std::size_t at, const std::string& with) {
    auto lines = good;
    lines[at] = with;
    state s;
    const auto built = build(lines, s);
    BOOST_TEST(built.has_error(), "accepted: " + with);
  };
  const std::size_t file = find_line(good, "\"/large\"");
  refused(0, "");
  refused(0, "[]");
  refused(0, R"({"format":99})");
  refused(0, good[1]);
  std::string head = good[0];
  refused(0, head.replace(head.find("paused"), 6, "faster"));
  head = good[0];
  refused(0, head.replace(head.find("_permille\":50"), 13, "_permille\":0"));
  refused(file, "not json");
  refused(file, R"({"kind":"teapot"})");
  refused(file, R"({"kind":"file","path":"/x","owner":"nobody","group":"x","mode":"0644"})");
  refused(file, R"({"kind":"file","path":"no/slash","owner":"root","group":"root","mode":"0755"})");
  refused(file,
          R"({"kind":"file","path":"/nowhere/x","owner":"root","group":"root","mode":"0755"})");
  refused(file,
          R"({"kind":"file","path":"/x","size":"y","owner":"root","group":"root","mode":"0755"})");
  refused(file,
          R"({"kind":"file","path":"/x","size":1,"owner":"root","group":"root","mode":"0755"})");
  refused(file, R"({"kind":"file","path":"/.","owner":"root","group":"root","mode":"0755"})");
  refused(file, good[find_line(good, R"("kind":"epoch")")]);
  state empty;
  BOOST_TEST(build({}, empty).has_error());
  state headless;
  BOOST_TEST(build({good.front()}, headless).has_error());
  // Every line dropped, doubled, or cut: refused, or an image that loads.
  for (std::size_t i = 0; i < good.size(); ++i) {
    for (const int how : {0, 1, 2}) {
      auto lines = good;
      const auto at = lines.begin() + static_cast<std::ptrdiff_t>(i);
      if (how == 0) lines.erase(at);
      if (how == 1) lines.insert(at, good[i]);
      if (how == 2) lines[i].resize(lines[i].size() / 2);
      state s;
      if (!build(lines, s)) continue;
      BOOST_TEST(how != 2);
      state loaded;
      BOOST_TEST(load(image_of(s), loaded).has_value());
    }
  }
}

BOOST_AUTO_TEST_CASE(made_up_stores_are_sound) {
  for (const auto& [files, per_directory] :
       {std::pair(1U, 1000U), std::pair(1000U, 1000U), std::pair(20'500U, 1000U),
        std::pair(12'000U, 5U), std::pair(3000U, 10'000U)}) {
    synth_options options;
    options.files = files;
    options.files_per_directory = per_directory;
    options.size_of = [](std::uint64_t i) { return static_cast<std::uint32_t>(4096 + i % 30'000); };
    state made;
    const auto path = synthesize(options, made);
    BOOST_REQUIRE_MESSAGE(path.has_value(), test::why(path));
    const auto totals = made.names().totals(root_directory);
    BOOST_TEST(totals.files == files);
    BOOST_TEST(made.names().verify().has_value());
    BOOST_TEST(check_volumes(made, 10).empty());
    const auto entry = made.names().lookup(*path);
    BOOST_REQUIRE(entry.has_value());
    BOOST_TEST(made.names().name(*entry).size() == 20U);
    const auto image = image_of(made);
    state loaded;
    const auto back = load(image, loaded);
    BOOST_REQUIRE_MESSAGE(back.has_value(), test::why(back));
    if (files > 10'000 && per_directory == 1000) BOOST_TEST(image.size() <= 50U * files);
    state twin;
    BOOST_REQUIRE(synthesize(options, twin).has_value());
    BOOST_TEST(twin.digest() == made.digest());
    options.seed = 2;
    state other;
    BOOST_REQUIRE(synthesize(options, other).has_value());
    BOOST_TEST(other.digest() != made.digest());
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::meta
