"""run.py [TEST...]: run the tests of this directory, or those whose names contain TEST.  Closes with their sum."""
import os
import sys
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))


class Result(unittest.TextTestResult):
    passed = 0

    def addSuccess(self, test):
        super().addSuccess(test)
        self.passed += 1


def cases(suite):
    for test in suite:
        yield from cases(test) if isinstance(test, unittest.TestSuite) else [test]


found = cases(unittest.defaultTestLoader.discover(os.path.dirname(os.path.abspath(__file__))))
wanted = unittest.TestSuite(test for test in found if not sys.argv[1:] or any(word in test.id() for word in sys.argv[1:]))
result = unittest.TextTestRunner(sys.stdout, resultclass=Result, verbosity=2, descriptions=False).run(wanted)
failed = len({test.id().split(" ")[0] for test, _ in result.failures + result.errors})
if result.skipped:
    print(f"{len(result.skipped)} skipped")
print(f"{result.passed} passed, {failed} failed")
sys.exit(failed > 0)
