// Registration, orders and restarts below a fake master.
#include "datanode/node_fixture.hpp"

using namespace ssdfs;
using namespace ssdfs::test;

namespace {

bool is_sealed(const replica_report& r) { return r.state == replica_state::sealed; }

}  // namespace

BOOST_AUTO_TEST_SUITE(membership)

BOOST_AUTO_TEST_CASE(runs_without_a_master) {
  io_threads threads;
  test_node node(threads.context(), {});
  BOOST_TEST(!node.role().readiness().ready);
  BOOST_TEST(node.role().readiness().reason.find("no master") != std::string::npos);
  auto channel = net::channel::make(threads.context().get_executor(), node.address(), {});
  auto answer = net::awaited<wire::ping_request>(*channel, {}, 5000).wait();
  BOOST_TEST(answer.has_value());
  channel->stop();
}

BOOST_AUTO_TEST_CASE(registers_and_says_who_it_is) {
  node_fixture f(1, [](datanode::datanode_options& o) {
    o.name = "n1";
    o.rack = "/r1";
    o.http_address = "127.0.0.1:1";
  });
  const node_registration r = f.master.registration(f.nodes[0]->id());
  BOOST_TEST(r.name == "n1");
  BOOST_TEST(r.rack == "/r1");
  BOOST_TEST(r.http_address == "127.0.0.1:1");
  BOOST_TEST(r.address == f.nodes[0]->address());
  BOOST_REQUIRE(r.disks.size() == 1u);
  BOOST_TEST(r.disks[0].capacity_bytes > 0u);
  BOOST_TEST(!r.disks[0].failed);
  BOOST_TEST(f.nodes[0]->role().readiness().ready);
}

BOOST_AUTO_TEST_CASE(a_wildcard_listener_tells_the_address_that_the_master_sees) {
  node_fixture f(1, [](datanode::datanode_options& o) { o.listen = "0.0.0.0:0"; });
  const std::string told = f.master.registration(f.nodes[0]->id()).address;
  const std::string bound = f.nodes[0]->address();
  BOOST_TEST(told == "127.0.0.1" + bound.substr(bound.rfind(':')));
}

BOOST_AUTO_TEST_CASE(another_cluster_is_refused) {
  io_threads threads;
  fake_master first(threads.context());
  test_node node(threads.context(), {first.address()});
  first.wait_registered(node.id());
  net::channel_options stranger;
  stranger.hello.cluster = cluster_id(io::random_uuid());
  auto channel = net::channel::make(threads.context().get_executor(), node.address(), stranger);
  auto answer = net::awaited<wire::ping_request>(*channel, {}, 5000).wait();
  BOOST_REQUIRE(answer.has_error());
  BOOST_TEST((answer.error() == errc::wrong_cluster));
  channel->stop();
}

BOOST_AUTO_TEST_CASE(the_life_of_a_volume_by_orders) {
  node_fixture f(1);
  const node_id node = f.nodes[0]->id();
  const byte_vector content = random_bytes(5000, 1);
  BOOST_REQUIRE(f.write(1, content));
  BOOST_REQUIRE(f.write(2, content));
  // Every order is given twice: the second time it finds its work done.
  for (int i = 0; i < 2; ++i) {
    f.tell(0, {f.address_of(0)});
  }
  const order stale{.kind = order_kind::seal, .volume = f.volume, .generation = 7};
  BOOST_TEST(f.order_to(0, stale).status == static_cast<std::uint16_t>(errc::stale_generation));
  for (int i = 0; i < 2; ++i) {
    f.require_done(0, {.kind = order_kind::seal, .volume = f.volume, .generation = 1});
  }
  f.master.wait_report(node, f.volume, is_sealed);
  BOOST_TEST((f.write(3, content).error() == errc::sealed));
  f.require_everywhere(1, content);
  for (int i = 0; i < 2; ++i) {
    f.require_done(0, {.kind = order_kind::remove_keys,
                       .volume = f.volume,
                       .generation = 1,
                       .removal_number = 1,
                       .keys = {1},
                       .justified_by = txid(1)});
  }
  BOOST_TEST((f.read(0, 1, content).error() == errc::not_found));
  f.master.wait_report(node, f.volume, [](const auto& r) {
    return r.removal_number == 1 && r.digest.count == 1 && r.dead_bytes >= 5000;
  });
  f.require_done(0, {.kind = order_kind::compact, .volume = f.volume, .generation = 1});
  f.master.wait_report(node, f.volume, [](const auto& r) { return r.dead_bytes < 1000; });
  f.require_everywhere(2, content);
  for (int i = 0; i < 2; ++i) {
    f.require_done(0, {.kind = order_kind::set_generation, .volume = f.volume, .generation = 2});
    f.require_done(0, {.kind = order_kind::set_generation, .volume = f.volume, .generation = 2});
  }
  for (int i = 0; i < 2; ++i) {
    f.require_done(0, {.kind = order_kind::reopen,
                       .volume = f.volume,
                       .generation = 3,
                       .sources = {f.address_of(0)}});
  }
  BOOST_TEST((f.write(4, content).error() == errc::stale_generation));
  BOOST_TEST(f.write(5, content, {.generation = 3}).has_value());
  for (int i = 0; i < 2; ++i) {
    f.require_done(
        0,
        {.kind = order_kind::drop, .volume = f.volume, .generation = 3, .justified_by = txid(1)});
  }
  f.master.wait_gone(node, f.volume);
  BOOST_TEST((f.read(0, 2, content).error() == errc::not_found));
}

