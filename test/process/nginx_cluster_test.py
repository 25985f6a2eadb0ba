"""etc/nginx/ssdfs.conf in a real nginx before real datanodes: pictures, slices of long files, conditions,
and a datanode that dies."""

import os
import random
import shutil
import subprocess
import tempfile
import unittest
import urllib.parse

from http_calls import request
from free_ports import free_port
from local_cluster import Cluster, wait_until

SOURCE = os.environ["SSDFS_TEST_SOURCE"]


class NginxBeforeDatanodes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        nginx = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        if not nginx:
            raise unittest.SkipTest("nginx is not installed")
        cls.work = tempfile.mkdtemp(prefix="ssdfs-nginx-")
        cls.addClassCleanup(shutil.rmtree, cls.work)
        os.chmod(cls.work, 0o755)
        cls.cluster = Cluster(datanodes=3, http=True, master=["--chunk-size=1MiB"],
                              datanode=["--http-cache-control=/image=public, max-age=3600"])
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        rng = random.Random(9)
        cls.files = {f"/image/{i:02d} ä.jpg": rng.randbytes(4000 * (i + 1)) for i in range(20)}
        cls.files["/image/long.bin"] = rng.randbytes(3_500_000)
        for path, content in cls.files.items():
            local = os.path.join(cls.work, "file")
            with open(local, "wb") as file:
                file.write(content)
            cls.cluster.ok("put", local, path)
        cls.server = f"127.0.0.1:{free_port()}"
        servers = "".join(f"server {d.http()} max_fails=1 fail_timeout=2s;" for d in cls.cluster.datanodes)
        temporary = "".join(f"{kind}_temp_path {cls.work}/{kind};"
                            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(f"{cls.work}/nginx.conf", "w", encoding="utf-8") as file:
            file.write(f"""daemon off; master_process off; pid {cls.work}/pid; error_log stderr;
                events {{ }} http {{ access_log off; {temporary}
                upstream ssdfs_datanodes {{ {servers} keepalive 8; }}
                proxy_cache_path {cls.work}/cache keys_zone=ssdfs:1m use_temp_path=off;
                server {{ listen {cls.server}; include {SOURCE}/etc/nginx/ssdfs.conf; }} }}""")
        with open(f"{cls.work}/log", "wb") as log:
            cls.process = subprocess.Popen(
                [nginx, "-p", cls.work, "-e", "stderr", "-c", f"{cls.work}/nginx.conf"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        cls.addClassCleanup(cls.end)
        wait_until(cls.answers, "nginx answers")

    @classmethod
    def end(cls):
        cls.process.terminate()
        cls.process.wait(timeout=30)

    @classmethod
    def answers(cls):
        try:
            return request(cls.server, "GET", "/healthz")[0] == 200
        except OSError:
            return False

    def get(self, path, **headers):
        return request(self.server, "GET", urllib.parse.quote(path),
                       headers={k.replace("_", "-"): v for k, v in headers.items()})

    def test_pictures_come_and_are_cached(self):
        for state in ("MISS", "HIT"):
            status, headers, body = self.get("/image/00 ä.jpg")
            self.assertEqual((status, headers["x-cache"]), (200, state))
            self.assertEqual(body, self.files["/image/00 ä.jpg"])
        self.assertEqual(headers["cache-control"], "public, max-age=3600")
        self.assertEqual(headers["content-type"], "image/jpeg")
        self.assertEqual(self.get("/image/00 ä.jpg", If_None_Match=headers["etag"])[0], 304)
        self.assertEqual(self.get("/image/none.jpg")[0], 404)

    def test_slices_of_a_long_file_from_several_datanodes_fit_together(self):
        content = self.files["/image/long.bin"]
        status, headers, body = self.get("/image/long.bin", Range="bytes=1048000-2100000")
        self.assertEqual((status, body == content[1048000:2100001]), (206, True))
        self.assertEqual(headers["content-range"], f"bytes 1048000-2100000/{len(content)}")
        status, _, body = self.get("/image/long.bin")
        self.assertEqual((status, body == content), (200, True))

    def test_z_a_dead_datanode_is_passed_over(self):
        self.cluster.datanodes[0].kill()
        for path, content in self.files.items():
            status, _, body = self.get(path)
            self.assertEqual((status, body == content), (200, True), path)
