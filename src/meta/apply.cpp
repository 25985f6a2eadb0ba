// state::apply: what each kind of record does.
#include "meta/path.hpp"
#include "meta/state.hpp"

#include <algorithm>
#include <limits>

namespace ssdfs::meta {
namespace {

failure misfit(std::string what) { return {errc::damaged, std::move(what)}; }

// Components in what path_walk has left over.
std::uint32_t components(std::string_view rest) {
  std::uint32_t n = 0;
  while (!pop_component(rest).empty()) ++n;
  return n;
}

}  // namespace

// One record on its way into a state.
class state::applier {
 public:
  applier(state& s, const record& r) : s_(s), record_(r) {}

  result<void> operator()(const start_record& r);
  result<void> operator()(const mkdir_record& r);
  result<void> operator()(const create_record& r);
  result<void> operator()(const rename_record& r);
  result<void> operator()(const delete_record& r);
  result<void> operator()(const setattr_record& r);
  result<void> operator()(const quota_record& r);
  result<void> operator()(const add_volume_record& r);
  result<void> operator()(const members_record& r) { return s_.volumes_.apply(r); }
  result<void> operator()(const grant_record& r) { return s_.volumes_.apply(r, record_.time_ms); }
  result<void> operator()(const seal_record& r) { return s_.volumes_.apply(r); }
  result<void> operator()(const close_record& r) { return s_.volumes_.apply(r); }
  result<void> operator()(const reopen_record& r) { return s_.volumes_.apply(r); }
  result<void> operator()(const reclaim_record& r);
  result<void> operator()(const lost_record& r) { return s_.volumes_.apply(r); }
  result<void> operator()(const found_record& r) { return s_.volumes_.apply(r, record_.time_ms); }
  result<void> operator()(const relocate_record& r);
  result<void> operator()(const node_record& r);
  result<void> operator()(const rebalance_record& r);
  result<void> operator()(const mark_record& r);
  result<void> operator()(const forget_record& r);

 private:
  // Where the last component of a path goes: its directory, with the missing ones made.
  struct place {
    directory_id parent;
    std::string_view name;
    inode existing;             // no_inode if the name is free
    insert_point missing = {};  // where it belongs then, if that is known
  };
  result<place> make_place(std::string_view path, std::uint32_t parents, std::string_view owner,
                           std::string_view group, std::uint8_t kept);
  result<std::uint16_t> share(const access_view& access, bool keep, std::string& extra);
  result<std::uint16_t> share(std::string_view type, bool keep, std::string& extra);
  result<inode> find(std::string_view path) const;
  void free_chunks(inode file);

