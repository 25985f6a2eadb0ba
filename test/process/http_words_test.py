"""What callers say beside the path, at HTTP and WebHDFS: the tables of docs/http.md line by line, and the
cases that they were made for."""

import gzip
import http.client
import json
import os
import shutil
import socket
import tempfile
import unittest
import urllib.parse

from http_calls import Curl, get, request
from local_cluster import Cluster, wait_until

SOURCE = os.environ["SSDFS_TEST_SOURCE"]

# Of RFC 9110 (section 18.4), 9111 and 9112, without those of answers only.
STANDARD_FIELDS = """Accept Accept-Charset Accept-Encoding Accept-Language Authorization Cache-Control Connection
Content-Encoding Content-Language Content-Length Content-Location Content-Range Content-Type Date Expect Expires
From Host If-Match If-Modified-Since If-None-Match If-Range If-Unmodified-Since Last-Modified Max-Forwards
MIME-Version Pragma Proxy-Authorization Range Referer TE Trailer Transfer-Encoding Upgrade User-Agent Via
Warning""".split()


def rows_of(heading):
    """The lines of the table of docs/http.md whose first column is called so, as lists of cells."""
    with open(os.path.join(SOURCE, "docs", "http.md"), encoding="utf-8") as file:
        lines = file.read().split("\n")
    at = next(i for i, line in enumerate(lines) if line.startswith(f"| {heading} | as in |"))
    rows = []
    for line in lines[at + 2:]:
        if not line.startswith("|"):
            return rows
        rows.append([cell.strip().strip("`") for cell in line.strip("|").split(" | ")])
    raise AssertionError("the table does not end")


def send(server, method, target, lines, body=None):
    """Exactly these fields; Content-Length is one of them."""
    host, _, port = server.rpartition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    try:
        names = [name.lower() for name, _ in lines]
        connection.putrequest(method, target, skip_host="host" in names, skip_accept_encoding=True)
        for name, value in lines:
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        content = answer.read()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, content
    finally:
        connection.close()


def fresh(server, path):
    return get(server, "/fs" + path, Cache_Control="no-cache")


class Doors(unittest.TestCase):
    """One cluster whose datanode takes changes."""

    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.mkdtemp(prefix="ssdfs-words-")
        cls.addClassCleanup(shutil.rmtree, cls.work)
        cls.cluster = Cluster(datanodes=1, http=True, datanode=["--http-write=on"],
                              master=["--replication=1", "--permissions=on"])
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        cls.cluster.ok("chmod", "--user", "root", "777", "/")
        cls.node = cls.cluster.datanodes[0].http()
        cls.master = cls.cluster.master.http()
        wait_until(lambda: get(cls.node, "/readyz")[0] == 200, "the datanode is ready")

    def put_local(self, path, content, mtime=None, *more):
        local = os.path.join(self.work, "local")
        with open(local, "wb") as file:
            file.write(content)
        if mtime is not None:
            os.utime(local, (mtime, mtime))
        self.cluster.ok("put", "-f", *(["-p"] if mtime is not None else []), *more, local, path)

    def name_call(self, method, path, op, **parameters):
        query = urllib.parse.urlencode({"op": op, **parameters})
        return request(self.master, method, f"/webhdfs/v1{path}?{query}")


