"""The table of reports in test/field: its form, and that the tests it names exist."""

import os
import re
import unittest

from tree import ROOT, read

TABLE = os.path.join(ROOT, "test/field/reports.md")
REPORT = re.compile(r"[\w.-]+/[\w.-]+#\d+")
TEST = re.compile(r"`([\w/]+_test\.(?:py|cpp|sh)) (\w+)`")


def rows():
    for line in read(TABLE).splitlines():
        if not line.startswith("|") or line.startswith(("| report ", "|---")):
            continue
        # "\|" is a character of a cell.
        yield [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]


class FieldReports(unittest.TestCase):
    def test_every_row_is_whole(self):
        seen = set()
        for row in rows():
            self.assertEqual(len(row), 4, row)
            report, tried, before, test = row
            for name in report.split(", "):
                self.assertTrue(REPORT.fullmatch(name), name)
            self.assertNotIn(report, seen)
            seen.add(report)
            self.assertGreater(len(tried), 10, row)
            self.assertRegex(before, r"^(ok|failed)", row)
            for one in test.split(", "):
                self.assertTrue(TEST.fullmatch(one), row)
        self.assertGreaterEqual(len(seen), 30)

    def test_every_test_that_is_named_exists(self):
        for row in rows():
            for file, name in TEST.findall(row[3]):
                path = os.path.join(ROOT, "test", file)
                self.assertTrue(os.path.isfile(path), (row[0], file))
                declared = rf"\bdef {name}\(" if file.endswith(".py") else rf"_TEST_CASE\w*\(\s*{name}\b"
                self.assertRegex(read(path), declared, (row[0], file, name))


if __name__ == "__main__":
    unittest.main()
