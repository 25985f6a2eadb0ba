#include "cli/logging.hpp"

#include "base/log.hpp"
#include "cli/log_writer.hpp"

#include <boost/date_time/posix_time/posix_time_types.hpp>
#include <boost/json/serialize.hpp>
#include <boost/log/attributes/clock.hpp>
#include <boost/log/core.hpp>
#include <boost/log/expressions.hpp>
#include <boost/log/sinks/basic_sink_backend.hpp>
#include <boost/log/sinks/sync_frontend.hpp>
#include <boost/log/utility/setup/common_attributes.hpp>
#include <boost/smart_ptr/make_shared.hpp>

#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <string>
#include <utility>

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

// systemd's journal has a time for each line.
std::string text_begin() {
  static const bool journal = std::getenv("JOURNAL_STREAM") != nullptr;
  return journal ? std::string() : utc_now() + " ";
}

void format_text(const logging::record_view& record, logging::formatting_ostream& out) {
  out << text_begin();
  const auto level = logging::extract<severity>("Severity", record);
  out << (level ? name_of(*level) : "info") << ' ';
  if (const auto message = logging::extract<std::string>("Message", record)) {
    // One record is one line, whatever a peer managed to put into it.
    for (const char c : *message) out << (static_cast<unsigned char>(c) < 0x20 ? ' ' : c);
  }
}

std::string json_line(std::string_view level, const std::string& message) {
  return R"({"time":")" + utc_now() + R"(","level":")" + std::string(level) + R"(","message":)" +
         boost::json::serialize(boost::json::string(message)) + "}";
}

void format_json(const logging::record_view& record, logging::formatting_ostream& out) {
  const auto level = logging::extract<severity>("Severity", record);
  const auto message = logging::extract<std::string>("Message", record);
  out << json_line(level ? name_of(*level) : "info", message ? *message : std::string());
}

std::string loss_text(std::uint64_t lines) {
  return std::to_string(lines) + " lines of the log are missing: standard error did not take them";
}

class queue_backend
    : public logging::sinks::basic_formatted_sink_backend<char,
                                                          logging::sinks::synchronized_feeding> {
 public:
  explicit queue_backend(log_writer::loss_line tell_loss)
      : to_(STDERR_FILENO, std::move(tell_loss)) {}
  void consume(const logging::record_view&, const string_type& line) { to_.add(line); }

 private:
  log_writer to_;
};

}  // namespace

log_output::log_output(std::string_view level, std::string_view format) {
  const bool json = format == "json";
  const auto out = boost::make_shared<queue_backend>([json](std::uint64_t lines) {
    return json ? json_line("warning", loss_text(lines))
                : text_begin() + "warning " + loss_text(lines);
  });
  const auto sink = boost::make_shared<logging::sinks::synchronous_sink<queue_backend>>(out);
  if (json) {
    sink->set_formatter(&format_json);
  } else {
    sink->set_formatter(&format_text);
  }
  logging::core::get()->remove_all_sinks();
  logging::core::get()->add_sink(sink);
  set_log_level(level);
}

// The sink goes with its last owner, which is the core; what is queued is written then.
log_output::~log_output() { logging::core::get()->remove_all_sinks(); }

void set_log_level(std::string_view level) {
  const severity least = parse_level(level);
  logging::core::get()->set_filter([least](const logging::attribute_value_set& values) {
    const auto level_value = logging::extract<severity>("Severity", values);
    return !level_value || *level_value >= least;
  });
}

}  // namespace ssdfs::cli
