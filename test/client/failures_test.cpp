// Servers that refuse, stay silent, lie or go away.
#include "fixture.hpp"

#include <atomic>

namespace ssdfs::test {
namespace {

using kind = fault::kind;
using wire::opcode;

/// Every `n`th request of these opcodes meets `f`.
auto every(std::uint64_t n, std::set<opcode> codes, fault f) {
  return [=](const seen_request& r) {
    return codes.contains(r.code) && r.number % n == 0 ? f : fault{};
  };
}
/// The first `n` requests of an opcode at a server meet `f`.
auto first(std::uint64_t n, std::string server, opcode code, fault f) {
  return [=](const seen_request& r) {
    return r.server == server && r.code == code && r.number <= n ? f : fault{};
  };
}

BOOST_FIXTURE_TEST_SUITE(client_failures, cluster_fixture)

// --- the master -------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_lost_answer_never_turns_success_into_an_error) {
  cluster.set_rule(every(3,
                         {opcode::commit_file, opcode::rename, opcode::remove, opcode::lookup,
                          opcode::make_directory, opcode::set_attributes},
                         fault::of(kind::drop_after)));
  const std::string data = pattern(100);
  std::uint64_t done = 0;
  for (int i = 0; i < 10; ++i) {
    const std::string a = "/a" + std::to_string(i);
    const std::string b = "/b" + std::to_string(i);
    const auto put = client.put(a, boost::asio::buffer(data));
    BOOST_REQUIRE_MESSAGE(put, put.error().message());
    BOOST_TEST(!put->replaced);
    BOOST_REQUIRE(client.rename(a, b));
    BOOST_REQUIRE(client.remove(b));
    BOOST_REQUIRE(client.mkdir(a));
    done += 4;
  }
  BOOST_TEST(cluster.changes() == done);
  BOOST_TEST(cluster.repetitions() > 5U);
  BOOST_TEST(cluster.files().empty());
}

BOOST_AUTO_TEST_CASE(a_connection_that_closes_is_made_anew) {
  cluster.set_rule(every(
      4,
      {opcode::commit_file, opcode::lookup, opcode::write_chunk, opcode::read_chunk, opcode::grant},
      fault::of(kind::close)));
  for (int i = 0; i < 8; ++i) {
    const std::string path = "/f" + std::to_string(i);
    const std::string data = pattern(1000, static_cast<std::uint64_t>(i));
    BOOST_REQUIRE(client.put(path, boost::asio::buffer(data)));
    const auto got = client.get(path);
    BOOST_REQUIRE_MESSAGE(got, got.error().message());
    BOOST_TEST((got->text() == data));
  }
  BOOST_TEST(cluster.changes() == 8U);
}

BOOST_AUTO_TEST_CASE(follows_the_hint_to_the_leader) {
  client_config config = config_for(cluster);
  config.masters = {cluster.other_master()};
  blocking_client other(config);
  BOOST_TEST(other.mkdir("/d").has_value());
  BOOST_TEST(other.mkdir("/e").has_value());
  BOOST_TEST(cluster.count("other", opcode::make_directory) == 1U);
}

BOOST_AUTO_TEST_CASE(tries_the_next_master_when_one_is_down) {
  client_config config = config_for(cluster);
  config.masters = {"127.0.0.1:1", cluster.master()};
  blocking_client other(config);
  BOOST_TEST(other.mkdir("/d").has_value());
}

BOOST_AUTO_TEST_CASE(waits_for_a_master_that_starts) {
  cluster.set_rule(first(3, "master", opcode::make_directory, fault::refuse(errc::starting)));
  diagnostics diag;
  BOOST_TEST(client.mkdir("/d", {.diag = &diag}).has_value());
  BOOST_TEST(cluster.count("master", opcode::make_directory) == 4U);
}

BOOST_AUTO_TEST_CASE(gives_up_at_the_deadline) {
  cluster.set_rule(every(1, {opcode::lookup}, fault::of(kind::drop_before)));
  diagnostics diag;
  const auto start = std::chrono::steady_clock::now();
  const auto got = client.get("/f", {.timeout = std::chrono::milliseconds(500), .diag = &diag});
  const auto took = std::chrono::steady_clock::now() - start;
  BOOST_TEST(got.error() == errc::timed_out);
  BOOST_TEST(diag.attempts >= 2U);
  BOOST_TEST(diag.server == cluster.master());
  BOOST_TEST((took >= std::chrono::milliseconds(400) && took < std::chrono::seconds(2)));
}

BOOST_AUTO_TEST_CASE(a_cluster_that_is_down_is_said_so) {
  client_config config = config_for(cluster);
  config.masters = {"127.0.0.1:1"};
  config.timeout = std::chrono::milliseconds(300);
  blocking_client other(config);
  diagnostics diag;
  BOOST_TEST(other.stat("/", {.diag = &diag}).error() == errc::connection);
  BOOST_TEST(diag.server == "127.0.0.1:1");
  BOOST_TEST(diag.message.find("refused") != std::string::npos);
}

// --- writes -----------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(replicas_that_are_not_preferred_are_for_when_the_others_fail) {
  cluster_fixture f({.preferred = 1});
  const std::string data = pattern(1000);
  BOOST_REQUIRE(f.client.put("/f", boost::asio::buffer(data)));
  for (int i = 0; i < 20; ++i) BOOST_REQUIRE(f.client.get("/f"));
  const auto asked = [&](const char* node) { return f.cluster.count(node, opcode::read_chunk); };
  BOOST_TEST(asked("node0") + asked("node1") == 20U);
  BOOST_TEST((asked("node0") == 0U || asked("node1") == 0U));
  const std::string first = asked("node0") == 0U ? "node1" : "node0";
  f.cluster.set_rule([first](const seen_request& r) {
    return r.server == first && r.code == opcode::read_chunk ? fault::of(kind::close) : fault{};
  });
  const auto got = f.client.get("/f");
  BOOST_REQUIRE_MESSAGE(got, got.error().message());
  BOOST_TEST((got->text() == data));
}

