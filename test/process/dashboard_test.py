"""The dashboard in a headless Chromium: health, nodes, files, narrow and dark, keyboard, contrast."""

import json
import os
import threading
import unittest
import urllib.error
import urllib.parse
import urllib.request

from chromium import Page
from local_cluster import Cluster, wait_until
from replicated_cluster import ReplicatedCluster
from wire_client import log_status

SOURCE = os.environ["SSDFS_TEST_SOURCE"]
# Where to leave screenshots; docs/images holds those of the documents.
SCREENSHOTS = os.environ.get("DASHBOARD_SCREENSHOTS")

# WCAG's contrast of every visible text against the colour behind it; those below 4.5.
CONTRAST = """(() => {
  const parse = (c) => (c.match(/[\\d.]+/g) || []).map(Number);
  const luminance = ([r, g, b]) => [r, g, b].map((v) => v / 255)
    .map((v) => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)
    .reduce((sum, v, i) => sum + v * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.length === 3 || c[3] === 1) return c;
    }
    return [255, 255, 255];
  };
  const poor = [];
  for (const e of document.querySelectorAll("body *")) {
    const own = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const box = e.getBoundingClientRect();
    if (!own || box.width < 2 || !e.checkVisibility() || e.closest(".hidden, .skip, noscript, svg")) continue;
    const a = luminance(parse(getComputedStyle(e).color)), b = luminance(behind(e));
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) poor.push(`${e.textContent.trim().slice(0, 30)}: ${ratio.toFixed(2)}`);
  }
  return poor;
})()"""


class Api(unittest.TestCase):
    """The JSON behind the page needs no browser."""

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(datanodes=1)
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        cls.cluster.ok("put", "-r", os.path.join(SOURCE, "etc/samples/pictures/banner"), "/shop")
        with open(cls.cluster.master.ready_file, encoding="utf-8") as file:
            cls.http = "http://" + json.load(file)["http"]

    def get(self, path):
        with urllib.request.urlopen(self.http + path, timeout=10) as answer:
            return json.loads(answer.read())

    def refused(self, path, method="GET"):
        with self.assertRaises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(urllib.request.Request(self.http + path, method=method), timeout=10)
        caught.exception.close()
        return caught.exception.code

    def test_status_history_events(self):
        wait_until(lambda: self.get("/api/v1/status")["files"] > 3, "the files are counted")
        status = self.get("/api/v1/status")
        self.assertEqual(len(status["nodes"]), 1)
        self.assertTrue(status["nodes"][0]["connected"])
        self.assertGreater(len(self.get("/api/v1/history")["samples"]), 0)
        events = self.get("/api/v1/events")["events"]
        self.assertTrue(any("is connected" in event["text"] for event in events))
        last = events[-1]["number"]
        self.assertEqual(self.get(f"/api/v1/events?after={last}")["events"], [])

    def test_files(self):
        names = [entry["name"] for entry in self.get("/api/v1/list?path=/shop")["entries"]]
        listed = self.cluster.ok("ls", "--json", "/shop").splitlines()
        self.assertEqual(len(names), len(listed))
        page = self.get("/api/v1/list?path=/shop&limit=2")
        self.assertTrue(page["more"])
        after = urllib.parse.quote(page["entries"][-1]["name"])
        self.assertEqual(self.get(f"/api/v1/list?path=/shop&after={after}")["entries"][0]["name"], names[2])
        stat = self.get("/api/v1/stat?path=/shop/spring-sale.png")
        real = json.loads(self.cluster.ok("stat", "--json", "/shop/spring-sale.png"))
        self.assertEqual((stat["size"], stat["crc32c"]), (real["size"], real["crc32c"]))
        self.assertEqual(stat["chunks"][0]["volume"], str(real["chunks"][0]["volume"]))
        self.assertEqual(len(stat["chunks"][0]["nodes"]), 1)

    def test_refusals(self):
        self.assertEqual(self.refused("/api/v1/list?path=/none"), 404)
        self.assertEqual(self.refused("/api/v1/stat?path=relative"), 400)
        self.assertEqual(self.refused("/api/v1/stat"), 400)
        self.assertEqual(self.refused("/api/v1/stat?path=%zz"), 400)
        self.assertEqual(self.refused("/api/v1/list?path=/", "DELETE"), 405)
        self.assertEqual(self.refused("/api/v1/nothing"), 404)

    def test_the_page_may_load_nothing_from_elsewhere(self):
        with urllib.request.urlopen(self.http + "/", timeout=10) as answer:
            policy = answer.headers["Content-Security-Policy"]
            self.assertIn("default-src 'none'", policy)
            self.assertNotIn("unsafe", policy)
            self.assertTrue(answer.headers["Content-Type"].startswith("text/html"))


