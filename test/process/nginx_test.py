"""etc/nginx/ssdfs.conf in a real nginx, before HTTP servers that behave in known ways: which requests
reach them, what is cached, how ranges and failures are handled."""

import hashlib
import http.server
import os
import shutil
import subprocess
import tempfile
import threading
import unittest
import urllib.error
import urllib.request

from local_cluster import free_port, wait_until

SOURCE = os.environ["SSDFS_TEST_SOURCE"]
BIG = os.urandom(3 * 1024 * 1024 + 12345)
SMALL = b"a small picture"
FILES = {"/fs/big.bin": BIG, "/fs/a%20b.png": SMALL, "/fs/gone.png": None}


class Datanode(http.server.BaseHTTPRequestHandler):
    """What a datanode answers, as far as nginx is concerned."""
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.seen.append((self.command, self.path, self.headers.get("Range")))
        if self.server.broken:
            return self.answer(503, b"")
        content = FILES.get(self.path.split("?")[0])
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

    do_HEAD = do_GET

    def answer(self, status, body, fields=()):
        self.send_response(status)
        for name, value in dict(fields).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Nginx(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if not nginx:
            raise unittest.SkipTest("nginx is not installed")
        cls.work = tempfile.mkdtemp(prefix="ssdfs-nginx-")
        cls.addClassCleanup(shutil.rmtree, cls.work)
        cls.nodes = []
        for _ in range(2):
            node = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Datanode)
            node.seen, node.broken = [], False
            threading.Thread(target=node.serve_forever, daemon=True).start()
            cls.addClassCleanup(node.server_close)
            cls.addClassCleanup(node.shutdown)
            cls.nodes.append(node)
        cls.port = free_port()
        servers = "".join(f"server 127.0.0.1:{n.server_port} max_fails=0;" for n in cls.nodes)
        temporary = "".join(f"{kind}_temp_path {cls.work}/{kind};"
                            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(f"{cls.work}/nginx.conf", "w", encoding="utf-8") as file:
            file.write(f"""daemon off; master_process off; pid {cls.work}/pid; error_log stderr;
                events {{ }} http {{ access_log off; {temporary}
                upstream ssdfs_datanodes {{ {servers} keepalive 8; }}
                proxy_cache_path {cls.work}/cache keys_zone=ssdfs:1m use_temp_path=off;
                server {{ listen 127.0.0.1:{cls.port}; include {SOURCE}/etc/nginx/ssdfs.conf; }} }}""")
        with open(f"{cls.work}/log", "wb") as log:
            cls.process = subprocess.Popen(
                [nginx, "-p", cls.work, "-e", "stderr", "-c", f"{cls.work}/nginx.conf"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        cls.addClassCleanup(cls.end)
        wait_until(lambda: cls.get("/healthz")[0] == 200, "nginx answers")

    @classmethod
    def end(cls):
        cls.process.terminate()
        cls.process.wait(timeout=30)

    def setUp(self):
        for node in self.nodes:
            node.seen.clear()
            node.broken = False

    @classmethod
    def get(cls, path, method="GET", **fields):
        request = urllib.request.Request(f"http://127.0.0.1:{cls.port}{path}", method=method,
                                         headers={k.replace("_", "-"): v for k, v in fields.items()})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(), error.headers
        except urllib.error.URLError:
            return 0, b"", {}

    def seen(self):
        return [request for node in self.nodes for request in node.seen]

    def test_a_picture_is_fetched_once(self):
        for state in ("MISS", "HIT", "HIT"):
            status, body, fields = self.get("/a%20b.png")
            self.assertEqual((status, body), (200, SMALL))
            self.assertEqual(fields["X-Cache"], state)
        self.assertEqual([path for _, path, _ in self.seen()], ["/fs/a%20b.png"])
        tag = fields["ETag"]
        self.assertEqual(self.get("/a%20b.png", If_None_Match=tag)[0], 304)
        status, body, fields = self.get("/a%20b.png", method="HEAD")
        self.assertEqual((status, body, fields["Content-Length"]), (200, b"", str(len(SMALL))))

    def test_ranges_of_long_files_fetch_their_slices_only(self):
        status, body, fields = self.get("/big.bin", Range="bytes=2000000-2000099")
        self.assertEqual((status, body), (206, BIG[2000000:2000100]))
        self.assertEqual(fields["Content-Range"], f"bytes 2000000-2000099/{len(BIG)}")
        self.assertEqual([r for _, _, r in self.seen()], ["bytes=1048576-2097151"])
        status, body, _ = self.get("/big.bin")
        self.assertEqual((status, body == BIG), (200, True))
        # The slice that was there was not fetched again.
        self.assertEqual(len(self.seen()), 4)

    def test_another_node_answers_for_one_that_is_busy(self):
        self.nodes[0].broken = True
        for i in range(4):
            status, body, _ = self.get(f"/a%20b.png?again={i}")
            self.assertEqual((status, body), (200, SMALL))
        self.assertTrue(self.nodes[0].seen)

    def test_what_is_cached_is_served_while_all_are_down(self):
        self.assertEqual(self.get("/a%20b.png?kept")[0], 200)
        for node in self.nodes:
            node.broken = True
        self.assertEqual(self.get("/a%20b.png?kept")[0], 200)
        self.assertEqual(self.get("/a%20b.png?other")[0], 503)

    def test_only_reading(self):
        for method in ("PUT", "DELETE", "POST"):
            self.assertEqual(self.get("/a%20b.png", method=method)[0], 403)
        self.assertEqual(self.seen(), [])
        self.assertEqual(self.get("/gone.png")[0], 404)


if __name__ == "__main__":
    unittest.main()
