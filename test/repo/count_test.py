"""The counting of test cases: nothing that went wrong may look like success."""

import os
import subprocess
import sys
import tempfile
import unittest

from tree import ROOT

REPORT = ('<TestResult><TestSuite name="x" result="{result}" test_cases_passed="{passed}" '
          'test_cases_passed_with_warnings="{warned}" test_cases_failed="{failed}" '
          'test_cases_skipped="{skipped}" test_cases_aborted="{aborted}"></TestSuite></TestResult>')


def report(result="passed", passed=0, warned=0, failed=0, skipped=0, aborted=0):
    return REPORT.format(result=result, passed=passed, warned=warned, failed=failed,
                         skipped=skipped, aborted=aborted)


def case(name, status, output="", extra=""):
    return f'<testcase name="{name}" status="{status}">{extra}<system-out>{output}</system-out></testcase>'


SKIP = '<skipped message="SKIP_RETURN_CODE=77"/>'


class Count(unittest.TestCase):
    def count(self, cases, reports):
        """Exit code and output of count.py for what ctest and the programs left."""
        with tempfile.TemporaryDirectory() as build:
            os.mkdir(os.path.join(build, "test-reports"))
            with open(os.path.join(build, "tests.xml"), "w", encoding="utf-8") as out:
                out.write("<testsuite>" + "".join(cases) + "</testsuite>")
            for name, text in reports.items():
                with open(os.path.join(build, "test-reports", name + ".xml"), "w",
                          encoding="utf-8") as out:
                    out.write(text)
            done = subprocess.run([sys.executable, "-B", os.path.join(ROOT, "test/count.py"), build],
                                  capture_output=True, text=True, check=False)
            return done.returncode, done.stdout

    def last_line(self, cases, reports):
        code, output = self.count(cases, reports)
        return code, output.splitlines()[-1]

    def test_sums_up(self):
        self.assertEqual(
            self.last_line([case("a", "run"), case("b", "run"), case("fuzz.c", "run")],
                           {"a": report(passed=3), "b": report(passed=4, warned=1)}),
            (0, "9 passed, 0 failed"))

    def count_twice(self, first, second, reports):
        """The same after a second run of some tests; and the names of those to be run again."""
        with tempfile.TemporaryDirectory() as build:
            os.mkdir(os.path.join(build, "test-reports"))
            for file, cases in (("tests.xml", first), ("tests-alone.xml", second)):
                with open(os.path.join(build, file), "w", encoding="utf-8") as out:
                    out.write("<testsuite>" + "".join(cases) + "</testsuite>")
            for name, text in reports.items():
                with open(os.path.join(build, "test-reports", name + ".xml"), "w",
                          encoding="utf-8") as out:
                    out.write(text)
            run = lambda *more: subprocess.run(
                [sys.executable, "-B", os.path.join(ROOT, "test/count.py"), build, *more],
                capture_output=True, text=True, check=False)
            done = run()
            return done.returncode, done.stdout, run("--failed", "process").stdout.split()

    def test_a_second_try_counts_and_is_told(self):
        first = [case("a", "fail"), case("process", "run"), case("process.b", "fail"),
                 case("process.c", "fail"), case("process.d", "notrun", extra=SKIP),
                 case("process.e", "notrun")]
        reports = {"a": report("failed", failed=1), "process": report(passed=1),
                   "process.b": report(passed=2), "process.c": report("failed", passed=1, failed=1)}
        code, output, again = self.count_twice(
            first, [case("process.b", "run"), case("process.c", "fail")], reports)
        self.assertEqual(again, ["process.b", "process.c", "process.e"])
        self.assertEqual((code, output.splitlines()[-1]), (1, "4 passed, 3 failed, 1 skipped"))
        self.assertIn("second try, alone: process.b passed, after it failed beside others\n", output)
        self.assertIn("second try, alone: process.c failed\n", output)

    def test_failed_cases(self):
        self.assertEqual(
            self.last_line([case("a", "fail"), case("b", "run")],
                           {"a": report("failed", passed=2, failed=3, aborted=2), "b": report(passed=1)}),
            (1, "3 passed, 3 failed"))

    def test_program_without_report_crashed(self):
        code, output = self.count([case("a", "fail"), case("b", "run")], {"b": report(passed=1)})
        self.assertEqual((code, output.splitlines()[-1]), (1, "1 passed, 1 failed"))
        self.assertIn("a: crashed", output)

    def test_program_that_reports_success_and_fails(self):
        # A sanitizer's report at exit, or a crash in a destructor.
        self.assertEqual(self.last_line([case("a", "fail")], {"a": report(passed=5)}),
                         (1, "5 passed, 1 failed"))

    def test_program_that_succeeds_without_report(self):
        self.assertEqual(self.last_line([case("a", "run")], {}), (1, "0 passed, 1 failed"))

    def test_program_without_cases(self):
        self.assertEqual(self.last_line([case("a", "run"), case("b", "run")],
                                        {"a": report(), "b": report(passed=1)}),
                         (1, "1 passed, 1 failed"))

    def test_program_that_is_missing(self):
        self.assertEqual(self.last_line([case("a", "notrun")], {}), (1, "0 passed, 1 failed"))

    def test_nothing_ran(self):
        self.assertEqual(self.last_line([], {}), (1, "0 passed, 0 failed"))

    def test_skipped_with_reasons(self):
        code, output = self.count(
            [case("process.a", "notrun", "tried\nSKIPPED: needs root", SKIP),
             case("b", "run", 'x.cpp(12): Test case "s/t" is skipped because precondition failed: no tc')],
            {"b": report(passed=1, skipped=1)})
        self.assertEqual((code, output.splitlines()[-1]), (0, "1 passed, 0 failed, 2 skipped"))
        self.assertIn("needs root", output)
        self.assertIn("s/t: precondition failed: no tc", output)

    def test_no_result_of_ctest(self):
        with tempfile.TemporaryDirectory() as build:
            done = subprocess.run([sys.executable, "-B", os.path.join(ROOT, "test/count.py"), build],
                                  capture_output=True, text=True, check=False)
        self.assertEqual((done.returncode, done.stdout), (1, "0 passed, 1 failed\n"))


if __name__ == "__main__":
    unittest.main()
