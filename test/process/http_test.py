"""Pictures over HTTP at every server of a cluster: the standard's conditions and ranges as curl sends
them, writing, links that expire, what is replaced or gone, and nodes that die."""

import hashlib
import http.client
import json
import os
import random
import shutil
import socket
import subprocess
import tempfile
import threading
import time
import unittest
import urllib.parse

from http_calls import Curl, get, request
from local_cluster import BINARY, Cluster, wait_until

CHUNK = 1 << 20


class Pictures(unittest.TestCase):
    """One cluster: three datanodes, two copies, so that every file has a holder and a stranger."""

    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.mkdtemp(prefix="ssdfs-http-")
        cls.addClassCleanup(shutil.rmtree, cls.work)
        options = ["--http-write=on", "--http-lookup-ttl=300ms", "--http-max-body=40MiB",
                   "--http-cache-control=/image=public, max-age=60",
                   "--http-cache-control=/image/static=immutable"]
        cls.cluster = Cluster(datanodes=3, http=True, datanode=options,
                              master=[f"--chunk-size={CHUNK}", *options])
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        rng = random.Random(6)
        cls.files = {
            "/image/small.jpg": rng.randbytes(4096),
            "/image/middle.png": rng.randbytes(100_000),
            "/image/static/large.webp": rng.randbytes(5 * CHUNK + 12_345),
            "/image/empty.gif": b"",
            "/image/mit Blank & Prozent%20 ä日本.jpg": b"name",
            "/other/data": rng.randbytes(70_000),
            "/images/no.jpg": b"beside",
            "/image/statics.jpg": b"beside, too",
        }
        for path, content in cls.files.items():
            local = os.path.join(cls.work, "file")
            with open(local, "wb") as file:
                file.write(content)
            cls.cluster.ok("put", local, path)
        cls.servers = [p.http() for p in cls.cluster.processes()]

    def test_every_server_gives_the_same_bytes_and_headers(self):
        for path, content in self.files.items():
            seen = set()
            for server in self.servers:
                url = "/fs" + urllib.parse.quote(path)
                status, headers, body = get(server, url)
                self.assertEqual(status, 200, (server, path))
                self.assertEqual(body, content, (server, path))
                self.assertEqual(headers["content-length"], str(len(content)))
                self.assertEqual(headers["accept-ranges"], "bytes")
                self.assertRegex(headers["etag"], r'^"[0-9a-f-]+"$')
                self.assertIn("last-modified", headers)
                self.assertIn("date", headers)
                head_status, head_headers, nothing = request(server, "HEAD", url)
                self.assertEqual((head_status, nothing), (200, b""))
                for each in (headers, head_headers):
                    each.pop("date")
                self.assertEqual(head_headers, headers, (server, path))
                seen.add((headers["etag"], headers["last-modified"], headers["content-type"]))
            self.assertEqual(len(seen), 1, path)
        _, headers, _ = get(self.servers[0], "/fs/image/small.jpg")
        self.assertEqual(headers["content-type"], "image/jpeg")
        self.assertEqual(headers["cache-control"], "public, max-age=60")
        _, headers, _ = get(self.servers[0], "/fs/image/static/large.webp")
        self.assertEqual(headers["cache-control"], "immutable")
        _, headers, _ = get(self.servers[0], "/fs/other/data")
        self.assertEqual(headers["content-type"], "application/octet-stream")
        self.assertNotIn("cache-control", headers)
        # Names that begin alike are not below it.
        _, headers, _ = get(self.servers[0], "/fs/images/no.jpg")
        self.assertNotIn("cache-control", headers)
        _, headers, _ = get(self.servers[0], "/fs/image/statics.jpg")
        self.assertEqual(headers["cache-control"], "public, max-age=60")

    def test_conditions_and_ranges_as_curl_sends_them(self):
        if shutil.which("curl") is None:
            self.skipTest("there is no curl")
        path = "/image/static/large.webp"
        content = self.files[path]
        size = len(content)
        for server in self.servers:
            url = f"http://{server}/fs{path}"
            first = Curl(url, "-I")
            etag, modified = first.headers["etag"], first.headers["last-modified"]
            before = "Sat, 01 Jan 2000 00:00:00 GMT"

            def header(name, value):
                return ["-H", f"{name}: {value}"]

            def ranged(value, *more):
                return ["-H", f"Range: bytes={value}", *more]

            cases = [
                (header("If-None-Match", etag), 304, None),
                (header("If-None-Match", "W/" + etag), 304, None),
                (header("If-None-Match", "*"), 304, None),
                (header("If-None-Match", f'"x", W/"y", {etag}'), 304, None),
                (["-H", 'If-None-Match: "x"', "-H", f"If-None-Match: {etag}"], 304, None),
                (header("If-None-Match", '"x"'), 200, content),
                (header("If-None-Match", '"x"') + header("If-Modified-Since", modified), 200, content),
                (header("If-Modified-Since", modified), 304, None),
                (header("If-Modified-Since", before), 200, content),
                (header("If-Modified-Since", "nonsense"), 200, content),
                (header("If-Match", etag), 200, content),
                (header("If-Match", "*"), 200, content),
                (header("If-Match", '"x"'), 412, None),
                (header("If-Match", "W/" + etag), 412, None),
                (header("If-Unmodified-Since", modified), 200, content),
                (header("If-Unmodified-Since", before), 412, None),
                (["-I"] + header("If-None-Match", etag), 304, None),
                (ranged("0-0"), 206, content[:1]),
                (ranged("100-199"), 206, content[100:200]),
                (ranged("65530-65545"), 206, content[65530:65546]),
                (ranged(f"{CHUNK - 5}-{CHUNK + 4}"), 206, content[CHUNK - 5:CHUNK + 5]),
                (ranged(f"{CHUNK // 2}-{3 * CHUNK}"), 206, content[CHUNK // 2:3 * CHUNK + 1]),
                (ranged("-1"), 206, content[-1:]),
                (ranged("-700000"), 206, content[-700000:]),
                (ranged(f"-{size + 5}"), 206, content),
                (ranged(f"{size - 1}-"), 206, content[-1:]),
                (ranged(f"5-{size * 2}"), 206, content[5:]),
                (ranged(f"{size}-"), 416, None),
                (ranged("-0"), 416, None),
                (ranged("5-4"), 200, content),
                (ranged("0-1,5-6"), 200, content),
                (header("Range", "lines=1-2"), 200, content),
                (ranged("0-9", "-H", f"If-Range: {etag}"), 206, content[:10]),
                (ranged("0-9", "-H", 'If-Range: "x"'), 200, content),
                (ranged("0-9", "-H", f"If-Range: W/{etag}"), 200, content),
                (ranged("0-9", "-H", f"If-Range: {before}"), 200, content),
                (ranged("0-9", "-H", f"If-None-Match: {etag}"), 304, None),
                (["-I", "-H", "Range: bytes=0-9"], 200, None),
            ]
            for arguments, status, body in cases:
                with self.subTest(server=server, arguments=arguments):
                    answer = Curl(url, *arguments)
                    self.assertEqual(answer.status, status)
                    if body is not None:
                        self.assertEqual(hashlib.sha256(answer.body).digest(),
                                         hashlib.sha256(body).digest())
                        self.assertEqual(answer.headers["content-length"], str(len(body)))
                    if status in (200, 206, 304):
                        self.assertEqual(answer.headers["etag"], etag)
                    if status == 304:
                        self.assertEqual(answer.body, b"")
                        self.assertEqual(answer.headers["cache-control"], "immutable")
                    if status == 206:
                        first_byte = content.find(body) if len(body) > 8 else None
                        self.assertRegex(answer.headers["content-range"], rf"^bytes \d+-\d+/{size}$")
                        if first_byte is not None:
                            self.assertEqual(
                                answer.headers["content-range"],
                                f"bytes {first_byte}-{first_byte + len(body) - 1}/{size}")
                    if status == 416:
                        self.assertEqual(answer.headers["content-range"], f"bytes */{size}")

    def test_paths_that_are_not_files(self):
        for server in self.servers:
            for path, status in (("/fs/none", 404), ("/fs/image", 404), ("/fs/", 404), ("/fs", 404),
                                 ("/fs/image/small.jpg/x", 409), ("/fs/%zz", 400), ("/fs/a%00b", 400),
                                 ("/fs/../etc/passwd", 400), ("/fs/%2e%2e/x", 400), ("/fs//a", 400),
                                 ("/fsx", 404), ("/fs/" + "x" * 300, 400), ("/fs/%ff", 400)):
                with self.subTest(server=server, path=path):
                    answer = get(server, path)
                    self.assertEqual(answer[0], status, answer)
                    self.assertEqual(answer[1]["content-type"], "application/json")
                    self.assertTrue(json.loads(answer[2])["error"])

    def test_redirect_leads_to_a_holder(self):
        stat = json.loads(self.cluster.ok("stat", "--json", "/image/small.jpg"))
        holders = set(stat["chunks"][0]["nodes"])
        holder_http = {n["http"] for n in self.cluster.report()["nodes"] if n["address"] in holders}
        status, headers, _ = get(self.servers[0], "/fs/image/small.jpg?redirect=1")
        self.assertEqual(status, 307)
        target = urllib.parse.urlsplit(headers["location"])
        self.assertIn(target.netloc, holder_http)
        self.assertEqual(get(target.netloc, target.path)[2], self.files["/image/small.jpg"])

    def test_many_requests_on_one_connection(self):
        path = "/fs/image/small.jpg"
        content = self.files["/image/small.jpg"]
        for server in self.servers:
            host, _, port = server.partition(":")
            with socket.create_connection((host, int(port)), timeout=30) as s:
                s.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode() * 40)
                file = s.makefile("rb")
                for _ in range(40):
                    self.assertIn(b" 200 ", file.readline())
                    length = 0
                    while (line := file.readline().strip()):
                        if line.lower().startswith(b"content-length:"):
                            length = int(line.split(b":")[1])
                    self.assertEqual(file.read(length), content)

    # ---- caching ----

    def test_what_is_replaced_or_removed_is_seen_soon(self):
        path = "/cached/a.jpg"
        local = os.path.join(self.work, "cached")
        contents = [b"one", b"another", random.Random(3).randbytes(200_000)]
        for content in contents:
            with open(local, "wb") as file:
                file.write(content)
            self.cluster.ok("put", "-f", local, path)
            for server in self.servers:
                wait_until(lambda: get(server, "/fs" + path)[2] == content, "the new content", 10)
        self.cluster.ok("rm", "--skip-trash", path)
        for server in self.servers:
            wait_until(lambda: get(server, "/fs" + path)[0] == 404, "gone", 10)

    def test_readers_of_a_file_that_is_replaced_get_one_or_the_other(self):
        local = os.path.join(self.work, "flip")
        bodies = [bytes([n]) * (2 * CHUNK + n) for n in (1, 2)]
        failures = []
        end = threading.Event()

        def read(server):
            while not end.is_set():
                try:
                    status, _, body = get(server, "/fs/flip")
                except (http.client.HTTPException, OSError):
                    continue  # cut off: the content went while it was sent
                if status == 200 and body not in bodies:
                    failures.append((server, len(body)))

        with open(local, "wb") as file:
            file.write(bodies[0])
        self.cluster.ok("put", local, "/flip")
        readers = [threading.Thread(target=read, args=(s,)) for s in self.servers]
        for r in readers:
            r.start()
        for n in range(12):
            with open(local, "wb") as file:
                file.write(bodies[n % 2])
            self.cluster.ok("put", "-f", local, "/flip")
        end.set()
        for r in readers:
            r.join()
        self.assertEqual(failures, [])


class Gateway(unittest.TestCase):
    def test_large_files_pass_through_in_little_memory(self):
        with tempfile.TemporaryDirectory() as work, \
                Cluster(datanodes=2, http=True, master=["--replication=1"]) as c:
            local = os.path.join(work, "large")
            content = random.Random(4).randbytes(1 << 20) * 192
            with open(local, "wb") as file:
                file.write(content)
            c.ok("put", local, "/large")
            expected = hashlib.sha256(content).digest()
            del content
            for p in c.processes():
                before = p.peak_memory()
                host, _, port = p.http().partition(":")
                sums = []

                def fetch():
                    digest = hashlib.sha256()
                    connection = http.client.HTTPConnection(host, int(port), timeout=120)
                    connection.request("GET", "/fs/large")
                    answer = connection.getresponse()
                    while piece := answer.read(1 << 20):
                        digest.update(piece)
                    sums.append(digest.digest())

                readers = [threading.Thread(target=fetch) for _ in range(3)]
                for r in readers:
                    r.start()
                for r in readers:
                    r.join()
                self.assertEqual(sums, [expected] * 3, p.name)
                self.assertLess(p.peak_memory() - before, 128 << 20, p.name)

    def test_a_dead_node_is_not_noticed(self):
        with tempfile.TemporaryDirectory() as work, Cluster(datanodes=3, http=True) as c:
            contents = {}
            for i in range(30):
                contents[f"/d/{i}"] = random.Random(i).randbytes(3000 * (i + 1))
                local = os.path.join(work, "x")
                with open(local, "wb") as file:
                    file.write(contents[f"/d/{i}"])
                c.ok("put", local, f"/d/{i}")
            servers = [c.master.http(), c.datanodes[1].http(), c.datanodes[2].http()]
            c.datanodes[0].kill()
            for server in servers:
                for path, content in contents.items():
                    status, _, body = get(server, "/fs" + path)
                    self.assertEqual((status, body == content), (200, True), (server, path))

    def test_a_lookup_that_turns_out_to_be_wrong_is_dropped(self):
        with tempfile.TemporaryDirectory() as work, \
                Cluster(datanodes=2, http=True, master=["--http-lookup-ttl=1h"]) as c:
            local = os.path.join(work, "x")
            gateway = c.master.http()
            etags = set()
            for content in (b"first", b"second", random.Random(5).randbytes(600_000), b"third"):
                with open(local, "wb") as file:
                    file.write(content)
                c.ok("put", "-f", local, "/a")
                for _ in range(2):
                    status, headers, body = get(gateway, "/fs/a")
                    self.assertEqual((status, body == content), (200, True))
                etags.add(headers["etag"])
            self.assertEqual(len(etags), 4)
            c.ok("rm", "--skip-trash", "/a")
            self.assertEqual(get(gateway, "/fs/a")[0], 404)

    def test_reading_only_is_the_default(self):
        with Cluster(datanodes=1, http=True) as c:
            for p in c.processes():
                status, headers, _ = request(p.http(), "PUT", "/fs/a", b"x")
                self.assertEqual((status, headers["allow"]), (405, "GET, HEAD, OPTIONS"))
                self.assertEqual(request(p.http(), "DELETE", "/fs/a")[0], 405)

    def test_a_stored_page_runs_no_scripts_beside_webhdfs(self):
        with Cluster(datanodes=1, http=True) as c:
            c.ok("put", "-", "/page.html", input="<script>alert(1)</script>", stdin=None)
            _, headers, _ = get(c.master.http(), "/fs/page.html")
            self.assertEqual(headers["content-type"], "text/html")
            self.assertEqual(headers["content-security-policy"], "sandbox")
            _, headers, _ = get(c.datanodes[0].http(), "/fs/page.html")
            self.assertNotIn("content-security-policy", headers)

    def test_directories_are_listed_where_that_is_wanted(self):
        with Cluster(datanodes=1, http=True, master=["--http-list=on"]) as c:
            c.ok("mkdir", "-p", "/a/inner")
            for name in ("x", "y", "ä"):
                c.ok("touch", f"/a/{name}")
            status, headers, body = get(c.master.http(), "/fs/a/?limit=2")
            self.assertEqual((status, headers["content-type"]), (200, "application/json"))
            page = json.loads(body)
            self.assertEqual([e["name"] for e in page["entries"]], ["inner", "x"])
            self.assertEqual(page["entries"][0]["type"], "directory")
            rest = json.loads(get(c.master.http(), f"/fs/a?after={page['next']}")[2])
            self.assertEqual([e["name"] for e in rest["entries"]], ["y", "ä"])
            self.assertFalse(rest["more"])
            self.assertEqual(get(c.datanodes[0].http(), "/fs/a")[0], 404)

    def test_signed_links(self):
        with tempfile.TemporaryDirectory() as work:
            secret = os.path.join(work, "secret")
            with open(secret, "w", encoding="ascii") as file:
                file.write("0123456789abcdef0123456789abcdef\n")
            os.chmod(secret, 0o600)
            options = [f"--url-secret={secret}", "--url-signing=required"]
            with Cluster(datanodes=1, http=True, datanode=options) as c:
                picture = os.path.join(work, "p")
                with open(picture, "wb") as file:
                    file.write(b"picture")
                c.ok("put", picture, "/a b.jpg")
                node = c.datanodes[0].http()
                self.assertEqual(get(node, "/fs/a%20b.jpg")[0], 403)
                sign = lambda *more: c.ok("url", "sign", "/a b.jpg", "--url-secret", secret, *more).strip()
                good = sign("--expires", "1h")
                self.assertEqual(get(node, good)[2], b"picture")
                self.assertEqual(request(node, "HEAD", good)[0], 200)
                self.assertEqual(get(node, good.replace("a%20b", "a%20c"))[0], 403)
                self.assertEqual(get(node, good[:-1] + ("0" if good[-1] != "0" else "1"))[0], 403)
                short = sign("--expires", "1s")
                wait_until(lambda: get(node, short)[0] == 403, "the link has expired", 10)
                # Where it is not required, a bad signature is refused all the same.
                self.assertEqual(get(c.master.http(), "/fs/a%20b.jpg")[2], b"picture")
                described = json.loads(sign("--json"))
                self.assertTrue(described["url"].startswith("/fs/a%20b.jpg?"))
            self.assertEqual(
                subprocess.run([BINARY, "url", "sign", "/a"], capture_output=True, check=False,
                               env={"PATH": os.environ["PATH"]}).returncode, 2)
            os.chmod(secret, 0o644)
            bad = subprocess.run([BINARY, "url", "sign", "/a", "--url-secret", secret],
                                 capture_output=True, text=True, check=False)
            self.assertEqual(bad.returncode, 1)
            self.assertIn("everybody may read it", bad.stderr)
