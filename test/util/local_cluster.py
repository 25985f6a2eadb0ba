"""A cluster of real processes on loopback for process tests: one master, some datanodes.

Ports are free ones and stay the same over restarts, so that clients and datanodes find a restarted
server. Only processes that this module started are ended, by pid. Logs are kept in the cluster's
directory, which is removed at the end.
"""

import json
import os
import shutil
import signal
import subprocess
import tempfile
import time

from free_ports import free_port

BINARY = os.environ["SSDFS_TEST_BINARY"]


def wait_until(condition, what, seconds=30):
    """Polls for something that another process brings about."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"not within {seconds} s: {what}")
        time.sleep(0.02)


class Process:
    """One server."""

    def __init__(self, directory, name, arguments):
        self.name = name
        self.directory = directory
        self.arguments = arguments
        self.ready_file = os.path.join(directory, name + ".ready")
        self.log_path = os.path.join(directory, name + ".log")
        self.process = None
        self.prefix = []  # a command to run it under, as "ip netns exec NAME"

    def start(self, wait=True):
        if os.path.exists(self.ready_file):
            os.unlink(self.ready_file)
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SSDFS_")}
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                [*self.prefix, BINARY, *self.arguments, "--ready-file", self.ready_file],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=environment)
        if wait:
            wait_until(self.is_ready, f"{self.name} ready\n{self.log()}", 30)
        return self

    def is_ready(self):
        if self.process.poll() is not None:
            raise AssertionError(f"{self.name} ended with {self.process.returncode}\n{self.log()}")
        return os.path.exists(self.ready_file)

    def kill(self):
        self.process.kill()
        self.process.wait()

    def stop(self):
        """SIGTERM; the exit code."""
        self.process.terminate()
        return self.process.wait(timeout=60)

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def http(self):
        """Where it answers HTTP, "HOST:PORT"."""
        with open(self.ready_file, encoding="utf-8") as file:
            return json.load(file)["http"]

    def running(self):
        return self.process is not None and self.process.poll() is None

    def peak_memory(self):
        """Largest resident size so far, bytes."""
        with open(f"/proc/{self.process.pid}/status", encoding="ascii") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        raise AssertionError("no VmHWM")

    def log(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as file:
            return file.read()[-4000:]


class Cluster:
    """with Cluster(datanodes=2, master=["--dead-after=2s"]) as c: ..."""

    def __init__(self, datanodes=2, master=(), datanode=(), capacity=None, http=False):
        self.directory = tempfile.mkdtemp(prefix="ssdfs-cluster-")
        self.address = f"127.0.0.1:{free_port()}"
        self.master = Process(self.directory, "master", [
            "--role=master", f"--data-dir={self.directory}/master", f"--listen={self.address}",
            "--http=127.0.0.1:0", "--heartbeat-interval=200ms", "--stale-after=1s", *master])
        self.datanodes = []
        for i in range(1, datanodes + 1):
            room = f":{capacity}" if capacity else ""
            self.datanodes.append(Process(self.directory, f"node{i}", [
                "--role=datanode", f"--data-dir={self.directory}/node{i}{room}",
                f"--listen=127.0.0.1:{free_port()}",
                f"--http=127.0.0.1:{free_port()}" if http else "--http=off",
                f"--master={self.address}",
                f"--name=node{i}", "--reserved=0", *datanode]))

    def __enter__(self):
        try:
            self.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind, value, trace):
        if kind is not None:
            for p in self.processes():
                print(f"--- log of {p.name}\n{p.log() if p.process else ''}")
        self.close()

    def processes(self):
        return [self.master, *self.datanodes]

    def start(self):
        for p in self.processes():
            if not p.running():
                p.start(wait=False)
        for p in self.processes():
            wait_until(p.is_ready, f"{p.name} ready", 60)
        self.wait_live(len(self.datanodes))

    def kill_all(self):
        for p in self.processes():
            if p.running():
                p.kill()

    def close(self):
        for p in self.processes():
            if p.running():
                p.go_on()
                p.kill()
        shutil.rmtree(self.directory, ignore_errors=True)

    def run(self, *arguments, timeout=120, **options):
        """A client command; the finished process."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("SSDFS_")}
        environment["SSDFS_MASTER"] = self.address
        options.setdefault("stdin", subprocess.DEVNULL)
        # Names that are not UTF-8 are printed as they are.
        decode = {"text": True, "errors": "replace"} if options.pop("text", True) else {}
        return subprocess.run([BINARY, *arguments], capture_output=True, check=False,
                              timeout=timeout, env=environment, **decode, **options)

    def ok(self, *arguments, **options):
        """A client command that must succeed; its output."""
        done = self.run(*arguments, **options)
        if done.returncode != 0:
            raise AssertionError(f"{arguments}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout

    def report(self):
        return json.loads(self.ok("admin", "report", "--json"))

    def volumes(self):
        return [json.loads(line) for line in self.ok("admin", "volumes", "--json").splitlines()]

    def wait_live(self, count, seconds=30):
        def live():
            nodes = self.report()["nodes"]
            return sum(n["state"] == "live" for n in nodes) >= count
        wait_until(live, f"{count} datanodes live", seconds)

    def wait_healthy(self, seconds=60):
        """Every volume open, or closed with all its copies."""
        def healthy():
            report = self.report()
            if report["missing"] or report["corrupt"]:
                return False
            return all(v["state"] == "open" or
                       (v["state"] == "closed" and v["reason"] == "healthy")
                       for v in self.volumes())
        wait_until(healthy, "all volumes healthy", seconds)
