// What is known about files for a moment.
#pragma once

#include "base/result.hpp"
#include "base/unique_function.hpp"
#include "ssdfs/client.hpp"

#include <boost/unordered/unordered_flat_map.hpp>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace ssdfs::http {

/// A file or directory with what answers about it always say.
struct file_info {
  file_status status;         ///< with its chunks, the first ones of a file that has many
  std::string etag;           ///< strong, quoted
  std::int64_t mtime_s = 0;   ///< also where Last-Modified may not say it: in the future
  std::string fields;         ///< of 200 and 206: complete lines
  std::string fields_of_304;  ///< the part that 304 repeats; begins with validators()
  std::size_t validators_size = 0;

  /// ETag and Last-Modified: what 412 and 416 say of the file.
  [[nodiscard]] std::string_view validators() const {
    return std::string_view(fields_of_304).substr(0, validators_size);
  }
};
using file_info_ptr = std::shared_ptr<const file_info>;

/// Operation: a lookup is used again for `ttl`; requests for a path that is being asked for wait
/// for that answer. Failures are not kept. Bounded by bytes, roughly 128 MiB in all (a file of many
/// chunks takes much more than a picture): a shard that is full starts anew. Concurrency:
/// thread-safe; handlers run on the client's executor, or at once.
class lookup_cache : public std::enable_shared_from_this<lookup_cache> {
 public:
  using handler = unique_function<void(result<file_info_ptr>)>;
  using describer = std::function<file_info(file_status)>;

  lookup_cache(client& from, std::int64_t ttl_ms, describer describe)
      : client_(from), ttl_ns_(ttl_ms * 1'000'000), describe_(std::move(describe)) {}

  /// Null if it has to be asked for.
  [[nodiscard]] file_info_ptr find(std::string_view path);
  void get(const std::string& path, handler done);
  /// What is known, or about to be, is no good.
  void drop(std::string_view path);

 private:
  static constexpr std::size_t shards = 16;
  /// Chunks that are asked for, which is enough to find out whether the first GiB are here. What is
  /// behind them comes through the client library.
  static constexpr std::uint32_t most_chunks = 1024;
  static constexpr std::size_t most_bytes_in_shard = std::size_t{8} << 20;

  struct entry {
    file_info_ptr info;
    std::int64_t until_ns = 0;
    std::size_t bytes = 0;  // roughly
  };
  struct lookup {
    std::vector<handler> waiting;
    bool keep = true;
  };
  struct text_hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view s) const noexcept {
      return std::hash<std::string_view>()(s);
    }
  };
  template <class T>
  using map = boost::unordered_flat_map<std::string, T, text_hash, std::equal_to<>>;
  struct shard {
    std::mutex mutex;
    map<entry> known;                      // guarded by mutex
    std::size_t known_bytes = 0;           // guarded by mutex
    map<std::shared_ptr<lookup>> running;  // guarded by mutex

    void keep(const std::string& path, entry e);
    void forget(std::string_view path);
  };

  [[nodiscard]] shard& shard_of(std::string_view path) {
    return shards_[(text_hash()(path) >> 7) % shards];
  }
  void answered(const std::string& path, const std::shared_ptr<lookup>& of,
                boost::system::error_code ec, file_status status, std::string why);

  client& client_;
  const std::int64_t ttl_ns_;
  const describer describe_;
  std::array<shard, shards> shards_;
};

}  // namespace ssdfs::http
