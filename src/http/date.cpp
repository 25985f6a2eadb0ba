#include "http/date.hpp"

#include "io/clock.hpp"

#include <array>
#include <chrono>
#include <cstdio>

namespace ssdfs::http {
namespace {

namespace chrono = std::chrono;

constexpr std::array<std::string_view, 7> days = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

// Takes a text apart from the left; failed() once something was not as expected.
class scanner {
 public:
  explicit scanner(std::string_view text) : rest_(text) {}
  void skip(std::string_view expected) {
    if (!rest_.starts_with(expected)) return fail();
    rest_.remove_prefix(expected.size());
  }
  void skip_letters() {
    std::size_t n = 0;
    while (n < rest_.size() && ((rest_[n] | 0x20) >= 'a' && (rest_[n] | 0x20) <= 'z')) ++n;
    if (n < 3) return fail();
    rest_.remove_prefix(n);
  }
  int number(std::size_t digits, bool may_pad = false) {
    int value = 0;
    if (rest_.size() < digits) return fail(), 0;
    for (std::size_t i = 0; i < digits; ++i) {
      const char c = rest_[i];
      if (may_pad && i == 0 && c == ' ') continue;
      if (c < '0' || c > '9') return fail(), 0;
      value = value * 10 + (c - '0');
    }
    rest_.remove_prefix(digits);
    return value;
  }
  int month() {
    for (std::size_t i = 0; i < months.size(); ++i) {
      if (rest_.starts_with(months[i])) {
        rest_.remove_prefix(3);
        return static_cast<int>(i) + 1;
      }
    }
    return fail(), 0;
  }
  [[nodiscard]] char peek() const { return rest_.empty() ? '\0' : rest_.front(); }
  [[nodiscard]] bool complete() const { return !failed_ && rest_.empty(); }

 private:
  void fail() { failed_ = true; }
  std::string_view rest_;
  bool failed_ = false;
};

struct parts {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
};

void scan_time(scanner& in, parts& to) {
  to.hour = in.number(2);
  in.skip(":");
  to.minute = in.number(2);
  in.skip(":");
  to.second = in.number(2);
}

std::optional<std::int64_t> seconds_of(const parts& p) {
  const chrono::year_month_day date{chrono::year(p.year),
                                    chrono::month(static_cast<unsigned>(p.month)),
                                    chrono::day(static_cast<unsigned>(p.day))};
  if (!date.ok() || p.hour > 23 || p.minute > 59 || p.second > 60) return {};
  return chrono::sys_days(date).time_since_epoch().count() * std::int64_t{86400} + p.hour * 3600 +
         p.minute * 60 + p.second;
}

// A year of two digits that would lie more than 50 years ahead is in the past.
int full_year(int two_digits) {
  const auto today = chrono::floor<chrono::days>(
      chrono::sys_time<chrono::milliseconds>(chrono::milliseconds(io::wall_ms())));
  const int now = static_cast<int>(chrono::year_month_day(today).year());
  const int year = now / 100 * 100 + two_digits;
  return year > now + 50 ? year - 100 : year;
}

}  // namespace

std::string http_date(std::int64_t seconds) {
  const chrono::sys_seconds time{chrono::seconds(seconds)};
  const auto day = chrono::floor<chrono::days>(time);
  const chrono::year_month_day date(day);
  const chrono::hh_mm_ss clock(time - day);
  std::array<char, 64> out;
  const int n = std::snprintf(
      out.data(), out.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
      days[chrono::weekday(day).c_encoding()].data(), static_cast<unsigned>(date.day()),
      months[static_cast<unsigned>(date.month()) - 1].data(), static_cast<int>(date.year()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()));
  return {out.data(), static_cast<std::size_t>(n)};
}

std::optional<std::int64_t> parse_http_date(std::string_view text) {
  scanner in(text);
  parts p;
  in.skip_letters();
  if (in.peek() == ' ') {  // Sun Nov  6 08:49:37 1994
    in.skip(" ");
    p.month = in.month();
    in.skip(" ");
    p.day = in.number(2, true);
    in.skip(" ");
    scan_time(in, p);
    in.skip(" ");
    p.year = in.number(4);
    return in.complete() ? seconds_of(p) : std::nullopt;
  }
  in.skip(", ");
  p.day = in.number(2);
  const bool dashes = in.peek() == '-';  // Sunday, 06-Nov-94 08:49:37 GMT
  in.skip(dashes ? "-" : " ");
  p.month = in.month();
  in.skip(dashes ? "-" : " ");
  p.year = dashes ? full_year(in.number(2)) : in.number(4);
  in.skip(" ");
  scan_time(in, p);
  in.skip(" GMT");
  return in.complete() ? seconds_of(p) : std::nullopt;
}

std::string_view http_date_now() {
  thread_local std::int64_t second = -1;
  thread_local std::string text;
  const std::int64_t now = io::wall_ms() / 1000;
  if (now != second) {
    text = http_date(now);
    second = now;
  }
  return text;
}

}  // namespace ssdfs::http
