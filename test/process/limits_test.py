"""Large files through pipes, sources that pause, a thousand connections: memory stays bounded."""

import hashlib
import os
import socket
import subprocess
import tempfile
import threading
import time
import unittest

from local_cluster import BINARY, Cluster

LIMIT = 300 << 20
FULL = os.environ.get("SSDFS_TEST_FULL") == "1"  # the long forms


def environment(cluster):
    return {**os.environ, "SSDFS_MASTER": cluster.address}


class Limits(unittest.TestCase):
    def put_stream(self, cluster, path, megabytes, pauses=()):
        """Puts from a pipe; returns the content's hash and the client's peak memory."""
        digest = hashlib.sha256()
        with subprocess.Popen([BINARY, "put", "-", path], stdin=subprocess.PIPE,
                              stderr=subprocess.PIPE, env=environment(cluster)) as put:
            block = os.urandom(1 << 20)
            for i in range(megabytes):
                piece = i.to_bytes(8, "little") + block[8:]
                digest.update(piece)
                put.stdin.write(piece)
                if i in pauses:
                    time.sleep(pauses[i])
            with open(f"/proc/{put.pid}/status", encoding="ascii") as status:
                peak = [int(line.split()[1]) * 1024 for line in status
                        if line.startswith("VmHWM:")][0]
            put.stdin.close()
            errors = put.stderr.read()
            self.assertEqual(put.wait(timeout=120), 0, errors)
        return digest.hexdigest(), peak

    def cat_hash(self, cluster, path):
        digest = hashlib.sha256()
        with subprocess.Popen([BINARY, "cat", path], stdout=subprocess.PIPE,
                              env=environment(cluster)) as cat:
            while piece := cat.stdout.read(1 << 20):
                digest.update(piece)
            self.assertEqual(cat.wait(timeout=120), 0)
        return digest.hexdigest()

    def test_a_large_file_by_pipe(self):
        megabytes = 3072 if FULL else 400
        with Cluster(datanodes=2) as c:
            digest, peak = self.put_stream(c, "/big", megabytes)
            self.assertEqual(self.cat_hash(c, "/big"), digest)
            self.assertLess(peak, LIMIT)
            for p in c.processes():
                self.assertLess(p.peak_memory(), LIMIT, p.name)

    def test_a_source_that_pauses_longer_than_every_grace_time(self):
        short = ["--dead-after=2s", "--delete-grace=1s", "--trash-expiry=1s", "--safemode-max=1s"]
        with Cluster(datanodes=2, master=short) as c:
            digest, peak = self.put_stream(c, "/paused", 40, pauses={3: 4.0, 25: 4.0})
            self.assertEqual(self.cat_hash(c, "/paused"), digest)
            self.assertLess(peak, LIMIT)

    def test_a_thousand_connections(self):
        # One process with a thousand connections to every server, all used at once.
        with Cluster(datanodes=2) as c:
            for op in ("put", "get"):
                out = c.ok("bench", op, "--files", "20000", "--concurrency", "1000",
                           "--connections", "1000", "--json", timeout=300)
                self.assertIn('"errors":0', out)
            for p in c.processes():
                self.assertLess(p.peak_memory(), LIMIT, p.name)

    def test_many_clients_at_once(self):
        clients = 200 if FULL else 60
        with Cluster(datanodes=2) as c, tempfile.TemporaryDirectory() as work:
            picture = os.path.join(work, "picture")
            with open(picture, "wb") as f:
                f.write(os.urandom(30_000))
            errors = []

            def one(i):
                done = c.run("put", picture, f"/many/{i}")
                if done.returncode == 0:
                    done = c.run("verify", picture, f"/many/{i}")
                if done.returncode != 0:
                    errors.append(done.stderr)

            threads = [threading.Thread(target=one, args=(i,)) for i in range(clients)]
            for t in threads:
                t.start()
            for t in threads:
                t.join()
            self.assertEqual(errors, [])
            self.assertEqual(len(c.ok("ls", "/many").splitlines()), clients)

    def test_slow_senders_do_not_hold_up_others(self):
        with Cluster(datanodes=1, master=["--replication=1"]) as c:
            host, port = c.address.split(":")
            slow = []
            for _ in range(300):
                s = socket.create_connection((host, int(port)))
                s.sendall(b"SDF1\x01\x00\x01\x00" + b"\0" * 20)  # the beginning of a frame
                slow.append(s)
            begin = time.monotonic()
            c.ok("mkdir", "/while")
            self.assertLess(time.monotonic() - begin, 5)
            for s in slow:
                s.close()
            self.assertLess(c.master.peak_memory(), LIMIT)


if __name__ == "__main__":
    unittest.main()
