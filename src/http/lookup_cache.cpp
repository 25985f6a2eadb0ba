#include "http/lookup_cache.hpp"

#include "io/clock.hpp"

namespace ssdfs::http {
namespace {

std::size_t bytes_of(const std::string& path, const file_info& info) {
  constexpr std::size_t overhead = 256;
  std::size_t bytes = overhead + sizeof info + 2 * path.size() + info.etag.size() +
                      info.fields.size() + info.fields_of_304.size();
  for (const chunk_location& c : info.status.chunks) {
    bytes += sizeof c;
    for (const std::string& node : c.nodes) bytes += sizeof node + node.size();
  }
  return bytes;
}

}  // namespace

void lookup_cache::shard::keep(const std::string& path, entry e) {
  forget(path);
  if (known_bytes + e.bytes > most_bytes_in_shard) {
    known.clear();
    known_bytes = 0;
  }
  known_bytes += e.bytes;
  known.emplace(path, std::move(e));
}

void lookup_cache::shard::forget(std::string_view path) {
  const auto at = known.find(path);
  if (at == known.end()) return;
  known_bytes -= at->second.bytes;
  known.erase(at);
}

file_info_ptr lookup_cache::find(std::string_view path) {
  shard& s = shard_of(path);
  const std::lock_guard lock(s.mutex);
  const auto at = s.known.find(path);
  if (at == s.known.end() || at->second.until_ns <= io::steady_ns()) return nullptr;
  return at->second.info;
}

void lookup_cache::get(const std::string& path, handler done) {
  if (auto known = find(path)) return done(std::move(known));
  shard& s = shard_of(path);
  std::shared_ptr<lookup> mine;
  {
    const std::lock_guard lock(s.mutex);
    auto& running = s.running[path];
    const bool joins = running && running->keep;
    if (!joins) running = std::make_shared<lookup>();
    running->waiting.push_back(std::move(done));
    if (joins) return;
    mine = running;
  }
  auto diag = std::make_shared<diagnostics>();
  stat_options options;
  options.chunks = true;
  options.chunk_limit = most_chunks;
  options.diag = diag.get();
  client_.async_stat(path, options,
                     [self = shared_from_this(), path, mine, diag](boost::system::error_code ec,
                                                                   file_status status) {
                       self->answered(path, mine, ec, std::move(status), diag->message);
                     });
}

void lookup_cache::answered(const std::string& path, const std::shared_ptr<lookup>& of,
                            boost::system::error_code ec, file_status status, std::string why) {
  result<file_info_ptr> outcome = failure(ec, std::move(why));
  if (!ec) outcome = std::make_shared<const file_info>(describe_(std::move(status)));
  std::vector<handler> waiting;
  {
    shard& s = shard_of(path);
    const std::lock_guard lock(s.mutex);
    waiting = std::move(of->waiting);
    const auto running = s.running.find(path);
    if (running != s.running.end() && running->second == of) s.running.erase(running);
    if (outcome && of->keep && ttl_ns_ > 0) {
      s.keep(path, {*outcome, io::steady_ns() + ttl_ns_, bytes_of(path, **outcome)});
    }
  }
  for (handler& h : waiting) h(outcome);
}

void lookup_cache::drop(std::string_view path) {
  shard& s = shard_of(path);
  const std::lock_guard lock(s.mutex);
  s.forget(path);
  // Who waits gets the answer; who comes now asks anew.
  if (const auto at = s.running.find(path); at != s.running.end()) at->second->keep = false;
}

}  // namespace ssdfs::http
