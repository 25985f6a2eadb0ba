"""Malformed, slow and endless HTTP against real servers: refused or cut, in bounded memory, while
others are served."""

import resource
import socket
import time
import unittest

from http_calls import get
from local_cluster import Cluster, wait_until

HOST = b"Host: x\r\n"


def exchange(server, data, seconds=20):
    """Sends and reads until the server closes or is quiet; what came."""
    host, _, port = server.partition(":")
    received = b""
    with socket.create_connection((host, int(port)), timeout=seconds) as s:
        try:
            s.sendall(data)
            while len(received) < 1 << 20:
                piece = s.recv(65536)
                if not piece:
                    break
                received += piece
        except (ConnectionError, socket.timeout):
            pass
    return received


class Abuse(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(datanodes=1, http=True, master=["--replication=1"],
                              datanode=["--http-write=on"])
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        cls.cluster.ok("put", __file__, "/file")
        cls.servers = [p.http() for p in cls.cluster.processes()]

    def assert_served(self):
        for server in self.servers:
            self.assertEqual(get(server, "/fs/file")[0], 200)

    def test_malformed_requests_are_refused_and_the_connection_ends(self):
        smuggled = b"GET /smuggled HTTP/1.1\r\n" + HOST + b"\r\n"
        cases = {
            "length and chunks": b"PUT /fs/s HTTP/1.1\r\n" + HOST +
                                 b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + smuggled,
            "chunks and length": b"PUT /fs/s HTTP/1.1\r\n" + HOST +
                                 b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" + smuggled,
            "two lengths": b"PUT /fs/s HTTP/1.1\r\n" + HOST +
                           b"Content-Length: 0\r\nContent-Length: 44\r\n\r\n" + smuggled,
            "same lengths": b"PUT /fs/s HTTP/1.1\r\n" + HOST +
                            b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n" + smuggled,
            "list of lengths": b"PUT /fs/s HTTP/1.1\r\n" + HOST + b"Content-Length: 0, 0\r\n\r\n" + smuggled,
            "hidden encoding": b"PUT /fs/s HTTP/1.1\r\n" + HOST +
                               b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" + smuggled,
            "two encodings": b"PUT /fs/s HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n"
                             b"Transfer-Encoding: identity\r\n\r\n0\r\n\r\n" + smuggled,
            "blank before the colon": b"PUT /fs/s HTTP/1.1\r\n" + HOST +
                                      b"Content-Length : 44\r\n\r\n" + smuggled,
            "folded field": b"GET /fs/file HTTP/1.1\r\n" + HOST + b"X: a\r\n b\r\n\r\n",
            "bare line feeds": b"GET /fs/file HTTP/1.1\nHost: x\n\n",
            "no host": b"GET /fs/file HTTP/1.1\r\n\r\n",
            "two hosts": b"GET /fs/file HTTP/1.1\r\n" + HOST + HOST + b"\r\n",
            "control characters": b"GET /fs/file HTTP/1.1\r\n" + HOST + b"X: \x00\x01\r\n\r\n",
            "no method": b" /fs/file HTTP/1.1\r\n" + HOST + b"\r\n",
            "blank in the target": b"GET /fs/a file HTTP/1.1\r\n" + HOST + b"\r\n",
            "another version": b"GET /fs/file HTTP/3.0\r\n" + HOST + b"\r\n",
            "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            "endless line": b"GET /" + b"a" * 100_000,
            "giant field": b"GET /fs/file HTTP/1.1\r\nX: " + b"a" * 1_000_000,
            "many fields": b"GET /fs/file HTTP/1.1\r\n" + b"X: y\r\n" * 5000 + b"\r\n",
            "chunk size is no number": b"PUT /fs/s HTTP/1.1\r\n" + HOST +
                                       b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            "chunk size beyond 64 bits": b"PUT /fs/s HTTP/1.1\r\n" + HOST +
                                         b"Transfer-Encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n",
            "chunk without its end": b"PUT /fs/s HTTP/1.1\r\n" + HOST +
                                     b"Transfer-Encoding: chunked\r\n\r\n5\r\nhelloworld\r\n0\r\n\r\n",
            "line feed in a chunk extension": b"PUT /fs/s HTTP/1.1\r\n" + HOST +
                                              b"Transfer-Encoding: chunked\r\n\r\n5;a=\"\n\"\r\nhello\r\n0\r\n\r\n",
            "open quote in a chunk extension": b"PUT /fs/s HTTP/1.1\r\n" + HOST +
                                               b"Transfer-Encoding: chunked\r\n\r\n5;a=\"\r\nhello\r\n0\r\n\r\n",
            "fragment": b"GET /fs/file#x HTTP/1.1\r\n" + HOST + b"\r\n",
            "hosts in a list": b"GET /fs/file HTTP/1.1\r\nHost: x, y\r\n\r\n",
            "endless empty lines": b"\r\n" * 1000 + smuggled,
            "endless chunk extension": b"PUT /fs/s HTTP/1.1\r\n" + HOST +
                                       b"Transfer-Encoding: chunked\r\n\r\n5;" + b"x" * 500_000,
        }
        for server in self.servers[1:]:
            for name, data in cases.items():
                with self.subTest(name):
                    answer = exchange(server, data)
                    if answer:
                        status = int(answer.split(b" ", 2)[1])
                        self.assertTrue(400 <= status < 600, answer[:200])
                    # Nothing behind it was taken for a request.
                    self.assertEqual(answer.count(b"HTTP/1.1 "), 1 if answer else 0, answer[:500])
        self.assert_served()
        self.assertEqual(self.cluster.run("test", "-e", "/s").returncode, 1)

    def test_a_thousand_slow_connections_keep_nobody_out(self):
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = 4096 if hard == resource.RLIM_INFINITY else min(hard, 4096)
        if wanted < 1500:
            self.skipTest(f"only {wanted} descriptors are allowed here")
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
        node = self.cluster.datanodes[0]
        before = node.peak_memory()
        host, _, port = node.http().partition(":")
        slow = []
        try:
            for _ in range(1000):
                s = socket.create_connection((host, int(port)), timeout=10)
                s.sendall(b"GET /fs/file HTTP/1.1\r\nHost: x\r\nX-Slow: ")
                slow.append(s)
            started = time.monotonic()
            # They drip on; others come and go.
            closed = set()

            def all_cut():
                for i, s in enumerate(slow):
                    if i in closed:
                        continue
                    try:
                        s.send(b"a")
                        s.setblocking(False)
                        if s.recv(1) == b"":
                            closed.add(i)
                    except BlockingIOError:
                        pass
                    except OSError:
                        closed.add(i)
                begin = time.monotonic()
                self.assertEqual(get(node.http(), "/fs/file")[0], 200)
                self.assertLess(time.monotonic() - begin, 5)
                time.sleep(0.5)
                return len(closed) == len(slow)

            wait_until(all_cut, "all slow connections are cut", 60)
            self.assertGreater(time.monotonic() - started, 5)
            self.assertLess(node.peak_memory() - before, 64 << 20)
        finally:
            for s in slow:
                s.close()

    def test_bodies_that_drip_are_cut(self):
        """Each byte comes in time, all of them would take hours."""
        node = self.cluster.datanodes[0]
        host, _, port = node.http().partition(":")
        heads = [b"PUT /fs/drip HTTP/1.1\r\n" + HOST + b"Content-Length: 100000\r\n\r\n",
                 b"PUT /fs/drip HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nffff\r\n",
                 # Read away behind the answer.
                 b"GET /fs/file HTTP/1.1\r\n" + HOST + b"Content-Length: 100000\r\n\r\n"]
        slow = []
        for head in heads * 5:
            s = socket.create_connection((host, int(port)), timeout=10)
            self.addCleanup(s.close)
            s.sendall(head)
            slow.append(s)

        def all_cut():
            for s in list(slow):
                try:
                    s.send(b"a")
                except OSError:
                    slow.remove(s)
            time.sleep(1)
            return not slow

        wait_until(all_cut, "all bodies are cut off", 60)
        self.assert_served()
        self.assertEqual(self.cluster.run("test", "-e", "/drip").returncode, 1)

    def test_a_reader_that_does_not_read_holds_little(self):
        node = self.cluster.datanodes[0]
        self.cluster.ok("put", "-f", "/bin/bash", "/large")
        before = node.peak_memory()
        host, _, port = node.http().partition(":")
        idle = []
        for _ in range(100):
            s = socket.create_connection((host, int(port)), timeout=10)
            s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            s.sendall(b"GET /fs/large HTTP/1.1\r\nHost: x\r\n\r\n" * 20)
            idle.append(s)
        self.assert_served()
        self.assertLess(node.peak_memory() - before, 64 << 20)
        for s in idle:
            s.close()
