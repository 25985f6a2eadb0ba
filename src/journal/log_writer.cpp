#include "journal/log_writer.hpp"

#include "base/assert.hpp"
#include "io/passing.hpp"
#include "journal/segments.hpp"

#include <algorithm>
#include <vector>

namespace ssdfs::journal {
namespace {

constexpr std::size_t zero_block = std::size_t{256} << 10;

bytes_view zeros() {
  static const std::vector<std::byte> block(zero_block);
  return block;
}

}  // namespace

std::string log_writer::spare_path() const {
  return options_.directory + "/" + std::string(spare_name);
}

result<void> log_writer::prepare() {
  if (spare_) return {};
  auto file = fs_.open(spare_path(), io::open_mode::create);
  if (!file) return file.error();
  // One of an earlier life is empty, too, if nobody has meddled with it.
  const auto size = (*file)->size();
  if (!size) return size.error();
  if (*size != 0) SSDFS_TRY((*file)->truncate(0));
  spare_ = std::move(*file);
  return {};
}

result<void> log_writer::begin(ssdfs::txid first) {
  if (!file_) {
    SSDFS_TRY(prepare());
    name_ = options_.directory + "/" + in_progress_name(first);
    const auto taken = fs_.exists(name_);
    if (!taken) return taken.error();
    if (*taken) return failure(errc::exists, name_ + ": exists");
    SSDFS_TRY(fs_.rename(spare_path(), name_));
    file_ = std::move(spare_);
    first_ = first;
    end_ = 0;
    allocated_ = 0;
    named_ = finalizing_ = renamed_ = false;
  }
  // A record is durable only if the name of its segment is.
  SSDFS_TRY(fs_.sync_directory(options_.directory));
  named_ = true;
  return {};
}

result<void> log_writer::extend(std::uint64_t needed) {
  if (needed <= allocated_ || options_.preallocate_bytes == 0) return {};
  const std::uint64_t end = needed + options_.preallocate_bytes;
  std::vector<bytes_view> parts;
  for (std::uint64_t left = end - allocated_; left > 0;) {
    const auto n = static_cast<std::size_t>(std::min<std::uint64_t>(left, zero_block));
    parts.push_back(zeros().first(n));
    left -= n;
  }
  auto written = file_->write(parts, allocated_);
  if (written) {
    allocated_ = end;
    return {};
  }
  // The lines themselves may still fit; whether they do is seen when they are written.
  if (io::passes(written.error())) return {};
  return written;
}

result<void> log_writer::write(std::string_view lines, ssdfs::txid first, ssdfs::txid last) {
  if (lines.empty()) return {};
  SSDFS_ASSERT(!finalizing_);
  if (!file_ || !named_) SSDFS_TRY(begin(first));
  SSDFS_TRY(extend(end_ + lines.size()));
  const bytes_view part = as_bytes(lines);
  SSDFS_TRY(file_->write({&part, 1}, end_));
  end_ += lines.size();
  allocated_ = std::max(allocated_, end_);
  last_ = last;
  return {};
}

result<void> log_writer::sync() { return file_ ? file_->sync() : result<void>(); }

result<void> log_writer::finalize() {
  if (!file_) return {};
  finalizing_ = true;
  if (!renamed_) {
    SSDFS_TRY(file_->truncate(end_));
    SSDFS_TRY(file_->sync());
    SSDFS_TRY(fs_.rename(name_, options_.directory + "/" + finalized_name(first_, last_)));
    renamed_ = true;
  }
  SSDFS_TRY(fs_.sync_directory(options_.directory));
  file_.reset();
  finalizing_ = false;
  return {};
}

}  // namespace ssdfs::journal
