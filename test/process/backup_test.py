"""Masters and their backups as real processes: following, checkpoints, kill -9 of either or both, and
what happens to logs that do not fit."""

import json
import os
import random
import shutil
import statistics
import threading
import time
import unittest

from free_ports import free_port
from local_cluster import Process, wait_until
from mutating_writers import Writers
from replicated_cluster import ReplicatedCluster
from wire_client import Client, log_status

FULL = os.environ.get("SSDFS_TEST_FULL") == "1"
ROUNDS = int(os.environ.get("SSDFS_TEST_ROUNDS", "200" if FULL else "12"))


def images(directory):
    return sorted(n for n in os.listdir(directory) if n.startswith("image_") and n.endswith(".ssi"))


class Following(unittest.TestCase):
    def test_backups_catch_up_and_survive_restarts(self):
        with ReplicatedCluster(backups=2) as c, Writers(8, c.addresses) as writers:
            wait_until(lambda: writers.done() > 400, "some work")
            late = c.new_backup("late")
            self.addCleanup(lambda: late.running() and late.kill())
            late.start()
            c.backups[0].kill()
            wait_until(lambda: writers.done() > 800, "more work")
            c.backups[0].start()
            with writers.paused():
                for backup in [*c.backups, late]:
                    self.assertGreater(c.caught_up(backup)["files"], 0)
                writers.check(self)
            report = json.loads(c.ok("admin", "report", "--json"))
            states = {b["name"]: b["state"] for b in report["backups"]}
            self.assertEqual(states, {"backup1": "following", "backup2": "following",
                                      "late": "following"})
            self.assertEqual(late.stop(), 0)

    def test_a_backup_answers_clients_with_the_way_to_the_master(self):
        with ReplicatedCluster() as c:
            c.caught_up(c.backups[0])
            only = c.backups[0].address
            c.ok("mkdir", "--master", only, "/seen")
            self.assertIn("seen", c.ok("ls", "/"))
            status = json.loads(c.ok("admin", "status", "--master", only, "--json"))
            self.assertEqual(status["role"], "backup")

    def test_a_checkpoint_on_demand_comes_from_the_backup(self):
        with ReplicatedCluster() as c:
            c.caught_up(c.backups[0])  # else a child of the master makes it
            with Writers(4, c.addresses) as writers:
                wait_until(lambda: writers.done() > 300, "some work")
                c.ok("admin", "checkpoint")
                wait_until(lambda: images(c.data_dir("master")), "an image at the master")
                self.assertTrue(images(c.data_dir("backup1")))
                with writers.paused():
                    c.caught_up(c.backups[0])
                    writers.check(self)
                # Both begin with the image now.
                c.backups[0].kill()
                c.master.kill()
                c.master.start()
                c.backups[0].start()
                with writers.paused():
                    c.caught_up(c.backups[0])
                    writers.check(self)

    def test_checkpoints_by_count_go_on_beside_the_work(self):
        with ReplicatedCluster(backup=["--checkpoint-txns=500"]) as c, \
                Writers(8, c.addresses) as writers:
            wait_until(lambda: log_status(c.first)["image"] > 1500, "images adopted", 120)
            with writers.paused():
                c.caught_up(c.backups[0])
            self.assertLessEqual(len(images(c.data_dir("master"))), 2)
            self.assertLessEqual(len(images(c.data_dir("backup1"))), 2)

    def test_the_lag_is_short_under_full_load(self):
        with ReplicatedCluster() as c:
            c.caught_up(c.backups[0])
            done = []
            load = threading.Thread(target=lambda: done.append(c.run(
                "bench", "meta", "--op", "create", "--files", "100000", "--json")))
            load.start()
            lags = []
            while load.is_alive():
                # The list is made ten times a second: at first it may be empty.
                lags += [b["lag_ms"] for b in c.report()["backups"]]
            load.join()
            self.assertEqual(done[0].returncode, 0, done[0].stderr)
            self.assertGreater(len(lags), 5)
            print(f"lag: median {statistics.median(lags)} ms, longest {max(lags)} ms", flush=True)
            self.assertLess(statistics.median(lags), 100)
            c.caught_up(c.backups[0])

    def test_a_quiet_backup_is_seen_to_have_everything(self):
        with ReplicatedCluster() as c:
            c.caught_up(c.backups[0])

            def told():
                report = c.report()
                return [(b["applied"], b["state"]) for b in report["backups"]] == [
                    (report["txid"], "following")]

            for n in range(6):
                c.ok("bench", "meta", "--op", "create", "--files", "2000", "--dir", f"/{n}")
                # Well below the five seconds for which a quiet master holds a pull back.
                wait_until(told, "the backup is known to have the last change", 3)

    def test_a_new_backup_begins_with_an_image_when_the_log_does_not_reach_back(self):
        with ReplicatedCluster(backup=["--checkpoint-txns=300"]) as c:
            master = c.data_dir("master")
            Client([c.first]).mkdir("/begin")
            self.assertEqual(c.master.stop(), 0)  # ends a segment
            c.master.start()
            end = log_status(c.first)["last"]
            with Writers(4, c.addresses) as writers:
                wait_until(lambda: len(images(master)) == 2 and int(images(master)[0][6:26]) > end,
                           "images adopted", 60)
                with writers.paused():
                    c.caught_up(c.backups[0])
            # As after a day: the segments that the image makes superfluous are gone.
            self.assertEqual(c.master.stop(), 0)
            oldest = int(images(master)[0][6:26])
            dropped = 0
            for name in sorted(os.listdir(master)):
                if name.startswith("edits_0") and int(name[27:47]) <= oldest:
                    os.unlink(os.path.join(master, name))
                    dropped += 1
            c.master.start()
            late = c.new_backup("late")
            self.addCleanup(lambda: late.running() and late.kill())
            late.start()
            c.caught_up(late)
            self.assertGreater(dropped, 0)
            self.assertTrue(images(c.data_dir("late")))


