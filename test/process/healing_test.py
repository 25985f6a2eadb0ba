"""A cluster that heals, grows and shrinks: a node dies under load, nodes join, one leaves.

SSDFS_TEST_FULL=1 takes 200,000 pictures of the mix instead of some thousands.
"""

import json
import os
import random
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import unittest

from free_ports import free_port
from local_cluster import BINARY, Cluster, Process, wait_until

FULL = os.environ.get("SSDFS_TEST_FULL") == "1"
PICTURES = 200_000 if FULL else 3_000
VOLUME = "64MiB" if FULL else "2MiB"


def environment(cluster):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SSDFS_")}
    return {**clean, "SSDFS_MASTER": cluster.address}


def make_pictures(directory, count):
    """Files with the sizes of a picture store: most of them small, now and then a large one."""
    rng = random.Random(count)
    noise = rng.randbytes(3 << 20)
    for i in range(count):
        if i % 1000 == 0:
            part = os.path.join(directory, f"{i // 1000:04}")
            os.makedirs(part)
        size = rng.choice([4, 6, 8, 8, 8, 12, 16, 24, 32, 48]) * 1024 + rng.randrange(1024)
        if rng.random() < 0.0005:
            size = 2_500_000 if FULL else 500_000  # below the size of a volume
        begin = rng.randrange(len(noise) - size)
        with open(os.path.join(part, f"{i}.jpg"), "wb") as file:
            file.write(noise[begin:begin + size])


class Reader(threading.Thread):
    """Reads and compares everything again and again, until it is stopped."""

    def __init__(self, cluster, local, remote):
        super().__init__()
        self.cluster, self.local, self.remote = cluster, local, remote
        self.stopping = threading.Event()
        self.rounds = 0
        self.problems = []
        self.start()

    def run(self):
        while not self.stopping.is_set() and not self.problems:
            done = self.cluster.run("verify", "-r", self.local, self.remote, timeout=1800)
            self.rounds += 1
            if done.returncode != 0:
                self.problems.append(done.stdout[-2000:] + done.stderr[-2000:])

    def finish(self, test):
        self.stopping.set()
        self.join()
        test.assertEqual(self.problems, [])
        test.assertGreater(self.rounds, 0)


def add_node(cluster, capacity, leaving=0):
    """One more datanode, empty; of the others so many leave."""
    number = len(cluster.datanodes) + 1
    node = Process(cluster.directory, f"node{number}", [
        "--role=datanode", f"--data-dir={cluster.directory}/node{number}:{capacity}",
        f"--listen=127.0.0.1:{free_port()}", "--http=off", f"--master={cluster.address}",
        f"--name=node{number}", "--reserved=0"])
    cluster.datanodes.append(node)
    node.start()
    cluster.wait_live(sum(p.running() for p in cluster.datanodes) - leaving)
    return node


def node_of(report, name):
    """By name, or by uuid: a restarted master knows the names of those that have registered."""
    nodes = [n for n in report["nodes"] if name in (n["name"], n["node"])]
    return nodes[0] if nodes else {"state": "unknown"}


def copies_on(cluster, name):
    """Volumes of which the node is a member or holds a copy."""
    node = node_of(cluster.report(), name)["node"]
    return [v for v in cluster.volumes() if any(r["node"] == node for r in v["replicas"])]


def whole(cluster, copies=2):
    """Every volume with content has its copies on live nodes."""
    report = cluster.report()
    if report["under_replicated"] or report["missing"]:
        return False
    return all(v["complete"] >= copies for v in cluster.volumes()
               if v["state"] == "closed" and v["chunks"])


def directory_bytes(path):
    total = 0
    for parent, _, files in os.walk(path):
        total += sum(os.path.getsize(os.path.join(parent, f)) for f in files)
    return total


def cp_rate(source, work):
    """Bytes a second of `cp` for the same bytes on the same disk, synced at the end."""
    target = os.path.join(work, "copy")
    size = directory_bytes(source)
    began = time.monotonic()
    subprocess.run(["cp", "-r", source, target], check=True)
    subprocess.run(["sync", "-f", target], check=True)
    took = time.monotonic() - began
    shutil.rmtree(target)
    return size / took


