"""Which room of src/ may include which, and what a pure room must not touch (docs/architecture.md
explains the table)."""

import os
import re
import unittest

from tree import ROOT, rel, source_files

# What each room may include; what those may include comes along.
MAY_INCLUDE = {
    "base": [],
    "wire": ["base"],
    "meta": ["base"],
    "cluster": ["base"],
    "leader": ["wire", "meta", "cluster"],
    "io": ["base"],
    "journal": ["meta", "io"],
    "volume": ["base", "io"],
    "net": ["wire", "io"],
    "coord": ["io"],
    "member": ["cluster", "coord", "net"],
    "client": ["net"],
    "http": ["net", "client"],
}
ROLES = ["master", "backup", "datanode"]
for role in ROLES:
    MAY_INCLUDE[role] = list(set(MAY_INCLUDE) - set(ROLES))
MAY_INCLUDE["cli"] = [room for room in MAY_INCLUDE]

PURE = ["base", "wire", "meta", "cluster", "leader"]
# No sockets, files, threads, clocks, random devices or sinks in a pure room: these bring them.
# (base holds the logging front, hence Boost.Log's sources but not its sinks; memory may be mapped.)
IMPURE = re.compile(
    r"^(thread|future|mutex|shared_mutex|condition_variable|semaphore|stop_token|fstream|filesystem"
    r"|iostream|ctime|time\.h|unistd\.h|fcntl\.h|pthread\.h|sys/(?!mman\.h).*|netinet/.*"
    r"|arpa/.*|linux/.*"
    r"|boost/(asio|beast|thread|process|filesystem|interprocess|log/(sinks|utility/setup))(/.*|\.hpp)?"
    r"|boost/uuid/(random_generator|uuid_generators)\.hpp)$"
)
IMPURE_CALL = re.compile(
    r"\b(system_clock|steady_clock|high_resolution_clock)::now\b|\bstd::random_device\b"
    r"|\bstd::this_thread\b|\bstd::j?thread\b|\bgetenv\b|\bstd::c(out|err)\b"
    r"|\b(f?printf|f?puts|fopen|fwrite|fread)\s*\("
)
# The one place of a pure room that may write to standard error: it ends the process.
IMPURE_ALLOWED = {"src/base/error.cpp", "src/base/assert.cpp"}

# Public headers that need no Asio, and so are open to every room.
PLAIN_PUBLIC = ["ssdfs/error.hpp", "ssdfs/limits.hpp", "ssdfs/types.hpp"]
CLIENT_ROOMS = ["client", "http", "cli", "master", "backup", "datanode"]

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]')


def reach(room):
    """The rooms that `room` may include, itself among them."""
    seen, todo = set(), [room]
    while todo:
        at = todo.pop()
        if at not in seen:
            seen.add(at)
            todo += MAY_INCLUDE[at]
    return seen


def includes(path):
    """(line number, quote, name) of each #include."""
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            found = INCLUDE.match(line)
            if found:
                yield number, found.group(1), found.group(2)


def rooms():
    return sorted(
        name for name in os.listdir(os.path.join(ROOT, "src"))
        if os.path.isdir(os.path.join(ROOT, "src", name))
    )


class IncludeTable(unittest.TestCase):
    def test_every_room_is_in_the_table(self):
        self.assertEqual([room for room in rooms() if room not in MAY_INCLUDE], [])

    def test_roles_do_not_include_each_other(self):
        for role in ROLES:
            for other in ROLES:
                if other != role:
                    self.assertNotIn(other, reach(role))

    def test_rooms_include_what_the_table_allows(self):
        bad = []
        for room in rooms():
            allowed = reach(room)
            for path in source_files(f"src/{room}"):
                for number, quote, name in includes(path):
                    where = f"{rel(path)}:{number}"
                    folder = name.split("/")[0]
                    if folder == "ssdfs":
                        if name not in PLAIN_PUBLIC and room not in CLIENT_ROOMS:
                            bad.append(f"{where}: {room} must not include {name}")
                        elif not os.path.exists(os.path.join(ROOT, "include", name)):
                            bad.append(f"{where}: no such public header: {name}")
                    elif quote == '"':
                        if not os.path.exists(os.path.join(ROOT, "src", name)):
                            bad.append(f'{where}: "{name}" is not a path from src/')
                        elif folder not in allowed:
                            bad.append(f"{where}: {room} must not include {folder} ({name})")
                    elif os.path.exists(os.path.join(ROOT, "src", name)):
                        bad.append(f"{where}: <{name}> is ours, use quotes")
        self.assertEqual(bad, [], "\n" + "\n".join(bad))

    def test_public_headers_include_no_room(self):
        bad = []
        for path in source_files("include"):
            for number, quote, name in includes(path):
                if quote == '"' and not name.startswith("ssdfs/"):
                    bad.append(f"{rel(path)}:{number}: {name}")
                if name.startswith("boost/asio") and f"ssdfs/{os.path.basename(path)}" in PLAIN_PUBLIC:
                    bad.append(f"{rel(path)}:{number}: this header must do without Asio")
        self.assertEqual(bad, [], "\n" + "\n".join(bad))

    def test_the_program_includes_only_cli(self):
        for path in source_files("cmd"):
            for number, quote, name in includes(path):
                if quote == '"':
                    self.assertEqual(name.split("/")[0], "cli", f"{rel(path)}:{number}")

    def test_pure_rooms_are_pure(self):
        bad = []
        for room in PURE:
            for path in source_files(f"src/{room}"):
                if rel(path) in IMPURE_ALLOWED:
                    continue
                for number, quote, name in includes(path):
                    if quote == "<" and IMPURE.match(name):
                        bad.append(f"{rel(path)}:{number}: {room} is pure, but includes <{name}>")
                with open(path, encoding="utf-8") as file:
                    for number, line in enumerate(file, 1):
                        found = IMPURE_CALL.search(line.split("//")[0])
                        if found:
                            bad.append(f"{rel(path)}:{number}: {room} is pure, but uses {found.group()}")
        self.assertEqual(bad, [], "\n" + "\n".join(bad))


if __name__ == "__main__":
    unittest.main()
