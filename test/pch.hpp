// What the test programs precompile: the product's headers, and Boost.Test.
#pragma once

#include "pch.hpp"

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <condition_variable>
#include <future>
#include <iostream>
#include <mutex>
#include <thread>
