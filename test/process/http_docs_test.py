"""The snippets of docs/http.md do what they say."""

import os
import re
import shutil
import subprocess
import tempfile
import unittest

from local_cluster import Cluster

SOURCE = os.environ["SSDFS_TEST_SOURCE"]


def snippets(language):
    with open(os.path.join(SOURCE, "docs", "http.md"), encoding="utf-8") as file:
        return re.findall(rf"^```{language}\n(.*?)^```", file.read(), re.DOTALL | re.MULTILINE)


class Snippets(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.mkdtemp(prefix="ssdfs-docs-")
        cls.addClassCleanup(shutil.rmtree, cls.work)
        cls.cluster = Cluster(datanodes=2, http=True, datanode=["--http-write=on"])
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        picture = os.path.join(cls.work, "picture")
        with open(picture, "wb") as file:
            file.write(bytes(range(256)) * 16)
        cls.cluster.ok("put", picture, "/image/small.jpg")
        cls.environment = {**os.environ, "SSDFS_HTTP": cls.cluster.datanodes[0].http(),
                           "SSDFS_MASTER_HTTP": cls.cluster.master.http()}

    def run_one(self, *command):
        done = subprocess.run(command, cwd=self.work, env=self.environment, capture_output=True,
                              text=True, timeout=120, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def test_curl(self):
        if shutil.which("curl") is None:
            self.skipTest("there is no curl")
        found = snippets("sh")
        self.assertEqual(len(found), 3)
        for text in found:  # in their order: later ones use the files of the first
            self.run_one("bash", "-euo", "pipefail", "-c", text)
        with open(os.path.join(self.work, "part.bin"), "rb") as file:
            self.assertEqual(file.read(), bytes(range(10, 15)))

    def test_python(self):
        for python in ("python3", "/usr/bin/python3"):
            if subprocess.run([python, "-c", "import requests"], capture_output=True,
                              check=False).returncode == 0:
                break
        else:
            self.skipTest("no Python here has requests")
        found = snippets("python")
        self.assertEqual(len(found), 1)
        self.run_one(python, "-c", found[0])

    def test_java(self):
        if shutil.which("java") is None or shutil.which("javac") is None:
            self.skipTest("there is no JDK")
        found = snippets("java")
        self.assertEqual(len(found), 1)
        with open(os.path.join(self.work, "Pictures.java"), "w", encoding="utf-8") as file:
            file.write(found[0])
        self.run_one("java", "Pictures.java")
