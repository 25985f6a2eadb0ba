// Finding entries by path.
#include "meta/directory_node.hpp"
#include "meta/path.hpp"
#include "meta/tree.hpp"

#include <array>

namespace ssdfs::meta {
namespace {

/// One lookup of a batch. Each step ends by asking for the memory that the next one needs.
class probe {
 public:
  void start(std::string_view path, std::uint32_t root_record) {
    rest_ = path;
    entry_ = root_record;
    matched_ = true;
    stage_ = stage::record;
    range_ = {};
  }

  /// False when the lookup is over.
  bool step(const arena& memory) {
    switch (stage_) {
      case stage::node: return visit(memory);
      case stage::inner: return descend(memory);
      case stage::leaf: return search(memory);
      case stage::record: return decide(memory);
    }
    return false;
  }

  [[nodiscard]] lookup_outcome outcome() const {
    return matched_ ? lookup_outcome{inode(entry_), errc{}} : lookup_outcome{no_inode, error_};
  }

 private:
  enum class stage : std::uint8_t { node, inner, leaf, record };

  bool fail(errc error) {
    matched_ = false;
    error_ = error;
    return false;
  }

  bool go_to(const arena& memory, std::uint32_t id) {
    node_ = &block_as<node_header>(memory, id);
    prefetch_begin(*node_);
    stage_ = stage::node;
    return true;
  }

  bool visit(const arena& memory) {
    if (!node_->is_leaf()) {
      const auto& inner = static_cast<const inner_node&>(*node_);
      if (is_small(inner)) return descend(memory);
      prefetch_rest(inner);
      stage_ = stage::inner;
      return true;
    }
    const auto& leaf = static_cast<const leaf_node&>(*node_);
    skipped_ = leaf.skip(hint_of(name_, leaf.prefix));
    leaf.prefetch(skipped_);
    stage_ = stage::leaf;
    return true;
  }

  bool descend(const arena& memory) {
    const auto& inner = static_cast<const inner_node&>(*node_);
    return go_to(memory, inner.children()[child_for(memory, inner, name_)]);
  }

  bool search(const arena& memory) {
    const auto& leaf = static_cast<const leaf_node&>(*node_);
    range_ = search_hints(leaf.hints(), leaf.count, skipped_, hint_of(name_, leaf.prefix));
    if (range_.equal == 0) return fail(errc::not_found);
    entry_ = leaf.ids()[range_.first];
    __builtin_prefetch(memory.at(entry_));
    __builtin_prefetch(memory.at(entry_) + 56);
    stage_ = stage::record;
    return true;
  }

  bool decide(const arena& memory) {
    if (range_.equal > 1) {
      const auto& leaf = static_cast<const leaf_node&>(*node_);
      const leaf_position position = search_names(memory, leaf, range_, name_);
      if (!position.found) return fail(errc::not_found);
      entry_ = leaf.ids()[position.at];
    } else if (range_.equal == 1 && entry_name(memory, entry_) != name_) {
      return fail(errc::not_found);
    }
    name_ = pop_component(rest_);
    if (name_.empty()) return false;
    if (is_file_record(memory.at(entry_))) return fail(errc::not_directory);
    const std::uint32_t root = block_as<directory_record>(memory, entry_).index;
    return root == 0 ? fail(errc::not_found) : go_to(memory, root);
  }

  std::string_view rest_;  ///< behind name_
  std::string_view name_;  ///< the component that is being looked for
  const node_header* node_ = nullptr;
  std::uint32_t skipped_ = 0;  ///< hints of the leaf that need no look
  hint_range range_{};
  std::uint32_t entry_ = 0;
  stage stage_ = stage::record;
  bool matched_ = true;
  errc error_ = errc::not_found;
};

}  // namespace

inode tree::find(directory_id parent, std::string_view name) const {
  return inode(index().find(record_of(parent).index, name));
}

path_walk tree::walk(std::string_view path) const {
  path_walk reached{inode_of(root_directory), path};
  for (std::string_view rest = path;;) {
    const std::string_view name = pop_component(rest);
    if (name.empty()) return {reached.last, {}};
    if (!is_directory(reached.last)) return reached;
    const auto& directory = block_as<directory_record>(arena_, reached.last.value);
    const inode next(index().find(directory.index, name));
    if (next == no_inode) return reached;
    reached = {next, rest};
  }
}

result<inode> tree::lookup(std::string_view path) const {
  const path_walk reached = walk(path);
  if (reached.rest.empty()) return reached.last;
  return is_directory(reached.last) ? errc::not_found : errc::not_directory;
}

void tree::lookup_many(std::span<const std::string_view> paths,
                       std::span<lookup_outcome> outcomes) const {
  SSDFS_ASSERT(paths.size() == outcomes.size());
  constexpr std::size_t lanes = 16;
  const std::uint32_t root = directories_[root_directory].record;
  std::array<probe, lanes> probes;
  std::array<std::size_t, lanes> asked;  // which path a probe is at
  std::size_t next = 0;
  std::size_t active = 0;
  for (; active < lanes && next < paths.size(); ++active, ++next) {
    probes[active].start(paths[next], root);
    asked[active] = next;
  }
  while (active > 0) {
    for (std::size_t lane = 0; lane < active;) {
      if (probes[lane].step(arena_)) {
        ++lane;
        continue;
      }
      outcomes[asked[lane]] = probes[lane].outcome();
      if (next < paths.size()) {
        probes[lane].start(paths[next], root);
        asked[lane++] = next++;
      } else {
        --active;
        probes[lane] = probes[active];
        asked[lane] = asked[active];
      }
    }
  }
}

std::size_t tree::list(directory_id parent, std::string_view after, std::span<inode> out) const {
  static_assert(sizeof(inode) == sizeof(std::uint32_t));
  const std::span<std::uint32_t> ids(reinterpret_cast<std::uint32_t*>(out.data()), out.size());
  return index().list(record_of(parent).index, after, ids);
}

}  // namespace ssdfs::meta
