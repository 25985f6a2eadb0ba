// The timed part of a benchmark: operations on a cluster, a number of them in flight.
#pragma once

#include "base/histogram.hpp"
#include "cli/bench_set.hpp"
#include "ssdfs/client.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <string>

namespace ssdfs::cli {

struct bench_plan {
  std::string op;
  std::uint64_t files = 10000;
  std::uint64_t there = 10000;  ///< files that an earlier run has stored, at most `files`
  std::size_t concurrency = 64;
  std::uint32_t read_percent = 90;
  std::string directory = "/bench";
};

struct measurement {
  std::uint64_t operations = 0;
  std::uint64_t errors = 0;
  std::uint64_t bytes = 0;
  double seconds = 0;
  double cpu_seconds = 0;  ///< of this process
  std::string first_error;
  histogram_summary latency_us;
};

/// Runs the plan's operations on `io`, which the client uses, and nothing else.
[[nodiscard]] measurement run_load(boost::asio::io_context& io, client& store,
                                   const bench_plan& plan, const bench_set& files);

}  // namespace ssdfs::cli
