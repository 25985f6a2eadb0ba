"""Runs one *_test.py and leaves its counts where etc/test finds them.

usage: run_unittest.py FILE [unittest options]

The module uses unittest. A test that cannot run here says so with skipTest(reason). The report
(SSDFS_TEST_REPORT) has the form of Boost.Test's, so that all counts are read in one way.
"""

import importlib.util
import os
import sys
import unittest


class CountingResult(unittest.TextTestResult):
    """Knows what passed; a test with subtests counts once."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1

    def failed(self):
        tests = [test for test, _ in self.failures + self.errors] + self.unexpectedSuccesses
        return len({str(getattr(test, "test_case", test)) for test in tests})


def load(path):
    folder = os.path.dirname(path)
    sys.path[:0] = [folder, os.path.join(os.path.dirname(folder), "util")]
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def write_report(path, result):
    with open(path + ".new", "w", encoding="utf-8") as out:
        out.write(
            f'<TestResult><TestSuite name="python" test_cases_passed="{result.passed}" '
            f'test_cases_failed="{result.failed()}" '
            f'test_cases_skipped="{len(result.skipped)}"/></TestResult>\n'
        )
    os.replace(path + ".new", path)


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    module = load(os.path.abspath(sys.argv[1]))
    result = unittest.main(
        module=module,
        argv=sys.argv[:1] + sys.argv[2:],
        testRunner=unittest.TextTestRunner(verbosity=2, resultclass=CountingResult),
        exit=False,
    ).result
    report = os.environ.get("SSDFS_TEST_REPORT")
    if report:
        write_report(report, result)
    for test, reason in result.skipped:
        print(f"SKIPPED: {test}: {reason}", file=sys.stderr)
    sys.exit(0 if result.wasSuccessful() and result.testsRun > 0 else 1)


if __name__ == "__main__":
    main()
