"""Nodes that come back elsewhere, files that go away under a running node, and IPv6."""

import glob
import os
import shutil
import tempfile
import unittest

from free_ports import free_port
from http_calls import Curl, request
from local_cluster import Cluster, Process, wait_until


class Returning(unittest.TestCase):
    def picture(self, size=200_000):
        work = tempfile.NamedTemporaryFile(prefix="ssdfs-returning-")
        self.addCleanup(work.close)
        work.write(os.urandom(size))
        work.flush()
        return work.name

    def test_a_datanode_under_another_address_is_the_same_node(self):
        picture = self.picture()
        with Cluster(datanodes=2) as c:
            c.ok("put", picture, "/before")
            node = c.datanodes[0]
            ids = {n["node"] for n in c.report()["nodes"]}
            node.stop()
            node.arguments = [f"--listen=127.0.0.1:{free_port()}" if a.startswith("--listen=") else a
                              for a in node.arguments]
            node.start()
            c.wait_live(2)
            self.assertEqual({n["node"] for n in c.report()["nodes"]}, ids)
            for i in range(10):
                c.ok("put", picture, f"/after/{i}")
            c.ok("verify", picture, "/before")
            # Both have everything, also the one that moved.
            c.datanodes[1].kill()
            for i in range(10):
                c.ok("verify", picture, f"/after/{i}")

    def test_a_volume_file_that_is_removed_under_a_running_node_is_noticed_and_made_again(self):
        picture = self.picture()
        with Cluster(datanodes=3, master=["--volume-size=2MiB"]) as c:
            for i in range(12):
                c.ok("put", picture, f"/k/{i}")
            victims = glob.glob(f"{c.directory}/node1/volumes/*.vol")
            os.unlink(victims[0])
            for i in range(12, 24):
                c.ok("put", picture, f"/k/{i}")
            c.ok("admin", "scrub", "--wait")
            wait_until(lambda: "healthy" in c.run("fsck").stdout, "healthy again", 60)
            c.datanodes[0].stop()
            c.datanodes[0].start()
            c.wait_live(3)
            for i in range(24):
                c.ok("verify", picture, f"/k/{i}")

    def test_what_is_put_is_read_by_everybody_at_once(self):
        with Cluster(datanodes=2, http=True, datanode=["--http-write=on"]) as c:
            servers = [p.http() for p in c.processes()]
            for i in range(15):
                path, content = f"/fs/new/{i}", str(i).encode()
                for server in servers:
                    self.assertEqual(request(server, "GET", path)[0], 404)
                self.assertEqual(request(servers[1], "PUT", path, body=content)[0], 201)
                for server in servers:
                    self.assertEqual(request(server, "GET", path)[::2], (200, content), server)

    def test_addresses_of_the_sixth_version(self):
        picture = self.picture()
        directory = tempfile.mkdtemp(prefix="ssdfs-returning-")
        self.addCleanup(shutil.rmtree, directory)
        with Cluster(datanodes=0) as c:  # for its commands
            c.address = f"[::1]:{free_port()}"
            master = Process(directory, "master", [
                "--role=master", f"--data-dir={directory}/m", f"--listen={c.address}", "--http=[::1]:0",
                "--replication=1"])
            node = Process(directory, "node", [
                "--role=datanode", f"--data-dir={directory}/d", "--listen=[::1]:0", "--http=[::1]:0",
                f"--master={c.address}", "--http-write=on"])
            try:
                master.start()
                node.start()
                c.wait_live(1)
                c.ok("put", picture, "/a")
                c.ok("verify", picture, "/a")
                with open(picture, "rb") as file:
                    content = file.read()
                for url in (f"http://{node.http()}/fs/a", f"http://{master.http()}/fs/a?redirect=1",
                            f"http://{master.http()}/webhdfs/v1/a?op=OPEN"):
                    got = Curl(url, "-g", "-L")
                    self.assertEqual((got.status, got.body == content), (200, True), url)
            finally:
                for p in (node, master):
                    if p.running():
                        p.kill()


if __name__ == "__main__":
    unittest.main()
