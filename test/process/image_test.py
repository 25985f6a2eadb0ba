"""Images: how a master starts with them, when it makes them, and the commands for them."""

import glob
import json
import os
import pty
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.error
import urllib.request

from local_cluster import BINARY, Cluster, Process, wait_until


def ssdfs(*arguments, **options):
    return subprocess.run([BINARY, *arguments], capture_output=True, text=True, check=False,
                          timeout=120, **options)


class ImageCommands(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="ssdfs-image-")
        self.addCleanup(shutil.rmtree, self.work)
        self.image = os.path.join(self.work, "x.ssi")

    def ok(self, *arguments, **options):
        done = ssdfs(*arguments, **options)
        self.assertEqual(done.returncode, 0, f"{arguments}: {done.stdout}{done.stderr}")
        return done.stdout

    def fails(self, code, part, *arguments, **options):
        done = ssdfs(*arguments, **options)
        self.assertEqual(done.returncode, code, f"{arguments}: {done.stdout}{done.stderr}")
        self.assertIn(part, done.stdout + done.stderr)
        self.assertNotIn("terminate", done.stderr)

    def path(self, name):
        return os.path.join(self.work, name)

    def synth(self, files=3000, *more):
        return self.ok("image", "synth", "--files", str(files), *more, self.image).strip()

    def test_a_made_up_store_dumps_verifies_and_is_built_again(self):
        sample = self.synth(3000, "--files-per-dir", "70")
        self.assertRegex(sample, r"^/p\d{3}/a\d{6}/.{20}$")
        self.assertIn("in good order", self.ok("image", "verify", self.image))
        report = json.loads(self.ok("image", "verify", "--json", self.image))
        self.assertEqual((report["files"], report["problems"]), (3000, []))
        lines = self.ok("image", "dump", self.image).splitlines()
        head = json.loads(lines[0])
        self.assertEqual(list(head)[:6],
                         ["format", "cluster", "epoch", "txid", "files", "directories"])
        self.assertEqual((head["format"], head["files"], head["directories"]), (3, 3000, 44))
        self.assertIsInstance(head["txid"], str)
        entries = [json.loads(line) for line in lines[1:]]
        self.assertIn(sample, [e.get("path") for e in entries])
        with open(self.path("dump"), "w", encoding="utf-8") as out:
            out.write("\n".join(lines) + "\n")
        self.ok("image", "build", self.path("dump"), self.path("again.ssi"))
        with open(self.image, "rb") as a, open(self.path("again.ssi"), "rb") as b:
            self.assertEqual(a.read(), b.read())
        with open(self.path("dump"), encoding="utf-8") as lines:
            self.ok("image", "build", "-", self.path("piped.ssi"), stdin=lines)
        self.assertEqual(self.ok("image", "dump", self.path("piped.ssi")),
                         self.ok("image", "dump", self.image))

    def test_seed_and_json_of_synth(self):
        self.assertEqual(self.synth(500), self.synth(500))
        self.assertNotEqual(self.synth(500), self.synth(500, "--seed", "7"))
        made = json.loads(self.ok("image", "synth", "--files", "500", "--json", self.image))
        self.assertEqual(made["files"], 500)
        self.assertEqual(made["image_bytes"], os.path.getsize(self.image))
        self.assertTrue(made["sample"].startswith("/p"))

    def test_damage_is_told_with_its_place(self):
        self.synth(20000)
        with open(self.image, "r+b") as f:
            f.seek(os.path.getsize(self.image) // 2)
            byte = f.read(1)
            f.seek(-1, os.SEEK_CUR)
            f.write(bytes([byte[0] ^ 1]))
            f.seek(100)
            f.write(b"\xff")
        done = ssdfs("image", "verify", "--json", self.image)
        self.assertEqual(done.returncode, 1)
        problems = json.loads(done.stdout)["problems"]
        self.assertGreaterEqual(len(problems), 2, problems)
        self.assertTrue(all(p.startswith("offset ") or "offset" in p for p in problems), problems)
        self.fails(1, "offset", "image", "verify", self.image)
        self.fails(1, "offset", "image", "dump", self.image)
        self.fails(1, "offset", "image", "install", self.image, self.path("m"))
        self.assertFalse(os.path.exists(self.path("m")))
        os.truncate(self.image, os.path.getsize(self.image) - 10)
        self.fails(1, "the end is missing", "image", "verify", self.image)

    def test_wrong_input(self):
        self.synth(100)
        self.fails(2, "--files", "image", "synth", self.image)
        self.fails(2, "", "image", "synth", "--files", "0", self.image)
        self.fails(2, "", "image", "synth", "--files", "many", self.image)
        self.fails(2, "", "image", "dump")
        self.fails(2, "", "image", "install", self.image)
        self.fails(2, "one of", "image")
        self.fails(2, "", "image", "dump", "--frob", self.image)
        for command in ("dump", "verify"):
            self.fails(1, "", "image", command, self.path("missing"))
            self.fails(1, "", "image", command, self.work)
            self.fails(1, "not an image", "image", command, BINARY)
        self.fails(1, "", "image", "build", self.path("missing"), self.path("y"))
        with open(self.path("bad"), "w", encoding="utf-8") as out:
            out.write(self.ok("image", "dump", self.image).splitlines()[0] + "\n{\n")
        self.fails(1, "line 2", "image", "build", self.path("bad"), self.path("y"))
        self.assertFalse(os.path.exists(self.path("y")))
        self.fails(1, "", "image", "synth", "--files", "10", "/nowhere/at/all")
        os.mkdir(self.path("full"))
        with open(self.path("full/file"), "w", encoding="utf-8"):
            pass
        self.fails(1, "not empty", "image", "install", self.image, self.path("full"))
        self.assertEqual(os.listdir(self.path("full")), ["file"])

    def test_a_newer_format_is_refused(self):
        self.synth(10)
        with open(self.image, "r+b") as f:
            data = bytearray(f.read(24))
            data[8:12] = (99).to_bytes(4, "little")
            data[20:24] = crc32c(bytes(data[:20])).to_bytes(4, "little")
            f.seek(0)
            f.write(data)
        for command in ("dump", "verify"):
            self.fails(1, "version 99", "image", command, self.image)

    def test_an_installed_image_is_served(self):
        sample = self.synth(5000)
        self.ok("image", "install", self.image, self.path("m"))
        with Cluster(datanodes=0) as c:
            c.master.stop()
            shutil.rmtree(c.directory + "/master")
            shutil.move(self.path("m"), c.directory + "/master")
            c.master.start()
            self.assertEqual(c.report()["files"], 5000)
            found = json.loads(c.ok("stat", "--json", sample))
            self.assertEqual(found["path"], sample)
            listed = c.ok("ls", os.path.dirname(sample)).splitlines()
            self.assertEqual(len(listed), 1000)
            entries = [json.loads(line) for line in
                       self.ok("image", "dump", self.image).splitlines()]
            total = sum(e["size"] for e in entries if e.get("kind") == "file")
            self.assertEqual(int(c.ok("du", "-s", "/").split()[0]), total)


def crc32c(data):
    """Castagnoli, bit by bit."""
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc >> 1) ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