class Unconfirmed(unittest.TestCase):
    def test_files_are_not_shown_before_they_are_confirmed(self):
        """What is logged and not yet held by a backup could still be taken back."""
        with ReplicatedCluster(master=["--min-sync-backups=1"]) as c:
            c.ok("mkdir", "/before")
            http = f"http://{c.master.http()}"

            def ask(path):
                try:
                    with urllib.request.urlopen(http + path, timeout=30) as answer:
                        return answer.status, json.loads(answer.read())
                except urllib.error.HTTPError as refused:
                    return refused.code, None

            self.assertEqual(ask("/api/v1/stat?path=/before")[0], 200)
            c.backups[0].pause()
            waiting = threading.Thread(target=c.run, args=("mkdir", "/waits", "--timeout", "60s"))
            waiting.start()

            def logged():
                status = log_status(c.first)
                return status["last"] > status["committed"]

            wait_until(logged, "the change is logged")
            self.assertEqual(ask("/api/v1/list?path=/")[0], 503)
            self.assertEqual(ask("/api/v1/stat?path=/waits")[0], 503)
            c.backups[0].go_on()
            waiting.join()
            names = [e["name"] for e in ask("/api/v1/list?path=/")[1]["entries"]]
            self.assertEqual(names, ["before", "waits"])


class Repairs(unittest.TestCase):
    def test_a_dead_datanode_shows_as_repairs_until_all_copies_are_made(self):
        with Cluster(datanodes=3, master=["--dead-after=3s", "--repair-rate=2MiB"]) as cluster:
            with open(cluster.master.ready_file, encoding="utf-8") as file:
                http = "http://" + json.load(file)["http"]

            def status():
                with urllib.request.urlopen(http + "/api/v1/status", timeout=10) as answer:
                    return json.loads(answer.read())

            # So much that a copy takes some seconds at that rate.
            cluster.ok("bench", "put", "--files", "100", "--size", "131072")
            wait_until(lambda: sum(n["used_bytes"] for n in status()["nodes"]) > 200 * 131072,
                       "the disks' use is reported")
            fullest = max(status()["nodes"], key=lambda node: node["used_bytes"])["name"]
            victim = next(node for node in cluster.datanodes if node.name == fullest)
            victim.kill()
            wait_until(lambda: status()["repairing"] > 0, "volumes are in repair")
            self.assertEqual(status()["health"]["level"], "warning")
            seen = []

            def progressing():
                for repair in status()["repairs"]:
                    self.assertEqual(repair["wanted"], 2)
                    if repair["onto"]:
                        seen.append(repair)
                return any(0 < r["done_bytes"] <= r["bytes"] for r in seen)

            wait_until(progressing, f"a copy in progress, of {seen}")
            wait_until(lambda: status()["repairing"] == 0 and status()["under_replicated"] == 0,
                       "all copies made", 90)
            with urllib.request.urlopen(http + "/api/v1/events", timeout=10) as answer:
                texts = [event["text"] for event in json.loads(answer.read())["events"]]
            self.assertIn(f"Datanode {victim.name} is dead.", texts)
            self.assertIn("All volumes have their copies again.", texts)


