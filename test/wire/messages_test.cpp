// Properties of every message, and their golden bytes.
#include "util/all_messages.hpp"
#include "util/source_tree.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <fstream>
#include <map>
#include <sstream>

using namespace ssdfs;

namespace {

std::string golden_path() { return test::source_tree() + "/test/wire/messages.golden"; }

// The lines of messages.golden: name and bytes. A name has a line for each version of its message;
// the last is today's.
std::map<std::string, std::vector<std::string>> golden_lines() {
  const std::string path = golden_path();
  std::ifstream file(path);
  std::map<std::string, std::vector<std::string>> out;
  for (std::string line; std::getline(file, line);) {
    if (line.empty() || line[0] == '#') continue;
    const auto space = line.find(' ');
    BOOST_TEST_REQUIRE(space != std::string::npos);
    out[line.substr(0, space)].push_back(line.substr(space + 1));
  }
  BOOST_TEST_REQUIRE(!out.empty(), "cannot read " + path);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(messages)

// A message that has grown gets a further line; the old lines stay, and must stay readable.
BOOST_AUTO_TEST_CASE(bytes_are_golden_and_old_ones_stay_readable) {
  auto golden = golden_lines();
  std::ostringstream missing;
  test::for_each_message([&](const std::string& name, auto m) {
    using message = decltype(m);
    const auto now = test::hex_of(test::encoded(test::sample_of<message>()));
    const auto found = golden.find(name);
    if (found == golden.end() || found->second.back() != (now.empty() ? "-" : now)) {
      missing << name << ' ' << (now.empty() ? "-" : now) << '\n';
    }
    if (found == golden.end()) return;
    for (const std::string& old : found->second) {
      const auto bytes = old == "-" ? std::vector<std::byte>() : test::bytes_of_hex(old);
      message out;
      BOOST_TEST(wire::decode(bytes, out), name);
      // What today's message says begins as the old one did, unless a nested struct has grown.
      BOOST_TEST(test::encoded(out).size() >= bytes.size(), name);
    }
    golden.erase(found);
  });
  BOOST_TEST(golden.empty(), "messages.golden names a message that is gone");
  if (std::getenv("SSDFS_WRITE_SAMPLES") != nullptr) {
    std::ofstream(golden_path(), std::ios::app) << missing.str();
    return;
  }
  BOOST_TEST(missing.str().empty(),
             "if messages are new, or fields were added at the end, run this "
             "with SSDFS_WRITE_SAMPLES=1; it appends to messages.golden:\n"
                 << missing.str());
}

BOOST_AUTO_TEST_CASE(each_comes_back_as_it_was) {
  test::for_each_message([](const std::string& name, auto m) {
    using message = decltype(m);
    const auto bytes = test::encoded(test::sample_of<message>());
    BOOST_TEST(wire::encoded_fields_size(test::sample_of<message>()) == bytes.size());
    BOOST_TEST_REQUIRE(wire::decode(bytes, m), name);
    BOOST_TEST(test::hex_of(test::encoded(m)) == test::hex_of(bytes), name);
  });
}

BOOST_AUTO_TEST_CASE(each_prefix_is_an_older_version_or_refused) {
  test::for_each_message([](const std::string& name, auto m) {
    using message = decltype(m);
    using members = boost::describe::describe_members<message, boost::describe::mod_public>;
    const auto bytes = test::encoded(test::sample_of<message>());
    std::size_t accepted = 0;
    for (std::size_t n = 0; n <= bytes.size(); ++n) {
      const std::vector<std::byte> prefix(bytes.begin(),
                                          bytes.begin() + static_cast<std::ptrdiff_t>(n));
      message out;
      if (wire::decode(prefix, out)) ++accepted;
    }
    BOOST_TEST(accepted == boost::mp11::mp_size<members>::value + 1, name);
  });
}

// A flipped bit may give another valid message (the frame's CRC is there to notice), but never
// anything that cannot be encoded again.
BOOST_AUTO_TEST_CASE(each_flipped_bit_is_harmless) {
  test::for_each_message([](const std::string& name, auto m) {
    using message = decltype(m);
    const auto bytes = test::encoded(test::sample_of<message>());
    for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
      auto damaged = bytes;
      damaged[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
      message out;
      if (!wire::decode(damaged, out)) continue;
      const auto again = test::encoded(out);
      message once_more;
      BOOST_TEST_REQUIRE(wire::decode(again, once_more), name);
      BOOST_TEST_REQUIRE(test::hex_of(test::encoded(once_more)) == test::hex_of(again));
    }
  });
}

BOOST_AUTO_TEST_SUITE_END()
