"""PUT and DELETE at the servers of a cluster: what is stored, what is refused, bodies of every kind, and
writers that race each other."""

import http.client
import json
import os
import random
import shutil
import socket
import tempfile
import threading
import time
import unittest

from http_calls import Curl, get, request
from local_cluster import Cluster

CHUNK = 1 << 20


class Writing(unittest.TestCase):
    """One cluster: two datanodes, two copies; the first server is the master's gateway."""

    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.mkdtemp(prefix="ssdfs-http-")
        cls.addClassCleanup(shutil.rmtree, cls.work)
        options = ["--http-write=on", "--http-lookup-ttl=300ms", "--http-max-body=40MiB"]
        cls.cluster = Cluster(datanodes=2, http=True, datanode=options,
                              master=[f"--chunk-size={CHUNK}", *options])
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        cls.servers = [p.http() for p in cls.cluster.processes()]

    def test_put_and_delete(self):
        node = self.servers[1]
        path = "/fs/write/one.jpg"
        self.assertEqual(request(node, "PUT", path, b"first", {"Content-Type": "image/x-own"})[0], 201)
        status, headers, body = get(node, path)
        self.assertEqual((status, body, headers["content-type"]), (200, b"first", "image/x-own"))
        etag = headers["etag"]
        status, _, why = request(node, "PUT", path, b"no", {"If-None-Match": "*"})
        self.assertEqual((status, json.loads(why)["error"]), (412, "precondition"))
        self.assertEqual(request(node, "PUT", path, b"no", {"If-Match": '"x"'})[0], 412)
        self.assertEqual(request(node, "PUT", path, b"second", {"If-Match": etag})[0], 204)
        self.assertEqual(get(node, path)[2], b"second")
        self.assertEqual(request(node, "PUT", path, b"no", {"If-Match": etag})[0], 412)
        self.assertEqual(request(node, "PUT", "/fs/write/none", b"no", {"If-Match": "*"})[0], 412)
        self.assertEqual(request(node, "PUT", "/fs/write/two", b"x", {"If-None-Match": "*"})[0], 201)
        self.assertEqual(request(node, "PUT", "/fs/write", b"no")[0], 409)
        self.assertEqual(request(node, "PUT", "/fs/write/two/below", b"no")[0], 409)
        self.assertEqual(request(node, "DELETE", path, headers={"If-Match": '"x"'})[0], 412)
        self.assertEqual(request(node, "DELETE", path)[0], 204)
        self.assertEqual(request(node, "DELETE", path)[0], 404)
        self.assertEqual(get(node, path)[0], 404)
        self.assertEqual(request(node, "DELETE", "/fs/write")[0], 409)
        self.assertEqual(request(node, "POST", "/fs/write/two", b"x")[0], 405)

    def test_of_writers_that_expect_the_same_one_succeeds(self):
        """Each has been let through (100 Continue) before another one stores the file."""

        def begin(server, condition, path):
            host, _, port = server.partition(":")
            s = socket.create_connection((host, int(port)), timeout=30)
            self.addCleanup(s.close)
            s.sendall(f"PUT /fs{path} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n{condition}\r\n"
                      "Expect: 100-continue\r\n\r\n".encode())
            self.assertIn(b" 100 ", s.recv(4096))
            return s

        def end(s):
            s.sendall(b"late")
            return int(s.recv(65536).split()[1])

        first, second = self.servers[:2]
        for number, condition in enumerate(("If-None-Match: *", "If-Match: {etag}", 'If-None-Match: "x"',
                                            'If-Match: "x", {etag}', "If-Unmodified-Since: {modified}")):
            with self.subTest(condition=condition):
                path = f"/races/{number}"
                new = condition == "If-None-Match: *"
                told = {}
                if not new:
                    self.assertEqual(request(first, "PUT", "/fs" + path, b"old")[0], 201)
                    told = get(first, "/fs" + path)[1]
                line = condition.format(etag=told.get("etag"), modified=told.get("last-modified"))
                slow = [begin(server, line, path) for server in (first, second)]
                self.assertEqual(request(second, "PUT", "/fs" + path, b"quick")[0], 201 if new else 204)
                # What still holds (it is not "x", nor younger than a second) may be tried again.
                still = (412, 503) if "x" in condition[:18] or "Since" in condition else (412,)
                for s in slow:
                    self.assertIn(end(s), still)
                self.assertEqual(self.cluster.ok("cat", path), "quick")
                # Without a third one, one of two.
                now = get(second, "/fs" + path)[1]["etag"]
                slow = [begin(server, f"If-Match: {now}", path) for server in (first, second)]
                self.assertEqual([end(s) for s in slow], [204, 412])

    def test_counting_by_conditions_loses_nothing(self):
        path = "/fs/races/count"
        self.assertEqual(request(self.servers[0], "PUT", path, b"0")[0], 201)
        each = 25

        def count(server):
            done = 0
            while done < each:
                _, headers, body = get(server, path + "?now=1")
                answer = request(server, "PUT", path, b"%d" % (int(body) + 1),
                                 {"If-Match": headers["etag"]})[0]
                self.assertIn(answer, (204, 412, 503))
                done += answer == 204

        failures = []

        def run(server):
            try:
                count(server)
            except BaseException as e:  # pylint: disable=broad-except
                failures.append(e)

        threads = [threading.Thread(target=run, args=(s,)) for s in (self.servers * 2)[:4]]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        self.assertEqual(failures, [])
        self.assertEqual(self.cluster.ok("cat", "/races/count"), str(4 * each))

    def test_delete_of_what_was_replaced_meanwhile(self):
        path = "/fs/races/gone"
        node = self.servers[0]
        self.assertEqual(request(node, "PUT", path, b"one")[0], 201)
        old = get(node, path)[1]["etag"]
        self.assertEqual(request(self.servers[1], "PUT", path, b"two")[0], 204)
        self.assertEqual(request(node, "DELETE", path, headers={"If-Match": old})[0], 412)
        now = get(self.servers[1], path)[1]["etag"]
        self.assertEqual(request(node, "DELETE", path, headers={"If-Match": now})[0], 204)

    def test_put_checks_what_it_is_told(self):
        node = self.servers[1]
        body = random.Random(1).randbytes(300_000)
        self.assertEqual(request(node, "PUT", "/fs/sum/a", body, {"X-Ssdfs-Crc32c": "00000001"})[0], 400)
        self.assertEqual(request(node, "PUT", "/fs/sum/a", body, {"X-Ssdfs-Crc32c": "xyz"})[0], 400)
        self.assertEqual(get(node, "/fs/sum/a")[0], 404)
        self.assertEqual(request(node, "PUT", "/fs/sum/b", body)[0], 201)
        crc = self.cluster.ok("checksum", "/sum/b").split()[0]
        self.assertEqual(get(node, "/fs/sum/b")[1]["x-ssdfs-crc32c"], crc)
        self.assertEqual(request(node, "PUT", "/fs/sum/a", body, {"X-Ssdfs-Crc32c": crc})[0], 201)
        self.assertEqual(request(node, "PUT", "/fs/sum/a", body, {"Content-Range": "bytes 0-1/2"})[0], 400)

    def test_large_and_chunked_bodies(self):
        body = random.Random(2).randbytes(12 * CHUNK + 7)

        def pieces():
            for at in range(0, len(body), 100_001):
                yield body[at:at + 100_001]

        for server in self.servers:
            connection = http.client.HTTPConnection(server, timeout=60)
            connection.request("PUT", "/fs/big/chunked", body=pieces(), encode_chunked=True,
                               headers={"Transfer-Encoding": "chunked"})
            self.assertIn(connection.getresponse().status, (201, 204))
            connection.close()
            if shutil.which("curl"):
                local = os.path.join(self.work, "big")
                with open(local, "wb") as file:
                    file.write(body)
                answer = Curl(f"http://{server}/fs/big/expect", "-T", local,
                              "-H", "Expect: 100-continue")
                self.assertIn(answer.status, (201, 204))
                self.assertEqual(get(server, "/fs/big/expect")[2], body)
            self.assertEqual(get(server, "/fs/big/chunked")[2], body)

    def test_bodies_of_every_length_that_come_in_pieces(self):
        """Around what is stored with one call (64 KiB), and pipelined behind one another."""
        random.seed(4)
        bodies = [random.randbytes(n) for n in (0, 1, 4095, 4096, 8191, 65535, 65536, 65537, 70000)]
        host, port = self.servers[1].split(":")
        with socket.create_connection((host, int(port)), timeout=60) as s:
            sent = b"".join(b"PUT /fs/pieces/%d HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s"
                            % (i, len(body), body) for i, body in enumerate(bodies))
            while sent:
                n = random.randint(1, 30000)
                s.sendall(sent[:n])
                sent = sent[n:]
            s.shutdown(socket.SHUT_WR)
            answers = b""
            while piece := s.recv(65536):
                answers += piece
        self.assertEqual(answers.count(b"HTTP/1.1 201 "), len(bodies), answers)
        for i, body in enumerate(bodies):
            self.assertEqual(get(self.servers[2], f"/fs/pieces/{i}")[2], body)

    def test_too_large_bodies_are_refused(self):
        node = self.servers[1]
        host, _, port = node.partition(":")
        with socket.create_connection((host, int(port)), timeout=30) as s:
            s.sendall(b"PUT /fs/huge HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n"
                      b"Expect: 100-continue\r\n\r\n")
            self.assertIn(b" 413 ", s.recv(4096))

    def test_a_body_that_is_cut_off_leaves_nothing(self):
        node = self.servers[1]
        host, _, port = node.partition(":")
        for start in (b"Content-Length: 3000000\r\n\r\n" + b"x" * 1_500_000,
                      b"Transfer-Encoding: chunked\r\n\r\n" + b"100000\r\n" + b"x" * 0x100000 + b"\r\n",
                      b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\nnonsense\r\n"):
            with socket.create_connection((host, int(port)), timeout=30) as s:
                s.sendall(b"PUT /fs/cut/off HTTP/1.1\r\nHost: x\r\n" + start)
        # What follows has been behind them at the same server.
        self.assertEqual(request(node, "PUT", "/fs/cut/whole", b"x")[0] // 100, 2)
        time.sleep(0.5)
        self.assertEqual(get(node, "/fs/cut/off")[0], 404)
        self.assertEqual(self.cluster.run("test", "-e", "/cut/off").returncode, 1)