class DeadNode(unittest.TestCase):
    def test_a_dead_node_is_replaced_under_load_and_its_copies_go_when_it_returns(self):
        options = ["--dead-after=3s", f"--volume-size={VOLUME}", "--repair-rate=2GiB"]
        with Cluster(datanodes=4, master=options) as c, tempfile.TemporaryDirectory() as work:
            pictures = os.path.join(work, "pictures")
            make_pictures(pictures, PICTURES)
            more = os.path.join(work, "more")
            make_pictures(more, PICTURES // 10)
            c.ok("put", "-r", pictures, "/p", timeout=1800)
            c.wait_healthy(120)
            victim = c.datanodes[0]
            lost_bytes = directory_bytes(os.path.join(c.directory, victim.name))
            reading = Reader(c, pictures, "/p")
            time.sleep(0.5)
            victim.kill()
            # Neither readers nor writers see anything.
            c.ok("put", "-r", more, "/more", timeout=1800)
            wait_until(lambda: node_of(c.report(), "node1")["state"] == "dead", "dead", 60)
            began = time.monotonic()
            wait_until(lambda: whole(c), "all volumes have two copies", 1200 if FULL else 240)
            took = time.monotonic() - began
            reading.finish(self)
            rate = lost_bytes / took
            beside = cp_rate(os.path.join(c.directory, "node2"), work)
            print(f"under load, {lost_bytes} bytes were whole again {took:.1f} s after the node's "
                  f"death: {rate / 1e6:.0f} MB/s; cp -r and sync of another node's directory: "
                  f"{beside / 1e6:.0f} MB/s")
            self.assertEqual(c.report()["repair"]["volumes_waiting"], 0)
            # Late, it returns: what is too many now is dropped, and nothing else.
            victim.start()
            c.wait_live(4)
            wait_until(lambda: whole(c) and c.report()["over_replicated"] == 0, "surplus gone", 120)
            c.ok("fsck", "/", timeout=600)
            c.ok("verify", "-r", pictures, "/p", timeout=1800)
            c.ok("verify", "-r", more, "/more", timeout=1800)

    def test_a_quick_restart_and_maintenance_cause_no_copies(self):
        options = ["--dead-after=3s", f"--volume-size={VOLUME}"]
        with Cluster(datanodes=3, master=options) as c, tempfile.TemporaryDirectory() as work:
            pictures = os.path.join(work, "pictures")
            make_pictures(pictures, 300)
            c.ok("put", "-r", pictures, "/p")
            c.wait_healthy()
            members = {v["volume"]: sorted(r["node"] for r in v["replicas"]) for v in c.volumes()}
            c.datanodes[1].kill()
            c.datanodes[1].start()
            c.wait_live(3)
            c.wait_healthy()
            said = json.loads(c.ok("admin", "maintenance", "node1", "--for", "12s", "--json"))
            self.assertEqual(said["state"], "maintenance")
            resting = said["node"]
            self.assertGreater(said["maintenance_left_ms"], 10_000)
            c.datanodes[0].stop()
            time.sleep(5)  # longer than dead-after
            report = c.report()
            self.assertEqual(node_of(report, "node1")["state"], "maintenance")
            self.assertEqual(report["repair"]["bytes_done"], 0)
            c.ok("verify", "-r", pictures, "/p")
            # A restart of the master does not forget it.
            c.master.kill()
            c.master.start()
            wait_until(lambda: node_of(c.report(), "node2")["state"] == "live", "node2 is back")
            self.assertEqual(node_of(c.report(), resting)["state"], "maintenance")
            c.datanodes[0].start()
            wait_until(lambda: node_of(c.report(), resting)["state"] == "live", "it ends by itself")
            c.wait_healthy()
            after = {v["volume"]: sorted(r["node"] for r in v["replicas"]) for v in c.volumes()}
            for volume, nodes in members.items():
                self.assertEqual(after[volume], nodes, f"volume {volume} has moved")

    def test_names_of_nodes_and_usage(self):
        with Cluster(datanodes=2) as c:
            node = node_of(c.report(), "node1")
            for name in ("node1", node["address"], node["node"], node["node"][:8]):
                said = json.loads(c.ok("admin", "recommission", name, "--json"))
                self.assertEqual(said["node"], node["node"])
            for arguments, code in ((("decommission", "nobody"), 1), (("decommission",), 2),
                                    (("maintenance", "node1"), 2),
                                    (("maintenance", "node1", "--for", "soon"), 2),
                                    (("rebalance", "faster"), 2), (("rebalance", "pause"), 1),
                                    (("rebalance", "--threshold", "0"), 2)):
                done = c.run("admin", *arguments)
                self.assertEqual(done.returncode, code, (arguments, done.stderr))
                self.assertTrue(done.stderr.startswith("ssdfs: admin "), done.stderr)


class Growing(unittest.TestCase):
    def shares(self, cluster):
        nodes = [n for n in cluster.report()["nodes"] if n["state"] == "live"]
        return {n["name"]: n["used_bytes"] / n["capacity_bytes"] for n in nodes}

    def settled_shares(self, cluster, threshold):
        """Once all are within the threshold of the mean; the disks' reports come a little late."""
        def within():
            shares = self.shares(cluster)
            mean = sum(shares.values()) / len(shares)
            return all(abs(s - mean) < mean * threshold for s in shares.values())
        try:
            wait_until(within, "shares within the threshold", 10)
        except AssertionError as e:
            raise AssertionError(f"{e}: {self.shares(cluster)}") from None
        return self.shares(cluster)

    def test_two_nodes_join_four_then_one_of_six_leaves(self):
        volume, capacity = ("32MiB", "4GiB") if FULL else ("1MiB", "64MiB")
        files = 260_000 if FULL else 4_000
        options = [f"--volume-size={volume}", "--rebalance-rate=1GiB", "--repair-rate=1GiB"]
        with Cluster(datanodes=4, master=options, capacity=capacity) as c, \
                tempfile.TemporaryDirectory() as work:
            pictures = os.path.join(work, "pictures")
            make_pictures(pictures, files)
            c.ok("put", "-r", pictures, "/p", timeout=1800)
            print("four nodes:", self.shares(c))
            for _ in range(2):
                add_node(c, capacity)
            plan = json.loads(c.ok("admin", "rebalance", "--dry-run", "--json"))
            self.assertGreater(plan["moves"], 0)
            self.assertEqual(len(plan["nodes"]), 6)
            self.assertFalse(c.report()["rebalance"]["running"], "a dry run began something")
            reading = Reader(c, pictures, "/p")
            done = json.loads(c.ok("admin", "rebalance", "--threshold", "10", "--wait", "--json",
                                   timeout=1800))
            reading.finish(self)
            shares = self.settled_shares(c, 0.12)  # room for indexes
            mean = sum(shares.values()) / len(shares)
            print(f"six nodes: {shares}; needed {done['needed_bytes']}, "
                  f"moved {done['moved_bytes']}: {done['reason']}")
            c.wait_healthy(120)
            self.assertLess(done["moved_bytes"], done["needed_bytes"] * 1.10 + 2 * (1 << 20))

            said = json.loads(c.ok("admin", "decommission", "node2", "--wait", "--json",
                                   timeout=1800))
            self.assertEqual(said["state"], "decommissioned")
            self.assertEqual(copies_on(c, "node2"), [])
            self.assertEqual(node_of(c.report(), "node2")["state"], "decommissioned")
            self.assertEqual(c.datanodes[1].stop(), 0)
            self.assertTrue(whole(c))
            c.ok("verify", "-r", pictures, "/p", timeout=1800)
            # Durable, and it can be taken back.
            c.master.kill()
            c.master.start()
            c.wait_live(5)
            c.datanodes[1].start()
            wait_until(lambda: node_of(c.report(), "node2")["state"] == "decommissioned", "known")
            c.ok("admin", "recommission", "node2")
            self.assertEqual(node_of(c.report(), "node2")["state"], "live")

    def test_a_rebalance_is_paused_resumed_and_survives_restarts(self):
        options = ["--volume-size=1MiB", "--rebalance-rate=1MiB"]
        with Cluster(datanodes=2, master=options, capacity="64MiB") as c, \
                tempfile.TemporaryDirectory() as work:
            pictures = os.path.join(work, "pictures")
            make_pictures(pictures, 900)
            c.ok("put", "-r", pictures, "/p")
            add_node(c, "64MiB")
            c.ok("admin", "rebalance")
            wait_until(lambda: c.report()["rebalance"]["progress"]["volumes_running"] > 0, "moving")
            said = json.loads(c.ok("admin", "rebalance", "pause", "--json"))
            self.assertTrue(said["paused"])
            wait_until(lambda: c.report()["rebalance"]["progress"]["volumes_running"] == 0, "quiet")
            moved = c.report()["rebalance"]["moved_bytes"]
            time.sleep(1.5)
            self.assertEqual(c.report()["rebalance"]["moved_bytes"], moved)
            c.ok("admin", "rebalance", "resume")
            # Whoever waits sees nothing of a restart. The rate that the master starts with is read
            # again at SIGHUP: only at the new one this ends in time.
            waiting = subprocess.Popen([BINARY, "admin", "rebalance", "--wait", "--timeout=60s"],
                                       env=environment(c), stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, text=True)
            wait_until(lambda: c.report()["rebalance"]["progress"]["volumes_running"] > 0, "moving")
            c.master.kill()
            self.use_rate(c, "128KiB")
            c.master.start()
            self.use_rate(c, "1GiB")
            out, errors = waiting.communicate(timeout=120)
            self.assertEqual(waiting.returncode, 0, out + errors)
            self.assertIn("done", out)
            c.wait_healthy(120)
            self.settled_shares(c, 0.15)
            c.ok("verify", "-r", pictures, "/p")

    @staticmethod
    def use_rate(cluster, rate):
        """From a configuration file from now on; a master that runs reads it again."""
        config = os.path.join(cluster.directory, "master.conf")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"rebalance-rate = {rate}\n")
        kept = [a for a in cluster.master.arguments
                if not a.startswith(("--rebalance-rate", "--config"))]
        cluster.master.arguments = kept + [f"--config={config}"]
        if cluster.master.running():
            cluster.master.process.send_signal(signal.SIGHUP)

    def test_a_rebalance_outlives_its_masters_until_it_is_done_or_stopped(self):
        with Cluster(datanodes=2, master=["--volume-size=1MiB"], capacity="64MiB") as c, \
                tempfile.TemporaryDirectory() as work:
            def status():
                return json.loads(c.ok("admin", "rebalance", "status", "--json"))

            def moving():
                return status()["progress"]["volumes_running"] > 0

            def next_master():
                c.master.kill()
                c.master.start()
                c.wait_live(3)

            self.assertIn("none was ever asked for", c.ok("admin", "rebalance", "status"))
            pictures = os.path.join(work, "pictures")
            make_pictures(pictures, 900)
            c.ok("put", "-r", pictures, "/p")
            add_node(c, "64MiB")
            c.master.kill()
            self.use_rate(c, "128KiB")  # a volume takes 16 s
            c.master.start()
            c.wait_live(3)
            # Nobody waits, and the next master goes on by itself.
            c.ok("admin", "rebalance", "--threshold", "15")
            wait_until(moving, "moving")
            next_master()
            wait_until(moving, "moving again")
            self.assertEqual(status()["threshold_percent"], 15)
            # A pause survives, too.
            c.ok("admin", "rebalance", "pause")
            next_master()
            time.sleep(2)  # longer than stale-after: all plans are made by now
            said = status()
            self.assertTrue(said["running"] and said["paused"], said)
            self.assertEqual(said["progress"]["volumes_running"], 0)
            # A stop is for good, and whoever waits is told.
            c.ok("admin", "rebalance", "resume")
            with subprocess.Popen([BINARY, "admin", "rebalance", "--wait"], env=environment(c),
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                  text=True) as waiting:
                wait_until(lambda: status()["threshold_percent"] == 10, "begun anew")
                c.ok("admin", "rebalance", "stop")
                out, errors = waiting.communicate(timeout=60)
                self.assertEqual(waiting.returncode, 1, out + errors)
                self.assertIn("stopped by an operator", errors)
            next_master()
            said = status()
            self.assertFalse(said["running"])
            self.assertEqual(said["reason"], "stopped by an operator")
            self.assertEqual(c.run("admin", "rebalance", "stop").returncode, 1)
            # It ends in a master that was never asked for it, and the next one knows.
            c.ok("admin", "rebalance")
            wait_until(moving, "moving")
            c.master.kill()
            self.use_rate(c, "1GiB")
            c.master.start()
            wait_until(lambda: not status()["running"], "it ends", 120)
            self.assertTrue(status()["reason"].startswith("done: "), status())
            c.wait_healthy(120)
            self.settled_shares(c, 0.15)
            next_master()
            self.assertEqual(status()["reason"], "done before this master started")
            c.ok("verify", "-r", pictures, "/p")

    def test_a_late_third_node_gets_new_volumes_after_a_restart_of_the_master(self):
        with Cluster(datanodes=2, master=["--volume-size=64MiB"], capacity="1GiB") as c, \
                tempfile.TemporaryDirectory() as work:
            for name, count in (("a", 200), ("b", 201), ("c", 150)):
                make_pictures(os.path.join(work, name), count)
            c.ok("put", "-r", os.path.join(work, "a"), "/a")
            c.wait_healthy()
            c.master.kill()
            c.master.start()
            c.wait_live(2)
            known = {v["volume"] for v in c.volumes()}
            c.ok("put", "-r", os.path.join(work, "b"), "/b")
            c.wait_healthy()
            # The closed ones have room: they are opened again before any is made.
            self.assertEqual({v["volume"] for v in c.volumes()}, known)
            add_node(c, "1GiB")
            wait_until(lambda: any(v["reason"] == "open" for v in copies_on(c, "node3")),
                       "the third node has open volumes")
            for i in range(8):  # chance has its part in which volume a writer gets
                c.ok("put", "-r", os.path.join(work, "c"), f"/c{i}")
            wait_until(lambda: node_of(c.report(), "node3")["used_bytes"] > 1 << 20, "it has data")


