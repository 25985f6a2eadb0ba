"""What a process finds where it is started: closed descriptors, limits of the shell, somebody who
has stopped reading its log, signals of other people's scripts."""

import http.client
import os
import resource
import signal
import socket
import subprocess
import tempfile
import time
import unittest

from free_ports import free_port
from http_calls import get
from local_cluster import BINARY, Cluster, Process, wait_until

# As Process starts it, but for what a test changes.
CLEAN = {k: v for k, v in os.environ.items() if not k.startswith("SSDFS_")}


def limited(which, value):
    """For preexec_fn: the soft and the hard limit."""
    return lambda: resource.setrlimit(which, (value, value))


class Client(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(datanodes=2)
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        work = tempfile.TemporaryDirectory(prefix="ssdfs-surroundings-")
        cls.addClassCleanup(work.cleanup)
        cls.work = work.name
        cls.picture = os.path.join(cls.work, "picture")
        with open(cls.picture, "wb") as file:
            file.write(os.urandom(300_000))
        cls.cluster.ok("put", cls.picture, "/picture")

    def shell(self, text):
        """A line of sh, in which $B is the program; the finished process."""
        return subprocess.run(["sh", "-c", text], capture_output=True, text=True, timeout=60,
                              check=False, env={**CLEAN, "SSDFS_MASTER": self.cluster.address,
                                                "B": BINARY, "P": self.picture, "W": self.work})

    def test_closed_descriptors_are_nobody_elses(self):
        # Without them the first socket would be "standard input", and the first file "output".
        done = self.shell("$B put - /closed/in <&-")
        self.assertEqual((done.returncode, done.stderr),
                         (1, "ssdfs: put: -: Bad file descriptor\n"))
        done = self.shell("$B ls / >&-")
        self.assertEqual((done.returncode, done.stderr),
                         (1, "ssdfs: standard output: Bad file descriptor\n"))
        for closed in ("0<&-", "1>&-", "2>&-", "0<&- 1>&- 2>&-"):
            done = self.shell(f"$B put -f $P /closed/put {closed} && $B get -f /picture $W/got {closed}")
            self.assertEqual(done.returncode, 0, closed)
            self.cluster.ok("verify", self.picture, "/closed/put")
            self.cluster.ok("verify", os.path.join(self.work, "got"), "/picture")
        self.assertEqual(self.cluster.run("test", "-e", "/closed/in").returncode, 1)

    def test_a_file_beyond_the_limit_of_the_shell_is_an_error(self):
        got = os.path.join(self.work, "limited")
        done = self.cluster.run("get", "/picture", got, preexec_fn=limited(resource.RLIMIT_FSIZE, 100_000))
        self.assertEqual((done.returncode, done.stderr), (1, f"ssdfs: get: {got}: File too large\n"))
        self.assertEqual([name for name in os.listdir(self.work) if "part" in name or name == "limited"], [])

    def test_few_descriptors_make_fewer_files_at_once(self):
        tree = os.path.join(self.work, "many")
        os.mkdir(tree)
        for i in range(300):
            with open(os.path.join(tree, str(i)), "w", encoding="ascii") as file:
                file.write(str(i))
        few = limited(resource.RLIMIT_NOFILE, 64)
        self.cluster.ok("put", "-r", "-j", "1024", tree, "/many", preexec_fn=few)
        copy = os.path.join(self.work, "copy")
        self.cluster.ok("get", "-r", "-j", "1024", "/many", copy, preexec_fn=few)
        self.assertEqual(sorted(os.listdir(copy)), sorted(os.listdir(tree)))
        self.cluster.ok("verify", "-r", copy, "/many")

    def test_locale_and_home_and_user_are_of_no_account(self):
        for environment in ("-i", "-i LC_ALL=xx_YY.none TZ=:none HOME=/nonexistent"):
            done = self.shell(f"env {environment} $B ls -l --master $SSDFS_MASTER /picture")
            self.assertEqual((done.returncode, done.stderr), (0, ""))
            self.assertIn("  300000  ", done.stdout)

    def test_a_file_that_changes_while_it_is_read_is_not_stored(self):
        path = os.path.join(self.work, "changing")
        master, node = self.cluster.processes()[0], self.cluster.datanodes
        for change in ("shorter", "longer", "rewritten"):
            with self.subTest(change):
                with open(path, "wb") as file:
                    file.truncate(64 << 20)
                # While the datanodes are stopped the command has read a part, and waits.
                for p in node:
                    p.pause()
                with subprocess.Popen([BINARY, "put", path, "/changing"], stderr=subprocess.PIPE,
                                      text=True, env={**CLEAN, "SSDFS_MASTER": self.cluster.address}) as put:
                    try:
                        fd_dir = f"/proc/{put.pid}/fd"

                        def reading():
                            return any(os.readlink(os.path.join(fd_dir, fd)) == path
                                       for fd in os.listdir(fd_dir))
                        wait_until(reading, "the file is read")
                        with open(path, "r+b") as file:
                            if change == "shorter":
                                file.truncate(10 << 20)
                            elif change == "longer":
                                file.truncate(70 << 20)
                            else:
                                file.write(b"x")
                    finally:
                        for p in node:
                            p.go_on()
                    said = put.stderr.read()
                    self.assertEqual(put.wait(timeout=60), 1, said)
                self.assertEqual(said, f"ssdfs: put: {path}: changed while it was read: not stored\n")
                self.assertEqual(self.cluster.run("test", "-e", "/changing").returncode, 1)
        self.assertTrue(master.running())

    def test_files_of_the_kernel_whose_sizes_are_wrong_are_stored_whole(self):
        # 0 and 4096 bytes, they say.
        for source in ("/proc/self/mountinfo", "/sys/kernel/mm/transparent_hugepage/enabled"):
            if not os.path.exists(source):
                continue
            self.cluster.ok("put", "-f", source, "/kernel")
            self.assertGreater(len(self.cluster.ok("cat", "/kernel")), 10)


class Servers(unittest.TestCase):
    def start(self, *arguments, **options):
        """A whole cluster in one process; its process, its HTTP address of the master."""
        work = tempfile.TemporaryDirectory(prefix="ssdfs-surroundings-")
        self.addCleanup(work.cleanup)
        ready = os.path.join(work.name, "ready")
        self.address = f"127.0.0.1:{free_port()}"
        options.setdefault("stderr", subprocess.DEVNULL)
        process = subprocess.Popen(
            [BINARY, "--role=all", "--datanodes=1", "--replication=1", f"--listen={self.address}",
             f"--data-dir={work.name}/data", "--config=/dev/null", f"--ready-file={ready}",
             "--http=off", *arguments], stdin=subprocess.DEVNULL, env=CLEAN, **options)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        wait_until(lambda: process.poll() is not None or os.path.exists(ready), "ready")
        self.assertIsNone(process.poll())
        return process

    def run_command(self, *arguments):
        return subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=60,
                              check=False, env={**CLEAN, "SSDFS_MASTER": self.address})


