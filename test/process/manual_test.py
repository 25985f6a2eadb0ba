"""What is made from the program's own description: man pages, etc/ssdfs.conf, bash completion."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from local_cluster import Cluster

SOURCE = os.environ["SSDFS_TEST_SOURCE"]
BINARY = os.environ["SSDFS_TEST_BINARY"]
RENDER = os.path.join(SOURCE, "etc/man/render")
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("SSDFS_")}


def run(*command, **options):
    options.setdefault("env", CLEAN)
    return subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=120, check=False, **options)


class Manual(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.mkdtemp(prefix="ssdfs-manual-")
        cls.program = json.loads(run(BINARY, "--help", "--json").stdout)

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.work)

    def test_every_command_describes_itself(self):
        self.assertGreater(len(self.program["commands"]), 30)
        for command in self.program["commands"]:
            with self.subTest(command["name"]):
                done = run(BINARY, *command["name"].split(), "--help", "--json")
                self.assertEqual(done.returncode, 0, done.stderr)
                details = json.loads(done.stdout)
                self.assertEqual(details["name"], command["name"])
                self.assertTrue(details["summary"])
                text = run(BINARY, *command["name"].split(), "--help").stdout
                for option in details["options"]:
                    self.assertIn("--" + option["name"] if option["name"] else "-" + option["short"],
                                  text)
                    self.assertTrue(option["help"], option["name"])

    def test_the_sample_configuration_is_the_programs(self):
        done = run(RENDER, BINARY, "conf")
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(SOURCE, "etc/ssdfs.conf"), encoding="utf-8") as file:
            self.assertEqual(file.read(), done.stdout,
                             "make it anew: etc/man/render build/ssdfs conf >etc/ssdfs.conf")

    def test_the_sample_configuration_is_accepted_with_everything_set(self):
        # Each option with its default in force: the same as without a file.
        with open(os.path.join(SOURCE, "etc/ssdfs.conf"), encoding="utf-8") as file:
            text = file.read()
        lines = [line[1:] for line in text.splitlines() if re.match(r"#[a-z][a-z-]* = .", line)]
        self.assertGreater(len(lines), 20)
        path = os.path.join(self.work, "all.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write("\n".join(lines) + "\n")
        for role in ("master", "backup", "datanode", "all"):
            done = run(BINARY, f"--role={role}", "--config", path, "--data-dir=/dev/null/nowhere",
                       "--listen=127.0.0.1:0", "--http=off")
            # It got as far as the data directory: the options were taken.
            self.assertNotEqual(done.returncode, 2, done.stderr)
            self.assertNotIn("option", done.stderr)

    def test_man_pages_name_everything(self):
        done = run(RENDER, BINARY, "man", self.work)
        self.assertEqual(done.returncode, 0, done.stderr)
        with open(os.path.join(self.work, "ssdfs.1"), encoding="utf-8") as file:
            page = file.read().replace("\\-", "-")
        for command in self.program["commands"]:
            self.assertIn("\n.SS " + command["name"], page)
        with open(os.path.join(self.work, "ssdfs.conf.5"), encoding="utf-8") as file:
            page = file.read().replace("\\-", "-")
        for option in self.program["options"]:
            self.assertIn(f"\n\\fB{option['name']}\\fR", page)
        self.assertNotIn("@", page.replace("ssdfs@ROLE", ""))

    def test_man_pages_are_well_formed(self):
        if not shutil.which("man"):
            self.skipTest("man is not installed")
        self.assertEqual(run(RENDER, BINARY, "man", self.work).returncode, 0)
        for name in ("ssdfs.1", "ssdfs.conf.5"):
            done = run("man", "--warnings", "-E", "UTF-8", "-l", "-Tutf8", "-Z",
                       os.path.join(self.work, name), env={**CLEAN, "LC_ALL": "C.UTF-8", "MANWIDTH": "80"})
            self.assertEqual((done.returncode, done.stderr), (0, ""), name)

    def complete(self, *words, **variables):
        """What bash offers for the last of `words`."""
        program = os.path.join(self.work, "ssdfs")
        if not os.path.exists(program):
            os.symlink(BINARY, program)
        script = f"""
            . {SOURCE}/etc/completion/ssdfs.bash
            COMP_WORDS=({' '.join("'" + w + "'" for w in words)})
            COMP_CWORD={len(words) - 1}
            _ssdfs
            printf '%s\\n' "${{COMPREPLY[@]}}"
        """
        done = run("bash", "-c", script, cwd=self.work,
                   env={**CLEAN, **variables, "PATH": self.work + ":" + CLEAN["PATH"]})
        self.assertEqual(done.stderr, "")
        return set(done.stdout.splitlines()) - {""}

    def test_completion(self):
        firsts = {command["name"].split()[0] for command in self.program["commands"]}
        self.assertEqual(self.complete("ssdfs", ""), firsts)
        self.assertEqual(self.complete("ssdfs", "che"), {"checksum"})
        self.assertLessEqual({"report", "volumes"}, self.complete("ssdfs", "admin", ""))
        self.assertEqual(self.complete("ssdfs", "admin", "rep"), {"report"})
        self.assertIn("--watch", self.complete("ssdfs", "admin", "report", "--w"))
        self.assertLessEqual({"--recursive", "--force", "--update"},
                             self.complete("ssdfs", "put", "--"))
        self.assertEqual(self.complete("ssdfs", "--role", "=", "d"), {"datanode"})
        self.assertIn("--data-dir", self.complete("ssdfs", "--role", "=", "datanode", "--data"))
        self.assertEqual(self.complete("ssdfs", "no-such-command", ""), set())
        for words, expected in [
                (("--role=all", "--sync", ""), {"none", "interval", "always"}),
                (("--role=all", "--log-level", "=", "w"), {"warning"}),
                (("--role=all", "--url-signing", "r"), {"required"}),
                (("put", "--ack", ""), {"all", "one"}),
                (("bench", "meta", "--op", ""), {"create", "stat", "ls", "rename", "delete"})]:
            with self.subTest(words):
                self.assertEqual(self.complete("ssdfs", *words), expected)
        with open(os.path.join(self.work, "local picture.png"), "wb"):
            pass
        self.assertIn("local picture.png", self.complete("ssdfs", "put", "loc"))

    def test_completion_of_stored_paths(self):
        with Cluster(datanodes=1) as cluster:
            cluster.ok("put", "-r", os.path.join(SOURCE, "etc/samples/pictures/review/2023"), "/shop")
            offers = lambda *words: self.complete("ssdfs", *words, SSDFS_MASTER=cluster.address)
            self.assertEqual(offers("ls", "/"), {"/shop/"})
            self.assertEqual(offers("cat", "/shop/bed"), {"/shop/bedside.png"})
            self.assertEqual(offers("rm", "/shop/genau"), {"/shop/genau wie beschrieben.png"})
            self.assertEqual(offers("ls", "/none/"), set())


if __name__ == "__main__":
    unittest.main()
