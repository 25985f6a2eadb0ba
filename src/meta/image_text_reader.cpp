#include "meta/image_items.hpp"
#include "meta/image_text.hpp"

#include <boost/describe/enum_from_string.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value.hpp>

#include <charconv>
#include <optional>

namespace ssdfs::meta {
namespace {

namespace json = boost::json;

// Fields of one line. Missing ones are zero or empty; after one of the wrong type ok() is false.
class fields {
 public:
  explicit fields(const json::object& in) : in_(in) {}

  [[nodiscard]] bool ok() const noexcept { return wrong_.empty(); }
  [[nodiscard]] const std::string& wrong() const noexcept { return wrong_; }

  [[nodiscard]] bool has(std::string_view name) const { return in_.contains(name); }

  std::string_view text(std::string_view name) {
    const json::value* v = in_.if_contains(name);
    if (v == nullptr) return {};
    if (const auto* s = v->if_string()) return {s->data(), s->size()};
    return fail(name);
  }
  std::int64_t signed_number(std::string_view name) {
    const json::value* v = in_.if_contains(name);
    if (v == nullptr) return 0;
    boost::system::error_code ec;
    const auto n = v->to_number<std::int64_t>(ec);
    if (ec) fail(name);
    return ec ? 0 : n;
  }
  // As a number or, as 64-bit ids are, a text.
  std::uint64_t number(std::string_view name, std::uint64_t limit = UINT64_MAX) {
    const json::value* v = in_.if_contains(name);
    if (v == nullptr) return 0;
    std::uint64_t n = 0;
    boost::system::error_code ec;
    if (const auto* s = v->if_string()) {
      n = parse(name, {s->data(), s->size()}, 10);
    } else {
      n = v->to_number<std::uint64_t>(ec);
    }
    if (ec || n > limit) fail(name);
    return n;
  }
  std::uint32_t number32(std::string_view name) {
    return static_cast<std::uint32_t>(number(name, UINT32_MAX));
  }
  std::uint64_t based(std::string_view name, int base) { return parse(name, text(name), base); }
  std::uint32_t hex32(std::string_view name) {
    const std::uint64_t n = based(name, 16);
    if (n > UINT32_MAX) fail(name);
    return static_cast<std::uint32_t>(n);
  }
  uuid id(std::string_view name) {
    const auto parsed = parse_uuid(text(name));
    if (!parsed) fail(name);
    return parsed ? *parsed : uuid{};
  }
  template <class Enum>
  Enum choice(std::string_view name) {
    Enum out{};
    if (!boost::describe::enum_from_string(std::string(text(name)).c_str(), out)) fail(name);
    return out;
  }
  bool flag(std::string_view name) {
    const json::value* v = in_.if_contains(name);
    if (v == nullptr) return false;
    if (!v->is_bool()) fail(name);
    return v->is_bool() && v->get_bool();
  }
  const json::array& list(std::string_view name) {
    static const json::array none;
    const json::value* v = in_.if_contains(name);
    if (v == nullptr) return none;
    if (v->is_array()) return v->get_array();
    fail(name);
    return none;
  }
  // Every element as a line of its own fields.
  template <class Each>
  void objects(std::string_view name, Each&& each) {
    for (const json::value& v : list(name)) {
      if (!v.is_object()) {
        fail(name);
        return;
      }
      fields inner(v.get_object());
      each(inner);
      if (!inner.ok()) fail(name);
    }
  }
  std::string_view fail(std::string_view name) {
    if (wrong_.empty()) wrong_ = name;
    return {};
  }

 private:
  std::uint64_t parse(std::string_view name, std::string_view from, int base) {
    std::uint64_t n = 0;
    if (from.empty()) return 0;
    const auto [end, error] = std::from_chars(from.data(), from.data() + from.size(), n, base);
    if (error != std::errc() || end != from.data() + from.size()) fail(name);
    return n;
  }
  const json::object& in_;
  std::string wrong_;
};

constexpr std::size_t batch_entries = 16'384;

}  // namespace

class image_text_reader::lines {
 public:
  explicit lines(state& target) : loader_(target) {}

