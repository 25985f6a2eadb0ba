#include "http/common_metrics.hpp"

#include "ssdfs/error.hpp"

#include <dirent.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <sstream>

namespace ssdfs::http {
namespace {

// "no such file" is what people read; a label is a word.
std::string word_of(std::size_t status) {
  std::string text = make_error_code(static_cast<errc>(status)).message();
  for (char& c : text) {
    if ((c < 'a' || c > 'z') && (c < '0' || c > '9')) c = '_';
  }
  return text;
}

double seconds(const timeval& t) {
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) / 1e6;
}

// Field `index` (from 1, as in proc(5)) of /proc/self/stat; 0 where there is none.
std::uint64_t stat_field(std::size_t index) {
  std::ifstream in("/proc/self/stat");
  std::string line;
  std::getline(in, line);
  const auto name_end = line.rfind(')');
  if (name_end == std::string::npos) return 0;
  std::istringstream fields(line.substr(name_end + 1));
  std::string field;
  for (std::size_t i = 3; i <= index && fields >> field; ++i) {
  }
  return fields ? std::strtoull(field.c_str(), nullptr, 10) : 0;
}

std::uint64_t boot_seconds() {
  std::ifstream in("/proc/stat");
  for (std::string word; in >> word;) {
    std::uint64_t value = 0;
    if (word == "btime" && in >> value) return value;
  }
  return 0;
}

std::size_t open_descriptors() {
  const std::unique_ptr<DIR, int (*)(DIR*)> directory(::opendir("/proc/self/fd"), ::closedir);
  if (!directory) return 0;
  std::size_t count = 0;
  while (const dirent* entry = ::readdir(directory.get())) {
    if (entry->d_name[0] != '.') ++count;
  }
  return count > 0 ? count - 1 : 0;  // without the one that lists them
}

// The names of all exporters' process metrics, without a prefix of ours.
class plain_text {
 public:
  template <class Number>
  void add(const char* name, const char* type, const char* help, Number value) {
    out_ << "# HELP " << name << " " << help << "\n# TYPE " << name << " " << type << "\n"
         << name << " " << value << "\n";
  }
  plain_text() { out_.precision(15); }
  [[nodiscard]] std::string text() const { return out_.str(); }

 private:
  std::ostringstream out_;
};

}  // namespace

void write_server_metrics(metrics_text& to, const net::server_metrics& of) {
  to.histogram("request_duration_seconds",
               "Time from the receipt of a request to its answer, by operation.");
  for (std::size_t op = 0; op < net::server_metrics::max_opcodes; ++op) {
    const histogram* latency = of.latency_us(op);
    if (latency == nullptr) continue;
    to.sample_seconds(*latency, {{"op", wire::name_of(static_cast<wire::opcode>(op))}});
  }
  to.counter("errors_total", "Requests that were answered with an error, by its kind.");
  for (std::size_t status = 1; status < net::server_metrics::max_errors; ++status) {
    if (const auto count = of.errors(status); count > 0) {
      to.sample(count, {{"kind", word_of(status)}});
    }
  }
  to.counter("received_bytes_total", "Bytes received over the binary protocol.",
             of.received_bytes.load());
  to.counter("sent_bytes_total", "Bytes of answers over the binary protocol.",
             of.sent_bytes.load());
  to.counter("connections_accepted_total", "Connections accepted.", of.accepted.load());
  to.counter("connections_refused_total", "Connections closed at once: there were too many.",
             of.refused.load());
  to.gauge("connections", "Connections that are open.", of.open.load());
  to.gauge("requests_in_flight", "Requests received and not answered yet.", of.in_flight.load());
}

void write_http_metrics(metrics_text& to, const server_stats& of) {
  const auto value = [](const std::atomic<std::uint64_t>& n) {
    return n.load(std::memory_order_relaxed);
  };
  to.counter("http_responses_total", "Answers over HTTP, by the class of their status.");
  for (std::size_t c = 1; c < of.by_class.size(); ++c) {
    to.sample(value(of.by_class[c]), {{"class", std::to_string(c) + "xx"}});
  }
  to.histogram("http_request_duration_seconds",
               "Time from a complete request to the last byte of its answer.");
  to.sample_seconds(of.latency_us);
  to.counter("http_received_bytes_total", "Bytes received over HTTP.", value(of.received_bytes));
  to.counter("http_sent_bytes_total", "Bytes sent over HTTP.", value(of.sent_bytes));
  to.counter("http_malformed_total", "Requests that were refused because they are not HTTP.",
             value(of.malformed));
  to.counter("http_connections_accepted_total", "HTTP connections accepted.", value(of.accepted));
  to.counter("http_connections_refused_total",
             "HTTP connections closed at once: there were too many.", value(of.refused));
  to.counter("http_connections_timed_out_total", "HTTP connections cut because they were too slow.",
             value(of.timed_out));
  to.gauge("http_connections", "HTTP connections that are open.", value(of.open));
}

std::string process_metrics() {
  plain_text out;
  rusage usage{};
  static_cast<void>(::getrusage(RUSAGE_SELF, &usage));
  out.add("process_cpu_seconds_total", "counter", "User and system CPU time spent, in seconds.",
          seconds(usage.ru_utime) + seconds(usage.ru_stime));
  rlimit descriptors{};
  static_cast<void>(::getrlimit(RLIMIT_NOFILE, &descriptors));
  out.add("process_open_fds", "gauge", "Open file descriptors.", open_descriptors());
  out.add("process_max_fds", "gauge", "Most file descriptors that may be open.",
          descriptors.rlim_cur);
  out.add("process_virtual_memory_bytes", "gauge", "Virtual memory, in bytes.", stat_field(23));
  out.add("process_resident_memory_bytes", "gauge", "Resident memory, in bytes.",
          stat_field(24) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE)));
  out.add("process_threads", "gauge", "Threads.", stat_field(20));
  const auto ticks = static_cast<double>(std::max(1L, ::sysconf(_SC_CLK_TCK)));
  std::ostringstream started;
  started.precision(15);
  started << static_cast<double>(boot_seconds()) + static_cast<double>(stat_field(22)) / ticks;
  out.add("process_start_time_seconds", "gauge", "Start of the process, in seconds since 1970.",
          started.str());
  return out.text() +
         "# HELP ssdfs_build_info What was built; the value is 1.\n"
         "# TYPE ssdfs_build_info gauge\n"
         "ssdfs_build_info{version=\"" SSDFS_VERSION "\",compiler=\"" __VERSION__ "\"} 1\n";
}

void route_metrics(server& to, std::string role, std::function<void(metrics_text&)> write) {
  to.route("/metrics", [role = std::move(role), write = std::move(write),
                        &stats = to.stats()](const http_request& r) {
    metrics_text text(role);
    write(text);
    write_http_metrics(text, stats);
    return text_response(r, boost::beast::http::status::ok, text.take() + process_metrics(),
                         "text/plain; version=0.0.4; charset=utf-8");
  });
}

}  // namespace ssdfs::http
