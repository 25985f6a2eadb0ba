#include "coord/digest_file.hpp"

#include "util/temp_dir.hpp"

#include <boost/test/unit_test.hpp>

#include <sys/stat.h>

#include <fstream>
#include <string>

using namespace ssdfs;

namespace {

struct digest_scene {
  test::temp_dir directory;
  std::string path = directory.path() + "/auth";

  void write(const std::string& text, mode_t mode = 0600) const {
    std::ofstream(path, std::ios::binary) << text;
    BOOST_TEST_REQUIRE(::chmod(path.c_str(), mode) == 0);
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(digest_file_suite, digest_scene)

BOOST_AUTO_TEST_CASE(holds_a_user_and_a_password) {
  for (const char* text : {"shop:very:secret", "shop:very:secret\n", "shop:very:secret\r\n"}) {
    write(text);
    const auto got = coord::read_digest_file(path);
    BOOST_TEST_REQUIRE(got.has_value());
    BOOST_TEST(got->user() == "shop");
    BOOST_TEST(got->secret() == "shop:very:secret");
  }
  write("shop:x", 0400);
  BOOST_TEST(coord::read_digest_file(path).has_value());
}

BOOST_AUTO_TEST_CASE(that_others_may_use_is_refused) {
  for (const mode_t mode : {0640, 0604, 0660, 0620, 0610, 0601}) {
    write("shop:secret", mode);
    const auto got = coord::read_digest_file(path);
    BOOST_TEST_REQUIRE(got.has_error());
    BOOST_TEST(got.error().message() ==
               path + ": others than its owner may use it: chmod 600 " + path);
  }
}

BOOST_AUTO_TEST_CASE(that_makes_no_sense_is_refused_and_never_shown) {
  for (const std::string& text :
       {std::string(), std::string("hidden"), std::string(":hidden"), std::string("hidden:"),
        std::string("hid den:hidden"), std::string("hidden:hidden\nhidden:hidden\n"),
        std::string("hidden:\x80"), "hidden:" + std::string(2'000, 'x')}) {
    write(text);
    const auto got = coord::read_digest_file(path);
    BOOST_TEST_REQUIRE(got.has_error());
    BOOST_TEST((got.error() == errc::invalid_argument));
    BOOST_TEST(got.error().message().starts_with(path + ": "));
    BOOST_TEST(got.error().message().find("hidden") == std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(that_is_none_is_named) {
  const auto missing = coord::read_digest_file(path);
  BOOST_TEST_REQUIRE(missing.has_error());
  BOOST_TEST(missing.error().message() == path + ": cannot be opened: No such file or directory");
  // A pipe without a writer does not hold up the reader.
  BOOST_TEST_REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const auto pipe = coord::read_digest_file(path);
  BOOST_TEST_REQUIRE(pipe.has_error());
  BOOST_TEST(pipe.error().message() == path + ": is no regular file");
}

BOOST_AUTO_TEST_SUITE_END()
