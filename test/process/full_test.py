"""A cluster that runs full: refuses puts and nothing else, and recovers when space is freed."""

import json
import os
import random
import shutil
import subprocess
import tempfile
import time
import unittest

from local_cluster import Cluster, wait_until

MASTER = ["--volume-size=8MiB", "--delete-grace=500ms", "--trash-expiry=0s"]


class Full(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="ssdfs-full-")
        self.addCleanup(shutil.rmtree, self.work)
        self.picture = os.path.join(self.work, "picture")
        with open(self.picture, "wb") as f:
            f.write(random.Random(5).randbytes(400_000))

    def fill(self, cluster, most):
        """Puts until one is refused; how many were stored."""
        for i in range(most):
            done = cluster.run("put", "--timeout=10s", self.picture, f"/p/{i}")
            if done.returncode != 0:
                self.assertIn("no space left in the cluster", done.stderr)
                self.assertIn("copies are wanted", done.stderr)
                self.assertEqual(done.returncode, 1)
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                return i
        self.fail("the cluster did not run full")

    def check_full(self, cluster, stored):
        for i in range(0, stored, 7):
            cluster.ok("verify", self.picture, f"/p/{i}")
        cluster.ok("ls", "/p")
        self.assertEqual(cluster.run("fsck").returncode, 0, cluster.run("fsck").stdout)
        for i in range(0, stored, 2):
            cluster.ok("rm", "--skip-trash", f"/p/{i}")
        begin = time.monotonic()
        self.wait_for_room(cluster)
        print(f"takes data again {time.monotonic() - begin:.1f} s after space was freed")
        cluster.ok("verify", self.picture, "/again")
        for i in range(1, stored, 14):
            cluster.ok("verify", self.picture, f"/p/{i}")

    def wait_for_room(self, cluster):
        wait_until(lambda: cluster.run("put", "-f", "--timeout=5s", self.picture,
                                       "/again").returncode == 0, "puts work again", 90)

    @staticmethod
    def make_first_small(cluster):
        node = cluster.datanodes[0]
        node.stop()
        node.arguments[1] += ":24MiB"
        node.start()
        cluster.wait_live(len(cluster.datanodes))

    def test_full_by_capacity(self):
        with Cluster(datanodes=2, master=MASTER, capacity="64MiB") as c:
            stored = self.fill(c, 400)
            self.assertGreater(stored, 50)
            for node in c.report()["nodes"]:
                self.assertLess(node["used_bytes"], 64 << 20, node)
            self.check_full(c, stored)

    def test_one_of_two_nodes_is_full(self):
        """Both are alive, so a file is stored twice or not at all."""
        with Cluster(datanodes=2, master=MASTER) as c:
            self.make_first_small(c)
            stored = self.fill(c, 400)
            done = c.run("put", "--timeout=10s", self.picture, "/more")
            self.assertEqual(done.returncode, 1)
            self.assertIn("1 of 2 datanodes have room, and 2 copies are wanted", done.stderr)
            c.wait_healthy()
            self.assertEqual(c.report()["under_replicated"], 0)
            for i in range(0, stored, 5):
                c.ok("verify", self.picture, f"/p/{i}")
            for i in range(stored):
                c.ok("rm", "--skip-trash", f"/p/{i}")
            self.wait_for_room(c)

    def test_one_full_node_among_others_is_not_seen(self):
        with Cluster(datanodes=3, master=MASTER) as c:
            self.make_first_small(c)
            for i in range(150):
                c.ok("put", self.picture, f"/p/{i}")
            small = next(n for n in c.report()["nodes"] if n["name"] == "node1")
            self.assertLess(small["used_bytes"], 24 << 20)
            for i in range(0, 150, 10):
                c.ok("verify", self.picture, f"/p/{i}")
            c.wait_healthy()

    def test_a_disk_that_is_full_of_others_data(self):
        """ENOSPC from the file system itself: a small tmpfs that somebody else fills."""
        mount = os.path.join(self.work, "disk")
        os.mkdir(mount)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=96m", "tmpfs", mount],
                                 capture_output=True, check=False)
        if mounted.returncode != 0:
            self.skipTest("needs the right to mount: " + mounted.stderr.decode().strip())
        try:
            c = Cluster(datanodes=3, master=MASTER)
            c.datanodes[1].arguments[1] = f"--data-dir={mount}/node"
            with c:
                for i in range(20):
                    c.ok("put", self.picture, f"/p/{i}")
                ballast = os.path.join(mount, "ballast")
                with open(ballast, "wb") as f:
                    try:
                        while True:
                            f.write(b"x" * (1 << 20))
                            f.flush()
                    except OSError:
                        pass
                # Two others take the data.
                for i in range(20, 40):
                    c.ok("put", self.picture, f"/p/{i}")
                for i in range(40):
                    c.ok("verify", self.picture, f"/p/{i}")
                os.unlink(ballast)
                for i in range(40, 60):
                    c.ok("put", self.picture, f"/p/{i}")
                for i in range(60):
                    c.ok("verify", self.picture, f"/p/{i}")
                c.wait_healthy(90)
                done = c.run("fsck", "--json")
                self.assertEqual(done.returncode, 0, done.stdout)
                self.assertEqual(json.loads(done.stdout.splitlines()[-1])["state"], "healthy")
        finally:
            subprocess.run(["umount", "-l", mount], check=True)


if __name__ == "__main__":
    unittest.main()
