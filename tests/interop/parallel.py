"""Runs the tests of a file in a few processes: they wait most of their time, for timers of clients.

Instead of unittest.main(); names on the command line select tests and run them in this process.
"""

import io
import multiprocessing
import sys
import unittest

JOBS = 4


def flatten(suite):
    for each in suite:
        if isinstance(each, unittest.TestSuite):
            yield from flatten(each)
        else:
            yield each


def run_one(test):
    out = io.StringIO()
    result = unittest.TextTestRunner(stream=out, verbosity=2).run(test)
    return result.wasSuccessful(), out.getvalue()


def main():
    if len(sys.argv) > 1:
        unittest.main(verbosity=2)
    tests = list(flatten(unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])))
    failed = 0
    with multiprocessing.get_context("fork").Pool(JOBS) as pool:
        for good, text in pool.imap(run_one, tests, chunksize=1):
            failed += not good
            print(text.splitlines()[0] if good else text, flush=True)
    print(f"{len(tests)} tests, {failed} failed")
    sys.exit(failed != 0 or not tests)
