"""Who includes what, as far as it can be told from the text: test/repo/compile_alone.py compiles each
file by itself for the rest, but with the standard library and Boost precompiled, so that it would not
miss one of theirs."""

import functools
import os
import re
import unittest

from std_names import headers_of
from tree import ROOT, read, rel, source_files

FOLDERS = ("include", "src", "cmd", "test")
INCLUDE = re.compile(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', re.M)
COMMENT = re.compile(r"//[^\n]*")
TEXT = re.compile(r'R"(\w*)\(.*?\)\1"|"(?:[^"\\\n]|\\.)*"', re.S)
STD_NAME = re.compile(r"\bstd::(\w+)")

# What of Boost a file names, and how the header begins that it must have.
BOOST = [(re.compile(pattern), prefix) for pattern, prefix in (
    (r"\basio::", "boost/asio"),
    (r"\bboost::beast::", "boost/beast"),
    (r"\bBOOST_DESCRIBE_|\bboost::describe::", "boost/describe"),
    (r"\bboost::json::", "boost/json"),
    (r"\bboost::mp11::", "boost/mp11"),
    (r"\bboost::program_options::", "boost/program_options"),
    (r"\bboost::unordered_flat_map\b", "boost/unordered"),
    (r"\bboost::intrusive_(ptr|ref_counter)\b", "boost/smart_ptr"),
    (r"\bBOOST_(AUTO|DATA|FIXTURE)_TEST", "boost/test"),
)]


@functools.cache
def own_files():
    return {path for folder in FOLDERS for path in source_files(folder)}


def own_file(name, includer):
    """The file of the project that an include names, None for anybody else's."""
    for folder in (os.path.dirname(includer), *(os.path.join(ROOT, f) for f in FOLDERS)):
        path = os.path.join(folder, name)
        if path in own_files():
            return path
    return None


@functools.cache
def included(path):
    """(name, the project's file or None) of each #include of a file, in order."""
    return [(name, own_file(name, path)) for name in INCLUDE.findall(read(path))]


@functools.cache
def foreign_headers(path):
    """Headers of others that a file includes itself or through the project's."""
    found, seen, todo = set(), {path}, [path]
    while todo:
        for name, own in included(todo.pop()):
            if own is None:
                found.add(name)
            elif own not in seen:
                seen.add(own)
                todo.append(own)
    return found


def code_of(path):
    return COMMENT.sub("", TEXT.sub('""', read(path)))


class Includes(unittest.TestCase):
    def check(self, bad):
        self.assertEqual(bad, [], "\n" + "\n".join(bad))

    def test_a_file_includes_its_own_header_first(self):
        """So that the compiler sees each header with nothing before it."""
        bad = []
        for path in sorted(own_files()):
            own = path.removesuffix(".cpp") + ".hpp"
            if not path.endswith(".cpp") or own not in own_files():
                continue
            if [file for _, file in included(path)[:1]] != [own]:
                bad.append(f"{rel(path)}: does not include {rel(own)} first")
        self.check(bad)

    def test_names_of_std_come_with_a_header_that_declares_them(self):
        declared_in = headers_of()
        bad = []
        for path in sorted(own_files()):
            there = foreign_headers(path)
            for name in sorted(set(STD_NAME.findall(code_of(path)))):
                headers = declared_in.get(name)
                if headers is None:
                    bad.append(f"{rel(path)}: std::{name} is not in test/repo/std_names.py yet")
                elif not headers & there:
                    bad.append(f"{rel(path)}: std::{name} needs <{'> or <'.join(sorted(headers))}>")
        self.check(bad)

    def test_names_of_boost_come_with_a_header_of_its_library(self):
        bad = []
        for path in sorted(own_files()):
            code = code_of(path)
            there = foreign_headers(path)
            for pattern, prefix in BOOST:
                if pattern.search(code) and not any(name.startswith(prefix) for name in there):
                    bad.append(f"{rel(path)}: {pattern.search(code).group()} needs <{prefix}...>")
        self.check(bad)


if __name__ == "__main__":
    unittest.main()
