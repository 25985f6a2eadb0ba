"""The commands beside those of coreutils: random sequences against the store and a local tree.

Each step runs one command against the store and its namesake against a local tree; exit codes and
trees are compared. Where the commands differ by decision the step is adapted (see DEVIATIONS, which
is the list of docs/commands.md), so that nothing is excused that is not in that list. The single
cases that such a sequence cannot have (devices, pipes, times, long names) are in commands_test.py.
"""

import contextlib
import os
import random
import stat
import subprocess
import tempfile
import unittest

from one_process import Store

SOURCE = os.environ["SSDFS_TEST_SOURCE"]

# What the table of docs/commands.md calls it, and where this test allows for it.
DEVIATIONS = {
    "an existing file": "Twin.conflicts",
    "the mode of what replaces a file": "--remove-destination",
    "missing parents of a target": "Twin.make_parents",
    "a missing directory with a slash at the end": "Twin.make_parents",
    "several sources and a missing directory": "Twin.make_parents",
    "a directory in the way of one that is moved": "Twin.mv",
    "`cp -r` of a directory into itself": "Twin.cp",
    "`.` and `..` in a path of the store": "never made up",
    "the umask": "modes that it leaves alone",
    "a file of this machine with several names (hard links)": "none are made",
    "symbolic links": "cp -L",
    "exit codes": "only whether it failed",
}

SEEDS = [1, 2, 3]
STEPS = 90
NAMES = ["a", "b", "c", "d"]
MODES = ["700", "755", "711", "750", "go-rwx", "a+rX", "u+x", "g=u-w", "=rwx,go-w"]

_CRC = []
for _n in range(256):
    for _ in range(8):
        _n = _n >> 1 ^ (0x82f63b78 if _n & 1 else 0)
    _CRC.append(_n)


def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc = crc >> 8 ^ _CRC[(crc ^ byte) & 255]
    return crc ^ 0xffffffff


def local_tree(top):
    """{relative path: (type, mode, size, checksum or where a link leads)}"""
    out = {}
    for directory, names, files in os.walk(top):
        for name in names + files:
            path = os.path.join(directory, name)
            status = os.lstat(path)
            kind = stat.S_IFMT(status.st_mode)
            mode = stat.S_IMODE(status.st_mode)
            relative = os.path.relpath(path, top)
            if kind == stat.S_IFLNK:
                out[relative] = ("link", 0, 0, os.readlink(path))
            elif kind == stat.S_IFREG:
                with open(path, "rb") as f:
                    content = f.read()
                out[relative] = ("file", mode, len(content), crc32c(content))
            elif kind == stat.S_IFDIR:
                out[relative] = ("directory", mode, 0, 0)
            else:
                out[relative] = ("special", kind, 0, 0)
    return out


def plain(path):
    """Without the slashes at the end."""
    return path.rstrip("/") or "/"


