"""Bad input: each a clear line of error and the right exit code, with nothing lost."""

import json
import os
import random
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from free_ports import free_port
from local_cluster import BINARY, Cluster, Process, wait_until


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.mkdtemp(prefix="ssdfs-input-")
        cls.cluster = Cluster(datanodes=2)
        cls.cluster.start()
        cls.picture = os.path.join(cls.work, "picture.png")
        with open(cls.picture, "wb") as f:
            f.write(random.Random(1).randbytes(20_000))
        cls.cluster.ok("put", cls.picture, "/shop/picture.png")

    @classmethod
    def tearDownClass(cls):
        cls.cluster.close()
        shutil.rmtree(cls.work)

    def fails(self, code, expected, *arguments, **options):
        done = self.cluster.run(*arguments, **options)
        told = (str(arguments)[:100], done.stdout[-500:], done.stderr[-500:])
        self.assertEqual(done.returncode, code, told)
        lines = done.stderr.splitlines()
        self.assertEqual(len(lines), 1, told)
        self.assertTrue(lines[0].startswith("ssdfs: "), done.stderr)
        self.assertIn(expected, lines[0])

    def test_usage_errors(self):
        for arguments, expected in [
                (["frobnicate"], "unknown command"), (["put", "--frob", "a", "/b"], "unknown option"),
                (["put", "onlyone"], "too few"), (["put", "-j", "0", "a", "/b"], "jobs"),
                (["mv", "/a"], "too few"), (["df", "extra"], "too many"),
                (["test", "/a"], "-e, -d and -f"), (["find", "/", "-type", "x"], "type"),
                (["cat", "--range", "5", "/a"], "range"), (["admin", "nonsense"], "one of"),
                (["admin", "volumes", "seven"], "not a volume id"),
                (["bench", "put", "--size", "huge"], "size"), (["--role=boss"], "boss"),
                (["--role=all", "--frob"], "unknown option"), (["ls", "--timeout=soon"], "timeout"),
                (["ls", "--rec", "/"], "unknown option"), (["put", "-j"], "needs a value"),
                (["admin", "nonsense"], "unknown command admin nonsense"),
                (["get", "/a", "-"], "cat"), (["tree", "-L", "-1", "/"], "levels"),
                (["--role=master", "--listen=nohost"], "'nohost' is not HOST:PORT"),
                (["--role=datanode", "--data-dir=/tmp/none:10GB"], "'10GB' is not a size"),
                (["--role=all", "stray"], "'stray'")]:
            with self.subTest(arguments):
                self.fails(2, expected, *arguments)
        self.assertFalse(os.path.exists("-"))

    def test_help_of_a_command(self):
        for arguments in (["help", "admin", "report"], ["--help", "admin", "report"],
                          ["admin", "report", "--help"]):
            self.assertTrue(self.cluster.ok(*arguments).startswith("Usage: ssdfs admin report"))
        for arguments in (["help", "trash"], ["trash", "--help"]):
            text = self.cluster.ok(*arguments)
            self.assertTrue(text.startswith("Usage: ssdfs trash COMMAND"))
            self.assertEqual([line.split()[1] for line in text.splitlines() if line.startswith("  trash ")],
                             ["ls", "restore", "empty"])

    def test_targets_and_sources(self):
        directory = os.path.join(self.work, "folder")
        os.makedirs(os.path.join(directory, "sub"), exist_ok=True)
        self.fails(1, "already exists", "put", self.picture, "/shop/picture.png")
        self.fails(1, "No such file", "put", "/nonexistent/file", "/x")
        self.fails(1, "use -r", "put", directory, "/x")
        self.fails(1, "no such file", "get", "/missing", os.path.join(self.work, "out"))
        self.fails(1, "use -r", "get", "/shop", os.path.join(self.work, "out"))
        self.fails(1, "already exists", "get", "/shop/picture.png", self.picture)
        self.fails(1, "no such file", "cat", "/missing")
        self.fails(1, "directory", "cat", "/shop")
        self.fails(1, "no such file", "ls", "/missing")
        self.fails(1, "no such file", "stat", "/missing")
        self.fails(1, "use -r", "rm", "/shop")
        self.fails(1, "use -R", "setrep", "1", "/shop")
        self.fails(1, "already exists", "mkdir", "/shop")
        self.fails(1, "no such file", "mkdir", "/no/parent")
        self.fails(1, "not a directory", "mkdir", "/shop/picture.png/below")
        self.fails(1, "itself", "mv", "-T", "/shop", "/shop/below")
        self.assertEqual(os.listdir(directory), ["sub"])
        self.assertFalse(os.path.exists(os.path.join(self.work, "out")))
        self.cluster.ok("verify", self.picture, "/shop/picture.png")

    def test_bad_paths(self):
        for path, expected in [("relative", "invalid path"), ("/a/../b", "invalid path"),
                               ("/a/./b", "invalid path"),
                               ("/" + "x" * 256, "too long"), ("/" + "y/" * 2200 + "z", "too long"),
                               (b"/bad\xff\xfename", "invalid path")]:
            with self.subTest(str(path)[:40]):
                self.fails(1, expected, "stat", path)
                self.fails(1, expected, "put", self.picture, path)
                self.fails(1, expected, "mkdir", "-p", path)

    def test_several_paths_go_on_after_an_error(self):
        done = self.cluster.run("cat", "/missing", "/shop/picture.png", text=False)
        self.assertEqual(done.returncode, 1)
        with open(self.picture, "rb") as f:
            self.assertEqual(done.stdout, f.read())

    def test_an_unreadable_source_does_not_stop_the_others(self):
        tree = os.path.join(self.work, "mixed")
        os.makedirs(tree)
        for i in range(30):
            with open(os.path.join(tree, f"{i:02}"), "wb") as f:
                f.write(os.urandom(1000))
        os.symlink("/nonexistent", os.path.join(tree, "10-dangling"))
        os.symlink(".", os.path.join(tree, "20-cycle"))
        os.mkfifo(os.path.join(tree, "25-pipe"))
        done = self.cluster.run("put", "-r", tree, "/mixed")
        self.assertEqual(done.returncode, 1)
        lines = sorted(done.stderr.splitlines())
        self.assertEqual(len(lines), 3, done.stderr)
        self.assertIn("10-dangling", lines[0])
        self.assertIn("cycle", lines[1])
        self.assertIn("not a regular file", lines[2])
        stored = self.cluster.ok("ls", "/mixed").splitlines()
        self.assertEqual(stored, [f"{i:02}" for i in range(30)])

    def test_update_and_force(self):
        c = self.cluster
        changed = os.path.join(self.work, "changed")
        shutil.copyfile(self.picture, changed)
        c.ok("put", changed, "/update/changed")
        before = json.loads(c.ok("stat", "--json", "/update/changed"))
        c.ok("put", "-u", changed, "/update/changed")
        self.assertEqual(json.loads(c.ok("stat", "--json", "/update/changed")), before)
        with open(changed, "ab") as f:
            f.write(b"more")
        c.ok("put", "-u", changed, "/update/changed")
        c.ok("verify", changed, "/update/changed")
        c.ok("put", "-f", self.picture, "/update/changed")
        c.ok("verify", self.picture, "/update/changed")
        self.assertEqual(c.run("verify", changed, "/update/changed").returncode, 1)

    def test_cp_semantics(self):
        c = self.cluster
        tree = os.path.join(self.work, "tree")
        os.makedirs(os.path.join(tree, "empty"))
        shutil.copyfile(self.picture, os.path.join(tree, "p"))
        c.ok("put", "-r", tree, "/cp/new")  # missing target: becomes the tree
        self.assertEqual(c.ok("ls", "/cp/new"), "empty\np\n")
        c.ok("put", "-r", tree, "/cp/new")  # existing directory: the tree goes into it
        self.assertEqual(c.ok("ls", "/cp/new"), "empty\np\ntree\n")
        self.fails(1, "already exists", "put", "-r", "-T", tree, "/cp/new")
        c.ok("cp", "-r", "/cp/new/tree", "/cp/copy")
        c.ok("verify", "-r", tree, "/cp/copy")
        c.ok("mv", "/cp/copy", "/cp/new")
        self.assertEqual(c.ok("ls", "/cp/new"), "copy\nempty\np\ntree\n")
        c.ok("rm", "-r", "/cp/new")
        c.ok("trash", "restore", "/cp/new")
        c.ok("verify", "-r", tree, "/cp/new/tree")

    def test_test_command_and_ranges(self):
        c = self.cluster
        for flag, path, code in [("-e", "/shop", 0), ("-d", "/shop", 0), ("-f", "/shop", 1),
                                 ("-f", "/shop/picture.png", 0), ("-e", "/none", 1)]:
            self.assertEqual(c.run("test", flag, path).returncode, code, (flag, path))
        with open(self.picture, "rb") as f:
            content = f.read()
        for text, expected in [("0-0", content[:1]), ("100-199", content[100:200]),
                               ("19990-", content[19990:]), ("-7", content[-7:]),
                               ("30000-", b"")]:
            got = c.run("cat", "--range", text, "/shop/picture.png", text=False)
            self.assertEqual((got.returncode, got.stdout), (0, expected), text)

    def test_version_everywhere(self):
        for arguments in (["--version"], ["ls", "--version"], ["admin", "report", "--version"],
                          ["--role=all", "--version"]):
            self.assertRegex(self.cluster.ok(*arguments), r"^ssdfs \d+\.\d+\.\d+\n$")

    def test_a_full_standard_output_is_an_error(self):
        environment = {**os.environ, "SSDFS_MASTER": self.cluster.address}
        for arguments in (["ls", "/"], ["cat", "/shop/picture.png"], ["stat", "--json", "/shop"]):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([BINARY, *arguments], stdout=full, stderr=subprocess.PIPE,
                                      text=True, timeout=30, check=False, env=environment)
            self.assertEqual(done.returncode, 1, arguments)
            self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
            self.assertIn("No space left", done.stderr)

    def test_du_tells_what_is_below_first(self):
        c = self.cluster
        for name in ("/du/a/x/1", "/du/a/y/2", "/du/b/3"):
            c.ok("put", self.picture, name)
        self.assertEqual([line.split("\t") for line in c.ok("du", "/du").splitlines()],
                         [["20000", "/du/a/x"], ["20000", "/du/a/y"], ["40000", "/du/a"],
                          ["20000", "/du/b"], ["60000", "/du"]])
        self.assertEqual(c.ok("du", "-s", "/du"), "60000\t/du\n")

    def test_verify_never_waits_for_a_pipe(self):
        pipe = os.path.join(self.work, "verify-pipe")
        os.mkfifo(pipe)
        self.fails(3, "not a regular file", "verify", pipe, "/shop/picture.png")

    def test_get_into_a_directory_that_is_a_file_here(self):
        target = os.path.join(self.work, "clash")
        os.makedirs(target)
        with open(os.path.join(target, "sub"), "wb"):
            pass
        self.cluster.ok("put", self.picture, "/clash/sub/p")
        self.fails(1, "is not a directory", "get", "-r", "-T", "/clash", target)

    def test_bench_goes_round(self):
        c = self.cluster
        c.ok("bench", "put", "--files", "20", "--size", "1KiB", "--dir", "/bench-test")
        for op, operations in (("get", 100), ("mixed", 100), ("delete", 20)):
            done = json.loads(c.ok("bench", op, "--files", "100", "--size", "1KiB", "--dir",
                                   "/bench-test", "--json"))
            self.assertEqual((done["op"], done["errors"]), (op, 0))
            self.assertEqual(done["operations"], operations, op)
            for key in ("files", "seconds", "ops_per_s", "mb_per_s", "cpu_seconds",
                        "server_cpu_seconds"):
                self.assertGreaterEqual(done[key], 0, key)
            self.assertEqual(sorted(done["latency_us"]),
                             ["max", "mean", "p50", "p95", "p99", "p999"])

    def test_a_closed_pipe_is_quiet(self):
        environment = {**os.environ, "SSDFS_MASTER": self.cluster.address}
        with subprocess.Popen([BINARY, "cat", *(["/shop/picture.png"] * 50)],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              env=environment) as cat:
            cat.stdout.read(10)
            cat.stdout.close()
            self.assertEqual(cat.stderr.read(), b"")
            cat.wait(timeout=30)


