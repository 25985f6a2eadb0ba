// The server's options: where values come from, what is refused, and with which words.
#include "cli/options.hpp"

#include "base/units.hpp"

#include <boost/test/unit_test.hpp>

#include <filesystem>
#include <fstream>

namespace ssdfs::cli {
namespace {

using strings = std::vector<std::string>;

result<settings> read_settings(const strings& arguments, const strings& environment = {}) {
  return settings::read(arguments, environment);
}

std::string error_of(const strings& arguments, const strings& environment = {}) {
  const auto outcome = read_settings(arguments, environment);
  return outcome ? "no error" : outcome.error().message();
}

// A configuration file that is gone at the end of the test.
class config_file {
 public:
  explicit config_file(const std::string& text)
      : path_((std::filesystem::temp_directory_path() /
               ("ssdfs-options-" + std::to_string(::getpid()) + ".conf"))
                  .string()) {
    std::ofstream(path_) << text;
  }
  ~config_file() { std::filesystem::remove(path_); }
  config_file(const config_file&) = delete;
  config_file& operator=(const config_file&) = delete;
  [[nodiscard]] std::string argument() const { return "--config=" + path_; }

 private:
  std::string path_;
};

BOOST_AUTO_TEST_SUITE(options)

BOOST_AUTO_TEST_CASE(every_option_has_a_valid_default_in_every_role) {
  for (const char* name : {"master", "backup", "datanode", "all"}) {
    const auto options = read_settings({std::string("--role=") + name});
    BOOST_REQUIRE_MESSAGE(options.has_value(), name);
    for (const option_spec& spec : server_options()) {
      if (spec.name == "role" || spec.kind == option_kind::repeated) continue;
      BOOST_TEST_CONTEXT(spec.name) {
        if (spec.kind == option_kind::size) BOOST_CHECK_GT(options->size(spec.name), 0U);
        if (spec.kind == option_kind::duration) BOOST_CHECK_GE(options->duration_ms(spec.name), 0);
        if (spec.kind == option_kind::integer) BOOST_CHECK_GE(options->integer(spec.name), 0);
        BOOST_CHECK(!options->given(spec.name));
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(defaults_depend_on_the_role) {
  BOOST_CHECK_EQUAL(read_settings({"--role=master"})->text("listen"), ":9600");
  BOOST_CHECK_EQUAL(read_settings({"--role=datanode"})->text("listen"), ":9610");
  BOOST_CHECK_EQUAL(read_settings({"--role=backup"})->text("http"), ":9621");
  BOOST_CHECK_EQUAL(read_settings({"--role=all"})->text("listen"), "127.0.0.1:9600");
  BOOST_CHECK_EQUAL(read_settings({"--role=datanode"})->text("data-dir"),
                    "/var/lib/ssdfs/datanode");
  BOOST_CHECK_EQUAL(
      read_settings({"--role=master", "--dead-after=1m"})->duration_ms("safemode-max"), 240'000);
}

BOOST_AUTO_TEST_CASE(the_command_line_wins_over_variables_and_those_over_the_file) {
  const config_file file("# a comment\nreplication = 1\nvolume-size = 64MiB\nsync = always\n");
  const auto options = read_settings(
      {"--role=all", "--replication", "3", file.argument()},
      {"SSDFS_REPLICATION=2", "SSDFS_VOLUME_SIZE=32MiB", "SSDFS_USER=anna", "PATH=/bin"});
  BOOST_REQUIRE(options.has_value());
  BOOST_CHECK_EQUAL(options->integer("replication"), 3);
  BOOST_CHECK_EQUAL(options->size("volume-size"), 32 * MiB);
  BOOST_CHECK_EQUAL(options->text("sync"), "always");
  BOOST_CHECK(options->values().at("replication").from == source::command_line);
  BOOST_CHECK(options->values().at("volume-size").from == source::environment);
  BOOST_CHECK(options->values().at("sync").from == source::file);
}

BOOST_AUTO_TEST_CASE(keys_of_other_roles_are_fine_in_a_file_but_not_on_the_command_line) {
  const config_file file("sync = none\n");
  BOOST_CHECK(read_settings({"--role=master", file.argument()}).has_value());
  BOOST_CHECK_EQUAL(error_of({"--role=master", "--sync=none"}),
                    "option sync: is not an option of --role=master");
}

BOOST_AUTO_TEST_CASE(mistakes_are_named) {
  BOOST_CHECK_EQUAL(error_of({}), "option role is missing: master|backup|datanode|all");
  BOOST_CHECK(error_of({"--role=boss"}).find("'boss' is none of") != std::string::npos);
  BOOST_CHECK(error_of({"--role=all", "--replication=4"}).find("out of range") !=
              std::string::npos);
  BOOST_CHECK(error_of({"--role=all", "--volume-size=big"}).find("volume-size") !=
              std::string::npos);
  BOOST_CHECK(error_of({"--role=all", "--repl=2"}).find("unknown option") != std::string::npos);
  BOOST_CHECK_EQUAL(error_of({"--role=all", "stray"}),
                    "unexpected argument 'stray': a server takes options only");
  BOOST_CHECK_EQUAL(error_of({"--role"}), "option role: needs a value");
  BOOST_CHECK_EQUAL(error_of({"--role=all", "--data-dir="}), "option data-dir: needs a value");
  BOOST_CHECK_EQUAL(error_of({"--role=all", "--replication=0"}),
                    "option replication: '0' is out of range (1 to 3)");
  BOOST_CHECK_EQUAL(error_of({"--role=all", "--heartbeat-interval=1ms"}),
                    "option heartbeat-interval: '1ms' is out of range (10ms to 1h)");
  BOOST_CHECK_EQUAL(error_of({"--role=all", "--repair-rate=5"}),
                    "option repair-rate: '5' is out of range (at least 64.0 KiB)");
  BOOST_CHECK(
      error_of({"--role=all", "--replication=2", "--replication=3"}).find("more than once") !=
      std::string::npos);
  BOOST_CHECK(error_of({"--role=all", "--replication=1", "--min-replication=2"})
                  .find("is above replication") != std::string::npos);
  BOOST_CHECK(error_of({"--role=all"}, {"SSDFS_SYNC=often"}).starts_with("SSDFS_SYNC: "));
  BOOST_CHECK(error_of({"--role=all", "--config=/nonexistent"}).find("cannot be read") !=
              std::string::npos);
  const config_file file("surprise = 1\n");
  BOOST_CHECK(error_of({"--role=all", file.argument()}).find("unknown option surprise") !=
              std::string::npos);
}

BOOST_AUTO_TEST_CASE(mistakes_in_a_file_are_named) {
  const auto with = [](const char* text) {
    const config_file file(text);
    const std::string error = error_of({"--role=all", file.argument()});
    return error == "no error" ? error : error.substr(error.find(": ") + 2);
  };
  BOOST_CHECK_EQUAL(with("replication\n"), "line 'replication' is not NAME = VALUE");
  BOOST_CHECK_EQUAL(with("replication = 2\nreplication = 3\n"),
                    "option replication: given more than once");
  BOOST_CHECK_EQUAL(with("name = a\tb\n"), "option name: has a control character in it");
  BOOST_CHECK_EQUAL(with("http-cache-control = /a=x\nhttp-cache-control = /b=x\n"), "no error");
}

BOOST_AUTO_TEST_CASE(files_of_other_systems_are_read) {
  for (const char* text : {"\xef\xbb\xbfreplication = 3\n", "replication = 3\r\n",
                           "\xef\xbb\xbf# none\r\n\r\nreplication = 3", " replication=3 # three"}) {
    const config_file file(text);
    const auto options = read_settings({"--role=all", file.argument()});
    BOOST_REQUIRE_MESSAGE(options.has_value(), error_of({"--role=all", file.argument()}));
    BOOST_CHECK_EQUAL(options->integer("replication"), 3);
  }
  const config_file empty("");
  BOOST_CHECK_EQUAL(error_of({"--role=all", empty.argument()}), "no error");
}

BOOST_AUTO_TEST_CASE(variables_of_container_managers_are_not_options) {
  const auto options = read_settings(
      {"--role=all"},
      strings{"SSDFS_PORT=tcp://10.0.0.1:9600", "SSDFS_SERVICE_HOST=10.0.0.1",
              "SSDFS_PORT_9600_TCP_ADDR=10.0.0.1", "SSDFS_MASTER_PORT=tcp://10.0.0.1:9600",
              "SSDFS_MASTER_SERVICE_PORT_HTTP=9601"});
  BOOST_REQUIRE(options.has_value());
  BOOST_CHECK_EQUAL(options->text("listen"), "127.0.0.1:9600");
}

BOOST_AUTO_TEST_CASE(control_characters_are_in_no_option) {
  for (const char* bad : {"--name=two\nlines", "--rack=/a\x1b[31m", "--data-dir=/a\x7f"}) {
    BOOST_CHECK(error_of({"--role=datanode", bad}).ends_with("has a control character in it"));
  }
  BOOST_CHECK_EQUAL(error_of({"--role=datanode", "--name=\xc3\xbc \"1\""}), "no error");
}

BOOST_AUTO_TEST_CASE(addresses_are_checked_before_a_server_starts) {
  const auto of = [](const char* option, const char* value) {
    return error_of({"--role=datanode", std::string("--") + option + "=" + value});
  };
  for (const char* fine : {"127.0.0.1:0", ":9610", "*:9610", "[::1]:9610", "node:1"}) {
    BOOST_CHECK_EQUAL(of("listen", fine), "no error");
  }
  BOOST_CHECK_EQUAL(of("http", "off"), "no error");
  BOOST_CHECK_EQUAL(of("master", "a:1,b:2"), "no error");
  BOOST_CHECK_EQUAL(of("advertise", "node:9610"), "no error");
  BOOST_CHECK_EQUAL(error_of({"--role=datanode"}, {"SSDFS_ADVERTISE=", "SSDFS_MASTER="}),
                    "no error");
  BOOST_CHECK_EQUAL(read_settings({"--role=datanode"}, strings{"SSDFS_LISTEN="})->text("listen"),
                    ":9610");
  for (const char* option : {"listen", "http", "advertise", "advertise-http", "master"}) {
    for (const char* bad : {"node", "node:99999", "a:1 b:2", "::1:1"}) {
      BOOST_CHECK_MESSAGE(of(option, bad).starts_with(std::string("option ") + option + ": '"),
                          of(option, bad));
    }
  }
  BOOST_CHECK(of("listen", "off") != "no error");
  BOOST_CHECK(of("listen", "a:1,b:2") != "no error");
  BOOST_CHECK(of("master", ",") != "no error");
  // Nobody can connect to these.
  for (const char* bad : {":9610", "*:9610", "node:0"}) {
    BOOST_CHECK(of("advertise", bad).find("others need a host and a port") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(a_number_behind_a_directory_is_a_capacity) {
  for (const char* fine : {"/a,/b", "/a:10GiB,/b:1t", "/a:b", "/a:1/b", "/a:1/b:2KiB"}) {
    BOOST_CHECK_EQUAL(error_of({"--role=datanode", std::string("--data-dir=") + fine}), "no error");
  }
  for (const char* bad : {"/a:10GB", "/a,/b:5x", "/a:1/b:2%"}) {
    const std::string error = error_of({"--role=datanode", std::string("--data-dir=") + bad});
    BOOST_CHECK_MESSAGE(error.find("is not a size") != std::string::npos, error);
  }
}

BOOST_AUTO_TEST_CASE(flags_and_repeated_options) {
  const auto options = read_settings({"--role=master", "--promote"});
  BOOST_REQUIRE_MESSAGE(options.has_value(), error_of({"--role=master", "--promote"}));
  BOOST_CHECK(options->flag("promote"));
  const auto several = read_settings(
      {"--role=datanode", "--http-cache-control", "/a=x", "--http-cache-control", "/b=y"});
  BOOST_REQUIRE(several.has_value());
  BOOST_CHECK(several->texts("http-cache-control") == strings({"/a=x", "/b=y"}));
}

BOOST_AUTO_TEST_CASE(the_reserve_is_a_size_or_a_share) {
  BOOST_CHECK_EQUAL(read_settings({"--role=datanode", "--reserved=10%"})->text("reserved"), "10%");
  BOOST_CHECK_EQUAL(read_settings({"--role=datanode", "--reserved=1GiB"})->size("reserved"), GiB);
  BOOST_CHECK(error_of({"--role=datanode", "--reserved=100%"}) != "no error");
}

BOOST_AUTO_TEST_CASE(help_lists_every_option) {
  const std::string text = server_help();
  for (const option_spec& spec : server_options()) {
    BOOST_CHECK_MESSAGE(text.find("--" + std::string(spec.name)) != std::string::npos, spec.name);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::cli
