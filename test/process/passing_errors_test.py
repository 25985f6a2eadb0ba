"""Errors of a disk that pass: full, without inodes, out of descriptors, one call that fails. When they
are over every server works as before, without a restart, or it has said why it ended.

By default a few calls fail in turn; all of them with SSDFS_EVERY_CALL=1 in the environment. A failure
says which call it was.
"""

import errno
import os
import random
import resource
import shutil
import subprocess
import tempfile
import time
import unittest

from local_cluster import Cluster, wait_until
from replicated_cluster import ReplicatedCluster

SOURCE = os.environ["SSDFS_TEST_SOURCE"]
REMOVING = ["--volume-size=8MiB", "--delete-grace=500ms", "--trash-expiry=0s"]


class Errors(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="ssdfs-passing-")
        self.addCleanup(shutil.rmtree, self.work)
        self.picture = os.path.join(self.work, "picture")
        with open(self.picture, "wb") as f:
            f.write(random.Random(7).randbytes(400_000))

    def mount(self, options):
        """A file system of our own; its directory."""
        path = os.path.join(self.work, "disk")
        os.mkdir(path)
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", path],
                              capture_output=True, check=False)
        if done.returncode != 0:
            self.skipTest("needs the right to mount: " + done.stderr.decode().strip())
        self.addCleanup(subprocess.run, ["umount", "-l", path], check=True)
        return path

    @staticmethod
    def fill(path):
        """Not a page is left."""
        for size in (1 << 20, 4096):
            with open(f"{path}/ballast{size}", "wb", buffering=0) as f:
                try:
                    while f.write(b"x" * size) == size:
                        pass
                except OSError as full:
                    if full.errno != errno.ENOSPC:
                        raise

    @staticmethod
    def empty(path):
        for name in os.listdir(path):
            if name.startswith(("ballast", "inode")):
                os.unlink(os.path.join(path, name))

    @staticmethod
    def wait_until_nothing_is_removed(cluster, seconds=60):
        """Files that were removed are off the disks: their volumes are compacted."""
        wait_until(lambda: not any(v["reason"] == "removing" for v in cluster.volumes()),
                   "removals applied", seconds)


class FullOnce(Errors):
    def test_a_full_disk_and_a_new_master_leave_nothing_behind(self):
        disk = self.mount("size=96m")
        c = Cluster(datanodes=1, master=["--replication=1", *REMOVING])
        c.datanodes[0].arguments[1] = f"--data-dir={disk}/n"
        with c:
            for i in range(40):
                c.ok("put", self.picture, f"/p/{i}")
            self.fill(disk)
            self.assertEqual(c.master.stop(), 0)
            c.master.start()  # a new epoch, which the node cannot write down
            c.ok("verify", self.picture, "/p/1")
            wait_until(lambda: "the witness was not stored" in c.datanodes[0].log(), "a try to do so")
            self.empty(disk)
            before = self.used(disk)
            c.ok("rm", "-r", "/p")
            self.wait_until_nothing_is_removed(c)
            wait_until(lambda: self.used(disk) < before / 2, "space is given back", 90)

    @staticmethod
    def used(disk):
        return sum(os.stat(os.path.join(at, name)).st_blocks * 512
                   for at, _, names in os.walk(disk) for name in names)

    def test_a_master_without_inodes_refuses_changes_and_nothing_else(self):
        disk = self.mount("size=1g,nr_inodes=40")
        c = Cluster(datanodes=1, master=["--replication=1"])
        c.master.arguments[1] = f"--data-dir={disk}/m"
        with c:
            c.ok("put", self.picture, "/p/1")
            for i in range(100):
                try:
                    open(f"{disk}/inode{i}", "x").close()
                except OSError:
                    break
            self.assertEqual(os.statvfs(disk).f_favail, 0)
            self.assertNotEqual(c.run("admin", "checkpoint").returncode, 0)
            wait_until(lambda: c.run("mkdir", "/after").returncode == 1, "changes are refused")
            refused = c.run("mkdir", "/after")
            self.assertIn("0 inodes of 40 are free", refused.stderr)
            self.assertIn("the master's log disk", refused.stderr)
            c.ok("verify", self.picture, "/p/1")
            self.assertTrue(c.master.running())
            c.master.stop()
            spare = f"{disk}/m/edits_spare.tmp"
            if os.path.exists(spare):  # unless the last change has begun a segment
                # A start writes its first record into the file that it has kept for that.
                c.master.start()
                c.wait_live(1)
                c.ok("verify", self.picture, "/p/1")
                self.assertEqual(c.run("mkdir", "/after").returncode, 1)
                c.master.stop()
            # Without that file it says what is missing, and where.
            self.assertFalse(os.path.exists(spare))
            c.master.start(wait=False)
            self.assertEqual(c.master.process.wait(timeout=30), 1)
            self.assertIn("no inode is left", c.master.log())
            self.assertIn(f"{disk}/m", c.master.log())
            self.empty(disk)
            c.master.start()
            c.wait_live(1)
            c.ok("mkdir", "/again")
            c.ok("admin", "checkpoint")
            c.ok("verify", self.picture, "/p/1")