class Fields(Doors):
    """Each line is sent to /fs/ and to WebHDFS; the answer is that of the table, and what was refused has
    changed nothing."""

    TARGET = "/t/target.png"
    OLD = b"old!"
    NEW = b"new!!"

    def ask(self, door, method, lines):
        """Status, and what is to be the same without the field."""
        reads = method in ("GET", "HEAD")
        path = "/t/read.png" if reads else self.TARGET
        if not reads:
            self.assertIn(request(self.node, "PUT", "/fs" + path, self.OLD)[0], (201, 204))
        if door == "/fs/":
            server, target = self.node, "/fs" + path
        elif method == "DELETE":
            server, target = self.master, f"/webhdfs/v1{path}?op=DELETE&user.name=root"
        else:
            op = "OPEN" if reads else "CREATE&overwrite=true"
            server, target = self.node, f"/webhdfs/v1{path}?op={op}&user.name=root"
        body = self.NEW if method == "PUT" else None
        named = [name.lower() for name, _ in lines]
        lines = list(lines)
        if method == "PUT" and "transfer-encoding" not in named and ("(none)", "") not in lines:
            lines.append(("Content-Length", str(len(self.NEW))))
        bare = ("(none)", "") in lines or "transfer-encoding" in named
        status, headers, content = send(server, method, target,
                                        [line for line in lines if line[0] != "(none)"],
                                        None if bare else body)
        if reads:
            return status, (headers.get("content-type"), headers.get("etag"), content)
        found = fresh(self.node, path)
        return status, (found[0], found[1].get("content-type"), found[2])

    def test_every_line_of_the_table(self):
        self.put_local("/t/read.png", b"to be read", 1_000_000_000)
        self.cluster.ok("chmod", "--user", "root", "777", "/t")
        kept = (200, "image/png", self.OLD)
        without = {}
        for name, as_in, methods, at_files, at_names, _ in rows_of("field"):
            lines = [("(none)", "")] if as_in == "(none)" else [tuple(as_in.split(": ", 1))]
            for method in methods.split(", "):
                for door, wanted in (("/fs/", at_files), ("WebHDFS", at_names)):
                    if door == "WebHDFS" and method == "HEAD":
                        continue  # not one of its methods
                    with self.subTest(field=name, sent=as_in, method=method, door=door):
                        plain = without.setdefault((door, method), self.ask(door, method, []))
                        self.assertLess(plain[0], 300, plain)
                        status, seen = self.ask(door, method, lines)
                        if wanted == "as without":
                            self.assertEqual((status, seen), plain)
                            continue
                        self.assertEqual(status, int(wanted), seen)
                        if status >= 400 and method in ("PUT", "DELETE"):
                            self.assertEqual(seen, kept)

    def test_the_table_has_every_field_of_the_standard(self):
        named = {row[0] for row in rows_of("field")}
        self.assertEqual([f for f in STANDARD_FIELDS if f not in named], [])

    def test_refusals_name_the_field(self):
        for name, as_in, methods, at_files, _, why in rows_of("field"):
            if "PUT" not in methods or not at_files.startswith(("4", "5")) or why.startswith("done"):
                continue
            if name in ("Content-Length", "Expect", "Transfer-Encoding"):
                continue  # the parser's, or the name is not in the request
            with self.subTest(field=name):
                field, value = as_in.split(": ", 1)
                _, _, body = request(self.node, "PUT", "/fs/t/named", b"x", {field: value})
                self.assertIn(field, json.loads(body)["message"])