class Dashboard(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        if not Page.available():
            raise unittest.SkipTest("chromium is not installed")
        # The timers of production, so that what is shown in time is shown in time there.
        cls.cluster = Cluster(datanodes=3, master=[])
        cls.cluster.master.arguments = [a for a in cls.cluster.master.arguments if "-after=" not in a]
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        cls.cluster.ok("put", "-r", "-T", os.path.join(SOURCE, "etc/samples/pictures"), "/shop")
        with open(cls.cluster.master.ready_file, encoding="utf-8") as file:
            cls.http = "http://" + json.load(file)["http"] + "/"
        cls.page = Page()
        cls.page.__enter__()
        cls.addClassCleanup(cls.page.close)

    def setUp(self):
        self.page.errors.clear()
        self.page.requests.clear()
        self.page.size(1280, 900)
        self.page.dark(False)
        self.page.open("about:blank")

    def show(self, hash_part=""):
        self.page.open("about:blank")
        self.page.open(self.http + hash_part)
        self.page.wait_for('document.readyState === "complete"')
        self.page.wait_for('document.getElementById("health")?.dataset.level === "ok"')
        self.page.wait_for('document.querySelectorAll("#nodes tbody tr").length === 3')
        self.page.wait_for('document.querySelectorAll("#charts svg").length === 4')

    def keep(self, name):
        if SCREENSHOTS:
            self.page.screenshot(os.path.join(SCREENSHOTS, name + ".png"))

    def quiet(self):
        self.assertEqual(self.page.errors, [])
        self.assertTrue(self.page.requests)
        others = [url for url in self.page.requests
                  if not url.startswith((self.http, "data:", "about:"))]
        self.assertEqual(others, [], "requests to another host")

    def wait_thumbnails(self):
        self.page.evaluate("""for (const i of document.querySelectorAll(".entries img")) i.loading = "eager" """)
        self.page.wait_for("""[...document.querySelectorAll(".entries img")].length > 0 &&
            [...document.querySelectorAll(".entries img")].every((i) => i.complete && i.naturalWidth > 0)""")

    def test_pictures_are_shown_and_nothing_complains(self):
        self.show("#/shop/banner")
        self.wait_thumbnails()
        self.show("#/shop/product/camera")
        self.wait_thumbnails()
        self.keep("dashboard")
        self.show("#/shop/banner")
        self.page.wait_for("""document.querySelector('.entries a[href$="spring-sale.png"]')""")
        self.page.evaluate("""document.querySelector('.entries a[href$="spring-sale.png"]').click()""")
        self.page.wait_for('document.getElementById("details").open')
        self.page.wait_for('document.querySelector("#details img").naturalWidth > 0')
        text = self.page.evaluate('document.getElementById("details").innerText')
        real = json.loads(self.cluster.ok("stat", "--json", "/shop/banner/spring-sale.png"))
        self.assertIn(real["crc32c"], text)
        self.assertIn("node", text)
        self.keep("dashboard-details")
        self.page.key("Escape", 27)
        self.page.wait_for('!document.getElementById("details").open')
        self.quiet()

    def test_names_cannot_disturb_the_page(self):
        odd = {"<img src=x onerror=alert(1)>.txt", "a" * 250 + ".txt", "safe\u202etxt.exe", "two\nlines",
               "\u05e9\u05dc\u05d5\u05dd.txt", "100%", "a b?c#d&e;f.txt"}
        for name in odd:
            self.cluster.ok("touch", "/odd/" + name)
        self.addCleanup(self.cluster.ok, "rm", "-r", "/odd")
        for width in (1280, 360):
            self.page.size(width, 800, width < 500)
            self.show("#/odd")
            self.page.wait_for(f'document.querySelectorAll(".entries li").length === {len(odd)}')
            seen = set(self.page.evaluate(
                '[...document.querySelectorAll(".entries .name")].map((e) => e.textContent)'))
            self.assertEqual(seen, {n.replace("\u202e", "\ufffd").replace("\n", "\ufffd") for n in odd})
            self.assertEqual(self.page.evaluate('document.querySelectorAll(".entries img").length'), 0)
            self.assertLessEqual(self.page.evaluate("document.documentElement.scrollWidth"), width)
            # A long name does not stretch its row.
            self.assertLess(self.page.evaluate(
                'Math.max(...[...document.querySelectorAll(".entries li")].map((e) => e.offsetHeight))'), 260)
        # A percent sign that stands for itself, as somebody may type it.
        self.show("#/odd/100%")
        self.page.wait_for('!document.getElementById("files-error").hidden')
        self.assertIn("/odd/100%", self.page.evaluate('document.getElementById("files-error").textContent'))
        self.page.errors = [e for e in self.page.errors if "400" not in e and "404" not in e]
        self.quiet()

    def test_narrow_and_dark(self):
        for name, width, mobile, dark in (("dashboard-360", 360, True, False),
                                          ("dashboard-dark", 1280, False, True),
                                          ("dashboard-360-dark", 360, True, True)):
            with self.subTest(name):
                self.page.size(width, 800, mobile)
                self.page.dark(dark)
                self.show("#/shop/product/camera")
                self.wait_thumbnails()
                self.assertLessEqual(self.page.evaluate("document.documentElement.scrollWidth"), width)
                self.assertEqual(self.page.evaluate(CONTRAST), [])
                self.keep(name)
        self.show("#/shop/banner")
        self.assertEqual(self.page.evaluate(CONTRAST), [])
        self.quiet()

    def test_keyboard_and_labels(self):
        self.show("#/shop")
        # Everything that can be used is reached with Tab and has a name.
        reached = set()
        for _ in range(60):
            self.page.key("Tab", 9)
            found = self.page.evaluate("""(() => { const e = document.activeElement;
                return (e.getAttribute("aria-label") || e.innerText || "").trim() + "|" + (e.getAttribute("href") || ""); })()""")
            self.assertNotEqual(found.split("|")[0], "", f"without a name: {found}")
            reached.add(found.split("|")[1])
        self.assertIn("#main", reached)
        self.assertIn("#/shop/banner", reached)
        self.assertIn("metrics", reached)
        unnamed = self.page.evaluate("""[...document.querySelectorAll("img, svg[role=img], [role=img], progress")]
            .filter((e) => !e.hasAttribute("alt") && !e.getAttribute("aria-label")).map((e) => e.outerHTML)""")
        self.assertEqual(unnamed, [])
        self.assertEqual(self.page.evaluate("document.documentElement.lang"), "en")
        ids = self.page.evaluate('[...document.querySelectorAll("[id]")].map((e) => e.id)')
        self.assertEqual(len(ids), len(set(ids)))
        # Into a directory with Enter, and back.
        self.page.evaluate("""document.querySelector('.entries a[href="#/shop/banner"]').focus()""")
        self.page.key("Enter", 13, "\r")
        self.page.wait_for('document.querySelector(\'.entries a[href$="spring-sale.png"]\')')
        self.page.evaluate("history.back()")
        self.page.wait_for('document.querySelector(\'.entries a[href="#/shop/banner"]\')')
        self.quiet()

    def test_a_directory_that_is_not_there(self):
        self.page.open(self.http + "#/no/such")
        self.page.wait_for('document.getElementById("files-error")?.hidden === false')
        self.assertIn("no such file", self.page.evaluate('document.getElementById("files-error").innerText'))

    def test_z_health_turns_within_five_seconds_of_a_killed_datanode(self):
        self.show()
        self.cluster.datanodes[2].kill()
        took = self.page.wait_for('document.getElementById("health").dataset.level === "warning"', 10)
        print(f"health turned after {took:.2f} s")
        self.assertLess(took, 5)
        self.assertIn("1 datanode of 3 does not answer",
                      self.page.evaluate('document.getElementById("health").innerText'))
        self.page.wait_for('document.getElementById("events").innerText.includes("node3 does not answer")')
        self.keep("dashboard-warning")
        self.cluster.datanodes[2].start()
        self.page.wait_for('document.getElementById("health").dataset.level === "ok"', 30)
        self.quiet()


if __name__ == "__main__":
    unittest.main()
