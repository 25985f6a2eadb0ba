"""Pictures in a cluster of real processes: stored twice, read back, over crashes of everything."""

import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

from local_cluster import BINARY, Cluster, wait_until

SOURCE = os.environ["SSDFS_TEST_SOURCE"]


class Storage(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="ssdfs-storage-")
        self.addCleanup(shutil.rmtree, self.work)

    def make_tree(self, files, seed):
        """Files of mixed sizes in some directories, some empty, some with odd names."""
        rng = random.Random(seed)
        top = os.path.join(self.work, f"tree{seed}")
        names = ["plain", "with space", "ümlaut", "日本語", "quo'te", "-dash", "tab\there"]
        for i in range(files):
            folder = os.path.join(top, f"d{i % 17}", f"e{i % 5}")
            os.makedirs(folder, exist_ok=True)
            size = rng.choice([0, 1, 100, 4096, 5000, 65536, 65537, 300_000])
            with open(os.path.join(folder, f"{i}-{rng.choice(names)}"), "wb") as f:
                f.write(rng.randbytes(size))
        os.makedirs(os.path.join(top, "empty", "inner"))
        return top

    def assert_same_tree(self, a, b):
        done = subprocess.run(["diff", "-r", a, b], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout[:2000])

    def test_a_tree_survives_kill_9_of_every_process(self):
        tree = self.make_tree(600, 1)
        with Cluster(datanodes=2) as c:
            c.ok("put", "-r", tree, "/tree")
            c.ok("verify", "-r", tree, "/tree")
            usage = int(c.ok("du", "-s", "/tree").split()[0])
            expected = sum(os.path.getsize(os.path.join(d, f))
                           for d, _, files in os.walk(tree) for f in files)
            self.assertEqual(usage, expected)
            for v in c.volumes():
                if v["chunks"]:
                    nodes = {r["node"] for r in v["replicas"]}
                    self.assertEqual(len(nodes), 2, v)
            c.kill_all()
            c.start()
            c.ok("verify", "-r", tree, "/tree")
            c.ok("get", "-r", "/tree", os.path.join(self.work, "back"))
            self.assert_same_tree(tree, os.path.join(self.work, "back"))
            c.wait_healthy()

    def test_every_process_stops_with_exit_code_0_and_keeps_its_data(self):
        tree = self.make_tree(50, 2)
        with Cluster(datanodes=2) as c:
            c.ok("put", "-r", tree, "/tree")
            for p in c.processes():
                self.assertEqual(p.stop(), 0, p.log())
            c.start()
            c.ok("verify", "-r", tree, "/tree")

    def test_a_datanode_killed_during_a_put_is_not_seen(self):
        tree = self.make_tree(2000, 3)
        with Cluster(datanodes=3) as c:
            done = {}

            def put():
                done["put"] = c.run("put", "-r", "-j", "16", tree, "/tree")

            thread = threading.Thread(target=put)
            thread.start()
            wait_until(lambda: c.report()["files"] > 200, "the put is under way")
            c.datanodes[0].kill()
            thread.join()
            self.assertEqual(done["put"].returncode, 0, done["put"].stderr)
            self.assertEqual(done["put"].stderr, "")
            c.ok("verify", "-r", tree, "/tree")
            c.datanodes[0].start()
            c.wait_live(3)
            c.ok("verify", "-r", tree, "/tree")

    def test_acknowledged_files_survive_random_kills(self):
        """Writers journal what was acknowledged while processes are killed at random."""
        rng = random.Random(4)
        stop = threading.Event()
        stored = [{} for _ in range(4)]
        removed = [set() for _ in range(4)]
        unknown = [set() for _ in range(4)]

        def write(c, number):
            local = random.Random(100 + number)
            path = os.path.join(self.work, f"source{number}")
            i = 0
            while not stop.is_set():
                i += 1
                name = f"/w{number}/{i}"
                content = local.randbytes(local.choice([10, 4096, 70_000]))
                with open(path, "wb") as f:
                    f.write(content)
                if c.run("put", "--timeout=20s", path, name).returncode == 0:
                    stored[number][name] = content
                else:
                    unknown[number].add(name)
                if stored[number] and local.random() < 0.2:
                    victim = local.choice(list(stored[number]))
                    if c.run("rm", "--skip-trash", "--timeout=20s", victim).returncode == 0:
                        removed[number].add(victim)
                    else:
                        unknown[number].add(victim)
                    del stored[number][victim]

        with Cluster(datanodes=3, datanode=["--sync=interval"]) as c:
            writers = [threading.Thread(target=write, args=(c, n)) for n in range(4)]
            for w in writers:
                w.start()
            for _ in range(6):
                time.sleep(0.7)
                victim = rng.choice(c.processes())
                victim.kill()
                time.sleep(rng.choice([0.0, 0.3]))
                victim.start(wait=False)
                wait_until(victim.is_ready, "restart")
            c.wait_live(3)
            stop.set()
            for w in writers:
                w.join()
            count = 0
            for number in range(4):
                for name, content in stored[number].items():
                    got = c.run("cat", name, text=False)
                    self.assertEqual(got.returncode, 0, (name, got.stderr))
                    self.assertEqual(got.stdout, content, name)
                    count += 1
                for name in removed[number]:
                    self.assertEqual(c.run("test", "-e", name).returncode, 1, name)
            self.assertGreater(count, 20)
            c.wait_healthy()

    def test_a_picture_that_holds_a_volume_file_stays_a_picture(self):
        tree = self.make_tree(30, 5)
        with Cluster(datanodes=1, master=["--replication=1"]) as c:
            c.ok("put", "-r", tree, "/tree")
            volumes = os.path.join(c.directory, "node1", "volumes")
            fullest = max((os.path.join(volumes, n) for n in os.listdir(volumes)
                           if n.endswith(".vol")), key=os.path.getsize)
            copy = os.path.join(self.work, "picture")
            shutil.copyfile(fullest, copy)
            c.ok("put", copy, "/picture")
            c.ok("verify", copy, "/picture")
            self.assertEqual(c.datanodes[0].stop(), 0)
            for name in os.listdir(volumes):
                if name.endswith(".vol"):
                    path = os.path.join(volumes, name)
                    done = subprocess.run([BINARY, "volume", "rebuild-index", path],
                                          capture_output=True, text=True, check=False)
                    self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            c.datanodes[0].start()
            c.wait_live(1)
            c.ok("verify", copy, "/picture")
            c.ok("verify", "-r", tree, "/tree")

    def test_disk_overhead_of_small_files(self):
        count, size = 20_000, 4096
        with Cluster(datanodes=1, master=["--replication=1"]) as c:
            c.ok("bench", "put", "--files", str(count), "--size", str(size))
            self.assertEqual(c.datanodes[0].stop(), 0)
            total = sum(os.path.getsize(os.path.join(d, f))
                        for d, _, files in os.walk(os.path.join(c.directory, "node1"))
                        for f in files if f.endswith((".vol", ".idx")))
            content = count * size
            self.assertGreaterEqual(total, content)
            self.assertLess(total / content, 1.015, total)


if __name__ == "__main__":
    unittest.main()
