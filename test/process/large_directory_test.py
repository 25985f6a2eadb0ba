"""A directory with very many files: listed in little memory, removed while others are served."""

import os
import subprocess
import tempfile
import threading
import time
import unittest

from http_calls import request
from local_cluster import BINARY, Cluster

FILES = 300_000


class LargeDirectory(unittest.TestCase):
    def test_it_is_listed_in_little_memory_and_removed_while_others_are_served(self):
        with tempfile.TemporaryDirectory(prefix="ssdfs-large-") as work, Cluster(datanodes=0) as c:
            c.master.stop()
            image, data = os.path.join(work, "image"), os.path.join(work, "master")
            sample = subprocess.run(
                [BINARY, "image", "synth", "--files", str(FILES), "--files-per-dir", str(FILES), image],
                capture_output=True, text=True, check=True).stdout.strip()
            subprocess.run([BINARY, "image", "install", image, data], capture_output=True, check=True)
            c.master.arguments = [f"--data-dir={data}" if a.startswith("--data-dir=") else a
                                  for a in c.master.arguments] + ["--http-list=on"]
            c.master.start()
            directory, server = os.path.dirname(sample), c.master.http()

            environment = {**os.environ, "SSDFS_MASTER": c.address}
            with subprocess.Popen([BINARY, "ls", directory], stdout=subprocess.PIPE, env=environment) as ls:
                lines = sum(1 for _ in ls.stdout)
                _, status, usage = os.wait4(ls.pid, 0)
                ls.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual((ls.returncode, lines), (0, FILES))
            self.assertLess(usage.ru_maxrss, 100 << 10)  # KiB
            # A part is answered as a part, however large the rest is.
            status, _, body = request(server, "GET", f"/fs{directory}?limit=10")
            self.assertEqual((status, body.count(b'"name"'), b'"more":true' in body), (200, 10, True))

            slowest = [0.0]
            removed = threading.Event()

            def look():
                while not removed.is_set():
                    began = time.monotonic()
                    if request(server, "GET", "/healthz")[0] != 200 or c.run("test", "-d", "/").returncode != 0:
                        slowest[0] = 1e9
                    slowest[0] = max(slowest[0], time.monotonic() - began)
            watcher = threading.Thread(target=look)
            watcher.start()
            try:
                c.ok("rm", "-r", directory)
                self.assertEqual(c.run("test", "-d", directory).returncode, 1)
                c.ok("trash", "empty")
            finally:
                removed.set()
                watcher.join()
            self.assertLess(slowest[0], 20)
            self.assertEqual(c.ok("trash", "ls"), "")
            self.assertTrue(c.master.running())


if __name__ == "__main__":
    unittest.main()
