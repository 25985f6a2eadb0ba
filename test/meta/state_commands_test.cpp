// Commands on names one by one: what they refuse, what they fix, what a repeat gets.
#include "meta/command_support.hpp"
#include "meta/state_util.hpp"
#include "meta/trash.hpp"

#include <boost/test/unit_test.hpp>

namespace ssdfs::meta {
namespace {

using test::require_error;
using test::state_rig;
using test::why;

std::vector<std::string> names(const state& s, std::string_view path) {
  std::vector<entry_view> page;
  auto more = list(s, path, "", 100, {}, page);
  BOOST_REQUIRE(more.has_value());
  std::vector<std::string> out;
  for (const entry_view& e : page) out.emplace_back(e.name);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(state_commands)

BOOST_AUTO_TEST_CASE(a_file_is_committed_whole_with_its_parents) {
  state_rig rig;
  const volume_id v = rig.add_volume();
  const chunk_key key = rig.grant(v);
  BOOST_REQUIRE(rig.create("/a/b/c.jpg", v, key, 100).has_value());

  auto entry = lookup(rig.state(), "/a/b/c.jpg", {});
  BOOST_REQUIRE(entry.has_value());
  BOOST_TEST(entry->size == 100U);
  BOOST_TEST(entry->crc32c == 700U);
  BOOST_TEST(entry->mtime_ms == rig.context().wall_ms);
  BOOST_TEST(entry->owner == "root");
  BOOST_TEST(entry->replication == 2);
  std::vector<chunk_record> chunks;
  chunks_of(rig.state(), entry->entry, chunks);
  BOOST_REQUIRE(chunks.size() == 1U);
  BOOST_TEST(chunks[0].volume == v);
  BOOST_TEST(chunks[0].key == key);
  volume_digest expected;
  expected.add(key, 100, 700);
  BOOST_TEST((rig.state().volumes().find(v)->info.digest == expected));
  auto sum = summarize(rig.state(), "/", {});
  BOOST_REQUIRE(sum.has_value());
  BOOST_TEST(sum->files == 1U);
  BOOST_TEST(sum->directories == 3U);
  BOOST_TEST(sum->bytes == 100U);
}

BOOST_AUTO_TEST_CASE(what_create_refuses) {
  state_rig rig;
  const volume_id v = rig.add_volume();
  const chunk_key key = rig.grant(v, 4);
  BOOST_REQUIRE(rig.create("/f", v, key).has_value());
  require_error(rig.create("/f", v, key + 1), errc::exists);
  require_error(rig.create("/f/x", v, key + 1), errc::not_directory);
  require_error(rig.create("/", v, key + 1), errc::is_directory);
  require_error(rig.create("relative", v, key + 1), errc::invalid_path);
  require_error(rig.create("/a/../b", v, key + 1), errc::invalid_path);
  require_error(rig.create("/" + std::string(256, 'x'), v, key + 1), errc::name_too_long);
  require_error(rig.create("/.trash/x", v, key + 1), errc::permission_denied);
  require_error(rig.create("/g", v, key), errc::key_conflict);
  require_error(rig.create("/g", v, key + 4), errc::invalid_argument);
  require_error(rig.create("/g", volume_id(99), key + 1), errc::invalid_argument);

  create_request q;
  chunk_claim chunk{v, key + 1, 10, 5, 1};
  q.session = test::test_client(1);
  q.path = "/g";
  q.size = 11;
  q.crc32c = 5;
  q.chunks = {&chunk, 1};
  require_error(make_create(rig.state(), q, rig.context()), errc::invalid_argument);
  q.size = 10;
  q.crc32c = 6;
  require_error(make_create(rig.state(), q, rig.context()), errc::checksum);
  q.crc32c = 5;
  chunk.generation = 2;
  require_error(make_create(rig.state(), q, rig.context()), errc::regrant);
  chunk.generation = 1;
  q.by.user = "a\nb";
  require_error(make_create(rig.state(), q, rig.context()), errc::invalid_argument);
  q.by.user = {};
  q.content_type = "a\tb";
  require_error(make_create(rig.state(), q, rig.context()), errc::invalid_argument);
  q.content_type = {};
  BOOST_TEST(make_create(rig.state(), q, rig.context()).has_value());
  BOOST_TEST(rig.state().digest() == rig.replay()->digest());
}

BOOST_AUTO_TEST_CASE(directories) {
  state_rig rig;
  require_error(rig.mkdir("/a/b"), errc::not_found);
  BOOST_REQUIRE(rig.mkdir("/a/b/c", true).has_value());
  require_error(rig.mkdir("/a"), errc::exists);
  BOOST_TEST(rig.mkdir("/a", true).has_value());
  BOOST_REQUIRE(rig.touch("/a/f").has_value());
  require_error(rig.mkdir("/a/f", true), errc::exists);
  require_error(rig.mkdir("/a/f/g", true), errc::not_directory);
  require_error(rig.mkdir("/.trash"), errc::permission_denied);
}

BOOST_AUTO_TEST_CASE(renames) {
  state_rig rig;
  BOOST_REQUIRE(rig.touch("/a/f").has_value());
  BOOST_REQUIRE(rig.touch("/b/g").has_value());
  require_error(rig.rename("/x", "/y"), errc::not_found);
  require_error(rig.rename("/a/f", "/b/g"), errc::exists);
  require_error(rig.rename("/a/f", "/b", true), errc::is_directory);
  require_error(rig.rename("/a", "/b/g", true), errc::not_directory);
  require_error(rig.rename("/a", "/a/sub"), errc::into_itself);
  require_error(rig.rename("/a/f", "/c/d/f"), errc::not_found);
  require_error(rig.rename("/", "/r"), errc::permission_denied);
  require_error(rig.rename("/a", "/.trash/a"), errc::permission_denied);
  BOOST_TEST(rig.rename("/a/f", "/a/f").has_value());
  auto replaced = rig.rename("/a/f", "/b/g", true);
  BOOST_REQUIRE(replaced.has_value());
  BOOST_TEST(replaced->replaced);
  BOOST_TEST(!rig.exists("/a/f"));
  BOOST_REQUIRE(rig.rename("/b", "/a/b").has_value());
  BOOST_TEST(rig.exists("/a/b/g"));
  rename_request q;
  q.from = "/a/b/g";
  q.to = "/n/e/w";
  q.parents = true;
  BOOST_REQUIRE(rig.finish(make_rename(rig.state(), q, rig.context())).has_value());
  BOOST_TEST(rig.exists("/n/e/w"));
  BOOST_TEST(rig.state().digest() == rig.replay()->digest());
}

BOOST_AUTO_TEST_CASE(removing_goes_through_the_trash) {
  state_rig rig;
  BOOST_REQUIRE(rig.touch("/a/f").has_value());
  require_error(rig.remove("/a"), errc::not_empty);
  require_error(rig.remove("/"), errc::permission_denied);
  auto gone = rig.remove("/a/f");
  BOOST_REQUIRE(gone.has_value());
  BOOST_TEST(gone->path == "/.trash/" + bucket_name(rig.context().now_ms, 86'400'000) + "/a/f");
  BOOST_TEST(rig.exists(gone->path));
  BOOST_TEST(names(rig.state(), "/") == std::vector<std::string>{"a"},
             boost::test_tools::per_element());
  BOOST_TEST(names(rig.state(), "/.trash").size() == 1U);
  auto sum = summarize(rig.state(), "/", {});
  BOOST_TEST(sum->files == 0U);
  BOOST_TEST(trash_totals(rig.state()).files == 1U);

  // The same name again, then a directory where the file was: both find a place.
  BOOST_REQUIRE(rig.touch("/a/f").has_value());
  auto again = rig.remove("/a/f");
  BOOST_REQUIRE(again.has_value());
  BOOST_TEST(again->path != gone->path);
  BOOST_REQUIRE(rig.touch("/a/f/x").has_value());
  auto below = rig.remove("/a/f/x");
  BOOST_REQUIRE(below.has_value());
  BOOST_TEST(rig.exists(below->path));
  // Back out of the trash, and gone for good.
  BOOST_REQUIRE(rig.rename(gone->path, "/restored").has_value());
  BOOST_REQUIRE(rig.remove(again->path).has_value());
  BOOST_TEST(!rig.exists(again->path));
  BOOST_TEST(rig.state().digest() == rig.replay()->digest());
}

BOOST_AUTO_TEST_CASE(buckets_expire_when_nothing_was_added_for_the_whole_time) {
  state_rig rig;
  BOOST_REQUIRE(rig.touch("/a").has_value());
  BOOST_REQUIRE(rig.touch("/b").has_value());
  BOOST_REQUIRE(rig.remove("/a").has_value());
  rig.advance(1000);
  BOOST_REQUIRE(rig.remove("/b").has_value());
  rig.advance(rig.context().trash_expiry_ms - 500);
  auto early = make_trash_expiry(rig.state(), rig.context());
  BOOST_REQUIRE(early.has_value());
  BOOST_TEST(!early->has_value());
  rig.advance(500);
  auto due = make_trash_expiry(rig.state(), rig.context());
  BOOST_REQUIRE(due.has_value() && due->has_value());
  rig.log_record(std::move(**due));
  BOOST_TEST(trash_totals(rig.state()).files == 0U);
  BOOST_REQUIRE(make_trash_empty(rig.state(), rig.context()).has_value());
  rig.log_record(*make_trash_empty(rig.state(), rig.context()));
  BOOST_TEST(!make_trash_empty(rig.state(), rig.context()).has_value());
}

BOOST_AUTO_TEST_CASE(bucket_names_are_times) {
  BOOST_TEST(bucket_name(0, 86'400'000) == "19700101-000000");
  BOOST_TEST(bucket_name(1'769'871'661'123, 86'400'000) == "20260131-150000");
  BOOST_TEST(bucket_name(1'769'871'661'123, 5'000) == "20260131-150101");
}

BOOST_AUTO_TEST_CASE(attributes) {
  state_rig rig;
  BOOST_REQUIRE(rig.touch("/d/f").has_value());
  attributes_request q;
  q.path = "/d/f";
  q.mask = attribute_mtime | attribute_mode | attribute_owner | attribute_group |
           attribute_replication | attribute_type;
  q.mtime_ms = 5;
  q.mode = 0600;
  q.owner = "u";
  q.group = "g";
  q.replication = 3;
  q.content_type = "image/png";
  BOOST_REQUIRE(rig.finish(make_set_attributes(rig.state(), q, rig.context())).has_value());
  auto entry = lookup(rig.state(), "/d/f", {});
  BOOST_REQUIRE(entry.has_value());
  BOOST_TEST(entry->mtime_ms == 5);
  BOOST_TEST(entry->mode == 0600);
  BOOST_TEST(entry->owner == "u");
  BOOST_TEST(entry->group == "g");
  BOOST_TEST(entry->replication == 3);
  BOOST_TEST(entry->content_type == "image/png");
  q.path = "/d";
  require_error(make_set_attributes(rig.state(), q, rig.context()), errc::is_directory);
  q.mask = attribute_mode;
  q.mode = 010000;
  require_error(make_set_attributes(rig.state(), q, rig.context()), errc::invalid_argument);
  q.mode = 0700;
  BOOST_REQUIRE(rig.finish(make_set_attributes(rig.state(), q, rig.context())).has_value());
  BOOST_TEST(lookup(rig.state(), "/d", {})->mode == 0700);
  q.mask = 0;
  require_error(make_set_attributes(rig.state(), q, rig.context()), errc::invalid_argument);
  BOOST_TEST(rig.state().digest() == rig.replay()->digest());
}

BOOST_AUTO_TEST_CASE(quotas_hold_at_commit) {
  state_rig rig;
  const volume_id v = rig.add_volume();
  const chunk_key key = rig.grant(v);
  BOOST_REQUIRE(rig.mkdir("/q").has_value());
  quota_request q;
  q.path = "/q";
  q.names = 2;
  q.bytes = 150;
  BOOST_REQUIRE(rig.finish(make_quota(rig.state(), q, rig.context())).has_value());
  BOOST_REQUIRE(rig.create("/q/a", v, key, 100).has_value());
  require_error(rig.create("/q/b", v, key + 1, 100), errc::quota_exceeded);
  require_error(rig.touch("/q/x/y"), errc::quota_exceeded);
  BOOST_REQUIRE(rig.create("/q/a", v, key + 1, 150, true).has_value());
  BOOST_REQUIRE(rig.touch("/q/b").has_value());
  BOOST_REQUIRE(rig.touch("/c").has_value());
  require_error(rig.rename("/c", "/q/c"), errc::quota_exceeded);
  BOOST_TEST(rig.rename("/c", "/q/b", true).has_value());
  q.names = 0;
  q.bytes = std::nullopt;  // stays
  BOOST_REQUIRE(rig.finish(make_quota(rig.state(), q, rig.context())).has_value());
  BOOST_TEST(rig.touch("/q/c").has_value());
  const auto use = quota_use_of(rig.state(), "/q", {});
  BOOST_REQUIRE(use.has_value());
  BOOST_TEST((use->limits == quota{.names = 0, .bytes = 150}));
  BOOST_TEST((use->below == subtree_totals{.files = 3, .directories = 0, .bytes = 150}));
  require_error(quota_use_of(rig.state(), "/q/a", {}), errc::not_directory);
  require_error(quota_use_of(rig.state(), "/none", {}), errc::not_found);
  q.bytes = std::nullopt;
  q.names = std::nullopt;
  require_error(make_quota(rig.state(), q, rig.context()), errc::invalid_argument);
  BOOST_TEST(rig.state().digest() == rig.replay()->digest());
}

// What a move adds to each directory above its target, no more and no less.
BOOST_AUTO_TEST_CASE(quotas_count_moves_exactly) {
  state_rig rig;
  const volume_id v = rig.add_volume();
  const chunk_key key = rig.grant(v);
  BOOST_REQUIRE(rig.create("/top/x", v, key, 60).has_value());
  BOOST_REQUIRE(rig.create("/top/in/y", v, key + 1, 40).has_value());
  const auto limit = [&](std::string_view path, std::uint64_t names, std::uint64_t bytes) {
    quota_request q;
    q.path = path;
    q.names = names;
    q.bytes = bytes;
    BOOST_REQUIRE(rig.finish(make_quota(rig.state(), q, rig.context())).has_value());
  };
  // Both are full. Within /top nothing is added, and what is replaced makes room in /top/in.
  limit("/top", 3, 100);
  limit("/top/in", 1, 60);
  BOOST_TEST(rig.rename("/top/x", "/top/in/y", true).has_value());
  BOOST_TEST(rig.rename("/top/in/y", "/top/z").has_value());
  limit("/top/in", 1, 59);
  require_error(rig.rename("/top/z", "/top/in/y"), errc::quota_exceeded);
  // Directories that a move makes count together with what moves.
  rename_request deep;
  deep.from = "/top/z";
  deep.to = "/elsewhere/a/b/z";
  deep.parents = true;
  BOOST_REQUIRE(rig.mkdir("/elsewhere").has_value());
  limit("/elsewhere", 2, 0);
  require_error(make_rename(rig.state(), deep, rig.context()), errc::quota_exceeded);
  limit("/elsewhere", 3, 0);
  BOOST_REQUIRE(rig.finish(make_rename(rig.state(), deep, rig.context())).has_value());
  // Back, with a new directory inside of the limit that holds the file already.
  deep.from = "/elsewhere/a/b/z";
  deep.to = "/elsewhere/c/z";
  require_error(make_rename(rig.state(), deep, rig.context()), errc::quota_exceeded);
  // What is removed frees its share at once, whether it goes to the trash or for good.
  BOOST_REQUIRE(rig.remove("/elsewhere/a", true).has_value());
  BOOST_TEST((quota_use_of(rig.state(), "/elsewhere", {})->below == subtree_totals{}));
  BOOST_REQUIRE(rig.create("/elsewhere/d", v, key + 2, 5).has_value());
  BOOST_TEST(rig.state().digest() == rig.replay()->digest());
}

// The tables of what entries share are bounded. Beyond that values are kept with their entries, and
// what nothing has any more makes room again; replay and images agree.
BOOST_AUTO_TEST_CASE(values_beyond_the_tables_are_kept_with_their_entries) {
  state_rig rig;
  BOOST_REQUIRE(rig.touch("/f").has_value());
  attributes_request q;
  q.path = "/f";
  q.mask = attribute_owner | attribute_mode;
  std::string owner;
  for (std::size_t made = 0; rig.state().access().used() < max_shared_access - 1; ++made) {
    BOOST_REQUIRE(made < max_shared_access);
    owner = "user" + std::to_string(made / 512);
    q.owner = owner;
    q.mode = static_cast<std::uint16_t>(made % 512);
    BOOST_REQUIRE(rig.finish(make_set_attributes(rig.state(), q, rig.context())).has_value());
  }
  attributes_request typed;
  typed.path = "/f";
  typed.mask = attribute_type;
  for (std::size_t made = 0; rig.state().types().used() < max_shared_types; ++made) {
    const std::string type = "image/x-" + std::to_string(made);
    typed.content_type = type;
    BOOST_REQUIRE(rig.finish(make_set_attributes(rig.state(), typed, rig.context())).has_value());
  }

  // A file with new values, below new directories, and a directory.
  create_request fresh;
  fresh.path = "/app/42/f";
  fresh.by = {"app_42", "apps"};
  fresh.content_type = "multipart/form-data; boundary=42";
  BOOST_REQUIRE(rig.finish(make_create(rig.state(), fresh, rig.context())).has_value());
  directory_request below;
  below.path = "/app/42/d";
  below.mode = 0700;
  below.by = {"app_43", ""};
  BOOST_REQUIRE(rig.finish(make_directory(rig.state(), below, rig.context())).has_value());
  rename_request moved;
  moved.from = "/app/42/f";
  const std::string to = "/new/" + std::string(200, 'n');
  moved.to = to;
  moved.parents = true;
  moved.by = {"app_44", ""};
  BOOST_REQUIRE(rig.finish(make_rename(rig.state(), moved, rig.context())).has_value());
  const auto check = [&](const state& s, std::string_view file) {
    const auto f = lookup(s, file, {});
    BOOST_REQUIRE(f.has_value());
    BOOST_TEST(f->owner == "app_42");
    BOOST_TEST(f->group == "apps");
    BOOST_TEST(f->mode == 0644U);
    BOOST_TEST(f->content_type == "multipart/form-data; boundary=42");
    BOOST_TEST(lookup(s, "/app", {})->owner == "app_42");
    BOOST_TEST(lookup(s, "/app/42/d", {})->owner == "app_43");
    BOOST_TEST(lookup(s, "/app/42/d", {})->mode == 0700U);
    BOOST_TEST(lookup(s, "/new", {})->owner == "app_44");
    const auto sound = s.names().verify();
    BOOST_TEST(sound.has_value(), why(sound));
  };
  check(rig.state(), to);
  BOOST_TEST(rig.state().access().used() == max_shared_access - 1);
  BOOST_TEST(rig.state().types().used() == max_shared_types);

  // Known values are shared as ever, and one attribute of a kept combination can change.
  q.path = to;
  q.mask = attribute_mode;
  q.mode = 0600;
  BOOST_REQUIRE(rig.finish(make_set_attributes(rig.state(), q, rig.context())).has_value());
  BOOST_TEST(lookup(rig.state(), to, {})->owner == "app_42");
  BOOST_TEST(lookup(rig.state(), to, {})->mode == 0600U);
  q.mode = 0644;
  BOOST_REQUIRE(rig.finish(make_set_attributes(rig.state(), q, rig.context())).has_value());
  typed.path = to;
  typed.content_type = "image/x-7";
  BOOST_REQUIRE(rig.finish(make_set_attributes(rig.state(), typed, rig.context())).has_value());
  BOOST_TEST(lookup(rig.state(), to, {})->content_type == "image/x-7");
  typed.content_type = fresh.content_type;
  BOOST_REQUIRE(rig.finish(make_set_attributes(rig.state(), typed, rig.context())).has_value());
  check(rig.state(), to);
  check(*rig.replay(), to);
  BOOST_TEST(rig.state().digest() == rig.replay()->digest());

  // Nearly all that fills the tables is used by nothing.
  const auto forget_all = [&] {
    std::size_t records = 0;
    while (auto forget = make_forget(rig.state(), 1, rig.context())) {
      rig.log_record(std::move(*forget));
      ++records;
    }
    return records;
  };
  BOOST_TEST(!make_forget(rig.state(), 100'000, rig.context()).has_value());
  BOOST_TEST(forget_all() == 8U);
  BOOST_TEST(rig.state().access().used() == 2U);
  BOOST_TEST(rig.state().types().used() == 2U);
  check(rig.state(), to);
  fresh.path = "/again";
  BOOST_REQUIRE(rig.finish(make_create(rig.state(), fresh, rig.context())).has_value());
  BOOST_TEST(rig.state().access().find("app_42", "apps", 0644).value_or(0) == 1U);
  check(*rig.replay(), to);
  BOOST_TEST(rig.state().digest() == rig.replay()->digest());
}

// Directories that were removed and not yet taken apart have values, too: a log may say at a place
// where a replaying process has not come so far that nothing has them any more.
BOOST_AUTO_TEST_CASE(what_was_removed_keeps_its_values_until_it_is_taken_apart) {
  state_rig rig;
  create_request q;
  q.path = "/d/f";
  q.by = {"brief", ""};
  q.content_type = "image/x-brief";
  BOOST_REQUIRE(rig.finish(make_create(rig.state(), q, rig.context())).has_value());
  BOOST_REQUIRE(rig.remove("/d", true, true).has_value());
  BOOST_TEST(!make_forget(rig.state(), 1, rig.context()).has_value());
  while (rig.state().reclaim_step(100)) {
  }
  auto forget = make_forget(rig.state(), 1, rig.context());
  BOOST_REQUIRE(forget.has_value());
  rig.log_record(std::move(*forget));
  q.path = "/g";
  q.by = {"next", ""};
  BOOST_REQUIRE(rig.finish(make_create(rig.state(), q, rig.context())).has_value());
  BOOST_TEST(rig.state().access().find("next", "next", 0644).value_or(0) == 1U);
  BOOST_TEST(rig.state().digest() == rig.replay()->digest());

  // A value that an entry has cannot go.
  record wrong;
  wrong.txid = rig.state().last_txid().next();
  wrong.time_ms = rig.state().log_time_ms();
  wrong.body = forget_record{{1}, {}};
  require_error(rig.state().apply(wrong, 0), errc::damaged);
}

BOOST_AUTO_TEST_CASE(permissions_when_they_are_on) {
  state_rig rig;
  BOOST_REQUIRE(rig.mkdir("/home").has_value());
  directory_request dir;
  dir.path = "/home/ann";
  dir.mode = 0700;
  dir.by = {"ann", "ann"};
  BOOST_REQUIRE(rig.finish(make_directory(rig.state(), dir, rig.context())).has_value());
  rig.context().permissions = true;
  dir.path = "/home/bob";
  dir.by = {"bob", "bob"};
  require_error(make_directory(rig.state(), dir, rig.context()), errc::permission_denied);
  create_request file;
  file.path = "/home/ann/f";
  file.by = {"ann", "ann"};
  BOOST_REQUIRE(rig.finish(make_create(rig.state(), file, rig.context())).has_value());
  file.path = "/home/ann/g";
  file.by = {"bob", "bob"};
  require_error(make_create(rig.state(), file, rig.context()), errc::permission_denied);
  const viewer bob{{"bob", "bob"}, true};
  const viewer root{{"root", "root"}, true};
  require_error(lookup(rig.state(), "/home/ann/f", bob), errc::permission_denied);
  BOOST_TEST(lookup(rig.state(), "/home/ann/f", root).has_value());
  attributes_request a;
  a.path = "/home/ann/f";
  a.mask = attribute_mode;
  a.by = {"bob", "bob"};
  require_error(make_set_attributes(rig.state(), a, rig.context()), errc::permission_denied);
  a.by = {"ann", "ann"};
  BOOST_TEST(make_set_attributes(rig.state(), a, rig.context()).has_value());
  a.mask = attribute_owner;
  a.owner = "bob";
  require_error(make_set_attributes(rig.state(), a, rig.context()), errc::permission_denied);

  // What somebody has removed they can restore, and nobody else.
  remove_request gone;
  gone.path = "/home/ann/f";
  gone.by = {"ann", "ann"};
  auto where = rig.finish(make_remove(rig.state(), gone, rig.context()));
  BOOST_REQUIRE(where.has_value());
  rename_request back;
  back.from = where->path;
  back.to = "/home/ann/f";
  back.by = {"bob", "bob"};
  require_error(make_rename(rig.state(), back, rig.context()), errc::permission_denied);
  back.by = {"ann", "ann"};
  BOOST_TEST(make_rename(rig.state(), back, rig.context()).has_value());
}

BOOST_AUTO_TEST_CASE(a_file_of_another_version_is_neither_replaced_nor_removed) {
  state_rig rig;
  const volume_id v = rig.add_volume();
  const chunk_key key = rig.grant(v, 4);
  BOOST_REQUIRE(rig.create("/f", v, key, 100).has_value());
  const auto found = lookup(rig.state(), "/f", {});
  BOOST_REQUIRE(found.has_value());
  const file_version now{found->size, found->crc32c, found->mtime_ms};
  const file_version others[] = {{now.size + 1, now.crc32c, now.mtime_ms},
                                 {now.size, now.crc32c + 1, now.mtime_ms},
                                 {now.size, now.crc32c, now.mtime_ms + 1}};
  const file_version several[] = {others[0], now};

  create_request q;
  q.path = "/f";
  q.overwrite = true;
  q.expected = others;
  require_error(make_create(rig.state(), q, rig.context()), errc::precondition);
  q.expected = several;
  BOOST_TEST(make_create(rig.state(), q, rig.context()).has_value());
  q.overwrite = false;
  require_error(make_create(rig.state(), q, rig.context()), errc::exists);
  q.overwrite = true;
  q.path = "/none";
  require_error(make_create(rig.state(), q, rig.context()), errc::precondition);
  q.path = "/none/below";
  require_error(make_create(rig.state(), q, rig.context()), errc::precondition);

  remove_request gone;
  gone.path = "/f";
  gone.expected = others;
  require_error(make_remove(rig.state(), gone, rig.context()), errc::precondition);
  gone.expected = several;
  BOOST_TEST(make_remove(rig.state(), gone, rig.context()).has_value());
  gone.path = "/none";
  require_error(make_remove(rig.state(), gone, rig.context()), errc::not_found);
  BOOST_REQUIRE(rig.mkdir("/d").has_value());
  gone.path = "/d";
  require_error(make_remove(rig.state(), gone, rig.context()), errc::precondition);
}

// A repeat whose first try was carried out gets that answer, although the file is another one now.
BOOST_AUTO_TEST_CASE(an_expected_version_does_not_spoil_a_repeat) {
  state_rig rig;
  BOOST_REQUIRE(rig.touch("/f").has_value());
  const auto found = lookup(rig.state(), "/f", {});
  BOOST_REQUIRE(found.has_value());
  const file_version before{found->size, found->crc32c, found->mtime_ms};
  rig.context().wall_ms += 5;
  create_request q;
  q.op = {client_id(parse_uuid("6f1d2c3b-4a59-4687-9788-a9bacbdcedfe").value()), 1, 1};
  q.path = "/f";
  q.overwrite = true;
  q.expected = {&before, 1};
  const auto first = rig.finish(make_create(rig.state(), q, rig.context()), q.op);
  BOOST_REQUIRE(first.has_value());
  BOOST_TEST(first->replaced);
  const auto again = rig.finish(make_create(rig.state(), q, rig.context()), q.op);
  BOOST_REQUIRE(again.has_value());
  BOOST_TEST((*again == *first));
  q.op.sequence = 2;
  require_error(make_create(rig.state(), q, rig.context()), errc::precondition);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace ssdfs::meta
