"""What a service manager hears of a server: readiness, the watchdog, reloading, stopping."""

import os
import select
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import unittest

BINARY = os.environ["SSDFS_TEST_BINARY"]
WATCHDOG_USEC = 300_000


class ServiceManager(unittest.TestCase):
    def setUp(self):
        self.work = tempfile.mkdtemp(prefix="ssdfs-notify-")
        self.addCleanup(shutil.rmtree, self.work)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.socket.bind(os.path.join(self.work, "notify"))
        self.process = None
        self.addCleanup(self.end)

    def end(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def start(self, **variables):
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SSDFS_")}
        with open(os.path.join(self.work, "log"), "ab") as log:
            self.process = subprocess.Popen(
                [BINARY, "--role=all", "--listen=127.0.0.1:0", "--http=127.0.0.1:0",
                 "--config=/dev/null", f"--data-dir={self.work}/data"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                env={**clean, "NOTIFY_SOCKET": self.socket.getsockname(), **variables})

    def heard(self, seconds):
        """The next message's lines; None if none comes."""
        if not select.select([self.socket], [], [], seconds)[0]:
            return None
        return self.socket.recv(4096).decode().splitlines()

    def wait_for(self, line, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            lines = self.heard(end - time.monotonic())
            if lines and line in lines:
                return
        with open(os.path.join(self.work, "log"), encoding="utf-8") as log:
            self.fail(f"no {line} within {seconds} s:\n{log.read()}")

    def drain(self):
        while self.heard(0):
            pass

    def test_readiness_watchdog_reload_and_stop(self):
        self.start(WATCHDOG_USEC=str(WATCHDOG_USEC))
        self.wait_for("READY=1")
        # Twice at least within each limit.
        self.drain()
        began = time.monotonic()
        for _ in range(5):
            self.wait_for("WATCHDOG=1", 10)
        self.assertLess(time.monotonic() - began, 5 * WATCHDOG_USEC / 1e6)

        # A process that hangs says nothing; one that goes on does again.
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(0.05)  # a message that was under way
        self.drain()
        self.assertIsNone(self.heard(3 * WATCHDOG_USEC / 1e6))
        self.process.send_signal(signal.SIGCONT)
        self.wait_for("WATCHDOG=1", 10)

        self.process.send_signal(signal.SIGHUP)
        self.wait_for("RELOADING=1")
        self.wait_for("READY=1")
        self.process.terminate()
        self.wait_for("STOPPING=1")
        self.assertEqual(self.process.wait(timeout=60), 0)

    def test_no_watchdog_for_another_process(self):
        self.start(WATCHDOG_USEC=str(WATCHDOG_USEC), WATCHDOG_PID="1")
        self.wait_for("READY=1")
        self.assertIsNone(self.heard(3 * WATCHDOG_USEC / 1e6))


if __name__ == "__main__":
    unittest.main()
