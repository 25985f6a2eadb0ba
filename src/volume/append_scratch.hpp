// Memory that append_batch uses again and again.
#pragma once

#include "volume/volume.hpp"

#include <cstdint>
#include <vector>

namespace ssdfs::volume {

struct volume::scratch {
  static constexpr std::size_t none = ~std::size_t{0};
  struct item {
    std::uint64_t offset = 0;    // of the record; 0 if the item is not written
    std::size_t table_at = 0;    // of its block CRCs in tables
    std::size_t same_as = none;  // earlier item of the batch with the same key and content
  };
  std::vector<item> work;
  std::vector<std::byte> headers;
  std::vector<std::uint32_t> tables;
  std::vector<bytes_view> parts;
  std::uint64_t end = 0;  // of the last record; 0 if there is none

  void clear(std::size_t items) {
    work.assign(items, {});
    headers.resize(items * header_size);
    tables.clear();
    parts.clear();
    end = 0;
  }
};

}  // namespace ssdfs::volume
