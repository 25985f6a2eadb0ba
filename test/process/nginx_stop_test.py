"""Datanodes that are stopped, killed and brought back behind nginx (etc/nginx/ssdfs.conf), while
visitors look at pictures."""

import http.client
import json
import os
import random
import tempfile
import threading
import time
import unittest

from http_calls import request
from local_cluster import Cluster, wait_until
from nginx import PROGRAM, Nginx


class Visitors:
    """They ask for one picture after the other, always by a new address, so that a datanode has to
    answer, until stop(). What is not the picture is an error."""

    def __init__(self, server, pictures, count=4):
        self.server, self.pictures = server, list(pictures.items())
        self.answers, self.errors = 0, []
        self.ends = threading.Event()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(count)]
        for thread in self.threads:
            thread.start()

    def run(self, number):
        connection = http.client.HTTPConnection(self.server, timeout=60)
        turn = 0
        while not self.ends.is_set():
            turn += 1
            path, content = self.pictures[(turn * 7 + number) % len(self.pictures)]
            try:
                connection.request("GET", f"{path}?{number}.{turn}")
                answer = connection.getresponse()
                body = answer.read()
                if (answer.status, body == content) != (200, True):
                    self.errors.append(f"{path}: {answer.status}, {len(body)} of {len(content)} bytes")
            except (OSError, http.client.HTTPException) as why:
                self.errors.append(f"{path}: {why!r}")
                connection.close()
            self.answers += 1

    def more(self, count):
        """Waits until so many further requests have been answered."""
        until = self.answers + count
        wait_until(lambda: self.answers >= until, "visitors are answered")

    def stop(self):
        self.ends.set()
        for thread in self.threads:
            thread.join()


@unittest.skipUnless(PROGRAM, "nginx is not installed")
class DatanodesThatGo(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(datanodes=3, http=True)
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        rng = random.Random(4)
        cls.pictures = {f"/p/{i}.jpg": rng.randbytes(3000 * (i + 1)) for i in range(30)}
        cls.pictures["/p/long.jpg"] = rng.randbytes(700_000)
        with tempfile.TemporaryDirectory() as work:
            for path, content in cls.pictures.items():
                with open(os.path.join(work, os.path.basename(path)), "wb") as file:
                    file.write(content)
            cls.cluster.ok("put", "-r", "-T", work, "/p")

    def setUp(self):
        self.nginx = Nginx([d.http() for d in self.cluster.datanodes])
        self.addCleanup(self.nginx.close)
        self.node = self.cluster.datanodes[1]

    def visit(self):
        visitors = Visitors(self.nginx.server, self.pictures)
        self.addCleanup(visitors.stop)
        visitors.more(50)
        return visitors

    def state(self):
        """What the master says of the node; quickly, because it may stop at any moment."""
        status = json.loads(request(self.cluster.master.http(), "GET", "/api/v1/status")[2])
        [node] = [n for n in status["nodes"] if n["name"] == self.node.name]
        return node["state"]

    def lost_requests(self):
        """What nginx had sent to a datanode that did not answer it."""
        return [line for line in self.nginx.log().splitlines()
                if "prematurely closed" in line or "reset by peer" in line]

    def test_a_stop_and_a_start_are_not_noticed(self):
        visitors = self.visit()
        for _ in range(2):
            self.assertEqual(self.node.stop(), 0)
            visitors.more(50)
            self.node.start()
            self.cluster.wait_live(3)
            visitors.more(50)
        visitors.stop()
        self.assertEqual(visitors.errors, [])
        self.assertEqual(self.lost_requests(), [])

    def test_a_kill_costs_nobody_a_picture(self):
        visitors = self.visit()
        self.node.kill()
        visitors.more(200)
        self.node.start()
        self.cluster.wait_live(3)
        visitors.more(50)
        visitors.stop()
        self.assertEqual(visitors.errors, [])

    def test_a_stop_is_told_to_the_master_first(self):
        # A connection that is kept open holds the node in the state of stopping for a moment.
        held = http.client.HTTPConnection(self.node.http(), timeout=60)
        held.request("GET", "/readyz")
        self.assertEqual(held.getresponse().read(), b"ready\n")
        self.node.process.terminate()
        wait_until(lambda: self.state() == "stopping", "the master knows", 10)
        held.close()
        self.assertEqual(self.node.process.wait(timeout=60), 0)
        self.node.start()
        self.cluster.wait_live(3)
        wait_until(lambda: self.state() == "live", "it is back")
        self.cluster.wait_healthy()

    def test_a_stop_tells_those_who_keep_connections(self):
        kept = http.client.HTTPConnection(self.node.http(), timeout=60)
        others = [http.client.HTTPConnection(self.node.http(), timeout=60) for _ in range(3)]
        for connection in (kept, *others):
            connection.request("GET", "/healthz")
            answer = connection.getresponse()
            answer.read()
            self.assertIsNone(answer.headers["Connection"])
        self.node.process.terminate()

        def last_answer():
            kept.request("GET", "/readyz")
            answer = kept.getresponse()
            return answer.status, answer.read(), answer.headers["Connection"]
        seen = []
        wait_until(lambda: seen.append(last_answer()) or seen[-1][2] == "close", "the last answer", 10)
        self.assertEqual(seen[-1], (503, b"stopping\n", "close"))
        # Those that nobody asks anything on are ended, and not reset.
        for connection in others:
            self.assertEqual(connection.sock.recv(1), b"")
        for connection in (kept, *others):
            connection.close()
        self.assertEqual(self.node.process.wait(timeout=60), 0)
        self.node.start()
        self.cluster.wait_live(3)

    def test_an_answer_that_has_begun_is_sent_to_its_end(self):
        content = os.urandom(30_000_000)
        with tempfile.NamedTemporaryFile() as file:
            file.write(content)
            file.flush()
            self.cluster.ok("put", "-f", file.name, "/film")
        connection = http.client.HTTPConnection(self.node.http(), timeout=60)
        connection.request("GET", "/fs/film")
        answer = connection.getresponse()
        got = answer.read(1000)
        self.node.process.terminate()
        wait_until(lambda: self.state() == "stopping", "the master knows", 10)
        time.sleep(0.5)  # by now it listens no more
        got += answer.read()
        self.assertEqual(got == content, True)
        connection.close()
        self.assertEqual(self.node.process.wait(timeout=60), 0)
        self.node.start()
        self.cluster.wait_live(3)

    def test_z_all_pictures_come_through_a_rolling_restart(self):
        visitors = self.visit()
        for node in self.cluster.datanodes:
            self.assertEqual(node.stop(), 0)
            node.start()
            self.cluster.wait_live(3)
        visitors.more(50)
        visitors.stop()
        self.assertEqual(visitors.errors, [])
        self.assertEqual(self.lost_requests(), [])
        for path, content in self.pictures.items():
            self.assertEqual(request(self.nginx.server, "GET", path)[2] == content, True, path)


if __name__ == "__main__":
    unittest.main()