class Descriptors(Errors):
    def limited(self, process):
        """As many files as it has open; the limit before."""
        pid = process.process.pid
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        open_now = max(int(n) for n in os.listdir(f"/proc/{pid}/fd")) + 1
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (min(open_now, 200), before[1]))
        return before

    def test_servers_that_were_out_of_descriptors_work_again(self):
        with ReplicatedCluster(datanodes=2, backups=1, master=REMOVING,
                               backup=["--checkpoint-txns=5"]) as c:
            for i in range(20):
                c.ok("put", self.picture, f"/p/{i}")
            before = {p: self.limited(p) for p in c.processes()}
            # Whatever they do meanwhile may fail.
            for i in range(5):
                c.run("put", "-f", "--timeout=2s", self.picture, f"/during/{i}")
            c.run("rm", "-r", "--timeout=2s", "/p")
            c.run("admin", "checkpoint", "--no-wait", "--timeout=2s")
            time.sleep(1)  # for what they do by themselves
            for p, limit in before.items():
                resource.prlimit(p.process.pid, resource.RLIMIT_NOFILE, limit)
            for p in c.processes():
                self.assertTrue(p.running(), p.log())
            wait_until(lambda: c.run("put", "-f", "--timeout=5s", self.picture,
                                     "/after").returncode == 0, "puts work again", 60)
            c.ok("verify", self.picture, "/after")
            if c.run("test", "-e", "/p").returncode == 0:
                c.ok("rm", "-r", "/p")
            self.wait_until_nothing_is_removed(c)
            c.caught_up(c.backups[0])
            c.ok("admin", "checkpoint", timeout=120)
            c.wait_healthy()


