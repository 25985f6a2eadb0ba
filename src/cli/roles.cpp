#include "cli/roles.hpp"

#include "backup/backup.hpp"
#include "base/units.hpp"
#include "datanode/datanode.hpp"
#include "master/master.hpp"

#include <sstream>
#include <vector>

namespace ssdfs::cli {
namespace {

template <class Role>
class running final : public running_role {
 public:
  explicit running(std::unique_ptr<Role> role) : role_(std::move(role)) {}
  std::string address() const override { return role_->address(); }
  node_id node() const override { return role_->node(); }
  std::string not_ready() const override {
    const auto state = role_->readiness();
    return state.ready ? std::string() : state.reason;
  }
  void set_slow_op_ms(std::int64_t ms) override { role_->set_slow_op_ms(ms); }
  void set_rates(const settings& options) override {
    if constexpr (requires { role_->set_rates(0, 0, 0); }) {
      role_->set_rates(options.size("repair-rate"), options.size("scrub-rate"),
                       options.size("rebalance-rate"));
    }
  }
  bool alive() const override {
    if constexpr (requires { role_->alive(); }) {
      return role_->alive();
    } else {
      return true;
    }
  }
  void route(http::server& to) override {
    if constexpr (requires { role_->route(to); }) role_->route(to);
  }
  http::local_chunks* chunks() override {
    if constexpr (requires { role_->chunks(); }) {
      return &role_->chunks();
    } else {
      return nullptr;
    }
  }
  cluster_id cluster() const override {
    if constexpr (requires { role_->cluster(); }) {
      return role_->cluster();
    } else {
      return {};
    }
  }
  void say_goodbye() override {
    if constexpr (requires { role_->say_goodbye(); }) role_->say_goodbye();
  }
  void stop() override { role_->stop(); }

 private:
  std::unique_ptr<Role> role_;
};

// "DIR" or "DIR:CAPACITY"; a colon that no size follows belongs to the path.
datanode::data_dir parse_data_dir(const std::string& text) {
  const auto colon = text.rfind(':');
  if (colon != std::string::npos) {
    const auto capacity = parse_size(text.substr(colon + 1));
    if (capacity && *capacity > 0) return {text.substr(0, colon), *capacity};
  }
  return {text, 0};
}

std::vector<wire::config_entry> config_of(const settings& options) {
  std::vector<wire::config_entry> out;
  for (const auto& [name, value] : options.values()) {
    std::string text;
    for (const auto& part : value.texts) text += (text.empty() ? "" : ",") + part;
    out.push_back({name, text, std::string(name_of(value.from))});
  }
  return out;
}

}  // namespace

std::vector<std::string> split_list(const std::string& text) {
  std::vector<std::string> parts;
  std::istringstream in(text);
  for (std::string part; std::getline(in, part, ',');) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

result<std::unique_ptr<running_role>> start_master(boost::asio::io_context& io,
                                                   const settings& options, const role_place& place,
                                                   start_hooks hooks) {
  master::master_options to;
  to.data_dir = place.data_dir;
  to.listen = place.listen;
  to.advertise = options.text("advertise");
  to.replication = static_cast<std::uint8_t>(options.integer("replication"));
  to.min_replication = static_cast<std::uint8_t>(options.integer("min-replication"));
  to.volume_size = options.size("volume-size");
  to.chunk_size = options.size("chunk-size");
  to.heartbeat_interval_ms = options.duration_ms("heartbeat-interval");
  to.stale_after_ms = options.duration_ms("stale-after");
  to.dead_after_ms = options.duration_ms("dead-after");
  to.trash_expiry_ms = options.duration_ms("trash-expiry");
  to.delete_grace_ms = options.duration_ms("delete-grace");
  to.safemode_max_ms = options.duration_ms("safemode-max");
  to.repair_rate = options.size("repair-rate");
  to.scrub_rate = options.size("scrub-rate");
  to.rebalance_rate = options.size("rebalance-rate");
  to.permissions = options.flag("permissions");
  to.min_sync_backups = static_cast<std::uint32_t>(options.integer("min-sync-backups"));
  to.promote = options.flag("promote");
  if (options.which() == role::master && options.given("master")) {
    to.masters = split_list(options.text("master"));
  }
  to.slow_op_ms = options.duration_ms("slow-op");
  to.config = config_of(options);
  to.on_fatal = std::move(hooks.on_fatal);
  to.on_progress = std::move(hooks.on_progress);
  to.stop = std::move(hooks.stop);
  to.checkpoint_interval_ms = options.duration_ms("checkpoint-interval");
  to.checkpoint_txns = static_cast<std::uint64_t>(options.integer("checkpoint-txns"));
  to.checkpoint_program = "/proc/self/exe";
  auto started = master::master::start(io, std::move(to));
  if (!started) return started.error();
  return std::unique_ptr<running_role>(
      std::make_unique<running<master::master>>(std::move(*started)));
}

result<std::unique_ptr<running_role>> start_backup(boost::asio::io_context& io,
                                                   const settings& options, const role_place& place,
                                                   start_hooks hooks) {
  backup::backup_options to;
  to.data_dir = place.data_dir;
  to.listen = place.listen;
  to.http_address = place.http;
  // Inside --role=all what is advertised is the master's own.
  if (options.which() == role::backup) {
    to.advertise = options.text("advertise");
    if (!options.text("advertise-http").empty()) to.http_address = options.text("advertise-http");
  }
  to.masters = split_list(place.master);
  to.name = place.name.empty() ? "backup" : place.name;
  to.checkpoint_interval_ms = options.duration_ms("checkpoint-interval");
  to.checkpoint_txns = static_cast<std::uint64_t>(options.integer("checkpoint-txns"));
  to.on_fatal = std::move(hooks.on_fatal);
  to.on_progress = std::move(hooks.on_progress);
  to.stop = std::move(hooks.stop);
  auto started = backup::backup::start(io, std::move(to));
  if (!started) return started.error();
  return std::unique_ptr<running_role>(
      std::make_unique<running<backup::backup>>(std::move(*started)));
}

result<std::unique_ptr<running_role>> start_datanode(boost::asio::io_context& io,
                                                     const settings& options,
                                                     const role_place& place) {
  datanode::datanode_options to;
  for (const auto& part : split_list(place.data_dir)) to.data_dirs.push_back(parse_data_dir(part));
  to.listen = place.listen;
  // Inside --role=all what is advertised is the master's own.
  if (options.which() == role::datanode) to.advertise = options.text("advertise");
  to.http_address = place.http;
  if (options.which() == role::datanode && !options.text("advertise-http").empty()) {
    to.http_address = options.text("advertise-http");
  }
  to.masters = split_list(place.master);
  to.name = place.name;
  to.rack = options.text("rack");
  const std::string& sync = options.text("sync");
  to.sync = sync == "none"     ? datanode::sync_policy::none
            : sync == "always" ? datanode::sync_policy::always
                               : datanode::sync_policy::interval;
  to.sync_interval_ms = options.duration_ms("sync-interval");
  const std::string& reserved = options.text("reserved");
  if (reserved.ends_with('%')) {
    to.reserved_percent = std::stod(reserved);
  } else {
    to.reserved_bytes = options.size("reserved");
    to.reserved_percent = 0;
  }
  to.slow_op_ms = options.duration_ms("slow-op");
  auto started = datanode::datanode::start(io, std::move(to));
  if (!started) return started.error();
  return std::unique_ptr<running_role>(
      std::make_unique<running<datanode::datanode>>(std::move(*started)));
}

}  // namespace ssdfs::cli
