// Searching, and what happens in the leaves. Inner nodes: directory_inner.cpp.
#include "meta/directory_index.hpp"

#include "meta/directory_node.hpp"

#include <algorithm>

namespace ssdfs::meta {
namespace {

// A leaf that an ascending sequence opens at the right edge is likely to fill up.
constexpr std::size_t right_edge_capacity = 64;
// A leaf with at most `leaf_sparse` entries is leaf_joined with a neighbour if both then hold at
// most `leaf_joined`, so that it takes many changes until it is split again.
constexpr std::size_t leaf_sparse = directory_index::leaf_capacity / 4;
constexpr std::size_t leaf_joined = directory_index::leaf_capacity * 3 / 4;

// Capacities: small steps leave few places unused, but many blocks that are freed on the way.
constexpr std::array<std::uint8_t, 10> capacities = {2, 6, 10, 16, 24, 32, 40, 48, 56, 64};
static_assert(capacities.back() == directory_index::leaf_capacity);

constexpr std::size_t leaf_capacity_for(std::size_t count) {
  return *std::lower_bound(capacities.begin(), capacities.end(),
                           std::min(count, directory_index::leaf_capacity));
}

// Shortens the prefix to `length` bytes; `name` is that of any entry of the leaf.
void narrow_prefix(leaf_node& leaf, std::size_t length, std::string_view name) {
  const std::string_view lost = name.substr(length, leaf.prefix - length);
  for (std::size_t i = 0; i < leaf.count; ++i) {
    leaf.hints()[i] = widen_hint(leaf.hints()[i], lost);
  }
  leaf.prefix = static_cast<std::uint8_t>(length);
  leaf.take_samples();
}

// The shortest text that is greater than `left` and not greater than `right`.
std::string_view separator_between(std::string_view left, std::string_view right) {
  return right.substr(0, common_prefix(left, right) + 1);
}

void insert_at(std::uint32_t* values, std::size_t count, std::size_t at, std::uint32_t value) {
  std::copy_backward(values + at, values + count, values + count + 1);
  values[at] = value;
}

}  // namespace

std::uint32_t directory_index::find(std::uint32_t root, std::string_view name) const {
  if (root == 0) return 0;
  const auto* node = &block_as<node_header>(memory_, root);
  prefetch_node(*node);
  while (!node->is_leaf()) {
    const auto& inner = static_cast<const inner_node&>(*node);
    prefetch_rest(inner, leaf_bytes);
    node = &block_as<node_header>(memory_, inner.children()[child_for(memory_, inner, name)]);
    prefetch_node(*node);
  }
  const auto& leaf = static_cast<const leaf_node&>(*node);
  // The prefix need not be checked: only the whole name decides.
  const hint_range range = search_leaf(leaf, hint_of(name, leaf.prefix));
  const leaf_position position = search_names(memory_, leaf, range, name);
  return position.found ? leaf.ids()[position.at] : 0;
}

directory_index::place directory_index::locate(std::uint32_t root, std::string_view name) const {
  place where;
  if (root == 0) return where;
  std::uint32_t id = root;
  const auto* node = &block_as<node_header>(memory_, id);
  prefetch_node(*node);
  while (!node->is_leaf()) {
    const auto& inner = static_cast<const inner_node&>(*node);
    prefetch_rest(inner, leaf_bytes);
    const std::uint32_t child = child_for(memory_, inner, name);
    SSDFS_ASSERT(where.depth < max_depth);
    where.way[where.depth++] = {id, child};
    where.rightmost = where.rightmost && child == inner.count;
    id = inner.children()[child];
    node = &block_as<node_header>(memory_, id);
    prefetch_node(*node);
  }
  const auto& leaf = static_cast<const leaf_node&>(*node);
  where.leaf = id;
  hint_range range = search_leaf(leaf, hint_of(name, leaf.prefix));
  if (leaf.prefix > 0) {
    // Hints say something only about names with the prefix, which every entry shows.
    const std::uint32_t shown = std::min<std::uint32_t>(range.first, leaf.count - 1U);
    const std::string_view prefix = entry_name(memory_, leaf.ids()[shown]).substr(0, leaf.prefix);
    const int order = name.substr(0, leaf.prefix).compare(prefix);
    if (order < 0) range = {0, 0};
    if (order > 0) range = {leaf.count, 0};
  }
  const leaf_position position = search_names(memory_, leaf, range, name);
  where.position = position.at;
  where.found = position.found;
  return where;
}

std::uint32_t directory_index::entry_at(const place& where) const {
  return block_as<leaf_node>(memory_, where.leaf).ids()[where.position];
}

directory_index::place directory_index::locate_last(std::uint32_t root) const {
  place where;
  if (root == 0) return where;
  std::uint32_t id = root;
  while (!block_as<node_header>(memory_, id).is_leaf()) {
    const auto& inner = block_as<inner_node>(memory_, id);
    SSDFS_ASSERT(where.depth < max_depth);
    where.way[where.depth++] = {id, inner.count};
    id = inner.children()[inner.count];
  }
  where.leaf = id;
  where.position = block_as<leaf_node>(memory_, id).count;
  return where;
}

// Moves to the begin of the next leaf; false at the end.
bool directory_index::advance_leaf(place& where) const {
  std::size_t level = where.depth;
  for (;;) {
    if (level == 0) return false;
    auto& step = where.way[--level];
    const auto& inner = block_as<inner_node>(memory_, step.node);
    if (step.child == inner.count) continue;
    std::uint32_t id = inner.children()[++step.child];
    while (++level < where.depth) {
      where.way[level] = {id, 0};
      id = block_as<inner_node>(memory_, id).children()[0];
    }
    where.leaf = id;
    where.position = 0;
    return true;
  }
}

std::size_t directory_index::list(std::uint32_t root, std::string_view after,
                                  std::span<std::uint32_t> out) const {
  if (root == 0 || out.empty()) return 0;
  place where = locate(root, after);
  where.position += where.found ? 1 : 0;
  std::size_t done = 0;
  do {
    const auto& leaf = block_as<leaf_node>(memory_, where.leaf);
    const std::size_t n = std::min<std::size_t>(leaf.count - where.position, out.size() - done);
    std::copy_n(leaf.ids() + where.position, n, out.begin() + static_cast<std::ptrdiff_t>(done));
    done += n;
  } while (done < out.size() && advance_leaf(where));
  return done;
}

std::size_t directory_index::peek_last(std::uint32_t root, std::span<std::uint32_t> out) const {
  if (root == 0) return 0;
  const auto& leaf = block_as<leaf_node>(memory_, locate_last(root).leaf);
  const std::size_t n = std::min<std::size_t>(leaf.count, out.size());
  for (std::size_t i = 0; i < n; ++i) out[i] = leaf.ids()[leaf.count - 1 - i];
  return n;
}

void directory_index::drop_last(std::uint32_t& root, std::size_t count) {
  const place where = locate_last(root);
  auto& leaf = block_as<leaf_node>(memory_, where.leaf);
  SSDFS_ASSERT(count <= leaf.count);
  leaf.count = static_cast<std::uint8_t>(leaf.count - count);
  leaf.take_samples();
  if (leaf.count > 0) return;
  memory_.release(where.leaf, leaf_node::bytes(leaf.capacity));
  unlink(root, where, where.depth);
}

void directory_index::insert(std::uint32_t& root, const place& where, std::uint32_t id,
                             std::string_view name) {
  if (where.leaf == 0) {
    root = make_leaf({&id, 1}, leaf_capacity_for(1));
    return;
  }
  const auto& leaf = block_as<leaf_node>(memory_, where.leaf);
  if (leaf.count < leaf_capacity) {
    insert_into_leaf(root, where, id, name);
    return;
  }
  if (where.rightmost && where.position == leaf.count) {
    // Ascending insertion: the full leaf stays as it is.
    const std::string_view last = entry_name(memory_, leaf.ids()[leaf.count - 1]);
    link_right(root, where, where.depth, separator_between(last, name),
               make_leaf({&id, 1}, right_edge_capacity));
    return;
  }
  split_leaf(root, where);
  insert_into_leaf(root, locate(root, name), id, name);
}

void directory_index::insert_into_leaf(std::uint32_t& root, const place& where, std::uint32_t id,
                                       std::string_view name) {
  auto* leaf = &block_as<leaf_node>(memory_, where.leaf);
  if (leaf->prefix > 0) {
    const std::uint32_t shown = std::min<std::uint32_t>(where.position, leaf->count - 1U);
    const std::string_view neighbour = entry_name(memory_, leaf->ids()[shown]);
    const std::size_t common = common_prefix(name, neighbour);
    if (common < leaf->prefix) narrow_prefix(*leaf, common, neighbour);
  }
  if (leaf->count == leaf->capacity) {
    const bool ascending = where.depth > 0 && where.rightmost && where.position == leaf->count;
    const std::size_t capacity =
        ascending ? leaf_capacity : leaf_capacity_for(std::size_t{leaf->capacity} + 1);
    const std::uint32_t grown = memory_.allocate(block_kind::leaf, leaf_node::bytes(capacity));
    auto& target = block_as<leaf_node>(memory_, grown);
    target.count = leaf->count;
    target.capacity = static_cast<std::uint8_t>(capacity);
    target.prefix = leaf->prefix;
    std::copy_n(leaf->hints(), leaf->count, target.hints());
    std::copy_n(leaf->ids(), leaf->count, target.ids());
    memory_.release(where.leaf, leaf_node::bytes(leaf->capacity));
    replace_node(root, where, where.depth, grown);
    leaf = &target;
  }
  insert_at(leaf->hints(), leaf->count, where.position, hint_of(name, leaf->prefix));
  insert_at(leaf->ids(), leaf->count, where.position, id);
  ++leaf->count;
  leaf->take_samples();
}

void directory_index::split_leaf(std::uint32_t& root, const place& where) {
  auto& left = block_as<leaf_node>(memory_, where.leaf);
  constexpr std::size_t half = leaf_capacity / 2;
  const std::span<const std::uint32_t> upper(left.ids() + half, left.count - half);
  const std::string_view separator = separator_between(entry_name(memory_, left.ids()[half - 1]),
                                                       entry_name(memory_, upper.front()));
  const std::uint32_t right = make_leaf(upper, leaf_capacity_for(upper.size() + 1));
  left.count = static_cast<std::uint8_t>(half);
  set_leaf_capacity(where.leaf, leaf_capacity_for(half + 1));
  refresh_leaf(where.leaf);
  link_right(root, where, where.depth, separator, right);
}

void directory_index::erase(std::uint32_t& root, const place& where) {
  SSDFS_ASSERT(where.found);
  auto& leaf = block_as<leaf_node>(memory_, where.leaf);
  const auto close_gap = [&](std::uint32_t* values) {
    std::copy(values + where.position + 1, values + leaf.count, values + where.position);
  };
  close_gap(leaf.hints());
  close_gap(leaf.ids());
  --leaf.count;
  leaf.take_samples();
  if (leaf.count == 0) {
    memory_.release(where.leaf, leaf_node::bytes(leaf.capacity));
    unlink(root, where, where.depth);
    return;
  }
  // With room for one more, so that removing and adding in turn settles.
  const std::size_t wanted = leaf_capacity_for(leaf.count + std::max(1U, leaf.count / 4U));
  if (leaf.count <= leaf.capacity / 2 && wanted < leaf.capacity) {
    set_leaf_capacity(where.leaf, wanted);
  }
  if (leaf.count <= leaf_sparse && where.depth > 0) merge_leaf(root, where);
}

void directory_index::merge_leaf(std::uint32_t& root, const place& where) {
  const auto& step = where.way[where.depth - 1];
  auto& parent = block_as<inner_node>(memory_, step.node);
  if (parent.count == 0) return;
  const std::uint32_t first = step.child > 0 ? step.child - 1 : 0;
  const std::uint32_t left_id = parent.children()[first];
  const std::uint32_t right_id = parent.children()[first + 1];
  const auto& left = block_as<leaf_node>(memory_, left_id);
  const auto& right = block_as<leaf_node>(memory_, right_id);
  const std::size_t total = std::size_t{left.count} + right.count;
  if (total > leaf_joined) return;
  std::array<std::uint32_t, leaf_joined> ids;
  std::copy_n(right.ids(), right.count, std::copy_n(left.ids(), left.count, ids.begin()));
  memory_.release(left_id, leaf_node::bytes(left.capacity));
  memory_.release(right_id, leaf_node::bytes(right.capacity));
  parent.children()[first] = make_leaf({ids.data(), total}, leaf_capacity_for(total));
  place gone = where;
  gone.way[where.depth - 1].child = first + 1;
  unlink(root, gone, where.depth);
}

std::uint32_t directory_index::make_leaf(std::span<const std::uint32_t> ids, std::size_t capacity) {
  // Two places at least: search_hints reads four numbers.
  capacity = std::max<std::size_t>(capacity, 2);
  const std::uint32_t id = memory_.allocate(block_kind::leaf, leaf_node::bytes(capacity));
  auto& leaf = block_as<leaf_node>(memory_, id);
  leaf.count = static_cast<std::uint8_t>(ids.size());
  leaf.capacity = static_cast<std::uint8_t>(capacity);
  std::copy(ids.begin(), ids.end(), leaf.ids());
  refresh_leaf(id);
  return id;
}

// Computes prefix and hints from the names.
void directory_index::refresh_leaf(std::uint32_t id) {
  auto& leaf = block_as<leaf_node>(memory_, id);
  for (std::size_t i = 0; i < leaf.count; ++i) __builtin_prefetch(memory_.at(leaf.ids()[i]));
  const std::string_view first = entry_name(memory_, leaf.ids()[0]);
  const std::string_view last = entry_name(memory_, leaf.ids()[leaf.count - 1]);
  leaf.prefix = static_cast<std::uint8_t>(common_prefix(first, last));
  for (std::size_t i = 0; i < leaf.count; ++i) {
    leaf.hints()[i] = hint_of(entry_name(memory_, leaf.ids()[i]), leaf.prefix);
  }
  leaf.take_samples();
}

// Makes a leaf smaller where it stands.
void directory_index::set_leaf_capacity(std::uint32_t id, std::size_t capacity) {
  auto& leaf = block_as<leaf_node>(memory_, id);
  const std::size_t before = leaf_node::bytes(leaf.capacity);
  const std::uint32_t* hints = leaf.hints();
  const std::uint32_t* ids = leaf.ids();
  leaf.capacity = static_cast<std::uint8_t>(capacity);
  std::copy_n(hints, leaf.count, leaf.hints());
  std::copy_n(ids, leaf.count, leaf.ids());
  leaf.take_samples();
  memory_.shrink(id, before, leaf_node::bytes(capacity));
}

void directory_index::append_leaf(std::uint32_t& root, std::span<const std::uint32_t> ids,
                                  std::uint32_t previous) {
  const std::uint32_t leaf = make_leaf(ids, ids.size());
  if (root == 0) {
    root = leaf;
    return;
  }
  const place where = locate_last(root);
  link_right(root, where, where.depth,
             separator_between(entry_name(memory_, previous), entry_name(memory_, ids.front())),
             leaf);
}

}  // namespace ssdfs::meta
