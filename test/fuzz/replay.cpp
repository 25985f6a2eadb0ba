// The main function of a fuzz target where libFuzzer is not linked: replays the kept inputs, every
// prefix of the short ones, and each with single bits flipped. Deterministic, seconds at most.
//
//   fuzz_<target> [FILE|DIRECTORY]...
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

using input = std::vector<std::uint8_t>;

std::size_t executed = 0;

// In an allocation of exactly its size, so that a sanitizer sees each byte read beyond the end.
void run(const std::uint8_t* data, std::size_t size) {
  const auto copy = std::make_unique<std::uint8_t[]>(size);
  if (size != 0) std::memcpy(copy.get(), data, size);
  LLVMFuzzerTestOneInput(copy.get(), size);
  ++executed;
}

bool read(const std::filesystem::path& path, input& out) {
  std::ifstream file(path, std::ios::binary);
  out.assign(std::istreambuf_iterator<char>(file), {});
  return file.good() || file.eof();
}

// The flipped bits are spread evenly over a long input.
void mutate(input bytes) {
  constexpr std::size_t most_prefixes = 4096;
  constexpr std::size_t most_flips = 8192;
  for (std::size_t n = 0; n < std::min(bytes.size(), most_prefixes); ++n) run(bytes.data(), n);
  const std::size_t bits = bytes.size() * 8;
  const std::size_t step = std::max<std::size_t>(1, bits / most_flips) | 1;
  for (std::size_t bit = 0; bit < bits; bit += step) {
    const auto mask = static_cast<std::uint8_t>(1U << (bit % 8));
    bytes[bit / 8] ^= mask;
    run(bytes.data(), bytes.size());
    bytes[bit / 8] ^= mask;
  }
}

}  // namespace

int main(int argc, char** argv) {
  std::vector<std::filesystem::path> files;
  for (int i = 1; i < argc; ++i) {
    const std::filesystem::path path = argv[i];
    if (std::filesystem::is_directory(path)) {
      for (const auto& entry : std::filesystem::recursive_directory_iterator(path)) {
        if (entry.is_regular_file()) files.push_back(entry.path());
      }
    } else if (std::filesystem::exists(path)) {
      files.push_back(path);
    } else {
      std::fprintf(stderr, "%s: no such file or directory\n", argv[i]);
      return 1;
    }
  }
  std::sort(files.begin(), files.end());
  if (files.empty()) {
    std::fprintf(stderr, "no inputs: a fuzz target keeps some in test/fuzz/corpus/\n");
    return 1;
  }

  // All inputs as they are come first; mutants only as long as it takes no time that matters.
  const auto start = std::chrono::steady_clock::now();
  std::vector<input> inputs(files.size());
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (!read(files[i], inputs[i])) {
      std::fprintf(stderr, "%s: cannot be read\n", files[i].c_str());
      return 1;
    }
    run(inputs[i].data(), inputs[i].size());
  }
  for (auto& bytes : inputs) {
    if (std::chrono::steady_clock::now() - start > std::chrono::seconds(10)) break;
    mutate(std::move(bytes));
  }
  std::printf("%zu inputs, %zu executions\n", files.size(), executed);
  return 0;
}