class Killing(unittest.TestCase):
    def test_nothing_acknowledged_is_lost_or_comes_back(self):
        rng = random.Random(4)
        with ReplicatedCluster(backup=["--checkpoint-txns=1500"]) as c, \
                Writers(8, c.addresses, patience=120) as writers:
            backup = c.backups[0]
            for number in range(ROUNDS):
                time.sleep(rng.uniform(0.05, 0.4))  # at a moment that nobody chose
                for victim in rng.choice([[c.master], [backup], [c.master, backup]]):
                    victim.kill()
                for p in (c.master, backup):
                    if not p.running():
                        p.start(wait=False)
                wait_until(c.master.is_ready, "master ready")
                wait_until(backup.is_ready, "backup ready")
                with writers.paused():
                    state = c.caught_up(backup)
                    writers.check(self)
                if number % 20 == 19:
                    print(f"round {number + 1}: {writers.done()} operations, "
                          f"txid {state['applied']}, digest {state['digest']:016x}", flush=True)
            self.assertGreater(writers.done(), ROUNDS)


class Strangers(unittest.TestCase):
    def test_different_clusters_refuse_each_other(self):
        with ReplicatedCluster() as one, ReplicatedCluster(backups=0) as other:
            one.caught_up(one.backups[0])
            one.backups[0].stop()
            stray = one.new_backup("stray", one.data_dir("backup1"))
            stray.arguments = [f"--master={other.first}" if a.startswith("--master=") else a
                               for a in stray.arguments]
            self.addCleanup(lambda: stray.running() and stray.kill())
            stray.start()
            wait_until(lambda: "belongs to" in stray.log(), "the refusal")
            self.assertIn("cluster", stray.log())
            self.assertEqual(json.loads(other.ok("admin", "report", "--json"))["backups"], [])

    def test_a_backup_ahead_makes_its_master_refuse_to_lead(self):
        with ReplicatedCluster(datanodes=1) as c:
            client = Client([c.first])
            client.mkdir("/old")
            self.assertEqual(c.master.stop(), 0)
            saved = c.data_dir("saved")
            shutil.copytree(c.data_dir("master"), saved)
            c.master.start()
            client.mkdir("/new")
            c.caught_up(c.backups[0])
            c.master.kill()
            shutil.rmtree(c.data_dir("master"))
            os.rename(saved, c.data_dir("master"))
            c.master.start()
            wait_until(lambda: "history is lost" in c.master.log(), "the master notices")
            done = c.run("mkdir", "/x")
            self.assertEqual(done.returncode, 1)
            self.assertIn("history is lost", done.stderr)
            self.assertIn("old", c.ok("ls", "/"))  # reads go on
            # The report has it from the next tick on.
            wait_until(lambda: "history is lost" in c.report()["problem"], "the report says so")
            self.assertIn("accepted", c.ok("admin", "accept-loss"))
            c.ok("mkdir", "/x")
            c.caught_up(c.backups[0])
            self.assertTrue(os.listdir(os.path.join(c.data_dir("backup1"), "diverged")))
            # The decision outlives the process.
            c.master.kill()
            c.master.start()
            c.ok("mkdir", "/y")
            c.caught_up(c.backups[0])


class OneProcess(unittest.TestCase):
    def test_role_all_has_its_backup(self):
        with ReplicatedCluster(backups=0) as c:
            everything = Process(c.directory, "all", [
                "--role=all", f"--data-dir={c.directory}/all", "--listen=127.0.0.1:0",
                "--http=off", "--datanodes=1"])
            self.addCleanup(lambda: everything.running() and everything.kill())
            everything.start()
            with open(everything.ready_file, encoding="utf-8") as ready:
                address = json.load(ready)["listen"]
            Client([address]).mkdir("/one")

            def follows():
                report = json.loads(c.ok("admin", "report", "--json", "--master", address))
                return [b for b in report["backups"] if b["state"] == "following"]
            everything.address = wait_until(follows, "the backup follows")[0]["address"]
            c.caught_up(everything, master=address)
            self.assertEqual(everything.stop(), 0)


if __name__ == "__main__":
    unittest.main()
