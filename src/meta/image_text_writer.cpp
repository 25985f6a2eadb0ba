#include "meta/image_items.hpp"
#include "meta/image_text.hpp"

#include <boost/describe/enum_to_string.hpp>

#include <cstdio>

namespace ssdfs::meta {
namespace {

failure malformed_image(const char* what) { return {errc::damaged, what}; }

void quote(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c));
      out += escaped;
    } else {
      out += c;
    }
  }
  out += '"';
}

void key(std::string& out, std::string_view name) {
  out += out.empty() || out.back() == '{' ? "" : ",";
  out += '"';
  out += name;
  out += "\":";
}
void text(std::string& out, std::string_view name, std::string_view value) {
  key(out, name);
  quote(out, value);
}
template <class T>
void number(std::string& out, std::string_view name, T value) {
  key(out, name);
  out += std::to_string(value);
}
void id(std::string& out, std::string_view name, std::uint64_t value) {
  key(out, name);
  out += '"' + std::to_string(value) + '"';
}
void hex(std::string& out, std::string_view name, int digits, std::uint64_t value) {
  char buffer[24];
  std::snprintf(buffer, sizeof buffer, "\"%0*llx\"", digits,
                static_cast<unsigned long long>(value));
  key(out, name);
  out += buffer;
}
template <class Tag>
void node(std::string& out, std::string_view name, const strong<Tag, uuid>& value) {
  text(out, name, to_string(value));
}
template <class List, class Each>
void list(std::string& out, std::string_view name, const List& all, Each&& each) {
  key(out, name);
  out += '[';
  bool first = true;
  for (const auto& item : all) {
    if (!std::exchange(first, false)) out += ',';
    each(item);
  }
  out += ']';
}

}  // namespace

result<void> image_text_writer::put() {
  line_ += '}';
  auto done = sink_(line_);
  line_.clear();
  return done;
}

result<void> image_text_writer::take(const decoded_section& section) {
  const bytes_view payload = section.payload;
  switch (section.kind) {
    case image_section::head: return take_head(payload);
    case image_section::epochs: return take_epochs(payload);
    case image_section::access: return take_access(payload);
    case image_section::types: return take_types(payload);
    case image_section::nodes: return take_nodes(payload);
    case image_section::volumes: return take_volumes(payload);
    case image_section::results: return take_results(payload);
    case image_section::names: return take_names(section.names);
    case image_section::end: break;
  }
  return malformed_image("not a section");
}

result<void> image_text_writer::take_head(bytes_view payload) {
  const auto head = decode_head(payload);
  if (!head) return head.error();
  line_ = "{";
  number(line_, "format", head->format);
  node(line_, "cluster", head->cluster);
  number(line_, "epoch", head->epoch.value);
  id(line_, "txid", head->txid.value);
  number(line_, "files", head->files);
  number(line_, "directories", head->directories);
  number(line_, "bytes", head->bytes);
  hex(line_, "digest", 16, head->digest);
  hex(line_, "chain", 8, head->chain);
  number(line_, "log_time_ms", head->log_time_ms);
  number(line_, "next_volume", head->next_volume);
  number(line_, "next_serial", head->next_serial);
  if (head->rebalance.phase != rebalance_phase::none) {
    text(line_, "rebalance", boost::describe::enum_to_string(head->rebalance.phase, ""));
    number(line_, "rebalance_permille", head->rebalance.threshold_permille);
  }
  return put();
}

result<void> image_text_writer::take_epochs(bytes_view payload) {
  image_input in(payload);
  while (!in.empty()) {
    line_ = R"({"kind":"epoch")";
    number(line_, "epoch", in.number32());
    text(line_, "leader", to_string(in.id()));
    id(line_, "first", in.number());
    if (!in.ok()) return malformed_image("the epoch history is malformed");
    SSDFS_TRY(put());
  }
  return {};
}

result<void> image_text_writer::take_access(bytes_view payload) {
  image_input in(payload);
  while (!in.empty()) {
    std::string owner(in.text(UINT16_MAX));
    std::string group(in.text(UINT16_MAX));
    const auto mode = static_cast<std::uint16_t>(in.number(07777));
    if (!in.ok()) return malformed_image("the table of owners is malformed");
    access_.emplace_back(std::move(owner), std::move(group), mode);
    line_ = R"({"kind":"access")";
    SSDFS_TRY(put_rights(static_cast<std::uint16_t>(access_.size() - 1), {}));
    SSDFS_TRY(put());
  }
  return {};
}

result<void> image_text_writer::take_types(bytes_view payload) {
  image_input in(payload);
  types_.emplace_back();  // id 0 is none
  while (!in.empty()) {
    types_.emplace_back(in.text(UINT16_MAX));
    if (!in.ok()) return malformed_image("the table of content types is malformed");
    line_ = R"({"kind":"type")";
    text(line_, "type", types_.back());
    SSDFS_TRY(put());
  }
  return {};
}

