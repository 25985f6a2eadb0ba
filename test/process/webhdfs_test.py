"""WebHDFS: the document's operations by plain requests, and clients that know nothing of SSDFS."""

import http.client
import json
import os
import random
import shutil
import subprocess
import tempfile
import unittest
import urllib.parse

from local_cluster import Cluster, wait_until


class WebHdfs:
    """As the document says: requests to the master, redirects followed by hand."""

    def __init__(self, server):
        self.server = server

    @staticmethod
    def send(server, method, target, body=None):
        connection = http.client.HTTPConnection(server, timeout=60)
        try:
            connection.request(method, target, body=body)
            answer = connection.getresponse()
            content = answer.read()
            return answer.status, {k.lower(): v for k, v in answer.getheaders()}, content
        finally:
            connection.close()

    def call(self, method, path, op, body=None, **parameters):
        query = urllib.parse.urlencode({"op": op, **{k.replace("_", "."): v for k, v in parameters.items()}})
        return self.send(self.server, method, f"/webhdfs/v1{urllib.parse.quote(path)}?{query}", body)

    def json(self, method, path, op, **parameters):
        status, headers, body = self.call(method, path, op, **parameters)
        if status != 200 or not headers["content-type"].startswith("application/json"):
            raise AssertionError(f"{op} {path}: {status} {body}")
        return json.loads(body)

    def follow(self, location, method, body=None):
        target = urllib.parse.urlsplit(location)
        return self.send(target.netloc, method, f"{target.path}?{target.query}", body)

    def create(self, path, content, **parameters):
        status, headers, body = self.call("PUT", path, "CREATE", **parameters)
        if status != 307:
            return status, body
        status, _, body = self.follow(headers["location"], "PUT", content)
        return status, body

    def open(self, path, **parameters):
        status, headers, body = self.call("GET", path, "OPEN", **parameters)
        if status != 307:
            return status, body
        status, _, body = self.follow(headers["location"], "GET")
        return status, body


