// The items of an image's tables, each as its bytes. Readers leave the input failed after what
// cannot be. Used by the image codec alone.
#pragma once

#include "meta/image.hpp"
#include "meta/image_bytes.hpp"

#include <map>
#include <vector>

namespace ssdfs::meta {

void write_head(const image_head& head, image_output& out);

// Writers put the item's tag in front, readers come after it.
void write_volume(const volume_info& info, image_output& out);
[[nodiscard]] volume_info read_volume(image_input& in);

void write_grant(const grant_info& grant, image_output& out);
[[nodiscard]] grant_info read_grant(image_input& in);

void write_removal(const removal_batch& batch, image_output& out);
[[nodiscard]] removal_batch read_removal(image_input& in);

void write_freed(const std::vector<freed_chunk>& chunks, image_output& out);
[[nodiscard]] std::vector<freed_chunk> read_freed(image_input& in);

using lost_chunks = std::map<chunk_key, lost_chunk>;
/// At most lost_run of them, from `from` on; returns where the next run begins.
lost_chunks::const_iterator write_lost(const lost_chunks& chunks, lost_chunks::const_iterator from,
                                       image_output& out);
inline constexpr std::size_t lost_run = 4096;
/// Adds them to `into`.
void read_lost(image_input& in, lost_chunks& into);

/// Without the results.
void write_client(const operation_results::client_entry& client, image_output& out);
[[nodiscard]] operation_results::client_entry read_client(image_input& in);

void write_result(const operation_results::entry& entry, image_output& out);
[[nodiscard]] operation_results::entry read_result(image_input& in);

}  // namespace ssdfs::meta
