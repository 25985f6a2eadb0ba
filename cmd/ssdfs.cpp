#include "cli/run.hpp"

int main(int argc, char** argv) { return ssdfs::cli::run(argc, argv); }
