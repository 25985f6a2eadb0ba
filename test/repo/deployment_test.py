"""The files in etc/ that other programs read: units, compose, nginx, Prometheus. Each is given to
that program where it is installed."""

import json
import os
import re
import shutil
import subprocess
import tempfile
import unittest

from tree import ROOT, read

ETC = os.path.join(ROOT, "etc")


def need(test, program):
    found = shutil.which(program) or shutil.which(program, path="/usr/sbin:/sbin")
    if not found:
        test.skipTest(f"{program} is not installed")
    return found


class Deployment(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="ssdfs-deployment-")
        self.addCleanup(shutil.rmtree, self.work)

    def run_ok(self, *command, **options):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60, check=False, **options)
        self.assertEqual(done.returncode, 0, done.stdout)
        return done.stdout

    def test_systemd_accepts_the_unit(self):
        analyze = need(self, "systemd-analyze")
        unit = read(os.path.join(ETC, "systemd/ssdfs@.service"))
        self.assertIn("ExecStart=/usr/bin/ssdfs --role=%i\n", unit)
        # What is verified has to exist.
        unit = unit.replace("/usr/bin/ssdfs", "/bin/true")
        for role in ("master", "backup", "datanode", "all"):
            path = os.path.join(self.work, f"ssdfs@{role}.service")
            with open(path, "w", encoding="utf-8") as file:
                file.write(unit)
            said = self.run_ok(analyze, "verify", "--man=no", path)
            self.assertNotIn("ssdfs@", said)

    def test_the_unit_says_what_it_has_to(self):
        unit = read(os.path.join(ETC, "systemd/ssdfs@.service"))
        for line in ("Type=notify", "StateDirectory=ssdfs ssdfs/%i", "LimitNOFILE=1048576",
                     "NoNewPrivileges=yes", "ProtectSystem=strict", "User=ssdfs"):
            self.assertIn("\n" + line + "\n", unit)
        self.assertRegex(unit, r"\nWatchdogSec=\d+s\n")

    def test_compose_accepts_the_cluster(self):
        compose = os.path.join(ETC, "docker/compose.yaml")
        known = 0
        if shutil.which("docker-compose"):
            self.run_ok("docker-compose", "-f", compose, "config", "-q")
            known += 1
        if shutil.which("docker") and subprocess.run(
                ["docker", "compose", "version"], capture_output=True, check=False).returncode == 0:
            self.run_ok("docker", "compose", "-f", compose, "config", "-q")
            known += 1
        if not known:
            self.skipTest("neither docker-compose nor docker compose is installed")

    def test_the_dashboard_works_below_any_path_of_a_proxy(self):
        for name in ("dashboard.html", "dashboard.js", "dashboard.css"):
            text = read(os.path.join(ROOT, "src/http", name))
            self.assertNotRegex(text, r"""(?:src|href|action)=["']/|url\(["']?/|["'`]/(?:api|metrics|fs|webhdfs)\b""", name)

    def test_nginx_of_compose_starts_while_a_datanode_is_stopped(self):
        """It asks for the addresses of its upstreams once, and the names of containers that do not run
        have none."""
        compose = read(os.path.join(ETC, "docker/compose.yaml"))
        known = dict(re.findall(r'^      - "([\w.-]+):(.+)"$', compose, re.MULTILINE))
        fixed = dict(re.findall(r'^  (\w+):\n(?:    .*\n)*?    networks: .*ipv4_address: "(.+?)"',
                                compose, re.MULTILINE))
        upstream = re.findall(r"^ +server ([\w.-]+):\d+ ", read(os.path.join(ETC, "docker/nginx.conf")),
                              re.MULTILINE)
        self.assertGreaterEqual(len(set(upstream)), 3)
        for name in upstream:
            self.assertEqual(known.get(name), fixed.get(name), name)
            self.assertIsNotNone(fixed.get(name), name)

    def test_nginx_accepts_the_image_server(self):
        nginx = need(self, "nginx")
        for name in ("cache", "temp"):
            os.mkdir(os.path.join(self.work, name))
        temporary = "".join(
            f"{kind}_temp_path {self.work}/temp/{kind};\n"
            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        path = os.path.join(self.work, "nginx.conf")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"""pid {self.work}/pid; error_log stderr; events {{ }}
                http {{ access_log off; {temporary}
                  upstream ssdfs_datanodes {{ server 127.0.0.1:9; server 127.0.0.2:9; }}
                  proxy_cache_path {self.work}/cache keys_zone=ssdfs:1m;
                  server {{ listen unix:{self.work}/socket; include {ETC}/nginx/ssdfs.conf; }} }}""")
        self.run_ok(nginx, "-t", "-p", self.work, "-e", "stderr", "-c", path)

    def test_prometheus_accepts_configuration_and_rules(self):
        promtool = need(self, "promtool")
        self.run_ok(promtool, "check", "rules", os.path.join(ETC, "prometheus/ssdfs.rules.yml"))
        self.run_ok(promtool, "check", "config", os.path.join(ETC, "prometheus/prometheus.yml"))

    def test_grafana_dashboard_is_whole(self):
        board = json.loads(read(os.path.join(ETC, "prometheus/grafana-dashboard.json")))
        ids = [panel["id"] for panel in board["panels"]]
        self.assertEqual(len(ids), len(set(ids)))
        for panel in board["panels"]:
            if panel["type"] == "row":
                continue
            self.assertTrue(panel["targets"], panel["title"])
            box = panel["gridPos"]
            self.assertLessEqual(box["x"] + box["w"], 24, panel["title"])
        # No panel lies upon another.
        cells = set()
        for panel in board["panels"]:
            box = panel["gridPos"]
            for x in range(box["x"], box["x"] + box["w"]):
                for y in range(box["y"], box["y"] + box["h"]):
                    self.assertNotIn((x, y), cells, panel["title"])
                    cells.add((x, y))

    def test_dashboard_asks_nobody_else(self):
        for kind in ("html", "css", "js"):
            text = read(os.path.join(ROOT, f"src/http/dashboard.{kind}"))
            others = [url for url in re.findall(r"(?:https?:)?//[\w.-]+\.\w+[^\s\"')]*", text)
                      if not url.startswith("http://www.w3.org/")]
            self.assertEqual(others, [], f"dashboard.{kind}")


if __name__ == "__main__":
    unittest.main()
