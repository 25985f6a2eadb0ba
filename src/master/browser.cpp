#include "master/browser.hpp"

#include "http/url.hpp"
#include "meta/queries.hpp"

#include <boost/asio/post.hpp>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdio>

namespace ssdfs::master {
namespace {

namespace json = boost::json;
using http::exchange_ptr;

constexpr std::uint32_t most_entries = 500;
constexpr std::size_t most_chunks = 100;  // that are shown

void answer(const exchange_ptr& to, unsigned status, const json::object& what) {
  to->respond(status, "Content-Type: application/json\r\nCache-Control: no-store\r\n",
              json::serialize(what) + "\n");
}

unsigned status_of(const failure& why) {
  if (why.code == make_error_code(errc::not_found)) return 404;
  if (why.code == make_error_code(errc::permission_denied)) return 403;
  return 400;
}

std::optional<std::string> value_of(const exchange_ptr& of, std::string_view name) {
  return http::query_value(of->request().query, name);
}

std::string hex(std::uint32_t value) {
  std::array<char, 9> text{};
  std::snprintf(text.data(), text.size(), "%08x", value);
  return text.data();
}

std::string octal(std::uint16_t mode) {
  std::array<char, 9> text{};
  std::snprintf(text.data(), text.size(), "%04o", mode);
  return text.data();
}

json::object to_json(const meta::entry_view& e) {
  json::object out{{"name", json::string_view(e.name.data(), e.name.size())},
                   {"type", e.directory ? "directory" : "file"},
                   {"mtime_ms", e.mtime_ms},
                   {"owner", std::string(e.owner)},
                   {"group", std::string(e.group)},
                   {"mode", octal(e.mode)}};
  if (!e.directory) {
    out["size"] = e.size;
    out["crc32c"] = hex(e.crc32c);
    out["replication"] = e.replication;
    out["content_type"] = std::string(e.content_type);
  }
  return out;
}

class browser {
 public:
  explicit browser(core& of) : core_(of) {}

  void list(const exchange_ptr& to, const std::string& path) {
    const std::string after = value_of(to, "after").value_or("");
    std::uint32_t limit = most_entries;
    const std::string wanted = value_of(to, "limit").value_or("");
    std::from_chars(wanted.data(), wanted.data() + wanted.size(), limit);
    limit = std::clamp<std::uint32_t>(limit, 1, most_entries);
    std::vector<meta::entry_view> page;
    const auto more = meta::list(core_.state(), path, after, limit, viewer(), page);
    if (!more) return show(to, status_of(more.error()), {{"error", more.error().message()}});
    json::array entries;
    for (const auto& e : page) entries.push_back(to_json(e));
    show(to, 200, {{"path", path}, {"more", *more}, {"entries", std::move(entries)}});
  }

  void stat(const exchange_ptr& to, const std::string& path) {
    const meta::state& s = core_.state();
    const auto found = meta::lookup(s, path, viewer());
    if (!found) return show(to, status_of(found.error()), {{"error", found.error().message()}});
    json::object out = to_json(*found);
    out["path"] = path;
    if (found->directory) {
      const auto below = meta::summarize(s, path, viewer());
      if (below) {
        out["files"] = below->files;
        out["directories"] = below->directories;
        out["bytes"] = below->bytes;
      }
    } else {
      add_chunks(out, found->entry);
    }
    show(to, 200, std::move(out));
  }

 private:
  // An answer must not show what a crash could still take back.
  void show(const exchange_ptr& to, unsigned status, json::object what) {
    core_.when_committed([to, status, what = std::move(what)](bool committed) {
      if (committed) return answer(to, status, what);
      answer(to, 503, {{"error", "the last changes are not confirmed"}});
    });
  }

  [[nodiscard]] meta::viewer viewer() const {
    return {{std::string_view(), {}}, core_.options().permissions};
  }

  void add_chunks(json::object& to, meta::inode file) {
    std::vector<meta::chunk_record> chunks;
    meta::chunks_of(core_.state(), file, chunks);
    to["chunk_count"] = chunks.size();
    chunks.resize(std::min(chunks.size(), most_chunks));
    json::array list;
    for (const auto& c : chunks) {
      json::array nodes;
      for (const auto& at : core_.nodes().readers(c.volume)) {
        const auto* node = core_.nodes().nodes().find(at.node);
        nodes.push_back({{"node", to_string(at.node)},
                         {"name", node != nullptr ? node->name : std::string()},
                         {"address", at.address},
                         {"connected", node != nullptr && node->connected}});
      }
      list.push_back({{"volume", std::to_string(c.volume.value)},
                      {"key", std::to_string(c.key)},
                      {"size", c.size},
                      {"crc32c", hex(c.crc32c.value)},
                      {"nodes", std::move(nodes)}});
    }
    to["chunks"] = std::move(list);
  }

  core& core_;
};

}  // namespace

void route_browser(http::server& to, core& of) {
  using question = void (browser::*)(const exchange_ptr&, const std::string&);
  const auto add = [&](std::string path, question ask) {
    to.route_prefix(std::move(path), [&of, ask](exchange_ptr x) {
      const auto verb = x->request().verb;
      if (verb != http::method::get && verb != http::method::head) {
        return x->respond(405, "Allow: GET, HEAD\r\n", "method not allowed\n");
      }
      auto asked = value_of(x, "path");
      if (!asked) return answer(x, 400, {{"error", "path is missing"}});
      boost::asio::post(of.strand(), [&of, ask, x = std::move(x), path = std::move(*asked)] {
        (browser(of).*ask)(x, path);
      });
    });
  };
  add("/api/v1/list", &browser::list);
  add("/api/v1/stat", &browser::stat);
}

}  // namespace ssdfs::master