class Parameters(Doors):
    """Each line of the table of WebHDFS's parameters, with every operation that it names."""

    OPERATIONS = {
        "OPEN": ("GET", "/p/file", {}),
        "GETFILESTATUS": ("GET", "/p/file", {}),
        "LISTSTATUS": ("GET", "/p", {}),
        "LISTSTATUS_BATCH": ("GET", "/p", {}),
        "GETFILECHECKSUM": ("GET", "/p/file", {}),
        "CHECKACCESS": ("GET", "/p/file", {"fsaction": "r--"}),
        "CREATE": ("PUT", "/p/new", {}),
        "MKDIRS": ("PUT", "/p/dir", {}),
        "RENAME": ("PUT", "/p/from", {"destination": "/p/to"}),
        "SETPERMISSION": ("PUT", "/p/file", {}),
        "SETOWNER": ("PUT", "/p/file", {"owner": "ann"}),
        "SETTIMES": ("PUT", "/p/file", {}),
        "SETREPLICATION": ("PUT", "/p/file", {"replication": "1"}),
        "DELETE": ("DELETE", "/p/gone", {}),
    }

    def set_up(self):
        for path in ("/p/new", "/p/dir", "/p/to", "/p/moved", "/moved"):
            self.name_call("DELETE", path, "DELETE", recursive="true", **{"user.name": "root"})
        for path in ("/p/file", "/p/from", "/p/gone"):
            self.assertIn(request(self.node, "PUT", "/fs" + path, b"content")[0], (201, 204))

    def state(self):
        seen = {}
        for path in ("/p/file", "/p/from", "/p/gone", "/p/new", "/p/dir", "/p/to", "/p/moved"):
            seen[path] = self.name_call("GET", path, "GETFILESTATUS")[2]
        return seen

    def ask(self, operation, parameters):
        method, path, usual = self.OPERATIONS[operation]
        all_of_them = {"op": operation, "user.name": "root", **usual, **parameters}
        query = urllib.parse.urlencode(all_of_them)
        status, headers, body = request(self.master, method, f"/webhdfs/v1{path}?{query}")
        if status == 307:
            target = urllib.parse.urlsplit(headers["location"])
            status, headers, body = request(target.netloc, method, f"{target.path}?{target.query}",
                                            b"new" if method == "PUT" else None)
        return status, body

    def test_every_line_of_the_table(self):
        request(self.node, "PUT", "/fs/p/file", b"content")
        self.cluster.ok("chmod", "--user", "root", "777", "/p")
        every = "GETFILESTATUS, MKDIRS, DELETE, OPEN"
        for name, as_in, operations, wanted, _ in rows_of("parameter"):
            key, _, value = as_in.partition("=")
            for operation in operations.replace("every", every).split(", "):
                with self.subTest(parameter=name, sent=as_in, operation=operation):
                    self.set_up()
                    before = self.state()
                    status, body = self.ask(operation, {key: value})
                    if wanted == "done":
                        self.assertLess(status, 300, body)
                        continue
                    self.assertEqual(status, int(wanted), body)
                    told = json.loads(body)["RemoteException"]
                    self.assertTrue(told["exception"])
                    if name not in ("op", "doas"):
                        self.assertIn(name.lower().replace("others", key), told["message"].lower())
                    self.assertEqual(self.state(), before)

    def test_two_values_and_bad_escapes_are_refused(self):
        self.set_up()
        for query in ("op=DELETE&recursive=false&recursive=true", "op=DELETE&op=GETFILESTATUS",
                      "op=DELETE&user.name=ann&user.name=root", "op=DELETE&recursive=%zz",
                      "op=DELETE&user.name=%f", "op=DELETE&recursive=true%00"):
            with self.subTest(query=query):
                self.assertEqual(request(self.master, "DELETE", f"/webhdfs/v1/p/gone?{query}")[0], 400)
        self.assertEqual(self.name_call("GET", "/p/gone", "GETFILESTATUS")[0], 200)

    def test_permissions_become_modes_or_nothing(self):
        for value, mode in (("493", None), ("rwxr-xr-x", None), ("999", None), ("-1", None), ("17777", None),
                            ("", None), (" 755", None), ("+755", None), ("0755", "755"), ("1777", "1777")):
            with self.subTest(value=value):
                path = f"/modes/d{urllib.parse.quote(value)}x"
                status, _, body = self.name_call("PUT", path, "MKDIRS", permission=value,
                                                 **{"user.name": "root"})
                self.assertEqual(status, 400 if mode is None else 200)
                status, _, seen = self.name_call("GET", path, "GETFILESTATUS", **{"user.name": "root"})
                if mode is None:
                    self.assertEqual(json.loads(body)["RemoteException"]["exception"],
                                     "IllegalArgumentException")
                    self.assertEqual(status, 404)
                else:
                    self.assertEqual(json.loads(seen)["FileStatus"]["permission"], mode)
        # Also where the content goes, and with what a redirect carries.
        self.assertEqual(request(self.node, "PUT", "/webhdfs/v1/p/m?op=CREATE&permission=493", b"x")[0], 400)
        status, headers, _ = self.name_call("PUT", "/modes/file", "CREATE", permission="0640",
                                            **{"user.name": "root"})
        self.assertEqual(status, 307)
        target = urllib.parse.urlsplit(headers["location"])
        self.assertEqual(request(target.netloc, "PUT", f"{target.path}?{target.query}", b"x")[0], 201)
        _, _, seen = self.name_call("GET", "/modes/file", "GETFILESTATUS", **{"user.name": "root"})
        self.assertEqual(json.loads(seen)["FileStatus"]["permission"], "640")

    def test_nobody_stands_in_for_another_one(self):
        self.cluster.ok("mkdir", "--user", "root", "/secret")
        self.cluster.ok("chmod", "--user", "root", "700", "/secret")
        for name in ("doas", "doAs", "DOAS"):
            status, _, body = self.name_call("GET", "/secret", "LISTSTATUS",
                                             **{"user.name": "root", name: "bob"})
            self.assertEqual(status, 403)
            self.assertIn("root is not allowed to impersonate bob",
                          json.loads(body)["RemoteException"]["message"])
        self.assertEqual(self.name_call("PUT", "/home/bob", "MKDIRS",
                                        **{"user.name": "hue", "doas": "bob"})[0], 403)
        self.assertEqual(self.name_call("GET", "/home/bob", "GETFILESTATUS")[0], 404)
        self.assertEqual(request(self.node, "PUT",
                                 "/webhdfs/v1/bobs?op=CREATE&user.name=hue&doas=bob", b"x")[0], 403)
        self.assertEqual(self.name_call("GET", "/secret", "LISTSTATUS",
                                        **{"user.name": "root", "doas": "root"})[0], 200)
        # Without a name the caller is nobody, who is not bob either.
        self.assertEqual(self.name_call("GET", "/", "LISTSTATUS", doas="bob")[0], 403)

    def test_nodes_that_a_client_gave_up_are_not_offered_again(self):
        request(self.node, "PUT", "/fs/p/file", b"content")
        for excluded in (self.node, self.node.rpartition(":")[0], f"192.0.2.1:1,{self.node}"):
            with self.subTest(excluded=excluded):
                status, _, body = self.name_call("GET", "/p/file", "OPEN", excludedatanodes=excluded)
                self.assertEqual(status, 403, body)
        self.assertEqual(self.name_call("GET", "/p/file", "OPEN", excludedatanodes="192.0.2.1")[0], 307)

    def test_a_slash_behind_what_is_no_directory(self):
        root = {"user.name": "root"}
        self.set_up()
        self.assertEqual(self.name_call("PUT", "/p/new/", "CREATE", **root)[0], 400)
        self.assertEqual(request(self.node, "PUT", "/webhdfs/v1/p/new/?op=CREATE", b"x")[0], 400)
        self.assertEqual(self.name_call("GET", "/p/new", "GETFILESTATUS")[0], 404)
        for missing in ("/p/archive/", "/p/file/"):
            _, _, body = self.name_call("PUT", "/p/from", "RENAME", destination=missing, **root)
            self.assertEqual(json.loads(body), {"boolean": False})
            self.assertEqual(self.name_call("PUT", "/p/from", "RENAME", destination=missing,
                                            renameoptions="OVERWRITE", **root)[0], 404)
        self.assertEqual(self.name_call("GET", "/p/from", "GETFILESTATUS")[0], 200)
        self.name_call("PUT", "/p/dir", "MKDIRS", **root)
        _, _, body = self.name_call("PUT", "/p/from", "RENAME", destination="/p/dir/", **root)
        self.assertEqual(json.loads(body), {"boolean": True})
        self.assertEqual(self.name_call("GET", "/p/dir/from", "GETFILESTATUS")[0], 200)


