"""etc/cluster with the program of this build: start, test, kill, stop."""

import os
import shutil
import subprocess
import tempfile
import unittest

from free_ports import free_row

SOURCE = os.environ["SSDFS_TEST_SOURCE"]
BINARY = os.environ["SSDFS_TEST_BINARY"]


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
        for action in ("kill", "stop"):
            self.assertEqual(self.expect(1, action, "datanode9"), "etc/cluster: there is no datanode9\n")


if __name__ == "__main__":
    unittest.main()
