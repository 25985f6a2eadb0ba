"""etc/nginx/ssdfs.conf in a real nginx before real datanodes: pictures that are empty, long, replaced
and removed, links that expire, and datanodes that die and come back."""

import os
import random
import tempfile
import time
import unittest
import urllib.parse

from http_calls import request
from local_cluster import Cluster, wait_until
from nginx import PROGRAM, Nginx

LONG = 3_500_000
# As shipped a picture is shown for a minute before a datanode is asked again.
A_SECOND = ("proxy_cache_valid 200 1m", "proxy_cache_valid 200 1s")


@unittest.skipUnless(PROGRAM, "nginx is not installed")
class NginxBeforeDatanodes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.mkdtemp(prefix="ssdfs-nginx-files-")
        cls.key = os.path.join(cls.work, "key")
        with open(cls.key, "w", encoding="ascii") as file:
            file.write("0123456789abcdef0123456789")
        os.chmod(cls.key, 0o600)
        cls.cluster = Cluster(datanodes=3, http=True, master=["--chunk-size=1MiB"], datanode=[
            "--http-cache-control=/image=public, max-age=3600", f"--url-secret={cls.key}"])
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        cls.rng = random.Random(9)
        cls.files = {f"/image/{i:02d} ä.jpg": cls.rng.randbytes(4000 * (i + 1)) for i in range(20)}
        cls.files["/image/long.bin"] = cls.rng.randbytes(LONG)
        for path, content in cls.files.items():
            cls.put(path, content)

    @classmethod
    def put(cls, path, content, *options):
        local = os.path.join(cls.work, "file")
        with open(local, "wb") as file:
            file.write(content)
        cls.cluster.ok("put", *options, local, path)

    def nginx(self, *changes):
        nginx = Nginx([d.http() for d in self.cluster.datanodes], changes)
        self.addCleanup(nginx.close)
        return nginx

    @staticmethod
    def get(nginx, path, method="GET", **headers):
        return request(nginx.server, method, urllib.parse.quote(path, safe="/?=&%"),
                       headers={k.replace("_", "-"): v for k, v in headers.items()})

    def signed(self, path, expires):
        """What the link is at nginx, which serves /fs as /."""
        return self.cluster.ok("url", "sign", path, "--expires", expires, "--url-secret",
                               self.key).strip().removeprefix("/fs")

    def test_pictures_come_and_are_cached(self):
        nginx = self.nginx()
        for state in ("MISS", "HIT"):
            status, headers, body = self.get(nginx, "/image/00 ä.jpg")
            self.assertEqual((status, headers["x-cache"]), (200, state))
            self.assertEqual(body, self.files["/image/00 ä.jpg"])
        self.assertEqual(headers["cache-control"], "public, max-age=3600")
        self.assertEqual(headers["content-type"], "image/jpeg")
        self.assertEqual(self.get(nginx, "/image/00 ä.jpg", If_None_Match=headers["etag"])[0], 304)

    def test_parts_of_a_long_file(self):
        nginx = self.nginx()
        content = self.files["/image/long.bin"]
        status, headers, body = self.get(nginx, "/image/long.bin", Range="bytes=1048000-2100000")
        self.assertEqual((status, body == content[1048000:2100001]), (206, True))
        self.assertEqual(headers["content-range"], f"bytes 1048000-2100000/{LONG}")
        status, _, body = self.get(nginx, "/image/long.bin", Range="bytes=5-9", If_Range=headers["etag"])
        self.assertEqual((status, body), (206, content[5:10]))
        status, _, body = self.get(nginx, "/image/long.bin", Range="bytes=5-9", If_Range='"other"')
        self.assertEqual((status, body == content), (200, True))
        self.assertEqual(self.get(nginx, "/image/long.bin", Range=f"bytes={LONG}-")[0], 416)

    def test_an_empty_file_is_empty_and_not_wrong(self):
        self.put("/empty.gif", b"")
        nginx = self.nginx()
        for method in ("GET", "HEAD"):
            status, headers, body = self.get(nginx, "/empty.gif", method)
            self.assertEqual((status, headers["content-length"], body), (200, "0", b""))
        # Proxies that fetch files in slices ask for every file so.
        for server in (nginx.server, self.cluster.datanodes[0].http()):
            path = "/empty.gif" if server == nginx.server else "/fs/empty.gif"
            for wanted in ("bytes=0-1048575", "bytes=0-", "bytes=-5"):
                status, headers, body = request(server, "GET", path, headers={"Range": wanted})
                self.assertEqual((status, headers["content-length"], body), (200, "0", b""), wanted)
            self.assertEqual(request(server, "GET", path, headers={"Range": "bytes=5-"})[0], 416)

    def test_a_long_file_that_was_replaced_is_the_old_or_the_new_one(self):
        nginx = self.nginx(A_SECOND)
        versions = [self.rng.randbytes(LONG) for _ in range(2)]
        self.put("/long.png", versions[0])
        self.get(nginx, "/long.png", Range="bytes=0-99")
        self.assertEqual(self.get(nginx, "/long.png")[2], versions[0])
        self.put("/long.png", versions[1], "-f")

        def new_one_comes():
            status, headers, body = self.get(nginx, "/long.png")
            self.assertEqual((status, headers["content-length"]), (200, str(LONG)))
            self.assertIn(body, versions)
            part = self.get(nginx, "/long.png", Range="bytes=0-99")
            self.assertIn(part[2], [v[:100] for v in versions])
            return body == versions[1] and part[2] == versions[1][:100]
        # A second here, and one that a datanode remembers what it has looked up.
        wait_until(new_one_comes, "nginx shows the new file", 10)

    def test_a_picture_that_was_removed_goes(self):
        nginx = self.nginx(A_SECOND)
        self.put("/gone.png", b"was here")
        self.assertEqual(self.get(nginx, "/gone.png")[::2], (200, b"was here"))
        self.cluster.ok("rm", "/gone.png")
        # Its second here, the one for which a datanode remembers what it has looked up, and fractions.
        # Who asks then, be it the first, does not see it any more.
        time.sleep(3)
        self.assertEqual(self.get(nginx, "/gone.png")[0], 404)

    def test_what_is_missing_is_asked_for_once_a_second(self):
        nginx = self.nginx()
        states = [self.get(nginx, "/image/none.jpg")[1]["x-cache"] for _ in range(3)]
        self.assertEqual(states[0], "MISS")
        self.assertIn("HIT", states)
        self.put("/image/none.jpg", b"here it is")
        wait_until(lambda: self.get(nginx, "/image/none.jpg")[2] == b"here it is", "it is seen", 10)

    def test_a_link_ends_in_front_when_it_ends_behind(self):
        nginx = self.nginx()
        self.put("/secret.png", b"for those with a link")
        link = self.signed("/secret.png", "3s")
        status, headers, body = self.get(nginx, link)
        self.assertEqual((status, body), (200, b"for those with a link"))
        self.assertEqual(headers["cache-control"], "private, no-cache")
        self.assertNotIn("x-accel-expires", headers)
        wait_until(lambda: self.get(nginx, link)[0] == 403, "the link has expired", 10)
        self.assertEqual(request(self.cluster.datanodes[0].http(), "GET", "/fs" + link)[0], 403)
        # As long as a datanode can say that it is good it is, and all links share what is kept.
        self.assertIn(self.get(nginx, self.signed("/secret.png", "1h"))[1]["x-cache"],
                      ("MISS", "REVALIDATED"))
        for seconds in range(3601, 3604):
            status, headers, _ = self.get(nginx, self.signed("/secret.png", f"{seconds}s"))
            self.assertEqual((status, headers["x-cache"]), (200, "HIT"))
        self.assertEqual(self.get(nginx, "/secret.png?expires=99999999999&signature=00")[0], 403)
        self.assertEqual(self.get(nginx, self.signed("/none.png", "1h"))[0], 404)

    def test_an_answer_to_a_link_says_how_long_it_is_good(self):
        node, path = self.cluster.datanodes[0].http(), "/image/00 ä.jpg"
        link = "/fs" + self.signed(path, "99s")
        for status, headers in ((200, {}), (206, {"Range": "bytes=0-9"}), (304, {"If-None-Match": "*"})):
            answer = request(node, "GET", link, headers=headers)
            self.assertEqual(answer[0], status)
            self.assertRegex(answer[1]["cache-control"], r"^private, max-age=\d{1,2}$")
            self.assertLessEqual(int(answer[1]["x-accel-expires"]), 99)
        # Also of what was fetched by a link that is good for longer.
        nginx = self.nginx()
        for seconds, state in ((3000, "MISS"), (99, "HIT")):
            status, fields, _ = self.get(nginx, self.signed(path, f"{seconds}s"))
            self.assertEqual((status, fields["x-cache"]), (200, state))
            left = int(fields["cache-control"].removeprefix("private, max-age="))
            self.assertLessEqual(left, seconds)
            self.assertGreater(left, seconds - 60)

    def test_the_longest_path_is_found_and_kept(self):
        path = "".join("/" + "ä" * 127 for _ in range(15))
        self.put(path, b"far down")
        nginx = self.nginx()
        for state in ("MISS", "HIT"):
            status, headers, body = self.get(nginx, path)
            self.assertEqual((status, headers["x-cache"], body), (200, state, b"far down"))

    def test_nginx_may_speak_http_1_0_to_datanodes(self):
        nginx = self.nginx(("proxy_http_version 1.1", "proxy_http_version 1.0"),
                           ("proxy_set_header Connection \"\"", "proxy_set_header Connection close"))
        for path, content in self.files.items():
            status, _, body = self.get(nginx, path)
            self.assertEqual((status, body == content), (200, True), path)
        self.assertEqual(self.get(nginx, "/image/long.bin", Range="bytes=1-3")[0], 206)
        self.assertEqual(self.get(nginx, "/image/long.bin", method="HEAD")[0], 200)

    def test_z_a_dead_datanode_is_passed_over(self):
        nginx = self.nginx()
        self.cluster.datanodes[0].kill()
        for path, content in self.files.items():
            status, _, body = self.get(nginx, path)
            self.assertEqual((status, body == content), (200, True), path)
        self.cluster.datanodes[0].start()
        self.cluster.wait_live(3)


