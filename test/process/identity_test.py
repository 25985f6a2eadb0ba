"""Who a node is and where its disk is: addresses that two nodes claim or that mean nothing to others,
disks that are not mounted, racks that changed, and names with several addresses."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from free_ports import free_port
from http_calls import get
from local_cluster import BINARY, Cluster, Process, wait_until

FILES = 60


def can_mount():
    """Whether a mount namespace of its own can be had."""
    done = subprocess.run(["unshare", "-m", "true"], capture_output=True, check=False)
    return os.geteuid() == 0 and done.returncode == 0


def bound(source, target):
    """The prefix of a process that sees `source` at `target`, as nobody else does."""
    return ["unshare", "-m", "sh", "-c",
            f"mount --bind '{source}' '{target}' && exec \"$@\"", "sh"]


class Files:
    """Some small files in the cluster, and the same outside."""

    def __init__(self, test, cluster, top):
        self.cluster = cluster
        self.top = top
        self.local = tempfile.mkdtemp(prefix="ssdfs-identity-")
        test.addCleanup(shutil.rmtree, self.local)
        for i in range(FILES):
            with open(os.path.join(self.local, str(i)), "wb") as f:
                f.write(os.urandom(3_000))
        cluster.ok("put", "-r", "-T", self.local, top)

    def check(self):
        self.cluster.ok("verify", "-r", self.local, self.top)


class Addresses(unittest.TestCase):
    def test_the_later_of_two_nodes_with_one_address_is_refused_and_both_are_named(self):
        with Cluster(datanodes=1) as c:
            first = c.report()["nodes"][0]
            address = c.datanodes[0].arguments[2].split("=", 1)[1]
            copied = Process(c.directory, "copied", [
                "--role=datanode", f"--data-dir={c.directory}/copied",
                f"--listen=127.0.0.1:{free_port()}", f"--advertise={address}",
                f"--http=127.0.0.1:{free_port()}", f"--master={c.address}", "--name=copied",
                "--reserved=0"])
            c.datanodes.append(copied)
            copied.start()
            status, _, body = wait_until(
                lambda: (lambda a: a if b"which is live" in a[2] else None)(
                    get(copied.http(), "/readyz")), "the refusal in /readyz")
            self.assertEqual(status, 503)
            for text in (body.decode(), copied.log(), c.master.log()):
                self.assertIn(f"{address} is the address of node {first['node']}", text)
            self.assertEqual([n["node"] for n in c.report()["nodes"]], [first["node"]])
            # Without the borrowed address it is welcome.
            copied.stop()
            copied.arguments = [a for a in copied.arguments if not a.startswith("--advertise")]
            copied.start()
            c.wait_live(2)
            self.assertEqual(get(copied.http(), "/readyz")[0], 200)

    def test_an_address_that_nobody_can_connect_to_is_not_told(self):
        for address in ("0.0.0.0:9612", "[::]:9612", "*:9612", ":9612", "[::ffff:0.0.0.0]:9612",
                        "host:0"):
            for option in ("--advertise", "--advertise-http"):
                done = subprocess.run([BINARY, "--role=datanode", f"{option}={address}"],
                                      capture_output=True, text=True, check=False, timeout=30)
                self.assertEqual(done.returncode, 2, (option, address))
                self.assertEqual(len(done.stderr.strip().splitlines()), 1, done.stderr)
                self.assertIn(option[2:], done.stderr)

    def test_a_loopback_node_hears_when_nodes_are_elsewhere(self):
        """The address of another machine is claimed, not used: what the master is told counts."""
        with Cluster(datanodes=1, http=True) as c:
            local = c.datanodes[0]
            self.assertEqual(get(local.http(), "/readyz")[0], 200)
            elsewhere = Process(c.directory, "elsewhere", [
                "--role=datanode", f"--data-dir={c.directory}/elsewhere",
                f"--listen=127.0.0.1:{free_port()}", "--advertise=192.0.2.7:9610", "--http=off",
                f"--master={c.address}", "--name=elsewhere", "--reserved=0"])
            c.datanodes.append(elsewhere)
            elsewhere.start()
            answer = wait_until(
                lambda: (lambda a: a if a[0] == 503 else None)(get(local.http(), "/readyz")),
                "the loopback node is not ready")
            self.assertIn(b"loopback address", answer[2])
            self.assertIn("--advertise", local.log())
            states = {n["name"]: n["state"] for n in c.report()["nodes"]}
            self.assertEqual(states, {"node1": "unreachable", "elsewhere": "live"})

    def test_a_name_whose_first_address_is_silent_is_reached_over_the_second(self):
        if not can_mount():
            self.skipTest("needs root and mount namespaces, for a hosts file of its own")
        with Cluster(datanodes=1) as c:
            port = int(c.address.rsplit(":", 1)[1])
            hosts = os.path.join(c.directory, "hosts")
            with open(hosts, "w", encoding="ascii") as f:
                f.write("127.0.0.1 localhost\n127.0.0.2 two-faces\n127.0.0.1 two-faces\n")
            own_hosts = bound(hosts, "/etc/hosts")
            with socket.socket() as silent:
                silent.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                silent.bind(("127.0.0.2", port))
                silent.listen(50)  # takes connections and says nothing
                began = time.monotonic()
                done = subprocess.run(
                    [*own_hosts, BINARY, "ls", f"--master=two-faces:{port}", "/"],
                    capture_output=True, text=True, check=False, timeout=60)
                self.assertEqual(done.returncode, 0, done.stderr)
                self.assertLess(time.monotonic() - began, 20)
                second = Process(c.directory, "second", [
                    "--role=datanode", f"--data-dir={c.directory}/second",
                    f"--listen=127.0.0.1:{free_port()}", "--http=off",
                    f"--master=two-faces:{port}", "--reserved=0"])
                second.prefix = own_hosts
                c.datanodes.append(second)
                second.start()
                c.wait_live(2)

    def test_a_name_that_moves_to_another_address_is_looked_up_again(self):
        if not can_mount():
            self.skipTest("needs root and mount namespaces, for a hosts file of its own")
        with tempfile.TemporaryDirectory() as work:
            hosts = os.path.join(work, "hosts")

            def point_to(address):
                with open(hosts, "w", encoding="ascii") as f:
                    f.write(f"127.0.0.1 localhost\n{address} moving\n")
            point_to("127.0.0.2")
            port = free_port()
            own_hosts = bound(hosts, "/etc/hosts")
            master = Process(work, "master", [
                "--role=master", f"--data-dir={work}/m", f"--listen=127.0.0.2:{port}",
                "--http=off"])
            node = Process(work, "node", [
                "--role=datanode", f"--data-dir={work}/n", f"--listen=127.0.0.1:{free_port()}",
                f"--http=127.0.0.1:{free_port()}", f"--master=moving:{port}"])
            node.prefix = own_hosts
            for p in (master, node):
                p.start()
                self.addCleanup(lambda p=p: p.running() and p.kill())
            wait_until(lambda: get(node.http(), "/readyz")[0] == 200, "ready")
            master.stop()
            point_to("127.0.0.3")
            master.arguments[2] = f"--listen=127.0.0.3:{port}"
            master.start()
            wait_until(lambda: get(node.http(), "/readyz")[0] == 503, "the loss is noticed")
            wait_until(lambda: get(node.http(), "/readyz")[0] == 200, "ready again", 60)

    def test_a_node_that_comes_back_at_another_address_is_found_there(self):
        with Cluster(datanodes=2) as c:
            files = Files(self, c, "/p")
            moved = c.datanodes[0]
            moved.stop()
            moved.arguments[2] = f"--listen=127.0.0.1:{free_port()}"
            c.datanodes[1].stop()
            moved.start()
            files.check()

    def test_an_address_that_needs_an_interface_is_refused(self):
        with Cluster(datanodes=1) as c:
            node = Process(c.directory, "local", [
                "--role=datanode", f"--data-dir={c.directory}/local",
                f"--listen=127.0.0.1:{free_port()}", "--advertise=[fe80::1%eth0]:9610",
                "--http=off", f"--master={c.address}", "--reserved=0"])
            c.datanodes.append(node)
            node.start()
            wait_until(lambda: "means nothing without an interface" in node.log(), "the refusal")
            self.assertEqual(len(c.report()["nodes"]), 1)

    def test_addresses_of_ipv6_keep_their_brackets(self):
        try:
            with socket.socket(socket.AF_INET6) as s:
                s.bind(("::1", 0))
        except OSError as why:
            self.skipTest(f"no IPv6 on the loopback interface: {why}")
        with tempfile.TemporaryDirectory() as work:
            port = free_port()
            master = Process(work, "master", [
                "--role=master", f"--data-dir={work}/m", f"--listen=[::1]:{port}", "--http=off"])
            node = Process(work, "node", [
                "--role=datanode", f"--data-dir={work}/n", "--listen=[::1]:0", "--http=[::1]:0",
                f"--master=[::1]:{port}"])
            for p in (master, node):
                p.start()
                self.addCleanup(lambda p=p: p.running() and p.kill())

            def report():
                done = subprocess.run([BINARY, "admin", "report", "--json",
                                       f"--master=[::1]:{port}"],
                                      capture_output=True, text=True, check=True, timeout=60)
                return json.loads(done.stdout)["nodes"]
            wait_until(report, "registered")
            self.assertRegex(report()[0]["address"], r"^\[::1\]:\d+$")
            self.assertRegex(report()[0]["http"], r"^\[::1\]:\d+$")

    def test_a_server_listens_on_all_addresses_of_a_name(self):
        if not can_mount():
            self.skipTest("needs root and mount namespaces, for a hosts file of its own")
        with tempfile.TemporaryDirectory() as work:
            hosts = os.path.join(work, "hosts")
            with open(hosts, "w", encoding="ascii") as f:
                f.write("127.0.0.1 localhost\n127.0.0.2 two-faces\n127.0.0.3 two-faces\n")
            master = Process(work, "master", [
                "--role=master", f"--data-dir={work}/m", "--listen=two-faces:0",
                "--http=two-faces:0"])
            master.prefix = bound(hosts, "/etc/hosts")
            master.start()
            self.addCleanup(master.kill)
            with open(master.ready_file, encoding="utf-8") as f:
                ready = json.load(f)
            ports = [int(ready[name].rsplit(":", 1)[1]) for name in ("listen", "http")]
            for host in ("127.0.0.2", "127.0.0.3"):
                for port in ports:
                    socket.create_connection((host, port), timeout=10).close()
            with self.assertRaises(OSError):
                socket.create_connection(("127.0.0.1", ports[0]), timeout=10)


class Mounts(unittest.TestCase):
    def setUp(self):
        if not can_mount():
            self.skipTest("needs root and mount namespaces")

    @staticmethod
    def with_mount(cluster):
        """The first node keeps its second directory below a mount point; what is mounted is there
        only for processes with the prefix."""
        mount = os.path.join(cluster.directory, "mount")
        disk = os.path.join(cluster.directory, "disk")
        os.mkdir(mount)
        os.mkdir(disk)
        return mount, bound(disk, mount)

    def test_a_disk_that_is_not_mounted_counts_as_failed_and_is_there_again_later(self):
        c = Cluster(datanodes=2)
        mount, prefix = self.with_mount(c)
        node = c.datanodes[0]
        node.prefix = prefix
        node.arguments[1] += f",{mount}/ssdfs"
        with c:
            files = Files(self, c, "/p")
            identities = {n["name"]: n["node"] for n in c.report()["nodes"]}
            self.assertEqual(node.stop(), 0)
            node.prefix = []  # as if `mount` had been forgotten
            node.start()
            c.wait_live(2)
            files.check()
            self.assertEqual(os.listdir(mount), [])
            self.assertIn("is its disk mounted?", node.log())
            disks = {d["path"]: d["failed"] for n in c.report()["nodes"] if n["name"] == "node1"
                     for d in n["disks"]}
            self.assertEqual(disks[f"{mount}/ssdfs"], True)
            self.assertEqual(sum(disks.values()), 1)
            self.assertEqual(node.stop(), 0)
            node.prefix = prefix
            node.start()
            c.wait_live(2)
            files.check()
            self.assertEqual({n["name"]: n["node"] for n in c.report()["nodes"]}, identities)
            c.wait_healthy()

    def test_a_node_without_its_only_disk_does_not_begin_anew_under_the_old_address(self):
        c = Cluster(datanodes=2)
        mount, prefix = self.with_mount(c)
        node = c.datanodes[0]
        node.prefix = prefix
        node.arguments[1] = f"--data-dir={mount}/ssdfs"
        with c:
            files = Files(self, c, "/p")
            identities = {n["node"] for n in c.report()["nodes"]}
            self.assertEqual(node.stop(), 0)
            node.prefix = []
            node.start()
            wait_until(lambda: "is the disk of its data directory mounted?" in node.log(),
                       "the refusal in the log")
            self.assertIn("a new node begins here", node.log())
            self.assertIn("a datanode is refused", c.master.log())
            self.assertEqual({n["node"] for n in c.report()["nodes"]}, identities)
            self.assertEqual(node.stop(), 0)
            shutil.rmtree(os.path.join(mount, "ssdfs"))
            node.prefix = prefix
            node.start()
            c.wait_live(2)
            files.check()
            self.assertEqual({n["node"] for n in c.report()["nodes"]}, identities)

    def test_space_is_that_of_the_disk_with_the_volumes(self):
        c = Cluster(datanodes=1)
        node = c.datanodes[0]
        volumes = os.path.join(c.directory, "node1", "volumes")
        os.makedirs(volumes)
        node.prefix = ["unshare", "-m", "sh", "-c",
                       f"mount -t tmpfs -o size=64m none '{volumes}' && exec \"$@\"", "sh"]
        with c:
            reported = c.report()["nodes"][0]
            self.assertLessEqual(reported["capacity_bytes"], 64 << 20)
            self.assertGreater(reported["capacity_bytes"], 60 << 20)

    def test_two_directories_of_one_disk_count_once(self):
        c = Cluster(datanodes=1)
        node = c.datanodes[0]
        node.arguments[1] += f",{c.directory}/more"
        with c:
            space = os.statvfs(c.directory)
            whole = space.f_frsize * space.f_blocks
            reported = c.report()["nodes"][0]
            self.assertLess(abs(reported["capacity_bytes"] - whole), whole * 0.01)
            self.assertIn("are on one disk", node.log())


class Racks(unittest.TestCase):
    def test_copies_in_one_rack_are_counted_and_move(self):
        with Cluster(datanodes=3, master=["--volume-size=2MiB"]) as c:
            for node in c.datanodes:
                node.stop()
            for node in c.datanodes[:2]:
                node.arguments.append("--rack=/a")
                node.start()
            c.wait_live(2)
            files = Files(self, c, "/p")
            third = c.datanodes[2]
            third.arguments.append("--rack=/b/")
            third.start()
            c.wait_live(3)
            for volume in c.volumes():
                c.ok("admin", "seal", volume["volume"])

            def spread():
                # Closed, moved, and perhaps opened again.
                filled = [v for v in c.volumes() if v["chunks"]]
                return filled and all("node3" in [r["name"] for r in v["replicas"]] for v in filled)
            wait_until(spread, "copies in both racks", 90)
            files.check()
            self.assertIn("healthy", c.ok("fsck", "/"))


if __name__ == "__main__":
    unittest.main()