class Uploads(Doors):
    def status_of(self, *lines, path="/u/a.png", version="1.1", verb="PUT"):
        """Of a request that is these bytes and nothing else."""
        host, _, port = self.node.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=30) as s:
            s.sendall("\r\n".join([f"{verb} /fs{path} HTTP/{version}", "Host: x", *lines, "", ""]).encode())
            return int(s.makefile("rb").readline().split()[1])

    def test_a_put_that_lost_its_body_empties_nothing(self):
        self.assertEqual(request(self.node, "PUT", "/fs/u/a.png", b"picture")[0], 201)
        for version in ("1.0", "1.1"):
            self.assertEqual(self.status_of(version=version), 411)
            self.assertEqual(self.status_of("Content-Type: image/png", version=version), 411)
            self.assertEqual(get(self.node, "/fs/u/a.png")[2], b"picture")
        self.assertEqual(self.status_of("Content-Length: 0"), 204)
        self.assertEqual(get(self.node, "/fs/u/a.png")[2], b"")

    def test_compressed_bytes_are_not_stored_as_the_picture(self):
        packed = gzip.compress(b"<svg/>")
        status, headers, body = request(self.node, "PUT", "/fs/u/pic.svg", packed,
                                        {"Content-Type": "image/svg+xml", "Content-Encoding": "gzip"})
        self.assertEqual((status, headers["accept-encoding"]), (415, "identity"))
        self.assertEqual(json.loads(body)["error"], "media_type")
        self.assertEqual(get(self.node, "/fs/u/pic.svg")[0], 404)
        self.assertEqual(request(self.node, "PUT", "/fs/u/pic.svg", b"<svg/>",
                                 {"Content-Encoding": "identity"})[0], 201)

    def test_forms(self):
        if shutil.which("curl") is None:
            self.skipTest("there is no curl")
        local = os.path.join(self.work, "pic.png")
        with open(local, "wb") as file:
            file.write(bytes(range(256)))
        url = f"http://{self.node}/fs/u"
        self.assertEqual(Curl(f"{url}/form.png", "-X", "PUT", "-F", f"file=@{local}").status, 415)
        self.assertEqual(get(self.node, "/fs/u/form.png")[0], 404)
        self.assertEqual(Curl(f"{url}/bin.png", "-X", "PUT", "--data-binary", f"@{local}").status, 201)
        status, headers, body = get(self.node, "/fs/u/bin.png")
        self.assertEqual((status, headers["content-type"], body), (200, "image/png", bytes(range(256))))

    def test_content_types_are_kept_in_one_spelling(self):
        for sent, served in (("Image/PNG", "image/png"), ("application/octet-stream", "image/jpeg"),
                             ("image/*", "image/jpeg"), ("binary/octet-stream", "image/jpeg"),
                             ("text/HTML;Charset=\"UTF-8\"; name=x", "text/html; charset=utf-8")):
            with self.subTest(sent=sent):
                self.assertIn(request(self.node, "PUT", "/fs/u/t.jpg", b"x", {"Content-Type": sent})[0],
                              (201, 204))
                self.assertEqual(get(self.node, "/fs/u/t.jpg")[1]["content-type"], served)
        # By WebHDFS, too.
        self.assertEqual(request(self.node, "PUT", "/webhdfs/v1/u/w?op=CREATE&user.name=root", b"x",
                                 {"Content-Type": "image/X-Own"})[0], 201)
        self.assertEqual(get(self.node, "/fs/u/w")[1]["content-type"], "image/x-own")

    def test_digests_that_are_right(self):
        body = b"123456789"
        right = {"Content-MD5": "JfnnlDI7RTiF9RgfG2JNCw==",
                 "Repr-Digest": "sha-256=:FeKw08M4keuw8e9gnsQZQgwg4yDOlMZfvIwzEkSOsiU=:",
                 "Content-Digest": "crc32c=:4waSgw==:",
                 "Digest": "SHA=ignored, MD5=JfnnlDI7RTiF9RgfG2JNCw==",
                 "X-Ssdfs-Crc32c": "e3069283"}
        self.assertIn(request(self.node, "PUT", "/fs/u/digest", body, right)[0], (201, 204))
        for name in right:
            with self.subTest(field=name):
                status, _, why = request(self.node, "PUT", "/fs/u/digest", body + b"!", right)
                self.assertEqual(status, 400)
                status, _, why = request(self.node, "PUT", "/fs/u/digest", b"other", {name: right[name]})
                self.assertEqual(status, 400)
                self.assertIn(f"does not match {name}", json.loads(why)["message"])
        self.assertEqual(get(self.node, "/fs/u/digest")[2], body)

    def test_a_change_has_no_parameters(self):
        self.assertIn(request(self.node, "PUT", "/fs/u/q", b"whole")[0], (201, 204))
        for query in ("partNumber=1&uploadId=x", "op=append", "append", "ttl=1d", "%zz"):
            with self.subTest(query=query):
                self.assertEqual(request(self.node, "PUT", f"/fs/u/q?{query}", b"part")[0], 400)
                self.assertEqual(request(self.node, "DELETE", f"/fs/u/q?{query}")[0], 400)
        self.assertEqual(get(self.node, "/fs/u/q?v=7")[2], b"whole")

    def test_slashes_at_the_end(self):
        self.assertEqual(request(self.node, "PUT", "/fs/shop/a.jpg", b"picture")[0], 201)
        for slash in ("/", "//", "%2F"):
            with self.subTest(slash=slash):
                self.assertEqual(request(self.node, "PUT", f"/fs/album{slash}", b"x")[0], 400)
                self.assertEqual(get(self.node, "/fs/album")[0], 404)
                self.assertEqual(get(self.node, f"/fs/shop/a.jpg{slash}")[0], 404)
                self.assertEqual(request(self.node, "HEAD", f"/fs/shop/a.jpg{slash}")[0], 404)
                self.assertEqual(request(self.node, "DELETE", f"/fs/shop/a.jpg{slash}")[0], 404)
                self.assertEqual(request(self.node, "DELETE", f"/fs/shop/a.jpg{slash}",
                                         headers={"If-Match": "*"})[0], 412)
        self.assertEqual(get(self.node, "/fs/shop/a.jpg")[2], b"picture")
        if shutil.which("curl"):
            local = os.path.join(self.work, "b.jpg")
            with open(local, "wb") as file:
                file.write(b"b")
            # curl puts the name of the file behind the slash.
            self.assertEqual(Curl(f"http://{self.node}/fs/album/", "-T", local).status, 201)
            self.assertEqual(get(self.node, "/fs/album/b.jpg")[2], b"b")

    def test_options_tell_the_methods(self):
        for target in ("/fs/u/a.png", "/fs/", "*"):
            status, headers, body = request(self.node, "OPTIONS", target)
            self.assertEqual((status, headers["allow"], body), (204, "GET, HEAD, PUT, DELETE, OPTIONS", b""))
        self.assertEqual(request(self.master, "OPTIONS", "/fs/a")[1]["allow"], "GET, HEAD, OPTIONS")
        self.assertNotIn("access-control-allow-origin",
                         request(self.node, "OPTIONS", "/fs/a", headers={
                             "Origin": "https://a.example", "Access-Control-Request-Method": "GET"})[1])


