"""Owners, groups, modes and content types that a stranger brings: a master whose tables of these are
full takes new ones as ever, and what nothing uses any more makes room by itself."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

from http_calls import get, request
from local_cluster import BINARY, Cluster, wait_until

SHARED_ACCESS = 32_000  # combinations of owner, group and mode in the table
SHARED_TYPES = 4096


class FullTables(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.mkdtemp(prefix="ssdfs-values-")
        cls.addClassCleanup(shutil.rmtree, cls.work, ignore_errors=True)
        cls.cluster = Cluster(datanodes=1, http=True, datanode=["--http-write=on"])
        cls.addClassCleanup(cls.cluster.close)
        cls.install_full_tables(os.path.join(cls.cluster.directory, "master"))
        cls.cluster.start()
        cls.node = cls.cluster.datanodes[0].http()
        wait_until(lambda: get(cls.node, "/readyz")[0] == 200, "the node is ready")

    @classmethod
    def image(cls, *arguments):
        done = subprocess.run([BINARY, "image", *arguments], capture_output=True, text=True,
                              check=False, timeout=120)
        if done.returncode != 0:
            raise AssertionError(f"{arguments}: {done.stderr}")
        return done.stdout

    @classmethod
    def install_full_tables(cls, directory):
        """Of a small store whose tables are filled up with what nothing uses."""
        image = os.path.join(cls.work, "x.ssi")
        dump = os.path.join(cls.work, "dump")
        cls.image("synth", "--files", "10", image)
        lines = cls.image("dump", image).splitlines()
        kinds = [json.loads(line).get("kind") for line in lines]
        access = [{"kind": "access", "owner": f"app_{i}", "group": "apps", "mode": "0644"}
                  for i in range(SHARED_ACCESS - kinds.count("access"))]
        types = [{"kind": "type", "type": f"image/x-{i}"}
                 for i in range(SHARED_TYPES - 1 - kinds.count("type"))]
        end_of_access = kinds.index("access") + kinds.count("access")
        end_of_types = end_of_access + kinds.count("type")
        with open(dump, "w", encoding="utf-8") as out:
            for part in (lines[:end_of_access], map(json.dumps, access),
                         lines[end_of_access:end_of_types], map(json.dumps, types),
                         lines[end_of_types:]):
                out.writelines(line + "\n" for line in part)
        cls.image("build", dump, image)
        cls.image("install", image, directory)

    def stat(self, path):
        return json.loads(self.cluster.ok("stat", "--json", path))

    def test_new_values_are_taken_and_room_comes_back(self):
        c = self.cluster
        master = c.master.http()
        status, _, body = request(master, "PUT", "/webhdfs/v1/app/new?op=MKDIRS&user.name=new_app")
        self.assertEqual(status, 200, body)
        status, _, body = request(self.node, "PUT", "/fs/t/form", body=b"picture",
                                  headers={"Content-Type": "image/x-new"})
        self.assertEqual(status, 201, body)
        headers = get(self.node, "/fs/t/form")[1]
        self.assertEqual(headers["content-type"], "image/x-new")
        self.assertEqual(self.stat("/app/new")["owner"], "new_app")
        c.ok("mkdir", "/ann")
        c.ok("chown", "ann:shop", "/ann")
        c.ok("mv", "/t/form", "/ann/moved")

        def room():
            metrics = get(master, "/metrics")[2].decode()
            values = [line.split()[1] for line in metrics.splitlines()
                      if line.startswith("ssdfs_master_namespace_shared_values{")]
            return values and sum(float(v) for v in values) < 100
        wait_until(room, "unused values are forgotten", 60)

        # The same is there after a replay of the log, and from an image.
        c.master.kill()
        c.master.start()
        for checkpoint in (True, False):
            self.assertEqual(self.stat("/app/new")["owner"], "new_app")
            self.assertEqual(self.stat("/ann")["owner"], "ann")
            self.assertEqual(self.stat("/ann")["group"], "shop")
            self.assertEqual(self.stat("/ann/moved")["content_type"], "image/x-new")
            if checkpoint:
                c.ok("admin", "checkpoint")
                c.master.kill()
                c.master.start()
        c.wait_live(1)
        status, _, body = request(self.node, "PUT", "/fs/t/other", body=b"picture",
                                  headers={"Content-Type": "image/x-other"})
        self.assertEqual(status, 201, body)


if __name__ == "__main__":
    unittest.main()