class Logs(Servers):
    def make_noise(self, times):
        """Each stranger is a line of the log."""
        host, _, port = self.address.partition(":")
        for _ in range(times):
            with socket.create_connection((host, int(port)), timeout=30) as stranger:
                stranger.sendall(b"nobody knows this protocol\r\n" * 2)

    def test_who_stops_reading_the_log_holds_up_nobody(self):
        reading, writing = os.pipe()
        self.addCleanup(os.close, reading)
        process = self.start("--log-level=debug", "--slow-op=0s", stderr=writing)
        os.close(writing)
        # More lines than the pipe takes.
        self.make_noise(1500)
        done = self.run_command("put", __file__, "/after")
        self.assertEqual(done.returncode, 0, done.stderr)
        # Who reads again gets the lines that waited; and the end waits for nobody.
        self.assertIn(b"ready on", os.read(reading, 65536))
        process.terminate()
        self.assertEqual(process.wait(timeout=60), 0)

    def test_who_has_left_and_a_full_disk_hold_up_nobody(self):
        reading, writing = os.pipe()
        with open("/dev/full", "wb") as full:
            for stderr in (full, writing):
                with self.subTest(stderr):
                    process = self.start("--log-level=debug", stderr=stderr)
                    if stderr == writing:
                        os.close(reading)
                        os.close(writing)
                    self.make_noise(20)
                    self.assertEqual(self.run_command("mkdir", "/after").returncode, 0)
                    process.terminate()
                    self.assertEqual(process.wait(timeout=60), 0)

    def test_a_server_without_standard_descriptors_logs_into_no_file(self):
        def close_all():
            for fd in (0, 1, 2):
                os.close(fd)
        process = self.start("--log-level=debug", preexec_fn=close_all, stderr=None)
        for fd in "012":
            self.assertEqual(os.readlink(f"/proc/{process.pid}/fd/{fd}"), "/dev/null")
        self.make_noise(20)
        self.assertEqual(self.run_command("put", __file__, "/file").returncode, 0)
        self.assertEqual(self.run_command("verify", __file__, "/file").returncode, 0)
        process.terminate()
        self.assertEqual(process.wait(timeout=60), 0)