class Leaving(unittest.TestCase):
    def test_whoever_waits_for_a_decommission_is_told_what_holds_it_up(self):
        with Cluster(datanodes=2) as c, tempfile.TemporaryDirectory() as work:
            pictures = os.path.join(work, "pictures")
            make_pictures(pictures, 50)
            c.ok("put", "-r", pictures, "/p")
            with subprocess.Popen([BINARY, "admin", "decommission", "node1", "--wait"],
                                  env=environment(c), stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True) as waiting:
                try:
                    told = waiting.stderr.readline()
                    self.assertRegex(
                        told, r"^waiting: every other node has a copy already of \d+ volumes?\n$")
                    reason = told.removeprefix("waiting: ").strip()
                    self.assertIn("its decommission waits: " + reason, c.ok("admin", "report"))
                    decided = c.report()["decided_nodes"]
                    self.assertEqual([n["waiting"] for n in decided], [reason])
                    add_node(c, "1GiB", leaving=1)
                    out, errors = waiting.communicate(timeout=120)
                finally:
                    waiting.kill()
                self.assertEqual(waiting.returncode, 0, errors)
                self.assertIn("it can be switched off", out)
            self.assertNotIn("waits", c.ok("admin", "report"))
            c.ok("verify", "-r", pictures, "/p")


