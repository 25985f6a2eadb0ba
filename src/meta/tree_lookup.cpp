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
  void start(const arena& memory, const directory_cache& cache, std::string_view path,
             std::uint32_t root_record) {
    rest_ = path;
    entry_ = root_record;
    matched_ = true;
    over_ = !enter(memory, cache);
  }

  /// False when the lookup is over.
  bool step(const arena& memory, const directory_cache& cache) {
    if (over_) return false;
    switch (stage_) {
      case stage::cached: return look_up(memory, cache);
      case stage::guessed: return verify(memory, cache);
      case stage::node: return visit(memory);
      case stage::inner: return descend(memory);
      case stage::leaf: return search(memory);
      case stage::record: return decide(memory, cache);
    }
    return false;
  }

  [[nodiscard]] lookup_outcome outcome() const {
    return matched_ ? lookup_outcome{inode(entry_), errc{}} : lookup_outcome{no_inode, error_};
  }

 private:
  enum class stage : std::uint8_t { cached, guessed, node, inner, leaf, record };

  bool fail(errc error) {
    matched_ = false;
    error_ = error;
    return false;
  }

  // Takes the next component and looks for it in the entry, which is there.
  bool enter(const arena& memory, const directory_cache& cache) {
    name_ = pop_component(rest_);
    if (name_.empty()) return false;
    if (is_file_record(memory.at(entry_))) return fail(errc::not_directory);
    const auto& directory = block_as<directory_record>(memory, entry_);
    // The last component is a file more often than not.
    if (rest_.empty()) return go_to_root(memory);
    key_ = directory_key(directory_id(directory.id), name_);
    cache.prefetch(key_);
    stage_ = stage::cached;
    return true;
  }

  bool look_up(const arena& memory, const directory_cache& cache) {
    const directory_cache::candidate candidate = cache.guess(key_);
    if (candidate.record == 0) return go_to_root(memory);
    guess_ = candidate.record;
    __builtin_prefetch(memory.at(guess_));
    if (candidate.root != 0) prefetch_root(block_as<node_header>(memory, candidate.root));
    stage_ = stage::guessed;
    return true;
  }

  bool verify(const arena& memory, const directory_cache& cache) {
    if (entry_name(memory, guess_) != name_) return go_to_root(memory);
    entry_ = guess_;
    return enter(memory, cache);
  }

  bool go_to_root(const arena& memory) {
    const std::uint32_t root = block_as<directory_record>(memory, entry_).index;
    if (root == 0) return fail(errc::not_found);
    node_ = &block_as<node_header>(memory, root);
    prefetch_root(*node_);
    asked_ = root_bytes;
    stage_ = stage::node;
    return true;
  }

  bool visit(const arena& memory) {
    if (!node_->is_leaf()) {
      const auto& inner = static_cast<const inner_node&>(*node_);
      if (node_bytes(inner) <= asked_) return descend(memory);
      prefetch_rest(inner, asked_);
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
    node_ = &block_as<node_header>(memory, inner.children()[child_for(memory, inner, name_)]);
    prefetch_begin(*node_);
    asked_ = begin_bytes;
    stage_ = stage::node;
    return true;
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

  bool decide(const arena& memory, const directory_cache& cache) {
    if (range_.equal > 1) {
      const auto& leaf = static_cast<const leaf_node&>(*node_);
      const leaf_position position = search_names(memory, leaf, range_, name_);
      if (!position.found) return fail(errc::not_found);
      entry_ = leaf.ids()[position.at];
    } else if (entry_name(memory, entry_) != name_) {
      return fail(errc::not_found);
    }
    return enter(memory, cache);
  }

  std::string_view rest_;  ///< behind name_
  std::string_view name_;  ///< the component that is being looked for
  directory_key key_;      ///< of name_
  const node_header* node_ = nullptr;
  std::size_t asked_ = 0;      ///< bytes of the node that are being loaded
  std::uint32_t guess_ = 0;    ///< the record that the cache names
  std::uint32_t skipped_ = 0;  ///< hints of the leaf that need no look
  hint_range range_{};
  std::uint32_t entry_ = 0;  ///< the last that was found
  stage stage_ = stage::cached;
  bool matched_ = true;
  bool over_ = false;
  errc error_ = errc::not_found;
};

}  // namespace

inode tree::find(directory_id parent, std::string_view name) const {
  return inode(index().find(record_of(parent).index, name));
}

// The directory that a component before the last names; no_inode if the cache does not know.
inode tree::find_cached(directory_id parent, std::string_view name) const {
  const auto found = cache_.find(arena_, directory_key(parent, name), name);
  if (found.record != 0 && found.root != 0) {
    prefetch_node(block_as<node_header>(arena_, found.root));
  }
  return inode(found.record);
}

path_walk tree::walk(std::string_view path) const {
  path_walk reached{inode_of(root_directory), path, {}};
  for (std::string_view rest = path;;) {
    const std::string_view name = pop_component(rest);
    if (name.empty()) {
      reached.rest = {};
      return reached;
    }
    if (!is_directory(reached.last)) return reached;
    const auto& directory = block_as<directory_record>(arena_, reached.last.value);
    inode next;
    if (!rest.empty()) {
      next = find_cached(directory_id(directory.id), name);
      if (next == no_inode) next = inode(index().find(directory.index, name));
    } else {
      insert_point& point = reached.missing;
      point.where = index().locate(directory.index, name);
      if (point.where.found) {
        next = inode(index().entry_at(point.where));
      } else {
        point.parent = directory_id(directory.id);
        point.changes = changes_;
      }
    }
    if (next == no_inode) return reached;
    reached.last = next;
    reached.rest = rest;
  }
}

result<inode> tree::lookup(std::string_view path) const {
  inode last = inode_of(root_directory);
  for (std::string_view rest = path;;) {
    const std::string_view name = pop_component(rest);
    if (name.empty()) return last;
    if (!is_directory(last)) return errc::not_directory;
    const auto& directory = block_as<directory_record>(arena_, last.value);
    inode next;
    if (!rest.empty()) next = find_cached(directory_id(directory.id), name);
    if (next == no_inode) next = inode(index().find(directory.index, name));
    if (next == no_inode) return errc::not_found;
    last = next;
  }
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
    probes[active].start(arena_, cache_, paths[next], root);
    asked[active] = next;
  }
  while (active > 0) {
    for (std::size_t lane = 0; lane < active;) {
      if (probes[lane].step(arena_, cache_)) {
        ++lane;
        continue;
      }
      outcomes[asked[lane]] = probes[lane].outcome();
      if (next < paths.size()) {
        probes[lane].start(arena_, cache_, paths[next], root);
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