class Reading(Doors):
    def test_nothing_was_modified_in_the_future(self):
        self.put_local("/f.jpg", b"first", 3_786_912_000)
        _, headers, _ = fresh(self.node, "/f.jpg")
        when = {name: headers[name] for name in ("date", "last-modified")}
        self.assertTrue(when["last-modified"].startswith(when["date"][:16]), when)
        self.put_local("/f.jpg", b"second", 3_786_912_000)
        for since in (when["last-modified"], "Sun, 01 Jan 2090 00:00:00 GMT"):
            status, _, body = get(self.node, "/fs/f.jpg", If_Modified_Since=since, Cache_Control="no-cache")
            self.assertEqual((status, body), (200, b"second"), since)
        # What goes by time alone does not hold for such a file.
        self.assertEqual(get(self.node, "/fs/f.jpg", If_Unmodified_Since=when["last-modified"])[0], 412)
        self.assertEqual(get(self.node, "/fs/f.jpg", If_Range=when["last-modified"], Range="bytes=0-0")[0], 200)

    def test_who_asks_anew_gets_what_is_there_now(self):
        with Cluster(datanodes=1, http=True, master=["--replication=1"],
                     datanode=["--http-lookup-ttl=1h"]) as c:
            node = c.datanodes[0].http()
            c.ok("put", "-", "/a", input="first", stdin=None)
            self.assertEqual(get(node, "/fs/a")[2], b"first")
            c.ok("put", "-f", "-", "/a", input="other", stdin=None)
            for fields in ({"Cache-Control": "no-cache"}, {"Cache-Control": "private, max-age=0"},
                           {"Pragma": "no-cache"}):
                with self.subTest(fields=fields):
                    self.assertEqual(request(node, "GET", "/fs/a", headers=fields)[2], b"other")
                    text = f"other{len(fields)}{list(fields)[0]}"
                    c.ok("put", "-f", "-", "/a", input=text, stdin=None)
                    self.assertEqual(request(node, "GET", "/fs/a", headers=fields)[2], text.encode())
                    c.ok("put", "-f", "-", "/a", input="other", stdin=None)

    def test_parameters_of_reading(self):
        self.put_local("/r.jpg", b"picture")
        for query, status in (("redirect=2", 400), ("redirect=", 400), ("redirect=0", 200), ("redirect=1", 307),
                              ("v=3", 200), ("%zz", 200)):
            self.assertEqual(get(self.node, f"/fs/r.jpg?{query}")[0], status, query)

