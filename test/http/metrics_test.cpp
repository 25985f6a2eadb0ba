// The Prometheus text: families, escaping, histograms in seconds.
#include "http/common_metrics.hpp"
#include "http/metrics_text.hpp"

#include <boost/test/unit_test.hpp>

#include <string>

namespace ssdfs::http {
namespace {

BOOST_AUTO_TEST_SUITE(metrics)

BOOST_AUTO_TEST_CASE(families_have_help_type_and_samples) {
  metrics_text text("master");
  text.counter("errors_total", "Errors.");
  text.sample(3, {{"kind", "busy"}});
  text.sample(std::uint64_t{1} << 63, {{"kind", "io"}, {"op", "x"}});
  text.gauge("load_ratio", "Load.", 0.25);
  BOOST_TEST(text.text() ==
             "# HELP ssdfs_master_errors_total Errors.\n"
             "# TYPE ssdfs_master_errors_total counter\n"
             "ssdfs_master_errors_total{kind=\"busy\"} 3\n"
             "ssdfs_master_errors_total{kind=\"io\",op=\"x\"} 9223372036854775808\n"
             "# HELP ssdfs_master_load_ratio Load.\n"
             "# TYPE ssdfs_master_load_ratio gauge\n"
             "ssdfs_master_load_ratio 0.25\n");
}

BOOST_AUTO_TEST_CASE(help_and_labels_are_escaped) {
  metrics_text text("x");
  text.gauge("a", "line\nback\\slash \"quoted\"");
  text.sample(-1, {{"l", "line\nback\\slash \"quoted\""}});
  BOOST_TEST(text.text() ==
             "# HELP ssdfs_x_a line\\nback\\\\slash \"quoted\"\n"
             "# TYPE ssdfs_x_a gauge\n"
             "ssdfs_x_a{l=\"line\\nback\\\\slash \\\"quoted\\\"\"} -1\n");
}

BOOST_AUTO_TEST_CASE(a_histogram_of_microseconds_is_cumulative_in_seconds) {
  ssdfs::histogram h;
  for (const std::uint64_t us : {10, 63, 64, 127, 128, 1'000'000}) h.record(us);
  metrics_text text("x");
  text.histogram("t_seconds", "T.");
  text.sample_seconds(h, {{"op", "read"}});
  const auto has = [&](const std::string& line) {
    return text.text().find("\n" + line + "\n") != std::string::npos;
  };
  BOOST_TEST(has(R"(ssdfs_x_t_seconds_bucket{op="read",le="6.4e-05"} 2)"));
  BOOST_TEST(has(R"(ssdfs_x_t_seconds_bucket{op="read",le="0.000128"} 4)"));
  BOOST_TEST(has(R"(ssdfs_x_t_seconds_bucket{op="read",le="0.000256"} 5)"));
  BOOST_TEST(has(R"(ssdfs_x_t_seconds_bucket{op="read",le="1.048576"} 6)"));
  BOOST_TEST(has(R"(ssdfs_x_t_seconds_bucket{op="read",le="+Inf"} 6)"));
  BOOST_TEST(has(R"(ssdfs_x_t_seconds_count{op="read"} 6)"));
  BOOST_TEST(has(R"(ssdfs_x_t_seconds_sum{op="read"} 1.000392)"));
}

BOOST_AUTO_TEST_CASE(a_server_counts_by_operation_and_kind) {
  net::server_metrics counts;
  const auto lookup = static_cast<std::uint16_t>(wire::opcode::lookup);
  counts.answered(lookup, 0, 5'000'000);
  counts.answered(lookup, static_cast<std::uint16_t>(errc::not_found), -1);
  counts.answered(65535, 65535, 1);  // of a caller that makes numbers up
  counts.received_bytes = 7;
  metrics_text text("master");
  write_server_metrics(text, counts);
  const auto has = [&](const std::string& line) {
    return text.text().find("\n" + line + "\n") != std::string::npos;
  };
  BOOST_TEST(has(R"(ssdfs_master_request_duration_seconds_count{op="lookup"} 2)"));
  BOOST_TEST(has(R"(ssdfs_master_errors_total{kind="no_such_file_or_directory"} 1)"));
  BOOST_TEST(has("ssdfs_master_received_bytes_total 7"));
  BOOST_TEST(has("ssdfs_master_connections 0"));
}

BOOST_AUTO_TEST_CASE(the_process_describes_itself) {
  const std::string text = process_metrics();
  for (const char* name :
       {"process_cpu_seconds_total ", "process_open_fds ", "process_resident_memory_bytes ",
        "process_threads ", "process_start_time_seconds ", "ssdfs_build_info{version="}) {
    BOOST_TEST(text.find(std::string("\n") + name) != std::string::npos, name);
  }
  // Started in this century, and with memory.
  const auto number_of = [&](const std::string& name) {
    return std::stod(text.substr(text.find("\n" + name + " ") + name.size() + 2));
  };
  BOOST_TEST(number_of("process_start_time_seconds") > 1.6e9);
  BOOST_TEST(number_of("process_resident_memory_bytes") > 1e6);
  BOOST_TEST(number_of("process_threads") >= 1);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::http
