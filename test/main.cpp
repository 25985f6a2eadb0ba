#define BOOST_TEST_MODULE ssdfs
#include <boost/test/unit_test.hpp>