class MasterImages(unittest.TestCase):
    def images(self, c):
        return sorted(glob.glob(c.directory + "/master/image_*.ssi"))

    def segments(self, c):
        return sorted(glob.glob(c.directory + "/master/edits_*.log"))

    def make(self, c, name, count=20):
        for i in range(count):
            c.ok("touch", f"/{name}/{i}")

    def test_a_graceful_stop_leaves_an_image_and_a_kill_does_not(self):
        with Cluster(datanodes=0) as c:
            self.make(c, "a")
            self.assertEqual(c.master.stop(), 0)
            images = self.images(c)
            self.assertEqual(len(images), 1, c.master.log())
            self.assertEqual(ssdfs("image", "verify", images[0]).returncode, 0)
            c.master.start()
            self.assertIn("loaded", c.master.log())
            self.assertEqual(len(c.ok("ls", "/a").splitlines()), 20)
            # Nothing changed: no second one.
            self.assertEqual(c.master.stop(), 0)
            self.assertEqual(self.images(c), images)
            c.master.start()
            self.make(c, "b")
            c.master.kill()
            self.assertEqual(self.images(c), images)
            c.master.start()
            self.assertEqual(len(c.ok("ls", "/b").splitlines()), 20)
            # Of many the last two are kept.
            for i in range(3):
                self.make(c, f"c{i}", 2)
                self.assertEqual(c.master.stop(), 0)
                c.master.start()
            self.assertEqual(len(self.images(c)), 2)
            self.assertNotIn(images[0], self.images(c))

    def test_a_lone_master_checkpoints_on_demand_in_a_child(self):
        with Cluster(datanodes=0) as c:
            self.make(c, "a", 30)
            before = len(self.segments(c))
            out = json.loads(c.ok("admin", "checkpoint", "--json"))
            self.assertEqual(len(self.images(c)), 1, c.master.log())
            self.assertIn(out["image"].zfill(20), self.images(c)[0])
            self.assertGreater(len(self.segments(c)), before - 1)
            self.assertEqual(glob.glob(c.directory + "/master/image_*.tmp"), [])
            # Nothing has changed since.
            self.assertEqual(json.loads(c.ok("admin", "checkpoint", "--json"))["image"],
                             out["image"])
            self.make(c, "b", 30)
            again = json.loads(c.ok("admin", "checkpoint", "--json"))
            self.assertGreater(int(again["image"]), int(out["image"]))
            c.master.kill()
            for image in self.images(c):
                self.assertEqual(ssdfs("image", "verify", image).returncode, 0)
            c.master.start()
            self.assertEqual(len(c.ok("ls", "/a").splitlines()), 30)
            self.assertEqual(len(c.ok("ls", "/b").splitlines()), 30)

    def test_a_checkpoint_shows_what_it_does_on_a_terminal_only(self):
        with Cluster(datanodes=0) as c:
            c.ok("mkdir", "/a")
            outer, inner = pty.openpty()
            self.addCleanup(os.close, outer)
            done = subprocess.run([BINARY, "admin", "checkpoint", "--master", c.address],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=inner,
                                  check=False, timeout=60)
            os.close(inner)
            self.assertEqual(done.returncode, 0)
            self.assertRegex(done.stdout, rb"^image at txid \d+\n$")
            shown = os.read(outer, 65536)
            self.assertIn(b"writing the image", shown)
            self.assertTrue(shown.endswith(b"\r\x1b[K"), shown)  # and it is gone again
            c.ok("mkdir", "/b")
            self.assertEqual(c.run("admin", "checkpoint").stderr, "")

    def test_a_lone_master_checkpoints_by_itself(self):
        with Cluster(datanodes=0, master=["--checkpoint-txns=25"]) as c:
            self.make(c, "a", 40)
            wait_until(lambda: self.images(c), "an image after 25 changes")
        with Cluster(datanodes=0, master=["--checkpoint-interval=1s"]) as c:
            self.make(c, "a", 2)
            wait_until(lambda: self.images(c), "an image after a second")
            count = len(self.images(c))
            # Without changes none follows.
            time.sleep(2.5)
            self.assertEqual(len(self.images(c)), count)

    def test_a_damaged_image_is_put_aside_if_the_log_makes_up_for_it(self):
        with Cluster(datanodes=0) as c:
            for name in ("a", "b"):
                self.make(c, name, 5)
                self.assertEqual(c.master.stop(), 0)
                c.master.start()
            self.make(c, "c", 5)
            self.assertEqual(c.master.stop(), 0)
            newest = self.images(c)[-1]
            with open(newest, "r+b") as f:
                f.seek(60)
                f.write(b"\xff\xff\xff")
            c.master.start()
            self.assertIn("image refused: " + newest, c.master.log())
            self.assertTrue(os.path.exists(newest + ".damaged"))
            for name in ("a", "b", "c"):
                self.assertEqual(len(c.ok("ls", "/" + name).splitlines()), 5)
            # The segments are gone, too: nothing is served, and nothing is changed.
            c.master.stop()
            newest = self.images(c)[-1]
            with open(newest, "r+b") as f:
                f.seek(60)
                f.write(b"\xff\xff\xff")
            kept = c.directory + "/kept"
            os.mkdir(kept)
            for segment in self.segments(c):
                shutil.move(segment, kept)
            c.master.start(wait=False)
            self.assertEqual(c.master.process.wait(timeout=30), 1)
            last = c.master.log().splitlines()[-1]
            self.assertIn(newest, last)
            self.assertIn("--promote", last)
            self.assertTrue(os.path.exists(newest))
            for segment in os.listdir(kept):
                shutil.move(os.path.join(kept, segment), c.directory + "/master")
            c.master.start()
            self.assertEqual(len(c.ok("ls", "/c").splitlines()), 5)


