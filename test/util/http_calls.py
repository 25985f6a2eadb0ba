"""Requests as tests send them: with http.client, and with curl."""

import http.client
import os
import subprocess
import tempfile


def request(server, method, path, body=None, headers=None):
    """One request on a connection of its own: status, headers (lower case), body."""
    connection = http.client.HTTPConnection(server, timeout=60)
    try:
        connection.request(method, path, body=body, headers=headers or {})
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, content
    finally:
        connection.close()


def get(server, path, **headers):
    return request(server, "GET", path,
                   headers={k.replace("_", "-"): v for k, v in headers.items()})


class Curl:
    """What curl saw: status, header lines, body."""

    def __init__(self, url, *arguments):
        with tempfile.TemporaryDirectory() as work:
            head, body = os.path.join(work, "head"), os.path.join(work, "body")
            done = subprocess.run(
                ["curl", "-sS", "--max-time", "60", "-D", head, "-o", body, *arguments, url],
                capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise AssertionError(f"curl {arguments} {url}: {done.stderr}")
            with open(head, encoding="latin-1") as file:
                # The last head is the answer's: "100 Continue" has one, too.
                lines = file.read().replace("\r", "").strip().split("\n\n")[-1].split("\n")
            self.status = int(lines[0].split()[1])
            self.headers = {}
            for line in lines[1:]:
                name, _, value = line.strip().partition(":")
                self.headers[name.lower()] = value.strip()
            self.body = b""
            if os.path.exists(body) and "-I" not in arguments:
                with open(body, "rb") as file:
                    self.body = file.read()
