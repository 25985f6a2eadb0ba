"""Writers that create, rename and delete, each in a directory of its own, and know exactly what was
acknowledged."""

import random
import threading

from wire_client import Client, Refused


class Writer(threading.Thread):
    """Works until stop(); `gate` is held while it must pause. `names` is what must be there: exact
    whenever it is paused, because an operation is repeated until it is answered."""

    def __init__(self, number, addresses, patience=60):
        super().__init__(daemon=True)
        self.client = Client(addresses, patience)
        self.directory = f"/w{number}"
        self.random = random.Random(number)
        self.gate = threading.Lock()
        self.names = set()
        self.done = 0
        self.failure = None
        self.ending = False

    def run(self):
        try:
            with self.gate:
                self.client.mkdir(self.directory)
            number = 0
            while not self.ending:
                number += 1
                with self.gate:
                    self.step(f"file{number:06}")
                    self.done += 1
        except (Refused, OSError) as failure:
            self.failure = failure

    def step(self, fresh):
        action = self.random.random()
        if action < 0.6 or not self.names:
            self.client.create(f"{self.directory}/{fresh}")
            self.names.add(fresh)
            return
        victim = self.random.choice(sorted(self.names))
        if action < 0.8:
            target = "renamed_" + fresh
            self.client.rename(f"{self.directory}/{victim}", f"{self.directory}/{target}")
            self.names.discard(victim)
            self.names.add(target)
        else:
            self.client.remove(f"{self.directory}/{victim}")
            self.names.discard(victim)


class Writers:
    """with Writers(8, addresses) as w: ... with w.paused(): ..."""

    def __init__(self, count, addresses, patience=60):
        self.all = [Writer(n, addresses, patience) for n in range(count)]
        self.addresses = addresses

    def __enter__(self):
        for writer in self.all:
            writer.start()
        return self

    def __exit__(self, *_):
        for writer in self.all:
            writer.ending = True
        for writer in self.all:
            writer.join(timeout=90)

    def paused(self):
        return Paused(self.all)

    def done(self):
        return sum(w.done for w in self.all)

    def check(self, test):
        """What is there is what was acknowledged. To be called while paused."""
        client = Client(self.addresses)
        for writer in self.all:
            test.assertIsNone(writer.failure, writer.directory)
            if writer.done == 0:
                continue
            found = client.names(writer.directory)
            test.assertEqual(sorted(writer.names - found), [], f"missing in {writer.directory}")
            test.assertEqual(sorted(found - writer.names), [], f"back in {writer.directory}")
        client.drop()


class Paused:
    def __init__(self, writers):
        self.writers = writers

    def __enter__(self):
        for writer in self.writers:
            writer.gate.acquire()

    def __exit__(self, *_):
        for writer in self.writers:
            writer.gate.release()
