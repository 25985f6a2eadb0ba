#include "meta/directory_entry.hpp"

#include "meta/directory_node.hpp"

#include <cstring>

namespace ssdfs::meta {

std::size_t block_bytes(const std::byte* block) {
  const block_kind kind = kind_of(block);
  switch (kind) {
    case block_kind::file:
    case block_kind::directory: {
      const auto& entry = *reinterpret_cast<const entry_record*>(block);
      const bool external = (entry.head & entry_record::external_name) != 0;
      return record_bytes(kind, external ? 0 : entry.name_length);
    }
    case block_kind::text:
      return text_block::bytes(reinterpret_cast<const text_block*>(block)->length);
    case block_kind::extra: {
      const auto& extra = *reinterpret_cast<const extra_block*>(block);
      return extra_block::bytes(extra.length, extra.extra().size());
    }
    case block_kind::chunk_list:
      return chunk_list::bytes(reinterpret_cast<const chunk_list*>(block)->count);
    case block_kind::leaf:
      return leaf_node::bytes(reinterpret_cast<const node_header*>(block)->capacity);
    case block_kind::inner: {
      const auto& header = *reinterpret_cast<const node_header*>(block);
      return inner_node::bytes(header.capacity, header.prefix);
    }
    case block_kind::free:
    case block_kind::reserved: break;
  }
  SSDFS_ASSERT(!"a block of unknown kind");
  return 0;
}

std::uint32_t make_text(arena& memory, std::string_view text) {
  const std::uint32_t id = memory.allocate(block_kind::text, text_block::bytes(text.size()));
  auto& block = block_as<text_block>(memory, id);
  block.length = static_cast<std::uint8_t>(text.size());
  std::memcpy(block.chars(), text.data(), text.size());
  return id;
}

std::uint32_t make_extra(arena& memory, std::string_view name, std::string_view extra) {
  const std::uint32_t id =
      memory.allocate(block_kind::extra, extra_block::bytes(name.size(), extra.size()));
  auto& block = block_as<extra_block>(memory, id);
  block.length = static_cast<std::uint8_t>(name.size());
  char* at = block.chars();
  if (!name.empty()) std::memcpy(at, name.data(), name.size());
  at += name.size();
  store_le<std::uint16_t>(reinterpret_cast<std::byte*>(at),
                          static_cast<std::uint16_t>(extra.size()));
  std::memcpy(at + 2, extra.data(), extra.size());
  return id;
}

void release_text(arena& memory, std::uint32_t id) {
  memory.release(id, block_bytes(memory.at(id)));
}

}  // namespace ssdfs::meta
