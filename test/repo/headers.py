#!/usr/bin/env python3
"""Compiles every header by itself, without precompiled headers: each includes what it needs.

usage: test/repo/headers.py [COMPILER]      default: clang++-16, or g++ where that is missing

Takes a few minutes, so .ci/run calls it and etc/test does not.
"""

import concurrent.futures
import os
import shutil
import subprocess
import sys

from tree import ROOT, rel, source_files

FLAGS = ["-std=c++20", "-fsyntax-only", "-x", "c++", "-Isrc", "-Iinclude", "-Itest",
         "-DBOOST_ALL_DYN_LINK", "-DBOOST_ASIO_SEPARATE_COMPILATION", "-DBOOST_ASIO_NO_DEPRECATED",
         "-DBOOST_TEST_DYN_LINK", "-Wall", "-Wextra", "-Wno-pragma-once-outside-header", "-Werror"]


def compile_alone(compiler, header):
    # A file of its own that includes it twice: "#pragma once" must be there, too.
    name = os.path.relpath(header, os.path.join(ROOT, rel(header).split(os.sep)[0]))
    text = f'#include "{name}"\n#include "{name}"\n'
    done = subprocess.run([compiler, *FLAGS, "-"], input=text, cwd=ROOT, text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    return done.returncode, done.stdout


def main():
    compiler = sys.argv[1] if len(sys.argv) > 1 else shutil.which("clang++-16") or "g++"
    headers = [path for folder in ("include", "src", "test") for path in source_files(folder)
               if path.endswith(".hpp")]
    failed = 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for header, (code, output) in zip(
                headers, pool.map(lambda path: compile_alone(compiler, path), headers)):
            if code != 0:
                failed += 1
                print(f"{rel(header)}: does not compile by itself\n{output}")
    print(f"{len(headers)} headers, {failed} of them not self-contained")
    sys.exit(1 if failed or not headers else 0)


if __name__ == "__main__":
    main()
