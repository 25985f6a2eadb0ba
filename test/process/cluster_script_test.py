"""etc/cluster with the program of this build: start, test, kill, stop."""

import os
import shutil
import socket
import subprocess
import tempfile
import unittest

from local_cluster import free_port

SOURCE = os.environ["SSDFS_TEST_SOURCE"]
BINARY = os.environ["SSDFS_TEST_BINARY"]


def free_row(count):
    """The first of so many ports in a row that nothing listens on now."""
    for _ in range(100):
        first = free_port()
        held = []
        try:
            for port in range(first, first + count):
                held.append(socket.socket())
                held[-1].bind(("127.0.0.1", port))
            return first
        except (OSError, OverflowError):
            continue
        finally:
            for s in held:
                s.close()
    raise AssertionError(f"no {count} free ports in a row")


class ClusterScript(unittest.TestCase):
    def setUp(self):
        self.state = tempfile.mkdtemp(prefix="ssdfs-cluster-script-")
        self.port = free_row(20)

    def tearDown(self):
        self.run_script("stop")
        shutil.rmtree(self.state)

    def run_script(self, *arguments):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("SSDFS_")}
        return subprocess.run(
            [os.path.join(SOURCE, "etc/cluster"), *arguments], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=240, check=False,
            env={**clean, "CLUSTER_STATE": self.state, "CLUSTER_BINARY": BINARY,
                 "CLUSTER_PORT": str(self.port)})

    def expect(self, code, *arguments):
        done = self.run_script(*arguments)
        self.assertEqual(done.returncode, code, done.stdout)
        return done.stdout

    def test_start_test_kill_stop(self):
        self.assertIn("no cluster runs here", self.expect(1, "status"))
        said = self.expect(0, "start", "2")
        for name in ("master", "backup", "datanode1", "datanode2"):
            self.assertIn(f"{name} ", said)
        self.assertIn("all pictures are equal in every case", self.expect(0, "test"))
        self.expect(0, "kill", "datanode2")
        self.assertRegex(self.expect(1, "status"), r"datanode2 +does not run")
        self.expect(0, "start", "2")
        self.assertNotIn("does not run", self.expect(0, "status"))
        self.expect(0, "stop", "datanode1")
        self.assertRegex(self.expect(1, "status"), r"datanode1 +does not run")
        self.expect(0, "stop")
        self.assertIn("no cluster runs here", self.expect(1, "status"))

    def test_usage(self):
        for wrong in ((), ("begin",), ("start", "many"), ("kill",), ("status", "x"), ("stop", "a", "b")):
            self.assertIn("usage", self.expect(2, *wrong))
        self.assertIn("there is no datanode9", self.expect(1, "kill", "datanode9"))


if __name__ == "__main__":
    unittest.main()
