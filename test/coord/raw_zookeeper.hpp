// ZooKeeper as an operator's shell sees it: nodes and ACLs, without anything of ours.
#pragma once

#include <boost/test/unit_test.hpp>

#define THREADED  // the library's header: with the calls that wait
#include <zookeeper/zookeeper.h>
#undef THREADED

#include <chrono>
#include <string>
#include <thread>

namespace ssdfs::test {

class raw_zookeeper {
 public:
  explicit raw_zookeeper(const std::string& address, const std::string& digest = "") {
    zoo_set_debug_level(static_cast<ZooLogLevel>(0));
    handle_ =
        zookeeper_init(address.c_str(), nullptr, 10'000, nullptr, nullptr, ZOO_NO_LOG_CLIENTENV);
    BOOST_TEST_REQUIRE(handle_ != nullptr);
    for (int i = 0; i < 3'000 && zoo_state(handle_) != ZOO_CONNECTED_STATE; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    BOOST_TEST_REQUIRE(zoo_state(handle_) == ZOO_CONNECTED_STATE);
    if (!digest.empty()) {
      BOOST_TEST_REQUIRE(zoo_add_auth(handle_, "digest", digest.data(),
                                      static_cast<int>(digest.size()), nullptr, nullptr) == ZOK);
    }
  }
  ~raw_zookeeper() { zookeeper_close(handle_); }
  raw_zookeeper(const raw_zookeeper&) = delete;
  raw_zookeeper& operator=(const raw_zookeeper&) = delete;

  void make(const std::string& path, const std::string& data = "",
            const ACL_vector& acl = ZOO_OPEN_ACL_UNSAFE) {
    BOOST_TEST_REQUIRE(zoo_create(handle_, path.c_str(), data.data(), static_cast<int>(data.size()),
                                  &acl, 0, nullptr, 0) == ZOK);
  }
  void write(const std::string& path, const std::string& data) {
    BOOST_TEST_REQUIRE(
        zoo_set(handle_, path.c_str(), data.data(), static_cast<int>(data.size()), -1) == ZOK);
  }
  void remove(const std::string& path) {
    BOOST_TEST_REQUIRE(zoo_delete(handle_, path.c_str(), -1) == ZOK);
  }
  [[nodiscard]] int try_to_remove(const std::string& path) {
    return zoo_delete(handle_, path.c_str(), -1);
  }
  void protect(const std::string& path, const ACL_vector& acl) {
    BOOST_TEST_REQUIRE(zoo_set_acl(handle_, path.c_str(), -1, &acl) == ZOK);
  }

 private:
  zhandle_t* handle_ = nullptr;
};

}  // namespace ssdfs::test