BOOST_AUTO_TEST_CASE(a_replica_that_says_nothing_is_left_alone_after_two_reads) {
  const std::string data = pattern(1000);
  BOOST_REQUIRE(client.put("/f", boost::asio::buffer(data)));
  const auto asked = [&](const char* node) { return cluster.count(node, opcode::read_chunk); };
  while (asked("node0") == 0) BOOST_REQUIRE(client.get("/f"));
  const std::uint64_t before = asked("node0");
  cluster.set_rule([](const seen_request& r) {
    const bool silent = r.server == "node0" && r.code == opcode::read_chunk;
    return silent ? fault::of(kind::drop_before) : fault{};
  });
  for (int i = 0; i < 40; ++i) {
    const auto got = client.get("/f");
    BOOST_REQUIRE_MESSAGE(got, got.error().message());
    BOOST_TEST((got->text() == data));
  }
  BOOST_TEST(asked("node0") - before <= 6U);
}

BOOST_AUTO_TEST_CASE(a_failed_chain_is_avoided) {
  // Whatever begins at node0, or goes through it, fails; its neighbour names it.
  const std::string bad = cluster.node(0);
  cluster.set_rule([bad](const seen_request& r) {
    const bool writes = r.code == opcode::write_chunk || r.code == opcode::write_begin;
    if (!writes) return fault{};
    if (r.server == "node0") return fault::refuse(errc::io);
    return r.number <= 2 ? fault::refuse(errc::connection, bad) : fault{};
  });
  const std::string data = pattern(5000);
  for (int i = 0; i < 10; ++i) {
    const auto put = client.put("/f" + std::to_string(i), boost::asio::buffer(data));
    BOOST_REQUIRE_MESSAGE(put, put.error().message());
  }
  BOOST_TEST(cluster.exclusions(bad) > 0U);
  BOOST_TEST(cluster.count("node0", opcode::write_chunk) <= 2U);
  BOOST_TEST(cluster.rewritten_keys() == 0U);
  const std::string big = pattern(9 << 20);
  BOOST_TEST(client.put("/big", boost::asio::buffer(big)).has_value());
  BOOST_TEST((client.get("/big")->text() == big));
}