  state& s_;
  const record& record_;
};

result<void> state::apply(const record& r, std::uint32_t line_crc) {
  const auto diverged = [&](std::string_view what) {
    return failure(errc::damaged, "txid " + std::to_string(r.txid.value) + ": " +
                                      std::string(kind_name(r.body)) + ": " + std::string(what));
  };
  if (r.txid != last_txid_.next()) {
    return diverged("expected txid " + std::to_string(last_txid_.next().value));
  }
  if (r.time_ms < log_time_ms_) return diverged("log time goes back");
  if (epochs_.empty() && !std::holds_alternative<start_record>(r.body)) {
    return diverged("before the first START");
  }
  if (auto done = std::visit(applier(*this, r), r.body); !done) {
    if (done.error() == errc::unsupported) return done;
    return diverged(done.error().message());
  }
  results_.remember(r.op, r.time_ms, outcome_of(r));
  last_txid_ = r.txid;
  log_time_ms_ = r.time_ms;
  chain_ = line_crc;
  return {};
}

result<inode> state::applier::find(std::string_view path) const {
  SSDFS_TRY(check_path(path));
  return s_.names_.lookup(path);
}

result<state::applier::place> state::applier::make_place(std::string_view path,
                                                         std::uint32_t parents,
                                                         std::string_view owner,
                                                         std::string_view group,
                                                         std::uint8_t kept) {
  SSDFS_TRY(check_path(path));
  path_walk walk = s_.names_.walk(path);
  if (walk.rest.empty()) {
    if (parents != 0) return misfit("parents of an entry that exists");
    return place{s_.names_.parent_of(walk.last), s_.names_.name(walk.last), walk.last};
  }
  directory_id parent = s_.names_.directory_of(walk.last);
  if (parent == no_directory) return misfit("a parent is a file");
  if (components(walk.rest) != std::uint64_t{parents} + 1) {
    return misfit("wrong number of missing parents");
  }
  for (std::uint32_t i = 0; i < parents; ++i) {
    std::string extra;
    auto access = share({owner, group, 0755}, (kept & kept_parents) != 0, extra);
    if (!access) return access.error();
    auto made = s_.names_.insert_directory(parent, pop_component(walk.rest),
                                           {record_.time_ms, *access, extra});
    if (!made) return made.error();
    parent = s_.names_.directory_of(*made);
  }
  return place{parent, walk.rest.substr(1), no_inode, walk.missing};
}

// The id that an entry gets for a value: of the table, or kept_id with the value in `extra`, which
// may have what belongs before it.
result<std::uint16_t> state::applier::share(const access_view& access, bool keep,
                                            std::string& extra) {
  if (!keep) return s_.access_.intern(access.owner, access.group, access.mode);
  if (access.owner.size() > max_text_length) return misfit("a name is too long");
  append_extra(extra, extra_tag::access, encode_access(access));
  if (!is_extra(extra)) return failure(errc::damaged, "owner, group or mode out of range");
  return kept_id;
}

result<std::uint16_t> state::applier::share(std::string_view type, bool keep, std::string& extra) {
  if (!keep) return s_.types_.intern(type);
  append_extra(extra, extra_tag::content_type, type);
  if (!is_extra(extra)) return failure(errc::damaged, "a content type that cannot be");
  return kept_id;
}

void state::applier::free_chunks(inode file) {
  s_.scratch_.clear();
  s_.names_.chunks(file, s_.scratch_);
  for (const chunk_ref& chunk : s_.scratch_) s_.volumes_.free(chunk, record_.time_ms);
}

result<void> state::applier::operator()(const start_record& r) {
  if (r.format > edits_format_version) {
    return failure(errc::unsupported, "the log has format " + std::to_string(r.format) +
                                          ", this program reads up to " +
                                          std::to_string(edits_format_version));
  }
  if (r.epoch <= s_.epoch()) return misfit("epoch does not rise");
  if (r.previous != s_.last_txid_) return misfit("wrong previous txid");
  if (!s_.epochs_.empty() && r.cluster != s_.cluster_) return misfit("another cluster");
  s_.cluster_ = r.cluster;
  s_.epochs_.push_back({r.epoch, r.leader, record_.txid});
  s_.volume_counter_ = 1;
  s_.results_.restart(record_.time_ms);
  return {};
}

result<void> state::applier::operator()(const mkdir_record& r) {
  auto at = make_place(r.path, r.parents, r.owner, r.group, r.kept);
  if (!at) return at.error();
  std::string extra;
  auto access = share({r.owner, r.group, r.mode}, (r.kept & kept_access) != 0, extra);
  if (!access) return access.error();
  if (at->existing != no_inode) return misfit("the name is taken");
  auto made = s_.names_.insert_directory(at->parent, at->name, {record_.time_ms, *access, extra},
                                         &at->missing);
  if (!made) return made.error();
  return {};
}

result<void> state::applier::operator()(const create_record& r) {
  SSDFS_TRY(s_.volumes_.check_commit(r.chunks.data(), r.chunks.size()));
  if (r.replication > max_replication || r.mtime > max_mtime_ms || r.mtime < min_mtime_ms) {
    return misfit("an attribute out of range");
  }
  auto at = make_place(r.path, r.parents, r.owner, r.group, r.kept);
  if (!at) return at.error();
  std::string extra;
  auto access = share({r.owner, r.group, r.mode}, (r.kept & kept_access) != 0, extra);
  if (!access) return access.error();
  auto type = share(r.type, (r.kept & kept_type) != 0, extra);
  if (!type) return type.error();

  file_attributes attributes;
  attributes.size = r.size;
  attributes.crc32c = r.crc32c.value;
  attributes.mtime_ms = r.mtime;
  attributes.access = *access;
  attributes.content_type = *type;
  attributes.replication = r.replication;
  attributes.extra = extra;
  boost::container::small_vector<chunk_ref, 4> chunks;
  chunks.reserve(r.chunks.size());
  for (const chunk_record& chunk : r.chunks) {
    chunks.push_back(
        {{s_.volumes_.slot_of(chunk.volume), chunk.key}, chunk.size, chunk.crc32c.value});
  }
  const std::span<const chunk_ref> list(chunks.data(), chunks.size());

  if ((at->existing != no_inode) != r.replaced) return misfit("replaces wrongly");
  if (r.replaced) {
    if (s_.names_.is_directory(at->existing)) return misfit("replaces a directory");
    free_chunks(at->existing);
    SSDFS_TRY(s_.names_.replace_file(at->existing, attributes, list));
  } else {
    auto made = s_.names_.insert_file(at->parent, at->name, attributes, list, &at->missing);
    if (!made) return made.error();
  }
  for (const chunk_record& chunk : r.chunks) s_.volumes_.commit(chunk);
  return {};
}

result<void> state::applier::operator()(const rename_record& r) {
  auto moved = find(r.from);
  if (!moved) return moved.error();
  if (s_.names_.directory_of(*moved) == root_directory) return misfit("the root cannot move");
  auto at = make_place(r.to, r.parents, r.owner, r.group, r.kept);
  if (!at) return at.error();
  if ((at->existing != no_inode) != r.replaced) return misfit("replaces wrongly");
  if (r.replaced) {
    if (at->existing == *moved || s_.names_.is_directory(at->existing) ||
        s_.names_.is_directory(*moved)) {
      return misfit("replaces a directory");
    }
    // The name is a part of the entry that goes.
    const std::string_view name = split_path(r.to).name;
    free_chunks(at->existing);
    SSDFS_TRY(s_.names_.erase(at->existing));
    SSDFS_TRY(s_.names_.rename(*moved, at->parent, name));
    return {};
  }
  SSDFS_TRY(s_.names_.rename(*moved, at->parent, at->name));
  if (!r.trash) return {};
  std::string_view rest = r.to;
  if (pop_component(rest) != trash_path.substr(1) || pop_component(rest).empty()) {
    return misfit("not in the trash");
  }
  auto bucket = s_.names_.lookup(r.to.substr(0, r.to.size() - rest.size()));
  if (!bucket) return bucket.error();
  s_.names_.set_mtime(*bucket, record_.time_ms);
  return {};
}

result<void> state::applier::operator()(const delete_record& r) {
  auto entry = find(r.path);
  if (!entry) return entry.error();
  const directory_id directory = s_.names_.directory_of(*entry);
  if (directory == no_directory) {
    free_chunks(*entry);
    return s_.names_.erase(*entry);
  }
  if (directory == root_directory) return misfit("the root cannot go");
  const subtree_totals below = s_.names_.totals(directory);
  if (below.files + below.directories == 0) return s_.names_.erase(*entry);
  s_.names_.detach_subtree(*entry);
  return {};
}

result<void> state::applier::operator()(const setattr_record& r) {
  auto entry = find(r.path);
  if (!entry) return entry.error();
  const bool directory = s_.names_.is_directory(*entry);
  const auto set = [&](std::uint8_t bit) { return (r.mask & bit) != 0; };
  if (directory && (set(attribute_replication) || set(attribute_type))) {
    return misfit("a directory has no such attribute");
  }
  if (set(attribute_mode) || set(attribute_owner) || set(attribute_group)) {
    const access_view before = s_.access_of(*entry);
    std::string own;
    auto access = share(
        {set(attribute_owner) ? r.owner : before.owner,
         set(attribute_group) ? r.group : before.group, set(attribute_mode) ? r.mode : before.mode},
        (r.kept & kept_access) != 0, own);
    if (!access) return access.error();
    SSDFS_TRY(s_.names_.set_access(*entry, *access,
                                   with_extra(s_.names_.extra(*entry), extra_tag::access,
                                              extra_field(own, extra_tag::access))));
  }
  if (set(attribute_type)) {
    std::string own;
    auto type = share(r.type, (r.kept & kept_type) != 0, own);
    if (!type) return type.error();
    SSDFS_TRY(
        s_.names_.set_content_type(*entry, *type,
                                   with_extra(s_.names_.extra(*entry), extra_tag::content_type,
                                              extra_field(own, extra_tag::content_type))));
  }
  if (set(attribute_mtime)) {
    if (r.mtime > max_mtime_ms || r.mtime < min_mtime_ms) return misfit("mtime out of range");
    s_.names_.set_mtime(*entry, r.mtime);
  }
  if (set(attribute_replication)) {
    if (r.replication > max_replication) return misfit("replication out of range");
    s_.names_.set_replication(*entry, r.replication);
  }
  return {};
}

result<void> state::applier::operator()(const quota_record& r) {
  auto entry = find(r.path);
  if (!entry) return entry.error();
  const directory_id directory = s_.names_.directory_of(*entry);
  if (directory == no_directory) return misfit("a file has no quota");
  s_.names_.set_quota(directory, {r.names, r.bytes});
  return {};
}

result<void> state::applier::operator()(const add_volume_record& r) {
  if (r.volume != s_.next_volume()) return misfit("not the next volume id");
  if (r.replication == 0 || r.replication > max_replication) return misfit("replication");
  SSDFS_TRY(s_.volumes_.apply(r));
  ++s_.volume_counter_;
  return {};
}

result<void> state::applier::operator()(const reclaim_record& r) {
  auto done = s_.volumes_.apply(r, record_.txid);
  if (done || !(done.error() == errc::not_found)) return done;
  // The chunk may still be in a removed directory whose turn had come when this was logged.
  while (s_.reclaim_step(std::size_t{1} << 20)) {
  }
  return s_.volumes_.apply(r, record_.txid);
}

result<void> state::applier::operator()(const relocate_record& r) {
  auto entry = find(r.path);
  if (!entry) return entry.error();
  if (s_.names_.is_directory(*entry)) return misfit("a directory has no chunks");
  if (r.from.size != r.to.size || r.from.crc32c != r.to.crc32c) return misfit("different chunks");
  if (!s_.volumes_.contains(r.from.volume)) return misfit("unknown volume");
  SSDFS_TRY(s_.volumes_.check_commit(&r.to, 1));
  const chunk_address from{s_.volumes_.slot_of(r.from.volume), r.from.key};
  const chunk_address to{s_.volumes_.slot_of(r.to.volume), r.to.key};
  s_.scratch_.clear();
  s_.names_.chunks(*entry, s_.scratch_);
  if (r.index >= s_.scratch_.size() ||
      s_.scratch_[r.index] != chunk_ref{from, r.from.size, r.from.crc32c.value}) {
    return misfit("the chunk is not where the record says");
  }
  if (!s_.names_.relocate_chunk(*entry, r.index, from, to)) return misfit("the chunk moved");
  s_.volumes_.commit(r.to);
  s_.volumes_.free({from, r.from.size, r.from.crc32c.value}, record_.time_ms);
  return {};
}

result<void> state::applier::operator()(const node_record& r) {
  if (r.decision == node_decision::normal) {
    s_.nodes_.erase(r.node);
  } else {
    s_.nodes_[r.node] = {r.decision, r.until};
  }
  return {};
}

result<void> state::applier::operator()(const rebalance_record& r) {
  const rebalance_entry next{r.phase, r.threshold};
  if (r.phase == rebalance_phase::none || !is_possible(next)) {
    return misfit("an impossible phase or threshold");
  }
  if (r.phase != rebalance_phase::running && !s_.rebalance_.active()) {
    return misfit("no rebalance is running");
  }
  s_.rebalance_ = next;
  return {};
}

result<void> state::applier::operator()(const mark_record& r) {
  const subtree_totals all = s_.names_.totals(root_directory);
  if (r.files != all.files || r.directories != all.directories || r.bytes != all.bytes ||
      r.digest.value != s_.digest()) {
    return misfit("the namespace is not what it was when this was logged");
  }
  return {};
}

result<void> state::applier::operator()(const forget_record& r) {
  // Who logged this had nothing left that has these values; here removed directories may still
  // wait.
  const auto in_use = [&] {
    const auto used = [](const use_counts& uses) {
      return [&uses](std::uint16_t id) { return uses[id] != 0; };
    };
    return std::any_of(r.access.begin(), r.access.end(), used(s_.names_.access_uses())) ||
           std::any_of(r.types.begin(), r.types.end(), used(s_.names_.type_uses()));
  };
  while (in_use()) {
    if (s_.names_.detached().empty()) return misfit("a value that an entry has");
    s_.reclaim_step(std::size_t{1} << 16);
  }
  for (const std::uint16_t id : r.access) {
    if (id == 0 || !s_.access_.taken(id)) return misfit("a value that is not there");
    s_.access_.release(id);
  }
  for (const std::uint16_t id : r.types) {
    if (id == 0 || !s_.types_.taken(id)) return misfit("a value that is not there");
    s_.types_.release(id);
  }
  return {};
}

}  // namespace ssdfs::meta
