"""etc/quickstart with the program of this build, a directory of its own and free ports."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import unittest

SOURCE = os.environ["SSDFS_TEST_SOURCE"]
BINARY = os.environ["SSDFS_TEST_BINARY"]
SCRIPT = os.path.join(SOURCE, "etc/quickstart")


def alive(pid):
    """Neither gone nor a zombie that nobody has waited for."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


class Quickstart(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="ssdfs-quickstart-")
        self.state = os.path.join(self.work, "state")
        self.pictures = os.path.join(self.work, "my pictures")
        shutil.copytree(os.path.join(SOURCE, "etc/samples/pictures/review"), self.pictures)
        os.mkdir(os.path.join(self.pictures, "empty directory"))
        with open(os.path.join(self.pictures, "empty.txt"), "wb"):
            pass

    def tearDown(self):
        self.run_script("--stop")
        shutil.rmtree(self.work)

    def run_script(self, *arguments, **environment):
        keep = {name: value for name, value in os.environ.items() if not name.startswith("SSDFS_")}
        return subprocess.run(
            [SCRIPT, *arguments], cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, timeout=180, check=False,
            env={**keep, "QUICKSTART_STATE": self.state, "QUICKSTART_BINARY": BINARY,
                 "SSDFS_LISTEN": "127.0.0.1:0", "SSDFS_HTTP": "127.0.0.1:0", **environment})

    def expect(self, code, *arguments):
        done = self.run_script(*arguments)
        self.assertEqual(done.returncode, code, done.stdout)
        return done.stdout

    def ready(self):
        with open(os.path.join(self.state, "ready.json"), encoding="utf-8") as file:
            return json.load(file)

    def ssdfs(self, *arguments):
        done = subprocess.run([BINARY, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=60, check=False,
                              env={**os.environ, "SSDFS_MASTER": self.ready()["listen"]})
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def test_stores_compares_keeps_and_stops(self):
        output = self.expect(0, self.pictures)
        self.assertIn("files are equal", output)
        self.assertIn("etc/quickstart --stop", output)
        first = self.ready()
        self.assertTrue(alive(first["pid"]))
        report = json.loads(self.ssdfs("admin", "report", "--json"))
        self.assertEqual(report["files"], sum(len(names) for _, _, names in os.walk(self.pictures)))

        # Again, with a picture more: the running cluster is used, the rest is skipped.
        shutil.copy(os.path.join(SOURCE, "etc/samples/pictures/banner/spring-sale.png"), self.pictures)
        self.assertIn("runs already", self.expect(0, self.pictures))
        self.assertEqual(self.ready(), first)

        # Stopped: neither the process nor its port is there.
        self.assertIn("stopped", self.expect(0, "--stop"))
        self.assertFalse(alive(first["pid"]))
        host, port = first["listen"].rsplit(":", 1)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, int(port)))
        self.assertIn("no cluster", self.expect(0, "--stop"))

        # Started anew it has what was stored.
        self.expect(0, self.pictures)
        self.assertIn("spring-sale.png", self.ssdfs("ls", "/my pictures"))

    def test_says_what_is_wrong(self):
        self.assertIn("no such directory", self.expect(1, os.path.join(self.work, "missing")))
        os.makedirs(self.state, exist_ok=True)
        self.assertIn("choose another directory", self.expect(1, self.work))
        self.assertIn("usage", self.expect(2, "--start"))
        self.assertIn("usage", self.expect(2, self.pictures, self.pictures))

    def test_does_not_stop_a_process_of_somebody_else(self):
        # A number left behind by a cluster that died, which another process has by now.
        with subprocess.Popen(["sleep", "60"]) as other:
            os.makedirs(self.state)
            with open(os.path.join(self.state, "pid"), "w", encoding="utf-8") as file:
                file.write(f"{other.pid} 12345\n")
            self.assertIn("no cluster", self.expect(0, "--stop"))
            self.assertIsNone(other.poll())
            other.kill()


if __name__ == "__main__":
    unittest.main()
