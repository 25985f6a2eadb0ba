"""What the checks of the tree share: which files there are."""

import os
import subprocess

ROOT = os.environ.get("SSDFS_TEST_SOURCE") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
)


def rel(path):
    return os.path.relpath(path, ROOT)


def walk(folder):
    for directory, folders, names in os.walk(os.path.join(ROOT, folder)):
        folders[:] = sorted(
            name for name in folders
            if name not in (".git", ".quickstart", ".cluster", ".cache", "__pycache__")
            and not name.startswith("build")
        )
        for name in sorted(names):
            yield os.path.join(directory, name)


def source_files(folder):
    return [path for path in walk(folder) if path.endswith((".hpp", ".cpp"))]


def tracked_files():
    """What git knows; everything but build trees where the tree is no checkout."""
    git = subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", ROOT, "ls-files", "-z"], capture_output=True, check=False
    )
    if git.returncode != 0:
        return list(walk("."))
    names = [os.fsdecode(name) for name in git.stdout.split(b"\0") if name]
    return [os.path.join(ROOT, name) for name in names if os.path.lexists(os.path.join(ROOT, name))]


def is_text(path):
    with open(path, "rb") as file:
        return b"\0" not in file.read(8192)


def text_files():
    """Tracked files made by people: no pictures, no inputs of fuzzers, no golden bytes."""
    for path in tracked_files():
        if rel(path).startswith(("test/fuzz/corpus/", "etc/samples/pictures/")):
            continue
        if os.path.isfile(path) and is_text(path):
            yield path


def read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()
