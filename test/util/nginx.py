"""A real nginx with the project's configuration, as a shop runs it: etc/nginx/ssdfs.conf in a server
block, and the upstream and cache that the head of that file asks for."""

import os
import re
import shutil
import subprocess
import tempfile

from free_ports import free_port
from http_calls import request
from local_cluster import wait_until

SOURCE = os.environ["SSDFS_TEST_SOURCE"]
PROGRAM = shutil.which("nginx", path=os.environ["PATH"] + ":/usr/sbin:/sbin")


def shipped():
    """What etc/nginx/ssdfs.conf says."""
    with open(f"{SOURCE}/etc/nginx/ssdfs.conf", encoding="utf-8") as file:
        return file.read()


def upstream_of(nodes, text=None):
    """The upstream that the head of ssdfs.conf asks for, with `nodes` (HOST:PORT) as datanodes."""
    head = "\n".join(line[1:] for line in (text or shipped()).splitlines() if line.startswith("#"))
    block = re.search(r"upstream ssdfs_datanodes \{(.*?)\n +\}", head, re.DOTALL)[1]
    lines = []
    for line in block.splitlines():
        if "datanode2:9611" in line:
            continue
        lines += [line.replace("datanode1:9611", n) for n in nodes] if "datanode1:9611" in line else [line]
    return "upstream ssdfs_datanodes {" + "\n".join(lines) + "\n}"


class Nginx:
    """`changes` are (pattern, replacement) for the configuration, each pattern must be there; `text`
    is another one than the shipped."""

    def __init__(self, nodes, changes=(), text=None, workers=1, host="127.0.0.1"):
        self.work = tempfile.mkdtemp(prefix="ssdfs-nginx-")
        os.chmod(self.work, 0o755)
        self.server = f"{host}:{free_port()}"
        text = text or shipped()
        upstream = upstream_of(nodes, text)
        for pattern, replacement in changes:
            text, found = re.subn(pattern, replacement, text)
            if not found:
                raise AssertionError(f"etc/nginx/ssdfs.conf has no {pattern}")
        with open(f"{self.work}/ssdfs.conf", "w", encoding="utf-8") as file:
            file.write(text)
        temporary = "".join(f"{kind}_temp_path {self.work}/{kind};"
                            for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        with open(f"{self.work}/nginx.conf", "w", encoding="utf-8") as file:
            file.write(f"""daemon off; pid {self.work}/pid; error_log stderr info;
                worker_processes {workers}; user root;
                events {{ }} http {{ access_log {self.work}/access; {temporary}
                {upstream}
                proxy_cache_path {self.work}/cache keys_zone=ssdfs:64m use_temp_path=off;
                server {{ listen {self.server} default_server; include {self.work}/ssdfs.conf; }} }}""")
        with open(f"{self.work}/log", "wb") as log:
            self.process = subprocess.Popen(
                [PROGRAM, "-p", self.work, "-e", "stderr", "-c", f"{self.work}/nginx.conf"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            wait_until(self.answers, "nginx answers")
        except AssertionError as why:
            log = self.log()
            self.close()
            raise AssertionError(f"{why}\n{log}") from why

    def answers(self):
        if self.process.poll() is not None:
            raise AssertionError(f"nginx ended with {self.process.returncode}\n{self.log()}")
        try:
            return request(self.server, "GET", "/healthz")[0] == 200
        except OSError:
            return False

    def log(self):
        with open(f"{self.work}/log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def cached_files(self):
        """How many answers the cache holds."""
        return sum(len(names) for _, _, names in os.walk(f"{self.work}/cache"))

    def close(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait(timeout=30)
        shutil.rmtree(self.work, ignore_errors=True)
