"""The disks of one datanode fill up alike, whatever happens meanwhile."""

import os
import random
import shutil
import tempfile
import time
import unittest

from local_cluster import Cluster, wait_until

MIB = 1 << 20
CAPACITY = 64 * MIB


class Disks(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="ssdfs-disks-")
        self.addCleanup(shutil.rmtree, self.work)

    def make_pictures(self, name, total):
        rng = random.Random(total)
        top = os.path.join(self.work, name)
        os.mkdir(top)
        made = 0
        while made < total:
            size = rng.choice([3_000, 8_000, 30_000, 100_000, 300_000])
            with open(os.path.join(top, str(made)), "wb") as f:
                f.write(rng.randbytes(size))
            made += size
        return top

    @staticmethod
    def volumes_in(directory):
        volumes = os.path.join(directory, "volumes")
        if not os.path.isdir(volumes):
            return {}
        sizes = {}
        for name in os.listdir(volumes):
            if name.endswith(".vol"):
                try:
                    sizes[name] = os.path.getsize(os.path.join(volumes, name))
                except FileNotFoundError:
                    pass  # moved or dropped in this moment
        return sizes

    def points(self, directories):
        """How far the used shares are apart, percentage points."""
        used = [100 * sum(self.volumes_in(d).values()) / CAPACITY for d in directories]
        return max(used) - min(used)

    def in_both(self, directories):
        return set(self.volumes_in(directories[0])) & set(self.volumes_in(directories[1]))

    @staticmethod
    def with_one_disk(cluster):
        """The first datanode, which now has the first of two directories of limited size."""
        node = cluster.datanodes[0]
        disks = [os.path.join(cluster.directory, name) for name in ("node1", "node1b")]
        node.arguments[1] = f"--data-dir={disks[0]}:{CAPACITY}"
        node.stop()
        node.start()
        cluster.wait_live(len(cluster.datanodes))
        return node, disks

    def test_a_second_disk_takes_its_part_over_kills(self):
        rng = random.Random(8)
        master = ["--volume-size=2MiB", "--repair-rate=6MiB", "--delete-grace=1s"]
        with Cluster(datanodes=2, master=master) as c:
            node, disks = self.with_one_disk(c)
            kept = self.make_pictures("kept", 26 * MIB)
            gone = self.make_pictures("gone", 4 * MIB)
            c.ok("put", "-r", "-T", kept, "/kept")
            c.ok("put", "-r", "-T", gone, "/gone")
            self.assertEqual(node.stop(), 0)
            self.assertGreater(self.points(disks), 35)
            node.arguments[1] += f",{disks[1]}:{CAPACITY}"
            node.start()
            c.wait_live(2)
            # Deletes come while volumes move, and the node dies again and again.
            wait_until(lambda: self.volumes_in(disks[1]), "volumes move", 60)
            c.ok("rm", "-r", "--skip-trash", "/gone")
            for _ in range(5):
                time.sleep(rng.uniform(0.3, 1.5))
                node.kill()
                self.assertLessEqual(len(self.in_both(disks)), 1)
                node.start()
                c.ok("verify", "-r", kept, "/kept")
            wait_until(lambda: self.points(disks) <= 7 and not self.in_both(disks),
                       "used shares are near each other", 120)
            c.ok("verify", "-r", kept, "/kept")
            wait_until(lambda: c.report()["pending_reclaim"] == 0, "removals are done", 60)
            c.wait_healthy()
            done = c.run("fsck")
            self.assertEqual(done.returncode, 0, done.stdout)
            # Nothing was lent by the other node, and a start finds all of it again.
            c.datanodes[1].kill()
            node.kill()
            node.start()
            c.wait_live(1)
            c.ok("verify", "-r", kept, "/kept", timeout=300)
            wait_until(lambda: not self.in_both(disks), "each volume is in one directory")
            self.assertNotIn("ignored, the volume is also", node.log())

    def test_puts_and_gets_do_not_notice(self):
        with Cluster(datanodes=1, master=["--volume-size=1MiB", "--replication=1"]) as c:
            node, disks = self.with_one_disk(c)
            first = self.make_pictures("first", 24 * MIB)
            c.ok("put", "-r", "-T", first, "/first")
            node.stop()
            node.arguments[1] += f",{disks[1]}:{CAPACITY}"
            node.start()
            c.wait_live(1)
            # Fast, so that much moves under the eyes of readers and writers.
            more = self.make_pictures("more", 2 * MIB)
            for i in range(4):
                c.ok("verify", "-r", first, "/first")
                c.ok("put", "-r", "-T", more, f"/more{i}")
            wait_until(lambda: self.points(disks) <= 10, "used shares are near each other", 60)
            c.ok("verify", "-r", first, "/first")
            for i in range(4):
                c.ok("verify", "-r", more, f"/more{i}")
            self.assertEqual(c.run("fsck").returncode, 0)


if __name__ == "__main__":
    unittest.main()
