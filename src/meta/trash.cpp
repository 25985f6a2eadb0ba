#include "meta/trash.hpp"

#include "meta/path.hpp"

#include <algorithm>
#include <array>
#include <chrono>

namespace ssdfs::meta {
namespace {

void put_digits(std::string& out, int value, int digits) {
  for (int divisor = digits == 4 ? 1000 : 10; divisor > 0; divisor /= 10) {
    out.push_back(static_cast<char>('0' + value / divisor % 10));
  }
}

// Missing ancestors of a free name; -1 if the name is taken or a file is in the way.
std::int64_t missing_parents(const tree& names, std::string_view path) {
  path_walk walk = names.walk(path);
  if (walk.rest.empty() || !names.is_directory(walk.last)) return -1;
  std::int64_t n = -1;
  while (!pop_component(walk.rest).empty()) ++n;
  return n;
}

}  // namespace

bool in_trash(std::string_view path) noexcept { return is_same_or_below(path, trash_path); }

std::string bucket_name(std::int64_t now_ms, std::int64_t expiry_ms) {
  namespace chrono = std::chrono;
  const std::int64_t width_s = std::clamp<std::int64_t>(expiry_ms / 24 / 1000, 1, 3600);
  const std::int64_t begin_s = now_ms / 1000 / width_s * width_s;
  const chrono::sys_seconds time{chrono::seconds(begin_s)};
  const auto day = chrono::floor<chrono::days>(time);
  const chrono::year_month_day date(day);
  const chrono::hh_mm_ss clock(time - day);
  std::string out;
  put_digits(out, static_cast<int>(date.year()), 4);
  put_digits(out, static_cast<int>(static_cast<unsigned>(date.month())), 2);
  put_digits(out, static_cast<int>(static_cast<unsigned>(date.day())), 2);
  out.push_back('-');
  put_digits(out, static_cast<int>(clock.hours().count()), 2);
  put_digits(out, static_cast<int>(clock.minutes().count()), 2);
  put_digits(out, static_cast<int>(clock.seconds().count()), 2);
  return out;
}

void trash_target(const state& s, std::string_view path, std::int64_t now_ms,
                  std::int64_t expiry_ms, std::string& target, std::uint32_t& parents) {
  target.assign(trash_path);
  target += '/';
  target += bucket_name(now_ms, expiry_ms);
  const std::size_t bucket = target.size();
  target += path;
  std::int64_t missing = missing_parents(s.names(), target);
  if (missing < 0) {
    target.resize(bucket);
    target += '.' + std::to_string(s.last_txid().next().value);
    target += path;
    missing = missing_parents(s.names(), target);
  }
  parents = static_cast<std::uint32_t>(std::max<std::int64_t>(missing, 0));
}

inode expired_bucket(const state& s, std::int64_t now_ms, std::int64_t expiry_ms) {
  const tree& names = s.names();
  auto trash = names.lookup(trash_path);
  if (!trash || !names.is_directory(*trash)) return no_inode;
  // Names begin with the time, so the first that are listed are the oldest.
  std::array<inode, 16> page{};
  const std::size_t n = names.list(names.directory_of(*trash), "", page);
  for (std::size_t i = 0; i < n; ++i) {
    const directory_id bucket = names.directory_of(page[i]);
    const std::int64_t last_ms = bucket == no_directory ? names.attributes(page[i]).mtime_ms
                                                        : names.attributes(bucket).mtime_ms;
    if (last_ms + expiry_ms <= now_ms) return page[i];
  }
  return no_inode;
}

}  // namespace ssdfs::meta
