"""A backup takes its master's place: nothing acknowledged is lost, the old master cannot come back as
one, and what nobody else has is kept beside."""

import json
import os
import shutil
import threading
import unittest

from local_cluster import wait_until
from mutating_writers import Writers
from replicated_cluster import ReplicatedCluster
from wire_client import Client, log_status


def diverged(directory):
    path = os.path.join(directory, "diverged")
    return os.listdir(path) if os.path.isdir(path) else []


class Promotion(unittest.TestCase):
    def promote(self, cluster, backup, *options):
        """Stops the backup and starts a master on its directory at the second address."""
        if backup.running():
            backup.kill()
        master = cluster.new_master("promoted", cluster.data_dir(backup.name), cluster.second,
                                    "--promote", *options)
        self.addCleanup(lambda: master.running() and master.kill())
        return master.start()

    def test_nothing_acknowledged_is_missing_when_the_masters_disk_is_destroyed(self):
        with ReplicatedCluster(backups=2, master=["--min-sync-backups=1"]) as c, \
                Writers(8, c.addresses, patience=120) as writers:
            wait_until(lambda: writers.done() > 600, "some work", 60)
            c.master.kill()
            shutil.rmtree(c.data_dir("master"))
            # The one that holds more is the one to take.
            best = max(c.backups, key=lambda b: log_status(b.address)["durable"])
            other = [b for b in c.backups if b is not best][0]
            before = writers.done()
            self.promote(c, best, "--min-sync-backups=1")
            wait_until(lambda: writers.done() > before + 200, "work with the promoted master", 90)
            with writers.paused():
                writers.check(self)
                c.caught_up(other, master=c.second)
            self.assertEqual(json.loads(c.ok("admin", "report", "--json"))["epoch"] % 256, 0)

    def test_datanodes_follow_and_files_are_there(self):
        with ReplicatedCluster(datanodes=2) as c:
            tree = os.path.join(c.directory, "tree")
            os.makedirs(tree)
            for n in range(50):
                with open(os.path.join(tree, f"f{n}"), "wb") as file:
                    file.write(os.urandom(1000 + n))
            c.ok("put", "-r", tree, "/tree")
            c.caught_up(c.backups[0])
            c.master.kill()
            self.promote(c, c.backups[0])
            c.wait_live(2, 60)
            c.ok("verify", "-r", tree, "/tree")
            c.ok("put", "-T", "-r", tree, "/again")
            c.ok("verify", "-r", tree, "/again")

    def test_a_rebalance_goes_on_in_the_promoted_master(self):
        slow = ["--volume-size=1MiB", "--rebalance-rate=128KiB"]  # a volume takes 16 s
        c = ReplicatedCluster(datanodes=3, master=slow)
        late = c.datanodes.pop()
        with c:
            tree = os.path.join(c.directory, "tree")
            os.makedirs(tree)
            for n in range(800):
                with open(os.path.join(tree, f"f{n}"), "wb") as file:
                    file.write(os.urandom(16_000 + n))
            c.ok("put", "-r", tree, "/tree")
            c.datanodes.append(late)
            late.start()
            c.wait_live(3)

            def state():
                return json.loads(c.ok("admin", "rebalance", "status", "--json"))
            c.ok("admin", "rebalance", "--threshold", "12")
            wait_until(lambda: state()["progress"]["volumes_running"] > 0, "moving")
            c.caught_up(c.backups[0])  # with equal digests
            c.master.kill()
            self.promote(c, c.backups[0], "--volume-size=1MiB", "--rebalance-rate=1GiB")
            c.wait_live(3, 60)
            self.assertEqual(state()["threshold_percent"], 12)
            wait_until(lambda: not state()["running"], "it ends", 120)
            self.assertTrue(state()["reason"].startswith("done"), state())
            self.assertGreater(state()["moved_volumes"], 0)
            c.ok("verify", "-r", tree, "/tree")

    def test_a_backups_directory_is_refused_without_promote(self):
        with ReplicatedCluster() as c:
            c.caught_up(c.backups[0])
            c.backups[0].stop()
            plain = c.new_master("plain", c.data_dir("backup1"), c.second)
            plain.start(wait=False)
            self.assertNotEqual(plain.process.wait(timeout=60), 0)
            self.assertIn("--promote", plain.log())

    def test_the_old_master_stops_and_rejoins_as_a_backup(self):
        with ReplicatedCluster(datanodes=1, backups=2) as c:
            old = Client([c.first])
            old.mkdir("/shared")
            c.caught_up(c.backups[0])
            c.caught_up(c.backups[1])
            # A tail that only the old master and one backup have.
            c.backups[0].kill()
            old.mkdir("/tail")
            c.caught_up(c.backups[1])
            c.backups[1].kill()
            c.master.kill()
            promoted = self.promote(c, c.backups[0])
            new = Client([c.second])
            new.mkdir("/new")
            # The old master, started again with the list of masters, ends by itself.
            again = c.new_master("again", c.data_dir("master"), c.first)
            again.start(wait=False)
            self.assertEqual(again.process.wait(timeout=60), 1)
            self.assertIn("leads in epoch", again.log())
            self.assertTrue(promoted.running())
            # Both tails are given up, kept aside, and both follow.
            rejoined = c.new_backup("rejoined", c.data_dir("master"))
            self.addCleanup(lambda: rejoined.running() and rejoined.kill())
            rejoined.start()
            c.backups[1].start()
            for backup in (rejoined, c.backups[1]):
                c.caught_up(backup, master=c.second)
            self.assertTrue(diverged(c.data_dir("master")))
            self.assertTrue(diverged(c.data_dir("backup2")))
            self.assertEqual(new.names("/"), {"shared", "new"})

    def test_a_master_that_hears_of_its_successor_ends_at_once(self):
        with ReplicatedCluster() as c:
            Client([c.first]).mkdir("/shared")
            c.caught_up(c.backups[0])
            # The old master hangs, a backup is promoted, the old one goes on.
            c.master.pause()
            promoted = self.promote(c, c.backups[0])
            stray = c.new_backup("stray")
            self.addCleanup(lambda: stray.running() and stray.kill())
            stray.start()
            c.caught_up(stray, master=c.second)
            c.master.go_on()
            # The stray backup loses its master for a moment, and finds the old one.
            promoted.pause()
            self.assertEqual(c.master.process.wait(timeout=90), 1)
            promoted.go_on()
            self.assertIn("epoch 256", c.master.log())


    def test_of_two_that_are_promoted_only_one_goes_on(self):
        with ReplicatedCluster(backups=2) as c:
            Client([c.first]).mkdir("/shared")
            for backup in c.backups:
                c.caught_up(backup)
            c.kill_all()
            both = [c.new_master(f"promoted{n}", c.data_dir(f"backup{n + 1}"), c.addresses[n],
                                 "--promote") for n in (0, 1)]
            for master in both:
                self.addCleanup(lambda m=master: m.running() and m.kill())
                master.start(wait=False)
            wait_until(lambda: not all(m.running() for m in both), "one ends", 60)
            left = [m for m in both if m.running()]
            self.assertEqual(len(left), 1)
            wait_until(left[0].is_ready, "the other leads")
            self.assertEqual(Client(c.addresses).names("/"), {"shared"})
            # The operator wants the other one: it goes beyond.
            left[0].kill()
            other = [m for m in both if m is not left[0]][0]
            other.start()
            self.assertEqual(json.loads(c.ok("admin", "report", "--json"))["epoch"], 512)


class Confirmation(unittest.TestCase):
    def test_without_its_backup_a_master_answers_no_change(self):
        with ReplicatedCluster(master=["--min-sync-backups=1"]) as c:
            client = Client([c.first])
            client.mkdir("/before")
            c.caught_up(c.backups[0])
            c.backups[0].kill()
            done = c.run("mkdir", "/waits", "--timeout", "20s")
            self.assertEqual(done.returncode, 1)
            wait_until(lambda: "backups" in json.loads(
                c.ok("admin", "report", "--json"))["problem"], "the report tells")
            # A change that waits is answered when the backup is back, once.
            late = threading.Thread(target=client.mkdir, args=("/late",))
            late.start()
            c.backups[0].start()
            late.join(timeout=60)
            self.assertFalse(late.is_alive())
            self.assertIn("late", client.names("/"))
            c.caught_up(c.backups[0])


if __name__ == "__main__":
    unittest.main()