result<void> image_text_writer::take_nodes(bytes_view payload) {
  image_input in(payload);
  while (!in.empty()) {
    line_ = R"({"kind":"node")";
    text(line_, "node", to_string(in.id()));
    const auto decision = static_cast<node_decision>(in.byte());
    const char* name = boost::describe::enum_to_string(decision, "");
    text(line_, "decision", name);
    number(line_, "until_ms", in.signed_number());
    if (!in.ok() || *name == '\0')
      return malformed_image("the decisions about nodes are malformed");
    SSDFS_TRY(put());
  }
  return {};
}

result<void> image_text_writer::take_volumes(bytes_view payload) {
  image_input in(payload);
  while (!in.empty()) {
    const std::uint8_t tag = in.byte();
    if (tag == image_item::volume) {
      const volume_info v = read_volume(in);
      volumes_.push_back(v.id);
      line_ = R"({"kind":"volume")";
      id(line_, "volume", v.id.value);
      text(line_, "state", boost::describe::enum_to_string(v.state, ""));
      text(line_, "reason", boost::describe::enum_to_string(v.reason, ""));
      number(line_, "replication", v.replication);
      number(line_, "generation", v.generation);
      list(line_, "members", v.members, [&](const node_id& m) { quote(line_, to_string(m)); });
      number(line_, "next_key", v.next_key);
      number(line_, "granted_bytes", v.granted_bytes);
      number(line_, "length", v.length);
      number(line_, "removal_number", v.removal_number);
      number(line_, "chunks", v.digest.count);
      number(line_, "bytes", v.digest.bytes);
      hex(line_, "sum", 16, v.digest.sum);
    } else if (tag == image_item::grant) {
      const grant_info g = read_grant(in);
      line_ = R"({"kind":"grant")";
      number(line_, "generation", g.generation);
      number(line_, "first", g.first);
      number(line_, "count", g.count);
      number(line_, "bytes", g.bytes);
      node(line_, "owner", g.owner);
      number(line_, "granted_ms", g.granted_ms);
      number(line_, "committed_keys", g.committed_keys);
      number(line_, "committed_bytes", g.committed_bytes);
      list(line_, "committed", g.committed,
           [&](std::uint64_t word) { quote(line_, std::to_string(word)); });
    } else if (tag == image_item::removal) {
      const removal_batch b = read_removal(in);
      line_ = R"({"kind":"removal")";
      number(line_, "number", b.number);
      id(line_, "txid", b.txid.value);
      list(line_, "keys", b.keys, [&](chunk_key k) { line_ += std::to_string(k); });
    } else if (tag == image_item::freed) {
      const auto freed = read_freed(in);
      line_ = R"({"kind":"freed")";
      list(line_, "chunks", freed, [&](const freed_chunk& c) {
        line_ += '{';
        number(line_, "key", c.key);
        number(line_, "size", c.size);
        hex(line_, "crc32c", 8, c.crc32c);
        number(line_, "freed_s", c.freed_s);
        line_ += '}';
      });
    } else if (tag == image_item::lost) {
      lost_chunks lost;
      read_lost(in, lost);
      line_ = R"({"kind":"lost")";
      list(line_, "chunks", lost, [&](const auto& c) {
        line_ += '{';
        number(line_, "key", c.first);
        number(line_, "size", c.second.size);
        hex(line_, "crc32c", 8, c.second.crc32c);
        line_ += '}';
      });
    } else {
      in.fail();
    }
    if (!in.ok()) return malformed_image("a volume is malformed");
    SSDFS_TRY(put());
  }
  return {};
}

result<void> image_text_writer::take_results(bytes_view payload) {
  image_input in(payload);
  while (!in.empty()) {
    const std::uint8_t tag = in.byte();
    if (tag == image_item::client) {
      const auto client = read_client(in);
      line_ = R"({"kind":"client")";
      node(line_, "client", client.client);
      number(line_, "last_ms", client.last_ms);
      id(line_, "low", client.lowest_unanswered);
    } else if (tag == image_item::result) {
      const auto entry = read_result(in);
      line_ = R"({"kind":"result")";
      id(line_, "seq", entry.sequence);
      number(line_, "time_ms", entry.time_ms);
      id(line_, "txid", entry.result.txid.value);
      key(line_, "replaced");
      line_ += entry.result.replaced ? "true" : "false";
      text(line_, "path", entry.result.path);
    } else {
      in.fail();
    }
    if (!in.ok()) return malformed_image("an operation result is malformed");
    SSDFS_TRY(put());
  }
  return {};
}

