"""What an operator is told when something is held back, and what interrupted commands leave."""

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
import unittest
import urllib.request

from chromium import Page
from free_ports import free_port
from local_cluster import BINARY, Cluster, Process, wait_until


class Told(unittest.TestCase):
    def test_why_nothing_is_copied_while_many_nodes_are_silent(self):
        with Cluster(datanodes=3) as cluster:
            self.assertEqual(cluster.report()["problem"], "")
            for node in cluster.datanodes[1:]:
                node.kill()
            wait_until(lambda: "no copies are made" in cluster.report()["problem"], "the reason")
            text = cluster.ok("admin", "report")
            self.assertIn("\nproblem: more than a third of the datanodes are silent", text)
            for node in cluster.datanodes[1:]:
                node.start()
            wait_until(lambda: cluster.report()["problem"] == "", "the end of it")

    def test_a_node_that_is_to_leave_is_still_one_that_answers(self):
        if not Page.available():
            self.skipTest("chromium is not installed")
        with Cluster(datanodes=3, http=True) as cluster, Page() as page:
            self.assertIn("node1 (", cluster.ok("admin", "maintenance", "node1", "--for", "5m"))
            page.open(f"http://{cluster.master.http()}/")
            page.wait_for('document.querySelectorAll("#nodes tbody tr").length === 3')
            page.wait_for('document.getElementById("nodes").textContent.includes("maintenance")')
            self.assertIn("3 of 3", page.evaluate('document.getElementById("figures").textContent'))

    def test_a_node_that_has_left_is_listed_until_it_is_taken_back(self):
        with Cluster(datanodes=3) as cluster:
            uuid = next(n["node"] for n in cluster.report()["nodes"] if n["name"] == "node3")
            cluster.ok("admin", "decommission", "node3", "--wait")
            self.assertEqual(cluster.datanodes[2].stop(), 0)

            def states():
                return {n["node"]: n["state"] for n in cluster.report()["nodes"]}

            def restart():
                self.assertEqual(cluster.master.stop(), 0)
                cluster.master.start()
                wait_until(lambda: list(states().values()).count("live") == 2, "the others are back")

            restart()
            self.assertEqual(states()[uuid], "decommissioned")
            self.assertIn(f"{uuid} is stale", cluster.ok("admin", "recommission", uuid))
            restart()
            self.assertNotIn(uuid, states())

    def test_nodes_are_listed_by_name(self):
        with Cluster(datanodes=11) as cluster:
            rows = re.findall(r"^(node\d+) ", cluster.ok("admin", "report"), re.M)
            self.assertEqual(rows, [f"node{n}" for n in range(1, 12)])


class Documents(unittest.TestCase):
    def test_operations_explains_every_condition_and_every_number_of_the_report(self):
        with open(os.path.join(os.environ["SSDFS_TEST_SOURCE"], "docs/operations.md"), encoding="utf-8") as file:
            page = file.read()
        with Cluster(datanodes=0, http=True) as cluster:
            with urllib.request.urlopen(f"http://{cluster.master.http()}/api/v1/status", timeout=10) as answer:
                conditions = json.loads(answer.read())["conditions"]
            self.assertGreater(len(conditions), 10)
            report = cluster.report()
        for name in [*conditions, "under_replicated", "missing", "corrupt", "problem"]:
            self.assertIn(f"`{name}`", page)
            self.assertIn(name, {**conditions, **report})


class Strangers(unittest.TestCase):
    def test_a_server_that_finds_no_master_says_whom_it_asked_once(self):
        with Cluster(datanodes=1) as a, Cluster(datanodes=0) as b:
            self.assertEqual(a.datanodes[0].stop(), 0)
            for master, expected in ((b.address, "this is cluster"), (f"127.0.0.1:{free_port()}", "refused")):
                stranger = Process(a.directory, "stranger", [
                    "--role=datanode", f"--data-dir={a.directory}/node1", "--listen=127.0.0.1:0",
                    "--http=off", f"--master={master}"])
                stranger.start(wait=False)
                try:
                    wait_until(lambda: expected in stranger.log(), expected)
                    line = next(each for each in stranger.log().splitlines() if expected in each)
                    self.assertEqual(line.count(master), 1, line)
                finally:
                    stranger.kill()
                os.unlink(stranger.log_path)
            a.datanodes[0].start()
            with open(a.datanodes[0].ready_file, encoding="utf-8") as file:
                node = json.load(file)["listen"]
            self.assertIn("this is a datanode, not a master",
                          a.run("ls", "/", "--master", node).stderr)


