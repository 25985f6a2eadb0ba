// Inner nodes of a directory's B+tree. They change once in 64 or more changes of the leaves, so
// what is rare among that (splits, joins, a shorter prefix) takes them apart and makes new ones.
#include "meta/directory_index.hpp"
#include "meta/directory_node.hpp"

#include <algorithm>
#include <string>
#include <vector>

namespace ssdfs::meta {
namespace {

constexpr std::size_t inner_sparse = directory_index::max_separators / 4;
constexpr std::size_t inner_joined = directory_index::max_separators * 3 / 4;

constexpr std::size_t inner_capacity(std::size_t count) {
  const std::size_t step = count <= 16 ? 4 : 16;
  return std::clamp<std::size_t>((count + step - 1) / step * step, 2,
                                 directory_index::max_separators);
}

}  // namespace

/// Contents of an inner node; one child more than separators.
struct directory_index::unpacked_inner {
  std::vector<std::string> separators;
  std::vector<std::uint32_t> children;
};

directory_index::unpacked_inner directory_index::unpack(std::uint32_t id) const {
  const auto& inner = block_as<inner_node>(memory_, id);
  unpacked_inner out;
  out.separators.reserve(inner.count + std::size_t{1});
  char space[260];
  for (std::uint32_t i = 0; i < inner.count; ++i) {
    out.separators.emplace_back(separator_of(memory_, inner, i, space));
  }
  out.children.reserve(inner.count + std::size_t{2});
  out.children.assign(inner.children(), inner.children() + inner.count + 1);
  return out;
}

std::uint32_t directory_index::pack(const unpacked_inner& inner) {
  const auto& separators = inner.separators;
  const std::size_t prefix =
      separators.empty() ? 0 : common_prefix(separators.front(), separators.back());
  const std::size_t capacity = inner_capacity(separators.size());
  const std::uint32_t id = memory_.allocate(block_kind::inner, inner_node::bytes(capacity, prefix));
  auto& node = block_as<inner_node>(memory_, id);
  node.count = static_cast<std::uint8_t>(separators.size());
  node.capacity = static_cast<std::uint8_t>(capacity);
  node.prefix = static_cast<std::uint8_t>(prefix);
  if (prefix > 0) std::memcpy(node.prefix_bytes(), separators.front().data(), prefix);
  for (std::size_t i = 0; i < separators.size(); ++i) {
    const std::string& separator = separators[i];
    node.hints()[i] = hint_of(separator, prefix);
    node.texts()[i] = separator.size() > prefix + 4 ? make_text(memory_, separator) : 0;
  }
  std::copy(inner.children.begin(), inner.children.end(), node.children());
  return id;
}

void directory_index::release_inner(std::uint32_t id) {
  const auto& inner = block_as<inner_node>(memory_, id);
  for (std::size_t i = 0; i < inner.count; ++i) {
    if (inner.texts()[i] != 0) release_text(memory_, inner.texts()[i]);
  }
  memory_.release(id, inner_node::bytes(inner.capacity, inner.prefix));
}

std::uint32_t directory_index::resize_inner(std::uint32_t id, std::size_t capacity) {
  const auto& inner = block_as<inner_node>(memory_, id);
  const std::uint32_t resized =
      memory_.allocate(block_kind::inner, inner_node::bytes(capacity, inner.prefix));
  auto& target = block_as<inner_node>(memory_, resized);
  target.count = inner.count;
  target.capacity = static_cast<std::uint8_t>(capacity);
  target.prefix = inner.prefix;
  std::memcpy(target.prefix_bytes(), inner.prefix_bytes(), inner.prefix);
  std::copy_n(inner.hints(), inner.count, target.hints());
  std::copy_n(inner.texts(), inner.count, target.texts());
  std::copy_n(inner.children(), inner.count + 1, target.children());
  memory_.release(id, inner_node::bytes(inner.capacity, inner.prefix));
  return resized;
}

// The node of a level on the way has got another id.
void directory_index::replace_node(std::uint32_t& root, const place& where, std::size_t level,
                                   std::uint32_t node) {
  if (level == 0) {
    root = node;
    return;
  }
  const auto& step = where.way[level - 1];
  block_as<inner_node>(memory_, step.node).children()[step.child] = node;
}

// Puts `node` right of the node of a level on the way, with `separator` between them.
void directory_index::link_right(std::uint32_t& root, const place& where, std::size_t level,
                                 std::string_view separator, std::uint32_t node) {
  if (level == 0) {
    root = pack({{std::string(separator)}, {root, node}});
    return;
  }
  const place::step step = where.way[level - 1];
  auto* inner = &block_as<inner_node>(memory_, step.node);
  if (inner->count == max_separators) {
    split_inner(root, where, level - 1, separator, node);
    return;
  }
  const std::size_t common = common_prefix(separator, inner->prefix_view());
  if (inner->count == 0 || common < inner->prefix) {
    unpacked_inner contents = unpack(step.node);
    contents.separators.emplace(contents.separators.begin() + step.child, separator);
    contents.children.insert(contents.children.begin() + step.child + 1, node);
    release_inner(step.node);
    replace_node(root, where, level - 1, pack(contents));
    return;
  }
  if (inner->count == inner->capacity) {
    const std::uint32_t resized = resize_inner(step.node, inner_capacity(inner->count + 1U));
    replace_node(root, where, level - 1, resized);
    inner = &block_as<inner_node>(memory_, resized);
  }
  const auto insert = [](std::uint32_t* values, std::size_t count, std::size_t at,
                         std::uint32_t value) {
    std::copy_backward(values + at, values + count, values + count + 1);
    values[at] = value;
  };
  const bool inside = separator.size() <= inner->prefix + std::size_t{4};
  insert(inner->texts(), inner->count, step.child, inside ? 0 : make_text(memory_, separator));
  insert(inner->hints(), inner->count, step.child, hint_of(separator, inner->prefix));
  insert(inner->children(), inner->count + std::size_t{1}, step.child + 1, node);
  ++inner->count;
}

// As link_right into the full inner node of a level.
void directory_index::split_inner(std::uint32_t& root, const place& where, std::size_t level,
                                  std::string_view separator, std::uint32_t child) {
  const place::step step = where.way[level];
  if (step.child == max_separators) {
    // Ascending insertion: the full node stays as it is.
    link_right(root, where, level, separator, pack({{}, {child}}));
    return;
  }
  unpacked_inner left = unpack(step.node);
  left.separators.emplace(left.separators.begin() + step.child, separator);
  left.children.insert(left.children.begin() + step.child + 1, child);
  release_inner(step.node);
  const auto half = static_cast<std::ptrdiff_t>(left.separators.size() / 2);
  const std::string middle = left.separators[static_cast<std::size_t>(half)];
  const unpacked_inner right{{left.separators.begin() + half + 1, left.separators.end()},
                             {left.children.begin() + half + 1, left.children.end()}};
  left.separators.resize(static_cast<std::size_t>(half));
  left.children.resize(static_cast<std::size_t>(half) + 1);
  replace_node(root, where, level, pack(left));
  link_right(root, where, level, middle, pack(right));
}

// The node of a level on the way has been released.
void directory_index::unlink(std::uint32_t& root, const place& where, std::size_t level) {
  if (level == 0) {
    root = 0;
    return;
  }
  const place::step step = where.way[level - 1];
  auto& inner = block_as<inner_node>(memory_, step.node);
  if (inner.count == 0) {
    release_inner(step.node);
    unlink(root, where, level - 1);
    return;
  }
  const auto remove = [](std::uint32_t* values, std::size_t count, std::size_t at) {
    std::copy(values + at + 1, values + count, values + at);
  };
  const std::uint32_t separator = step.child > 0 ? step.child - 1 : 0;
  if (inner.texts()[separator] != 0) release_text(memory_, inner.texts()[separator]);
  remove(inner.texts(), inner.count, separator);
  remove(inner.hints(), inner.count, separator);
  remove(inner.children(), inner.count + std::size_t{1}, step.child);
  --inner.count;
  if (level == 1) {
    while (!block_as<node_header>(memory_, root).is_leaf() &&
           block_as<node_header>(memory_, root).count == 0) {
      const std::uint32_t only = block_as<inner_node>(memory_, root).children()[0];
      release_inner(root);
      root = only;
    }
    return;
  }
  if (inner.count <= inner_sparse) merge_inner(root, where, level - 1);
}

// Joins a inner_sparse inner node of a level with a neighbour, if there is a small enough one;
// otherwise gives back what it does not need.
void directory_index::merge_inner(std::uint32_t& root, const place& where, std::size_t level) {
  const place::step step = where.way[level - 1];
  auto& parent = block_as<inner_node>(memory_, step.node);
  const std::uint32_t first = step.child > 0 ? step.child - 1 : 0;
  const auto count_of = [&](std::uint32_t child) {
    return std::size_t{block_as<node_header>(memory_, parent.children()[child]).count};
  };
  if (parent.count == 0 || count_of(first) + count_of(first + 1) + 1 > inner_joined) {
    const std::uint32_t id = where.way[level].node;
    const auto& inner = block_as<inner_node>(memory_, id);
    const std::size_t capacity = inner_capacity(inner.count + inner.count / 4U);
    if (capacity * 2 <= inner.capacity) {
      replace_node(root, where, level, resize_inner(id, capacity));
    }
    return;
  }
  const std::uint32_t left_id = parent.children()[first];
  const std::uint32_t right_id = parent.children()[first + 1];
  unpacked_inner contents = unpack(left_id);
  const unpacked_inner right = unpack(right_id);
  char space[260];
  contents.separators.emplace_back(separator_of(memory_, parent, first, space));
  contents.separators.insert(contents.separators.end(), right.separators.begin(),
                             right.separators.end());
  contents.children.insert(contents.children.end(), right.children.begin(), right.children.end());
  release_inner(left_id);
  release_inner(right_id);
  parent.children()[first] = pack(contents);
  place gone = where;
  gone.way[level - 1].child = first + 1;
  unlink(root, gone, level);
}

}  // namespace ssdfs::meta
