"""Commands where files of this machine, slashes, times and long names meet the store."""

import json
import os
import shutil
import stat
import tempfile
import threading
import unittest

from one_process import Store


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.store = Store()
        cls.work = tempfile.mkdtemp(prefix="ssdfs-commands-")
        cls.picture = os.path.join(cls.work, "picture")
        cls.content = os.urandom(300_000)  # more than a pipe holds
        with open(cls.picture, "wb") as f:
            f.write(cls.content)

    @classmethod
    def tearDownClass(cls):
        cls.store.close()
        shutil.rmtree(cls.work)

    def path(self, name):
        return os.path.join(self.work, name)

    def ok(self, *arguments):
        done = self.store.run(*arguments)
        self.assertEqual(done.returncode, 0, (arguments, done.stderr))
        return done.stdout

    def fails(self, expected, *arguments):
        done = self.store.run(*arguments)
        self.assertEqual(done.returncode, 1, (arguments, done.stdout, done.stderr))
        self.assertEqual(len(done.stderr.splitlines()), 1, done.stderr)
        self.assertIn(expected, done.stderr)

    def read(self, path):
        with open(path, "rb") as f:
            return f.read()

    def test_a_device_stays_a_device(self):
        self.ok("put", self.picture, "/device.jpg")
        device = self.path("null")
        try:
            os.mknod(device, 0o666 | stat.S_IFCHR, os.makedev(1, 3))
            with open(device, "wb"):
                pass
        except PermissionError as e:
            self.skipTest(f"no devices can be made or used here: {e}")
        for flags in ([], ["-f"]):
            self.ok("get", *flags, "/device.jpg", device)
            self.assertTrue(stat.S_ISCHR(os.lstat(device).st_mode))

    def test_a_pipe_stays_a_pipe_and_gets_everything(self):
        self.ok("put", self.picture, "/pipe.jpg")
        pipe = self.path("pipe")
        os.mkfifo(pipe)
        got = []
        reader = threading.Thread(target=lambda: got.append(self.read(pipe)))
        reader.start()
        self.ok("get", "-f", "/pipe.jpg", pipe)
        reader.join(30)
        self.assertEqual(got, [self.content])
        self.assertTrue(stat.S_ISFIFO(os.lstat(pipe).st_mode))

    def test_what_the_shell_has_opened_is_stored_and_other_pipes_are_reported(self):
        reading, writing = os.pipe()
        os.write(writing, b"from a pipe")
        os.close(writing)
        done = self.store.run("put", f"/dev/fd/{reading}", "/piped", pass_fds=[reading])
        os.close(reading)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.ok("cat", "/piped"), "from a pipe")
        pipe = self.path("source-pipe")
        os.mkfifo(pipe)
        self.fails("not a regular file", "put", pipe, "/never")
        self.fails("not a regular file", "put", "/dev/zero", "/never")

    def test_a_pipe_whose_reader_leaves_is_an_error_of_one_line(self):
        self.ok("put", self.picture, "/left.jpg")
        pipe = self.path("left-pipe")
        os.mkfifo(pipe)
        def read_a_little():
            with open(pipe, "rb", buffering=0) as f:
                f.read(10)
        reader = threading.Thread(target=read_a_little)
        reader.start()
        self.fails("Broken pipe", "get", "/left.jpg", pipe)
        reader.join(30)

    def test_a_link_stays_a_link_and_what_it_names_is_replaced(self):
        self.ok("put", self.picture, "/link.jpg")
        real, link = self.path("real"), self.path("link")
        with open(real, "wb") as f:
            f.write(b"old")
        os.chmod(real, 0o640)
        os.symlink("real", link)
        self.fails("already exists", "get", "/link.jpg", link)
        self.assertEqual(self.read(real), b"old")
        self.ok("get", "-f", "/link.jpg", link)
        self.assertEqual(os.readlink(link), "real")
        self.assertEqual(self.read(real), self.content)
        self.assertEqual(stat.S_IMODE(os.stat(real).st_mode), 0o640)
        os.unlink(real)
        self.fails("symbolic link to nothing", "get", "-f", "/link.jpg", link)
        self.assertFalse(os.path.exists(real))

    def test_files_that_other_commands_and_servers_write_replace_no_device(self):
        pipe, link, real = self.path("image-pipe"), self.path("image-link"), self.path("image-real")
        os.mkfifo(pipe)
        self.fails("not a regular file", "image", "synth", "--files", "3", pipe)
        self.assertTrue(stat.S_ISFIFO(os.lstat(pipe).st_mode))
        os.symlink("image-real", link)
        self.fails("symbolic link to nothing", "image", "synth", "--files", "3", link)
        with open(real, "wb"):
            pass
        self.ok("image", "synth", "--files", "3", link)
        self.assertEqual(os.readlink(link), "image-real")
        self.ok("image", "verify", real)

    def test_a_missing_directory_never_becomes_a_file(self):
        for command in ("mv", "cp"):
            top = f"/{command}-into"
            self.ok("put", self.picture, top + "/a.jpg")
            self.ok("touch", top + "/b.jpg")
            for name in ("a.jpg", "b.jpg"):
                self.ok(command, "-f", f"{top}/{name}", top + "/archive/")
            self.assertEqual(self.ok("ls", top + "/archive"), "a.jpg\nb.jpg\n")
            self.ok("verify", self.picture, top + "/archive/a.jpg")
            self.fails("not a directory", command, "-T", top + "/archive/a.jpg", top + "/no/")
            self.fails("no such file", command, top + "/archive/a.jpg", top + "/archive/b.jpg",
                       top + "/none")
            self.fails("not a directory", command, "-f", top + "/archive/a.jpg",
                       top + "/archive/b.jpg/")
        self.ok("put", "-r", self.picture, "/put-into/")
        self.assertEqual(self.ok("ls", "/put-into"), "picture\n")

    def test_two_sources_never_end_in_one_file(self):
        other = self.path("elsewhere")
        os.mkdir(other)
        twin = os.path.join(other, "picture")
        with open(twin, "wb") as f:
            f.write(b"the other one")
        self.fails("just become it", "put", "-f", self.picture, twin, "/twins/")
        self.ok("verify", self.picture, "/twins/picture")
        self.ok("put", twin, "/more/picture")
        self.ok("mkdir", "/copies", "/moved", "/one")
        self.fails("just become it", "cp", "-f", "/twins/picture", "/more/picture", "/copies")
        self.ok("verify", self.picture, "/copies/picture")
        got = self.path("got-twins")
        os.mkdir(got)
        self.fails("just become it", "get", "-f", "/twins/picture", "/more/picture", got)
        self.assertEqual(self.read(os.path.join(got, "picture")), self.content)
        self.fails("just become it", "mv", "-f", "/twins/picture", "/more/picture", "/moved")
        self.ok("verify", self.picture, "/moved/picture")
        self.ok("verify", twin, "/more/picture")
        # Trees that meet are told, too, file by file; what does not meet is stored.
        for name, file in (("left", "a"), ("left", "b"), ("right", "b"), ("right", "c")):
            os.makedirs(self.path(f"{name}/t"), exist_ok=True)
            with open(self.path(f"{name}/t/{file}"), "w", encoding="ascii") as f:
                f.write(name)
        self.fails("just become it", "put", "-rf", self.path("left/t"), self.path("right/t"), "/one")
        self.assertEqual(self.ok("ls", "/one/t"), "a\nb\nc\n")
        self.assertEqual(self.ok("cat", "/one/t/b"), "left")
        # The same source twice is no loss.
        done = self.store.run("put", "-f", self.picture, self.picture, "/one")
        self.assertEqual((done.returncode, len(done.stderr.splitlines())), (0, 1), done.stderr)

    def test_a_slash_behind_a_file_names_no_file(self):
        self.ok("put", self.picture, "/slash/p")
        for arguments in (["cat"], ["head"], ["stat"], ["ls"], ["ls", "-d"], ["tree"], ["du"], ["du", "-s"],
                          ["count"], ["find"], ["checksum"], ["rm"], ["rm", "-r"], ["touch"],
                          ["chmod", "600"], ["chown", "x"], ["setrep", "1"], ["quota"]):
            self.fails("not a directory", *arguments, "/slash/p/")
        for arguments in (["mv", "/slash/p/", "/slash/q"], ["cp", "/slash/p/", "/slash/q"],
                          ["get", "/slash/p/", self.path("never")], ["verify", self.picture, "/slash/p/"],
                          ["put", "-f", self.picture, "/slash/p/"], ["touch", "/slash/p/"]):
            self.fails("not a directory", *arguments)
        self.fails("no such file", "touch", "/slash/new/")
        for flag in ("-e", "-f", "-d"):
            self.assertEqual(self.store.run("test", flag, "/slash/p/").returncode, 1)
        self.ok("rm", "-f", "/slash/p/")  # as rm(1)
        self.ok("verify", self.picture, "//slash///p")
        for arguments in (["ls"], ["stat"], ["du"], ["test", "-d"], ["chmod", "755"]):
            self.ok(*arguments, "//slash//")

    def test_times_of_1970_and_before_are_kept(self):
        folder = self.path("old")
        os.mkdir(folder)
        times = {"zero": 0, "before": -1, "fraction": -0.5, "later": 86400}
        for name, seconds in times.items():
            path = os.path.join(folder, name)
            with open(path, "wb") as f:
                f.write(name.encode())
            os.utime(path, ns=(0, int(seconds * 1e9)))
        os.chmod(folder, 0o700)
        os.utime(folder, (0, 0))
        self.ok("put", "-r", "-p", folder, "/old")
        for name, seconds in times.items():
            self.assertEqual(json.loads(self.ok("stat", "--json", "/old/" + name))["mtime_ms"],
                             int(seconds * 1000), name)
            self.ok("put", "-p", os.path.join(folder, name), "/single-" + name)
            self.assertEqual(json.loads(self.ok("stat", "--json", "/single-" + name))["mtime_ms"],
                             int(seconds * 1000), name)
        # Also of what is there already.
        os.utime(os.path.join(folder, "later"), (0, 5))
        os.chmod(os.path.join(folder, "later"), 0o640)
        self.ok("put", "-r", "-u", "-p", "-T", folder, "/old")
        later = json.loads(self.ok("stat", "--json", "/old/later"))
        self.assertEqual((later["mtime_ms"], later["mode"]), (5000, "0640"))
        top = json.loads(self.ok("stat", "--json", "/old"))
        self.assertEqual((top["mtime_ms"], top["mode"]), (0, "0700"))
        self.ok("ls", "-l", "/old")
        self.ok("put", os.path.join(folder, "zero"), "/now")
        self.assertGreater(json.loads(self.ok("stat", "--json", "/now"))["mtime_ms"], 1_600_000_000_000)

    def test_a_copy_of_what_is_private_is_private(self):
        self.ok("put", self.picture, "/private/d/p")
        for mode, name in (("700", "/private"), ("500", "/private/d"), ("600", "/private/d/p")):
            self.ok("chmod", mode, name)
        self.ok("cp", "-r", "/private", "/copy")
        copy = self.path("copy")
        self.ok("get", "-r", "/private", copy)
        for name, mode in (("", 0o700), ("/d", 0o500), ("/d/p", 0o600)):
            there = json.loads(self.ok("stat", "--json", "/copy" + name))
            self.assertEqual(int(there["mode"], 8), mode, name)
            self.assertEqual(stat.S_IMODE(os.stat(copy + name).st_mode), mode, name)
        os.chmod(copy + "/d", 0o700)

    def test_every_path_can_be_named(self):
        top = "/" + "d" * 100
        directory = "/" + "/".join(["d" * 100] * 40)
        file = directory + "/" + "f" * 50  # 4,091 bytes
        self.ok("put", self.picture, file)
        for restored in (file, top):
            self.ok("rm", "-r", restored)
            self.ok("trash", "restore", restored)
            self.ok("verify", self.picture, file)
        self.ok("rm", file)
        self.ok("rm", "-r", top)
        self.ok("trash", "restore", file)  # makes its directories anew
        self.ok("verify", self.picture, file)
        self.ok("rm", "-r", top)
        in_trash = [line for line in self.ok("trash", "ls", "--json").splitlines()
                    if json.loads(line)["original"] == file]
        self.assertEqual(len(in_trash), 1)
        self.ok("verify", self.picture, json.loads(in_trash[0])["path"])
        self.ok("trash", "restore", json.loads(in_trash[0])["path"])
        self.fails("longer than 4096 bytes, that of what is now " + top, "mv", top, "/" + "L" * 255)
        self.ok("mkdir", "/single")
        self.fails("too long", "mv", top, "/single/")
        self.ok("mv", top, "/" + "e" * 100)
        self.ok("mv", "/" + "e" * 100, top)
        found = self.ok("find", top, "-name", "f*").splitlines()
        self.assertEqual(found, [file])
        self.ok("verify", self.picture, found[0])
        self.ok("setrep", "1", found[0])


if __name__ == "__main__":
    unittest.main()