class Twin:
    """A local tree, the store beside it, and a folder that get writes to, twice."""

    def __init__(self, store, work, seed):
        self.store = store
        self.random = random.Random(seed)
        self.remote = f"/seed{seed}"
        self.local = os.path.join(work, "local")
        self.sources = os.path.join(work, "sources")
        self.got = [os.path.join(work, "got-there"), os.path.join(work, "got-here")]
        self.log = []
        os.mkdir(self.local)
        assert store.run("mkdir", self.remote).returncode == 0
        self.make_sources()
        for folder in self.got:
            self.make_folder(folder)

    def make_sources(self):
        def write(name, content):
            path = os.path.join(self.sources, name)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "wb") as f:
                f.write(content)
        write("a", b"first")
        write("b", b"")
        write("c/a", b"in c")
        write("c/d/b", b"deep in c")
        write("other/a", b"another a")
        write("d/b/c", b"in d/b")
        os.mkdir(os.path.join(self.sources, "c", "empty"))
        os.symlink("a", os.path.join(self.sources, "link"))
        os.symlink("c", os.path.join(self.sources, "link-to-c"))
        os.symlink("nowhere", os.path.join(self.sources, "dangling"))

    @staticmethod
    def make_folder(folder):
        os.makedirs(os.path.join(folder, "a"))
        os.mkdir(os.path.join(folder, "real"))
        for name in ("b", "real/b", "kept"):
            with open(os.path.join(folder, name), "wb") as f:
                f.write(b"old " + name.encode())
        os.chmod(os.path.join(folder, "kept"), 0o600)
        os.symlink("real", os.path.join(folder, "a", "d"))
        os.symlink("kept", os.path.join(folder, "c"))
        os.symlink("nowhere", os.path.join(folder, "dangling"))
        os.symlink("/dev/null", os.path.join(folder, "null"))

    # --- Names ---

    def name(self, slash=0.25):
        parts = [self.random.choice(NAMES) for _ in range(self.random.choice([1, 1, 2, 2, 3]))]
        between = "//" if self.random.random() < 0.05 else "/"
        end = self.random.choice(["/", "/", "//"]) if self.random.random() < slash else ""
        return between.join(parts) + end

    def here(self, name):
        return self.local + "/" + name

    def there(self, name):
        return self.remote + "/" + name

    # --- What differs by decision ---

    @staticmethod
    def places(sources, target, exact):
        """Where cp and mv put things."""
        if not exact and os.path.isdir(target):
            return [os.path.join(target, os.path.basename(plain(s))) for s in sources]
        return [plain(target)] * len(sources)

    def conflicts(self, sources, target, exact):
        """What is in the way of files: without -f nothing is replaced, and a directory never."""
        def taken(path):
            return os.path.isfile(path) or os.path.isdir(path)
        found = []
        for source, place in zip(sources, self.places(sources, target, exact)):
            if os.path.isdir(source):
                for directory, _, files in os.walk(source, followlinks=True):
                    below = os.path.relpath(directory, source)
                    found += [os.path.join(place, below, f) for f in files
                              if taken(os.path.join(place, below, f))]
            elif taken(place):
                found.append(place)
        return found

    def meet(self, sources, target):
        """Whether two different sources would end in one place."""
        places = {}
        for source, place in zip(sources, self.places(sources, target, False)):
            if os.path.exists(source):
                places.setdefault(os.path.normpath(place), set()).add(os.path.normpath(source))
        return any(len(met) > 1 for met in places.values())

    @staticmethod
    def make_parents(target, several, makes_parents, moved_directory):
        """Makes the directories that the store makes; returns them, the lowest first."""
        slash = target.endswith("/")
        lowest = target if several or (slash and not moved_directory) else os.path.dirname(plain(target))
        if not makes_parents and not (slash and (several or not moved_directory)):
            return []
        made = []
        path = plain(lowest)
        while not os.path.lexists(path):
            made.append(path)
            path = os.path.dirname(path)
        if os.path.isdir(path):
            for directory in reversed(made):
                os.mkdir(directory)
            return made
        return []

    @staticmethod
    def run_here(*arguments):
        done = subprocess.run(arguments, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=60, check=False, env={**os.environ, "LC_ALL": "C"})
        return done

    @staticmethod
    def drop_empty(made):
        for directory in made:
            try:
                os.rmdir(directory)
            except OSError:
                return

    # --- Steps: each returns (what the store said, whether it should have failed) ---

    def mkdir(self):
        flags = self.random.choice([[], [], ["-p"]])
        names = [self.name() for _ in range(self.random.choice([1, 1, 2]))]
        here = self.run_here("mkdir", *flags, *map(self.here, names))
        return self.do("mkdir", *flags, *map(self.there, names)), here.returncode != 0

    def touch(self):
        name = self.name()
        made = []
        if not name.endswith("/"):
            made = self.make_parents(self.here(name), False, True, False)
        here = self.run_here("touch", self.here(name))
        self.drop_empty(made)
        return self.do("touch", self.there(name)), here.returncode != 0

    def chmod(self):
        flags = self.random.choice([[], ["-R"]])
        mode, name = self.random.choice(MODES), self.name()
        here = self.run_here("chmod", *flags, mode, self.here(name))
        return self.do("chmod", *flags, mode, self.there(name)), here.returncode != 0

    def ls(self):
        name = self.name(0.5)
        here = self.run_here("ls", "-1A", self.here(name))
        done = self.do("ls", self.there(name))
        if os.path.isdir(self.here(name)) and done.stdout != here.stdout:
            raise AssertionError(f"ls {name}: {done.stdout!r} instead of {here.stdout!r}")
        return done, here.returncode != 0

    def rm(self):
        flags = self.random.choice([[], ["-r"], ["-f"], ["-r", "-f"]])
        names = [self.name() for _ in range(self.random.choice([1, 1, 2]))]
        here = self.run_here("rm", *flags, *map(self.here, names))
        skip = self.random.choice([[], ["--skip-trash"]])
        return self.do("rm", *flags, *skip, *map(self.there, names)), here.returncode != 0

    def mv(self):
        force = self.random.choice([True, False])
        exact = self.random.random() < 0.15
        names = [self.name(0.15) for _ in range(1 if exact else self.random.choice([1, 1, 2, 3]))]
        target = self.name(0.4)
        flags = (["-f"] if force else []) + (["-T"] if exact else [])
        sources = [self.here(n) for n in names]
        found = [s for s in sources if os.path.exists(s)]
        made = []
        if found and not exact:
            made = self.make_parents(self.here(target), len(names) > 1, False,
                                     os.path.isdir(found[0]))
        refused = len(names) > 1 and not os.path.isdir(self.here(target))
        failed = refused
        done_names = set()
        for source in [] if refused else sources:
            place = self.places([source], self.here(target), exact)[0]
            if (os.path.lexists(source) and place in done_names and os.path.isfile(source)):
                failed = True
                continue
            if os.path.lexists(place) and os.path.exists(source) and (
                    os.path.isdir(place) or not force):
                failed = True
                continue
            here = self.run_here("mv", "-f", *(["-T"] if exact else []), source, self.here(target))
            if here.returncode == 0:
                done_names.add(place)
            failed = failed or here.returncode != 0
        self.drop_empty(made)
        return self.do("mv", *flags, *map(self.there, names), self.there(target)), failed

    def copy(self, command, sources, typed, target, makes_several, mapped):
        """cp and put: `sources` and `target` here, `typed` and `mapped` for the store."""
        force = self.random.choice([True, False])
        recursive = self.random.random() < 0.6
        exact = len(sources) == 1 and self.random.random() < 0.15
        flags = ((["-f"] if force else []) + (["-r"] if recursive else []) +
                 (["-T"] if exact else []))
        done = lambda: self.do(command, *flags, *typed, mapped)
        usable = [s for s in sources if os.path.exists(s) and (recursive or not os.path.isdir(s))]
        several = len(sources) > 1
        made = []
        if any(map(os.path.isdir, sources)) and self.meet(sources, "/"):
            # Trees that meet are a single case below: cp(1) looks only at its arguments.
            return self.ls()
        if usable and not (exact and target.endswith("/") and not os.path.isdir(usable[0])):
            made = self.make_parents(target, several and (makes_several or target.endswith("/")),
                                     not several or makes_several or target.endswith("/"),
                                     exact or os.path.isdir(usable[0]))
        places = self.places(sources, target, exact)
        kept = [(s, p) for s, p in zip(sources, places)
                if not (os.path.isdir(s) and (os.path.normpath(p) + "/").startswith(
                    os.path.normpath(s) + "/"))]
        failed = len(kept) < len(sources)  # a directory into itself: nothing is copied
        failed = failed or (os.path.isdir(target) and not exact and self.meet(usable, target))
        conflicts = [] if force else self.conflicts([s for s in usable if s in [k for k, _ in kept]],
                                                    target, exact)
        if kept:
            how = ["--remove-destination"] if force else ["-n"]
            here = self.run_here("cp", "-L", *how, *(["-r"] if recursive else []),
                                 *(["-T"] if exact else []), *[s for s, _ in kept], target)
            failed = failed or here.returncode != 0 or bool(conflicts)
        self.drop_empty(made)
        return done(), failed

    def cp(self):
        names = [self.name(0.15) for _ in range(self.random.choice([1, 1, 2]))]
        target = self.name(0.4)
        return self.copy("cp", [self.here(n) for n in names], [self.there(n) for n in names],
                         self.here(target), False, self.there(target))

    def put(self):
        choice = ["a", "b", "c", "d", "c/", "a/", "link", "link-to-c", "dangling", "none", "other/a"]
        names = [self.random.choice(choice) for _ in range(self.random.choice([1, 1, 1, 2, 3]))]
        sources = [os.path.join(self.sources, n) for n in names]
        target = self.name(0.4)
        return self.copy("put", sources, sources, self.here(target), True, self.there(target))

    def get(self):
        names = [self.name(0.15) for _ in range(self.random.choice([1, 1, 2]))]
        target = self.random.choice(["a", "a/", "b", "b/", "c", "dangling", "null", "real", "new", "new/",
                                     "new/sub", "a/d", "", "real/"])
        force = self.random.choice([True, False])
        recursive = self.random.random() < 0.6
        sources = [self.here(n) for n in names]
        if any(map(os.path.isdir, sources)) and self.meet(sources, "/"):
            return self.ls()
        there, here = self.got
        conflicts = [] if force else [
            c for c in self.conflicts([s for s in sources if recursive or not os.path.isdir(s)],
                                      os.path.join(here, target), False)]
        flags = ["-r"] if recursive else []
        done_here = self.run_here("cp", *([] if force else ["-n"]), *flags, *sources,
                                  os.path.join(here, target))
        done = self.do("get", *(["-f"] if force else []), *flags, *map(self.there, names),
                       os.path.join(there, target))
        met = os.path.isdir(os.path.join(here, target)) and self.meet(
            [s for s in sources if recursive or not os.path.isdir(s)], os.path.join(here, target))
        return done, done_here.returncode != 0 or bool(conflicts) or met

    # --- Running and comparing ---

    def do(self, *arguments):
        done = self.store.run(*arguments)
        self.log.append((arguments, done.returncode, done.stderr.strip()))
        return done

    def step(self):
        kind = self.random.choices(
            [self.mkdir, self.put, self.cp, self.mv, self.rm, self.touch, self.chmod, self.ls,
             self.get], weights=[4, 5, 4, 6, 2, 2, 2, 2, 3])[0]
        done, should_fail = kind()
        if (done.returncode != 0) != should_fail:
            raise AssertionError(f"exit code {done.returncode}, should "
                                 f"{'fail' if should_fail else 'succeed'}: {done.stderr}")
        if done.returncode not in (0, 1):
            raise AssertionError(f"exit code {done.returncode}: {done.stderr}")
        if done.returncode == 1 and not done.stderr.startswith("ssdfs: "):
            raise AssertionError(f"a failure without a line: {done.stderr!r}")

    def compare(self):
        for what, here, there in (
                ("trees", local_tree(self.local), self.store.tree(self.remote)),
                ("what get wrote", local_tree(self.got[1]), local_tree(self.got[0]))):
            if here != there:
                lines = [f"{path}: {here.get(path)} here, {there.get(path)} there"
                         for path in sorted(here.keys() | there.keys())
                         if here.get(path) != there.get(path)]
                raise AssertionError(what + " differ:\n" + "\n".join(lines))


