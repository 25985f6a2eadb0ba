"""What one client's word does to others: writes, commits and uploads by hand, right and wrong ones."""

import os
import time
import unittest
import uuid

import wire_client
from local_cluster import Cluster

MASTER = ["--volume-size=8MiB", "--delete-grace=500ms", "--trash-expiry=0s", "--dead-after=5s"]


def volume_of(cluster, number):
    return next(v for v in cluster.volumes() if int(v["volume"]) == number)


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

if __name__ == "__main__":
    unittest.main()