class Replication(unittest.TestCase):
    @staticmethod
    def copies(cluster, path):
        """Replicas that hold the chunks of a file, each once for a chunk."""
        status = json.loads(cluster.ok("stat", "--json", path))
        return status["replication"], [len(chunk["nodes"]) for chunk in status["chunks"]]

    def test_setrep_moves_chunks_and_survives_a_restart_of_the_master(self):
        with Cluster(datanodes=3, master=["--volume-size=16MiB", "--delete-grace=1s"]) as c, \
                tempfile.TemporaryDirectory() as work:
            pictures = os.path.join(work, "pictures")
            make_pictures(pictures, 150)
            with open(os.path.join(pictures, "0000", "long"), "wb") as file:
                file.write(os.urandom(9 << 20))  # two chunks
            c.ok("put", "-r", pictures, "/p")
            self.assertEqual(self.copies(c, "/p/0000/long"), (2, [2, 2]))
            c.ok("setrep", "--wait", "3", "/p/0000/1.jpg", "/p/0000/long")
            self.assertEqual(self.copies(c, "/p/0000/long"), (3, [3, 3]))
            self.assertEqual(self.copies(c, "/p/0000/1.jpg"), (3, [3]))
            self.assertEqual(self.copies(c, "/p/0000/2.jpg"), (2, [2]))
            # The master dies right after it was told; the next one finds what is left.
            reading = Reader(c, pictures, "/p")
            c.ok("setrep", "-R", "3", "/p")
            c.master.kill()
            c.master.start()
            c.wait_live(3)
            c.ok("setrep", "--wait", "1", "/p/0000/3.jpg", timeout=180)
            reading.finish(self)
            for name in ("0.jpg", "77.jpg", "149.jpg", "long"):
                replication, chunks = self.copies(c, f"/p/0000/{name}")
                self.assertEqual((replication, set(chunks)), (3, {3}), name)
            self.assertEqual(self.copies(c, "/p/0000/3.jpg"), (1, [1]))
            c.ok("verify", "-r", pictures, "/p")
            wait_until(lambda: c.report()["pending_reclaim"] == 0, "the old chunks are gone", 90)
            c.wait_healthy(90)
            c.ok("verify", "-r", pictures, "/p")

    def test_usage(self):
        with Cluster(datanodes=1) as c:
            for arguments, code in ((("4", "/"), 2), (("2",), 2), (("two", "/x"), 2),
                                    (("2", "/nothing"), 1), (("-R", "2", "/nothing"), 1)):
                done = c.run("setrep", *arguments)
                self.assertEqual(done.returncode, code, (arguments, done.stderr))
                self.assertTrue(done.stderr.startswith("ssdfs: setrep: "), done.stderr)
            said = json.loads(c.ok("setrep", "-R", "--json", "2", "/"))
            self.assertEqual(said, {"files": 0, "replication": 2})


if __name__ == "__main__":
    unittest.main()
