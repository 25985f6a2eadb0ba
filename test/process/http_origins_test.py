"""Pages of other origins, as a browser would ask for them: --http-cors."""

import subprocess
import tempfile
import unittest

from http_calls import get, request
from local_cluster import BINARY, Cluster


class Origins(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(datanodes=1, http=True,
                              master=["--replication=1", "--http-cors=*"],
                              datanode=["--http-write=on", "--http-cors=https://shop.example",
                                        "--http-cors=http://localhost:3000"])
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        cls.node = cls.cluster.datanodes[0].http()
        cls.master = cls.cluster.master.http()
        cls.cluster.ok("put", "-", "/a.svg", input="<svg/>", stdin=None)

    def preflight(self, server, origin, method, names="", path="/fs/a.svg"):
        status, headers, _ = request(server, "OPTIONS", path, headers={
            "Origin": origin, "Access-Control-Request-Method": method,
            "Access-Control-Request-Headers": names})
        return status, headers

    def test_every_answer_names_the_origin(self):
        etag = get(self.node, "/fs/a.svg")[1]["etag"]
        for origin in ("https://shop.example", "http://localhost:3000"):
            for fields, target, status in (({}, "/fs/a.svg", 200), ({"Range": "bytes=0-0"}, "/fs/a.svg", 206),
                                           ({"If-None-Match": etag}, "/fs/a.svg", 304), ({}, "/fs/none", 404),
                                           ({"If-Match": '"x"'}, "/fs/a.svg", 412), ({}, "/fs/%zz", 400),
                                           ({"Range": "bytes=99-"}, "/fs/a.svg", 416),
                                           ({}, "/fs/a.svg?redirect=1", 307)):
                with self.subTest(origin=origin, fields=fields, target=target):
                    got, headers, _ = request(self.node, "GET", target, headers={"Origin": origin, **fields})
                    self.assertEqual(got, status)
                    self.assertEqual(headers["access-control-allow-origin"], origin)
                    self.assertEqual(headers["vary"], "Origin")
                    for name in ("ETag", "Content-Range", "Accept-Ranges", "Location"):
                        self.assertIn(name, headers["access-control-expose-headers"].split(", "))
                    self.assertNotIn("access-control-allow-credentials", headers)

    def test_others_are_not_named_but_caches_are_told(self):
        for origin in (None, "https://evil.example", "null", "https://shop.example.evil.example"):
            _, headers, body = request(self.node, "GET", "/fs/a.svg", headers={"Origin": origin} if origin else {})
            self.assertEqual(body, b"<svg/>")
            self.assertNotIn("access-control-allow-origin", headers)
            self.assertEqual(headers["vary"], "Origin")

    def test_everybody_may_where_that_is_said(self):
        for origin in (None, "https://any.example", "null"):
            _, headers, _ = request(self.master, "GET", "/fs/a.svg", headers={"Origin": origin} if origin else {})
            self.assertEqual(headers["access-control-allow-origin"], "*")
            self.assertNotIn("vary", headers)

    def test_preflights(self):
        status, headers = self.preflight(self.node, "https://shop.example", "PUT", "content-type,if-match")
        self.assertEqual(status, 204)
        self.assertEqual(headers["access-control-allow-origin"], "https://shop.example")
        self.assertIn("PUT", headers["access-control-allow-methods"].split(", "))
        self.assertEqual(headers["access-control-allow-headers"], "content-type,if-match")
        self.assertTrue(int(headers["access-control-max-age"]) > 0)
        status, headers = self.preflight(self.master, "https://any.example", "GET", "if-range,range")
        self.assertEqual((status, headers["access-control-allow-headers"]), (204, "if-range,range"))
        # Nothing is to be there yet.
        self.assertEqual(self.preflight(self.node, "https://shop.example", "PUT", path="/fs/new")[0], 204)
        status, headers = self.preflight(self.node, "https://evil.example", "PUT")
        self.assertEqual(status, 403)
        self.assertNotIn("access-control-allow-methods", headers)
        self.assertEqual(self.preflight(self.master, "https://any.example", "PUT")[0], 403)
        self.assertEqual(self.preflight(self.node, "https://shop.example", "PATCH")[0], 403)

    def test_only_files_are_shared(self):
        for server in (self.node, self.master):
            for path in ("/healthz", "/metrics", "/webhdfs/v1/?op=GETHOMEDIRECTORY"):
                _, headers, _ = request(server, "GET", path, headers={"Origin": "https://shop.example"})
                self.assertNotIn("access-control-allow-origin", headers, path)

    def test_what_is_no_origin_is_refused_at_the_start(self):
        for bad in ("shop.example", "https://shop.example/", "null", "ftp://a.example"):
            with tempfile.TemporaryDirectory() as work:
                done = subprocess.run([BINARY, "--role=master", f"--data-dir={work}/m", "--listen=127.0.0.1:0",
                                       "--http=127.0.0.1:0", f"--http-cors={bad}"],
                                      capture_output=True, text=True, timeout=60, check=False)
                self.assertNotEqual(done.returncode, 0)
                self.assertIn("http-cors", done.stderr)

