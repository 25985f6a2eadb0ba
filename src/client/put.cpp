// async_put: a file from the caller's memory.
#include "client/completion.hpp"
#include "client/operations.hpp"
#include "client/upload.hpp"

#include <algorithm>

namespace ssdfs::detail {
namespace {

class put_operation final : public upload {
 public:
  put_operation(const core_ptr& c, std::string path, boost::asio::const_buffer data,
                put_options options, handler_for<mutation_result> handler)
      : upload(c, std::move(path), std::move(options)),
        data_(static_cast<const std::byte*>(data.data()), data.size()) {
    connect_cancellation(handler, *this);
    done_ = {*c, std::move(handler)};
  }

 private:
  void start() override {
    if (auto fits = check_size(data_.size()); !fits) return fail(std::move(fits).error());
    if (data_.empty()) return commit();
    if (data_.size() <= wire::small_chunk_max) return cut(wire::small_chunk_max);
    learn_chunk_size();
  }
  void on_chunk_size(std::uint32_t size) override { cut(chunk_size_for(data_.size(), size)); }

  void cut(std::uint32_t chunk_size) {
    chunk_size_ = chunk_size;
    slots().resize((data_.size() + chunk_size - 1) / chunk_size);
    write_more();
  }
  [[nodiscard]] shared_bytes chunk(std::size_t index) const {
    const std::size_t offset = index * chunk_size_;
    const std::size_t length = std::min<std::size_t>(chunk_size_, data_.size() - offset);
    return {data_.subspan(offset, length), nullptr};
  }

  void write_more() {
    while (!given_up() && next_ < slots().size() &&
           writes_in_flight() < owner().config().chunks_in_flight) {
      const std::size_t index = next_++;
      write(index, chunk(index));
    }
  }
  void on_chunk_written(std::size_t) override {
    if (next_ == slots().size() && writes_in_flight() == 0) return commit();
    write_more();
  }
  void rewrite(std::size_t index) override { write(index, chunk(index)); }

  void on_committed(mutation_result outcome) override { done_({}, std::move(outcome)); }
  void on_failed(failure why) override { done_(why.code, {}); }

  bytes_view data_;
  std::uint32_t chunk_size_ = 0;
  std::size_t next_ = 0;  // chunk to be written next
  completion<boost::system::error_code, mutation_result> done_;
};

}  // namespace

operation_ptr make_put(const core_ptr& c, std::string path, boost::asio::const_buffer data,
                       put_options options, handler_for<mutation_result> handler) {
  return new put_operation(c, std::move(path), data, std::move(options), std::move(handler));
}

void start_put(const core_ptr& c, std::string path, boost::asio::const_buffer data,
               put_options options, handler_for<mutation_result> handler) {
  launch(make_put(c, std::move(path), data, std::move(options), std::move(handler)));
}

}  // namespace ssdfs::detail
