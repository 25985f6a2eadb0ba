"""Nodes that hang, die and come back under load: users see no error, and nothing is lost at the end.

SSDFS_TEST_FULL=1 makes the storm last ten minutes; its seed is printed.
"""

import json
import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
import unittest

from local_cluster import BINARY, Cluster, wait_until

FULL = os.environ.get("SSDFS_TEST_FULL") == "1"  # the long forms


def environment(cluster):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SSDFS_")}
    return {**clean, "SSDFS_MASTER": cluster.address}


class Hanging(unittest.TestCase):
    def bench(self, cluster, operation, pause_after, pause_for, victim, files):
        """Runs a bench while one node hangs for a while; its result."""
        with subprocess.Popen(
                [BINARY, "bench", operation, "--files", str(files), "--size", "4096",
                 "--concurrency", "16", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                env=environment(cluster), text=True) as load:
            time.sleep(pause_after)
            running = load.poll() is None
            victim.pause()
            time.sleep(pause_for)
            victim.go_on()
            out, errors = load.communicate(timeout=300)
        self.assertTrue(running, "the load ended before the node was stopped")
        self.assertEqual(load.returncode, 0, errors)
        return json.loads(out)

    def test_a_hanging_datanode_is_not_seen_but_once_for_a_second(self):
        # So many that the quickest machine has not ended before the node is stopped; gets go round.
        with Cluster(datanodes=3) as c:
            for operation, files in (("put", 80_000), ("get", 300_000)):
                result = self.bench(c, operation, 0.7, 3.0, c.datanodes[0], files)
                self.assertEqual(result["errors"], 0, result)
                worst_ms = result["latency_us"]["max"] / 1000
                print(f"{operation} with a hanging node: worst {worst_ms:.0f} ms, "
                      f"p99 {result['latency_us']['p99'] / 1000:.0f} ms")
                # A second, and what a busy machine adds to it.
                self.assertLess(worst_ms, 2500, result)
                c.wait_live(3)

    def test_single_commands_while_a_node_hangs(self):
        with Cluster(datanodes=3) as c, tempfile.TemporaryDirectory() as work:
            picture = os.path.join(work, "picture")
            with open(picture, "wb") as f:
                f.write(os.urandom(20_000))
            for i in range(8):
                c.ok("put", picture, f"/before/{i}")
            c.datanodes[0].pause()
            worst = 0.0
            for i in range(8):
                for arguments in (("put", picture, f"/while/{i}"),
                                  ("verify", picture, f"/before/{i}"),
                                  ("verify", picture, f"/while/{i}")):
                    began = time.monotonic()
                    c.ok(*arguments)
                    worst = max(worst, time.monotonic() - began)
            print(f"single commands with a hanging node: worst {worst * 1000:.0f} ms")
            self.assertLess(worst, 4)
            c.datanodes[0].go_on()
            c.wait_healthy()

    def test_ack_one_answers_before_the_others_have_it(self):
        with Cluster(datanodes=2) as c, tempfile.TemporaryDirectory() as work:
            picture = os.path.join(work, "picture")
            with open(picture, "wb") as f:
                f.write(os.urandom(20_000))
            c.datanodes[1].pause()
            for i in range(10):
                c.ok("put", "--ack", "one", picture, f"/one/{i}")
            c.datanodes[1].go_on()
            c.wait_live(2)
            for i in range(10):
                c.ok("verify", picture, f"/one/{i}")
            # What the hanging node missed shows when the volumes are closed and compared.
            for v in c.volumes():
                if v["state"] == "open" and v["chunks"]:
                    c.ok("admin", "seal", v["volume"])
            wait_until(lambda: c.run("fsck").returncode == 0, "every file has its copies", 60)
            c.datanodes[0].kill()
            for i in range(10):
                c.ok("verify", picture, f"/one/{i}")


class Network:
    """A node in a network namespace of its own, whose cable can be pulled."""

    def __init__(self, cluster, node):
        tag = f"{os.getpid() % 10000}"
        self.name, self.outer, self.inner = f"ssdfs{tag}", f"so{tag}", f"si{tag}"
        subnet = f"10.213.{os.getpid() % 250}"
        self.host, self.guest = f"{subnet}.1", f"{subnet}.2"
        self.made = False
        self.cluster, self.node = cluster, node

    @staticmethod
    def ip(*arguments):
        return subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)

    def make(self):
        """Why it cannot be done here, or nothing. Moves the whole cluster to the new addresses."""
        for step in (("netns", "add", self.name),
                     ("link", "add", self.outer, "type", "veth", "peer", "name", self.inner),
                     ("link", "set", self.inner, "netns", self.name),
                     ("addr", "add", f"{self.host}/24", "dev", self.outer),
                     ("link", "set", self.outer, "up"),
                     ("-n", self.name, "addr", "add", f"{self.guest}/24", "dev", self.inner),
                     ("-n", self.name, "link", "set", "lo", "up"),
                     ("-n", self.name, "link", "set", self.inner, "up")):
            done = self.ip(*step)
            if done.returncode != 0:
                self.close()
                return done.stderr.strip() or "ip " + " ".join(step)
            self.made = True
        c = self.cluster
        c.address = c.address.replace("127.0.0.1", self.host)
        for p in c.processes():
            p.arguments = [a.replace("127.0.0.1", self.host) for a in p.arguments]
        self.node.arguments = [
            a.replace(self.host, self.guest) if a.startswith("--listen=") else a
            for a in self.node.arguments]
        self.node.prefix = ["ip", "netns", "exec", self.name]
        return None

    def cut(self):
        self.ip("link", "set", self.outer, "down")

    def mend(self):
        self.ip("link", "set", self.outer, "up")

    def close(self):
        self.ip("link", "del", self.outer)
        self.ip("netns", "del", self.name)