BOOST_AUTO_TEST_CASE(a_burnt_key_is_not_used_again) {
  cluster.set_rule(every(2, {opcode::write_chunk, opcode::write_end}, fault::of(kind::drop_after)));
  const std::string small = pattern(5000);
  const std::string big = pattern(1 << 20);
  for (int i = 0; i < 3; ++i) {
    BOOST_REQUIRE(client.put("/s" + std::to_string(i), boost::asio::buffer(small)));
    BOOST_REQUIRE(client.put("/b" + std::to_string(i), boost::asio::buffer(big)));
  }
  BOOST_TEST(cluster.rewritten_keys() == 0U);
  cluster.set_rule({});
  for (int i = 0; i < 3; ++i) {
    BOOST_TEST((client.get("/s" + std::to_string(i))->text() == small));
    BOOST_TEST((client.get("/b" + std::to_string(i))->text() == big));
  }
}

BOOST_AUTO_TEST_CASE(a_key_that_is_in_use_already_ends_its_grant_at_once) {
  // Somebody has written to every volume that there is.
  constexpr std::uint64_t used = 6;
  fake_cluster alone({.nodes = 1});
  blocking_client writer(config_for(alone));
  alone.set_rule(first(used, "node0", opcode::write_chunk, fault::refuse(errc::key_conflict)));
  const std::string small = pattern(5000);
  const auto begun = std::chrono::steady_clock::now();
  const auto put = writer.put("/s", boost::asio::buffer(small));
  BOOST_REQUIRE_MESSAGE(put, put.error().message());
  BOOST_TEST((std::chrono::steady_clock::now() - begun < std::chrono::seconds(2)));
  // No second key of any of these grants was tried, and nobody is avoided for it.
  BOOST_TEST(alone.count("master", opcode::grant) > used);
  BOOST_TEST(alone.count("node0", opcode::write_chunk) == used + 1);
  BOOST_TEST(alone.exclusions(alone.node(0)) == 0U);
}

BOOST_AUTO_TEST_CASE(a_ticket_that_is_too_old_is_exchanged_and_blames_nobody) {
  const std::string small = pattern(5000);
  const std::string big = pattern(1 << 20);
  // Several volumes are written at once by now.
  for (int i = 0; i < 40; ++i) {
    BOOST_REQUIRE(client.put("/before" + std::to_string(i), boost::asio::buffer(small)));
  }
  const auto grants = cluster.count("master", opcode::grant);
  cluster.expire_tickets();
  for (int i = 0; i < 20; ++i) {
    const auto put = client.put("/s" + std::to_string(i), boost::asio::buffer(small));
    BOOST_REQUIRE_MESSAGE(put, put.error().message());
  }
  BOOST_TEST(cluster.expired_writes() >= 1U);
  BOOST_TEST(cluster.expired_writes() <= 2U);  // the others that are as old are not tried
  BOOST_TEST(cluster.count("master", opcode::grant) > grants);
  cluster.expire_tickets();
  BOOST_REQUIRE(client.put("/big", boost::asio::buffer(big)));
  BOOST_TEST((client.get("/big")->text() == big));
  for (const std::size_t node : {0U, 1U}) BOOST_TEST(cluster.exclusions(cluster.node(node)) == 0U);
}

BOOST_AUTO_TEST_CASE(lost_and_refused_pieces) {
  cluster.set_rule(every(70, {opcode::write_piece}, fault::of(kind::drop_before)));
  const std::string data = pattern(20 << 20);
  BOOST_REQUIRE(client.put("/lost", boost::asio::buffer(data)));
  BOOST_TEST((client.get("/lost")->text() == data));
  cluster.set_rule(every(60, {opcode::write_piece}, fault::refuse(errc::checksum)));
  BOOST_REQUIRE(client.put("/refused", boost::asio::buffer(data)));
  BOOST_TEST((client.get("/refused")->text() == data));
}

