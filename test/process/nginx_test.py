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
import urllib.parse
import urllib.request

from free_ports import free_port
from local_cluster import Cluster, wait_until

SOURCE = os.environ["SSDFS_TEST_SOURCE"]
BIG = os.urandom(3 * 1024 * 1024 + 12345)
SMALL = b"a small picture"
FILES = {"/fs/big.bin": BIG, "/fs/a%20b.png": SMALL, "/fs/gone.png": None}

NGINX = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin")


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


class Proxy:
    """A real nginx with the project's configuration before the servers at `ports`."""

    def __init__(self, ports):
        self.work = tempfile.mkdtemp(prefix="ssdfs-nginx-")
        self.port = free_port()
        servers = "".join(f"server 127.0.0.1:{port} max_fails=0;" for port in ports)
        temporary = "".join(f"{kind}_temp_path {self.work}/{kind};"
                            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(f"{self.work}/nginx.conf", "w", encoding="utf-8") as file:
            file.write(f"""daemon off; master_process off; pid {self.work}/pid; error_log stderr;
                events {{ }} http {{ access_log off; {temporary}
                upstream ssdfs_datanodes {{ {servers} keepalive 8; }}
                proxy_cache_path {self.work}/cache keys_zone=ssdfs:1m use_temp_path=off;
                server {{ listen 127.0.0.1:{self.port}; include {SOURCE}/etc/nginx/ssdfs.conf; }} }}""")
        with open(f"{self.work}/log", "wb") as log:
            self.process = subprocess.Popen(
                [NGINX, "-p", self.work, "-e", "stderr", "-c", f"{self.work}/nginx.conf"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        wait_until(lambda: self.get("/healthz")[0] == 200, "nginx answers")

    def close(self):
        self.process.terminate()
        self.process.wait(timeout=30)
        shutil.rmtree(self.work)

    def get(self, path, method="GET", **fields):
        """Status, body, fields; status 0 if nobody answers."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method,
                                         headers={k.replace("_", "-"): v for k, v in fields.items()})
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read(), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read(), error.headers
        except urllib.error.URLError:
            return 0, b"", {}


@unittest.skipUnless(NGINX, "nginx is not installed")
class KnownServers(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nodes = []
        for _ in range(2):
            node = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Datanode)
            node.seen, node.broken = [], False
            threading.Thread(target=node.serve_forever, daemon=True).start()
            cls.addClassCleanup(node.server_close)
            cls.addClassCleanup(node.shutdown)
            cls.nodes.append(node)
        proxy = Proxy([node.server_port for node in cls.nodes])
        cls.addClassCleanup(proxy.close)
        cls.get = staticmethod(proxy.get)

    def setUp(self):
        for node in self.nodes:
            node.seen.clear()
            node.broken = False

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


@unittest.skipUnless(NGINX, "nginx is not installed")
class RealDatanodes(unittest.TestCase):
    def test_pictures_come_while_a_datanode_is_down(self):
        ports = [free_port(), free_port(), free_port()]
        with Cluster(datanodes=0) as cluster:
            template = Cluster(datanodes=3)
            self.addCleanup(template.close)
            for node, port in zip(template.datanodes, ports):
                node.arguments = [f"--master={cluster.address}" if a.startswith("--master=") else
                                  f"--http=127.0.0.1:{port}" if a == "--http=off" else a
                                  for a in node.arguments]
            cluster.datanodes = template.datanodes
            cluster.start()
            source = os.path.join(SOURCE, "etc/samples/pictures")
            cluster.ok("put", "-r", "-T", source, "/shop")
            proxy = Proxy(ports)
            self.addCleanup(proxy.close)
            files = [os.path.join(folder, name) for folder, _, names in os.walk(source) for name in names]

            def read_all(turn):
                for path in files:
                    url = "/shop" + urllib.parse.quote(path[len(source):])
                    status, body, _ = proxy.get(f"{url}?turn={turn}")
                    with open(path, "rb") as file:
                        self.assertEqual((status, body == file.read()), (200, True), url)

            read_all(1)
            status, _, fields = proxy.get("/shop/banner/spring-sale.png")
            self.assertEqual((status, fields["Content-Type"]), (200, "image/png"))
            tag = fields["ETag"]
            self.assertEqual(proxy.get("/shop/banner/spring-sale.png", If_None_Match=tag)[0], 304)
            status, body, _ = proxy.get("/shop/banner/spring-sale.png", Range="bytes=1-3")
            self.assertEqual((status, body), (206, b"PNG"))
            self.assertEqual(proxy.get("/shop/none.png")[0], 404)
            cluster.datanodes[1].kill()
            read_all(2)
            self.assertEqual(proxy.get("/shop/banner/spring-sale.png?again")[2]["ETag"], tag)
            cluster.datanodes[1].start()
            read_all(3)


if __name__ == "__main__":
    unittest.main()
