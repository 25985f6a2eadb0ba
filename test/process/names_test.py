"""Names that other programs stumble over: stored, listed, found, moved and read by every door."""

import os
import tempfile
import unittest
import urllib.parse

from http_calls import Curl, request
from local_cluster import Cluster

NAMES = [
    "two\nlines", "sp ace", " before", "behind ", "😀.jpg", "a%20b", "a%2Fb", "%00", "100%", "a+b", "a#b",
    "a?b", "a\\b", "quo'te", 'dq"x', "$HOME", "`id`", "*", "[x]", "a;b", "a|b", "a&b", "a=b", "a:b", "a@b",
    "a,b", "(a)", "{a}", "<a>", "~", "...", ".hidden", "-r", "tab\t", "bell\a", "esc\x1b[31m", "del\x7f",
    "dog-cvs-lg.jpg", "CON", "aux.txt", "e\u0301", "\u00e9", "\u202egnp.exe", "n" * 255, "é" * 127,
]


class Names(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        work = tempfile.TemporaryDirectory(prefix="ssdfs-names-")
        cls.addClassCleanup(work.cleanup)
        cls.work = work.name
        cls.secret = os.path.join(cls.work, "secret")
        with open(cls.secret, "w", encoding="ascii") as file:
            file.write("0123456789abcdef0123456789abcdef\n")
        os.chmod(cls.secret, 0o600)
        options = ["--http-write=on", f"--url-secret={cls.secret}"]
        cls.cluster = Cluster(datanodes=2, http=True, master=options, datanode=options)
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        cls.tree = os.path.join(cls.work, "tree")
        os.mkdir(cls.tree)
        for name in NAMES:
            with open(os.path.join(cls.tree, name), "w", encoding="utf-8") as file:
                file.write(name)
        cls.cluster.ok("put", "-r", cls.tree, "/names")

    def names_of(self, directory):
        found = self.cluster.ok("find", directory, "-type", "f", "-print0", text=False)
        paths = found.decode().split("\0")[:-1]
        return sorted(path[len(directory) + 1:] for path in paths)

    def test_a_tree_comes_back_as_it_was(self):
        self.assertEqual(self.names_of("/names"), sorted(NAMES))
        self.cluster.ok("verify", "-r", self.tree, "/names")
        copy = os.path.join(self.work, "copy")
        self.cluster.ok("get", "-r", "/names", copy)
        self.assertEqual(sorted(os.listdir(copy)), sorted(NAMES))
        self.cluster.ok("verify", "-r", copy, "/names")

    def test_every_name_moves_and_goes(self):
        self.cluster.ok("cp", "-r", "/names", "/moving")
        for name in NAMES:
            self.cluster.ok("mv", "-T", f"/moving/{name}", "/moving/now")
            self.assertEqual(self.cluster.ok("cat", "/moving/now", text=False).decode(), name)
            self.cluster.ok("mv", "-T", "/moving/now", f"/moving/{name}")
        self.cluster.ok("rm", *(f"/moving/{name}" for name in NAMES))
        self.assertEqual(self.names_of("/moving"), [])
        self.cluster.ok("trash", "restore", *(f"/moving/{name}" for name in NAMES))
        self.assertEqual(self.names_of("/moving"), sorted(NAMES))

    def test_http_and_webhdfs_name_the_same_files(self):
        node, master = self.cluster.datanodes[0].http(), self.cluster.master.http()
        for name in NAMES:
            quoted = urllib.parse.quote(name, safe="")
            content = name.encode()
            with self.subTest(name):
                self.assertEqual(request(node, "GET", f"/fs/names/{quoted}")[::2], (200, content))
                got = Curl(f"http://{node}/fs/names/{quoted}?redirect=1", "-L")
                self.assertEqual((got.status, got.body), (200, content))
                got = Curl(f"http://{master}/webhdfs/v1/names/{quoted}?op=OPEN", "-L")
                self.assertEqual((got.status, got.body), (200, content))
                self.assertEqual(request(node, "PUT", f"/fs/http/{quoted}", body=content)[0], 201)
        self.assertEqual(self.names_of("/http"), sorted(NAMES))
        for name in NAMES:
            quoted = urllib.parse.quote(name, safe="")
            renamed = request(master, "PUT", f"/webhdfs/v1/http/{quoted}?op=RENAME&destination=/http2/{quoted}")
            self.assertEqual(renamed[0], 200, name)
            self.assertEqual(request(node, "DELETE", f"/fs/http/{quoted}")[0],
                             404 if b"true" in renamed[2] else 204, name)

    def test_links_are_signed_for_every_name(self):
        node = self.cluster.datanodes[0].http()
        for name in NAMES:
            link = self.cluster.ok("url", "sign", f"/names/{name}", "--expires", "1h", "--url-secret",
                                   self.secret).strip()
            self.assertEqual(request(node, "GET", link)[::2], (200, name.encode()), link)
            self.assertEqual(request(node, "HEAD", link)[0], 200, link)
            other = link.replace("/fs/names/", "/fs/name%73/")
            self.assertEqual(request(node, "GET", other)[0], 200, "an escape is no other path")
            self.assertEqual(request(node, "GET", link.replace("/fs/names/", "/fs/"))[0], 403, link)

    def test_names_that_are_no_text_are_told_and_the_others_stored(self):
        tree = os.path.join(self.work, "latin")
        os.mkdir(tree)
        for name in (b"fine", b"caf\xe9", b"\xed\xa0\x80"):
            with open(os.path.join(tree.encode(), name), "wb") as file:
                file.write(b"x")
        done = self.cluster.run("put", "-r", tree, "/latin")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr.count("not valid UTF-8"), 2, done.stderr)
        self.assertEqual(self.names_of("/latin"), ["fine"])

    def test_a_slip_with_rm_does_not_take_everything(self):
        for slip in ("/", "//", "/.", "", "."):
            self.assertNotEqual(self.cluster.run("rm", "-rf", slip).returncode, 0, slip)
            self.assertNotEqual(self.cluster.run("rm", "-rf", "--skip-trash", slip).returncode, 0, slip)
        master = self.cluster.master.http()
        self.assertEqual(request(master, "DELETE", "/webhdfs/v1/?op=DELETE&recursive=true")[0], 403)
        self.assertEqual(request(master, "DELETE", "/fs/")[0], 409)
        self.assertEqual(len(self.names_of("/names")), len(NAMES))


if __name__ == "__main__":
    unittest.main()
