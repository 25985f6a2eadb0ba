"""Rules for the files of the tree: sizes, names, scripts, words that have no place in it."""

import ast
import os
import re
import stat
import subprocess
import unittest

from tree import ROOT, read, rel, source_files, text_files, tracked_files

# A source file is read as a whole: a longer one is two files.
MOST_LINES = 700
FEW_LINES = 450  # nine in ten have fewer
MOST_BYTES = 512 * 1024

# Directories of somebody's machine.
PRIVATE_PATH = re.compile(r"(?<![\w./~$}*-])/(work|workspace|root|Users)/[\w.]")
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|X" + r"XX|HA" + r"CK)\b")
URL = re.compile(r"\b(?:https?|ftp|git|ssh)://(?:[^/\s@]*@)?([A-Za-z0-9.-]+)")
# Hosts of documentation, and what stands for any host.
KNOWN_HOSTS = re.compile(
    r"^(localhost|127\.0\.0\.1|0\.0\.0\.0|[A-Z_]+|host|master|datanode\d*|dn\d*|backup|nn|ssdfs"
    r"|([a-z0-9-]+\.)*example(\.(com|org|net))?|([a-z0-9-]+\.)*(apache|w3|ietf|rfc-editor|debian|boost"
    r"|kernel|prometheus|unicode|iana|freedesktop|man7|llvm|cmake)\.(org|io))\.?$"
)


def scripts():
    """Files that begin with #!, and what their first line names."""
    for path in text_files():
        with open(path, encoding="utf-8", errors="replace") as file:
            first = file.readline()
        if first.startswith("#!"):
            yield path, first


class Tree(unittest.TestCase):
    def check(self, bad):
        self.assertEqual(bad, [], "\n" + "\n".join(bad))

    def lines_matching(self, pattern, skip=()):
        for path in text_files():
            if rel(path) in skip:
                continue
            with open(path, encoding="utf-8", errors="replace") as file:
                for number, line in enumerate(file, 1):
                    for found in pattern.finditer(line):
                        yield f"{rel(path)}:{number}", found

    def test_no_path_of_somebodys_machine(self):
        here = rel(os.path.abspath(__file__).replace(".pyc", ".py"))
        self.check([f"{where}: {found.group()}" for where, found in
                    self.lines_matching(PRIVATE_PATH, skip=(here,))])

    def test_urls_name_known_hosts(self):
        self.check([f"{where}: {found.group()}" for where, found in self.lines_matching(URL)
                    if not KNOWN_HOSTS.match(found.group(1))])

    def test_nothing_is_left_unfinished(self):
        self.check([f"{where}: {found.group()}" for where, found in self.lines_matching(UNFINISHED)])

    def test_threads_wait_for_each_other_in_one_way(self):
        """net/await.hpp: what the one gives outlives the other, which a promise by hand forgets."""
        self.check([f"{rel(path)}: std::promise" for path in source_files("src")
                    if "std::promise" in read(path)])

    def test_text_is_utf8_with_unix_lines(self):
        bad = []
        for path in text_files():
            with open(path, "rb") as file:
                data = file.read()
            try:
                data.decode("utf-8")
            except UnicodeDecodeError as error:
                bad.append(f"{rel(path)}: {error}")
            if b"\r\n" in data:
                bad.append(f"{rel(path)}: has DOS line ends")
            if data and not data.endswith(b"\n"):
                bad.append(f"{rel(path)}: does not end in a line end")
            if b"\t" in data and path.endswith((".hpp", ".cpp", ".py", ".md", "CMakeLists.txt")):
                bad.append(f"{rel(path)}: has tabs")
        self.check(bad)

    def test_no_large_files(self):
        self.check([f"{rel(path)}: {os.path.getsize(path)} bytes" for path in tracked_files()
                    if os.path.isfile(path) and os.path.getsize(path) > MOST_BYTES])

    def test_source_files_are_short(self):
        lengths = {path: read(path).count("\n")
                   for folder in ("src", "include", "cmd", "test") for path in source_files(folder)}
        self.check([f"{rel(path)}: {lines} lines" for path, lines in lengths.items()
                    if lines > MOST_LINES])
        over = sorted((path for path in lengths if lengths[path] > FEW_LINES), key=lengths.get)
        print(f"{len(lengths)} source files, {sum(lengths.values())} lines, over {FEW_LINES}:",
              ", ".join(f"{rel(path)} {lengths[path]}" for path in over) or "none")
        self.assertLessEqual(len(over) * 10, len(lengths))

    def test_headers_say_pragma_once_and_what_they_are(self):
        bad = []
        for folder in ("src", "include", "test"):
            for path in source_files(folder):
                if not path.endswith(".hpp"):
                    continue
                lines = read(path).splitlines()
                if "#pragma once" not in lines:
                    bad.append(f"{rel(path)}: no #pragma once")
                if not lines or not lines[0].startswith("//"):
                    bad.append(f"{rel(path)}: does not begin with a comment that says what it is")
        self.check(bad)

    def test_scripts_can_be_parsed_and_run(self):
        found = list(scripts())
        self.assertTrue(found)
        bad = []
        for path, first in found:
            mode = os.stat(path).st_mode
            if not mode & stat.S_IXUSR:
                bad.append(f"{rel(path)}: not executable")
            if "bash" in first or first.startswith("#!/bin/sh"):
                check = subprocess.run(["bash", "-n", path], capture_output=True, text=True, check=False)
                if check.returncode != 0:
                    bad.append(f"{rel(path)}: {check.stderr.strip()}")
        self.check(bad)

    def test_python_can_be_parsed(self):
        for path in text_files():
            if path.endswith(".py"):
                with self.subTest(rel(path)):
                    ast.parse(read(path), rel(path))

    def test_what_a_visitor_looks_for_is_there(self):
        self.check([name for name in ("README.md", "LICENSE", "CONTRIBUTING.md", "etc/quickstart",
                                      "etc/test", "etc/deps", ".ci/run", "docs/architecture.md")
                    if not os.path.exists(os.path.join(ROOT, name))])

    def test_documents_that_are_named_exist(self):
        name = re.compile(r"(?<![\w./-])((?:docs|etc|test|src|include)/[\w./-]+\.md|[A-Z][A-Z_]+\.md)\b")
        self.check([f"{where}: {found.group()}" for where, found in self.lines_matching(name)
                    if not os.path.exists(os.path.join(ROOT, found.group()))])

    def test_links_in_the_docs_lead_somewhere(self):
        link = re.compile(r"\]\(([^)#\s]+)(#[^)\s]*)?\)")
        bad = []
        for path in text_files():
            if not path.endswith(".md"):
                continue
            for found in link.finditer(re.sub(r"```.*?```", "", read(path), flags=re.S)):
                target = found.group(1)
                if "://" in target or target.startswith("mailto:"):
                    continue
                if not os.path.exists(os.path.join(os.path.dirname(path), target)):
                    bad.append(f"{rel(path)}: {target}")
        self.check(bad)


if __name__ == "__main__":
    unittest.main()