BOOST_AUTO_TEST_CASE(a_busy_node_is_asked_again_and_stays_in_good_standing) {
  cluster.set_rule(first(3, "node0", opcode::write_chunk, fault::refuse(errc::busy)));
  const std::string data = pattern(10);
  for (int i = 0; i < 6; ++i) {
    BOOST_REQUIRE(client.put("/f" + std::to_string(i), boost::asio::buffer(data)));
  }
  BOOST_TEST(cluster.exclusions(cluster.node(0)) == 0U);
}

BOOST_AUTO_TEST_CASE(a_closed_volume_means_writing_again) {
  const std::string data = pattern(20 << 20);
  std::atomic<int> closings{0};
  cluster.set_rule([&](const seen_request& r) {
    // Between the writes and the first commit; the rule runs under the cluster's lock.
    return r.code == opcode::commit_file && ++closings <= 2 ? fault::refuse(errc::regrant)
                                                            : fault{};
  });
  BOOST_REQUIRE(client.put("/f", boost::asio::buffer(data)));
  BOOST_TEST((client.get("/f")->text() == data));
  BOOST_TEST(closings == 3);
  BOOST_TEST(cluster.rewritten_keys() == 0U);
}

BOOST_AUTO_TEST_CASE(only_chunks_of_the_closed_volume_are_written_again) {
  const std::string data = pattern(24 << 20);
  auto writer = client.open_write("/f").value();
  BOOST_REQUIRE(writer.write(boost::asio::buffer(data)));
  await([&] {
    return cluster.count("node0", opcode::write_end) + cluster.count("node1", opcode::write_end) ==
           3;
  });
  cluster.close_all_volumes();
  const auto committed = writer.commit();
  BOOST_REQUIRE_MESSAGE(committed, committed.error().message());
  BOOST_TEST((client.get("/f")->text() == data));
  // The writer had let go of the bytes: it fetched them back.
  BOOST_TEST(cluster.count("node0", opcode::read_chunk) +
                 cluster.count("node1", opcode::read_chunk) >=
             3U);
}

BOOST_AUTO_TEST_CASE(errors_that_no_other_grant_cures_end_at_once) {
  cluster.set_rule(every(1, {opcode::write_chunk}, fault::refuse(errc::permission_denied)));
  const std::string data = pattern(10);
  BOOST_TEST(client.put("/f", boost::asio::buffer(data)).error() == errc::permission_denied);
  cluster.set_rule(every(1, {opcode::grant}, fault::refuse(errc::quota_exceeded)));
  blocking_client other(config_for(cluster));
  BOOST_TEST(other.put("/f", boost::asio::buffer(data)).error() == errc::quota_exceeded);
  cluster.set_rule(every(1, {opcode::grant}, fault::refuse(errc::no_space)));
  BOOST_TEST(other.put("/f", boost::asio::buffer(data)).error() == errc::no_space);
}

// --- reads ------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(another_replica_helps_out) {
  const std::string data = pattern(20 << 20);
  const std::string small = pattern(4096);
  BOOST_REQUIRE(client.put("/big", boost::asio::buffer(data)));
  BOOST_REQUIRE(client.put("/small", boost::asio::buffer(small)));
  for (const fault& f :
       {fault::of(kind::corrupt), fault::refuse(errc::not_found), fault::of(kind::drop_before),
        fault::refuse(errc::checksum), fault::of(kind::close)}) {
    blocking_client fresh(config_for(cluster));
    cluster.set_rule([f](const seen_request& r) {
      return r.server == "node0" && r.code == opcode::read_chunk ? f : fault{};
    });
    for (int i = 0; i < 4; ++i) {
      const auto got = fresh.get("/small");
      BOOST_REQUIRE_MESSAGE(got, got.error().message());
      BOOST_TEST((got->text() == small));
    }
    const auto got = fresh.get("/big");
    BOOST_REQUIRE_MESSAGE(got, got.error().message());
    BOOST_TEST((got->text() == data));
  }
}

