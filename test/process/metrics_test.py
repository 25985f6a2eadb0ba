"""/metrics of every role, as Prometheus and the files in etc/prometheus see it."""

import json
import os
import re
import shutil
import subprocess
import unittest
import urllib.request

from free_ports import free_port
from local_cluster import Cluster, Process, wait_until

SOURCE = os.environ["SSDFS_TEST_SOURCE"]
SAMPLE = re.compile(r'^([a-z_:][a-z0-9_:]*)(\{[^{}]*\})? (NaN|[+-]?[0-9.e+-]+|\+Inf)$')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\]|\\.)*)"')


def scrape(address):
    with urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
        assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
        return answer.read().decode()


def families(text):
    """{name: (type, {(sample name, labels): value})}, strictly."""
    out, name = {}, None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            name = line.split()[2]
            assert name not in out, f"{name} twice"
            assert len(line.split()) > 3, line
            out[name] = [None, {}]
        elif line.startswith("# TYPE "):
            assert line.split()[2] == name, line
            out[name][0] = line.split()[3]
        else:
            found = SAMPLE.match(line)
            assert found, line
            assert re.fullmatch(re.escape(name) + r"(_bucket|_sum|_count)?", found.group(1)), line
            labels = tuple(LABEL.findall(found.group(2) or ""))
            key = (found.group(1), labels)
            assert key not in out[name][1], line
            out[name][1][key] = float(found.group(3))
    return {name: tuple(family) for name, family in out.items()}


class Metrics(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(datanodes=1)
        http = f"127.0.0.1:{free_port()}"
        # One of them with HTTP.
        cls.node = cls.cluster.datanodes[0]
        cls.node.arguments = [f"--http={http}" if a == "--http=off" else a for a in cls.node.arguments]
        cls.cluster.__enter__()
        cls.addClassCleanup(cls.cluster.close)
        cls.backup_http = f"127.0.0.1:{free_port()}"
        backup = Process(cls.cluster.directory, "backup", [
            "--role=backup", f"--data-dir={cls.cluster.directory}/backup", "--listen=127.0.0.1:0",
            f"--http={cls.backup_http}", f"--master={cls.cluster.address}"])
        cls.addClassCleanup(backup.kill)
        backup.start()
        pictures = os.path.join(SOURCE, "etc/samples/pictures/review")
        cls.cluster.ok("put", "-r", pictures, "/review")
        cls.cluster.ok("verify", "-r", pictures, "/review")
        cls.cluster.run("stat", "/no/such/file")
        with open(cls.cluster.master.ready_file, encoding="utf-8") as file:
            cls.master_http = json.load(file)["http"]
        cls.node_http = http
        cls.files = sum(len(names) for _, _, names in os.walk(pictures))
        # The figures are taken twice a second; what the node's disk holds comes with its next heartbeat.
        wait_until(lambda: cls.value_of(cls.master_http, "ssdfs_master_namespace_files") == cls.files,
                   "the files are counted")
        wait_until(lambda: cls.value_of(cls.master_http, "ssdfs_master_cluster_used_bytes") > 0,
                   "what the disk holds is reported")

    @staticmethod
    def value_of(address, name, **labels):
        for (_, have), value in families(scrape(address))[name][1].items():
            if dict(have) == labels:
                return value
        return None

    def test_format_and_names(self):
        for role, address, least in (("master", self.master_http, 30), ("backup", self.backup_http, 15),
                                     ("datanode", self.node_http, 20)):
            with self.subTest(role):
                found = families(scrape(address))
                self.assertGreater(len(found), least)
                for name, (kind, samples) in found.items():
                    self.assertRegex(name, rf"^(ssdfs_{role}_|ssdfs_build_info$|process_)")
                    self.assertIn(kind, ("counter", "gauge", "histogram"))
                    self.assertEqual(kind == "counter", name.endswith("_total"), name)
                    if kind == "histogram":
                        self.assertRegex(name, "_(seconds|bytes)$")
                        self.check_histogram(samples)
                    for _, labels in samples:
                        for _, value in labels:
                            self.assertNotIn("/", value, name)

    def check_histogram(self, samples):
        series = {}
        for (name, labels), value in samples.items():
            rest = tuple(label for label in labels if label[0] != "le")
            series.setdefault(rest, {})[(name.rsplit("_", 1)[1], dict(labels).get("le"))] = value
        for values in series.values():
            buckets = [value for (part, _), value in values.items() if part == "bucket"]
            self.assertEqual(buckets, sorted(buckets))
            self.assertEqual(values[("bucket", "+Inf")], values[("count", None)])
            self.assertIn(("sum", None), values)

    def test_values(self):
        of = lambda name, **labels: self.value_of(self.master_http, "ssdfs_master_" + name, **labels)
        self.assertEqual(of("namespace_files"), self.files)
        self.assertEqual(of("datanodes", state="live"), 1)
        self.assertEqual(of("missing_chunks"), 0)
        self.assertGreater(of("last_txid"), self.files)
        self.assertEqual(of("ready"), 1)
        self.assertGreater(of("namespace_memory_touched_bytes"), 0)
        self.assertGreaterEqual(of("errors_total", kind="no_such_file_or_directory"), 1)
        commits = families(scrape(self.master_http))["ssdfs_master_request_duration_seconds"][1]
        self.assertEqual(
            commits[("ssdfs_master_request_duration_seconds_count", (("op", "commit_file"),))], self.files)
        node = lambda name, **labels: self.value_of(self.node_http, "ssdfs_datanode_" + name, **labels)
        self.assertEqual(node("registered"), 1)
        self.assertEqual(node("stored_chunks"), self.files)
        self.assertEqual(node("disk_failed", disk="0"), 0)
        self.assertGreater(node("received_bytes_total"), node("stored_bytes"))
        self.assertGreater(node("connections_accepted_total"), 0)

    def test_promtool_accepts_them(self):
        if not shutil.which("promtool"):
            self.skipTest("promtool is not installed")
        for address in (self.master_http, self.backup_http, self.node_http):
            done = subprocess.run(["promtool", "check", "metrics"], input=scrape(address), text=True,
                                  capture_output=True, timeout=60, check=False)
            self.assertEqual((done.returncode, done.stdout + done.stderr), (0, ""))

    def test_rules_and_dashboard_use_names_that_exist(self):
        known = set()
        for address in (self.master_http, self.backup_http, self.node_http):
            for name, (kind, _) in families(scrape(address)).items():
                known.add(name)
                if kind == "histogram":
                    known |= {name + suffix for suffix in ("_bucket", "_sum", "_count")}
        for file in ("ssdfs.rules.yml", "grafana-dashboard.json"):
            with open(os.path.join(SOURCE, "etc/prometheus", file), encoding="utf-8") as text:
                used = set(re.findall(r"\b(?:ssdfs|process)_[a-z][a-z_]*\b", text.read()))
            self.assertGreater(len(used), 15)
            self.assertEqual(used - known, set(), file)


if __name__ == "__main__":
    unittest.main()
