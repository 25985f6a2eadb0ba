#include "cli/checkpoint_view.hpp"

#include "base/units.hpp"
#include "cli/progress.hpp"

namespace ssdfs::cli {

std::string checkpoint_view::line(const wire::admin_checkpoint_reply& now, std::int64_t now_ms,
                                  std::size_t width) {
  if (now.stage != stage_ || now.bytes_done < last_bytes_) {
    stage_ = now.stage;
    since_ms_ = now_ms;
    first_bytes_ = now.bytes_done;
  }
  last_bytes_ = now.bytes_done;
  progress_values out;
  out.what = stage_ + " the image";
  if (now.bytes_done == first_bytes_) {  // there is no rate yet
    if (now.bytes_total > 0) out.what += " of " + format_size(now.bytes_total);
    return out.what.substr(0, width);
  }
  out.bytes = now.bytes_done;
  out.total_bytes = now.bytes_total;
  out.totals_known = true;
  // The line's rate is of all bytes, but those before the first look took nobody knows how long:
  // the time is what all would have taken at the rate that was seen.
  out.seconds = static_cast<double>(now_ms - since_ms_) / 1000 *
                static_cast<double>(now.bytes_done) /
                static_cast<double>(now.bytes_done - first_bytes_);
  return progress_line(out, width);
}

}  // namespace ssdfs::cli