result<void> image_text_writer::open_next() {
  if (waiting_.empty()) return malformed_image("contents of no directory");
  current_ = std::move(waiting_.front());
  waiting_.pop_front();
  open_ = true;
  return {};
}

result<void> image_text_writer::put_rights(std::uint16_t access, std::string_view extra) {
  access_view rights;
  if (access == kept_id && !extra_field(extra, extra_tag::access).empty()) {
    rights = kept_access_of(extra);
  } else if (access < access_.size()) {
    const auto& [owner, group, mode] = access_[access];
    rights = {owner, group, mode};
  } else {
    return malformed_image("an entry of an unknown owner");
  }
  text(line_, "owner", rights.owner);
  text(line_, "group", rights.group);
  char octal[8];
  std::snprintf(octal, sizeof octal, "%04o", rights.mode);
  text(line_, "mode", octal);
  return {};
}

result<void> image_text_writer::take_names(const names_batch& batch) {
  std::string_view names = batch.names;
  std::string_view extras = batch.extras;
  std::span<const chunk_ref> chunks = batch.chunks;
  const quota* limits = batch.quotas.data();
  const std::size_t whole = batch.entries.size() - (batch.malformed ? 1 : 0);
  for (std::size_t i = 0; i < whole; ++i) {
    const auto& e = batch.entries[i];
    const std::string_view name = names.substr(0, e.name_length);
    names.remove_prefix(e.name_length);
    const std::string_view extra = extras.substr(0, e.extra_length);
    extras.remove_prefix(e.extra_length);
    if (!is_extra(extra)) return malformed_image("the optional attributes of an entry");
    switch (e.what) {
      case names_batch::kind::end:
        if (!open_) SSDFS_TRY(open_next());
        open_ = false;
        continue;
      case names_batch::kind::file:
        SSDFS_TRY(put_file(e, name, extra, chunks.first(e.chunks)));
        chunks = chunks.subspan(e.chunks);
        break;
      default: SSDFS_TRY(put_directory(e, name, extra, e.limited ? limits++ : nullptr));
    }
    SSDFS_TRY(put());
  }
  if (batch.malformed) return malformed_image("an entry of the tree is malformed");
  return {};
}

result<void> image_text_writer::put_directory(const names_batch::entry& e, std::string_view name,
                                              std::string_view extra, const quota* limits) {
  place made;
  if (e.what == names_batch::kind::directory) {
    if (!open_) SSDFS_TRY(open_next());
    made = {current_.detached, current_.path + "/" + std::string(name)};
    line_ = R"({"kind":"directory")";
  } else if (e.what == names_batch::kind::detached) {
    made.detached = ++detached_;
    line_ = R"({"kind":"detached")";
  } else {
    line_ = R"({"kind":"root")";
  }
  if (made.detached != 0) number(line_, "detached", made.detached);
  if (!made.path.empty()) text(line_, "path", made.path);
  number(line_, "serial", e.serial);
  number(line_, "mtime_ms", e.mtime_ms);
  SSDFS_TRY(put_rights(e.access, extra));
  if (limits != nullptr) {
    number(line_, "quota_names", limits->names);
    number(line_, "quota_bytes", limits->bytes);
  }
  waiting_.push_back(std::move(made));
  return {};
}

result<void> image_text_writer::put_file(const names_batch::entry& e, std::string_view name,
                                         std::string_view extra,
                                         std::span<const chunk_ref> chunks) {
  if (!open_) SSDFS_TRY(open_next());
  line_ = R"({"kind":"file")";
  if (current_.detached != 0) number(line_, "detached", current_.detached);
  text(line_, "path", current_.path + "/" + std::string(name));
  number(line_, "size", e.size);
  hex(line_, "crc32c", 8, e.crc32c);
  number(line_, "mtime_ms", e.mtime_ms);
  SSDFS_TRY(put_rights(e.access, extra));
  number(line_, "replication", e.replication);
  const std::string_view own_type = extra_field(extra, extra_tag::content_type);
  if (e.content_type == kept_id ? own_type.empty()
                                : e.content_type >= std::max<std::size_t>(1, types_.size())) {
    return malformed_image("an entry of an unknown content type");
  }
  if (e.content_type != 0) {
    text(line_, "content_type", e.content_type == kept_id ? own_type : types_[e.content_type]);
  }
  bool known = true;
  list(line_, "chunks", chunks, [&](const chunk_ref& c) {
    known = known && c.at.volume.value < volumes_.size();
    line_ += '{';
    id(line_, "volume", known ? volumes_[c.at.volume.value].value : 0);
    id(line_, "key", c.at.key);
    number(line_, "size", c.size);
    hex(line_, "crc32c", 8, c.crc32c);
    line_ += '}';
  });
  if (!known) return malformed_image("a chunk in an unknown volume");
  return {};
}

}  // namespace ssdfs::meta
