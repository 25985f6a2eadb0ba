"""What users of other gateways and of WebHDFS's clients reported, tried here as they would meet it. The table
with what each showed at first is test/field/reports.md."""

import base64
import hashlib
import json
import shutil
import socket
import tempfile
import unittest
import urllib.parse

from http_calls import get, request
from local_cluster import Cluster, wait_until


class Reports(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.mkdtemp(prefix="ssdfs-reports-")
        cls.addClassCleanup(shutil.rmtree, cls.work)
        options = ["--http-write=on"]
        cls.cluster = Cluster(datanodes=1, http=True, master=["--replication=1", *options], datanode=options)
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        cls.node = cls.cluster.datanodes[0].http()
        cls.master = cls.cluster.master.http()
        wait_until(lambda: get(cls.node, "/readyz")[0] == 200, "the datanode is ready")

    def put(self, path, body, headers=None):
        return request(self.node, "PUT", "/fs" + path, body, headers)[0]

    def names(self, method, target):
        return request(self.master, method, "/webhdfs/v1" + target)

    def raw(self, data):
        host, _, port = self.node.rpartition(":")
        with socket.create_connection((host, int(port)), timeout=30) as s:
            s.sendall(data)
            return int(s.makefile("rb").readline().split()[1])

    def test_a_disposition_that_is_not_kept_is_not_accepted(self):
        """seaweedfs/seaweedfs#2371: ContentDisposition of an upload was ignored."""
        self.assertEqual(self.put("/r/1", b"x", {"Content-Disposition": 'attachment; filename="a.jpg"'}), 501)
        self.assertEqual(get(self.node, "/fs/r/1")[0], 404)

    def test_a_wrong_md5_is_noticed(self):
        """minio/minio#1603: Content-MD5 of a single PUT was not verified."""
        right = base64.b64encode(hashlib.md5(b"earth").digest()).decode()
        self.assertEqual(self.put("/r/2", b"mars!", {"Content-MD5": right}), 400)
        self.assertEqual(get(self.node, "/fs/r/2")[0], 404)
        self.assertEqual(self.put("/r/2", b"earth", {"Content-MD5": right}), 201)

    def test_a_declared_crc_is_compared(self):
        """fsouza/fake-gcs-server#2283: a declared CRC32C was computed but never compared."""
        for name in ("Content-Digest", "Repr-Digest"):
            self.assertEqual(self.put("/r/3", b"123456780", {name: "crc32c=:4waSgw==:"}), 400)
        self.assertEqual(get(self.node, "/fs/r/3")[0], 404)

    def test_a_condition_that_nobody_looks_at_is_refused(self):
        """pithings/mountx#19: a lock by If-None-Match always succeeded."""
        self.assertEqual(self.put("/r/4", b"owner"), 201)
        for condition in ({"If-None-Match": "*"}, {"If-Match": '"stale"'}):
            status, _, body = request(self.node, "PUT", "/webhdfs/v1/r/4?op=CREATE&overwrite=true", b"thief",
                                      condition)
            self.assertEqual(status, 400, body)
            self.assertEqual(request(self.master, "DELETE", "/webhdfs/v1/r/4?op=DELETE",
                                     headers=condition)[0], 400)
        self.assertEqual(get(self.node, "/fs/r/4")[2], b"owner")

    def test_conditions_of_other_stores_are_refused(self):
        """gaul/undocumented-s3-apis#4: x-oss-forbid-overwrite and its likes are If-None-Match elsewhere."""
        self.assertEqual(self.put("/r/5", b"first"), 201)
        for name, value in (("x-oss-forbid-overwrite", "true"), ("x-cos-forbid-overwrite", "true"),
                            ("x-goog-if-generation-match", "0")):
            self.assertEqual(self.put("/r/5", b"second", {name: value}), 501)
        self.assertEqual(get(self.node, "/fs/r/5")[2], b"first")

    def test_a_signed_stream_without_a_length_makes_no_empty_file(self):
        """versity/versitygw#1623: without Content-Length it was stored with no bytes, and 200."""
        self.assertGreaterEqual(self.raw(b"PUT /fs/r/6 HTTP/1.1\r\nHost: x\r\n"
                                         b"x-amz-content-sha256: STREAMING-AWS4-HMAC-SHA256-PAYLOAD\r\n"
                                         b"x-amz-decoded-content-length: 10\r\n\r\n"), 400)
        self.assertEqual(self.raw(b"PUT /fs/r/6 HTTP/1.1\r\nHost: x\r\n\r\n"), 411)
        self.assertEqual(get(self.node, "/fs/r/6")[0], 404)

    def test_a_parameter_that_is_misspelt_is_refused_by_name(self):
        """harrisiirak/webhdfs#24: the client said permissions, the server looks at permission."""
        status, _, body = self.names("PUT", "/r/7?op=MKDIRS&permissions=0700")
        self.assertEqual(status, 400)
        self.assertIn('"permissions"', json.loads(body)["RemoteException"]["message"])
        self.assertEqual(self.names("GET", "/r/7?op=GETFILESTATUS")[0], 404)

    def test_every_character_survives_the_way_through_a_redirect(self):
        """jingw/pyhdfs#15: percent and plus in names no longer worked in WebHDFS."""
        for name in ("100%", "a+b", "a%2Bb", "year=2015", "a&b=c", "a?b", "a#b", "a;b", "ä 日", "'\"", "%25"):
            with self.subTest(name=name):
                path = "/r8/" + urllib.parse.quote(name, safe="")
                status, headers, _ = self.names("PUT", path + "?op=CREATE&overwrite=true")
                self.assertEqual(status, 307)
                target = urllib.parse.urlsplit(headers["location"])
                self.assertEqual(request(target.netloc, "PUT", f"{target.path}?{target.query}", name.encode())[0],
                                 201)
                _, _, listing = self.names("GET", "/r8?op=LISTSTATUS")
                found = [e["pathSuffix"] for e in json.loads(listing)["FileStatuses"]["FileStatus"]]
                self.assertIn(name, found)
                self.assertEqual(get(self.node, "/fs" + path)[2], name.encode())

    def test_what_opendal_sends(self):
        """apache/opendal#1355: noredirect was not answered with a location. It says overwrite and noredirect
        when it makes directories, too."""
        self.assertEqual(self.names("PUT", "/r/9?op=MKDIRS&overwrite=true&noredirect=true&user.name=a")[0], 200)
        status, headers, body = self.names("PUT", "/r/9/f?op=CREATE&overwrite=true&noredirect=true&user.name=a")
        self.assertEqual((status, headers["content-type"]), (200, "application/json"))
        target = urllib.parse.urlsplit(json.loads(body)["Location"])
        self.assertEqual(request(target.netloc, "PUT", f"{target.path}?{target.query}", b"x")[0], 201)
        self.assertEqual(self.names("DELETE", "/r/9/f?op=DELETE&recursive=false&user.name=a")[0], 200)

    def test_a_chunked_body_that_came_empty_is_not_the_file(self):
        """kd2org/karadav#71, sabre-io/dav#55: Finder's uploads arrived with no bytes and were stored so."""
        head = (b"PUT /fs/r/10 HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
                b"X-Expected-Entity-Length: 5\r\n\r\n")
        self.assertEqual(self.raw(head + b"0\r\n\r\n"), 400)
        self.assertEqual(get(self.node, "/fs/r/10")[0], 404)
        self.assertEqual(self.raw(head + b"5\r\nhello\r\n0\r\n\r\n"), 201)

    def test_the_trash_is_skipped_where_that_is_asked(self):
        """apache/hadoop#2927: skiptrash of DELETE."""
        for query, kept in (("", True), ("&skiptrash=false", True), ("&skiptrash=true", False)):
            name = f"f{len(query)}"
            self.assertEqual(self.put(f"/r11/{name}", b"x"), 201)
            self.assertEqual(self.names("DELETE", f"/r11/{name}?op=DELETE&user.name=root{query}")[0], 200)
            self.assertEqual(name in self.cluster.ok("trash", "ls"), kept, query)

    def test_a_path_is_decoded_once(self):
        """expressjs/serve-static#52: decoded twice, /foo%2525bar is another file."""
        self.assertEqual(self.put("/r/foo%2525bar", b"twice"), 201)
        self.assertEqual(self.put("/r/foo%25bar", b"once"), 201)
        self.assertEqual(get(self.node, "/fs/r/foo%2525bar")[2], b"twice")
        self.assertEqual(get(self.node, "/fs/r/foo%25bar")[2], b"once")

    def test_a_client_that_says_false_as_python_does(self):
        """mtth/hdfs#96: overwrite=False, with a capital."""
        self.assertEqual(self.put("/r/13", b"old"), 201)
        self.assertEqual(self.names("PUT", "/r/13?op=CREATE&overwrite=False")[0], 403)
        self.assertEqual(self.names("PUT", "/r/13?op=CREATE&overwrite=True")[0], 307)

    def test_dates_and_ranges_at_their_ends(self):
        """seaweedfs/seaweedfs#3467: the very date that was sent was not taken; #10888: a range that begins
        at the end was 206."""
        self.assertEqual(self.put("/r/14", b"0123456789"), 201)
        _, headers, _ = get(self.node, "/fs/r/14")
        self.assertEqual(get(self.node, "/fs/r/14", If_Modified_Since=headers["last-modified"])[0], 304)
        status, headers, _ = get(self.node, "/fs/r/14", Range="bytes=10-")
        self.assertEqual((status, headers["content-range"]), (416, "bytes */10"))

    def test_a_form_is_not_the_file(self):
        """seaweedfs/seaweedfs#703: curl -X PUT -F stored the boundary lines, too."""
        form = (b"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"l.txt\"\r\n"
                b"Content-Type: application/octet-stream\r\n\r\nlabel\r\n--b--\r\n")
        self.assertEqual(self.put("/r/15", form, {"Content-Type": "multipart/form-data; boundary=b"}), 415)
        self.assertEqual(get(self.node, "/fs/r/15")[0], 404)

    def test_a_tag_that_a_proxy_made_weak_still_matches(self):
        """ggml-org/llama.cpp#23849: W/ before the tag ended caching."""
        self.assertEqual(self.put("/r/16", b"x"), 201)
        etag = get(self.node, "/fs/r/16")[1]["etag"]
        self.assertEqual(get(self.node, "/fs/r/16", If_None_Match="W/" + etag)[0], 304)
        self.assertEqual(get(self.node, "/fs/r/16", If_Match="W/" + etag)[0], 412)

    def test_a_part_of_an_upload_is_not_the_whole(self):
        """nextcloud/server#63504: a step of an upload in pieces was stored as the file."""
        self.assertEqual(self.put("/r/17", b"whole"), 201)
        self.assertEqual(self.put("/r/17?partNumber=2&uploadId=x", b"part"), 400)
        self.assertEqual(self.put("/r/17", b"part", {"Upload-Complete": "?0"}), 501)
        self.assertEqual(self.put("/r/17", b"part", {"Content-Range": "bytes 0-3/8"}), 400)
        self.assertEqual(get(self.node, "/fs/r/17")[2], b"whole")

    def test_impersonation_is_refused_as_hadoop_does(self):
        """cloudera/hue#801: the answer that Hue knows."""
        status, _, body = self.names("GET", "/?op=GETFILESTATUS&user.name=hadoopuser&doas=hadoop")
        told = json.loads(body)["RemoteException"]
        self.assertEqual((status, told["exception"]), (403, "AuthorizationException"))
        self.assertIn("User: hadoopuser is not allowed to impersonate hadoop", told["message"])
