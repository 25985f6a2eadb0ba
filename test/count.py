"""Sums up a run of ctest: prints what failed, what was skipped and why, and a last line
"N passed, N failed[, N skipped]". Exit code 0 only if something passed and nothing failed.

usage: count.py BUILD_DIR                the sum
       count.py BUILD_DIR --failed KIND  the names of the tests KIND and KIND.* that failed, a line each

Reads what `ctest --output-junit BUILD_DIR/tests.xml` says of each test, and the counts of its cases
from BUILD_DIR/test-reports/<test>.xml, which Boost.Test and run_unittest.py write. A test without
such a report counts as one case. A program that crashed, ran into its time limit, could not be
started or has no cases at all counts as one that failed, beside the cases that it reported.

What was run a second time, alone (BUILD_DIR/tests-alone.xml), counts as it went then; a line names
each of these tests.
"""

import os
import re
import sys
import xml.etree.ElementTree as ET

COUNTS = ("test_cases_passed", "test_cases_failed", "test_cases_skipped")
# Boost.Test counts these among neither of the above.
ALSO_PASSED = ("test_cases_passed_with_warnings",)
ALSO_FAILED = ("test_cases_aborted", "test_cases_timed_out")


def read_report(path):
    """(passed, failed, skipped), or None if the program left no report that can be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            suite = ET.fromstring(file.read()).find("TestSuite")
    except (OSError, ET.ParseError):
        return None
    if suite is None:
        return None
    count = lambda name: int(suite.get(name, "0"))
    passed, failed, skipped = (count(name) for name in COUNTS)
    passed += sum(count(name) for name in ALSO_PASSED)
    # A case that was aborted counts among the failed, too.
    failed = max(failed, sum(count(name) for name in ALSO_FAILED))
    if failed == 0 and suite.get("result") in ("failed", "aborted"):
        failed = 1
    return passed, failed, skipped


class Totals:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.problems = []
        self.reasons = []

    def add(self, case, report, needs_report):
        """One ctest test: `case` is its JUnit element, `report` its counts or None."""
        name = case.get("name")
        status = case.get("status")  # run, fail, notrun, disabled
        output = case.findtext("system-out") or ""
        skip = case.find("skipped")
        if status == "notrun" and skip is not None and skip.get("message") == "SKIP_RETURN_CODE=77":
            self.skipped += 1
            reason = output.strip().splitlines()
            self.reasons.append(f"{name}: {reason[-1] if reason else 'no reason given'}")
            return
        passed, failed, skipped = report or (0, 0, 0)
        if report is None and not needs_report and status == "run":
            passed = 1
        elif status != "run" and failed == 0:
            failed = 1
            self.problems.append(f"{name}: {self.cause(case, status, report)}")
        elif passed + failed + skipped == 0:
            failed = 1
            self.problems.append(f"{name}: reports no test cases")
        elif failed > 0:
            self.problems.append(f"{name}: {failed} of {passed + failed} cases failed")
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        self.reasons += [f"{name}: {line}" for line in self.skip_lines(output)]

    @staticmethod
    def cause(case, status, report):
        failure = case.find("failure")
        message = failure.get("message", "") if failure is not None else ""
        if message:
            return message
        if status == "notrun":
            return "could not be started"
        return "failed" if report else "crashed, or was killed at its time limit (no report)"

    @staticmethod
    def skip_lines(output):
        for line in output.splitlines():
            if line.startswith("SKIPPED: "):
                yield line[len("SKIPPED: "):]
            else:
                found = re.search(r'Test (case|suite) "(.*)" is skipped because (.*)', line)
                if found and "disabled" not in found.group(3):
                    yield f"{found.group(2)}: {found.group(3)}"


def read_run(path):
    """The tests of one run of ctest."""
    return ET.parse(path).getroot().findall("testcase")


def print_failed(build, kind):
    for case in read_run(os.path.join(build, "tests.xml")):
        name = case.get("name")
        ran = case.get("status") == "run" or case.find("skipped") is not None
        if not ran and (name == kind or name.startswith(kind + ".")):
            print(name)


def main():
    if len(sys.argv) == 4 and sys.argv[2] == "--failed":
        return print_failed(sys.argv[1], sys.argv[3])
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    build = sys.argv[1]
    totals = Totals()
    alone = {}
    try:
        cases = read_run(os.path.join(build, "tests.xml"))
        second = os.path.join(build, "tests-alone.xml")
        if os.path.exists(second):
            alone = {case.get("name"): case for case in read_run(second)}
    except (OSError, ET.ParseError) as error:
        print(f"count.py: {error}", file=sys.stderr)
        cases = []
        totals.failed = 1
    for case in cases:
        if case.get("name") in alone:
            case = alone[case.get("name")]
            print("second try, alone:", case.get("name"),
                  "passed, after it failed beside others" if case.get("status") == "run" else "failed")
        name = case.get("name")
        report = read_report(os.path.join(build, "test-reports", name + ".xml"))
        # Fuzz replays and shell scripts are one case each, by their exit code.
        needs_report = not (name.startswith("fuzz.") or os.path.exists(script_path(name)))
        totals.add(case, report, needs_report)
    for reason in totals.reasons:
        print("skipped:", reason)
    for problem in totals.problems:
        print("FAILED: ", problem)
    line = f"{totals.passed} passed, {totals.failed} failed"
    if totals.skipped:
        line += f", {totals.skipped} skipped"
    print(line)
    return sys.exit(0 if totals.failed == 0 and totals.passed > 0 else 1)


def script_path(name):
    """Where a test of this name would be a shell script."""
    return os.path.join(os.path.dirname(os.path.abspath(__file__)),
                        name.replace(".", "/", 1) + "_test.sh")


if __name__ == "__main__":
    main()