class OneCall(Errors):
    """A library in front of the system's lets one call to a role's directory fail."""

    @classmethod
    def setUpClass(cls):
        compiler = shutil.which("c++") or shutil.which("g++") or shutil.which("clang++-16")
        if compiler is None:
            raise unittest.SkipTest("needs a C++ compiler")
        cls.library_directory = tempfile.mkdtemp(prefix="ssdfs-preload-")
        cls.library = os.path.join(cls.library_directory, "failing_calls.so")
        subprocess.run([compiler, "-std=c++20", "-O1", "-shared", "-fPIC", "-o", cls.library,
                        os.path.join(SOURCE, "test/util/preload/failing_calls.cpp"), "-ldl"],
                       check=True)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.library_directory)

    def in_front_of(self, process, directory, error, **more):
        notes = os.path.join(self.work, "notes")
        for old in (notes, notes + ".struck"):
            if os.path.exists(old):
                os.unlink(old)
        settings = {"FAIL_UNDER": directory, "FAIL_ERRNO": error, "FAIL_NOTES": notes, **more}
        process.prefix = ["env", f"LD_PRELOAD={self.library}",
                          *(f"{name}={value}" for name, value in settings.items())]

    def notes(self, word):
        try:
            with open(os.path.join(self.work, "notes"), encoding="utf-8") as file:
                return [line.split(" ", 1)[1].strip() for line in file if line.startswith(word)]
        except FileNotFoundError:
            return []

    def each(self, name, error, life, few=2):
        """Counts the calls of a life, then lets some of them fail in turn."""
        life(0)
        count = sum(int(n) for n in self.notes("calls"))
        self.assertGreater(count, 0)
        step = 1 if os.environ.get("SSDFS_EVERY_CALL") else max(1, count // few)
        for k in range(1 + step // 2, count + 1, step):
            with self.subTest(f"{name}: call {k} of {count} fails with {errno.errorcode[error]}"):
                life(k)
                print(f"{name}: call {k} of {count}, {errno.errorcode[error]}: {self.notes('failed')}")

    def lives_on(self, cluster, process, directory, error, k, more):
        """Works at last, with the process that it was or after one restart."""
        self.in_front_of(process, directory, error, FAIL_AT=k, **more)
        with cluster as c:
            def works(*command):
                if not process.running():
                    self.assertNotEqual(process.log().strip(), "", "it has not said why it ended")
                    process.prefix = []
                    process.start()
                return c.run(*command).returncode == 0
            for i in range(3):
                put = ("put", "-f", "--timeout=5s", self.picture, f"/p/{i}")
                wait_until(lambda put=put: works(*put), "puts work", 60)
            wait_until(lambda: works("admin", "checkpoint"), "checkpoints work", 60)
            wait_until(lambda: works("rm", "-r", "-f", "--skip-trash", "/p"), "removals work", 60)
            self.wait_until_nothing_is_removed(c)
            put = ("put", "-f", "--timeout=5s", self.picture, "/after")
            wait_until(lambda: works(*put), "puts work again", 60)
            if process.running():
                self.assertIn(process.stop(), (0, 1))
            process.prefix = []
            process.start()
            wait_until(lambda: works("verify", self.picture, "/after"),
                       "files are there after a restart", 60)

    def test_of_a_master(self):
        for error in (errno.ENOSPC, errno.EMFILE, errno.EIO):
            def life(k, error=error):
                c = Cluster(datanodes=1, master=["--replication=1", *REMOVING])
                self.start_at_second_try(c.master)
                self.lives_on(c, c.master, f"{c.directory}/master", error, k,
                              {"FAIL_NOT": "image checkpoint"})
            self.each("master", error, life)

    def test_of_a_checkpoint_child(self):
        for error in (errno.ENOSPC, errno.EIO):
            def life(k, error=error):
                c = Cluster(datanodes=1, master=["--replication=1", *REMOVING])
                self.lives_on(c, c.master, f"{c.directory}/master", error, k,
                              {"FAIL_ONLY": "image checkpoint"})
            self.each("checkpoint", error, life)

    def test_of_a_datanode(self):
        for error in (errno.ENOSPC, errno.EMFILE, errno.EIO):
            def life(k, error=error):
                c = Cluster(datanodes=2, master=REMOVING)
                node = c.datanodes[0]
                self.start_at_second_try(node)
                self.lives_on(c, node, f"{c.directory}/node1", error, k, {})
            self.each("datanode", error, life)

    @staticmethod
    def start_at_second_try(process):
        """A start that failed, and said why, is made again."""
        is_ready = process.is_ready

        def ready():
            if process.process.poll() is not None:
                if not process.prefix or not process.log().strip():
                    return is_ready()
                process.prefix = []
                process.start(wait=False)
            return is_ready()
        process.is_ready = ready

    def test_a_disk_that_takes_nothing_for_a_while_is_used_again(self):
        """As after a file system that was made read-only, and writable again: the node leaves the
        cluster, and comes back."""
        c = Cluster(datanodes=2, master=[*REMOVING, "--dead-after=5s"])
        node = c.datanodes[0]
        stop = os.path.join(self.work, "stop")
        self.in_front_of(node, f"{c.directory}/node1", errno.EROFS, FAIL_WHILE=stop)
        with c:
            for i in range(5):
                c.ok("put", self.picture, f"/p/{i}")
            open(stop, "x").close()
            c.run("put", "--timeout=10s", self.picture, "/during")
            wait_until(lambda: "leaving the cluster" in node.log(), "the node leaves", 60)
            for i in range(5):
                c.ok("verify", self.picture, f"/p/{i}")
            os.unlink(stop)
            c.wait_live(2, 60)
            self.assertTrue(node.running())
            for i in range(5):
                c.ok("put", self.picture, f"/q/{i}")
            c.wait_healthy(90)
            self.assertEqual(c.report()["under_replicated"], 0)


if __name__ == "__main__":
    unittest.main()
