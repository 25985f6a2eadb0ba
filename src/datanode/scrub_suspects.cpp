#include "datanode/scrub_suspects.hpp"

#include "base/log.hpp"
#include "datanode/scrub_text.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <iterator>
#include <utility>

namespace ssdfs::datanode {
namespace {

constexpr std::string_view suspects_format = "ssdfs-suspects-1";
constexpr std::uint64_t most_suspects_bytes = 2U << 20;

std::string suspects_path(const std::string& directory) { return directory + "/suspects.json"; }

bool by_key(const suspect_record& a, const suspect_record& b) { return a.key < b.key; }

void make_whole(suspect_volume& s) {
  s.whole = true;
  s.records.clear();
}

result<std::vector<suspect_record>> parse_records(const boost::json::value* from) {
  const auto* pairs = from != nullptr ? from->if_array() : nullptr;
  if (pairs == nullptr) return failure(errc::damaged, "a volume has no records");
  std::vector<suspect_record> out;
  for (const boost::json::value& one : *pairs) {
    const auto* pair = one.if_array();
    suspect_record r;
    const bool good = pair != nullptr && pair->size() == 2 && (*pair)[0].is_string() &&
                      (*pair)[1].is_string() && parse_number((*pair)[0].get_string(), r.key) &&
                      parse_number((*pair)[1].get_string(), r.offset);
    if (!good) return failure(errc::damaged, "a record is no pair of numbers");
    if (!out.empty() && !by_key(out.back(), r)) {
      return failure(errc::damaged, "its records are not in order");
    }
    out.push_back(r);
  }
  return out;
}

result<suspect_volume> parse_volume(const boost::json::value& from) {
  const auto* fields = from.if_object();
  if (fields == nullptr) return failure(errc::damaged, "a volume is no object");
  suspect_volume out;
  SSDFS_TRY(read_number(*fields, "volume", out.id.value));
  SSDFS_TRY(read_number(*fields, "salt", out.salt));
  if (const auto* whole = fields->if_contains("whole")) {
    if (!whole->is_bool() || !whole->get_bool()) return failure(errc::damaged, "whole is not true");
    out.whole = true;
    return out;
  }
  auto records = parse_records(fields->if_contains("records"));
  if (!records) return std::move(records).error();
  out.records = std::move(*records);
  return out;
}

}  // namespace

suspect_volume known_bad(const volume::volume& v) {
  suspect_volume out{.id = v.id(), .salt = v.salt()};
  if (v.report().bad_records > most_suspect_records) {
    out.whole = true;
    return out;
  }
  for (const chunk_key key : v.bad_keys()) {
    if (const auto at = v.probe(key)) out.records.push_back({key, at->offset});
  }
  return out;
}

void merge(suspect_list& list, const suspect_volume& more) {
  const auto at = std::lower_bound(list.begin(), list.end(), more.id,
                                   [](const suspect_volume& s, volume_id id) { return s.id < id; });
  if (at == list.end() || at->id != more.id) {
    list.insert(at, more);
    return;
  }
  if (at->salt != more.salt) {
    *at = more;
  } else if (at->whole || more.whole) {
    make_whole(*at);
  } else {
    std::vector<suspect_record> both;
    std::set_union(more.records.begin(), more.records.end(), at->records.begin(), at->records.end(),
                   std::back_inserter(both), by_key);
    at->records = std::move(both);
  }
}

void bound(suspect_list& list) {
  std::erase_if(list, [](const suspect_volume& s) { return !s.whole && s.records.empty(); });
  if (list.size() > most_suspect_volumes) list.resize(most_suspect_volumes);
  std::size_t records = 0;
  for (const suspect_volume& s : list) records += s.records.size();
  while (records > most_suspect_records) {
    const auto most = std::max_element(list.begin(), list.end(),
                                       [](const suspect_volume& a, const suspect_volume& b) {
                                         return a.records.size() < b.records.size();
                                       });
    records -= most->records.size();
    make_whole(*most);
  }
}

std::string to_text(const suspect_list& list) {
  boost::json::array volumes;
  for (const suspect_volume& s : list) {
    boost::json::object fields;
    fields["volume"] = std::to_string(s.id.value);
    fields["salt"] = std::to_string(s.salt);
    if (s.whole) {
      fields["whole"] = true;
    } else {
      boost::json::array records;
      for (const suspect_record& r : s.records) {
        records.push_back({std::to_string(r.key), std::to_string(r.offset)});
      }
      fields["records"] = std::move(records);
    }
    volumes.push_back(std::move(fields));
  }
  boost::json::object all;
  all["format"] = suspects_format;
  all["volumes"] = std::move(volumes);
  return to_checked_line(all);
}

result<suspect_list> parse_suspects(bytes_view text) {
  const auto fields = parse_checked_line(text, suspects_format);
  if (!fields) return fields.error();
  const auto* field = fields->if_contains("volumes");
  const auto* volumes = field != nullptr ? field->if_array() : nullptr;
  if (volumes == nullptr) return failure(errc::damaged, "it has no volumes");
  suspect_list out;
  std::size_t records = 0;
  for (const boost::json::value& one : *volumes) {
    auto s = parse_volume(one);
    if (!s) return std::move(s).error();
    if (!out.empty() && !(out.back().id < s->id)) {
      return failure(errc::damaged, "its volumes are not in order");
    }
    records += s->records.size();
    out.push_back(std::move(*s));
  }
  if (out.size() > most_suspect_volumes || records > most_suspect_records) {
    return failure(errc::damaged, "it holds too much");
  }
  return out;
}

std::optional<suspect_list> load_suspects(io::file_system& fs, const std::string& directory) {
  const auto bytes = io::read_file(fs, suspects_path(directory), most_suspects_bytes);
  if (!bytes && bytes.error() == errc::not_found) return suspect_list{};
  auto list = bytes ? parse_suspects(*bytes) : result<suspect_list>(bytes.error());
  if (list) return std::move(*list);
  SSDFS_LOG(warning) << suspects_path(directory)
                     << ": ignored, no record is known to be bad until it is "
                     << "read: " << list.error().message();
  return {};
}

result<void> store_suspects(io::file_system& fs, const std::string& directory,
                            const suspect_list& list) {
  return io::replace_file(fs, suspects_path(directory), as_bytes(to_text(list)));
}

recheck_result recheck(volume::volume& v, suspect_volume& s, chunk_key& from,
                       std::uint64_t max_bytes) {
  recheck_result out;
  out.over = s.salt != v.salt();
  if (out.over) return out;
  if (s.whole) {
    const auto done = v.scrub(from, max_bytes);
    if (!done) {
      SSDFS_LOG(warning) << "volume " << s.id << ": not read again: " << done.error().message();
    }
    out.bytes = done ? done->bytes : 0;
    from = done ? done->next : 0;
    out.over = from == 0;
    return out;
  }
  while (!s.records.empty() && out.bytes < max_bytes) {
    const suspect_record r = s.records.back();
    s.records.pop_back();
    const auto at = v.probe(r.key);
    if (!at || at->offset != r.offset) continue;  // removed, or replaced by a good one
    const auto done = v.scrub(r.key, 1);          // this one alone
    out.bytes += done ? done->bytes : 0;
  }
  out.over = s.records.empty();
  return out;
}

}  // namespace ssdfs::datanode
