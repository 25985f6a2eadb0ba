"""etc/nginx/ssdfs.conf in a real nginx, before HTTP servers that behave in known ways: which requests
reach them, what is cached, how parts, failures and long headers are handled."""

import contextlib
import hashlib
import http.server
import os
import signal
import socket
import threading
import time
import unittest

from http_calls import request
from local_cluster import wait_until
from nginx import PROGRAM, Nginx

LONG = os.urandom(3 * 1024 * 1024 + 12345)
SMALL = b"a small picture"
FILES = {"/fs/long.bin": LONG, "/fs/a%20b.png": SMALL}


class Datanode(http.server.BaseHTTPRequestHandler):
    """What a datanode answers, as far as nginx is concerned."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.command, self.path, dict(self.headers)))
        # Who asks may leave in the middle of it.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self.answer_one()

    do_HEAD = do_OPTIONS = do_GET

    def answer_one(self):
        path = self.path.split("?")[0]
        if self.server.hangs or self.server.waits:
            self.server.go_on.wait(20)
        if self.server.broken or path == "/fs/lost.png":
            return self.answer(503, b"")
        if path == "/fs/cut.png":
            return self.cut_off()
        if path == "/fs/wordy.png":
            return self.answer(200, SMALL, {"X-Long": "x" * 12000})
        content = FILES.get(path)
        if content is None:
            return self.answer(404, b"not found")
        fields = {"ETag": '"' + hashlib.md5(content).hexdigest() + '"', "Accept-Ranges": "bytes"}
        wanted = self.headers.get("Range")
        if not wanted:
            return self.answer(200, content, fields)
        first, last = wanted.removeprefix("bytes=").split("-")
        first, last = int(first), min(int(last), len(content) - 1)
        fields["Content-Range"] = f"bytes {first}-{last}/{len(content)}"
        return self.answer(206, content[first:last + 1], fields)

    def answer(self, status, body, fields=()):
        self.send_response(status)
        for name, value in dict(fields).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def cut_off(self):
        self.send_response(200)
        self.send_header("Content-Length", "100000")
        self.end_headers()
        self.wfile.write(b"half")
        self.close_connection = True

    def log_message(self, *arguments):
        pass


@unittest.skipUnless(PROGRAM, "nginx is not installed")
class KnownServers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nodes = []
        for _ in range(2):
            node = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Datanode)
            node.daemon_threads = True
            node.go_on = threading.Event()
            threading.Thread(target=node.serve_forever, daemon=True).start()
            cls.addClassCleanup(node.server_close)
            cls.addClassCleanup(node.shutdown)
            cls.nodes.append(node)

    def setUp(self):
        for node in self.nodes:
            node.seen, node.broken = [], False
            node.hangs = node.waits = False
            node.go_on.clear()
            self.addCleanup(node.go_on.set)

    def nginx(self, *changes):
        nginx = Nginx([f"127.0.0.1:{node.server_port}" for node in self.nodes], changes)
        self.addCleanup(nginx.close)
        return nginx

    def get(self, nginx, path, method="GET", **fields):
        status, headers, body = request(nginx.server, method, path,
                                        headers={k.replace("_", "-"): v for k, v in fields.items()})
        return status, body, headers

    def seen(self):
        return [(method, path) for node in self.nodes for method, path, _ in node.seen]

    def test_a_picture_is_fetched_once(self):
        nginx = self.nginx()
        for state in ("MISS", "HIT", "HIT"):
            status, body, fields = self.get(nginx, "/a%20b.png")
            self.assertEqual((status, body), (200, SMALL))
            self.assertEqual(fields["x-cache"], state)
        self.assertEqual(self.seen(), [("GET", "/fs/a%20b.png")])
        tag = fields["etag"]
        self.assertEqual(self.get(nginx, "/a%20b.png", If_None_Match=tag)[0], 304)
        self.assertEqual(len(self.seen()), 1)
        # With another query it is another one: shops call new pictures so.
        self.assertEqual(self.get(nginx, "/a%20b.png?v=2")[2]["x-cache"], "MISS")

    def test_a_part_of_a_file_is_what_a_datanode_says_it_is(self):
        nginx = self.nginx()
        for _ in range(2):
            status, body, fields = self.get(nginx, "/long.bin", Range="bytes=2000000-2000099")
            self.assertEqual((status, body), (206, LONG[2000000:2000100]))
            self.assertEqual(fields["content-range"], f"bytes 2000000-2000099/{len(LONG)}")
        self.assertEqual([h.get("Range") for node in self.nodes for _, _, h in node.seen],
                         ["bytes=2000000-2000099"] * 2)
        self.assertEqual(nginx.cached_files(), 0)
        status, body, _ = self.get(nginx, "/long.bin")
        self.assertEqual((status, body == LONG), (200, True))

    def test_head_fetches_no_content(self):
        nginx = self.nginx()
        status, body, fields = self.get(nginx, "/long.bin", method="HEAD")
        self.assertEqual((status, body, fields["content-length"]), (200, b"", str(len(LONG))))
        tag = fields["etag"]
        self.assertEqual(self.get(nginx, "/long.bin", method="HEAD", If_None_Match=tag)[0], 304)
        self.assertEqual(set(self.seen()), {("HEAD", "/fs/long.bin")})
        self.assertEqual(nginx.cached_files(), 0)

    def test_another_node_answers_for_one_that_is_busy(self):
        nginx = self.nginx()
        self.nodes[0].broken = True
        for i in range(4):
            status, body, _ = self.get(nginx, f"/a%20b.png?again={i}")
            self.assertEqual((status, body), (200, SMALL))
        self.assertTrue(self.nodes[0].seen)

    def test_a_picture_that_nobody_has_takes_no_other_with_it(self):
        nginx = self.nginx()
        for i in range(5):
            self.assertIn(self.get(nginx, f"/lost.png?{i}")[0], (502, 503))
            self.assertEqual(self.get(nginx, f"/a%20b.png?{i}")[:2], (200, SMALL))

    def test_a_node_that_hangs_is_waited_for_once(self):
        nginx = self.nginx(("proxy_read_timeout 3s", "proxy_read_timeout 1s"))
        self.nodes[0].hangs = True
        slow = 0
        for i in range(20):
            asked = time.monotonic()
            self.assertEqual(self.get(nginx, f"/a%20b.png?{i}")[:2], (200, SMALL))
            slow += time.monotonic() - asked >= 0.9
        self.assertEqual(slow, 1)

    def test_nobody_waits_long_for_what_another_fetches(self):
        nginx = self.nginx(("proxy_read_timeout 3s", "proxy_read_timeout 30s"))
        self.nodes[0].waits = self.nodes[1].waits = True
        first = threading.Thread(target=lambda: self.get(nginx, "/a%20b.png"))
        first.start()
        self.addCleanup(first.join)
        wait_until(self.seen, "a datanode is asked")
        for node in self.nodes:
            node.waits = False
        asked = time.monotonic()
        self.assertEqual(self.get(nginx, "/a%20b.png")[:2], (200, SMALL))
        self.assertLess(time.monotonic() - asked, 4)
        for node in self.nodes:
            node.go_on.set()

    def test_paths_are_handed_on_as_they_are(self):
        nginx = self.nginx()
        for path in ("/x/../a%20b.png", "//a%20b.png", "/a%2520b.png", "/a%2fb", "/%C3%A4%00", "/a+b", "/a;b"):
            for node in self.nodes:
                node.seen = []
            with socket.create_connection(nginx.server.split(":")) as raw:
                raw.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
                status = int(raw.makefile("rb").readline().split()[1])
            # nginx itself refuses what no file can be called.
            self.assertEqual(self.seen(), [] if status == 400 else [("GET", "/fs" + path)], path)
            self.assertIn(status, (400, 404))

    def test_a_reload_is_not_noticed(self):
        nginx = self.nginx()
        self.assertEqual(self.get(nginx, "/a%20b.png")[0], 200)
        for i in range(5):
            nginx.process.send_signal(signal.SIGHUP)
            for n in range(20):
                status, body, fields = self.get(nginx, "/a%20b.png")
                self.assertEqual((status, body, fields["x-cache"]), (200, SMALL, "HIT"))
                self.assertEqual(self.get(nginx, f"/a%20b.png?{i}.{n}")[:2], (200, SMALL))

    def test_a_machine_that_says_nothing_is_not_waited_for(self):
        with contextlib.ExitStack() as sockets:
            # Its queue is full: who connects gets no answer, as from a machine that is gone.
            full = sockets.enter_context(socket.socket())
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            for _ in range(3):
                waiting = sockets.enter_context(socket.socket())
                waiting.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    waiting.connect(full.getsockname())
            nginx = Nginx([f"127.0.0.1:{full.getsockname()[1]}", f"127.0.0.1:{self.nodes[0].server_port}"])
            sockets.callback(nginx.close)
            longest = 0
            for i in range(20):
                asked = time.monotonic()
                self.assertEqual(self.get(nginx, f"/a%20b.png?{i}")[:2], (200, SMALL))
                longest = max(longest, time.monotonic() - asked)
            self.assertLess(longest, 0.9)
            self.assertIn("timed out", nginx.log())

    def test_what_is_cached_is_served_while_all_are_down(self):
        nginx = self.nginx(("proxy_cache_valid 200 1m", "proxy_cache_valid 200 1s"))
        self.assertEqual(self.get(nginx, "/a%20b.png")[0], 200)
        for node in self.nodes:
            node.broken = True

        def stale():
            status, body, fields = self.get(nginx, "/a%20b.png")
            self.assertEqual((status, body), (200, SMALL))
            return fields["x-cache"] == "STALE"
        wait_until(stale, "what is kept is no longer fresh")
        self.assertIn(self.get(nginx, "/a%20b.png?other")[0], (502, 503))

    def test_an_answer_that_was_cut_off_is_not_kept(self):
        nginx = self.nginx()
        for _ in range(2):
            with self.assertRaises(Exception):
                self.get(nginx, "/cut.png")
        self.assertEqual(self.seen(), [("GET", "/fs/cut.png")] * 2)
        self.assertEqual(nginx.cached_files(), 0)

    def test_only_reading(self):
        nginx = self.nginx()
        for method in ("PUT", "DELETE", "POST"):
            self.assertEqual(self.get(nginx, "/a%20b.png", method=method)[0], 403)
        self.assertEqual(self.seen(), [])
        self.assertEqual(self.get(nginx, "/gone.png")[0], 404)
        self.assertEqual(self.get(nginx, "/_ssdfs_link")[0], 404)

    def test_cookies_and_credentials_stay_in_front(self):
        nginx = self.nginx()
        status, body, _ = self.get(nginx, "/a%20b.png?redirect=1&x=2", Cookie="shop=" + "x" * 20000,
                                   Authorization="Basic eDp5", X_Own="1", Accept="image/webp")
        self.assertEqual((status, body), (200, SMALL))
        [(_, path, fields)] = [r for node in self.nodes for r in node.seen]
        self.assertEqual(path, "/fs/a%20b.png")
        self.assertEqual(set(fields), {"Host"})

    def test_a_head_that_is_too_long_is_431(self):
        nginx = self.nginx()
        self.assertEqual(self.get(nginx, "/a%20b.png", Cookie="x" * 40000)[0], 431)
        many = {f"X_{i}": "y" * 20000 for i in range(9)}
        self.assertEqual(self.get(nginx, "/a%20b.png", **many)[0], 431)
        self.assertEqual(self.get(nginx, "/" + "x" * 40000)[0], 414)
        self.assertEqual(self.seen(), [])
        self.assertIn("client sent too long header line", nginx.log())

    def test_long_headers_of_a_datanode_are_passed_on(self):
        nginx = self.nginx()
        status, body, fields = self.get(nginx, "/wordy.png")
        self.assertEqual((status, body, len(fields["x-long"])), (200, SMALL, 12000))

    def test_a_preflight_of_a_browser_reaches_a_datanode(self):
        nginx = self.nginx()
        self.get(nginx, "/a%20b.png", method="OPTIONS", Origin="https://shop.example",
                 Access_Control_Request_Method="GET", Access_Control_Request_Headers="range")
        [(method, _, fields)] = [r for node in self.nodes for r in node.seen]
        self.assertEqual((method, fields["Origin"], fields["Access-Control-Request-Method"],
                          fields["Access-Control-Request-Headers"]),
                         ("OPTIONS", "https://shop.example", "GET", "range"))


if __name__ == "__main__":
    unittest.main()
