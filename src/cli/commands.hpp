// The functions of all commands, one each; commands.cpp has their names and help.
#pragma once

#include <string>
#include <vector>

namespace ssdfs::cli {

using argument_list = std::vector<std::string>;

int run_put(const argument_list& arguments);
int run_get(const argument_list& arguments);
int run_cat(const argument_list& arguments);
int run_head(const argument_list& arguments);
int run_ls(const argument_list& arguments);
int run_tree(const argument_list& arguments);
int run_stat(const argument_list& arguments);
int run_checksum(const argument_list& arguments);
int run_test(const argument_list& arguments);
int run_du(const argument_list& arguments);
int run_count(const argument_list& arguments);
int run_df(const argument_list& arguments);
int run_find(const argument_list& arguments);
int run_mkdir(const argument_list& arguments);
int run_chmod(const argument_list& arguments);
int run_setrep(const argument_list& arguments);
int run_chown(const argument_list& arguments);
int run_quota(const argument_list& arguments);
int run_touch(const argument_list& arguments);
int run_mv(const argument_list& arguments);
int run_cp(const argument_list& arguments);
int run_rm(const argument_list& arguments);
int run_trash_ls(const argument_list& arguments);
int run_trash_restore(const argument_list& arguments);
int run_trash_empty(const argument_list& arguments);
int run_verify(const argument_list& arguments);
int run_admin_report(const argument_list& arguments);
int run_admin_volumes(const argument_list& arguments);
int run_admin_seal(const argument_list& arguments);
int run_admin_config(const argument_list& arguments);
int run_admin_scrub(const argument_list& arguments);
int run_fsck(const argument_list& arguments);
int run_admin_status(const argument_list& arguments);
int run_admin_accept_loss(const argument_list& arguments);
int run_admin_safemode(const argument_list& arguments);
int run_admin_rebalance(const argument_list& arguments);
int run_admin_decommission(const argument_list& arguments);
int run_admin_recommission(const argument_list& arguments);
int run_admin_maintenance(const argument_list& arguments);
int run_admin_checkpoint(const argument_list& arguments);
int run_image_dump(const argument_list& arguments);
int run_image_verify(const argument_list& arguments);
int run_image_install(const argument_list& arguments);
int run_image_build(const argument_list& arguments);
int run_image_synth(const argument_list& arguments);
int run_image_checkpoint(const argument_list& arguments);
int run_edits_dump(const argument_list& arguments);
int run_edits_verify(const argument_list& arguments);
int run_edits_recover(const argument_list& arguments);
int run_volume_dump(const argument_list& arguments);
int run_volume_verify(const argument_list& arguments);
int run_volume_rebuild_index(const argument_list& arguments);
int run_url_sign(const argument_list& arguments);
int run_bench(const argument_list& arguments);

}  // namespace ssdfs::cli
