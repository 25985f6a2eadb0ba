#include "cli/logging.hpp"

#include "base/log.hpp"

#include <boost/date_time/posix_time/posix_time_types.hpp>
#include <boost/json/serialize.hpp>
#include <boost/log/attributes/clock.hpp>
#include <boost/log/core.hpp>
#include <boost/log/expressions.hpp>
#include <boost/log/sinks/sync_frontend.hpp>
#include <boost/log/sinks/text_ostream_backend.hpp>
#include <boost/log/utility/setup/common_attributes.hpp>
#include <boost/smart_ptr/make_shared.hpp>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <iostream>
#include <string>

namespace ssdfs::cli {
namespace {

namespace logging = boost::log;

std::string_view name_of(severity s) {
  switch (s) {
    case severity::debug: return "debug";
    case severity::info: return "info";
    case severity::warning: return "warning";
    case severity::error: return "error";
  }
  return "";
}

severity parse_level(std::string_view text) {
  for (const severity s : {severity::debug, severity::info, severity::warning}) {
    if (name_of(s) == text) return s;
  }
  return severity::error;
}

std::string utc_now() {
  timespec now{};
  clock_gettime(CLOCK_REALTIME, &now);
  std::tm parts{};
  gmtime_r(&now.tv_sec, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  std::array<char, 48> whole{};
  std::snprintf(whole.data(), whole.size(), "%s.%03ldZ", text.data(), now.tv_nsec / 1'000'000);
  return whole.data();
}

void format_text(const logging::record_view& record, logging::formatting_ostream& out) {
  static const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
  if (!journal) out << utc_now() << ' ';
  const auto level = logging::extract<severity>("Severity", record);
  out << (level ? name_of(*level) : "info") << ' ';
  if (const auto message = logging::extract<std::string>("Message", record)) {
    // One record is one line, whatever a peer managed to put into it.
    for (const char c : *message) out << (static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
  }
}

void format_json(const logging::record_view& record, logging::formatting_ostream& out) {
  const auto level = logging::extract<severity>("Severity", record);
  const auto message = logging::extract<std::string>("Message", record);
  out << R"({"time":")" << utc_now() << R"(","level":")" << (level ? name_of(*level) : "info")
      << R"(","message":)"
      << boost::json::serialize(boost::json::string(message ? *message : std::string())) << '}';
}

}  // namespace

void start_logging(std::string_view level, std::string_view format) {
  using backend = logging::sinks::text_ostream_backend;
  const auto out = boost::make_shared<backend>();
  out->add_stream(boost::shared_ptr<std::ostream>(&std::cerr, [](std::ostream*) {}));
  out->auto_flush(true);
  const auto sink = boost::make_shared<logging::sinks::synchronous_sink<backend>>(out);
  if (format == "json") {
    sink->set_formatter(&format_json);
  } else {
    sink->set_formatter(&format_text);
  }
  logging::core::get()->remove_all_sinks();
  logging::core::get()->add_sink(sink);
  set_log_level(level);
}

void set_log_level(std::string_view level) {
  const severity least = parse_level(level);
  logging::core::get()->set_filter([least](const logging::attribute_value_set& values) {
    const auto level_value = logging::extract<severity>("Severity", values);
    return !level_value || *level_value >= least;
  });
}

}  // namespace ssdfs::cli
