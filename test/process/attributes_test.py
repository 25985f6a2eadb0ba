"""chmod, chown, touch and quota: what they change, what they refuse, and that it lasts."""

import json
import os
import shutil
import subprocess
import tempfile
import unittest

from local_cluster import Cluster


class Attributes(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.mkdtemp(prefix="ssdfs-attributes-")
        cls.cluster = Cluster(datanodes=2)
        cls.cluster.start()
        cls.small = os.path.join(cls.work, "small")
        with open(cls.small, "wb") as f:
            f.write(b"x" * 1000)

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()
        shutil.rmtree(cls.work)

    def stat(self, path):
        return json.loads(self.cluster.ok("stat", "--json", path))

    def quota(self, path, *arguments):
        return json.loads(self.cluster.ok("quota", path, *arguments, "--json"))

    def fails(self, code, expected, *arguments):
        done = self.cluster.run(*arguments)
        told = (arguments, done.stdout[-500:], done.stderr[-500:])
        self.assertEqual(done.returncode, code, told)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, told)
        self.assertIn(expected, lines[0])

    def make_tree(self, top, directories=3, files=5):
        local = tempfile.mkdtemp(dir=self.work)
        for d in range(directories):
            os.makedirs(os.path.join(local, f"d{d}", "deep"))
            for i in range(files):
                shutil.copyfile(self.small, os.path.join(local, f"d{d}", f"f{i}"))
        self.cluster.ok("put", "-r", "-T", local, top)
        shutil.rmtree(local)

    def test_chmod_of_a_file(self):
        c = self.cluster
        c.ok("put", self.small, "/mode/f")
        for mode, expected in [("600", "0600"), ("u+x,g=u", "0770"), ("o+r", "0774"), ("-x", "0664"),
                               ("a-rwx", "0000"), ("4755", "4755"), ("ug-s", "0755")]:
            c.ok("chmod", mode, "/mode/f")
            self.assertEqual(self.stat("/mode/f")["mode"], expected, mode)
        c.ok("chmod", "--", "-r", "/mode/f")
        self.assertEqual(self.stat("/mode/f")["mode"], "0311")
        done = json.loads(c.ok("chmod", "--json", "311", "/mode/f"))
        self.assertEqual(done, {"path": "/mode/f", "entries": 1, "changed": 0})

    def test_recursive_changes(self):
        c = self.cluster
        self.make_tree("/tree")
        done = json.loads(c.ok("chmod", "-R", "--json", "u=rwX,go=rX", "/tree"))
        self.assertEqual(done["entries"], 1 + 3 * 2 + 3 * 5)
        c.ok("chmod", "-R", "u=rwX,go=", "/tree")
        c.ok("chown", "-R", "anna:shop", "/tree")
        lines = [json.loads(x) for x in c.ok("ls", "-R", "--json", "/tree").splitlines()]
        self.assertEqual(len(lines), 3 * 2 + 3 * 5)
        for e in lines + [self.stat("/tree")]:
            self.assertEqual(e["mode"], "0700" if e["type"] == "directory" else "0600", e)
            self.assertEqual((e["owner"], e["group"]), ("anna", "shop"))
        c.ok("chown", ":staff", "/tree/d0")
        c.ok("chown", "ben", "/tree/d1")
        c.ok("chown", "cleo:", "/tree/d2")
        for name, expected in [("d0", ("anna", "staff")), ("d1", ("ben", "shop")),
                               ("d2", ("cleo", "cleo"))]:
            e = self.stat("/tree/" + name)
            self.assertEqual((e["owner"], e["group"]), expected)
        self.assertEqual(self.stat("/tree/d1/f0")["owner"], "anna")

    def test_touch(self):
        c = self.cluster
        c.ok("put", self.small, "/touch/f")
        before = self.stat("/touch/f")
        c.ok("touch", "/touch/f", "/touch/new")
        after = self.stat("/touch/f")
        self.assertGreaterEqual(after["mtime_ms"], before["mtime_ms"])
        self.assertEqual(after["crc32c"], before["crc32c"])
        self.assertEqual(self.stat("/touch/new")["size"], 0)

    def test_wrong_input(self):
        c = self.cluster
        c.ok("put", self.small, "/wrong/f")
        self.fails(2, "is not a mode", "chmod", "9", "/wrong/f")
        self.fails(2, "is not a mode", "chmod", "u+q", "/wrong/f")
        self.fails(2, "too few", "chmod", "644")
        self.fails(2, "too few", "chmod", "-w")
        self.fails(2, "unknown option", "chmod", "-Z", "644", "/wrong/f")
        self.fails(2, "OWNER", "chown", ":", "/wrong/f")
        self.fails(2, "OWNER", "chown", "", "/wrong/f")
        self.fails(2, "OWNER", "chown", "a:b:c", "/wrong/f")
        self.fails(2, "too few", "chown", "anna")
        self.fails(1, "255 bytes", "chown", "a" * 256, "/wrong/f")
        self.fails(1, "no such file", "chmod", "644", "/wrong/none")
        self.fails(1, "no such file", "chown", "anna", "/wrong/none")
        self.fails(2, "too few", "quota")
        self.fails(2, "too many", "quota", "/a", "/b")
        self.fails(2, "names", "quota", "/wrong", "--names", "many")
        self.fails(2, "names", "quota", "/wrong", "--names", "-1")
        self.fails(2, "bytes", "quota", "/wrong", "--bytes", "1 lightyear")
        self.fails(2, "--clear", "quota", "/wrong", "--clear", "--names", "1")
        self.fails(1, "not a directory", "quota", "/wrong/f", "--names", "1")
        self.fails(1, "not a directory", "quota", "/wrong/f")
        self.fails(1, "no such file", "quota", "/wrong/none")
        self.fails(1, "permission denied", "quota", "/.trash", "--names", "1")
        done = c.run("chmod", "640", "/wrong/none", "/wrong/f")  # goes on
        self.assertEqual(done.returncode, 1)
        self.assertEqual(self.stat("/wrong/f")["mode"], "0640")

    def test_quota_is_enforced_everywhere(self):
        c = self.cluster
        c.ok("mkdir", "/limited")
        self.assertEqual(self.quota("/limited"),
                         {"path": "/limited", "names_used": 0, "names_limit": None,
                          "bytes_used": 0, "bytes_limit": None})
        got = self.quota("/limited", "--names", "3", "--bytes", "2KiB")
        self.assertEqual((got["names_limit"], got["bytes_limit"]), (3, 2048))
        c.ok("put", self.small, "/limited/a")
        c.ok("put", self.small, "/limited/b")
        self.fails(1, "quota of 2048 bytes exceeded in /limited", "put", self.small, "/limited/c")
        c.ok("touch", "/limited/c")
        self.fails(1, "quota of 3 names exceeded in /limited", "touch", "/limited/d")
        self.fails(1, "quota", "mkdir", "/limited/sub")
        self.fails(1, "quota", "put", self.small, "/limited/sub/deep/f")
        c.ok("put", self.small, "/outside")
        self.fails(1, "quota", "mv", "/outside", "/limited/moved")
        self.fails(1, "quota", "cp", "/outside", "/limited/copied")
        self.fails(1, "quota", "cp", "-f", "/outside", "/limited/c")  # bytes
        c.ok("mv", "/limited/a", "/limited/e")  # inside: nothing is added
        got = self.quota("/limited")
        self.assertEqual((got["names_used"], got["bytes_used"]), (3, 2000))
        self.assertIn("97%", c.ok("quota", "/limited"))
        # What leaves, leaves at once.
        c.ok("rm", "/limited/e")
        got = self.quota("/limited")
        self.assertEqual((got["names_used"], got["bytes_used"]), (2, 1000))
        c.ok("mv", "/limited/b", "/elsewhere")
        c.ok("mv", "/outside", "/limited/moved")
        self.assertEqual(self.quota("/limited")["bytes_used"], 1000)
        # One limit changes without the other; both survive a restart of the master.
        self.assertEqual(self.quota("/limited", "--bytes", "0")["names_limit"], 3)
        self.quota("/limited", "--names", "2")
        c.master.stop()
        c.master.start()
        got = self.quota("/limited")
        self.assertEqual((got["names_used"], got["names_limit"], got["bytes_limit"]), (2, 2, None))
        self.fails(1, "quota", "touch", "/limited/x")
        got = self.quota("/limited", "--clear")
        self.assertIsNone(got["names_limit"])
        c.ok("touch", "/limited/x")
        # A whole tree that does not fit is refused, a limit below what is there blocks only adding.
        self.make_tree("/big", directories=2, files=2)
        self.quota("/limited", "--names", "1")
        self.fails(1, "quota", "mv", "/big", "/limited/")
        c.ok("rm", "/limited/x")
        c.ok("mv", "/limited/c", "/c")
        self.assertEqual(self.quota("/limited")["names_used"], 1)