class RandomSequences(unittest.TestCase):
    def run_seed(self, seed, steps):
        with contextlib.ExitStack() as ends:
            store = Store()
            ends.callback(store.close)
            work = ends.enter_context(tempfile.TemporaryDirectory(prefix="ssdfs-coreutils-twin-"))
            ends.callback(os.umask, os.umask(0o022))
            self.compare_steps(Twin(store, work, seed), seed, steps)

    def compare_steps(self, twin, seed, steps):
        try:
            for i in range(steps):
                twin.step()
                # What changed is known by the last commands; a look at everything costs as much as one.
                if i % 3 == 2 or i + 1 == steps:
                    twin.compare()
        except AssertionError as wrong:
            last = "\n".join(f"  {' '.join(a)}  -> {code} {text}" for a, code, text in twin.log[-6:])
            raise AssertionError(f"seed {seed}, step {i}: {wrong}\nlast commands:\n{last}") from None

    def test_random_sequences_end_in_the_same_tree_with_the_same_exit_codes(self):
        seeds = os.environ.get("SSDFS_COREUTILS_SEEDS")  # "10-200", for a longer run by hand
        if seeds:
            first, last = map(int, seeds.split("-"))
            for seed in range(first, last + 1):
                with self.subTest(seed=seed):
                    self.run_seed(seed, STEPS)
            return
        for seed in SEEDS:
            with self.subTest(seed=seed):
                self.run_seed(seed, STEPS)

    def test_the_list_of_deviations_is_that_of_the_documents(self):
        with open(os.path.join(SOURCE, "docs", "commands.md"), encoding="utf-8") as f:
            text = f.read().split("## Differences by decision")[1].split("\n## ")[0]
        rows = [line.split("|")[1].strip() for line in text.splitlines() if line.startswith("| ")]
        self.assertEqual(rows[1:], list(DEVIATIONS))


if __name__ == "__main__":
    unittest.main()
