// Writes metrics in the text format of Prometheus.
#pragma once

#include "base/histogram.hpp"

#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace ssdfs::http {

/// Operation: begin a family (counter, gauge, histogram), then give its samples; every name gets
/// the prefix of the role, "ssdfs_master_". Names of counters end in _total, names of all others in
/// their unit; times are seconds. Labels are few and of known values: never paths.
/// Not thread-safe.
class metrics_text {
 public:
  using labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  /// `role` is the part of the names behind "ssdfs_".
  explicit metrics_text(std::string_view role) : prefix_("ssdfs_" + std::string(role) + "_") {}

  void counter(std::string_view name, std::string_view help) { begin(name, help, "counter"); }
  void gauge(std::string_view name, std::string_view help) { begin(name, help, "gauge"); }
  void histogram(std::string_view name, std::string_view help) { begin(name, help, "histogram"); }

  /// A sample of the family that was begun last.
  template <std::integral Number>
  void sample(Number value, labels with = {}) {
    line("", with, {}, std::to_string(value));
  }
  void sample(double value, labels with = {}) { line("", with, {}, text_of(value)); }
  /// All lines of one histogram of microseconds, as seconds.
  void sample_seconds(const ssdfs::histogram& of_us, labels with = {});

  /// A family of one sample.
  template <class Number>
  void counter(std::string_view name, std::string_view help, Number value) {
    counter(name, help);
    sample(value);
  }
  template <class Number>
  void gauge(std::string_view name, std::string_view help, Number value) {
    gauge(name, help);
    sample(value);
  }

  [[nodiscard]] const std::string& text() const noexcept { return text_; }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  void begin(std::string_view name, std::string_view help, std::string_view type);
  void line(std::string_view suffix, labels with, std::string_view bound, std::string_view value);
  static std::string text_of(double value);

  std::string prefix_;
  std::string family_;
  std::string text_;
};

}  // namespace ssdfs::http