class Permissions(unittest.TestCase):
    def test_on_and_off(self):
        with Cluster(datanodes=1, master=("--permissions=on",)) as c:
            c.start()

            def run(user, *arguments):
                return c.run(*arguments, "--user", user)

            def refused(user, *arguments):
                done = run(user, *arguments)
                self.assertEqual(done.returncode, 1, (user, arguments, done.stdout, done.stderr))
                self.assertIn("permission denied", done.stderr)

            def done(user, *arguments):
                result = run(user, *arguments)
                self.assertEqual(result.returncode, 0, (user, arguments, result.stderr))
                return result.stdout

            done("root", "mkdir", "/home")
            done("root", "mkdir", "/home/anna")
            done("root", "chown", "anna:anna", "/home/anna")
            done("anna", "touch", "/home/anna/f")
            refused("ben", "touch", "/home/anna/g")
            refused("ben", "chmod", "777", "/home/anna/f")
            refused("anna", "chown", "ben", "/home/anna/f")
            refused("anna", "quota", "/home/anna", "--names", "9")
            done("root", "quota", "/home/anna", "--names", "9")
            done("anna", "quota", "/home/anna")
            done("ben", "stat", "/home/anna/f")
            done("anna", "chmod", "go=", "/home/anna")
            refused("ben", "stat", "/home/anna/f")
            refused("ben", "ls", "/home/anna")
            refused("ben", "quota", "/home/anna")
            refused("ben", "rm", "/home/anna/f")
            done("root", "chown", "-R", "ben:ben", "/home/anna")
            done("ben", "ls", "/home/anna")
            refused("anna", "ls", "/home/anna")

            # In a directory with the sticky bit everybody has what is theirs.
            done("root", "mkdir", "/tmp")
            done("root", "chmod", "1777", "/tmp")
            done("anna", "touch", "/tmp/a")
            for command in (("rm", "/tmp/a"), ("rm", "--skip-trash", "/tmp/a"), ("mv", "/tmp/a", "/tmp/b"),
                            ("put", "-f", __file__, "/tmp/a")):
                refused("ben", *command)
            done("anna", "mv", "/tmp/a", "/tmp/b")

            # What was private is so in the trash, which has none of the directories that hid it.
            done("anna", "mkdir", "/tmp/private")
            done("anna", "chmod", "700", "/tmp/private")
            done("anna", "put", __file__, "/tmp/private/secret")
            done("anna", "rm", "/tmp/private/secret")
            [kept] = [line.split()[0] for line in done("anna", "trash", "ls").splitlines()
                      if line.split()[1] == "/tmp/private/secret"]
            self.assertNotIn("secret", done("ben", "trash", "ls"))
            for command in (("cat", kept), ("stat", kept), ("cp", kept, "/tmp/stolen"),
                            ("mv", kept, "/tmp/stolen"), ("rm", "--skip-trash", kept),
                            ("trash", "empty")):
                refused("ben", *command)
            done("anna", "trash", "restore", "/tmp/private/secret")
            done("anna", "verify", __file__, "/tmp/private/secret")


if __name__ == "__main__":
    unittest.main()
