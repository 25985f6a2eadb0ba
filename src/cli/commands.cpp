#include "cli/commands.hpp"

#include "cli/command.hpp"

#include <array>

namespace ssdfs::cli {
namespace {

constexpr std::array command_table = {
    command{"put", "store local files", run_put},
    command{"get", "copy stored files to this machine", run_get},
    command{"cat", "write files to standard output", run_cat},
    command{"head", "write the beginning of files", run_head},
    command{"ls", "list directories", run_ls},
    command{"tree", "show directories as trees", run_tree},
    command{"stat", "attributes, and where the chunks are", run_stat},
    command{"du", "content bytes below paths", run_du},
    command{"df", "space of the datanodes", run_df},
    command{"count", "directories, files and bytes below paths", run_count},
    command{"find", "paths that fit conditions", run_find},
    command{"test", "whether a path is there", run_test},
    command{"mkdir", "make directories", run_mkdir},
    command{"mv", "move", run_mv},
    command{"cp", "copy within the store", run_cp},
    command{"rm", "move to the trash, or remove", run_rm},
    command{"touch", "set times, make empty files", run_touch},
    command{"setrep", "change the number of copies", run_setrep},
    command{"chmod", "change permission bits", run_chmod},
    command{"chown", "change owner and group", run_chown},
    command{"quota", "limits of directories", run_quota},
    command{"trash ls", "what is in the trash", run_trash_ls},
    command{"trash restore", "move things back from the trash", run_trash_restore},
    command{"trash empty", "remove what is in the trash", run_trash_empty},
    command{"checksum", "CRC32C of stored files", run_checksum},
    command{"verify", "compare local files with stored ones", run_verify},
    command{"admin report", "state of the cluster", run_admin_report},
    command{"admin volumes", "volumes and their replicas", run_admin_volumes},
    command{"admin seal", "seal an open volume", run_admin_seal},
    command{"admin config", "the master's options", run_admin_config},
    command{"admin status", "log and tree of a master or backup", run_admin_status},
    command{"admin accept-loss", "go on without lost history", run_admin_accept_loss},
    command{"admin safemode", "look at or change safe mode", run_admin_safemode},
    command{"admin rebalance", "make the nodes equally full", run_admin_rebalance},
    command{"admin decommission", "empty a datanode", run_admin_decommission},
    command{"admin recommission", "keep a datanode all the same", run_admin_recommission},
    command{"admin maintenance", "expect a datanode's absence", run_admin_maintenance},
    command{"admin scrub", "read and check all that is stored", run_admin_scrub},
    command{"fsck", "compare what should be stored with what is", run_fsck},
    command{"admin checkpoint", "have an image of the namespace made", run_admin_checkpoint},
    command{"image dump", "an image as JSON lines", run_image_dump},
    command{"image verify", "check an image", run_image_verify},
    command{"image install", "make a master's directory from an image", run_image_install},
    command{"image build", "make an image of JSON lines", run_image_build},
    command{"image synth", "the image of a store that never was", run_image_synth},
    command{"edits dump", "records of an edits log", run_edits_dump},
    command{"edits verify", "check an edits log", run_edits_verify},
    command{"edits recover", "cut a damaged edits log", run_edits_recover},
    command{"volume dump", "records of a volume file", run_volume_dump},
    command{"volume verify", "check a volume file", run_volume_verify},
    command{"volume rebuild-index", "make a volume's index anew", run_volume_rebuild_index},
    command{"url sign", "make a link that expires", run_url_sign},
    command{"bench", "load a cluster and measure it", run_bench},
};

// What our own processes call.
constexpr std::array internal_table = {
    command{"image checkpoint", "", run_image_checkpoint},
};

}  // namespace

std::span<const command> commands() { return command_table; }
std::span<const command> internal_commands() { return internal_table; }

}  // namespace ssdfs::cli