  result<void> take(std::string_view line) {
    boost::system::error_code ec;
    const json::value parsed = json::parse(json::string_view(line.data(), line.size()), ec);
    if (ec || !parsed.is_object()) return failure(errc::invalid_argument, "not a JSON object");
    fields f(parsed.get_object());
    auto done = head_seen_ ? take_item(f) : take_head(f);
    if (!f.ok()) {
      return failure(errc::invalid_argument,
                     "field '" + f.wrong() + "' has a value that it cannot");
    }
    return done;
  }

  result<void> finish() {
    if (kind_ != image_section::names) {
      return failure(errc::invalid_argument, "there is no line of the kind root");
    }
    // What is left are directories without contents.
    if (open_) add(names_batch::kind::end, {});
    for (; !waiting_.empty(); waiting_.pop_front()) add(names_batch::kind::end, {});
    SSDFS_TRY(close());
    return loader_.finish_unchecked();
  }

 private:
  using place = std::pair<std::uint32_t, std::string>;

  result<void> take_head(fields& f) {
    const std::uint64_t format = f.number("format");
    if (format < oldest_image_format_version || format > image_format_version) {
      return failure(errc::unsupported, "the first line is of format " + std::to_string(format));
    }
    image_head head;
    head.cluster.value = f.id("cluster");
    head.epoch = epoch_t(f.number32("epoch"));
    head.txid = ssdfs::txid(f.number("txid"));
    head.chain = f.hex32("chain");
    head.log_time_ms = f.signed_number("log_time_ms");
    head.next_volume = f.number32("next_volume");
    head.next_serial = f.number32("next_serial");
    if (f.has("rebalance")) {
      head.rebalance = {f.choice<rebalance_phase>("rebalance"), f.number32("rebalance_permille")};
      if (!is_possible(head.rebalance)) f.fail("rebalance_permille");
    }
    if (!f.ok()) return {};
    head_seen_ = true;
    kind_ = image_section::head;
    write_head(head, out_);
    return {};
  }

  // Items of one section are collected until one of another comes.
  result<void> begin(image_section kind) {
    if (kind < kind_) {
      return failure(errc::invalid_argument, "a line of this kind must come before others");
    }
    if (kind != kind_ || (kind >= image_section::volumes && out_.size() > (1U << 20))) {
      SSDFS_TRY(close());
    }
    kind_ = kind;
    return {};
  }
  result<void> close() {
    if (kind_ == image_section::names) {
      section_.kind = kind_;
      SSDFS_TRY(loader_.take(section_));
      section_.names.clear();
      return {};
    }
    decoded_section section;
    decode_section(kind_, out_.bytes(), 0, section);
    out_.clear();
    return loader_.take(section);
  }

  result<void> take_item(fields& f) {
    const std::string_view kind = f.text("kind");
    if (kind == "file" || kind == "directory" || kind == "root" || kind == "detached") {
      SSDFS_TRY(begin(image_section::names));
      return take_entry(f, kind);
    }
    if (kind == "volume" || kind == "grant" || kind == "removal" || kind == "freed" ||
        kind == "lost") {
      SSDFS_TRY(begin(image_section::volumes));
      return take_volume_item(f, kind);
    }
    if (kind == "client" || kind == "result") {
      SSDFS_TRY(begin(image_section::results));
      return take_result_item(f, kind);
    }
    if (kind == "epoch") {
      SSDFS_TRY(begin(image_section::epochs));
      out_.number(f.number32("epoch"));
      out_.id(f.id("leader"));
      out_.number(f.number("first"));
    } else if (kind == "access") {
      SSDFS_TRY(begin(image_section::access));
      const auto access = rights_of(f);
      out_.text(std::get<0>(access));
      out_.text(std::get<1>(access));
      out_.number(std::get<2>(access));
      access_.emplace(access, next_access_++);
    } else if (kind == "type") {
      SSDFS_TRY(begin(image_section::types));
      out_.text(f.text("type"));
      types_.emplace(f.text("type"), next_type_++);
    } else if (kind == "node") {
      SSDFS_TRY(begin(image_section::nodes));
      out_.id(f.id("node"));
      out_.byte(static_cast<std::uint8_t>(f.choice<node_decision>("decision")));
      out_.signed_number(f.signed_number("until_ms"));
    } else {
      f.fail("kind");
    }
    return {};
  }