class Writer(threading.Thread):
    """Puts, overwrites and removes small files; journals what was answered."""

    def __init__(self, cluster, work, number, stop):
        super().__init__()
        self.cluster, self.number, self.stop_event = cluster, number, stop
        self.source = os.path.join(work, f"source{number}")
        self.random = random.Random(1000 + number)
        self.stored = {}      # name: content
        self.removed = set()
        self.unknown = set()  # not answered: anything may be true
        self.failures = []

    def run(self):
        i = 0
        while not self.stop_event.is_set():
            i += 1
            name = f"/w{self.number}/{i}"
            content = self.random.randbytes(self.random.choice([10, 4096, 70_000, 600_000]))
            with open(self.source, "wb") as f:
                f.write(content)
            self.change(name, content, "put", "--timeout=60s", self.source, name)
            if self.stored and self.random.random() < 0.3:
                victim = self.random.choice(list(self.stored))
                self.change(victim, None, "rm", "--skip-trash", "--timeout=60s", victim)
            if self.stored and self.random.random() < 0.3:
                self.read_back(self.random.choice(list(self.stored)))

    def change(self, name, content, *command):
        self.stored.pop(name, None)
        self.unknown.add(name)
        done = self.cluster.run(*command)
        if done.returncode != 0:
            self.failures.append((command, done.stderr))
            return
        self.unknown.discard(name)
        if content is None:
            self.removed.add(name)
        else:
            self.stored[name] = content

    def read_back(self, name):
        got = self.cluster.run("cat", "--timeout=60s", name, text=False)
        if got.returncode != 0 or got.stdout != self.stored[name]:
            self.failures.append((("cat", name), got.stderr))


class Storm(unittest.TestCase):
    def disturb(self, cluster, rng, seconds):
        """One process after the other is killed, stopped or restarted; the last one is up again
        before the next goes, as one failure at a time is what two copies bear."""
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            victim = rng.choice([*cluster.datanodes, *cluster.datanodes, cluster.master])
            what = rng.choice(["kill", "stop", "hang"])
            if what == "hang":
                victim.pause()
                time.sleep(rng.uniform(0.2, 4.0))
                victim.go_on()
            else:
                if what == "kill":
                    victim.kill()
                else:
                    victim.stop()
                time.sleep(rng.uniform(0.0, 1.5))
                victim.start(wait=False)
                wait_until(victim.is_ready, f"{victim.name} is back", 60)
            cluster.wait_live(len(cluster.datanodes), 60)
            wait_until(lambda: self.nothing_missing(cluster), "copies are good again", 120)

    @staticmethod
    def nothing_missing(cluster):
        report = cluster.report()
        return report["missing"] == 0 and report["under_replicated"] == 0

    def test_storm(self):
        seed = int(os.environ.get("SSDFS_TEST_SEED", random.randrange(1 << 30)))
        print(f"storm with SSDFS_TEST_SEED={seed}")
        rng = random.Random(seed)
        stop = threading.Event()
        work = tempfile.mkdtemp(prefix="ssdfs-storm-")
        self.addCleanup(shutil.rmtree, work)
        master = ["--delete-grace=2s", "--volume-size=32MiB", "--dead-after=20s"]
        with Cluster(datanodes=4, master=master) as c:
            writers = [Writer(c, work, n, stop) for n in range(4)]
            for w in writers:
                w.start()
            try:
                self.disturb(c, rng, 600 if FULL else 30)
            finally:
                stop.set()
                for w in writers:
                    w.join()
            self.check(c, writers)

    def test_a_network_cut(self):
        """Datagrams vanish: no connection is reset, nobody is told."""
        c = Cluster(datanodes=3, master=["--delete-grace=2s", "--volume-size=32MiB"])
        network = Network(c, c.datanodes[0])
        try:
            reason = network.make()
            if reason:
                self.skipTest("needs the right to make network namespaces: " + reason)
        except OSError as e:
            c.close()
            self.skipTest(f"needs the command ip: {e}")
        stop = threading.Event()
        work = tempfile.mkdtemp(prefix="ssdfs-cut-")
        self.addCleanup(shutil.rmtree, work)
        self.addCleanup(network.close)
        with c:
            writers = [Writer(c, work, n, stop) for n in range(3)]
            for w in writers:
                w.start()
            try:
                time.sleep(2)
                for seconds in (1, 6) if not FULL else (1, 6, 30, 2, 15):
                    network.cut()
                    time.sleep(seconds)
                    network.mend()
                    c.wait_live(3, 60)
            finally:
                stop.set()
                for w in writers:
                    w.join()
            self.check(c, writers)

    def check(self, cluster, writers):
        failures = [f for w in writers for f in w.failures]
        self.assertEqual(failures, [])
        count = 0
        for w in writers:
            for name, content in w.stored.items():
                got = cluster.run("cat", name, text=False)
                self.assertEqual(got.returncode, 0, (name, got.stderr))
                self.assertEqual(got.stdout, content, name)
                count += 1
            for name in w.removed - w.unknown:
                if name not in w.stored:
                    self.assertEqual(cluster.run("test", "-e", name).returncode, 1, name)
        print(f"{count} acknowledged files are there, "
              f"{sum(len(w.removed) for w in writers)} removed ones are not")
        self.assertGreater(count, 30)
        cluster.wait_healthy(120)
        done = cluster.run("fsck")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)


if __name__ == "__main__":
    unittest.main()
