"""What other people's programs send over HTTP: probes of load balancers, clients that would like
HTTP/2, old proxies, caches."""

import re
import socket
import unittest

from http_calls import get, request
from local_cluster import Cluster

H2C = ("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
       "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n")


class Callers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(datanodes=1, http=True, master=["--replication=1"],
                              datanode=["--http-write=on", "--http-cache-control=/=public, max-age=60"])
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        cls.node = cls.cluster.datanodes[0].http()
        cls.servers = [p.http() for p in cls.cluster.processes()]
        assert request(cls.node, "PUT", "/fs/hello.txt", body=b"hello world")[0] == 201

    def raw(self, text, server=None):
        """Everything that comes until the server closes."""
        host, _, port = (server or self.node).partition(":")
        with socket.create_connection((host, int(port)), timeout=30) as s:
            s.sendall(text.encode("latin-1"))
            received = b""
            while True:
                piece = s.recv(65536)
                if not piece:
                    return received.decode("latin-1")
                received += piece

    def statuses(self, text):
        return [int(s) for s in re.findall(r"HTTP/1\.1 (\d+)", self.raw(text))]

    def test_clients_that_would_like_http_2_get_http_1(self):
        said = self.raw(f"GET /fs/hello.txt HTTP/1.1\r\nHost: x\r\n{H2C}\r\n"
                        "GET /fs/hello.txt HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        self.assertEqual(said.count("200 OK"), 2, said)
        self.assertEqual(said.count("hello world"), 2, said)
        put = (f"PUT /fs/h2c HTTP/1.1\r\nHost: x\r\n{H2C}Transfer-Encoding: chunked\r\n\r\n"
               "5\r\nhello\r\n0\r\n\r\n")
        self.assertEqual(self.statuses(put + "GET /fs/h2c HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"),
                         [201, 200])
        self.assertEqual(self.statuses("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), [505])

    def test_probes_of_load_balancers(self):
        for server in self.servers:
            for path, body in (("/healthz", b"ok\n"), ("/readyz", b"ready\n"), ("/healthz?from=lb", b"ok\n")):
                self.assertEqual(request(server, "GET", path)[::2], (200, body))
                status, headers, nothing = request(server, "HEAD", path)
                self.assertEqual((status, headers["content-length"], nothing), (200, str(len(body)), b""))
            self.assertIn("200 OK", self.raw("HEAD /healthz HTTP/1.0\r\n\r\n", server))

    def test_old_and_odd_forms_of_requests(self):
        for text in ("GET /fs/hello.txt HTTP/1.0\r\n\r\n",
                     "GET http://img.example/fs/hello.txt HTTP/1.1\r\nHost: img.example\r\nConnection: close\r\n\r\n",
                     "GET /fs/hello.txt?v=1&utm=%zz HTTP/1.1\r\nhost: x\r\nconnection: CLOSE\r\n\r\n",
                     "\r\nGET /fs/hello.txt HTTP/1.1\r\nHost: x\r\nX-Forwarded-Host: y\r\nConnection: close\r\n\r\n"):
            said = self.raw(text)
            self.assertTrue(said.startswith("HTTP/1.1 200 OK") and said.endswith("hello world"), said)
        trailers = ("PUT /fs/trailers HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: Chunked\r\nTrailer: X-Sum\r\n"
                    "Connection: close\r\n\r\n5;name=value\r\nhello\r\n0\r\nX-Sum: 1\r\n\r\n")
        self.assertEqual(self.statuses(trailers), [201])
        self.assertEqual(get(self.node, "/fs/trailers")[2], b"hello")

    def test_what_is_not_a_file_is_not_cached_as_one(self):
        for path in ("/fs/none", "/fs/none/below"):
            status, headers, _ = get(self.node, path)
            self.assertEqual((status, headers["cache-control"]), (404, "no-store"), path)
        self.assertEqual(get(self.node, "/fs/hello.txt")[1]["cache-control"], "public, max-age=60")

    def test_tags_as_caches_send_them_back(self):
        tag = get(self.node, "/fs/hello.txt")[1]["etag"]
        for sent, status in ((tag, 304), ("W/" + tag, 304), (f'"other", {tag}', 304), ("*", 304),
                             ('"other"', 200), (tag.replace('"', ""), 200)):
            self.assertEqual(get(self.node, "/fs/hello.txt", If_None_Match=sent)[0], status, sent)


if __name__ == "__main__":
    unittest.main()