  result<void> take_volume_item(fields& f, std::string_view kind) {
    if (kind == "volume") {
      volume_info v;
      v.id = volume_id(f.number("volume"));
      v.state = f.choice<volume_state>("state");
      v.reason = f.choice<seal_reason>("reason");
      v.replication = static_cast<std::uint8_t>(f.number("replication", max_replication));
      v.generation = f.number32("generation");
      for (const json::value& m : f.list("members")) {
        const auto* text = m.if_string();
        const auto id = parse_uuid(text == nullptr ? std::string_view()
                                                   : std::string_view(text->data(), text->size()));
        if (!id) f.fail("members");
        v.members.push_back(node_id(id ? *id : uuid{}));
      }
      v.next_key = f.number32("next_key");
      v.granted_bytes = f.number("granted_bytes");
      v.length = f.number("length");
      v.removal_number = f.number("removal_number");
      v.digest = {f.number("chunks"), f.number("bytes"), f.based("sum", 16)};
      volumes_.emplace(v.id.value, static_cast<std::uint32_t>(volumes_.size()));
      write_volume(v, out_);
    } else if (kind == "grant") {
      grant_info g;
      g.generation = f.number32("generation");
      g.first = f.number32("first");
      g.count = f.number32("count");
      g.bytes = f.number("bytes");
      g.owner.value = f.id("owner");
      g.granted_ms = f.signed_number("granted_ms");
      g.committed_keys = f.number32("committed_keys");
      g.committed_bytes = f.number("committed_bytes");
      for (const json::value& word : f.list("committed")) {
        const json::object alone{{"committed", word}};
        fields one(alone);
        g.committed.push_back(one.number("committed"));
        if (!one.ok()) f.fail("committed");
      }
      write_grant(g, out_);
    } else if (kind == "removal") {
      removal_batch b;
      b.number = f.number("number");
      b.txid = ssdfs::txid(f.number("txid"));
      for (const json::value& key : f.list("keys")) {
        boost::system::error_code ec;
        b.keys.push_back(key.to_number<std::uint32_t>(ec));
        if (ec) f.fail("keys");
      }
      write_removal(b, out_);
    } else if (kind == "lost") {
      lost_chunks lost;
      f.objects("chunks", [&](fields& c) {
        lost[c.number32("key")] = {c.number32("size"), c.hex32("crc32c")};
      });
      for (auto at = lost.cbegin(); at != lost.cend();) at = write_lost(lost, at, out_);
    } else {
      std::vector<freed_chunk> freed;
      f.objects("chunks", [&](fields& c) {
        freed.push_back(
            {c.number32("key"), c.number32("size"), c.hex32("crc32c"), c.number32("freed_s")});
      });
      write_freed(freed, out_);
    }
    return {};
  }

  result<void> take_result_item(fields& f, std::string_view kind) {
    if (kind == "client") {
      operation_results::client_entry client;
      client.client.value = f.id("client");
      client.last_ms = f.signed_number("last_ms");
      client.lowest_unanswered = f.number("low");
      write_client(client, out_);
    } else {
      operation_results::entry entry;
      entry.sequence = f.number("seq");
      entry.time_ms = f.signed_number("time_ms");
      entry.result.txid = ssdfs::txid(f.number("txid"));
      entry.result.replaced = f.flag("replaced");
      entry.result.path = f.text("path");
      write_result(entry, out_);
    }
    return {};
  }

  using rights = std::tuple<std::string, std::string, std::uint16_t>;
  static rights rights_of(fields& f) {
    const std::uint64_t mode = f.based("mode", 8);
    if (mode > 07777) f.fail("mode");
    return {std::string(f.text("owner")), std::string(f.text("group")),
            static_cast<std::uint16_t>(mode)};
  }

  names_batch::entry& add(names_batch::kind what, std::string_view name) {
    auto& entry = section_.names.entries.emplace_back();
    entry.what = what;
    entry.name_length = static_cast<std::uint8_t>(name.size());
    section_.names.names += name;
    return entry;
  }

  // Ends directories until `parent` is the one being filled.
  result<void> go_to(const place& parent) {
    if (open_ && current_ == parent) return {};
    if (open_) add(names_batch::kind::end, {});
    open_ = false;
    while (!waiting_.empty()) {
      current_ = std::move(waiting_.front());
      waiting_.pop_front();
      if (current_ == parent) {
        open_ = true;
        return {};
      }
      add(names_batch::kind::end, {});
    }
    return failure(errc::invalid_argument,
                   "its directory has no line, or one in another order: the entries of a directory "
                   "stand together, those of directories in the order of the directories' lines");
  }

