"""A headless Chromium, driven over its DevTools protocol with nothing but the standard library."""

import base64
import json
import os
import select
import shutil
import socket
import struct
import subprocess
import tempfile
import time


class WebSocket:
    """The client's side of RFC 6455, as far as a local DevTools server needs it."""

    def __init__(self, host, port, path):
        self.socket = socket.create_connection((host, port), timeout=30)
        key = base64.b64encode(os.urandom(16)).decode()
        self.socket.sendall((f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUpgrade: websocket\r\n"
                             f"Connection: Upgrade\r\nSec-WebSocket-Key: {key}\r\n"
                             "Sec-WebSocket-Version: 13\r\n\r\n").encode())
        self.buffer = b""
        while b"\r\n\r\n" not in self.buffer:
            self.buffer += self.receive_some()
        head, self.buffer = self.buffer.split(b"\r\n\r\n", 1)
        assert b" 101 " in head.split(b"\r\n")[0], head

    def receive_some(self):
        data = self.socket.recv(1 << 16)
        if not data:
            raise ConnectionError("the browser has gone")
        return data

    def take(self, count):
        while len(self.buffer) < count:
            self.buffer += self.receive_some()
        out, self.buffer = self.buffer[:count], self.buffer[count:]
        return out

    def send(self, text):
        data = text.encode()
        head = b"\x81"
        if len(data) < 126:
            head += struct.pack("!B", 0x80 | len(data))
        elif len(data) < 1 << 16:
            head += struct.pack("!BH", 0x80 | 126, len(data))
        else:
            head += struct.pack("!BQ", 0x80 | 127, len(data))
        # The mask may be zeros: what is sent is no secret here.
        self.socket.sendall(head + bytes(4) + data)

    def receive(self):
        message = b""
        while True:
            first, second = self.take(2)
            length = second & 127
            if length == 126:
                length = struct.unpack("!H", self.take(2))[0]
            elif length == 127:
                length = struct.unpack("!Q", self.take(8))[0]
            data = self.take(length)
            if first & 15 in (0, 1, 2):
                message += data
                if first & 128:
                    return message.decode()

    def waiting(self, seconds):
        return bool(self.buffer) or bool(select.select([self.socket], [], [], seconds)[0])


class Page:
    """with Page() as page: page.open(url); page.evaluate("document.title")"""

    def __init__(self):
        self.program = shutil.which("chromium") or shutil.which("chromium-browser")
        self.work = tempfile.mkdtemp(prefix="ssdfs-chromium-")
        self.next_id = 0
        self.errors = []    # of the console, exceptions, failed loads
        self.requests = []  # addresses

    @staticmethod
    def available():
        return bool(shutil.which("chromium") or shutil.which("chromium-browser"))

    def __enter__(self):
        with open(os.path.join(self.work, "log"), "wb") as log:
            self.process = subprocess.Popen(
                [self.program, "--headless=new", "--no-sandbox", "--disable-gpu",
                 "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
                 "--disable-component-update", "--disable-sync", "--hide-scrollbars",
                 "--remote-debugging-port=0", "--remote-allow-origins=*",
                 f"--user-data-dir={self.work}/profile", "about:blank"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.connect()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind, value, trace):
        self.close()

    def close(self):
        self.process.kill()
        self.process.wait()
        # Its helpers may still be writing.
        for _ in range(50):
            shutil.rmtree(self.work, ignore_errors=True)
            if not os.path.exists(self.work):
                break
            time.sleep(0.1)

    def connect(self):
        path = os.path.join(self.work, "profile/DevToolsActivePort")
        end = time.monotonic() + 60
        while True:
            if self.process.poll() is not None or time.monotonic() > end:
                with open(os.path.join(self.work, "log"), encoding="utf-8", errors="replace") as log:
                    raise AssertionError("Chromium did not start\n" + log.read()[-2000:])
            if os.path.exists(path):
                with open(path, encoding="ascii") as file:
                    lines = file.read().split()
                if len(lines) == 2:
                    break
            time.sleep(0.05)
        self.socket = WebSocket("127.0.0.1", int(lines[0]), lines[1])
        self.session = None
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.call(domain + ".enable")

    def call(self, method, **parameters):
        self.next_id += 1
        message = {"id": self.next_id, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        self.socket.send(json.dumps(message))
        while True:
            answer = json.loads(self.socket.receive())
            if answer.get("id") == self.next_id:
                if "error" in answer:
                    raise AssertionError(f"{method}: {answer['error']}")
                return answer["result"]
            self.note(answer)

    def note(self, event):
        parameters = event.get("params", {})
        kind = event.get("method")
        if kind == "Runtime.exceptionThrown":
            self.errors.append(json.dumps(parameters["exceptionDetails"])[:500])
        elif kind == "Log.entryAdded" and parameters["entry"]["level"] in ("error", "warning"):
            self.errors.append(parameters["entry"]["text"] + " " + parameters["entry"].get("url", ""))
        elif kind == "Runtime.consoleAPICalled" and parameters["type"] in ("error", "warning", "assert"):
            self.errors.append(json.dumps(parameters["args"])[:500])
        elif kind == "Network.requestWillBeSent":
            self.requests.append(parameters["request"]["url"])

    def open(self, url):
        self.call("Page.navigate", url=url)

    def evaluate(self, expression):
        out = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in out:
            raise AssertionError(f"{expression}: {out['exceptionDetails']}")
        return out["result"].get("value")

    def wait_for(self, expression, seconds=20):
        """Until the expression is true; how long that took."""
        began = time.monotonic()
        while not self.evaluate(f"Boolean({expression})"):
            if time.monotonic() - began > seconds:
                raise AssertionError(f"not within {seconds} s: {expression}; errors: {self.errors}")
            time.sleep(0.05)
        return time.monotonic() - began

    def size(self, width, height, mobile=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height,
                  deviceScaleFactor=1, mobile=mobile)

    def dark(self, on):
        self.call("Emulation.setEmulatedMedia",
                  features=[{"name": "prefers-color-scheme", "value": "dark" if on else "light"}])

    def key(self, name, code, text=None):
        for kind in ("keyDown", "keyUp"):
            extra = {"text": text} if text and kind == "keyDown" else {}
            self.call("Input.dispatchKeyEvent", type=kind, key=name, code=name,
                      windowsVirtualKeyCode=code, **extra)

    def screenshot(self, path):
        """Of the whole page."""
        box = self.call("Page.getLayoutMetrics")["cssContentSize"]
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True,
                         clip={"x": 0, "y": 0, "width": box["width"], "height": box["height"], "scale": 1})
        with open(path, "wb") as file:
            file.write(base64.b64decode(data["data"]))
