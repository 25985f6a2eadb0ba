"""Damage on a disk: served by others, found, and put right without help."""

import json
import os
import random
import re
import shutil
import subprocess
import tempfile
import unittest
import urllib.request

from local_cluster import BINARY, Cluster, wait_until

FULL = os.environ.get("SSDFS_TEST_FULL") == "1"  # the long forms
QUICK_SCRUB = ["--scrub-rate=1GiB", "--volume-size=16MiB"]


def volume_files(cluster, node):
    directory = os.path.join(cluster.directory, node, "volumes")
    return sorted(os.path.join(directory, n) for n in os.listdir(directory) if n.endswith(".vol"))


def node_report(cluster, name):
    return next(n for n in cluster.report()["nodes"] if n["name"] == name)


def metric(node, name):
    with urllib.request.urlopen(f"http://{node.http()}/metrics", timeout=10) as answer:
        text = answer.read().decode()
    found = re.search(rf"^ssdfs_datanode_{name} (\d+)$", text, re.MULTILINE)
    return int(found.group(1))


class Damage(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="ssdfs-scrub-")
        self.addCleanup(shutil.rmtree, self.work)

    def make_tree(self, files, seed):
        rng = random.Random(seed)
        top = os.path.join(self.work, f"tree{seed}")
        for i in range(files):
            folder = os.path.join(top, f"d{i % 7}")
            os.makedirs(folder, exist_ok=True)
            size = rng.choice([1, 100, 4096, 5000, 65536, 65537, 300_000])
            with open(os.path.join(folder, str(i)), "wb") as f:
                f.write(rng.randbytes(size))
        with open(os.path.join(top, "large"), "wb") as f:
            f.write(rng.randbytes(3 << 20))
        return top

    def assert_gets(self, cluster, tree, name):
        back = os.path.join(self.work, "back-" + name)
        cluster.ok("get", "-r", "-T", "/" + os.path.basename(tree), back)
        done = subprocess.run(["diff", "-r", tree, back], capture_output=True, text=True,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stdout[:2000])

    def assert_fsck_healthy(self, cluster):
        done = cluster.run("fsck", "--json")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(json.loads(done.stdout.splitlines()[-1])["state"], "healthy")

    def seal_all(self, cluster):
        for v in cluster.volumes():
            if v["state"] == "open":
                cluster.ok("admin", "seal", v["volume"])
        cluster.wait_healthy()

    def assert_served_by_node1_alone(self, cluster, tree, name):
        """What was put right is really there: the other copies are gone."""
        for p in cluster.datanodes[1:]:
            p.kill()
        self.assert_gets(cluster, tree, name)

    def test_bit_flips_are_never_seen_and_all_repaired(self):
        rng = random.Random(11)
        tree = self.make_tree(400, 1)
        with Cluster(datanodes=2, master=QUICK_SCRUB) as c:
            c.ok("put", "-r", "-T", tree, "/tree1")
            files = volume_files(c, "node1")
            total = sum(os.path.getsize(f) for f in files)
            for _ in range(1000):
                at = rng.randrange(total)
                for path in files:
                    size = os.path.getsize(path)
                    if at < size:
                        break
                    at -= size
                with open(path, "r+b") as f:
                    f.seek(at)
                    byte = f.read(1)[0]
                    f.seek(at)
                    f.write(bytes([byte ^ (1 << rng.randrange(8))]))
            self.assert_gets(c, tree, "damaged")
            done = c.run("admin", "scrub", "--wait", "--json")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            nodes = [json.loads(line) for line in done.stdout.splitlines()]
            found = sum(n["bad"] for n in nodes)
            self.assertGreater(found, 100, nodes)  # many flips hit the same large records
            self.assertEqual(sum(n["unrepaired"] for n in nodes), 0, nodes)
            wait_until(lambda: c.report()["corrupt"] == 0, "nothing corrupt is reported")
            self.assertEqual(c.report()["missing"], 0)
            self.assert_fsck_healthy(c)
            self.assert_served_by_node1_alone(c, tree, "repaired")

    def test_what_is_bad_is_known_after_a_kill_and_repaired_later(self):
        rng = random.Random(12)
        contents = [rng.randbytes(20_000) for _ in range(30)]
        tree = os.path.join(self.work, "tree")
        os.mkdir(tree)
        for i, content in enumerate(contents):
            with open(os.path.join(tree, str(i)), "wb") as f:
                f.write(content)
        with Cluster(datanodes=2, master=["--scrub-rate=0"], http=True) as c:
            c.ok("put", "-r", "-T", tree, "/tree")
            node1, node2 = c.datanodes
            # A stop writes the indexes: what they do not cover is verified by the start anyway.
            for node in (node1, node2):
                self.assertEqual(node.stop(), 0)
                node.start()
                c.wait_live(2)
            self.seal_all(c)
            self.assertEqual(node1.stop(), 0)
            node1.start()
            c.wait_live(2)
            c.wait_healthy()
            node2.kill()
            wait_until(lambda: node_report(c, "node2")["state"] != "live", "node2 is missed")
            bad = contents[3:20:4]
            for path in volume_files(c, "node1"):
                with open(path, "r+b") as f:
                    data = f.read()
                    for content in bad:
                        at = data.find(content[:64])
                        if at >= 0:
                            f.seek(at + 10_000)
                            f.write(bytes([data[at + 10_000] ^ 1]))
            done = c.run("admin", "scrub", "--wait", "--json")
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            wait_until(lambda: c.report()["corrupt"] == len(bad), "all of them are reported")
            suspects = os.path.join(c.directory, "node1", "suspects.json")

            def written():
                with open(suspects, encoding="ascii") as f:
                    volumes = json.loads(f.read().rsplit(" ", 1)[0])["volumes"]
                return sum(len(v["records"]) for v in volumes)

            wait_until(lambda: os.path.exists(suspects) and written() == len(bad),
                       "they are written down")
            for _ in range(2):
                node1.kill()
                c.master.kill()  # so that nobody else remembers
                c.master.start()
                node1.start()
                self.assertEqual(metric(node1, "bad_records"), len(bad))
                self.assertEqual(metric(node1, "scrub_pass_bytes"), 0)
                wait_until(lambda: node_report(c, "node1")["state"] == "live", "node1 is back")
                self.assertEqual(c.report()["corrupt"], len(bad))
                done = c.run("fsck", "--json")
                self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
                summary = json.loads(done.stdout.splitlines()[-1])
                self.assertEqual(summary["missing"], len(bad), summary)
            self.assertEqual(metric(node1, "bad_records_found_total"), len(bad))
            node2.start()
            c.wait_live(2)
            wait_until(lambda: c.report()["corrupt"] == 0, "all of them are replaced")
            c.wait_healthy()
            self.assert_fsck_healthy(c)
            self.assertEqual(metric(node1, "scrub_pass_bytes"), 0)
            wait_until(lambda: written() == 0, "nothing is suspect any more")
            node2.kill()
            self.assert_gets(c, tree, "repaired")

    def test_fsck_names_what_is_damaged_and_repairs_on_request(self):
        with Cluster(datanodes=2, master=["--scrub-rate=0"]) as c:
            picture = os.path.join(self.work, "picture")
            content = os.urandom(10_000)
            with open(picture, "wb") as f:
                f.write(content)
            c.ok("put", picture, "/whole")
            self.assert_fsck_healthy(c)
            c.datanodes[1].pause()
            wait_until(lambda: node_report(c, "node2")["state"] == "stale", "node2 stale")
            done = c.run("fsck", "/", "--json")
            lines = [json.loads(line) for line in done.stdout.splitlines()]
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            self.assertEqual([(x["path"], x["state"]) for x in lines[:-1]], [("/whole", "short")])
            self.assertEqual(lines[-1]["short"], 1)
            c.datanodes[1].go_on()
            c.wait_healthy()
            # Both copies of one chunk are bad: nothing can repair it, and the file is named.
            for node in ("node1", "node2"):
                for path in volume_files(c, node):
                    with open(path, "r+b") as f:
                        data = f.read()
                        at = data.find(content[:64])
                        if at >= 0:
                            f.seek(at + 100)
                            f.write(bytes([data[at + 100] ^ 1]))
            self.assertEqual(c.run("admin", "scrub", "--wait").returncode, 1)
            done = c.run("fsck", "/whole")
            self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
            self.assertIn("missing /whole", done.stdout)
            c.ok("put", "-f", picture, "/whole")
            done = c.run("fsck", "/whole")
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual(c.run("fsck", "/nowhere").returncode, 3)

    def test_lost_truncated_and_old_volume_files(self):
        tree = self.make_tree(300, 2)
        later = self.make_tree(100, 3)
        with Cluster(datanodes=2, master=QUICK_SCRUB) as c:
            c.ok("put", "-r", "-T", tree, "/tree2")
            node = c.datanodes[0]
            self.assertEqual(node.stop(), 0)
            old = os.path.join(self.work, "old")
            os.mkdir(old)
            for path in volume_files(c, "node1"):
                shutil.copy(path, old)
            node.start()
            c.wait_live(2)
            c.ok("put", "-r", "-T", later, "/tree3")
            self.seal_all(c)
            node.kill()
            def before(path):
                return os.path.join(old, os.path.basename(path))

            # Which volumes the second tree went to is the master's choice: those that have grown
            # since they were copied are put back, of the others one is removed and one cut.
            files = [p for p in volume_files(c, "node1") if os.path.getsize(p) > 1 << 16]
            copied = [p for p in files if os.path.exists(before(p))]
            grown = [p for p in copied if os.path.getsize(p) > os.path.getsize(before(p))]
            put_back = (grown or copied)[:1]
            others = [p for p in files if p not in put_back]
            self.assertEqual(len(put_back), 1)
            self.assertGreaterEqual(len(others), 2)
            for path in put_back:
                shutil.copyfile(before(path), path)
            os.unlink(others[0])
            os.truncate(others[1], os.path.getsize(others[1]) // 2)
            self.assert_gets(c, tree, "without-node1")
            node.start()
            c.wait_live(2)
            c.wait_healthy()
            self.assert_fsck_healthy(c)
            c.datanodes[1].kill()
            self.assert_gets(c, tree, "node1")
            self.assert_gets(c, later, "node1-later")

    def test_deletes_that_a_node_slept_through(self):
        count = 100_000 if FULL else 5_000
        master = ["--delete-grace=1s", "--volume-size=64MiB"]
        with Cluster(datanodes=2, master=master) as c:
            c.ok("bench", "put", "--files", str(count), "--size", "4096", timeout=600)
            wait_until(lambda: node_report(c, "node1")["used_bytes"] > count * 4096 * 0.9,
                       "node1 tells what it has")
            full = node_report(c, "node1")["used_bytes"]
            c.datanodes[0].kill()
            c.ok("rm", "-r", "--skip-trash", "/bench", timeout=600)
            self.assertEqual(c.report()["files"], 0)
            c.datanodes[0].start()
            c.wait_live(2)

            def is_empty():
                node1 = node_report(c, "node1")["node"]
                replicas = [r for v in c.volumes() for r in v["replicas"] if r["node"] == node1]
                return replicas and all(r["chunks"] == 0 for r in replicas)

            wait_until(is_empty, "nothing deleted is left in node1's indexes", 120)
            wait_until(lambda: node_report(c, "node1")["used_bytes"] < full / 4,
                       "node1 has its space back", 120)
            self.assert_fsck_healthy(c)
            self.assertEqual(c.datanodes[0].stop(), 0)
            for path in volume_files(c, "node1"):
                dump = subprocess.run([BINARY, "volume", "verify", path], capture_output=True,
                                      text=True, check=False)
                self.assertEqual(dump.returncode, 0, dump.stdout + dump.stderr)


if __name__ == "__main__":
    unittest.main()
