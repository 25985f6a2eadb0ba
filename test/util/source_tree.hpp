// Where the source tree is, for tests that read its documents.
#pragma once

#include <cstdlib>
#include <string>

namespace ssdfs::test {

/// SSDFS_TEST_SOURCE, which the build sets for tests; of a program run by hand, the tree that this
/// file was compiled in.
inline std::string source_tree() {
  if (const char* source = std::getenv("SSDFS_TEST_SOURCE")) return source;
  const std::string here = __FILE__;
  return here.substr(0, here.rfind("/test/util/"));
}

}  // namespace ssdfs::test