@unittest.skipUnless(PROGRAM, "nginx is not installed")
class SignedPicturesOnly(unittest.TestCase):
    def test_what_a_link_has_opened_stays_shut_for_others(self):
        with tempfile.TemporaryDirectory() as work:
            key, picture = os.path.join(work, "key"), os.path.join(work, "picture")
            for name, text in ((key, "0123456789abcdef0123456789"), (picture, "a picture")):
                with open(name, "w", encoding="ascii") as file:
                    file.write(text)
            os.chmod(key, 0o600)
            with Cluster(datanodes=1, http=True, master=["--replication=1"],
                         datanode=[f"--url-secret={key}", "--url-signing=required"]) as cluster:
                cluster.ok("put", picture, "/a.jpg")
                nginx = Nginx([cluster.datanodes[0].http()])
                self.addCleanup(nginx.close)
                link = cluster.ok("url", "sign", "/a.jpg", "--expires", "1h", "--url-secret", key)
                query = link.strip().partition("?")[2]
                for _ in range(2):
                    self.assertEqual(request(nginx.server, "GET", f"/a.jpg?{query}")[::2], (200, b"a picture"))
                end = int(query.split("&")[0].removeprefix("expires="))
                signature = query.split("signature=")[1]
                for bad in ("/a.jpg", "/a.jpg?", "/a.jpg?signature=", "/a.jpg?x=1", f"/a.jpg?expires={end}",
                            f"/a.jpg?expires={end + 1}&signature={signature}",
                            f"/a.jpg?Signature={signature}&expires={end}", f"/%61.jpg?x&{query[:-1]}",
                            f"/a.jpg?signature=0&{query}", f"/b.jpg?{query}", f"/a.jpg?signature={signature}"):
                    self.assertEqual(request(nginx.server, "GET", bad)[0], 403, bad)
                # Nobody can say any more whether a link is good.
                cluster.datanodes[0].kill()
                began = time.monotonic()
                self.assertEqual(request(nginx.server, "GET", f"/a.jpg?{query}")[0], 503)
                self.assertLess(time.monotonic() - began, 15)


if __name__ == "__main__":
    unittest.main()
