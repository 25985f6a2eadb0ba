"""Several at once on one name, and quotas that are nearly used up: one wins, and nobody loses what was
there before."""

import os
import subprocess
import tempfile
import unittest

from http_calls import request
from local_cluster import BINARY, Cluster


class Rivals(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(datanodes=2, http=True, datanode=["--http-write=on"])
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        work = tempfile.TemporaryDirectory(prefix="ssdfs-rivals-")
        cls.addClassCleanup(work.cleanup)
        cls.work = work.name

    def picture(self, name, size):
        path = os.path.join(self.work, name)
        with open(path, "wb") as file:
            file.write(os.urandom(size))
        return path

    def at_once(self, *commands):
        """Exit codes of commands that run at the same time."""
        environment = {**os.environ, "SSDFS_MASTER": self.cluster.address}
        running = [subprocess.Popen([BINARY, *c], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                    env=environment) for c in commands]
        return [r.wait(timeout=120) for r in running]

    def test_of_many_puts_of_one_name_one_is_there_whole(self):
        pictures = [self.picture(f"rival{i}", 200_000 + i) for i in range(12)]
        self.assertEqual(self.at_once(*(("put", "-f", p, "/one") for p in pictures)), [0] * 12)
        self.assertEqual([self.cluster.run("verify", p, "/one").returncode for p in pictures].count(0), 1)
        codes = self.at_once(*(("put", p, "/new") for p in pictures))
        self.assertEqual(sorted(codes), [0] + [1] * 11)
        winner = pictures[codes.index(0)]
        self.cluster.ok("verify", winner, "/new")

    def test_a_tree_that_is_removed_while_it_is_put_leaves_nothing_broken(self):
        tree = os.path.join(self.work, "tree")
        os.mkdir(tree)
        for i in range(150):
            with open(os.path.join(tree, str(i)), "wb") as file:
                file.write(os.urandom(5000))
        environment = {**os.environ, "SSDFS_MASTER": self.cluster.address}
        with subprocess.Popen([BINARY, "put", "-r", "-j", "4", tree, "/tree"], stdin=subprocess.DEVNULL,
                              env=environment) as put:
            while put.poll() is None:
                self.cluster.run("rm", "-r", "/tree")
            self.assertEqual(put.returncode, 0)
        # What came behind the last removal is there, and whole.
        for path in self.cluster.ok("find", "/tree", "-type", "f").splitlines() \
                if self.cluster.run("test", "-d", "/tree").returncode == 0 else []:
            self.cluster.ok("verify", os.path.join(tree, os.path.basename(path)), path)
        self.assertIn("healthy", self.cluster.ok("fsck"))

    def test_a_full_quota_lets_replace_and_remove_and_keeps_the_old_file(self):
        c = self.cluster
        small, large = self.picture("small", 400_000), self.picture("large", 400_001)
        c.ok("mkdir", "/quota")
        c.ok("quota", "/quota", "--names", "1", "--bytes", "400000")
        c.ok("put", small, "/quota/a")
        other = self.picture("other", 400_000)
        c.ok("put", "-f", other, "/quota/a")
        c.ok("verify", other, "/quota/a")
        done = c.run("put", "-f", large, "/quota/a")
        self.assertEqual(done.returncode, 1)
        self.assertIn("quota of 400000 bytes exceeded", done.stderr)
        with open(large, "rb") as file:
            self.assertEqual(request(c.datanodes[0].http(), "PUT", "/fs/quota/a", body=file.read())[0], 507)
        c.ok("verify", other, "/quota/a")
        self.assertEqual(c.run("cp", "/quota/a", "/quota/b").returncode, 1)
        c.ok("mv", "/quota/a", "/quota/b")
        c.ok("quota", "/quota", "--bytes", "1")  # below what is used
        c.ok("rm", "/quota/b")
        self.assertEqual(c.run("trash", "restore", "/quota/b").returncode, 1)
        c.ok("quota", "/quota", "--clear")
        c.ok("trash", "restore", "/quota/b")
        c.ok("verify", other, "/quota/b")

    def test_the_trash_takes_only_what_is_removed_and_gives_it_up_when_told(self):
        c = self.cluster
        picture = self.picture("trash", 1000)
        c.ok("put", picture, "/thrown/a")
        c.ok("rm", "--skip-trash", "/thrown/a")
        self.assertNotIn("/thrown/a", c.ok("trash", "ls"))
        c.ok("put", picture, "/thrown/b")
        c.ok("rm", "/thrown/b")
        [kept] = [line.split()[0] for line in c.ok("trash", "ls").splitlines() if " /thrown/b " in line]
        for refused in (("put", picture, "/.trash/x"), ("cp", "/one", "/.trash/x"), ("mv", "/.trash", "/x"),
                        ("mv", "/thrown", "/.trash/y")):
            self.assertEqual(c.run(*refused).returncode, 1, refused)
        c.ok("cat", kept)
        c.ok("rm", "--skip-trash", kept)
        self.assertNotIn("/thrown/b", c.ok("trash", "ls"))
        self.assertEqual(c.run("trash", "restore", "/thrown/b").returncode, 1)


if __name__ == "__main__":
    unittest.main()
