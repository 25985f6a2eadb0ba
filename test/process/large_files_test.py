"""Files of as many chunks as a file can have: every door stores them, reads them back whole and in
parts, and refuses what is larger before the first byte."""

import http.client
import json
import os
import random
import tempfile
import time
import unittest

from http_calls import get, request
from local_cluster import Cluster, wait_until

CHUNK = 1024
CHUNKS = 50_000  # the most of one file
PAGE = 8192      # chunks of one message
LARGEST = CHUNKS << 26  # bytes of a file of the longest chunks


class LargeFiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(datanodes=2, http=True, master=[f"--chunk-size={CHUNK}B", "--replication=1"],
                              datanode=["--http-write=on", "--http-max-body=8TiB"])
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        cls.nodes = [d.http() for d in cls.cluster.datanodes]
        for node in cls.nodes:
            wait_until(lambda: get(node, "/readyz")[0] == 200, f"{node} is ready")
        cls.work = tempfile.mkdtemp(prefix="ssdfs-large-")
        cls.addClassCleanup(lambda: os.system(f"rm -rf {cls.work}"))
        cls.content = random.Random(7).randbytes(CHUNK * CHUNKS)
        cls.local = os.path.join(cls.work, "most")
        with open(cls.local, "wb") as file:
            file.write(cls.content)
        cls.cluster.ok("put", cls.local, "/most")

    def status(self, path):
        return json.loads(self.cluster.ok("stat", "--json", path))

    def read(self, path):
        back = os.path.join(self.work, "back")
        self.cluster.ok("get", "-f", path, back)
        with open(back, "rb") as file:
            return file.read()

    def borders(self):
        """Ranges around and over the ends of pages, first and last byte of each."""
        size = len(self.content)
        for end in (PAGE * CHUNK, 5 * PAGE * CHUNK):
            yield from ((end - 1, end - 1), (end, end), (end - 700, end + 5000),
                        (end - 300_000, end + 300_000))
        yield from ((0, 0), (size - 1, size - 1), (size - 2000, size - 1))

    def test_the_file_is_described_and_read_whole_and_in_parts(self):
        status = self.status("/most")
        self.assertEqual(status["size"], len(self.content))
        self.assertEqual(len(status["chunks"]), CHUNKS)
        self.assertTrue(all(c["size"] == CHUNK and c["nodes"] for c in status["chunks"]))
        self.assertEqual(len({(c["volume"], c["key"]) for c in status["chunks"]}), CHUNKS)
        listed = json.loads(self.cluster.ok("ls", "--json", "/").splitlines()[0])
        self.assertEqual(listed["size"], len(self.content))
        self.assertEqual(self.read("/most"), self.content)
        for first, last in self.borders():
            part = self.cluster.ok("cat", "--range", f"{first}-{last}", "/most", text=False)
            self.assertEqual(part, self.content[first:last + 1], (first, last))

    def test_http_and_webhdfs_give_it_whole_and_in_parts(self):
        for node in self.nodes:
            for first, last in self.borders():
                status, headers, body = get(node, "/fs/most", Range=f"bytes={first}-{last}")
                self.assertEqual(status, 206)
                self.assertEqual(headers["content-range"],
                                 f"bytes {first}-{last}/{len(self.content)}")
                self.assertEqual(body, self.content[first:last + 1], (first, last))
        self.assertEqual(get(self.nodes[0], "/fs/most")[2], self.content)
        master = self.cluster.master.http()
        for first, last in self.borders():
            status, headers, _ = get(master, f"/webhdfs/v1/most?op=OPEN&offset={first}"
                                             f"&length={last + 1 - first}")
            self.assertEqual(status, 307)
            node, _, target = headers["location"].removeprefix("http://").partition("/")
            status, _, body = get(node, "/" + target)
            self.assertEqual((status, body), (200, self.content[first:last + 1]), (first, last))

    def test_it_is_copied_and_stored_over_http(self):
        self.cluster.ok("cp", "/most", "/copy")
        self.assertEqual(len(self.status("/copy")["chunks"]), CHUNKS)
        self.assertEqual(self.read("/copy"), self.content)
        status, _, body = request(self.nodes[0], "PUT", "/fs/http", body=self.content)
        self.assertEqual(status, 201, body)
        self.assertEqual(len(self.status("/http")["chunks"]), CHUNKS)
        self.assertEqual(self.read("/http"), self.content)

    def test_it_is_there_after_a_checkpoint_and_a_restart(self):
        before = self.status("/most")
        self.cluster.ok("admin", "checkpoint")
        self.cluster.master.kill()
        self.cluster.master.start()
        self.cluster.wait_live(2)
        self.assertEqual(self.status("/most"), before)
        self.assertEqual(self.cluster.ok("checksum", "/most").split()[0], before["crc32c"])
        self.cluster.ok("verify", self.local, "/most")

    def test_one_byte_more_has_longer_chunks_where_that_is_known(self):
        more = os.path.join(self.work, "more")
        with open(more, "wb") as file:
            file.write(self.content + b"!")
        self.cluster.ok("put", more, "/more")
        self.assertEqual(len(self.status("/more")["chunks"]), CHUNKS // 2 + 1)
        self.cluster.ok("verify", more, "/more")

    def test_one_byte_more_by_a_pipe_is_refused_and_said_why(self):
        done = self.cluster.run("put", "-", "/pipe", input=self.content + b"!", stdin=None, text=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"at most 50000 chunks of 1.0 KiB", done.stderr)
        self.assertEqual(self.cluster.run("test", "-e", "/pipe").returncode, 1)

    def test_what_no_file_can_have_is_refused_before_the_first_byte(self):
        sparse = os.path.join(self.work, "sparse")
        with open(sparse, "wb") as file:
            file.truncate(LARGEST + 1)
        begin = time.monotonic()
        done = self.cluster.run("put", sparse, "/sparse")
        self.assertEqual(done.returncode, 1)
        self.assertIn(f"at most {LARGEST} bytes (50000 chunks of 64.0 MiB)", done.stderr)
        self.assertLess(time.monotonic() - begin, 20)
        for target in ("/fs/sparse", "/webhdfs/v1/sparse?op=CREATE"):
            connection = http.client.HTTPConnection(self.nodes[0], timeout=20)
            connection.putrequest("PUT", target)
            connection.putheader("Content-Length", str(LARGEST + 1))
            connection.putheader("Expect", "100-continue")
            connection.endheaders()
            answer = connection.getresponse()
            body = answer.read()
            connection.close()
            self.assertIn(b"at most", body, target)
            self.assertEqual(answer.status, 413 if target.startswith("/fs") else 403, body)
        self.assertEqual(self.cluster.run("test", "-e", "/sparse").returncode, 1)


if __name__ == "__main__":
    unittest.main()