BOOST_AUTO_TEST_CASE(a_second_replica_is_asked_when_the_first_takes_long) {
  const std::string data = pattern(4096);
  BOOST_REQUIRE(client.put("/f", boost::asio::buffer(data)));
  client_config config = config_for(cluster);
  config.datanode_timeout = std::chrono::milliseconds(4000);
  blocking_client fresh(config);
  cluster.set_rule([](const seen_request& r) {
    return r.server == "node0" && r.code == opcode::read_chunk ? fault::of(kind::drop_before)
                                                               : fault{};
  });
  // About half of the reads begin at the node that says nothing; none of them waits for its limit.
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < 8; ++i) {
    const auto got = fresh.get("/f");
    BOOST_REQUIRE_MESSAGE(got, got.error().message());
    BOOST_TEST((got->text() == data));
  }
  BOOST_TEST((std::chrono::steady_clock::now() - start < std::chrono::seconds(4)));
}

BOOST_AUTO_TEST_CASE(no_good_replica_is_an_error_after_the_deadline) {
  const std::string data = pattern(4096);
  BOOST_REQUIRE(client.put("/f", boost::asio::buffer(data)));
  cluster.set_rule(every(1, {opcode::read_chunk}, fault::of(kind::corrupt)));
  diagnostics diag;
  const auto got = client.get("/f", {.timeout = std::chrono::milliseconds(300), .diag = &diag});
  BOOST_TEST(got.error() == errc::checksum);
  BOOST_TEST(diag.attempts >= 4U);
  BOOST_TEST((diag.server == cluster.node(0) || diag.server == cluster.node(1)));
}

BOOST_AUTO_TEST_CASE(a_chunk_that_comes_back_in_time_is_read) {
  const std::string data = pattern(3 << 20);
  BOOST_REQUIRE(client.put("/f", boost::asio::buffer(data)));
  cluster.set_rule([](const seen_request& r) {
    return r.code == opcode::read_chunk && r.number <= 4 ? fault::refuse(errc::unavailable)
                                                         : fault{};
  });
  const auto got = client.get("/f");
  BOOST_REQUIRE_MESSAGE(got, got.error().message());
  BOOST_TEST((got->text() == data));
  BOOST_TEST(cluster.count("master", opcode::lookup) >= 2U);
}

BOOST_AUTO_TEST_CASE(a_file_that_was_replaced_is_read_anew) {
  const std::string old_data = pattern(5 << 20, 1);
  const std::string new_data = pattern(2 << 20, 2);
  BOOST_REQUIRE(client.put("/f", boost::asio::buffer(old_data)));
  const auto old_chunk = cluster.files().at("/f").chunks.at(0);
  auto reader = client.open_read("/f").value();
  std::string head(1000, '\0');
  BOOST_REQUIRE(reader.read(boost::asio::buffer(head)).value() == 1000U);
  BOOST_TEST((head == old_data.substr(0, 1000)));

  BOOST_REQUIRE(client.put("/f", boost::asio::buffer(new_data), overwriting()));
  cluster.lose_chunk(0, old_chunk.volume, old_chunk.key);
  cluster.lose_chunk(1, old_chunk.volume, old_chunk.key);
  // A get sees one or the other, whole. The stream has shown bytes of the old one already.
  BOOST_TEST((client.get("/f")->text() == new_data));
  reader.seek(4 << 20);
  BOOST_TEST(reader.read(boost::asio::buffer(head)).error() == errc::changed);
}

BOOST_AUTO_TEST_CASE(a_file_that_was_removed_while_it_was_read) {
  const std::string data = pattern(5 << 20, 1);
  BOOST_REQUIRE(client.put("/f", boost::asio::buffer(data)));
  const auto chunk = cluster.files().at("/f").chunks.at(0);
  auto reader = client.open_read("/f").value();
  BOOST_REQUIRE(client.remove("/f"));
  cluster.lose_chunk(0, chunk.volume, chunk.key);
  cluster.lose_chunk(1, chunk.volume, chunk.key);
  std::string some(10, '\0');
  BOOST_TEST(reader.read(boost::asio::buffer(some)).error() == errc::changed);
}

