// A place in the edits log, as those name it who compare their copies.
#pragma once

#include "base/ids.hpp"

#include <boost/describe/class.hpp>

#include <cstdint>

namespace ssdfs {

/// A record: two logs that hold the same one are equal up to there, because lines form a chain.
/// All 0: before the first record.
struct log_place {
  txid last;
  epoch_t epoch;            ///< the reign that logged it
  std::uint32_t chain = 0;  ///< CRC of its line
  friend bool operator==(const log_place&, const log_place&) = default;
};
BOOST_DESCRIBE_STRUCT(log_place, (), (last, epoch, chain))

}  // namespace ssdfs