class Signals(Servers):
    def test_what_other_peoples_scripts_send_ends_no_server(self):
        process = self.start()
        for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGPIPE, signal.SIGHUP, signal.SIGWINCH,
                       signal.SIGXFSZ, signal.SIGCONT):
            process.send_signal(number)
        self.assertEqual(self.run_command("mkdir", "/after").returncode, 0)
        self.assertIsNone(process.poll())


class Modes(Servers):
    def test_data_are_no_business_of_other_users_whatever_the_umask(self):
        process = self.start(preexec_fn=lambda: os.umask(0))
        self.assertEqual(self.run_command("put", __file__, "/file").returncode, 0)
        [data] = [a.split("=", 1)[1] for a in process.args if a.startswith("--data-dir=")]
        seen = 0
        for directory, _, names in os.walk(data):
            for path in [directory, *(os.path.join(directory, name) for name in names)]:
                self.assertEqual(os.stat(path).st_mode & 0o027, 0, path)
                seen += 1
        self.assertGreater(seen, 10)


class Limits(unittest.TestCase):
    def test_too_little_address_space_is_told(self):
        with tempfile.TemporaryDirectory(prefix="ssdfs-surroundings-") as work:
            done = subprocess.run(
                [BINARY, "--role=master", f"--data-dir={work}/m", "--listen=127.0.0.1:0", "--http=off",
                 "--config=/dev/null"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                timeout=60, check=False, env=CLEAN, preexec_fn=limited(resource.RLIMIT_AS, 8 << 30))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertIn("GiB of addresses (see ulimit -v)", done.stderr.splitlines()[-1])

    @staticmethod
    def is_served(server, path):
        try:
            return get(server, path)[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def test_connections_that_send_nothing_keep_nobody_out_where_descriptors_are_few(self):
        with Cluster(datanodes=1, http=True, master=["--replication=1"]) as c:
            c.ok("put", __file__, "/file")
            node = c.datanodes[0]
            node.stop()
            limit = 100
            node.prefix = ["prlimit", f"--nofile={limit}:{limit}"]
            node.start()
            c.wait_live(1)
            host, _, port = node.http().partition(":")
            silent = [socket.create_connection((host, int(port)), timeout=30) for _ in range(2 * limit)]
            try:
                # One that comes when all are taken may be turned away, for which another one goes.
                wait_until(lambda: self.is_served(node.http(), "/fs/file"), f"served\n{node.log()}")
                c.ok("put", "-f", __file__, "/file")
            finally:
                for s in silent:
                    s.close()
            self.assertLess(node.log().count(": accept: "), 5, node.log())

    def test_volumes_beyond_the_limit_of_the_shell_cost_no_file(self):
        with Cluster(datanodes=1, master=["--replication=1", "--volume-size=64MiB"]) as c:
            c.ok("put", __file__, "/before")
            node = c.datanodes[0]
            node.stop()
            node.prefix = ["prlimit", "--fsize=2000000:2000000"]
            node.start()
            c.wait_live(1)
            stored = []
            with tempfile.NamedTemporaryFile() as picture:
                picture.write(os.urandom(1_500_000))
                picture.flush()
                for i in range(12):
                    if c.run("put", "--timeout=5s", picture.name, f"/f/{i}").returncode == 0:
                        stored.append(f"/f/{i}")
                self.assertTrue(node.running(), node.log())
                for path in stored:
                    c.ok("verify", picture.name, path)
            c.ok("verify", __file__, "/before")
            self.assertEqual(node.stop(), 0)


if __name__ == "__main__":
    unittest.main()
