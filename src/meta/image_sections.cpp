#include "meta/image_sections.hpp"

#include "meta/image_items.hpp"

namespace ssdfs::meta {
namespace {

failure malformed_section(const char* what) { return {errc::damaged, what}; }

}  // namespace

result<void> image_loader::sections::take(const decoded_section& section) {
  const image_section kind = section.kind;
  if (kind < last_ || (last_ == image_section{} && kind != image_section::head)) {
    return malformed_section("a section in the wrong place");
  }
  if (kind == last_ && kind < image_section::volumes) return malformed_section("a section twice");
  last_ = kind;
  const image_input in(section.payload);
  switch (kind) {
    case image_section::head: return take_head(section.payload);
    case image_section::epochs: return take_epochs(in);
    case image_section::access: return take_access(in);
    case image_section::types: return take_types(in);
    case image_section::nodes: return take_nodes(in);
    case image_section::volumes: return take_volumes(in);
    case image_section::results: return take_results(in);
    case image_section::names: {
      SSDFS_TRY(flush_volume());
      return names_.take(section.names, {s_.access_, s_.types_, s_.volumes_.size()});
    }
    case image_section::end: break;
  }
  return malformed_section("not a section");
}

result<void> image_loader::sections::take_head(bytes_view payload) {
  auto decoded = decode_head(payload);
  if (!decoded) return decoded.error();
  head = *decoded;
  return {};
}

result<void> image_loader::sections::take_epochs(image_input in) {
  while (!in.empty()) {
    epoch_entry e;
    e.epoch = epoch_t(in.number32());
    e.leader.value = in.id();
    e.first = ssdfs::txid(in.number());
    if (!in.ok() || e.epoch <= s_.epoch() || e.first > head.txid) {
      return malformed_section("the epoch history is malformed");
    }
    s_.epochs_.push_back(e);
  }
  if (s_.epoch() != head.epoch) return malformed_section("the epoch history is not the head's");
  return {};
}

result<void> image_loader::sections::take_access(image_input in) {
  for (std::size_t i = 0; !in.empty(); ++i) {
    const std::string_view owner = in.text(string_table::max_length);
    const std::string_view group = in.text(string_table::max_length);
    const auto mode = static_cast<std::uint16_t>(in.number(07777));
    if (!in.ok()) return malformed_section("the table of owners is malformed");
    const bool first = i == 0;  // it is there already
    const bool free = owner.empty() && group.empty() && mode == 0;
    if (first  ? s_.access_.find(owner, group, mode) != 0
        : free ? i >= access_table::max_size
               : !s_.access_.append(owner, group, mode)) {
      return malformed_section("the table of owners is malformed");
    }
    if (free) s_.access_.skip();
  }
  return {};
}

result<void> image_loader::sections::take_types(image_input in) {
  for (std::size_t i = 1; !in.empty(); ++i) {
    const std::string_view type = in.text(string_table::max_length);
    if (!in.ok()) return malformed_section("the table of content types is malformed");
    if (type.empty() ? i >= content_type_table::max_size : !s_.types_.append(type)) {
      return malformed_section("the table of content types is malformed");
    }
    if (type.empty()) s_.types_.skip();
  }
  return {};
}

result<void> image_loader::sections::take_nodes(image_input in) {
  while (!in.empty()) {
    node_id node;
    node.value = in.id();
    const auto decision = static_cast<node_decision>(in.byte());
    const std::int64_t until_ms = in.signed_number();
    const bool known =
        decision == node_decision::decommission || decision == node_decision::maintenance;
    if (!in.ok() || !known || !s_.nodes_.emplace(node, node_entry{decision, until_ms}).second) {
      return malformed_section("the decisions about nodes are malformed");
    }
  }
  return {};
}

result<void> image_loader::sections::take_volumes(image_input in) {
  while (!in.empty()) {
    const std::uint8_t tag = in.byte();
    if (tag == image_item::volume) {
      SSDFS_TRY(flush_volume());
      volume_.emplace();
      volume_->info = read_volume(in);
    } else if (!volume_) {
      return malformed_section("something of no volume");
    } else if (tag == image_item::grant) {
      volume_->grants.push_back(read_grant(in));
    } else if (tag == image_item::removal) {
      add_removal(read_removal(in), in);
    } else if (tag == image_item::freed) {
      const auto freed = read_freed(in);
      volume_->freed.insert(volume_->freed.end(), freed.begin(), freed.end());
    } else if (tag == image_item::lost) {
      read_lost(in, volume_->lost);
    } else {
      in.fail();
    }
    if (!in.ok()) return malformed_section("a volume is malformed");
  }
  return {};
}

// Numbers count up to the volume's removal number.
void image_loader::sections::add_removal(removal_batch batch, image_input& in) {
  auto& all = volume_->removals;
  if (batch.number > volume_->info.removal_number ||
      (!all.empty() && batch.number != all.back().number + 1)) {
    in.fail();
  }
  all.push_back(std::move(batch));
}

result<void> image_loader::sections::flush_volume() {
  if (!volume_) return {};
  if (!s_.volumes_.load(std::move(*volume_))) return malformed_section("a volume is impossible");
  volume_.reset();
  return {};
}

result<void> image_loader::sections::take_results(image_input in) {
  SSDFS_TRY(flush_volume());
  while (!in.empty()) {
    const std::uint8_t tag = in.byte();
    if (tag == image_item::client) {
      SSDFS_TRY(flush_client());
      client_ = read_client(in);
    } else if (tag == image_item::result && client_) {
      client_->results.push_back(read_result(in));
    } else {
      in.fail();
    }
    if (!in.ok()) return malformed_section("an operation result is malformed");
  }
  return {};
}

result<void> image_loader::sections::flush_client() {
  if (!client_) return {};
  if (!s_.results_.load(std::move(*client_)))
    return malformed_section("operation results out of order");
  client_.reset();
  return {};
}

result<void> image_loader::sections::finish(bool check_head) {
  if (last_ != image_section::names) return malformed_section("the tree is missing");
  SSDFS_TRY(flush_client());
  SSDFS_TRY(names_.finish(head.next_serial));
  s_.cluster_ = head.cluster;
  s_.volume_counter_ = head.next_volume;
  s_.last_txid_ = head.txid;
  s_.log_time_ms_ = head.log_time_ms;
  s_.chain_ = head.chain;
  s_.rebalance_ = head.rebalance;
  if (!check_head) return {};
  const subtree_totals all = s_.names_.totals(root_directory);
  if (all.files != head.files || all.directories != head.directories || all.bytes != head.bytes ||
      s_.digest() != head.digest) {
    return malformed_section("totals or digest are not the head's");
  }
  return {};
}

}  // namespace ssdfs::meta