  result<void> take_entry(fields& f, std::string_view kind) {
    const rights access = rights_of(f);
    if (!f.ok()) return {};
    const auto detached = f.number32("detached");
    const std::string path(f.text("path"));
    std::string_view name;
    if (kind == "file" || kind == "directory") {
      const auto slash = path.rfind('/');
      if (slash == path.npos || path.size() - slash - 1 > UINT8_MAX) {
        f.fail("path");
        return {};
      }
      name = std::string_view(path).substr(slash + 1);
      SSDFS_TRY(go_to({detached, path.substr(0, slash)}));
    }
    const auto what = kind == "file"        ? names_batch::kind::file
                      : kind == "directory" ? names_batch::kind::directory
                      : kind == "root"      ? names_batch::kind::root
                                            : names_batch::kind::detached;
    auto& entry = add(what, name);
    // What is in no line of the tables is kept with the entry.
    std::string extra;
    const auto of = access_.find(access);
    entry.access = of == access_.end() ? kept_id : of->second;
    if (of == access_.end()) {
      const auto& [owner, group, mode] = access;
      if (owner.size() > max_text_length) return failure(errc::invalid_argument, "its owner");
      append_extra(extra, extra_tag::access, encode_access({owner, group, mode}));
    }
    entry.mtime_ms = f.signed_number("mtime_ms");
    if (what == names_batch::kind::file) {
      SSDFS_TRY(take_file(f, entry, extra));
    } else {
      entry.serial = f.number32("serial");
      const quota limits{f.number("quota_names"), f.number("quota_bytes")};
      entry.limited = limits != quota{};
      if (entry.limited) section_.names.quotas.push_back(limits);
      waiting_.emplace_back(detached, what == names_batch::kind::directory ? path : "");
    }
    if (!is_extra(extra)) {
      return failure(errc::invalid_argument, "its owner, group or content type cannot be");
    }
    entry.extra_length = static_cast<std::uint16_t>(extra.size());
    section_.names.extras += extra;
    if (section_.names.entries.size() < batch_entries || !f.ok()) return {};
    return close();
  }

  result<void> take_file(fields& f, names_batch::entry& entry, std::string& extra) {
    entry.size = f.number("size", max_file_size);
    entry.crc32c = f.hex32("crc32c");
    entry.replication = static_cast<std::uint8_t>(f.number("replication", max_replication));
    if (const std::string_view type = f.text("content_type"); !type.empty()) {
      const auto known = types_.find(std::string(type));
      entry.content_type = known == types_.end() ? kept_id : known->second;
      if (known == types_.end()) append_extra(extra, extra_tag::content_type, type);
    }
    bool known = true;
    f.objects("chunks", [&](fields& c) {
      const auto slot = volumes_.find(c.number("volume"));
      known = known && slot != volumes_.end();
      section_.names.chunks.push_back(
          {{volume_slot(slot == volumes_.end() ? 0 : slot->second), c.number32("key")},
           c.number32("size"),
           c.hex32("crc32c")});
      ++entry.chunks;
    });
    if (!known) {
      return failure(errc::invalid_argument, "a volume of its chunks is in no line of that kind");
    }
    return {};
  }

  image_loader loader_;
  image_section kind_ = image_section{};
  bool head_seen_ = false;
  image_output out_;         // the section being collected, of all kinds but names
  decoded_section section_;  // of names
  std::map<rights, std::uint16_t> access_;
  std::map<std::string, std::uint16_t> types_;
  std::uint16_t next_access_ = 0;
  std::uint16_t next_type_ = 1;
  std::map<std::uint64_t, std::uint32_t> volumes_;
  std::deque<place> waiting_;
  place current_;
  bool open_ = false;
};

image_text_reader::image_text_reader(state& target) : lines_(std::make_unique<lines>(target)) {}
image_text_reader::~image_text_reader() = default;

result<void> image_text_reader::take(std::string_view line) { return lines_->take(line); }

result<void> image_text_reader::finish() { return lines_->finish(); }

}  // namespace ssdfs::meta
