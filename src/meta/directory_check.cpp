// Checks a directory's B+tree against everything that its other code relies on.
#include "meta/directory_index.hpp"
#include "meta/directory_node.hpp"

#include <optional>
#include <string>

namespace ssdfs::meta {
namespace {

struct checker {
  const arena& memory;
  std::uint64_t& node_bytes;
  std::uint64_t& text_bytes;
  std::optional<std::size_t> leaf_level;  ///< of the first leaf

  // Names in [low, high); no `high` means no upper bound.
  struct bounds {
    std::string low;
    std::optional<std::string> high;

    [[nodiscard]] bool contains(std::string_view name) const {
      return name >= low && (!high || name < *high);
    }
  };

  std::string check(std::uint32_t id, std::size_t level, const bounds& limits) {
    if (id == 0) return "a child is missing";
    const block_kind kind = kind_of(memory.at(id));
    if (kind == block_kind::leaf) return check_leaf(id, level, limits);
    if (kind == block_kind::inner) return check_inner(id, level, limits);
    return "a child is not a node";
  }

  std::string check_leaf(std::uint32_t id, std::size_t level, const bounds& limits) {
    const auto& leaf = block_as<leaf_node>(memory, id);
    node_bytes += leaf_node::bytes(leaf.capacity);
    if (!leaf_level) leaf_level = level;
    if (*leaf_level != level) return "leaves at different depths";
    if (leaf.count == 0 || leaf.count > leaf.capacity || leaf.capacity < 2 ||
        leaf.capacity > directory_index::leaf_capacity) {
      return "count or capacity of a leaf out of range";
    }
    const std::string_view first = entry_name(memory, leaf.ids()[0]);
    std::string_view before;
    for (std::size_t i = 0; i < leaf.count; ++i) {
      const std::uint32_t entry = leaf.ids()[i];
      const block_kind kind = kind_of(memory.at(entry));
      if (kind != block_kind::file && kind != block_kind::directory) return "not an entry";
      const std::string_view name = entry_name(memory, entry);
      if (name <= before) return "names of a leaf out of order";
      if (!limits.contains(name)) return "a name outside of its leaf's bounds";
      if (common_prefix(first, name) < leaf.prefix) return "a name without its leaf's prefix";
      if (leaf.hints()[i] != hint_of(name, leaf.prefix)) return "wrong hint in a leaf";
      before = name;
    }
    for (std::size_t i = 0; i < leaf_node::samples_for(leaf.capacity); ++i) {
      const std::size_t at = leaf_node::stride * (i + 1) - 1;
      if (leaf.samples()[i] != (at < leaf.count ? leaf.hints()[at] : UINT32_MAX)) {
        return "wrong sample in a leaf";
      }
    }
    return {};
  }

  std::string check_inner(std::uint32_t id, std::size_t level, const bounds& limits) {
    const auto& inner = block_as<inner_node>(memory, id);
    node_bytes += inner_node::bytes(inner.capacity, inner.prefix);
    if (inner.count > inner.capacity) return "count of an inner node out of range";
    if (level == 0 && inner.count == 0) return "a root with one child";
    if (level >= directory_index::max_depth) return "index too deep";
    bounds child_limits{limits.low, {}};
    char space[260];
    for (std::uint32_t i = 0; i < inner.count; ++i) {
      const std::string separator(separator_of(memory, inner, i, space));
      if (separator <= child_limits.low || !limits.contains(separator)) {
        return "separators out of order";
      }
      if (!separator.starts_with(inner.prefix_view())) return "a separator without the prefix";
      if (inner.hints()[i] != hint_of(separator, inner.prefix)) {
        return "wrong hint in an inner node";
      }
      const std::uint32_t text = inner.texts()[i];
      if ((text != 0) != (separator.size() > inner.prefix + std::size_t{4})) {
        return "separator kept in the wrong place";
      }
      if (text != 0) text_bytes += text_block::bytes(separator.size());
      child_limits.high = separator;
      if (auto wrong = check(inner.children()[i], level + 1, child_limits); !wrong.empty()) {
        return wrong;
      }
      child_limits.low = separator;
    }
    child_limits.high = limits.high;
    return check(inner.children()[inner.count], level + 1, child_limits);
  }
};

}  // namespace

std::string directory_index::check(std::uint32_t root, std::uint64_t& node_bytes,
                                   std::uint64_t& text_bytes) const {
  if (root == 0) return {};
  return checker{memory_, node_bytes, text_bytes, {}}.check(root, 0, {});
}

}  // namespace ssdfs::meta
