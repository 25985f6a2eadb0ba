// The inputs that the fuzzer of messages begins with: one of each, named after it, made here. With
// SSDFS_WRITE_SAMPLES=1 in the environment what is missing or stale is written.
#include "util/all_messages.hpp"
#include "util/source_tree.hpp"

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <sstream>
#include <string>
#include <vector>

using namespace ssdfs;

namespace {

std::string corpus_folder() { return test::source_tree() + "/test/fuzz/corpus/wire_message"; }

std::vector<std::byte> bytes_of_file(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const bytes_view view = as_bytes(text);
  return {view.begin(), view.end()};
}

template <class Message>
std::vector<std::byte> seed_of(std::uint16_t code, bool reply) {
  const auto head = test::seed_head(code, reply);
  std::vector<std::byte> out(head.begin(), head.end());
  wire::encode(test::sample_of<Message>(), out);
  return out;
}

// By file name. A message that has no field has a seed of a head alone.
std::map<std::string, std::vector<std::byte>> all_seeds() {
  std::map<std::string, std::vector<std::byte>> out;
  boost::mp11::mp_for_each<boost::mp11::mp_transform<std::type_identity, wire::all_requests>>(
      [&](auto wrapped) {
        using request = typename decltype(wrapped)::type;
        const auto code = static_cast<std::uint16_t>(request::code);
        const std::string name(wire::name_of(request::code));
        out[name + "_request"] = seed_of<request>(code, false);
        out[name + "_reply"] = seed_of<typename request::reply>(code, true);
      });
  out["error_reply"] = seed_of<wire::error_reply>(0, true);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(corpus_of_messages)

BOOST_AUTO_TEST_CASE(every_message_has_a_seed_with_a_value_in_each_field) {
  const bool write = std::getenv("SSDFS_WRITE_SAMPLES") != nullptr;
  std::ostringstream missing;
  for (const auto& [name, bytes] : all_seeds()) {
    const std::string path = corpus_folder() + "/" + name;
    if (bytes_of_file(path) == bytes) continue;
    if (write) {
      std::ofstream(path, std::ios::binary).write(as_chars(bytes).data(), std::ssize(bytes));
    } else {
      missing << ' ' << name;
    }
  }
  BOOST_TEST(missing.str().empty(),
             "run this with SSDFS_WRITE_SAMPLES=1 and look at what changes in "
                 << corpus_folder() << ":" << missing.str());
}

BOOST_AUTO_TEST_CASE(every_file_is_an_input_of_the_message_that_it_is_named_after) {
  const auto seeds = all_seeds();
  for (const auto& file : std::filesystem::directory_iterator(corpus_folder())) {
    const std::string name = file.path().filename().string();
    bool decoded = false;
    std::string message;
    const auto bytes = bytes_of_file(file.path());
    const bool known = test::with_message_of_seed(bytes, [&](const std::string& m, auto out) {
      message = m;
      decoded = wire::decode(bytes_view(bytes).subspan(test::seed_head_size), out);
    });
    BOOST_TEST(known, name << " names no message");
    // What the fuzzer found keeps the name that it gave, and may be malformed.
    if (!seeds.contains(name)) continue;
    BOOST_TEST(message == name);
    BOOST_TEST(decoded, name);
  }
}

BOOST_AUTO_TEST_SUITE_END()