class Json(unittest.TestCase):
    def test_every_change_answers_with_an_object(self):
        with Cluster(datanodes=2) as cluster:
            def told(*arguments, code=0):
                done = cluster.run(*arguments, "--json")
                self.assertEqual((done.returncode, done.stderr), (code, ""), arguments)
                return [json.loads(line) for line in done.stdout.splitlines()]

            self.assertEqual(told("mkdir", "/a", "/b"), [{"path": "/a"}, {"path": "/b"}])
            self.assertEqual(told("touch", "/a/x"), [{"path": "/a/x"}])
            self.assertEqual(told("cp", "-r", "/a", "/b"), [{"files": 1, "bytes": 0, "errors": 0}])
            self.assertEqual(told("mv", "/a/x", "/b"), [{"path": "/b/x", "source": "/a/x"}])
            self.assertEqual(told("test", "-f", "/b/x"), [{"path": "/b/x", "type": "file"}])
            self.assertEqual(told("test", "-f", "/b", code=1), [{"path": "/b", "type": "directory"}])
            self.assertEqual(told("test", "-e", "/c", code=1), [{"path": "/c", "type": None}])
            volume = cluster.volumes()[0]["volume"]
            self.assertEqual(told("admin", "seal", volume), [{"volume": volume}])


class OfflineTools(unittest.TestCase):
    def test_wrong_paths_are_named_once(self):
        work = tempfile.mkdtemp(prefix="ssdfs-operator-")
        self.addCleanup(shutil.rmtree, work)
        text = os.path.join(work, "text")
        with open(text, "wb") as file:
            file.write(b"no volume\n" * 1000)
        for arguments, expected in [
                (("edits", "verify", work), f"ssdfs: edits verify: {work}: holds no edits log"),
                (("edits", "dump", work), f"ssdfs: edits dump: {work}: holds no edits log"),
                (("edits", "recover", work), f"ssdfs: edits recover: {work}: holds no edits log"),
                (("image", "verify", work + "/none"),
                 f"ssdfs: image verify: {work}/none: open: No such file or directory"),
                (("volume", "verify", text), f"ssdfs: volume verify: {text}: not a volume file: no superblock")]:
            with self.subTest(arguments):
                done = subprocess.run([BINARY, *arguments], capture_output=True, text=True, check=False)
                self.assertEqual((done.returncode, done.stderr), (1, expected + "\n"))
        self.assertEqual(os.listdir(work), ["text"])


class Interrupted(unittest.TestCase):
    def test_control_c_leaves_no_part_of_a_file(self):
        work = tempfile.mkdtemp(prefix="ssdfs-operator-")
        self.addCleanup(shutil.rmtree, work)
        with Cluster(datanodes=2) as cluster:
            environment = {**os.environ, "SSDFS_MASTER": cluster.address}
            source, target = os.path.join(work, "source"), os.path.join(work, "target")
            with open(source, "wb") as file:
                file.truncate(64 << 20)

            # A pipe that never ends: the put is under way for as long as it is let.
            process = subprocess.Popen([BINARY, "put", "-", "/half"], env=environment,
                                       stdin=subprocess.PIPE, stderr=subprocess.DEVNULL)
            process.stdin.write(bytes(20 << 20))
            process.stdin.flush()
            process.send_signal(signal.SIGINT)
            process.stdin.close()
            self.assertEqual(process.wait(timeout=60), -signal.SIGINT)
            self.assertEqual(cluster.run("test", "-e", "/half").returncode, 1)

            cluster.ok("put", source, "/whole")
            os.mkdir(target)
            wanted = os.path.join(target, "file")
            process = subprocess.Popen([BINARY, "get", "/whole", wanted], env=environment,
                                       stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            process.send_signal(signal.SIGINT)
            code = process.wait(timeout=60)
            self.assertIn(code, (-signal.SIGINT, 0))
            self.assertIn(os.listdir(target), ([], ["file"]))
            if os.path.exists(wanted):
                self.assertEqual(os.path.getsize(wanted), 64 << 20)


if __name__ == "__main__":
    unittest.main()
