"""What one client's word does to others: writes, commits and uploads by hand, right and wrong ones."""

import itertools
import json
import os
import re
import shutil
import tempfile
import threading
import time
import unittest
import urllib.request
import uuid

import wire_client
from local_cluster import Cluster, wait_until

MASTER = ["--volume-size=8MiB", "--delete-grace=500ms", "--trash-expiry=0s", "--dead-after=5s"]


def volume_of(cluster, number):
    return next(v for v in cluster.volumes() if int(v["volume"]) == number)


def is_whole(volume, after):
    """Closed and compared, or opened again since."""
    return volume["reason"] == "healthy" or (
        volume["state"] == "open" and volume["generation"] > after)


def close_volume(cluster, grant, client):
    """Ends the grant, seals the volume, and waits until its copies have been compared."""
    client.end_grant(grant)
    cluster.ok("admin", "seal", str(grant["volume"]))
    wait_until(lambda: is_whole(volume_of(cluster, grant["volume"]), grant["generation"]),
               "volume closed and whole", 60)


class StrangersTest(unittest.TestCase):
    def test_a_write_that_names_other_nodes_than_the_members_seals_nothing(self):
        with Cluster(master=MASTER) as cluster:
            client = wire_client.Client([cluster.address])
            grant = client.grant()
            first, second = grant["members"]
            content = os.urandom(1000)
            # Nobody listens there; neither in place of the second member nor behind it.
            nobody = (str(uuid.uuid4()), "127.0.0.1:9")
            for i, members in enumerate(([first, nobody], [first, second, nobody], [first],
                                         [second, first], [nobody])):
                for round_ in range(4):
                    with self.assertRaises(wire_client.Refused) as refused:
                        wire_client.write_chunk(first[1], grant, grant["first"] + 4 * i + round_,
                                                content, wire_client.chain_of(members))
                    self.assertIn(refused.exception.status,
                                  (wire_client.STALE_GENERATION, wire_client.INVALID_ARGUMENT))
            # The right nodes at a wrong address: the bytes go where the master said.
            wrong = wire_client.chain_of([first, (second[0], "127.0.0.1:9")])
            wire_client.write_chunk(first[1], grant, grant["first"] + 40, content, wrong)
            client.commit("/written", grant, grant["first"] + 40, content)
            time.sleep(1)  # what a node reports comes with a heartbeat, 200 ms apart
            self.assertEqual(volume_of(cluster, grant["volume"])["state"], "open")
            self.assertEqual(cluster.ok("cat", "/written", text=False), content)

    def test_a_key_that_nobody_was_granted_is_not_written(self):
        with Cluster(datanodes=1, master=[*MASTER, "--replication=1"]) as cluster:
            client = wire_client.Client([cluster.address])
            content = os.urandom(1000)
            for _ in range(8):  # all volumes that there are, and then opened again
                grant = client.grant()
                address = grant["members"][0][1]
                behind = grant["first"] + grant["count"]
                for key in (4_000_000_000, grant["first"] - 1, *range(behind, behind + 20)):
                    self.refused(wire_client.PERMISSION_DENIED, address, grant, key, content)
                wire_client.write_chunk(address, grant, grant["first"], content)
                close_volume(cluster, grant, client)
            with tempfile.NamedTemporaryFile() as file:
                file.write(content)
                file.flush()
                for i in range(10):
                    cluster.ok("put", "--timeout=5s", file.name, f"/f{i}")
            self.assertEqual(cluster.ok("cat", "/f9", text=False), content)

    def refused(self, status, address, grant, key, content, **how):
        with self.assertRaises(wire_client.Refused) as refused:
            wire_client.write_chunk(address, grant, key, content, **how)
        self.assertEqual(refused.exception.status, status, str(refused.exception))
        return str(refused.exception)

    def test_a_write_shows_a_ticket_for_just_this_or_is_refused_and_harms_nothing(self):
        with Cluster(http=True, master=MASTER) as cluster:
            writer = wire_client.Client([cluster.address])
            stranger = wire_client.Client([cluster.address])
            mine, theirs = writer.grant(), stranger.grant()
            content = os.urandom(1000)
            first, second = (m[1] for m in mine["members"])
            denied = wire_client.PERMISSION_DENIED
            def bad(key, **how):
                return self.refused(denied, first, mine, key, content, **how)
            self.assertIn("not granted", bad(mine["first"], ticket=b""))
            self.assertIn("not granted", bad(mine["first"] + mine["count"]))
            bad(mine["first"], ticket=mine["ticket"][:-1] + bytes([mine["ticket"][-1] ^ 1]))
            # With more keys, with the ticket of another's grant, and for another's keys with his own.
            more = bytearray(mine["ticket"])
            more[12:16] = (0xffffff).to_bytes(4, "little")
            bad(mine["first"], ticket=bytes(more))
            bad(mine["first"], ticket=theirs["ticket"])
            self.refused(denied, theirs["members"][0][1], theirs, theirs["first"], content,
                         ticket=mine["ticket"])
            # In the middle of the chain, where only members write.
            self.refused(denied, second, mine, mine["first"], content)
            old = bytearray(mine["ticket"])
            old[4:8] = (int.from_bytes(old[4:8], "little") - 3).to_bytes(4, "little")
            self.assertIn("expired", self.refused(wire_client.EXPIRED_TICKET, first, mine,
                                                  mine["first"], content, ticket=bytes(old)))
            # More than was granted.
            small = writer.grant(1 << 20, 4096)
            written = 0
            while written + len(content) * 250 <= small["bytes"]:
                key = small["first"] + written // (len(content) * 250)
                wire_client.write_chunk(small["members"][0][1], small, key, content * 250)
                written += len(content) * 250
            self.refused(denied, small["members"][0][1], small, small["first"] + 4000,
                         content * 250)
            # What is right goes on, and nothing was sealed.
            wire_client.write_chunk(first, mine, mine["first"], content)
            writer.commit("/mine", mine, mine["first"], content)
            time.sleep(1)  # what a node reports comes with a heartbeat, 200 ms apart
            for grant in (mine, theirs, small):
                self.assertEqual(volume_of(cluster, grant["volume"])["state"], "open")
            self.assertEqual(cluster.ok("cat", "/mine", text=False), content)
            counted = {"not_granted": 0, "expired_ticket": 0}
            for node in cluster.datanodes:
                with urllib.request.urlopen(f"http://{node.http()}/metrics", timeout=10) as answer:
                    for reason, count in re.findall(
                            r'datanode_writes_refused_total{reason="(\w+)"} (\d+)',
                            answer.read().decode()):
                        counted[reason] += int(count)
            self.assertEqual(counted, {"not_granted": 8, "expired_ticket": 1})

    def test_puts_go_on_when_the_master_that_gave_their_tickets_is_killed(self):
        with Cluster(http=True, master=MASTER) as cluster, \
                tempfile.TemporaryDirectory() as directory:
            for i in range(40):
                with open(f"{directory}/{i}", "wb") as file:
                    file.write(os.urandom(3000 if i % 8 else 700_000))
            stop = threading.Event()
            done, failed = [], []

            def put(number):
                for i in itertools.count():
                    if stop.is_set():
                        return
                    target = f"/{number}/{i}"
                    put = cluster.run("put", "-r", "--timeout=60s", directory, target)
                    (failed if put.returncode else done).append((target, put.stderr))

            writers = [threading.Thread(target=put, args=(n,)) for n in range(2)]
            for writer in writers:
                writer.start()
            for _ in range(3):
                before = len(done)
                wait_until(lambda count=before: len(done) > count + 1 or failed, "puts", 60)
                cluster.master.kill()
                time.sleep(0.3)  # datanodes take what was granted meanwhile
                cluster.master.start()
            stop.set()
            for writer in writers:
                writer.join()
            self.assertEqual(failed, [])
            for target, _ in done[-2:]:
                self.assertEqual(cluster.run("verify", "-r", directory, target).returncode, 0)

    def test_nobody_commits_what_another_was_granted(self):
        with Cluster(master=MASTER) as cluster:
            writer = wire_client.Client([cluster.address])
            grant = writer.grant()
            content = os.urandom(1000)
            wire_client.write_chunk(grant["members"][0][1], grant, grant["first"], content)
            thief = wire_client.Client([cluster.address])
            for client in (None, writer.uuid):
                with self.assertRaises(wire_client.Refused) as refused:
                    thief.commit("/taken", grant, grant["first"], content, client)
                self.assertEqual(refused.exception.status, wire_client.PERMISSION_DENIED)
            writer.drop()  # over another connection, and after a restart of the master
            writer.commit("/mine", grant, grant["first"], content)
            self.assertEqual(cluster.run("test", "-e", "/taken").returncode, 1)
            wire_client.write_chunk(grant["members"][0][1], grant, grant["first"] + 1, content)
            cluster.master.stop()
            cluster.master.start()
            writer.drop()
            writer.commit("/too", grant, grant["first"] + 1, content)
            self.assertEqual(cluster.ok("cat", "/mine", text=False), content)
            self.assertEqual(cluster.ok("cat", "/too", text=False), content)

    def test_uploads_that_were_given_up_go_by_themselves(self):
        with Cluster(master=MASTER) as cluster:
            client = wire_client.Client([cluster.address])
            grant = client.grant(7 << 20, 128)  # nearly the volume: too little room to reopen it
            content = os.urandom(100_000)
            for i in range(72):
                wire_client.write_chunk(grant["members"][0][1], grant, grant["first"] + i, content)
            client.commit("/kept", grant, grant["first"], content)
            close_volume(cluster, grant, client)
            state = json.loads(cluster.ok("fsck", "--json").splitlines()[-1])
            self.assertEqual((state["state"], state["orphans_waiting"]), ("healthy", 0))

            def compacted():
                replicas = volume_of(cluster, grant["volume"])["replicas"]
                return all(r["length"] < 1_000_000 for r in replicas)
            wait_until(compacted, "the bytes are given back", 60)
            self.assertEqual(cluster.ok("cat", "/kept", text=False), content)

    def test_a_chunk_that_was_never_written_holds_up_nothing_but_its_file(self):
        with Cluster(datanodes=3, master=MASTER) as cluster:
            client = wire_client.Client([cluster.address])
            grant = client.grant()
            content = os.urandom(1000)
            wire_client.write_chunk(grant["members"][0][1], grant, grant["first"], content)
            client.commit("/good", grant, grant["first"], content)
            client.commit("/lie", grant, grant["first"] + 1, content)
            # Before anybody knows more than that all replicas lack it.
            begun = time.monotonic()
            early = cluster.run("cat", "/lie")
            self.assertEqual(early.returncode, 1)
            self.assertIn("damaged", early.stderr)
            self.assertLess(time.monotonic() - begun, 15)
            close_volume(cluster, grant, client)
            self.assertEqual(cluster.report()["missing"], 1)
            begun = time.monotonic()
            done = cluster.run("cat", "/lie")
            self.assertEqual(done.returncode, 1)
            self.assertIn("damaged", done.stderr)
            self.assertLess(time.monotonic() - begun, 5)
            self.assertEqual(cluster.ok("cat", "/good", text=False), content)
            found = cluster.run("fsck")
            self.assertEqual(found.returncode, 1)
            self.assertIn("missing /lie", found.stdout)
            self.assertIn("1 files missing", found.stdout)
            # The volume is repaired like any other when a member's disk is gone.
            lost = next(d for d in cluster.datanodes
                        if d.arguments[2] == f"--listen={grant['members'][0][1]}")
            lost.kill()

            def copied():
                volume = volume_of(cluster, grant["volume"])
                nodes = [r["node"] for r in volume["replicas"] if r["state"] != "node dead"]
                return (is_whole(volume, grant["generation"]) and len(nodes) == 2 and
                        grant["members"][0][0] not in nodes)
            wait_until(copied, "copied to the third node", 60)
            self.assertEqual(cluster.ok("cat", "/good", text=False), content)
            cluster.ok("rm", "/lie")
            wait_until(lambda: cluster.report()["missing"] == 0, "nothing is missing", 30)
            self.assertEqual(cluster.run("fsck").returncode, 0)

    def test_a_chunk_that_rots_everywhere_is_lost_and_comes_back_with_an_old_disk(self):
        with Cluster(master=[*MASTER, "--scrub-rate=0"]) as cluster:
            client = wire_client.Client([cluster.address])
            grant = client.grant()
            content = b"<the bytes of a picture>" * 100
            wire_client.write_chunk(grant["members"][0][1], grant, grant["first"], content)
            client.commit("/rotten", grant, grant["first"], content)
            close_volume(cluster, grant, client)
            name = f"volumes/{grant['volume']:016x}"
            old_disk = tempfile.mkdtemp(dir=cluster.directory)
            for node in cluster.datanodes:
                node.stop()
                path = f"{cluster.directory}/{node.name}/{name}"
                with open(path + ".vol", "r+b") as file:
                    whole = file.read()
                    if node is cluster.datanodes[0]:
                        for ending in (".vol", ".idx"):
                            if os.path.exists(path + ending):
                                shutil.copy(path + ending, old_disk + "/volume" + ending)
                    file.seek(whole.index(content) + 100)
                    file.write(b"!")
            for node in cluster.datanodes:
                node.start()
            cluster.wait_live(2)
            cluster.run("cat", "/rotten", "--timeout=5s")  # a read finds it

            def lost():
                # It may have been opened again: what is open is compared when it is closed.
                if volume_of(cluster, grant["volume"])["state"] == "open":
                    cluster.run("admin", "seal", str(grant["volume"]))
                return cluster.report()["missing"] == 1
            wait_until(lost, "lost", 60)
            wait_until(lambda: is_whole(volume_of(cluster, grant["volume"]), grant["generation"]),
                       "the rest is whole", 60)
            self.assertIn("damaged", cluster.run("cat", "/rotten").stderr)
            self.assertIn("missing /rotten", cluster.run("fsck").stdout)
            node = cluster.datanodes[0]
            node.stop()
            path = f"{cluster.directory}/{node.name}/{name}"
            for ending in (".vol", ".idx"):
                if os.path.exists(path + ending):
                    os.unlink(path + ending)
                if os.path.exists(old_disk + "/volume" + ending):
                    shutil.copy(old_disk + "/volume" + ending, path + ending)
            node.start()
            wait_until(lambda: cluster.report()["missing"] == 0, "found", 60)
            self.assertEqual(cluster.ok("cat", "/rotten", text=False), content)


if __name__ == "__main__":
    unittest.main()