BOOST_AUTO_TEST_CASE(a_node_that_stops_for_good) {
  std::string data = pattern(6 << 20);
  for (int i = 0; i < 5; ++i) {
    BOOST_REQUIRE(client.put("/f" + std::to_string(i), boost::asio::buffer(data)));
  }
  cluster.stop_node(1);
  for (int i = 0; i < 5; ++i) {
    const auto got = client.get("/f" + std::to_string(i));
    BOOST_REQUIRE_MESSAGE(got, got.error().message());
    BOOST_TEST((got->text() == data));
    const auto put = client.put("/g" + std::to_string(i), boost::asio::buffer(data));
    BOOST_REQUIRE_MESSAGE(put, put.error().message());
  }
}

BOOST_AUTO_TEST_SUITE_END()

// --- grants -----------------------------------------------------------------------------------

BOOST_AUTO_TEST_SUITE(client_grants)

BOOST_AUTO_TEST_CASE(small_grants_are_used_up_and_replaced) {
  cluster_fixture f({.grant_bytes = 300 << 10, .grant_keys = 7});
  std::vector<std::string> contents;
  std::vector<put_item> items;
  for (std::size_t i = 0; i < 100; ++i) contents.push_back(pattern(100 + i * 100, i));
  for (std::size_t i = 0; i < 100; ++i) {
    items.push_back({"/f" + std::to_string(i), boost::asio::buffer(contents[i])});
  }
  for (const auto& o : f.client.put_many(items)) BOOST_TEST(!o.ec);
  BOOST_TEST(f.cluster.count("master", opcode::grant) >= 100U / 7);
  BOOST_TEST(f.cluster.rewritten_keys() == 0U);
  BOOST_TEST(f.cluster.files().size() == 100U);
}

BOOST_AUTO_TEST_CASE(a_chunk_that_fits_no_grant_is_an_error) {
  cluster_fixture f({.grant_bytes = 1 << 20});
  const std::string data = pattern(2 << 20);
  BOOST_TEST(f.client.put("/f", boost::asio::buffer(data)).error() == errc::no_space);
}

BOOST_AUTO_TEST_CASE(everything_is_given_back) {
  fake_cluster cluster;
  {
    blocking_client client(config_for(cluster));
    const std::string data = pattern(1000);
    for (int i = 0; i < 30; ++i) {
      BOOST_REQUIRE(client.put("/f" + std::to_string(i), boost::asio::buffer(data)));
    }
    BOOST_TEST(cluster.open_grants() > 0U);
  }
  BOOST_TEST(cluster.open_grants() == 0U);
}

BOOST_AUTO_TEST_CASE(idle_ones_are_given_back) {
  fake_cluster cluster;
  client_config config = config_for(cluster);
  config.grant_idle = std::chrono::milliseconds(50);
  blocking_client client(config);
  const std::string data = pattern(1000);
  BOOST_REQUIRE(client.put("/f", boost::asio::buffer(data)));
  await([&] { return cluster.open_grants() == 0; });
  BOOST_REQUIRE(client.put("/g", boost::asio::buffer(data)));
  // Not while something that is not committed was written under them.
  auto writer = client.open_write("/h").value();
  const std::string big = pattern(9 << 20);
  BOOST_REQUIRE(writer.write(boost::asio::buffer(big)));
  await([&] { return cluster.open_grants() == 1; });
  BOOST_REQUIRE(writer.commit());
  await([&] { return cluster.open_grants() == 0; });
}

BOOST_AUTO_TEST_CASE(requests_that_are_refused_are_repeated) {
  cluster_fixture f;
  f.cluster.set_rule(first(3, "master", opcode::grant, fault::refuse(errc::no_datanodes)));
  const std::string data = pattern(1000);
  BOOST_TEST(f.client.put("/f", boost::asio::buffer(data)).has_value());
  f.cluster.set_rule(every(1, {opcode::grant}, fault::refuse(errc::no_datanodes)));
  blocking_client other(config_for(f.cluster));
  put_options options;
  options.timeout = std::chrono::milliseconds(200);
  BOOST_TEST(other.put("/g", boost::asio::buffer(data), options).error() == errc::no_datanodes);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace ssdfs::test