class Starting(unittest.TestCase):
    """A start that takes a while: a large image."""

    FILES = 1_500_000

    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.mkdtemp(prefix="ssdfs-starting-")
        cls.addClassCleanup(shutil.rmtree, cls.work)
        cls.image = os.path.join(cls.work, "x.ssi")
        done = ssdfs("image", "synth", "--files", str(cls.FILES), cls.image)
        assert done.returncode == 0, done.stderr
        cls.sample = done.stdout.strip()

    def cluster(self):
        c = Cluster(datanodes=0)
        self.addCleanup(c.close)
        with socket.socket() as s:
            s.bind(("127.0.0.1", 0))
            self.http = f"127.0.0.1:{s.getsockname()[1]}"
        c.master.arguments = [a for a in c.master.arguments if not a.startswith("--http")]
        c.master.arguments.append(f"--http={self.http}")
        done = ssdfs("image", "install", self.image, c.directory + "/master")
        self.assertEqual(done.returncode, 0, done.stderr)
        return c

    def readyz(self):
        try:
            with urllib.request.urlopen(f"http://{self.http}/readyz", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as e:
            return e.code, e.read().decode()
        except (urllib.error.URLError, ConnectionError):
            return 0, ""

    def test_it_answers_that_it_is_starting_and_clients_wait(self):
        c = self.cluster()
        told = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(told.close)
        told.bind(c.directory + "/notify")
        told.settimeout(60)
        os.environ["NOTIFY_SOCKET"] = c.directory + "/notify"
        try:
            c.master.start(wait=False)
        finally:
            del os.environ["NOTIFY_SOCKET"]
        code, text = wait_until(lambda: (lambda a: a if a[0] else None)(self.readyz()), "readyz")
        self.assertEqual(code, 503)
        self.assertRegex(text, r"starting(, \d+ %)?")
        self.assertFalse(os.path.exists(c.master.ready_file))
        done = c.run("stat", "--timeout=20ms", self.sample)
        self.assertEqual(done.returncode, 1)
        # One that has time gets its answer.
        self.assertEqual(json.loads(c.ok("stat", "--json", self.sample))["path"], self.sample)
        wait_until(c.master.is_ready, "ready")
        self.assertEqual(self.readyz()[0], 200)
        self.assertEqual(c.report()["files"], self.FILES)
        messages = ""
        while "READY=1" not in messages:
            messages += told.recv(4096).decode() + "\n"
        self.assertRegex(messages, r"STATUS=starting, \d+ %")
        self.assertEqual(c.master.stop(), 0)

    def test_a_backup_answers_that_it_is_starting(self):
        c = self.cluster()
        backup = Process(c.directory, "backup", [
            "--role=backup", f"--data-dir={c.directory}/master", f"--listen={c.address}",
            f"--http={self.http}", "--master=127.0.0.1:1"])
        self.addCleanup(lambda: backup.running() and backup.kill())
        answers = set()
        for end in ("stop", "wait"):
            backup.start(wait=False)
            code, text = wait_until(lambda: (lambda a: a if a[0] else None)(self.readyz()),
                                    "readyz")
            self.assertEqual(code, 503)
            answers.add(text.strip())
            if end == "stop":
                self.assertEqual(backup.stop(), 0, backup.log())
        while not backup.is_ready():
            done = c.run("admin", "status", "--timeout=20ms")
            answers.add(done.stderr.strip())
        self.assertTrue(any("starting" in a for a in answers), answers)
        status = json.loads(c.ok("admin", "status", "--json"))
        self.assertEqual((status["role"], status["files"]), ("backup", self.FILES))

    def test_sigterm_ends_a_start_at_once_and_changes_nothing(self):
        c = self.cluster()
        before = sorted(os.listdir(c.directory + "/master"))
        for _ in range(3):
            c.master.start(wait=False)
            wait_until(lambda: self.readyz()[0], "readyz")
            began = time.monotonic()
            c.master.process.send_signal(signal.SIGTERM)
            self.assertEqual(c.master.process.wait(timeout=30), 0, c.master.log())
            self.assertLess(time.monotonic() - began, 5)
            if not os.path.exists(c.master.ready_file):
                after = sorted(os.listdir(c.directory + "/master"))
                self.assertEqual([f for f in after if f != "LOCK"],
                                 [f for f in before if f != "LOCK"])
        c.master.start(wait=False)
        wait_until(lambda: self.readyz()[0], "readyz")
        c.master.kill()
        c.master.start()
        self.assertEqual(c.report()["files"], self.FILES)

    def test_a_child_that_checkpoints_ends_with_its_master(self):
        c = self.cluster()
        c.master.start()
        c.ok("touch", "/one")

        def children():
            pid = c.master.process.pid
            with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as f:
                found = f.read().split()
            for task in os.listdir(f"/proc/{pid}/task"):
                with open(f"/proc/{pid}/task/{task}/children", encoding="ascii") as f:
                    found += f.read().split()
            return set(found)

        for end in ("stop", "kill"):
            c.ok("touch", "/" + end)
            c.ok("admin", "checkpoint", "--no-wait")
            child = wait_until(children, "a child").pop()
            if end == "stop":
                self.assertEqual(c.master.stop(), 0)
            else:
                c.master.kill()
            wait_until(lambda: not os.path.exists(f"/proc/{child}"), "the child's end", 60)
            c.master.start()
            self.assertEqual(c.report()["files"], self.FILES + (2 if end == "stop" else 3))
        # Changes go on while a child works, and the image is complete.
        c.ok("touch", "/last")
        c.ok("admin", "checkpoint", "--no-wait")
        for i in range(20):
            c.ok("touch", f"/during/{i}")
        c.ok("admin", "checkpoint")
        c.master.kill()
        c.master.start()
        self.assertEqual(len(c.ok("ls", "/during").splitlines()), 20)


class Yesterday(unittest.TestCase):
    """An old copy of the master's directory under today's datanodes."""

    def test_not_one_chunk_is_dropped(self):
        work = tempfile.mkdtemp(prefix="ssdfs-yesterday-")
        self.addCleanup(shutil.rmtree, work)
        for name in ("old", "new"):
            os.mkdir(f"{work}/{name}")
            for i in range(30):
                with open(f"{work}/{name}/{i}", "wb") as f:
                    f.write(os.urandom(20_000))
        options = ["--delete-grace=1s", "--trash-expiry=1s"]
        with Cluster(datanodes=2, master=options) as c:
            c.ok("put", "-r", work + "/old", "/old")
            for p in c.processes():
                self.assertEqual(p.stop(), 0)
            shutil.copytree(c.directory + "/master", c.directory + "/yesterday")
            c.start()
            c.ok("put", "-r", work + "/new", "/new")
            c.ok("rm", "-r", "--skip-trash", "/old/0", "/old/1")
            c.wait_healthy()
            # What is gone is gone at the datanodes, too, so they have seen a later txid.
            wait_until(lambda: c.report()["pending_reclaim"] == 0, "reclaimed", 60)
            wait_until(lambda: all(r["removal_number"] == v["removal_number"]
                                   for v in c.volumes() for r in v["replicas"]), "removed", 60)
            chunks = self.chunks(c)
            for p in c.processes():
                self.assertEqual(p.stop(), 0)
            shutil.move(c.directory + "/master", c.directory + "/today")
            shutil.move(c.directory + "/yesterday", c.directory + "/master")
            c.master.start()
            for node in c.datanodes:
                node.start()
            c.wait_live(2)
            refused = wait_until(lambda: (lambda d: d if d.returncode else None)(
                c.run("touch", "--timeout=2s", "/x")), "the master to be read only")
            self.assertIn("seen", refused.stderr)
            # Reads work: what both days have is there.
            self.assertEqual(len(c.ok("ls", "/old").splitlines()), 30)
            with open(work + "/old/7", "rb") as f:
                self.assertEqual(c.run("cat", "/old/7", text=False).stdout, f.read())
            # Time for whatever would be ordered: graces are over, safe mode is left.
            c.ok("admin", "safemode", "leave")
            time.sleep(5)
            self.assertEqual(c.master.stop(), 0)
            for node in c.datanodes:
                self.assertEqual(node.stop(), 0)
            # Today's master finds everything that it had.
            shutil.move(c.directory + "/master", c.directory + "/yesterday")
            shutil.move(c.directory + "/today", c.directory + "/master")
            c.start()
            c.ok("verify", "-r", work + "/new", "/new")
            c.wait_healthy()
            self.assertEqual(self.chunks(c), chunks)
            for i in range(2, 30):
                with open(f"{work}/old/{i}", "rb") as f:
                    self.assertEqual(c.run("cat", f"/old/{i}", text=False).stdout, f.read())

    def chunks(self, c):
        """Live chunks by replica, as the datanodes report them."""
        return {(v["volume"], r["node"]): (r["chunks"], r["bytes"])
                for v in c.volumes() for r in v["replicas"] if r["chunks"]}


if __name__ == "__main__":
    unittest.main()