class Servers(unittest.TestCase):
    def run_server(self, *arguments):
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SSDFS_")}
        return subprocess.run([BINARY, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=30, check=False, env=environment)

    def refused(self, expected, *arguments):
        done = self.run_server(*arguments)
        self.assertIn(done.returncode, (1, 2), done.stderr)
        last = done.stderr.splitlines()[-1]
        self.assertTrue(last.startswith("ssdfs: "), done.stderr)
        self.assertIn(expected, last)

    def test_ports_and_directories(self):
        with Cluster(datanodes=1) as a, Cluster(datanodes=1) as b:
            self.refused("in use", "--role=master", f"--data-dir={a.directory}/other",
                         f"--listen={b.address}", "--http=off")
            self.refused("in use", "--role=master", f"--data-dir={a.directory}/master",
                         "--listen=127.0.0.1:0", "--http=off")
            self.assertEqual(a.datanodes[0].stop(), 0)
            self.refused("datanode", "--role=master", f"--data-dir={a.directory}/node1",
                         "--listen=127.0.0.1:0", "--http=off")
            # Nothing is left in a directory of another role.
            self.assertEqual(b.master.stop(), 0)
            before = sorted(os.listdir(f"{b.directory}/master"))
            self.refused("is the data directory of a master", "--role=datanode",
                         f"--data-dir={b.directory}/master", "--listen=127.0.0.1:0", "--http=off")
            self.assertEqual(sorted(os.listdir(f"{b.directory}/master")), before)
            b.master.start()
            b.wait_live(1)
            # A datanode of one cluster never serves another one.
            stranger = Process(a.directory, "stranger", [
                "--role=datanode", f"--data-dir={a.directory}/node1", "--listen=127.0.0.1:0",
                "--http=off", f"--master={b.address}"])
            stranger.start(wait=False)
            try:
                wait_until(lambda: "another cluster" in stranger.log() or
                           "belongs to" in stranger.log(), "refusal in the log")
                self.assertEqual(len(b.report()["nodes"]), 1)
            finally:
                stranger.kill()

    def test_no_datanode_and_a_full_cluster(self):
        picture = os.urandom(300_000)
        with tempfile.NamedTemporaryFile() as f:
            f.write(picture)
            f.flush()
            with Cluster(datanodes=0) as c:
                done = c.run("put", "--timeout=2s", f.name, "/x")
                self.assertEqual(done.returncode, 1)
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertIn("datanode", done.stderr)
                self.assertEqual(c.run("test", "-e", "/x").returncode, 1)
            with Cluster(datanodes=2, capacity="24MiB", master=["--volume-size=4MiB",
                                                                "--delete-grace=1s"]) as c:
                stored = []
                for i in range(200):
                    done = c.run("put", "--timeout=3s", f.name, f"/p{i}")
                    if done.returncode != 0:
                        break
                    stored.append(f"/p{i}")
                self.assertNotEqual(done.returncode, 0, "never full")
                self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
                self.assertIn("space", done.stderr)
                self.assertGreater(len(stored), 10)
                for path in stored:
                    c.ok("verify", f.name, path)
                c.ok("rm", "--skip-trash", *stored)
                # Freed by itself: grace time, reclaim, compaction.
                wait_until(lambda: c.run("put", "-f", "--timeout=3s", f.name, "/again"
                                         ).returncode == 0, "room again", 60)
                c.ok("verify", f.name, "/again")

    def test_garbage_on_every_port(self):
        rng = random.Random(7)
        with Cluster(datanodes=1, master=["--replication=1"]) as c:
            with open(c.master.ready_file, encoding="ascii") as ready:
                http = json.load(ready)["http"]
            with tempfile.NamedTemporaryFile() as f:
                f.write(rng.randbytes(50_000))
                f.flush()
                c.ok("put", f.name, "/p")
                node = [a for a in c.datanodes[0].arguments if a.startswith("--listen=")][0]
                open_sockets = []
                for target in [c.address, node.split("=")[1], http]:
                    host, port = target.split(":")
                    for i in range(120):
                        s = socket.create_connection((host, int(port)))
                        data = {0: rng.randbytes(rng.randrange(1, 3000)),
                                1: b"SDF1\x01\x00" + rng.randbytes(42),
                                2: b"SDF1\x01\x00\x01\x00" + b"\0" * 24 + b"\xff" * 12,
                                3: b"SDF1", 4: b"GET / HTTP/1.1\r\n",
                                5: b""}[i % 6]
                        try:
                            s.sendall(data)
                        except OSError:
                            pass  # closed on us already: as it should be
                        open_sockets.append(s)
                    c.ok("verify", f.name, "/p")
                for s in open_sockets:
                    s.close()
                c.ok("verify", f.name, "/p")
                for p in c.processes():
                    self.assertTrue(p.running(), p.log())
                    self.assertLess(p.peak_memory(), 300 << 20)


class EditsLog(unittest.TestCase):
    def test_cut_anywhere_opens_and_damage_is_refused(self):
        with Cluster(datanodes=1) as c:
            for i in range(12):
                c.ok("mkdir", f"/d{i}")
            c.kill_all()
            folder = os.path.join(c.directory, "master")
            name = [n for n in os.listdir(folder) if n.startswith("edits_inprogress")][0]
            path = os.path.join(folder, name)
            with open(path, "rb") as f:
                whole = f.read().rstrip(b"\0")
            # Damage in the middle of what was durable: refused, and explained.
            middle = whole.index(b"/d5")
            with open(path, "wb") as f:
                f.write(whole[:middle] + b"X" + whole[middle + 1:])
            done = subprocess.run([BINARY, *c.master.arguments], stdin=subprocess.DEVNULL,
                                  capture_output=True, text=True, timeout=30, check=False)
            self.assertEqual(done.returncode, 1)
            # Not always the last line: another thread tells how far the start is.
            line = next(each for each in done.stderr.splitlines() if name in each)
            self.assertIn("txid", line)
            self.assertIn("edits recover", line)
            told = subprocess.run([BINARY, "edits", "recover", folder], capture_output=True,
                                  text=True, timeout=30, check=False)
            self.assertEqual(told.returncode, 1)
            self.assertIn("txid", told.stdout)
            with open(path, "rb") as f:
                self.assertIn(b"Xd5", f.read())  # nothing was touched
            # A torn tail at some places: the start cuts it and serves what is before.
            for cut in [len(whole) - 1, len(whole) - 20, len(whole) - 400]:
                with open(path, "wb") as f:
                    f.write(whole[:cut])
                for n in os.listdir(folder):
                    if n.startswith("edits_") and n != name:
                        os.unlink(os.path.join(folder, n))
                c.master.start()
                names = c.ok("ls", "/").split()
                self.assertEqual(names, sorted(names))
                self.assertIn("d0", names)
                self.assertEqual(c.master.stop(), 0)
                for n in os.listdir(folder):
                    if n.startswith("edits_"):
                        os.unlink(os.path.join(folder, n))


if __name__ == "__main__":
    unittest.main()
