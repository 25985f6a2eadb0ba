"""A whole cluster in one process, for tests of commands: quick to start, nothing to wait for."""

import json
import os
import shutil
import subprocess
import tempfile

from local_cluster import BINARY, Process


class Store:
    """One process with everything, and commands for it."""

    def __init__(self):
        self.directory = tempfile.mkdtemp(prefix="ssdfs-coreutils-")
        self.server = Process(self.directory, "all", [
            "--role=all", f"--data-dir={self.directory}/all", "--listen=127.0.0.1:0", "--http=off",
            "--datanodes=1", "--replication=1", "--reserved=0"])
        self.server.start()
        with open(self.server.ready_file, encoding="utf-8") as ready:
            self.address = json.load(ready)["listen"]

    def close(self):
        if self.server.running():
            self.server.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def run(self, *arguments, **options):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SSDFS_")}
        environment["SSDFS_MASTER"] = self.address
        return subprocess.run([BINARY, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, errors="replace", timeout=120, check=False,
                              env=environment, **options)

    def tree(self, top):
        """As local_tree; empty if there is nothing."""
        done = self.run("find", top, "--json")
        out = {}
        for line in done.stdout.splitlines():
            e = json.loads(line)
            if e["path"] == top:
                continue
            kind = e["type"]
            file = kind == "file"
            out[e["path"][len(top) + 1:]] = (kind, int(e["mode"], 8), e["size"] if file else 0,
                                             int(e["crc32c"], 16) if file else 0)
        return out