class Document(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(datanodes=2, http=True, master=["--chunk-size=1MiB"])
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        cls.fs = WebHdfs(cls.cluster.master.http())
        cls.nodes = {d.http() for d in cls.cluster.datanodes}
        # A new node takes the master's tickets once it knows its cluster.
        for node in cls.nodes:
            wait_until(lambda: WebHdfs.send(node, "GET", "/readyz")[0] == 200, f"{node} is ready")

    def refused(self, answer, status, exception):
        self.assertEqual(answer[0], status, answer)
        body = json.loads(answer[-1])["RemoteException"]
        self.assertEqual(body["exception"], exception)
        self.assertTrue(body["javaClassName"].endswith("." + exception))
        self.assertTrue(body["message"])

    def test_create_and_open(self):
        content = random.Random(1).randbytes(3_300_000)
        self.assertEqual(self.fs.create("/c/ä b%.bin", content, user_name="ann", permission="600")[0], 201)
        self.assertEqual(self.fs.open("/c/ä b%.bin"), (200, content))
        self.assertEqual(self.fs.open("/c/ä b%.bin", offset=5, length=10), (200, content[5:15]))
        self.assertEqual(self.fs.open("/c/ä b%.bin", offset=1_048_570, length=20),
                         (200, content[1_048_570:1_048_590]))
        self.assertEqual(self.fs.open("/c/ä b%.bin", offset=3_299_999, length=99), (200, content[-1:]))
        self.refused(self.fs.open("/c/ä b%.bin", offset=3_300_000), 403, "IOException")
        self.refused(self.fs.create("/c/ä b%.bin", b"x"), 403, "FileAlreadyExistsException")
        self.assertEqual(self.fs.create("/c/ä b%.bin", b"new", overwrite="true")[0], 201)
        self.assertEqual(self.fs.open("/c/ä b%.bin"), (200, b"new"))
        self.assertEqual(self.fs.create("/c/empty", b"")[0], 201)
        self.assertEqual(self.fs.open("/c/empty"), (200, b""))
        self.refused(self.fs.open("/c/none"), 404, "FileNotFoundException")
        self.refused(self.fs.open("/c"), 404, "FileNotFoundException")
        self.refused(self.fs.create("/c", b"x", overwrite="true"), 403, "FileAlreadyExistsException")

    def test_redirects_lead_to_datanodes_and_carry_their_permission(self):
        self.fs.create("/r/a", b"abc")
        location = self.fs.json("GET", "/r/a", "OPEN", noredirect="true")["Location"]
        self.assertIn(urllib.parse.urlsplit(location).netloc, self.nodes)
        self.assertEqual(self.fs.follow(location, "GET")[2], b"abc")
        location = self.fs.json("PUT", "/r/b", "CREATE", noredirect="true")["Location"]
        self.assertIn(urllib.parse.urlsplit(location).netloc, self.nodes)
        # The datanode's HTTP is read-only: only what the master has let through is stored.
        self.refused(self.fs.follow(location.replace("/r/b?", "/r/other?"), "PUT", b"x"), 403,
                     "AccessControlException")
        self.refused(self.fs.follow(location.split("&expires")[0], "PUT", b"x"), 403,
                     "AccessControlException")
        self.assertEqual(self.fs.follow(location, "PUT", b"x")[0], 201)
        self.assertEqual(self.fs.open("/r/b"), (200, b"x"))

    def test_names(self):
        fs = self.fs
        self.assertEqual(fs.json("PUT", "/n/x/y", "mkdirs", permission="750"), {"boolean": True})
        self.assertEqual(fs.json("PUT", "/n/x/y", "MKDIRS"), {"boolean": True})
        fs.create("/n/x/file", b"12345", user_name="ann")
        s = fs.json("GET", "/n/x/file", "GetFileStatus", unknown="ignored")["FileStatus"]
        self.assertEqual((s["length"], s["type"], s["pathSuffix"], s["owner"], s["permission"],
                          s["replication"]), (5, "FILE", "", "ann", "644", 2))
        s = fs.json("GET", "/n/x", "GETFILESTATUS")["FileStatus"]
        self.assertEqual((s["length"], s["type"]), (0, "DIRECTORY"))
        names = [e["pathSuffix"] for e in
                 fs.json("GET", "/n/x", "LISTSTATUS")["FileStatuses"]["FileStatus"]]
        self.assertEqual(names, ["file", "y"])
        one = fs.json("GET", "/n/x/file", "LISTSTATUS")["FileStatuses"]["FileStatus"]
        self.assertEqual([(e["pathSuffix"], e["length"]) for e in one], [("", 5)])
        fs.create("/n/dst", b"")
        self.assertEqual(fs.json("PUT", "/n/x/file", "RENAME", destination="/n/dst"), {"boolean": False})
        self.assertEqual(fs.json("PUT", "/n/none", "RENAME", destination="/n/z"), {"boolean": False})
        self.assertEqual(fs.json("PUT", "/n/x", "RENAME", destination="/n/x/y/z"), {"boolean": False})
        self.assertEqual(fs.json("PUT", "/n/x/file", "RENAME", destination="/n/x/y"), {"boolean": True})
        self.assertEqual(fs.open("/n/x/y/file"), (200, b"12345"))
        self.assertEqual(fs.call("PUT", "/n/x/y/file", "RENAME", destination="/n/dst",
                                 renameoptions="OVERWRITE")[0], 200)
        self.assertEqual(fs.open("/n/dst"), (200, b"12345"))
        self.refused(fs.call("DELETE", "/n", "DELETE"), 403, "PathIsNotEmptyDirectoryException")
        self.assertEqual(fs.json("DELETE", "/n", "DELETE", recursive="true"), {"boolean": True})
        self.assertEqual(fs.json("DELETE", "/n", "DELETE", recursive="true"), {"boolean": False})
        self.refused(fs.call("GET", "/n", "GETFILESTATUS"), 404, "FileNotFoundException")
        self.refused(fs.call("GET", "/n", "LISTSTATUS"), 404, "FileNotFoundException")

    def test_batches(self):
        for i in range(5):
            self.fs.create(f"/b/{i}", b"")
        first = self.fs.json("GET", "/b", "LISTSTATUS_BATCH", startAfter="2")["DirectoryListing"]
        names = [e["pathSuffix"] for e in
                 first["partialListing"]["FileStatuses"]["FileStatus"]]
        self.assertEqual((names, first["remainingEntries"]), (["3", "4"], 0))

    def test_attributes_and_sums(self):
        fs = self.fs
        self.assertEqual(fs.create("/a/f", b"123456789")[0], 201)
        self.assertEqual(fs.call("PUT", "/a/f", "SETPERMISSION", permission="640")[0], 200)
        self.assertEqual(fs.call("PUT", "/a/f", "SETOWNER", owner="bob", group="shop")[0], 200)
        self.assertEqual(fs.call("PUT", "/a/f", "SETTIMES", modificationtime="1700000000123")[0], 200)
        s = fs.json("GET", "/a/f", "GETFILESTATUS")["FileStatus"]
        self.assertEqual((s["permission"], s["owner"], s["group"], s["modificationTime"]),
                         ("640", "bob", "shop", 1700000000123))
        self.assertEqual(fs.json("PUT", "/a/f", "SETREPLICATION", replication="1"), {"boolean": True})
        self.assertEqual(fs.json("PUT", "/a", "SETREPLICATION", replication="1"), {"boolean": False})
        self.refused(fs.call("PUT", "/a/f", "SETREPLICATION", replication="9"), 400,
                     "IllegalArgumentException")
        # The check value of CRC32C.
        self.assertEqual(fs.json("GET", "/a/f", "GETFILECHECKSUM")["FileChecksum"],
                         {"algorithm": "COMPOSITE-CRC32C", "bytes": "e3069283", "length": 4})
        s = fs.json("GET", "/a", "GETCONTENTSUMMARY")["ContentSummary"]
        self.assertEqual((s["directoryCount"], s["fileCount"], s["length"]), (1, 1, 9))
        q = fs.json("GET", "/a", "GETQUOTAUSAGE")["QuotaUsage"]
        self.assertEqual((q["fileAndDirectoryCount"], q["quota"], q["spaceQuota"]), (1, -1, -1))
        self.assertEqual(fs.call("GET", "/a/f", "CHECKACCESS", fsaction="r--")[0], 200)
        self.refused(fs.call("GET", "/a/none", "CHECKACCESS", fsaction="r--"), 404,
                     "FileNotFoundException")
        self.assertEqual(fs.json("GET", "/", "GETHOMEDIRECTORY", user_name="ann"), {"Path": "/user/ann"})
        self.assertEqual(fs.json("GET", "/", "GETTRASHROOT"), {"Path": "/.trash"})

    def test_what_is_not_there_says_so(self):
        fs = self.fs
        self.refused(fs.call("POST", "/a", "APPEND"), 400, "UnsupportedOperationException")
        self.refused(fs.call("POST", "/a", "CONCAT"), 400, "UnsupportedOperationException")
        self.refused(fs.call("GET", "/a", "NONSENSE"), 400, "IllegalArgumentException")
        self.refused(fs.call("GET", "/a", ""), 400, "IllegalArgumentException")
        self.refused(fs.call("GET", "/a", "MKDIRS"), 400, "IllegalArgumentException")
        self.refused(fs.call("GET", "/a", "LISTSTATUS", user_name='a"b'), 400,
                     "IllegalArgumentException")
        self.refused(fs.call("GET", "/../a", "GETFILESTATUS"), 400, "InvalidPathException")


# Each is a program that stores, lists, renames, reads with an offset and deletes a tree, run by the
# first Python that has the library. They get HOST and PORT.
CLIENTS = {
    "hdfs": """
import sys
from hdfs import InsecureClient
c = InsecureClient(f"http://{sys.argv[1]}:{sys.argv[2]}", user="ann")
c.makedirs("/lib/hdfs/in")
c.write("/lib/hdfs/in/a", data=b"0123456789" * 1000)
c.write("/lib/hdfs/in/b", data=b"b", overwrite=True)
assert sorted(c.list("/lib/hdfs/in")) == ["a", "b"]
c.rename("/lib/hdfs/in/a", "/lib/hdfs/c")
with c.read("/lib/hdfs/c", offset=5, length=7) as r:
    assert r.read() == b"5678901"
assert c.status("/lib/hdfs/c")["length"] == 10000
assert c.content("/lib/hdfs")["fileCount"] == 2
assert [x for x in c.walk("/lib/hdfs")]
c.set_permission("/lib/hdfs/c", "600")
assert c.delete("/lib/hdfs", recursive=True)
assert c.status("/lib/hdfs", strict=False) is None
""",
    "pywebhdfs": """
import sys
from pywebhdfs.webhdfs import PyWebHdfsClient
from pywebhdfs import errors
c = PyWebHdfsClient(host=sys.argv[1], port=sys.argv[2], user_name="ann")
c.make_dir("lib/py/in")
c.create_file("lib/py/in/a", b"0123456789" * 1000)
c.create_file("lib/py/in/b", b"b", overwrite=True)
names = [e["pathSuffix"] for e in c.list_dir("lib/py/in")["FileStatuses"]["FileStatus"]]
assert names == ["a", "b"], names
c.rename_file_dir("lib/py/in/a", "/lib/py/c")
assert c.read_file("lib/py/c", offset=5, length=7) == b"5678901"
assert c.get_file_dir_status("lib/py/c")["FileStatus"]["length"] == 10000
c.delete_file_dir("lib/py", recursive=True)
try:
    c.get_file_dir_status("lib/py")
    raise SystemExit("still there")
except errors.FileNotFound:
    pass
""",
    # Its writes go by APPEND, which files that are written once do not have: the tree comes by put.
    "fsspec.implementations.webhdfs": """
import sys
import requests
from fsspec.implementations.webhdfs import WebHDFS
fs = WebHDFS(host=sys.argv[1], port=int(sys.argv[2]), user="ann")
fs.mkdir("/lib/fsspec/in")
assert [e["name"] for e in fs.ls("/lib/stored", detail=True)] == ["/lib/stored/a", "/lib/stored/b"]
fs.mv("/lib/stored/a", "/lib/fsspec/in/c")
with fs.open("/lib/fsspec/in/c", "rb") as f:
    f.seek(5)
    assert f.read(7) == b"5678901"
assert fs.cat("/lib/fsspec/in/c") == b"0123456789" * 1000
assert fs.info("/lib/fsspec/in/c")["size"] == 10000
assert fs.content_summary("/lib/fsspec")["fileCount"] == 1
assert fs.ukey("/lib/fsspec/in/c")["algorithm"] == "COMPOSITE-CRC32C"
assert sorted(fs.find("/lib")) == ["/lib/fsspec/in/c", "/lib/stored/b"]
fs.chmod("/lib/fsspec/in/c", 600)
fs.chown("/lib/fsspec/in/c", owner="bob")
fs.set_replication("/lib/fsspec/in/c", 1)
assert fs.home_directory() == "/user/ann"
try:
    fs.pipe("/lib/fsspec/in/w", b"x")
    raise SystemExit("it has written")
except requests.HTTPError as why:
    told = why.response.json()["RemoteException"]
    assert told["exception"] == "UnsupportedOperationException", told
    assert told["message"] == "files are written once: APPEND is not supported", told
except ValueError as why:  # later releases say the message only
    assert str(why) == "files are written once: APPEND is not supported", why
fs.rm("/lib", recursive=True)
assert not fs.exists("/lib")
""",
}


def python_with(module):
    for python in ("python3", "/usr/bin/python3"):
        done = subprocess.run([python, "-c", f"import {module}"], capture_output=True, check=False)
        if done.returncode == 0:
            return python
    return None


class Libraries(unittest.TestCase):
    def run_client(self, module):
        python = python_with(module)
        if python is None:
            self.skipTest(f"no Python here has {module}")
        with tempfile.TemporaryDirectory() as work, Cluster(datanodes=2, http=True) as c:
            for name, content in (("a", b"0123456789" * 1000), ("b", b"b")):
                local = os.path.join(work, name)
                with open(local, "wb") as file:
                    file.write(content)
                c.ok("put", local, f"/lib/stored/{name}")
            for d in c.datanodes:
                wait_until(lambda: WebHdfs.send(d.http(), "GET", "/readyz")[0] == 200, "ready")
            host, _, port = c.master.http().partition(":")
            done = subprocess.run([python, "-c", CLIENTS[module], host, port], capture_output=True,
                                  text=True, timeout=120, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_hdfs(self):
        self.run_client("hdfs")

    def test_pywebhdfs(self):
        self.run_client("pywebhdfs")

    def test_fsspec(self):
        self.run_client("fsspec.implementations.webhdfs")

    def test_curl_as_the_document_has_it(self):
        if shutil.which("curl") is None:
            self.skipTest("there is no curl")
        with tempfile.TemporaryDirectory() as work, Cluster(datanodes=2, http=True) as c:
            for d in c.datanodes:
                wait_until(lambda: WebHdfs.send(d.http(), "GET", "/readyz")[0] == 200, "ready")
            local = os.path.join(work, "f")
            with open(local, "wb") as file:
                file.write(b"content")
            base = f"http://{c.master.http()}/webhdfs/v1/t/f"
            run = lambda *a: subprocess.run(["curl", "-sS", "-f", *a], capture_output=True, check=True).stdout
            run("-L", "-T", local, f"{base}?op=CREATE&user.name=ann")
            self.assertEqual(run("-L", f"{base}?op=OPEN&offset=3"), b"tent")
            self.assertIn(b'"length":7', run(f"{base}?op=GETFILESTATUS"))
            self.assertEqual(run("-X", "DELETE", f"{base}?op=DELETE"), b'{"boolean":true}')
