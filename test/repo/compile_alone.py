#!/usr/bin/env python3
"""Compiles every file of the project by itself: each includes what it needs of the others.

usage: test/repo/compile_alone.py [COMPILER [PATH...]]      default: clang++-16, the whole tree

The release build joins the files of a room, so a file may live there by what another includes. This
compiles each .cpp without the others. A header that a .cpp includes first is compiled with that one
(test/repo/includes_test.py sees that its own header is the first), every other header gets a file that
includes nothing else. Nothing is generated, and every warning is an error: for the programs that only
the release build makes (test/process, test/bench) this is the second compiler.

What the tree often includes of the standard library and of Boost is precompiled, which makes this three
times as quick and blind for a missing header of theirs: includes_test.py looks for those by name.

Takes some minutes, so .ci/run calls it and etc/test does not.
"""

import collections
import concurrent.futures
import os
import re
import subprocess
import sys
import tempfile
import time

from tree import ROOT, read, rel, source_files

FOLDERS = ("include", "src", "cmd", "test")
# The warnings are those of CMakeLists.txt.
FLAGS = ["-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wold-style-cast",
         "-Woverloaded-virtual", "-Wno-missing-field-initializers", "-Werror", "-ferror-limit=5",
         "-msse4.2", "-mcrc32", "-Isrc", "-Iinclude", "-Itest",
         "-DBOOST_ALL_DYN_LINK", "-DBOOST_ASIO_SEPARATE_COMPILATION", "-DBOOST_ASIO_NO_DEPRECATED",
         "-DBOOST_TEST_DYN_LINK", '-DSSDFS_VERSION="0"']
# The standard library's headers have no dot, C's and the system's do and are quick to parse.
FOREIGN = re.compile(r"^#include <([a-z_]+|boost/[\w/]+\.hpp)>", re.M)
# Defines what only one file of a program may define.
NOT_PRECOMPILED = re.compile(r"boost/(asio/impl/src|asio/ssl/impl/src|json/src)\.hpp")


def precompile(compiler, folder, files):
    """The headers of others that at least two files include, as one precompiled header."""
    uses = collections.Counter(name for path in files for name in set(FOREIGN.findall(read(path))))
    header = os.path.join(folder, "others.hpp")
    with open(header, "w", encoding="utf-8") as out:
        for name in sorted(uses):
            if uses[name] > 1 and not NOT_PRECOMPILED.match(name):
                out.write(f"#include <{name}>\n")
    made = os.path.join(folder, "others.pch")
    subprocess.run([compiler, *FLAGS, "-fpch-instantiate-templates", "-x", "c++-header",
                    "-Xclang", "-emit-pch", "-o", made, header], cwd=ROOT, check=True)
    return made


def generate(folder):
    """What the build makes of other files."""
    dashboard = os.path.join(ROOT, "src", "http", "dashboard")
    subprocess.run(["cmake", f"-DFROM={dashboard}", f"-DTO={folder}/dashboard_files.hpp",
                    "-P", os.path.join(ROOT, "src", "http", "embed.cmake")], check=True)


def compile_alone(compiler, flags, path):
    text = None
    source = [path]
    if path.endswith(".hpp"):
        # Included twice: "#pragma once" must be there, too.
        name = os.path.relpath(path, os.path.join(ROOT, rel(path).split(os.sep)[0]))
        text = f'#include "{name}"\n#include "{name}"\n'
        source = ["-x", "c++", "-"]
    done = subprocess.run([compiler, *FLAGS, *flags, "-fsyntax-only", *source], input=text, cwd=ROOT,
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


def main():
    compiler = sys.argv[1] if len(sys.argv) > 1 else "clang++-16"
    tree = [path for folder in FOLDERS for path in source_files(folder)]
    sources = {path for path in tree if path.endswith(".cpp")}
    chosen = [os.path.abspath(path) for path in sys.argv[2:]] or [
        path for path in tree if path in sources or path.removesuffix(".hpp") + ".cpp" not in sources]
    failed = 0
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        generate(folder)
        flags = ["-I", folder, "-include-pch", precompile(compiler, folder, tree)]
        for path, (code, output) in zip(
                chosen, pool.map(lambda path: compile_alone(compiler, flags, path), chosen)):
            if code != 0:
                failed += 1
                print(f"{rel(path)}: does not compile by itself\n{output}")
    print(f"{len(chosen)} files, {failed} of them do not compile by themselves, "
          f"{time.monotonic() - began:.0f} s")
    sys.exit(1 if failed or not chosen else 0)


if __name__ == "__main__":
    main()
