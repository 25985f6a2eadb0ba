// These tests provoke what a server logs as information; only warnings are worth reading here.
#include "base/log.hpp"

#include <boost/log/core.hpp>
#include <boost/log/expressions.hpp>
#include <boost/test/unit_test.hpp>

namespace {

struct quiet {
  quiet() {
    boost::log::core::get()->set_filter(
        boost::log::expressions::attr<ssdfs::severity>("Severity") >= ssdfs::severity::error);
  }
};
BOOST_TEST_GLOBAL_FIXTURE(quiet);

}  // namespace