BOOST_AUTO_TEST_CASE(data_and_membership_survive_a_restart) {
  node_fixture f(1);
  const node_id node = f.nodes[0]->id();
  const byte_vector small = random_bytes(5000, 1);
  const byte_vector large = random_bytes(600'000, 2);
  BOOST_REQUIRE(f.write(1, small));
  BOOST_REQUIRE(f.write_large(2, large));
  f.nodes[0]->stop();
  f.nodes[0]->start();
  BOOST_TEST((f.nodes[0]->id() == node));
  f.require_everywhere(1, small);
  f.require_everywhere(2, large);
  f.master.wait_report(node, f.volume, [](const auto& r) { return r.digest.count == 2; });
}

BOOST_AUTO_TEST_CASE(a_new_epoch_is_joined) {
  node_fixture f(1);
  f.master.new_epoch();
  f.master.wait_registered(f.nodes[0]->id());
  f.require_done(0, {.kind = order_kind::seal, .volume = f.volume, .generation = 1});
}

BOOST_AUTO_TEST_CASE(a_volume_is_copied_whole) {
  node_fixture f(2);
  std::vector<byte_vector> contents;
  for (chunk_key key = 1; key <= 200; ++key) {
    contents.push_back(random_bytes(1 + key * 611 % 30'000, key));
    BOOST_REQUIRE(f.write(key, contents.back()));
  }
  contents.push_back(random_bytes((3 << 20) + 77, 1000));
  BOOST_REQUIRE(f.write_large(201, contents.back()));
  for (std::size_t i : {0u, 1u}) {
    f.require_done(i, {.kind = order_kind::seal, .volume = f.volume, .generation = 1});
    f.require_done(i, {.kind = order_kind::remove_keys,
                       .volume = f.volume,
                       .removal_number = 1,
                       .keys = {3},
                       .justified_by = txid(1)});
  }
  f.require_done(1, {.kind = order_kind::drop, .volume = f.volume, .justified_by = txid(1)});
  // The first source is not there: the second is taken.
  f.require_done(1, {.kind = order_kind::copy,
                     .volume = f.volume,
                     .generation = 2,
                     .sources = {{node_id(io::random_uuid()), "127.0.0.1:1"},
                                 {f.nodes[0]->id(), f.nodes[0]->address()}}});
  const auto source = f.master.wait_report(f.nodes[0]->id(), f.volume, is_sealed);
  const auto copied = f.master.wait_report(f.nodes[1]->id(), f.volume, is_sealed);
  BOOST_TEST((copied.digest == source.digest));
  BOOST_TEST(copied.generation == 2u);
  BOOST_TEST(copied.removal_number == 1u);
  for (const chunk_key key : {1u, 2u, 4u, 100u, 200u, 201u}) {
    f.require_everywhere(key, contents[key - 1]);
  }
}

BOOST_AUTO_TEST_CASE(a_copy_without_a_source_fails_and_may_be_repeated) {
  node_fixture f(2);
  const byte_vector content = random_bytes(5000, 1);
  BOOST_REQUIRE(f.write(1, content));
  f.require_done(0, {.kind = order_kind::seal, .volume = f.volume, .generation = 1});
  f.require_done(1, {.kind = order_kind::drop, .volume = f.volume, .justified_by = txid(1)});
  const order_result failed = f.order_to(1, {.kind = order_kind::copy,
                                             .volume = f.volume,
                                             .generation = 1,
                                             .sources = {{node_id(), "127.0.0.1:1"}}});
  BOOST_TEST(failed.status == static_cast<std::uint16_t>(errc::unavailable));
  f.require_done(1, {.kind = order_kind::copy,
                     .volume = f.volume,
                     .generation = 1,
                     .sources = {{f.nodes[0]->id(), f.nodes[0]->address()}}});
  f.require_everywhere(1, content);
}

BOOST_AUTO_TEST_CASE(a_reconcile_makes_the_replica_equal_to_the_list) {
  node_fixture f(2);
  const byte_vector a = random_bytes(5000, 1);
  const byte_vector b = random_bytes(6000, 2);
  const byte_vector c = random_bytes(7000, 3);
  // 1 is everywhere, 2 only on the first (an orphan there), 3 only on the second.
  BOOST_REQUIRE(f.write(1, a));
  for (std::size_t i : {0u, 1u}) f.tell(i, {f.address_of(i)});
  BOOST_REQUIRE(f.write(2, b, {.chain = f.member(0)}));
  auto to_second = f.small_write(3, c, {.chain = f.member(1)});
  BOOST_REQUIRE(f.call(1, to_second, c));
  for (std::size_t i : {0u, 1u}) {
    f.require_done(i, {.kind = order_kind::seal, .volume = f.volume, .generation = 1});
  }
  wire::live_chunks_reply list;
  const auto entry = [](chunk_key key, const byte_vector& content) {
    return wire::chunk_entry{key, static_cast<std::uint32_t>(content.size()), crc32c(content)};
  };
  list.chunks = {entry(1, a), entry(3, c)};
  list.removal_number = 4;
  list.generation = 2;
  f.master.set_live_chunks(f.volume, list);
  const order reconcile{.kind = order_kind::reconcile,
                        .volume = f.volume,
                        .generation = 2,
                        .sources = {{f.nodes[1]->id(), f.nodes[1]->address()}}};
  f.require_done(0, reconcile);
  f.require_everywhere(1, a);
  f.require_everywhere(3, c);
  BOOST_TEST((f.read(0, 2, b).error() == errc::not_found));
  volume_digest expected;
  for (const auto& e : list.chunks) expected.add(e.key, e.size, e.crc32c);
  const auto report = f.master.wait_report(f.nodes[0]->id(), f.volume,
                                           [](const auto& r) { return r.generation == 2; });
  BOOST_TEST((report.digest == expected));
  BOOST_TEST(report.removal_number == 4u);
  // What was set aside comes back when it is listed again.
  list.chunks = {entry(1, a), entry(2, b), entry(3, c)};
  f.master.set_live_chunks(f.volume, list);
  f.require_done(0, reconcile);
  BOOST_TEST(f.read(0, 2, b).has_value());
}

BOOST_AUTO_TEST_CASE(a_second_process_on_the_directory_is_refused) {
  node_fixture f(1);
  datanode::datanode_options o;
  o.data_dirs = {{f.nodes[0]->directory() + "/d", 0}};
  o.listen = "127.0.0.1:0";
  const auto second = datanode::datanode::start(f.threads.context(), o);
  BOOST_REQUIRE(second.has_error());
  BOOST_TEST((second.error() == errc::locked));
}

BOOST_AUTO_TEST_CASE(a_port_in_use_is_said) {
  node_fixture f(1);
  temp_dir dir;
  datanode::datanode_options o;
  o.data_dirs = {{dir.path(), 0}};
  o.listen = f.nodes[0]->address();
  const auto second = datanode::datanode::start(f.threads.context(), o);
  BOOST_REQUIRE(second.has_error());
  BOOST_TEST(second.error().message().find("in use") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
